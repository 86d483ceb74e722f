"""`contorno data stats`, `show` and `check`, called as a person would, in this process."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contorno import writers
from contorno.cli import main
from contorno.images import read_image
from contorno.records import ClassMap, Instances, Record, Records
from tiny_coco import annotation, document, write

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


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Three images with ten squares each."""
    return write(tmp_path, document())


def test_stats_are_a_table_or_json(call: Call, labels: Path) -> None:
    code, out, err = call("stats", labels)
    assert code == 0
    assert re.search(r"^objects +30$", out, re.MULTILINE)
    assert "COCO file" in err
    assert "COCO file" not in out
    code, out, _ = call("stats", labels, "--json")
    assert code == 0
    assert json.loads(out)["total"]["objects"] == 30


def test_the_page_asks_for_nothing_outside_it(call: Call, labels: Path) -> None:
    assert call("stats", labels, "--html", "data.html", "--samples", "2")[0] == 0
    page = Path("data.html").read_text(encoding="utf-8")
    assert "cat" in page
    fetched = re.findall(r"""(?:src|href|action)\s*=\s*["']?([^"'\s>]+)|url\(([^)]+)\)|@import\s+([^;]+)""", page)
    places = [place for found in fetched for place in found if place]
    assert places, "the gallery has pictures"
    assert all(place.strip("\"'").startswith(("data:", "#")) for place in places)


def test_a_page_or_picture_that_is_there_is_not_written_over(call: Call, labels: Path) -> None:
    Path("data.html").write_text("mine")
    code, _, err = call("stats", labels, "--html", "data.html")
    assert code == 2
    assert "--html is data.html, which exists already" in err
    assert Path("data.html").read_text() == "mine"
    assert call("stats", labels, "--html", "data.html", "--force")[0] == 0
    code, _, err = call("show", labels, "--out", "images/1.jpg")
    assert code == 2
    assert "--out is images/1.jpg, which exists already" in err


def test_show_numbers_its_pictures(call: Call, labels: Path) -> None:
    for name in ("samples.png", "samples-2.png"):
        code, out, _ = call("show", labels, "--tile", "60", "--cols", "2")
        assert (code, out) == (0, f"{name}\n")
        assert read_image(Path(name)).shape[2] == 3


def test_show_grey_keeps_colour_to_the_objects(call: Call, labels: Path) -> None:
    for option in ((), ("--grey",)):
        assert call("show", labels, "--tile", "80", "--limit", "1", "--out", f"s{len(option)}.png", *option)[0] == 0
    colourful = []
    for name in ("s0.png", "s1.png"):
        pixels = read_image(Path(name)).astype(int)
        colourful.append(int((np.ptp(pixels, axis=2) > 30).sum()))
    assert colourful[1] < colourful[0] / 2
    assert colourful[1] > 0


def test_splits_with_images_of_one_id_are_shown_and_counted_together(call: Call, tmp_path: Path) -> None:
    for split in ("train", "valid"):
        made = document(annotation(1), images=1, count=1)
        write(tmp_path / "set" / split, made, name="_annotations.coco.json")
    assert call("show", "set", "--out", "both.png", "--tile", "40")[0] == 0
    code, out, _ = call("stats", "set")
    assert code == 0
    assert re.search(r"^images +1 +1 +2$", out, re.MULTILINE)


def test_check_ends_with_1_where_there_are_errors(call: Call, tmp_path: Path) -> None:
    code, out, _ = call("check", write(tmp_path / "sound", document()))
    assert (code, "error" in out) == (0, False)
    bad = write(tmp_path / "bad", document(annotation(3, image_id=99)))
    code, out, _ = call("check", bad)
    assert code == 1
    assert "annotation" in out
    code, out, err = call("check", bad, "--json")
    assert code == 1
    assert json.loads(out)["faults"]
    assert "Traceback" not in err


