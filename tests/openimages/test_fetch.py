from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contorno import images, masks
from contorno.errors import ConfigError, DataError, DownloadError
from contorno.files import checksum, folder_lock
from contorno.openimages import Bucket, Folder, HttpSource, UnreachableError, fetch, plan
from contorno.rehearsal import Fault, OfflineBucket, Server, serve

CLASSES = ["Hot dog", "Banana"]


def coco(folder: Folder, split: Any = "train") -> dict[str, Any]:
    content: dict[str, Any] = json.loads(folder.annotations(split).read_text())
    return content


def content_requests(server: Server) -> list[str]:
    return [
        request.path for request in server.log if request.method == "GET" and request.path.endswith((".jpg", ".zip"))
    ]


def tree(folder: Folder) -> dict[str, str]:
    kept = [path for name in ("images", "masks", "annotations") for path in (folder.root / name).rglob("*")]
    return {str(path.relative_to(folder.root)): checksum(path) for path in kept if path.is_file()}


def test_every_mask_of_every_image_that_is_there_arrives(
    offline: OfflineBucket, bucket: Bucket, source: HttpSource, tmp_path: Path
) -> None:
    planned = plan(CLASSES, negatives=0.2, bucket=bucket, source=source)
    folder = fetch(CLASSES, out=tmp_path, negatives=0.2, bucket=bucket, source=source)
    for part in planned.splits:
        there = [row for row in part.rows if row.image_id not in offline.missing_images]
        ids = {i for i in part.image_ids if i not in offline.missing_images}
        content = coco(folder, part.split)
        assert Counter(a["mask_path"] for a in content["annotations"]) == Counter(row.mask_path for row in there)
        assert {Path(image["file_name"]).stem for image in content["images"]} == ids
        assert {path.stem for path in folder.images(part.split).iterdir()} == ids
        report = folder.report.splits[part.split]
        assert (report.images, report.negatives, report.masks) == (len(ids), len(part.negatives), len(there))
    assert folder.report.dropped == {"image not found on the server": 1}
    assert folder.report.splits["train"].dropped == {"image not found on the server": offline.missing_images}
    assert [c["name"] for c in coco(folder)["categories"]] == CLASSES
    assert not list(tmp_path.rglob("*.part"))


def test_masks_have_the_exact_size_of_their_image_and_their_own_box(
    bucket: Bucket, source: HttpSource, tmp_path: Path
) -> None:
    folder = fetch(["Hot dog"], out=tmp_path, splits=["train"], bucket=bucket, source=source)
    content = coco(folder)
    by_id = {image["id"]: image for image in content["images"]}
    resized = 0
    for annotation in content["annotations"]:
        image = by_id[annotation["image_id"]]
        size = (image["height"], image["width"])
        assert images.read_image(folder.images("train") / image["file_name"]).shape[:2] == size
        code = masks.from_coco(annotation["segmentation"], size)
        assert isinstance(code, masks.RunLength)
        original = images.read_mask(folder.masks("train") / annotation["mask_path"])
        resized += original.shape != size
        np.testing.assert_array_equal(masks.decode(code), masks.resize(original, size))
        x, y, width, height = annotation["bbox"]
        assert masks.box(code).tolist() == [x, y, x + width, y + height]
        assert annotation["area"] == masks.area(code)
        assert len(annotation["box_id"]) == 8
        assert annotation["predicted_iou"] is None or 0 <= annotation["predicted_iou"] <= 1
    assert resized > 10


def test_a_renamed_class_has_its_new_name_everywhere(bucket: Bucket, source: HttpSource, tmp_path: Path) -> None:
    folder = fetch(
        ["hot dog"], out=tmp_path, splits=["test"], rename={"Hot Dog": "choripan"}, bucket=bucket, source=source
    )
    assert folder.class_names == ("choripan",)
    assert coco(folder, "test")["categories"] == [{"id": 1, "name": "choripan"}]
    manifest = json.loads(folder.manifest.read_text())
    assert manifest["classes"] == [{"name": "choripan", "open_images_name": "Hot dog", "mid": "/m/01b9xk"}]


def test_the_manifest_states_every_file(bucket: Bucket, source: HttpSource, tmp_path: Path) -> None:
    folder = fetch(["Hot dog"], out=tmp_path, splits=["test"], bucket=bucket, source=source)
    manifest = json.loads(folder.manifest.read_text())
    assert {name: stated["sha256"] for name, stated in manifest["files"].items()} == tree(folder)
    assert manifest["from"]["images_url"] == bucket.images_url
    opened = Folder.open(tmp_path)
    assert (opened.splits, opened.class_names) == (("test",), ("Hot dog",))
    assert opened.report.splits == folder.report.splits


