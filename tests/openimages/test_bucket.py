from __future__ import annotations

from pathlib import Path

import pytest

from contorno.errors import ConfigError, DataError
from contorno.openimages import Bucket, HttpSource, MetaFiles


def test_default_addresses_are_those_of_the_published_bucket() -> None:
    bucket = Bucket()
    assert bucket.meta(bucket.masks_table_key("validation")) == (
        "https://storage.googleapis.com/openimages/v5/validation-annotations-object-segmentation.csv"
    )
    assert bucket.image("train", "677c122b0eaa5d16") == (
        "https://open-images-dataset.s3.amazonaws.com/train/677c122b0eaa5d16.jpg"
    )
    assert bucket.boxes_table_key("train") == "v6/oidv6-train-annotations-bbox.csv"
    assert bucket.hierarchy_key == "2018_04/bbox_labels_600_hierarchy.json"
    assert bucket.image_list_key("test") == "2018_04/test/test-images-with-rotation.csv"


def test_the_zip_of_masks_goes_by_the_first_character_of_the_image_id() -> None:
    assert Bucket().masks_zip_key("train", "A77c") == "v5/train-masks/train-masks-a.zip"
    with pytest.raises(DataError, match="hexadecimal"):
        Bucket().masks_zip_key("train", "xyz")


def test_an_address_gets_its_closing_slash_and_must_be_http() -> None:
    assert Bucket("http://127.0.0.1:1/a", "http://127.0.0.1:1/b/").meta("k") == "http://127.0.0.1:1/a/k"
    with pytest.raises(ConfigError, match="meta_url is 'ftp://x'"):
        Bucket("ftp://x")


@pytest.mark.parametrize("name", ["classes-segmentation.txt", "v5/classes-segmentation.txt"])
def test_a_local_copy_is_read_without_the_network(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("/m/01b9xk\n")
    with HttpSource() as source:
        meta = MetaFiles(Bucket("http://127.0.0.1:9/", "http://127.0.0.1:9/"), source, tmp_path)
        assert meta.read("v5/classes-segmentation.txt") == b"/m/01b9xk\n"
        assert b"".join(meta.blocks("v5/classes-segmentation.txt")) == b"/m/01b9xk\n"
        before = meta.identify("v5/classes-segmentation.txt")
        (tmp_path / name).write_text("/m/01b9xk\n/m/09qck\n")
        assert meta.identify("v5/classes-segmentation.txt") != before
