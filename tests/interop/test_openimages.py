"""The real openimages 0.0.1 downloads from the offline bucket, and contorno reads the same bucket."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from contorno.images import image_size
from contorno.openimages import SPLITS, Bucket, fetch
from contorno.rehearsal import OfflineBucket, make_bucket, serve

pytestmark = pytest.mark.interop

# In a process of its own, since the package sets up logging, silences warnings and forks. Only addresses are changed;
# boto3 takes that of the images from AWS_ENDPOINT_URL_S3.
DOWNLOAD = """
import sys
from openimages import download
meta_url, folder = sys.argv[1:]
download._OID_v4, download._OID_v5 = meta_url + "2018_04/", meta_url + "v5/"
download.download_dataset(folder, ["Hot dog"], annotation_format="pascal")
"""
FLAGS = ("IsOccluded", "IsTruncated", "IsGroupOf", "IsDepiction", "IsInside")
HOT_DOG = "/m/01b9xk"


@dataclass(frozen=True)
class Downloaded:
    """What the two made of one bucket. theirs: the folder `hot dog`; ours: the fetched images by id."""

    bucket: OfflineBucket
    theirs: Path
    ours: dict[str, Path]


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
    with serve(made.root) as server:
        environment = os.environ | {"AWS_ENDPOINT_URL_S3": server.url, "AWS_EC2_METADATA_DISABLED": "true"}
        for proxy in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            environment.pop(proxy, None)
        done = subprocess.run(
            [sys.executable, "-c", DOWNLOAD, server.meta_url, str(folder / "theirs")],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        fetch(["Hot dog"], out=folder / "ours", bucket=Bucket(server.meta_url, server.images_url))
    ours = {path.stem: path for path in (folder / "ours" / "images").rglob("*.jpg")}
    return Downloaded(made, folder / "theirs" / "hot dog", ours)


def box_rows(bucket: OfflineBucket) -> dict[str, list[dict[str, str]]]:
    """Every box of a hot dog in the bucket, by image id."""
    rows: dict[str, list[dict[str, str]]] = defaultdict(list)
    for split in SPLITS:
        with (bucket.meta_dir / f"2018_04/{split}/{split}-annotations-bbox.csv").open(newline="") as file:
            for row in csv.DictReader(file):
                if row["LabelName"] == HOT_DOG:
                    rows[row["ImageID"]].append(row)
    return rows


def test_every_image_that_the_real_package_finds_is_the_same_file_here(downloaded: Downloaded) -> None:
    theirs = {path.stem: path for path in (downloaded.theirs / "images").iterdir()}
    assert len(theirs) >= 5
    assert set(theirs) <= set(downloaded.ours)
    for image_id, path in theirs.items():
        assert path.read_bytes() == downloaded.ours[image_id].read_bytes()


def test_every_box_that_the_real_package_writes_is_one_of_the_buckets(downloaded: Downloaded) -> None:
    rows = box_rows(downloaded.bucket)
    checked = 0
    for path in (downloaded.theirs / "pascal").iterdir():
        height, width = image_size(downloaded.theirs / "images" / f"{path.stem}.jpg")
        known = [
            # The package cuts to whole pixels, and keeps a pixel off the far edges.
            (
                int(float(row["XMin"]) * width),
                int(float(row["YMin"]) * height),
                min(width - 1, int(float(row["XMax"]) * width)),
                min(height - 1, int(float(row["YMax"]) * height)),
            )
            for row in rows[path.stem]
        ]
        for item in ElementTree.parse(path).iter("object"):
            checked += 1
            assert item.findtext("name") == "hot dog"
            corners = [item.findtext(f"bndbox/{name}") for name in ("xmin", "ymin", "xmax", "ymax")]
            assert tuple(int(corner or -1) for corner in corners) in known
    assert checked >= 5


def test_real_package_leaves_out_each_image_whose_boxes_are_all_flagged_and_ours_does_not(
    downloaded: Downloaded,
) -> None:
    plain = {
        image_id
        for image_id, rows in box_rows(downloaded.bucket).items()
        if any(all(row[flag] == "0" for flag in FLAGS) for row in rows)
    }
    theirs = {path.stem for path in (downloaded.theirs / "images").iterdir()}
    assert theirs == plain
    assert len(set(downloaded.ours) - theirs) > 0
