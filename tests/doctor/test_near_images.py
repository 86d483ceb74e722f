"""Pictures saved again are found, and different pictures are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

import tiny
from contorno.doctor import check_records
from contorno.doctor.near_images import MOST_BITS, near_pairs
from contorno.doctor.near_images import _close as close_marks
from contorno.images import image_size
from contorno.records import ClassMap, Records
from tiny_coco import kinds, picture

SIZE = (240, 320)


def records(*paths: Path) -> Records:
    made = []
    for path in paths:
        made.append(tiny.record(str(path), image_size(path), None, path))
    return Records(made, ClassMap(["a"]))


def found(train: list[Path], validation: list[Path]) -> dict[str, int]:
    report = check_records({"train": records(*train), "validation": records(*validation)}, near_duplicates=True)
    return {kind: count for kind, count in kinds(report).items() if "picture" in kind or "file" in kind}


@pytest.mark.parametrize("way", ["recompressed", "resized", "brightened", "as PNG", "mirrored"])
def test_copy_in_another_split_is_an_error(tmp_path: Path, way: str) -> None:
    train = [picture(tmp_path / f"{seed}.jpg", seed=seed, size=SIZE) for seed in range(5)]
    image = Image.open(train[2])
    copy = tmp_path / ("copy.png" if way == "as PNG" else "copy.jpg")
    if way == "recompressed":
        image.save(copy, quality=35)
    elif way == "resized":
        image.resize((200, 150)).save(copy, quality=85)
    elif way == "brightened":
        ImageEnhance.Brightness(image).enhance(0.85).save(copy, quality=85)
    elif way == "mirrored":
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(copy, quality=85)
    else:
        image.save(copy)
    assert found(train, [copy]) == {"same picture in two splits": 1}


def test_mirrored_copy_is_called_so_and_told_once(tmp_path: Path) -> None:
    train = [picture(tmp_path / f"{seed}.png", seed=seed, size=SIZE) for seed in range(3)]
    Image.open(train[1]).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "copy.png")
    report = check_records({"train": records(*train, tmp_path / "copy.png")}, near_duplicates=True)
    fault = next(fault for fault in report.faults if "same picture twice" in fault.kind)
    assert fault.count == 1
    assert "is the same picture, mirrored, as" in fault.cause


def test_frames_of_one_scene_are_called_near_only(tmp_path: Path) -> None:
    first = picture(tmp_path / "1.png", size=SIZE)
    image = Image.open(first)
    image.paste((255, 255, 255), (100, 60, 115, 75))
    image.save(tmp_path / "2.png")
    assert found([first], [tmp_path / "2.png"]) == {"nearly the same picture in two splits": 1}
    assert found([first, tmp_path / "2.png"], []) == {"nearly the same picture twice in a split": 1}


def test_different_and_uniform_pictures_are_not_alike(tmp_path: Path) -> None:
    different = [picture(tmp_path / f"{seed}.png", seed=seed, size=SIZE) for seed in range(30)]
    for shade in range(10):
        Image.new("RGB", SIZE[::-1], (shade, shade * 20, 9)).save(tmp_path / f"flat{shade}.png")
    assert found(different, [tmp_path / f"flat{shade}.png" for shade in range(10)]) == {}


def test_same_bytes_are_told_once_as_the_same_file(tmp_path: Path) -> None:
    first = picture(tmp_path / "1.png", size=SIZE)
    (tmp_path / "2.png").write_bytes(first.read_bytes())
    assert found([first], [tmp_path / "2.png"]) == {"image file in two splits": 1}


def test_no_pair_of_fingerprints_is_missed() -> None:
    rng = np.random.default_rng(0)
    marks = rng.integers(0, 1 << 63, 400, dtype=np.uint64)
    for index in range(0, 200, 2):  # neighbours that differ in 0 to 9 bits
        bits = rng.choice(64, index % 10, replace=False).astype(np.uint64)
        marks[index + 1] = marks[index] ^ np.bitwise_or.reduce(np.uint64(1) << bits, initial=np.uint64(0))
    for byte in range(8):  # neighbours that share this one byte only
        others = [np.uint64(1) << np.uint64(8 * at + 3) for at in range(8) if at != byte]
        marks[201 + 2 * byte] = marks[200 + 2 * byte] ^ np.bitwise_or.reduce(np.array(others))
    marks = np.unique(marks)
    rows, columns = np.nonzero(np.bitwise_count(marks[:, None] ^ marks[None, :]) <= MOST_BITS)
    expected = {(a, b) for a, b in zip(rows.tolist(), columns.tolist(), strict=True) if a < b}
    pairs = {tuple(sorted(pair)) for a, b in close_marks(marks) for pair in zip(a.tolist(), b.tolist(), strict=True)}
    assert pairs == expected
    assert len(expected) > 50


def test_pictures_pair_with_their_copies_only() -> None:
    small = np.random.default_rng(1).integers(60, 180, (5, 32, 32)).astype(np.uint8)
    assert [(pair.first, pair.second) for pair in near_pairs(np.concatenate([small, small]))] == [
        (n, n + 5) for n in range(5)
    ]
