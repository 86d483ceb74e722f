"""`contorno data convert`, `split`, `merge` and `subset`, called as a person would, in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contorno import files, masks, parsers, writers
from contorno.cli import main, output_folder
from contorno.images import write_image
from contorno.parsers import ReadOptions
from contorno.records import ClassMap, Instances, Record, Records
from tiny import disc

SIZE = (20, 24)
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """Calls `contorno data ...` in the test's folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> tuple[int, str, str]:
        try:
            code = main(["data", *map(str, words)])
        except SystemExit as stop:
            code = int(stop.code or 0)
        out = capsys.readouterr()
        return code, out.out, out.err

    return run


def photos(folder: Path, count: int, *, classes: tuple[str, ...] = ("cat", "dog"), first: int = 0) -> Records:
    """Images of noise with a disc each, the classes by turns, in two sub-folders; each fifth is a negative."""
    records = []
    for number in range(first, first + count):
        path = folder / f"day {number % 2}" / f"{number}.png"
        write_image(path, np.random.default_rng(number).integers(0, 255, (*SIZE, 3), dtype=np.uint8))
        shapes = [] if number % 5 == 4 else [masks.encode(disc(SIZE, (10, 10), 4 + number % 5))]
        labels = [1 + number % len(classes)] * len(shapes)
        instances = Instances.build(SIZE, labels=labels, geometries=shapes)
        records.append(Record(image_id=number, size_hw=SIZE, instances=instances, path=path))
    return Records(records, ClassMap(classes))


def coco(name: str, count: int = 10, **options: Any) -> Path:
    """A COCO file in the working folder, its images below images/."""
    records = photos(Path("images"), count, **options)
    writers.write_coco(records, Path(name), img_dir=Path("images"))
    return Path(name)


def counts(folder: Path | str) -> dict[str, tuple[int, int]]:
    found = parsers.read(folder, options=ReadOptions(objects="any"))
    return {split: (len(records), records.num_objects) for split, records in found.items()}


@pytest.mark.parametrize("to", ["coco", "via", "labelme", "yolo", "voc", "masks"])
def test_convert_writes_what_reads_back(call: Call, to: str) -> None:
    source = coco("labels.json")
    code, out, err = call("convert", source, "--to", to, "--out", "made")
    assert code == 0
    assert out.startswith("made")
    assert "10 images, 8 objects" in out
    assert "COCO file" in err
    assert set(counts("made").values()) == {(10, 8)}
    assert not list(Path("made").rglob(".*"))


def test_convert_prints_json_and_nothing_else_on_stdout(call: Call) -> None:
    code, out, _ = call("convert", coco("labels.json"), "--to", "yolo", "--out", "made", "--json")
    (written,) = json.loads(out)
    assert code == 0
    assert (written["images"], written["objects"], written["lossless"]) == (10, 8, False)


def test_dry_run_counts_and_writes_nothing(call: Call) -> None:
    size = sum(record.path.stat().st_size for record in photos(Path("images"), 10) if record.path)
    code, out, err = call("convert", coco("labels.json"), "--out", "made", "--dry-run")
    assert code == 0
    assert out == f"nothing was written to made: --dry-run. 10 images ({size} bytes) would be copied.\n"
    assert "10 images, 8 objects" in err
    assert not Path("made").exists()
    code, out, _ = call("convert", "labels.json", "--out", "made", "--dry-run", "--json")
    assert json.loads(out)["parts"] == {"": {"images": 10, "objects": 8}}


def test_what_is_there_is_kept_without_force_and_moved_aside_with_it(call: Call) -> None:
    source = coco("labels.json")
    assert call("convert", source, "--out", "made")[0] == 0
    code, out, err = call("convert", source, "--out", "made", "--to", "voc")
    assert (code, out) == (2, "")
    assert err.endswith(
        "the output folder made exists already; choose another with --out, or add --force to move it aside.\n"
    )
    assert call("convert", source, "--out", "made", "--to", "voc", "--force")[0] == 0
    assert counts("made") == counts("made.old-1") == {"": (10, 8)}


@pytest.mark.parametrize(
    ("source", "out"),
    [("data", "data"), ("data", "data/images"), ("data", "data/annotations"), ("data", "."),
     ("data/annotations/instances.json", "data"), ("data/annotations/instances.json", "data/annotations")],
)  # fmt: skip
def test_what_is_read_is_never_written_over(call: Call, source: str, out: str) -> None:
    call("convert", coco("labels.json"), "--out", "data")
    before = sorted(Path().rglob("*"))
    code, _, err = call("convert", source, "--out", out, "--force")
    assert code == 2
    assert "never changed in place" in err
    assert sorted(Path().rglob("*")) == before


