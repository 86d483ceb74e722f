"""`evaluate`, `predict` and `export` on a run folder, called as a person would, in this process."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from contorno import images, parsers
from contorno.cli import main
from contorno.masks import from_coco
from contorno.runs import Run
from contorno.writers import write_coco
from tiny_run import disc_files, make_run


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(tmp_path_factory.mktemp("runs") / "made")


def call(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, list[str]]:
    code = main([str(word) for word in words])
    out = capsys.readouterr()
    return code, out.out, out.err.strip().splitlines()


def test_evaluate_measures_the_runs_own_split(capsys: pytest.CaptureFixture[str], made: Run) -> None:
    code, out, _ = call(capsys, "evaluate", made.folder)
    assert code == 0
    assert "AP50" in out
    assert "ring" in out


def test_evaluate_takes_other_data_whole_and_prints_json(
    capsys: pytest.CaptureFixture[str], made: Run, tmp_path: Path
) -> None:
    write_coco(disc_files(tmp_path / "photos", 5, seed=3), tmp_path / "test.json", img_dir=tmp_path / "photos")
    words = ("evaluate", made.folder, "--data", tmp_path / "test.json", "--images", tmp_path / "photos", "--json")
    code, out, _ = call(capsys, *words)
    assert code == 0
    assert json.loads(out)["counts"]["images"] == 5


def test_evaluate_names_a_label_that_the_model_does_not_know(
    capsys: pytest.CaptureFixture[str], made: Run, tmp_path: Path
) -> None:
    path = tmp_path / "test.json"
    write_coco(disc_files(tmp_path / "photos", 2), path, img_dir=tmp_path / "photos")
    path.write_text(path.read_text().replace('"disc"', '"cube"'))
    code, out, err = call(capsys, "evaluate", made.folder, "--data", path, "--images", tmp_path / "photos")
    assert code == 1
    assert out == ""
    assert len(err) == 1
    assert "cube" in err[0]


def test_evaluate_without_data_or_a_split_says_what_to_give(
    capsys: pytest.CaptureFixture[str], made: Run, tmp_path: Path
) -> None:
    shutil.copytree(made.folder, tmp_path / "bare", ignore=shutil.ignore_patterns("splits"))
    code, _, err = call(capsys, "evaluate", tmp_path / "bare")
    assert code == 1
    assert "give the data with --data and --images" in err[-1]


def test_predict_draws_a_folder_and_writes_masks_that_read_back(
    capsys: pytest.CaptureFixture[str], made: Run, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    disc_files(photos, 2)
    disc_files(photos / "more", 1)  # another 1.png
    (photos / "notes.txt").write_text("no image")
    code, out, _ = call(capsys, "predict", made.folder, photos, "--out", tmp_path / "out", "--threshold", "0")
    assert code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"1.png", "1-2.png", "2.png", "predictions.json"}
    rows = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert {row["image"] for row in rows} == {str(path) for path in photos.rglob("*.png")}
    for row in rows:
        assert row["class"] in ("disc", "ring")
        assert 0 <= row["score"] <= 1
        assert from_coco(row["segmentation"], (64, 64)).to_coco() == row["segmentation"]
    assert f"pictures and predictions.json are in {tmp_path / 'out'}" in out
    assert images.image_size(tmp_path / "out" / "2.png")[0] >= 64


@pytest.mark.parametrize("to", ["coco", "via", "labelme", "yolo"])
def test_predict_writes_labels_of_few_vertices_to_correct(
    capsys: pytest.CaptureFixture[str], made: Run, tmp_path: Path, to: str
) -> None:
    disc_files(tmp_path / "photos" / "a", 2)
    disc_files(tmp_path / "photos" / "b", 1, seed=5)  # a file of the same name
    words = ("predict", made.folder, tmp_path / "photos", "--out", tmp_path / "out", "--threshold", "0.01")
    code, out, err = call(capsys, *words, "--labels", to, "--min-iou", "0.9")
    # A slow machine draws its progress; nothing else is said.
    assert (code, [line for line in err if not line.startswith("images: ")]) == (0, [])
    rows = json.loads((tmp_path / "out" / "predictions.json").read_text())
    rows = [row for row in rows if row["area"]]
    assert f"3 images, {len(rows)} objects" in out
    assert "round-trip IoU min 0.9" in out or "round-trip IoU min 1.0" in out
    assert "× prediction without a pixel" in out
    (found,) = parsers.read(tmp_path / "out" / to).values()
    assert (len(found), found.num_objects) == (3, len(rows))
    assert found.class_map.names == ("disc", "ring")
    if to != "yolo":
        scores = [one["score"] for record in found for one in record.instances.attributes or ()]
        assert sorted(scores) == sorted(row["score"] for row in rows)


def test_predict_keeps_what_an_earlier_call_wrote(
    capsys: pytest.CaptureFixture[str], made: Run, tmp_path: Path
) -> None:
    disc_files(tmp_path, 1)
    for _ in range(2):
        assert call(capsys, "predict", made.folder, tmp_path / "1.png", "--threshold", "1")[0] == 0
    assert (made.folder / "predictions" / "1.png").exists()
    assert json.loads((made.folder / "predictions-2" / "predictions.json").read_text()) == []


def test_predict_tells_of_a_cut_image_and_does_the_others(
    capsys: pytest.CaptureFixture[str], made: Run, tmp_path: Path
) -> None:
    disc_files(tmp_path, 2)
    cut = tmp_path / "1.png"
    cut.write_bytes(cut.read_bytes()[:300])
    code, out, err = call(capsys, "predict", made.folder, tmp_path, "--out", tmp_path / "out", "--json")
    assert code == 1
    assert len(err) == 1
    assert err[0].startswith("contorno: ")
    assert "1.png" in err[0]
    assert (tmp_path / "out" / "2.png").exists()
    assert not (tmp_path / "out" / "1.png").exists()
    json.loads(out.splitlines()[-1])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["none.jpg"], "the image none.jpg does not exist"),
        (["folder"], "folder has no images; expected files that end in .jpg"),
        (["1.png", "--threshold", "2"], "--threshold is 2.0; expected a score from 0 to 1"),
        (["1.png", "--labels", "via", "--min-iou", "0"], "--min-iou is 0.0; expected a number above 0"),
    ],
    ids=["missing", "no images", "threshold", "min-iou"],
)
def test_predict_refuses_misuse_before_any_work(
    capsys: pytest.CaptureFixture[str],
    made: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    message: str,
) -> None:
    disc_files(tmp_path, 1)
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, "predict", made.folder, *words, "--out", tmp_path / "out")
    assert code == 2
    assert out == ""
    assert err == [line for line in err if message in line]
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_export_proves_the_files_on_images_that_one_gives(
    capsys: pytest.CaptureFixture[str], made: Run, tmp_path: Path
) -> None:
    disc_files(tmp_path, 1)
    code, out, err = call(capsys, "export", made.folder, "--images", tmp_path)
    assert code == 0
    assert err == []
    assert [line.split()[0] for line in out.splitlines()[:3]] == ["file", "model.pth", "jit-model.pt"]
    assert str(made.script_path) in out
    assert json.loads(made.certificate_path.read_text())["holds"]