def test_a_second_run_fetches_nothing(server: Server, bucket: Bucket, source: HttpSource, tmp_path: Path) -> None:
    first = fetch(["Hot dog"], out=tmp_path, bucket=bucket, source=source)
    before = tree(first)
    server.clear_log()
    again = fetch(["Hot dog"], out=tmp_path, bucket=bucket, source=source)
    assert content_requests(server) == []
    assert (again.report.fetched_images, again.report.fetched_bytes) == (0, 0)
    assert tree(again) == before


def test_a_larger_request_fetches_only_what_is_new(
    server: Server, bucket: Bucket, source: HttpSource, tmp_path: Path
) -> None:
    first = fetch(["Hot dog"], out=tmp_path, limit=4, splits=["train"], bucket=bucket, source=source)
    held = {f"/open-images-dataset/train/{path.name}" for path in first.images("train").iterdir()}
    server.clear_log()
    second = fetch(["Hot dog"], out=tmp_path, limit=8, splits=["train"], bucket=bucket, source=source)
    assert not held & set(content_requests(server))
    assert len(coco(second)["images"]) > len(held)


@pytest.mark.parametrize(
    ("fault", "images_lost"),
    [
        (Fault(pattern="*.jpg", kind="500", times=2), 0),
        (Fault(pattern="*.jpg", kind="cut", times=3), 0),
        (Fault(pattern="*.jpg", kind="html", times=1), 0),
        (Fault(pattern="*.jpg", kind="lying_length", times=1, size=200), 0),
        (Fault(pattern="*.jpg", kind="corrupt", times=1), 0),
        (Fault(pattern="*-masks-*.zip", kind="500", times=2), 0),
        (Fault(pattern="*-masks-*.zip", kind="cut", times=3), 0),
        (Fault(pattern="*-masks-*.zip", kind="corrupt", times=2), 0),
        (Fault(pattern="*-masks-*.zip", kind="no_range", times=None), 0),
        (Fault(pattern="*segmentation.csv", kind="cut", times=2), 0),
        (Fault(pattern="*.jpg", kind="404", times=2), 2),
    ],
    ids=lambda value: f"{value.pattern} {value.kind}" if isinstance(value, Fault) else "",
)
def test_faults_that_pass_leave_the_folder_as_it_should_be(
    server: Server, bucket: Bucket, source: HttpSource, tmp_path: Path, fault: Fault, images_lost: int
) -> None:
    expected = fetch(["Orange"], out=tmp_path / "a", splits=["train"], bucket=bucket, source=source)
    server.faults.append(fault)
    folder = fetch(["Orange"], out=tmp_path / "b", splits=["train"], bucket=bucket, source=source)
    assert fault.times in (0, None), "the fault did not strike"
    lost = folder.report.dropped.get("image not found on the server", 0)
    assert lost == images_lost + expected.report.dropped.get("image not found on the server", 0)
    if not images_lost:
        assert tree(folder) == tree(expected)
    assert not list(tmp_path.rglob("*.part*"))
    assert not list((tmp_path / "b").rglob("*.zip"))


def test_a_page_in_place_of_an_image_is_counted_and_mended_by_the_next_run(
    server: Server, bucket: Bucket, source: HttpSource, tmp_path: Path
) -> None:
    whole = fetch(["Hot dog"], out=tmp_path / "whole", splits=["train"], bucket=bucket, source=source)
    victim = coco(whole)["images"][0]["file_name"]
    server.faults.append(Fault(pattern=f"*{victim}", kind="html", times=None))
    folder = fetch(["Hot dog"], out=tmp_path / "b", splits=["train"], bucket=bucket, source=source)
    assert folder.report.splits["train"].dropped["image damaged"] == (Path(victim).stem,)
    assert victim not in {image["file_name"] for image in coco(folder)["images"]}
    assert not (folder.images("train") / victim).exists()
    assert "another run" in str(folder.report)
    server.faults.clear()
    server.clear_log()
    mended = fetch(["Hot dog"], out=tmp_path / "b", splits=["train"], bucket=bucket, source=source)
    assert tree(mended) == tree(whole)
    assert [path for path in content_requests(server) if path.endswith(victim)] != []
    assert mended.report.fetched_images == 1