def test_check_writes_a_mended_copy_and_leaves_the_source(call: Call, tmp_path: Path) -> None:
    bad = write(tmp_path / "bad", document(annotation(3, image_id=99)))
    before = bad.read_bytes()
    code, out, _ = call("check", bad, "--fix", "mended")
    assert code == 1, "of the source, which is as it was"
    assert "mended" in out
    assert bad.read_bytes() == before
    again = next(path for path in Path("mended").rglob("*.json") if "images" in json.loads(path.read_text()))
    assert call("check", again, "--images", tmp_path / "bad" / "images")[0] == 0
    code, _, err = call("check", bad, "--fix", "mended")
    assert code == 2
    assert "mended" in err


def test_what_check_found_is_said_where_nothing_can_be_mended(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    path.write_text('{"images": [], "annot')
    code, out, error = call("check", path, "--fix", tmp_path / "out")
    assert code == 1
    assert "JSON that is cut off" in out
    assert "contorno: " in error
    assert not (tmp_path / "out").exists()


def test_stats_and_show_take_boxes_and_negatives(call: Call, tmp_path: Path) -> None:
    images = []
    for number in range(3):
        path = tmp_path / "photos" / f"ü {number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (30, 20), (90, 120, 200)).save(path)
        boxes = [[2.0, 3.0, 12.0, 13.5]] if number else []
        instances = Instances.build((20, 30), [1] * len(boxes), [None] * len(boxes), np.reshape(boxes, (-1, 4)))
        images.append(Record(image_id=number, size_hw=(20, 30), instances=instances, path=path))
    writers.write_as("coco", Records(images, ClassMap(["box"])), tmp_path / "boxes")
    code, out, _ = call("stats", "boxes")
    assert code == 0
    assert re.search(r"^negatives +1$", out, re.MULTILINE)
    assert re.search(r"^objects +2$", out, re.MULTILINE)
    assert call("show", "boxes", "--out", "boxes.jpg")[0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("stats", "nowhere"), "nowhere does not exist"),
        (("stats", "labels.json", "--samples", "-1"), "--samples is -1"),
        (("stats", "labels.json", "--html", "images"), "--html is images, which exists already"),
        (("show", "labels.json", "--cols", "0"), "--cols is 0"),
        (("show", "labels.json", "--tile", "0"), "--tile is 0"),
        (("show", "labels.json", "--limit", "-2"), "--limit is -2"),
        (("show", "labels.json", "--limit", "two"), "--limit: invalid int value: 'two'"),
        (("show", "labels.json", "--out", "s.gif"), "--out is s.gif; expected a file that ends in .png"),
        (("show", "labels.json", "--images", "no"), "the image folder no is not a folder"),
        (("check", "nowhere"), "nowhere does not exist"),
        (("chekc", "labels.json"), "Did you mean check?"),
        (("stats", "labels.json", "--class-map", ","), "','"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_misuse_is_one_sentence_and_exit_code_2(call: Call, labels: Path, words: tuple[str, ...], message: str) -> None:
    code, out, err = call(*words)
    assert (code, out) == (2, "")
    last = err.strip().splitlines()[-1]
    assert last.startswith("contorno: ")
    assert message in last
    assert "Traceback" not in err


@pytest.mark.parametrize("command", ["stats", "show", "check"])
def test_ctrl_c_ends_a_command_quietly(call: Call, labels: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from contorno import doctor, parsers

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "check_path", stop)
    monkeypatch.setattr(parsers, "read", stop)
    code, out, err = call(command, labels)
    assert (code, out) == (130, "")
    assert err.endswith("contorno: stopped by Ctrl-C.\n")


@pytest.mark.parametrize("command", ["check", "convert", "split", "merge", "subset", "stats", "show"])
def test_every_command_ends_its_help_with_an_example(call: Call, command: str) -> None:
    code, out, _ = call(command, "--help")
    assert code == 0
    assert f"example: contorno data {command} " in " ".join(out.split())