def test_a_new_folder_inside_the_source_is_fine(call: Call) -> None:
    call("convert", coco("labels.json"), "--out", "data")
    assert call("convert", "data", "--out", "data/as yolo", "--to", "yolo")[0] == 0
    assert counts("data/as yolo") == {"train": (10, 8)}


def test_image_files_are_linked_or_left(call: Call) -> None:
    source = coco("labels.json")
    assert call("convert", source, "--out", "linked", "--image-files", "link")[0] == 0
    photo, linked = Path("images/day 1/3.png"), Path("linked/images/day 1/3.png")
    assert linked.samefile(photo)
    assert call("convert", source, "--out", "left", "--image-files", "leave")[0] == 0
    assert [path.name for path in Path("left").rglob("*") if path.is_file()] == ["instances.json"]
    assert {split: len(part) for split, part in parsers.read("left", "images").items()} == {"": 10}


def test_simplified_outlines_come_with_their_receipt(call: Call) -> None:
    code, out, _ = call(
        "convert", coco("labels.json"), "--to", "via", "--out", "made", "--form", "simplified", "--min-iou", "0.8"
    )
    assert code == 0
    assert "8 masks, " in out
    assert "round-trip IoU min 0." in out
    project = json.loads(Path("made/via_project.json").read_text())["_via_img_metadata"]
    vertices = [len(r["shape_attributes"]["all_points_x"]) for image in project.values() for r in image["regions"]]
    assert max(vertices) <= 12