def test_an_image_that_cannot_be_had_is_counted_and_the_run_goes_on(
    server: Server, bucket: Bucket, source: HttpSource, tmp_path: Path
) -> None:
    victim = plan(["Hot dog"], splits=["train"], bucket=bucket, source=source).splits[0].positives[0]
    server.faults.append(Fault(pattern=f"*{victim}.jpg", kind="500", times=None))
    folder = fetch(["Hot dog"], out=tmp_path, splits=["train"], bucket=bucket, source=source)
    assert folder.report.splits["train"].dropped["image could not be fetched"] == (victim,)
    assert not folder.report.is_complete


def test_a_server_that_serves_no_image_ends_the_run(
    server: Server, bucket: Bucket, source: HttpSource, tmp_path: Path
) -> None:
    server.faults.append(Fault(pattern="*.jpg", kind="500", times=None))
    with pytest.raises(DownloadError, match=r"images could not be fetched; the last one: .*in 4 attempts"):
        fetch(["Hot dog"], out=tmp_path, bucket=bucket, source=source)


def test_a_corrupt_zip_directory_ends_the_run_and_names_the_zip(
    server: Server, bucket: Bucket, source: HttpSource, tmp_path: Path
) -> None:
    row = plan(["Hot dog"], splits=["train"], bucket=bucket, source=source).splits[0].rows[0]
    name = f"train-masks-{row.image_id[0]}.zip"
    server.faults.append(Fault(pattern=f"*{name}", kind="corrupt", times=None, size=100_000))
    with pytest.raises(DownloadError, match=f"{name}: the zip's directory is corrupt"):
        fetch(["Hot dog"], out=tmp_path, splits=["train"], bucket=bucket, source=source)
    server.faults.clear()
    assert fetch(["Hot dog"], out=tmp_path, splits=["train"], bucket=bucket, source=source).report.is_complete


def test_a_table_in_place_of_which_a_page_comes_is_refused(
    server: Server, bucket: Bucket, source: HttpSource, tmp_path: Path
) -> None:
    server.faults.append(Fault(pattern="*segmentation.csv", kind="html", times=None))
    with pytest.raises(DataError, match=r"header lacks MaskPath.*found '<!DOCTYPE html>"):
        fetch(["Hot dog"], out=tmp_path, bucket=bucket, source=source)


@pytest.mark.parametrize("name", ["segmentation.csv", "classes-segmentation.txt", "class-descriptions-boxable.csv"])
def test_a_page_in_place_of_a_list_is_refused_and_not_kept(
    server: Server, bucket: Bucket, source: HttpSource, tmp_path: Path, name: str
) -> None:
    server.faults.append(Fault(pattern=f"*{name}", kind="html", times=2))
    with pytest.raises(DataError, match=name):
        fetch(["Hot dog"], out=tmp_path, splits=["test"], bucket=bucket, source=source)
    server.faults.clear()
    assert fetch(["Hot dog"], out=tmp_path, splits=["test"], bucket=bucket, source=source).report.is_complete


def test_a_table_that_came_short_is_refused_and_not_kept(
    server: Server, bucket: Bucket, source: HttpSource, tmp_path: Path
) -> None:
    server.faults.append(Fault(pattern="*segmentation.csv", kind="slow", seconds=0))  # lets the HEAD request pass
    server.faults.append(Fault(pattern="*segmentation.csv", kind="lying_length", size=300))
    with pytest.raises(DownloadError, match=r"\d+ of \d+ bytes came"):
        fetch(["Hot dog"], out=tmp_path, splits=["test"], bucket=bucket, source=source)
    assert fetch(["Hot dog"], out=tmp_path, splits=["test"], bucket=bucket, source=source).report.is_complete


def test_without_a_network_the_error_says_what_to_do(source: HttpSource, tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match=r"cannot reach 127\.0\.0\.1:9 .*bucket="):
        fetch(["Hot dog"], out=tmp_path, bucket=Bucket("http://127.0.0.1:9", "http://127.0.0.1:9"), source=source)


def test_without_a_network_a_folder_that_is_complete_serves_for_its_own_request(
    offline: OfflineBucket, source: HttpSource, tmp_path: Path
) -> None:
    with serve(offline.root) as server:
        bucket = Bucket(server.meta_url, server.images_url)
        options: Any = {"out": tmp_path, "splits": ["validation"], "bucket": bucket, "source": source}
        done = fetch(["Hot dog"], limit=3, exclude={"b", "a"}, **options)
    again = fetch(["Hot dog"], limit=3, exclude={"a", "b"}, **options)
    assert again.report.splits == done.report.splits
    with pytest.raises(UnreachableError):
        fetch(["Hot dog"], limit=4, exclude={"a", "b"}, **options)
    next(done.images("validation").iterdir()).unlink()
    with pytest.raises(UnreachableError):
        fetch(["Hot dog"], limit=3, exclude={"a", "b"}, **options)


