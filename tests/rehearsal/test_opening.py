from __future__ import annotations

from pathlib import Path

import pytest

from contorno.errors import ConfigError
from contorno.openimages import IMAGES_URL, META_URL, HttpSource, NotFoundError, read_classes
from contorno.openimages.bucket import MetaFiles
from contorno.rehearsal import make_bucket
from contorno.rehearsal.opening import open_bucket


def test_nothing_means_the_real_open_images() -> None:
    with open_bucket(None) as bucket:
        assert (bucket.meta_url, bucket.images_url) == (META_URL, IMAGES_URL)


def test_an_address_is_the_root_of_both() -> None:
    with open_bucket("http://127.0.0.1:8000/here/") as bucket:
        assert bucket.meta_url == "http://127.0.0.1:8000/here/openimages/"
        assert bucket.images_url == "http://127.0.0.1:8000/here/open-images-dataset/"


def test_a_folder_is_served_for_the_length_of_the_block(tmp_path: Path) -> None:
    made = make_bucket(tmp_path, images={"test": 1}, long_edge_px=64, missing_images=0)
    with HttpSource(attempts=1) as source, open_bucket(made.root) as bucket:
        assert read_classes(MetaFiles(bucket, source)).get("Hot dog").has_masks
        with pytest.raises(NotFoundError):
            source.read(bucket.image("test", "0"))


@pytest.mark.parametrize("where", ["none", "."])
def test_anything_else_is_refused_with_what_makes_one(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with (
        pytest.raises(ConfigError, match=r"neither an address .*`contorno openimages offline DIR`"),
        open_bucket(where),
    ):
        pass
