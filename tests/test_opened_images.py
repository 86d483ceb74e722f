"""Opened images: whatever is wrong with a file is named, bombs are refused, and the process stays as it was."""

from __future__ import annotations

import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contorno import images
from contorno.errors import DataError
from tiny_pictures import png_of_size, save, two_by_three

READERS = {
    "read_image": images.read_image,
    "image_size": images.image_size,
    "read_mask": images.read_mask,
    "read_mask_values": images.read_mask_values,
}


@pytest.fixture(params=READERS.values(), ids=READERS.keys())
def read(request: pytest.FixtureRequest) -> object:
    return request.param


def test_missing_file_is_named(tmp_path: Path, read: object) -> None:
    with pytest.raises(DataError, match=r"gone\.png does not exist"):
        read(tmp_path / "gone.png")  # type: ignore[operator]


@pytest.mark.parametrize("data", [b"", b"<html>not found</html>", b"\x89PNG\r\n\x1a\n"], ids=["empty", "page", "start"])
def test_file_that_is_no_image_is_named(tmp_path: Path, read: object, data: bytes) -> None:
    path = tmp_path / "page.png"
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"page\.png"):
        read(path)  # type: ignore[operator]


def test_folder_is_named(tmp_path: Path, read: object) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path)  # type: ignore[operator]


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif", "webp"])
@pytest.mark.parametrize("read", [images.read_image, images.read_mask, images.read_mask_values])
def test_truncated_file_is_named(tmp_path: Path, read: object, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = save(Image.fromarray(noise), tmp_path / f"cut.{suffix}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=rf"cut\.{suffix}"):
        read(path)  # type: ignore[operator]


@pytest.mark.parametrize("at", [20, 40, 60, 100, 200])
def test_damage_in_a_png_is_named(tmp_path: Path, at: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = save(Image.fromarray(noise), tmp_path / "hurt.png")
    data = bytearray(path.read_bytes())
    data[at : at + 8] = bytes(value ^ 0xA5 for value in data[at : at + 8])
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"hurt\.png"):
        images.read_image(path)


@pytest.mark.parametrize(("width", "height"), [(13_400, 13_400), (400_000, 1_000)])
def test_decompression_bomb_is_refused_before_it_is_decoded(
    tmp_path: Path, read: object, width: int, height: int
) -> None:
    path = png_of_size(tmp_path / "bomb.png", width, height)
    with pytest.raises(DataError, match=r"bomb\.png has .*178 million"):
        read(path)  # type: ignore[operator]


def test_bomb_is_refused_where_pillow_has_its_limit_lifted(
    tmp_path: Path, read: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)  # as notebooks with satellite pictures do
    with pytest.raises(DataError, match="has 20000 x 20000 pixels"):
        read(png_of_size(tmp_path / "bomb.png", 20_000, 20_000))  # type: ignore[operator]


def test_large_image_below_the_limit_gives_its_size_without_a_warning(tmp_path: Path) -> None:
    path = png_of_size(tmp_path / "large.png", 12_000, 12_000)  # Pillow warns from 89 million on
    assert images.image_size(path) == (12_000, 12_000)


def test_size_is_known_without_the_pixels(tmp_path: Path) -> None:
    path = save(
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 48), dtype=np.uint8)), tmp_path / "a.png"
    )
    path.write_bytes(path.read_bytes()[:100])
    assert images.image_size(path) == (64, 48)


def test_warning_filters_are_as_before_after_reading_in_threads(tmp_path: Path) -> None:
    path = save(Image.fromarray(two_by_three()), tmp_path / "a.png")
    before = list(warnings.filters)
    threads = [threading.Thread(target=lambda: [images.read_image(path) for _ in range(50)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before
