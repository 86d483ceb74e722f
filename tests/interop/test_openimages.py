"""The real openimages 0.0.1 downloads from the offline bucket, and contorno reads the same bucket."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import astuple, dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from contorno.images import image_size
from contorno.openimages import SPLITS, BoxRow, Bucket, HttpSource, MetaFiles, box_rows, fetch, read_classes
from contorno.rehearsal import make_bucket, serve

pytestmark = [pytest.mark.interop, pytest.mark.slow]

# In a process of its own, since the package sets up logging, silences warnings and forks. Only addresses are changed;
# boto3 takes that of the images from AWS_ENDPOINT_URL_S3. The second call keeps its tables in `csv_dir`.
DOWNLOAD = """
import sys
from openimages import download
meta_url, folder, *classes = sys.argv[1:]
download._OID_v4, download._OID_v5 = meta_url + "2018_04/", meta_url + "v5/"
download.download_dataset(folder + "/plain", classes, annotation_format="pascal")
download.download_dataset(folder + "/kept", classes, annotation_format="pascal", csv_dir=folder + "/csv")
"""
CLASSES = {"Hot dog": "/m/01b9xk", "Doughnut": "/m/0jy4k"}
NAMES = pytest.mark.parametrize("name", CLASSES)
CALLS = pytest.mark.parametrize("call", ["plain", "kept"])

Corners = tuple[int, ...]


@dataclass(frozen=True)
class Downloaded:
    """What the two made of one bucket.

    theirs: the folder with `plain`, `kept` and `csv`.   images: those that contorno fetched, by id.
    boxes:  rows of contorno by class, all splits.   boxes_of_csv: the same, from the tables that the package left.
    """

    theirs: Path
    images: dict[str, Path]
    boxes: dict[str, list[BoxRow]]
    boxes_of_csv: dict[str, list[BoxRow]]

    def found(self, call: str, name: str, part: str) -> dict[str, Path]:
        """Files of the package for a class, by ImageID. part: "images" or "pascal"."""
        return {path.stem: path for path in (self.theirs / call / name.lower() / part).iterdir()}


@pytest.fixture(scope="module")
def downloaded(tmp_path_factory: pytest.TempPathFactory) -> Downloaded:
    folder = tmp_path_factory.mktemp("openimages")
    made = make_bucket(
        folder / "bucket",
        images={"train": 32, "validation": 8, "test": 6},
        seed=3,
        long_edge_px=96,
        missing_images=0,
    )
    with serve(made.root) as server, HttpSource() as source:
        environment = os.environ | {"AWS_ENDPOINT_URL_S3": server.url, "AWS_EC2_METADATA_DISABLED": "true"}
        for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            environment.pop(proxy, None)
        done = subprocess.run(
            [sys.executable, "-c", DOWNLOAD, server.meta_url, str(folder / "theirs"), *CLASSES],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        bucket = Bucket(server.meta_url, server.images_url)
        fetch(list(CLASSES), out=folder / "ours", bucket=bucket)
        boxes = all_boxes(MetaFiles(bucket, source))
        server.clear_log()
        boxes_of_csv = all_boxes(MetaFiles(bucket, source, folder / "theirs" / "csv"))
        # Of train contorno reads the newer table, while the package leaves the older one; it knows of no masks.
        assert {request.path.rpartition("/")[2] for request in server.log} == {
            "oidv6-train-annotations-bbox.csv",
            "classes-segmentation.txt",
        }
    images = {path.stem: path for path in (folder / "ours" / "images").rglob("*.jpg")}
    return Downloaded(folder / "theirs", images, boxes, boxes_of_csv)


def all_boxes(meta: MetaFiles) -> dict[str, list[BoxRow]]:
    """Rows of the tables of boxes by class name, all splits."""
    listed = read_classes(meta)
    assert {name: listed.find(name).mid for name in CLASSES} == CLASSES
    rows: dict[str, list[BoxRow]] = {name: [] for name in CLASSES}
    for split in SPLITS:
        found = box_rows(meta, split, list(CLASSES.values()))
        for name, mid in CLASSES.items():
            rows[name] += found[mid]
    return rows


def in_pixels(row: BoxRow, size: tuple[int, int]) -> Corners:
    """A box as the package writes it: cut to whole pixels, and kept a pixel off the far edges."""
    height, width = size
    x_min, y_min, x_max, y_max = row.box
    return (
        int(x_min * width),
        int(y_min * height),
        min(width - 1, int(x_max * width)),
        min(height - 1, int(y_max * height)),
    )


def written(path: Path, name: str) -> Counter[Corners]:
    """The boxes in an XML file of the package."""
    boxes: Counter[Corners] = Counter()
    for item in ElementTree.parse(path).iter("object"):
        assert item.findtext("name") == name.lower()
        corners = [item.findtext(f"bndbox/{edge}") for edge in ("xmin", "ymin", "xmax", "ymax")]
        boxes[tuple(int(corner or -1) for corner in corners)] += 1
    return boxes


@NAMES
@CALLS
def test_real_package_finds_no_image_that_contorno_does_not(downloaded: Downloaded, name: str, call: str) -> None:
    theirs = downloaded.found(call, name, "images")
    assert len(theirs) >= 5
    assert set(theirs) <= {row.image_id for row in downloaded.boxes[name]}
    assert set(theirs) <= set(downloaded.images)
    for image_id, path in theirs.items():
        assert path.read_bytes() == downloaded.images[image_id].read_bytes()


@NAMES
@CALLS
def test_real_package_writes_no_box_that_contorno_does_not_know(downloaded: Downloaded, name: str, call: str) -> None:
    sheets = downloaded.found(call, name, "pascal")
    assert set(sheets) == set(downloaded.found(call, name, "images"))
    checked = 0
    for image_id, path in sheets.items():
        size = image_size(downloaded.images[image_id])
        ours = Counter(in_pixels(row, size) for row in downloaded.boxes[name] if row.image_id == image_id)
        theirs = written(path, name)
        assert theirs <= ours
        checked += theirs.total()
    assert checked >= 8


@NAMES
def test_boxes_that_the_package_leaves_out_are_those_with_a_flag(downloaded: Downloaded, name: str) -> None:
    plain = [row for row in downloaded.boxes[name] if not any(flag is not False for flag in astuple(row.flags))]
    sheets = downloaded.found("plain", name, "pascal")
    assert set(sheets) == {row.image_id for row in plain}
    for image_id, path in sheets.items():
        size = image_size(downloaded.images[image_id])
        assert written(path, name) == Counter(in_pixels(row, size) for row in plain if row.image_id == image_id)
    assert len(downloaded.boxes[name]) > len(plain)
    assert len({row.image_id for row in downloaded.boxes[name]} - set(sheets)) > 0


def test_folder_of_tables_that_the_package_leaves_serves_contorno_as_it_is(downloaded: Downloaded) -> None:
    left = sorted(path.name for path in (downloaded.theirs / "csv").iterdir() if path.is_file())
    assert left == ["class-descriptions-boxable.csv", *(f"{split}-annotations-bbox.csv" for split in sorted(SPLITS))]
    assert downloaded.boxes_of_csv == downloaded.boxes


@NAMES
def test_kept_tables_change_nothing_for_the_package(downloaded: Downloaded, name: str) -> None:
    for part in ("images", "pascal"):
        plain, kept = (downloaded.found(call, name, part) for call in ("plain", "kept"))
        assert set(plain) == set(kept)
        assert len(plain) > 0
