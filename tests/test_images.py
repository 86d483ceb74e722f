"""Pictures: read as they are meant to be seen, written whole, faults named with the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from contorno import images
from contorno.errors import ConfigError, DataError
from tiny_pictures import BLUE, GREEN, RED, WHITE, save, two_by_three

# ---- reading ---------------------------------------------------------------------------------------------------------


def test_rgb_is_read_as_it_is_and_can_be_written_to(tmp_path: Path) -> None:
    path = save(Image.fromarray(two_by_three()), tmp_path / "a.png")
    image = images.read_image(path)
    np.testing.assert_array_equal(image, two_by_three())
    assert (image.dtype, image.shape) == (np.uint8, (2, 3, 3))
    image[0, 0] = 1  # an array of its own, not Pillow's


def as_shown(orientation: int) -> NDArray[np.uint8]:
    """What EXIF says: where the 0th row and the 0th column of the stored picture belong."""
    stored = two_by_three()
    return {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.transpose(1, 0, 2),
        6: np.rot90(stored, -1),
        7: stored[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(stored),
    }[orientation]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_to_image_and_size(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(Image.fromarray(two_by_three()), tmp_path / "a.png", exif=exif)
    expected = as_shown(orientation)
    np.testing.assert_array_equal(images.read_image(path), expected)
    assert images.image_size(path) == expected.shape[:2]


def test_exif_orientation_of_a_jpeg_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(Image.new("RGB", (40, 16), RED), tmp_path / "a.jpg", exif=exif)
    assert images.image_size(path) == (40, 16)
    assert images.read_image(path).shape == (40, 16, 3)


def test_orientation_that_is_none_leaves_the_image(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 77
    path = save(Image.fromarray(two_by_three()), tmp_path / "a.png", exif=exif)
    assert images.image_size(path) == (2, 3)


def test_alpha_is_left_out_and_colour_kept(tmp_path: Path) -> None:
    path = save(Image.new("RGBA", (2, 1), (10, 20, 30, 0)), tmp_path / "a.png")
    assert images.read_image(path).tolist() == [[[10, 20, 30]] * 2]
    path = save(Image.new("LA", (2, 1), (50, 0)), tmp_path / "b.png")
    assert images.read_image(path).tolist() == [[[50] * 3] * 2]


def test_palette_with_transparency_is_read_in_its_colours(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, *GREEN])
    image.putpixel((1, 0), 1)
    path = save(image, tmp_path / "a.png", transparency=b"\x00\x80")  # Pillow warns of this when converted outright
    assert images.read_image(path).tolist() == [[list(RED), list(GREEN)]]


def test_grey_and_bilevel_become_equal_channels(tmp_path: Path) -> None:
    assert images.read_image(save(Image.new("L", (1, 1), 77), tmp_path / "l.png")).tolist() == [[[77] * 3]]
    assert images.read_image(save(Image.new("1", (1, 1), 1), tmp_path / "1.png")).tolist() == [[[255] * 3]]


def test_grey_of_16_bits_is_divided_by_256(tmp_path: Path) -> None:
    values = np.array([[0, 255, 256, 32768, 65535]], dtype=np.uint16)
    for name in ("a.png", "a.tif"):
        path = save(Image.fromarray(values), tmp_path / name)
        assert images.read_image(path)[0, :, 0].tolist() == [0, 0, 1, 128, 255]
    path = save(Image.fromarray(values.astype(np.int32)), tmp_path / "b.tif")
    assert images.read_image(path)[0, :, 2].tolist() == [0, 0, 1, 128, 255]


@pytest.mark.parametrize("values", [[[0.5]], [[70_000]], [[-1]]], ids=["float", "more than 16 bits", "negative"])
def test_grey_of_no_known_range_is_refused(tmp_path: Path, values: list) -> None:
    array = np.array(values)
    path = save(Image.fromarray(array.astype(np.float32 if array.dtype.kind == "f" else np.int32)), tmp_path / "a.tif")
    with pytest.raises(DataError, match=r"a\.tif has pixel values of more than 16 bits"):
        images.read_image(path)


def test_cmyk_is_converted(tmp_path: Path) -> None:
    path = save(Image.new("CMYK", (1, 1), (0, 255, 255, 0)), tmp_path / "a.tif")
    assert images.read_image(path).tolist() == [[list(RED)]]


def test_first_frame_of_an_animation_is_read(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (2, 2), colour) for colour in (RED, GREEN, BLUE)]
    path = save(frames[0], tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert images.read_image(path)[0, 0].tolist() == list(RED)
    assert images.image_size(path) == (2, 2)


# ---- masks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "background", "value"),
    [
        ("1", 0, 1),
        ("L", 0, 1),
        ("L", 0, 255),
        ("P", 0, 3),
        ("I;16", 0, 256),  # would be 0 in the lower 8 bits
        ("RGB", (0, 0, 0), (0, 0, 1)),
        ("RGBA", (0, 0, 0, 255), (0, 1, 0, 0)),
        ("LA", (0, 255), (4, 0)),
    ],
)
def test_mask_is_whatever_is_not_black(tmp_path: Path, mode: str, background: object, value: object) -> None:
    image = Image.new(mode, (3, 2), background)
    image.putpixel((2, 1), value)
    mask = images.read_mask(save(image, tmp_path / "m.png"))
    assert mask.tolist() == [[0, 0, 0], [0, 0, 1]]
    assert mask.dtype == np.uint8


def test_palette_index_counts_and_not_its_colour(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1), 0)
    image.putpalette([*WHITE, 0, 0, 0])  # index 0 white, index 1 black
    image.putpixel((1, 0), 1)
    assert images.read_mask(save(image, tmp_path / "m.png")).tolist() == [[0, 1]]


def test_full_and_empty_masks_stay_so(tmp_path: Path) -> None:
    assert images.read_mask(save(Image.new("L", (2, 2), 255), tmp_path / "full.png")).tolist() == [[1, 1]] * 2
    assert images.read_mask(save(Image.new("L", (2, 2), 0), tmp_path / "empty.png")).tolist() == [[0, 0]] * 2


@pytest.mark.parametrize("mode", ["L", "P", "RGB"])
def test_bits_of_other_pictures_are_those_of_their_mask(tmp_path: Path, mode: str) -> None:
    image = Image.new(mode, (10, 2))
    image.putpixel((9, 1), (0, 0, 9) if mode == "RGB" else 9)
    bits, width = images.read_mask_bits(save(image, tmp_path / "m.png"))
    assert (bits.tolist(), width) == ([[0, 0], [0, 0b01000000]], 10)


# ---- values of masks -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("array", "suffix"),
    [
        (np.array([[0, 1, 255]], dtype=np.uint8), "png"),
        (np.array([[0, 256, 65535]], dtype=np.uint16), "png"),
        (np.array([[0, 256, 65535]], dtype=np.uint16), "tif"),
        (np.array([[-1, 0, 70_000]], dtype=np.int32), "tif"),
        (np.array([[0, 0.5, 1]], dtype=np.float32), "tif"),
    ],
    ids=["8 bits", "16 bits", "16 bits tiff", "32 bits", "float"],
)
def test_mask_values_are_those_of_the_file(tmp_path: Path, array: NDArray, suffix: str) -> None:
    found = images.read_mask_values(save(Image.fromarray(array), tmp_path / f"m.{suffix}"))
    assert found.values.tolist() == array.tolist()
    assert (found.is_colour, found.is_lossy, found.frames) == (False, False, 1)


def test_mask_values_of_one_bit_and_of_big_endian_files(tmp_path: Path) -> None:
    bits = save(Image.fromarray(np.array([[True, False]])), tmp_path / "m.png")
    assert images.read_mask_values(bits).values.tolist() == [[1, 0]]
    assert images.read_mask_values(save(Image.open(bits), tmp_path / "m.tif")).values.tolist() == [[1, 0]]
    swapped = Image.frombytes("I;16B", (2, 1), b"\x01\x00\x00\x02")
    assert images.read_mask_values(save(swapped, tmp_path / "b.tif")).values.tolist() == [[256, 2]]


def test_mask_values_of_a_palette_are_indices_or_colours(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1), 1)
    image.putpalette([0, 0, 0, *RED])
    path = save(image, tmp_path / "m.png")
    assert images.read_mask_values(path).values.tolist() == [[1, 1]]
    found = images.read_mask_values(path, palette_as_colour=True)
    assert (found.values.tolist(), found.is_colour) == ([[0xFF0000] * 2], True)


def test_mask_values_of_colours_are_one_number_and_equal_bands_are_grey(tmp_path: Path) -> None:
    found = images.read_mask_values(save(Image.fromarray(np.array([[RED, BLUE]], dtype=np.uint8)), tmp_path / "c.png"))
    assert (found.values.tolist(), found.is_colour) == ([[0xFF0000, 0x0000FF]], True)
    found = images.read_mask_values(save(Image.new("RGB", (1, 1), (7, 7, 7)), tmp_path / "g.png"))
    assert (found.values.tolist(), found.is_colour) == ([[7]], False)


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        ([(9, 9, 9, 255), (8, 8, 8, 255)], [9, 8]),
        ([(9, 9, 9, 255), (8, 8, 8, 0)], [9, 0]),
        ([(0, 0, 0, 255), (0, 0, 0, 0)], [255, 0]),
        ([(255, 255, 255, 200), (255, 255, 255, 3)], [255, 0]),
    ],
    ids=["opaque", "transparent is background", "black drawn", "white drawn"],
)
def test_transparent_pixels_of_a_mask_are_background(tmp_path: Path, pixels: list, expected: list[int]) -> None:
    image = Image.fromarray(np.array([pixels], dtype=np.uint8))
    assert images.read_mask_values(save(image, tmp_path / "m.png")).values.tolist() == [expected]


def test_lossy_cmyk_and_animated_masks_are_told(tmp_path: Path) -> None:
    assert images.read_mask_values(save(Image.new("L", (4, 4), 255), tmp_path / "m.jpg")).is_lossy
    found = images.read_mask_values(save(Image.new("CMYK", (1, 1), (0, 255, 255, 0)), tmp_path / "m.tif"))
    assert (found.is_cmyk, found.values.tolist()) == (True, [[0xFF0000]])
    frames = [Image.new("L", (1, 1), value) for value in (1, 2, 3)]
    path = save(frames[0], tmp_path / "f.tif", save_all=True, append_images=frames[1:])
    found = images.read_mask_values(path)
    assert (found.frames, found.values.tolist()) == (3, [[1]])


def test_pictures_of_16_bits_are_written_as_they_are(tmp_path: Path) -> None:
    deep = np.array([[0, 1, 65535]], dtype=np.uint16)
    images.write_image(tmp_path / "m.png", deep)
    assert images.read_mask_values(tmp_path / "m.png").values.tolist() == deep.tolist()
    with pytest.raises(DataError, match="expected uint8"):
        images.write_image(tmp_path / "m.jpg", deep)


# ---- writing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "array", [two_by_three(), two_by_three()[..., 0], two_by_three()[:, ::-1]], ids=["rgb", "grey", "view"]
)
def test_png_comes_back_as_it_was_written(tmp_path: Path, array: NDArray[np.uint8]) -> None:
    images.write_image(tmp_path / "new" / "a.png", array)
    back = images.read_image(tmp_path / "new" / "a.png")
    np.testing.assert_array_equal(back if array.ndim == 3 else back[..., 0], array)


def test_bool_mask_is_written_black_and_white(tmp_path: Path) -> None:
    images.write_image(tmp_path / "m.png", np.array([[True, False]]))
    assert images.read_image(tmp_path / "m.png")[0, :, 0].tolist() == [255, 0]
    assert images.read_mask(tmp_path / "m.png").tolist() == [[1, 0]]


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG"])
def test_jpeg_is_close(tmp_path: Path, name: str) -> None:
    ramp = np.repeat(np.arange(0, 256, 4, dtype=np.uint8)[None, :, None], 32, axis=0).repeat(3, axis=2)
    images.write_image(tmp_path / name, ramp)
    with Image.open(tmp_path / name) as image:
        assert image.format == "JPEG"
    assert np.abs(images.read_image(tmp_path / name).astype(int) - ramp).max() < 8


def test_other_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"suffix '\.xyz'; expected \.png or \.jpg"):
        images.write_image(tmp_path / "a.xyz", two_by_three())


@pytest.mark.parametrize(
    "array",
    [np.zeros((2, 3, 3)), np.zeros((2, 3, 4), np.uint8), np.zeros((3,), np.uint8), np.zeros((0, 3), np.uint8)],
    ids=["float", "four channels", "one axis", "empty"],
)
def test_what_is_no_picture_is_refused_and_the_old_file_stays(tmp_path: Path, array: NDArray[np.uint8]) -> None:
    path = tmp_path / "a.png"
    images.write_image(path, two_by_three())
    with pytest.raises(DataError, match=r"a\.png.*expected uint8"):
        images.write_image(path, array)
    np.testing.assert_array_equal(images.read_image(path), two_by_three())
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]


def test_an_image_is_proven_whole_without_being_decoded_in_full(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8)
    for name in ("a.jpg", "a.png"):
        path = tmp_path / name
        images.write_image(path, pixels)
        assert images.prove_whole(path) == (60, 90)
        path.write_bytes(path.read_bytes()[:-400])
        assert images.image_size(path) == (60, 90), "its header alone does not tell"
        with pytest.raises(DataError, match=f"{name} cannot be read"):
            images.prove_whole(path)
    (tmp_path / "page.jpg").write_text("<html>")
    with pytest.raises(DataError, match="is not an image"):
        images.prove_whole(tmp_path / "page.jpg")