def test_images_that_the_list_of_authors_lacks_are_told(
    offline: OfflineBucket, source: HttpSource, tmp_path: Path
) -> None:
    bucket = shutil.copytree(offline.root, tmp_path / "bucket")
    with serve(bucket) as server:
        options: Any = {"splits": ["test"], "bucket": Bucket(server.meta_url, server.images_url), "source": source}
        full = fetch(["Hot dog"], out=tmp_path / "a", attribution=True, **options)
        assert full.report.notes == ()
        listing = bucket / "openimages/2018_04/test/test-images-with-rotation.csv"
        victim = full.image_ids("test")[0]
        rows = [line for line in listing.read_text().splitlines(keepends=True) if not line.startswith(victim)]
        listing.write_text("".join(rows))
        lacking = fetch(["Hot dog"], out=tmp_path / "b", attribution=True, **options)
    assert lacking.report.notes == (
        "test: nothing is known of the authors of 1 images, which the list of images lacks",
    )


def test_two_runs_on_one_folder_do_not_mix(bucket: Bucket, source: HttpSource, tmp_path: Path) -> None:
    with folder_lock(tmp_path), pytest.raises(ConfigError, match="another process is writing"):
        fetch(["Hot dog"], out=tmp_path, bucket=bucket, source=source)


def test_what_a_killed_run_left_half_written_is_swept_up(bucket: Bucket, source: HttpSource, tmp_path: Path) -> None:
    for name in (
        ".manifest.json.x1.part",
        "images/test/0a.jpg.part",
        "masks/test/.0a.png.x1.part",
        ".meta/cache/.rows.x1.part",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"half")
    fetch(["Hot dog"], out=tmp_path, splits=["test"], bucket=bucket, source=source)
    assert not list(tmp_path.rglob("*.part"))


KILLED = """
import sys
from pathlib import Path
from contorno.openimages import Bucket, fetch
fetch(["Hot dog", "Banana"], out=Path(sys.argv[1]), bucket=Bucket(sys.argv[2], sys.argv[3]), workers=2)
"""


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_and_fetches_nothing_twice(
    server: Server, bucket: Bucket, source: HttpSource, tmp_path: Path
) -> None:
    expected = fetch(CLASSES, out=tmp_path / "expected", bucket=bucket, source=source)
    out = tmp_path / "killed"
    server.latency_seconds = 0.02
    kills = 0
    for requests in (0, 3, 20, 9, 30, 1):
        held = {path.name for path in out.glob("images/*/*.jpg")}
        server.clear_log()
        arguments = [sys.executable, "-c", KILLED, str(out), bucket.meta_url, bucket.images_url]
        with subprocess.Popen(arguments) as process:
            deadline = time.monotonic() + 60
            while len(content_requests(server)) < requests + 1 and process.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.001)
            process.kill()  # SIGKILL
        kills += process.returncode == -signal.SIGKILL
        assert not {Path(path).name for path in content_requests(server)} & held
    server.latency_seconds = 0.0
    assert kills >= 4
    held = {path.name for path in out.glob("images/*/*.jpg")}
    held_masks = len(list(out.glob("masks/*/*.png")))
    assert held
    server.clear_log()
    folder = fetch(CLASSES, out=out, bucket=bucket, source=source)
    assert not {Path(path).name for path in content_requests(server)} & held
    assert folder.report.fetched_masks == expected.report.fetched_masks - held_masks
    assert tree(folder) == tree(expected)
    assert not list(out.rglob("*.part*"))


@pytest.mark.parametrize("workers", [1, 3])
def test_no_more_than_the_workers_ask_at_one_time(server: Server, bucket: Bucket, tmp_path: Path, workers: int) -> None:
    server.latency_seconds = 0.01
    fetch(["Hot dog"], out=tmp_path, splits=["test"], bucket=bucket, workers=workers)
    # A connection carries one request at a time.
    assert 1 <= server.connections <= workers


def test_progress_reaches_its_total(bucket: Bucket, source: HttpSource, tmp_path: Path) -> None:
    last: dict[str, tuple[int, int | None]] = {}

    def progress(what: str, done: int, total: int | None) -> None:
        assert done >= last.get(what, (0, None))[0]
        last[what] = (done, total)

    fetch(["Hot dog"], out=tmp_path, splits=["test"], bucket=bucket, source=source, progress=progress)
    assert {"images", "masks"} <= set(last)
    assert all(done == total for done, total in last.values())
