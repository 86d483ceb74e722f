"""The run folder: what is written reads back, moves as one, and what is missing or damaged is said in a sentence."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path

import pytest
import torch

from contorno import files, inference
from contorno.errors import ConfigError, ContornoError, DataError, WeightsError
from contorno.runs import Run, seed_everything
from tiny_run import Settings, datasets, disc_files, make_run, small_model


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Not to be changed; `copy` is."""
    return make_run(tmp_path_factory.mktemp("runs") / "made")


@pytest.fixture
def copy(made: Run, tmp_path: Path) -> Run:
    shutil.copytree(made.folder, tmp_path / "copy")
    return Run(tmp_path / "copy", "mine")


def test_a_model_comes_back_from_its_folder_with_the_same_outputs(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", "mine", Settings())
    records = disc_files(run.folder / "data", 2)
    fitted = small_model(records, seed=4)
    run.write_card(fitted.settings, records.class_map, 64)
    torch.save(fitted.model.state_dict(), run.weights_path)
    loaded = Run.open(run.folder).load_model()
    assert not loaded.training
    samples = datasets(records, records)[1]
    expected = inference.predict(fitted.model, samples, detection_threshold=0.0)
    found = inference.predict(loaded, samples, detection_threshold=0.0)
    assert sum(len(prediction) for prediction in expected) > 0
    for one, other in zip(expected, found, strict=True):
        assert (one.boxes == other.boxes).all()
        assert (one.scores == other.scores).all()
        assert one.masks == other.masks


def test_the_card_and_the_labels_are_those_of_the_model(made: Run) -> None:
    assert made.card()["classes"] == ["disc", "ring"]
    assert made.card()["image_size"] == 64
    assert made.labels_path.read_text() == "disc\nring\n"
    assert made.class_map().names == ("disc", "ring")


def test_a_moved_folder_still_finds_the_images_inside_it(made: Run, tmp_path: Path) -> None:
    kept = files.read_json(made.folder / "splits" / "validation.json")["info"]["img_dir"]
    assert kept == "../data"
    shutil.copytree(made.folder, tmp_path / "elsewhere" / "run")
    records = Run.open(tmp_path / "elsewhere" / "run").read_split("validation")
    assert {record.path.parent for record in records if record.path} == {tmp_path / "elsewhere" / "run" / "data"}
    before = made.read_split("validation")
    assert [record.image_id for record in records] == [record.image_id for record in before]
    assert [list(r.instances.run_lengths()) for r in records] == [list(r.instances.run_lengths()) for r in before]


def test_a_split_has_the_names_that_the_labels_have_now(copy: Run) -> None:
    copy.labels_path.write_text("plate\nring\n")
    assert copy.read_split("validation").class_map.names == ("plate", "ring")


@pytest.mark.parametrize("name", ["model.pth", "model.json", "labels.txt"])
def test_a_folder_that_lacks_a_part_names_it(copy: Run, name: str) -> None:
    (copy.folder / name).unlink()
    with pytest.raises(ConfigError, match=f"is not a finished run folder: {name} is missing; train first"):
        Run.open(copy.folder)


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("model.json", "{", DataError, "is not JSON: .* at line 1"),
        ("model.json", "[]", DataError, "is not a model card"),
        ("model.json", '{"settings": {}}', DataError, "the field 'classes' is missing"),
        ("model.pth", "no weights", WeightsError, "cannot be read as weights"),
        ("labels.txt", "disc\ndisc\n", DataError, "stands twice in the class map"),
        ("labels.txt", "disc\n", WeightsError, "the weights are for 3 classes and the model has 2"),
    ],
    ids=["cut card", "other card", "short card", "weights", "labels twice", "label missing"],
)
def test_a_damaged_part_is_one_sentence(
    copy: Run, name: str, content: str, error: type[ContornoError], message: str
) -> None:
    (copy.folder / name).write_text(content)
    with pytest.raises(error, match=message) as caught:
        copy.load_model()
    assert "\n" not in str(caught.value)


def test_weights_cut_short_are_one_sentence(copy: Run) -> None:
    copy.weights_path.write_bytes(copy.weights_path.read_bytes()[:100_000])
    with pytest.raises(WeightsError, match=r"model\.pth cannot be read as weights"):
        copy.load_model()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("backbone", "resnet19_fpn", "there is no backbone 'resnet19_fpn'"),
        ("anchor_size", [[8]] * 5, "the model settings are not those of a detector"),
        ("norm", "layer", "norm is 'layer'"),
    ],
)
def test_settings_of_no_model_are_one_sentence(copy: Run, key: str, value: object, message: str) -> None:
    card = copy.card()
    card["settings"][key] = value
    copy.card_path.write_text(json.dumps(card))
    with pytest.raises(ConfigError, match=message):
        copy.load_model()


def test_an_output_folder_with_something_in_it_is_refused_or_moved_aside(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match="exists already; choose another with --out, or add --force"):
        Run.create(tmp_path / "run", "mine", Settings())
    run = Run.create(tmp_path / "run", "mine", Settings(epochs=3), force=True)
    assert (tmp_path / "run.old-1" / "notes.txt").read_text() == "mine"
    assert run.config_path.read_text() == "# recipe: mine\nepochs: 3\n"


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot make the output folder"):
        Run.create(tmp_path / "file" / "run", "mine", Settings())
    if os.name == "posix" and os.geteuid() != 0:  # root may write anywhere
        closed = tmp_path / "closed"
        closed.mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
        with pytest.raises(ConfigError, match="cannot make the output folder"):
            Run.create(closed / "run", "mine", Settings())


def test_going_on_needs_a_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no run to go on with in"):
        Run.create(tmp_path / "run", "mine", Settings(), resume=True)
    Run.create(tmp_path / "run", "mine", Settings())
    assert Run.create(tmp_path / "run", "mine", Settings(), resume=True).resumes


def test_what_is_said_is_heard_and_kept(tmp_path: Path) -> None:
    heard: list[str] = []
    run = Run.create(tmp_path / "run", "mine", Settings(), say=heard.append)
    run.say("epoch 1")
    assert heard == ["epoch 1"]
    assert run.folder.joinpath("log.txt").read_text().endswith("  epoch 1\n")


def test_the_listing_names_each_file_that_is_there(made: Run) -> None:
    names = ["model.pth", "labels.txt", "model.json", "config.yaml"]
    assert [Path(line.split("  (")[0]).name for line in made.listing().splitlines()] == names
    assert [name for name, size, _ in made.files() if size > 0] == names


def test_seeding_makes_draws_repeat() -> None:
    seed_everything(3)
    first = torch.rand(2)
    seed_everything(3)
    assert torch.equal(first, torch.rand(2))
