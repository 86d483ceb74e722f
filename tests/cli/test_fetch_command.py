from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from contorno.cli import main
from contorno.rehearsal import Fault, OfflineBucket, Server, make_bucket, serve


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> OfflineBucket:
    return make_bucket(
        tmp_path_factory.mktemp("bucket"), images={"train": 24, "validation": 6}, long_edge_px=96, missing_images=0
    )


@pytest.fixture
def server(offline: OfflineBucket) -> Iterator[Server]:
    with serve(offline.root) as running:
        yield running


def test_a_dry_run_counts_and_leaves_nothing_behind(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "data"
    words = ["openimages", "fetch", "hot dog", "Banana", "--split", "train", "--limit", "5", "--out", str(out)]
    assert main([*words, "--bucket", server.url, "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[0].split() == ["split", "class", "images", "masks"]
    assert "to fetch (images" in shown
    assert "no image and no mask was fetched" in shown
    assert not out.exists()
    assert not any(request.method == "GET" and request.path.endswith((".jpg", ".zip")) for request in server.log)


def test_a_fetch_says_what_came_and_what_to_do_next(
    offline: OfflineBucket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "data"
    words = ["openimages", "fetch", "Hot dog", "--split", "train", "--limit", "5", "--out", str(out)]
    words += ["--bucket", str(offline.root), "--attribution", "--rename", "hot dog=choripán"]
    assert main(words) == 0
    first = capsys.readouterr().out
    assert "train: 5 images (0 without objects)" in first
    assert f"contorno run finetune data={out / 'annotations' / 'train.json'}" in first
    for name in ("annotations/train.json", "attribution.csv", "NOTICE.txt", "preview.jpg", "manifest.json"):
        assert (out / name).is_file(), name
    assert json.loads((out / "annotations" / "train.json").read_text())["categories"][0]["name"] == "choripán"
    assert main([*words[:-2], "--dry-run"]) == 0
    assert "5 of the images and" in capsys.readouterr().out


def test_json_goes_to_stdout_and_its_progress_to_stderr(
    offline: OfflineBucket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["openimages", "fetch", "Hot dog", "--split", "validation", "--bucket", str(offline.root), "--json"]
    assert main([*words, "--out", str(tmp_path / "a"), "--dry-run"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert main([*words, "--out", str(tmp_path / "a")]) == 0
    shown = capsys.readouterr()
    done = json.loads(shown.out)
    assert done["complete"]
    assert done["splits"]["validation"]["masks"] == planned["masks"] == offline.counts["validation"]["Hot dog"]
    lines = [json.loads(line) for line in shown.err.splitlines()]
    assert {"what", "done", "total", "per_second", "seconds_left", "bytes_received"} == set(lines[-1])
    assert [line["done"] for line in lines if line["what"] == "images"][-1] == planned["images"]


def test_quiet_says_nothing_but_the_result(
    offline: OfflineBucket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["openimages", "fetch", "Orange", "--split", "train", "--bucket", str(offline.root), "--quiet"]
    assert main([*words, "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().err == ""


def test_what_did_not_come_through_makes_the_exit_code_1(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["openimages", "fetch", "Hot dog", "--split", "validation", "--out", str(tmp_path), "--bucket", server.url]
    assert main([*words, "--dry-run", "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)["images"]
    # Each image is tried twice before it counts as damaged.
    server.faults.append(Fault(pattern="*.jpg", kind="html", times=None))
    server.faults[0].pattern = f"*{victim_of(server)}"
    assert main(words) == 1
    shown = capsys.readouterr()
    assert "dropped: 1 × image damaged" in shown.out
    assert "the same command fetches only those" in shown.err
    server.faults.clear()
    assert main(words) == 0
    assert f"validation: {planned} images" in capsys.readouterr().out


def victim_of(server: Server) -> str:
    """An image of the validation split that has a mask of a hot dog."""
    table = server.root / "openimages/v5/validation-annotations-object-segmentation.csv"
    row = next(line for line in table.read_text().splitlines() if "/m/01b9xk" in line)
    return row.split(",")[1] + ".jpg"


def test_the_tutorials_layout_is_one_option_away(
    offline: OfflineBucket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["openimages", "fetch", "Hot dog", "--layout", "tutorial", "--out", str(tmp_path)]
    words += ["--bucket", str(offline.root), "--limit", "3"]
    assert main(words) == 0
    folders = {path.name for path in (tmp_path / "hot dog").iterdir() if path.is_dir()}
    assert folders == {"images", "pascal", "segmentations"}
    assert "Hot dog: 6 images in" in capsys.readouterr().out
    assert main([*words, "--attribution", "--groups", "crowd", "--split", "train"]) == 2
    assert "does not go with --split, --groups, --attribution" in capsys.readouterr().err


def test_a_run_that_fails_before_its_first_result_leaves_no_folder(
    offline: OfflineBucket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", "hot_dog", "classes=Catt", f"bucket={offline.root}", f"data={tmp_path / 'data'}"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 2
    assert "the nearest names are: Cat" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