def stop_after(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process end when the `count`-th image is placed."""
    from contorno.writers import image_files

    place = image_files._place
    placed: list[Any] = []

    def limited(*arguments: Any) -> bool:
        if len(placed) == count:
            raise KeyboardInterrupt
        placed.append(arguments)
        return place(*arguments)

    monkeypatch.setattr(image_files, "_place", limited)


def test_an_interrupted_command_goes_on_where_it_was(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    source = coco("labels.json")
    with monkeypatch.context() as patch:
        stop_after(4, patch)
        code, out, err = call("convert", source, "--out", "made")
    assert (code, out) == (130, "")
    assert "made is not finished; the same command goes on with it." in err
    placed = {path: path.stat().st_mtime_ns for path in Path("made/images").rglob("*.png")}
    assert len(placed) == 4
    inodes = {path: path.stat().st_ino for path in placed}
    (Path("made/images") / ".7.png.abc.part").write_bytes(b"half")

    code, _, err = call("stats", "made")
    assert code == 1
    assert "made was not written to its end; run the command that writes it again" in err
    code, _, err = call("convert", source, "--out", "made", "--to", "voc")
    assert code == 2
    assert "made is unfinished, from another command or other data" in err

    code, _, err = call("convert", source, "--out", "made")
    assert code == 0
    assert "going on with made" in err
    assert {path: path.stat().st_ino for path in inodes} == inodes
    assert counts("made") == {"": (10, 8)}
    assert not list(Path("made").rglob(".*"))
    assert call("convert", source, "--out", "made")[0] == 2


def test_data_changed_meanwhile_do_not_go_on(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        stop_after(4, patch)
        call("convert", coco("labels.json"), "--out", "made")
    code, _, err = call("convert", coco("labels.json", 9), "--out", "made")
    assert code == 2
    assert "from another command or other data" in err
    assert call("convert", "labels.json", "--out", "made", "--force")[0] == 0
    assert counts("made") == {"": (9, 8)}


def test_a_failure_before_the_first_file_leaves_no_folder(call: Call) -> None:
    records = photos(Path("images"), 3)
    many = Records(records, ClassMap([f"class {number}" for number in range(300)]))
    writers.write_coco(many, Path("labels.json"), img_dir=Path("images"))
    code, _, err = call("convert", "labels.json", "--to", "voc", "--out", "made")
    assert code == 2
    assert "VOC's class pictures hold 254 classes" in err
    assert "not finished" not in err
    assert not Path("made").exists()


def test_two_commands_do_not_write_one_folder(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    source = coco("labels.json")
    with monkeypatch.context() as patch:
        stop_after(4, patch)
        call("convert", source, "--out", "made")
    with files.folder_lock(Path("made")):
        code, _, err = call("convert", source, "--out", "made")
    assert code == 2
    assert "another process is writing to made" in err
    assert call("convert", source, "--out", "made")[0] == 0


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ((), {"train": 16, "validation": 4}),
        (("--ratio", "0.5,0.25,0.25"), {"train": 10, "validation": 5, "test": 5}),
        (("--ratio", "80/20"), {"train": 16, "validation": 4}),
        (("--ratio", "3:1", "--no-stratify"), {"train": 15, "validation": 5}),
        (("--group", "folder", "--ratio", "1,1"), {"train": 10, "validation": 10}),
        (("--group", r"(\d)\.png", "--ratio", "1,1"), {"train": 10, "validation": 10}),
        (("--group", "folder", "--ratio", "1,1", "--no-stratify"), {"train": 10, "validation": 10}),
    ],
    ids=" ".join,
)
def test_split_by_ratio_and_groups(call: Call, words: tuple[str, ...], parts: dict[str, int]) -> None:
    source = coco("labels.json", 20)
    assert call("split", source, "--out", "made", *words)[0] == 0
    assert {split: images for split, (images, _) in counts("made").items()} == parts
    assert call("split", source, "--out", "again", *words)[0] == 0
    assert call("split", source, "--out", "other", "--seed", "7", *words)[0] == 0
    ids = [
        {split: [record.image_id for record in part] for split, part in parsers.read(folder).items()}
        for folder in ("made", "again", "other")
    ]
    assert ids[0] == ids[1]
    assert ids[0] != ids[2] or "folder" in words
    if "folder" in words:
        found = parsers.read("made")
        assert {len({r.path.parent for r in part if r.path}) for part in found.values()} == {1}


def test_folds_are_data_sets_of_their_own(call: Call) -> None:
    code, out, _ = call("split", coco("labels.json", 10), "--folds", "5", "--out", "made", "--json")
    assert code == 0
    assert len(json.loads(out)) == 10
    held = [counts(f"made/fold-{fold}") for fold in range(1, 6)]
    assert [fold["validation"][0] for fold in held] == [2] * 5
    assert [fold["train"][0] for fold in held] == [8] * 5


def test_parts_that_are_no_usual_splits_are_data_sets_of_their_own(call: Call) -> None:
    assert call("split", coco("labels.json"), "--ratio", "1,1,1,1", "--out", "made", "--to", "yolo")[0] == 0
    assert sum(counts(f"made/part_{part}")["train"][0] for part in range(4)) == 10


def test_split_by_lists_and_folders(call: Call) -> None:
    source = coco("labels.json", 6)
    Path("a.txt").write_text("day 0/0.png\nday 0/2.png\nday 1/1.png\n4\n")
    Path("b.txt").write_text("3\n5\n")
    assert call("split", source, "--lists", "train=a.txt", "val=b.txt", "--out", "made", "--to", "yolo")[0] == 0
    assert counts("made") == {"train": (4, 3), "validation": (2, 2)}
    for old, new in (("day 0", "train"), ("day 1", "val")):
        Path("images", old).rename(Path("images", new))
    source.write_text(source.read_text().replace("day 0", "train").replace("day 1", "val"))
    assert call("split", source, "--by-folder", "--out", "by folder")[0] == 0
    assert counts("by folder") == {"train": (3, 2), "validation": (3, 3)}


def test_divided_data_are_joined_and_divided_anew(call: Call) -> None:
    call("split", coco("labels.json", 10), "--out", "made", "--ratio", "1,1")
    code, _, err = call("split", "made", "--out", "again", "--ratio", "9,1")
    assert code == 0
    assert "the data are divided into train, validation; they are joined" in err
    assert {split: images for split, (images, _) in counts("again").items()} == {"train": 9, "validation": 1}


def test_merge_joins_classes_of_other_case_and_ids_that_clash(call: Call) -> None:
    call("convert", coco("labels.json", 4), "--out", "first")
    other = photos(Path("more"), 3, classes=("Dog", "kitty"), first=10)
    records = [Record(image_id=n, size_hw=SIZE, instances=r.instances, path=r.path) for n, r in enumerate(other)]
    writers.write_as("coco", Records(records, other.class_map), "second")
    code, _, err = call("merge", "first", "second", "--rename", "kitty=cat", "--out", "made")
    assert code == 0
    assert "image id that stands in two parts" in err
    (merged,) = parsers.read("made").values()
    assert merged.class_map.names == ("cat", "dog")
    assert [record.image_id for record in merged] == [
        "first/0", "first/1", "first/2", 3, "second/0", "second/1", "second/2",
    ]  # fmt: skip


def test_merge_keeps_the_splits_of_all(call: Call) -> None:
    writers.write_as("coco", {"train": photos(Path("a"), 3), "validation": photos(Path("a"), 2, first=5)}, "first")
    more = photos(Path("b"), 4, classes=("bird", "dog"), first=20)
    writers.write_as("yolo", {"train": more[:3], "test": more[3:]}, "second")
    assert call("merge", "first", "second", "--out", "made", "--to", "voc")[0] == 0
    found = parsers.read("made")
    assert {split: len(part) for split, part in found.items()} == {"train": 6, "validation": 2, "test": 1}
    assert found["train"].class_map.names == ("cat", "dog", "bird")


def test_merge_asks_what_becomes_of_an_image_in_two_sources(call: Call) -> None:
    call("convert", coco("labels.json", 4), "--out", "first")
    call("convert", "labels.json", "--out", "second", "--to", "labelme")
    code, _, err = call("merge", "first", "second", "--out", "made")
    assert code == 1
    assert "are the same picture" in err
    assert "--same-image" in err
    assert call("merge", "first", "second", "--out", "made", "--same-image", "join")[0] == 0
    assert counts("made") == {"": (4, 4)}


def test_merge_refuses_to_mix_divided_data_with_others(call: Call) -> None:
    call("convert", coco("labels.json", 4), "--out", "whole")
    writers.write_as("coco", {"train": photos(Path("a"), 3, first=9), "test": photos(Path("a"), 2, first=15)}, "parts")
    code, _, err = call("merge", "whole", "parts", "--out", "made")
    assert code == 2
    assert "whole is not divided and parts is; divide it first, with `contorno data split`." in err


def test_subset_keeps_classes_and_images(call: Call) -> None:
    source = coco("labels.json")
    assert call("subset", source, "--classes", "cat", "--negatives", "drop", "--out", "cats")[0] == 0
    (cats,) = parsers.read("cats").values()
    assert (len(cats), cats.class_map.names) == (4, ("cat",))
    assert call("subset", source, "--without", "cat", "--out", "dogs")[0] == 0
    assert parsers.read("dogs")[""].class_map.names == ("dog",)
    assert call("subset", source, "--limit", "3", "--min-area", "60", "--out", "few")[0] == 0
    few = parsers.read("few")[""]
    assert len(few) == 3
    assert all(area >= 60 for record in few for area in masks.areas(list(record.instances.run_lengths())))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("convert", "nowhere", "--out", "o"), "nowhere does not exist"),
        (("convert", "labels.json"), "--out"),
        (("convert", "labels.json", "--out", "o", "--to", "cocoa"), "--to: invalid choice: 'cocoa'"),
        (("convert", "labels.json", "--out", "o", "--min-iou", "2"), "--min-iou is 2.0"),
        (("convert", "labels.json", "--out", "o", "--images", "nowhere"), "the image folder nowhere"),
        (("convert", "labels.json", "--out", "o", "--vertex-offset", "nan"), "--vertex-offset is nan"),
        (("split", "labels.json", "--out", "o", "--folds", "1"), "--folds is 1"),
        (("split", "labels.json", "--out", "o", "--ratio", "1"), "--ratio 1 is not two or more shares"),
        (("split", "labels.json", "--out", "o", "--ratio", "a,b"), "--ratio a,b is not two or more shares"),
        (("split", "labels.json", "--out", "o", "--ratio", "1,1", "--folds", "2"), "--folds: not allowed with"),
        (("split", "labels.json", "--out", "o", "--lists", "train"), "--lists SPLIT=FILE"),
        (("split", "labels.json", "--out", "o", "--lists", "train=no.txt"), "the list no.txt is not a file"),
        (("split", "labels.json", "--out", "o", "--lists", "val=l.txt", "valid=l.txt"), "--lists names the split"),
        (("split", "labels.json", "--out", "o", "--group", "("), "'(' is not a regular expression"),
        (("merge", "labels.json", "--out", "o", "--rename", "x"), "--rename OLD=NEW"),
        (("merge", "labels.json", "--out", "o", "--rename", "cta=cat"), "there is no class 'cta'"),
        (("subset", "labels.json", "--out", "o", "--classes", "cta"), "Did you mean 'cat'?"),
        (("subset", "labels.json", "--out", "o", "--limit", "0"), "--limit is 0"),
        (("subset", "labels.json", "--out", "o", "--min-area", "-1"), "--min-area is -1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_misuse_is_one_sentence_and_exit_code_2(call: Call, words: tuple[str, ...], message: str) -> None:
    coco("labels.json", 4)
    Path("l.txt").write_text("0\n")
    code, out, err = call(*words)
    assert (code, out) == (2, "")
    last = err.strip().splitlines()[-1]
    assert last.startswith("contorno: ")
    assert message in last
    assert "Traceback" not in err
    assert not Path("o").exists()


def test_the_plan_sees_every_option_and_object(tmp_path: Path) -> None:
    records = photos(tmp_path, 3)
    work = output_folder.plan({"to": "coco", "out": "a"}, {"": {"": records}})
    assert work == output_folder.plan({"to": "coco", "out": "b"}, {"": {"": records}})
    assert work != output_folder.plan({"to": "voc", "out": "a"}, {"": {"": records}})
    assert work != output_folder.plan({"to": "coco", "out": "a"}, {"": {"": records[:2]}})
    assert work != output_folder.plan({"to": "coco", "out": "a"}, {"": {"train": records}})
