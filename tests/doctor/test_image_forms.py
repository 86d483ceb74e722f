"""Forms of image files that surprise, on real files."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
from contorno.doctor import CheckReport, check_records
from contorno.records import ClassMap, Records
from tiny_coco import kinds, picture

SIZE = (60, 80)


def check(*paths: Path, size: tuple[int, int] = SIZE, near: bool = False) -> CheckReport:
    made = [tiny.record(path.name, size, None, path) for path in paths]
    return check_records({"train": Records(made, ClassMap(["a"]))}, near_duplicates=near)


def files(report: CheckReport) -> dict[str, int]:
    return {kind: count for kind, count in kinds(report).items() if not kind.startswith("rare class")}


def saved(path: Path, mode: str, **options: object) -> Path:
    image = Image.open(picture(path.parent / "source.png"))
    image.convert(mode).save(path, **options)
    return path


def sixteen_bit_colour(path: Path) -> Path:
    """A PNG that Pillow reads and cannot write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes(range(80)) * 6) * 60
    head = struct.pack(">IIBBBBB", 80, 60, 16, 2, 0, 0, 0)
    data = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    return path


@pytest.mark.parametrize(
    ("name", "mode", "kind", "severity"),
    [
        ("a.jpg", "CMYK", "image in CMYK", "warning"),
        ("a.jpg", "L", "grey image", "note"),
        ("a.png", "1", "grey image", "note"),
        ("a.png", "P", "palette image", "note"),
        ("a.png", "RGBA", "image with an alpha channel", "note"),
        ("a.png", "LA", "image with an alpha channel", "note"),
        ("a.tif", "F", "image of 32 bits a colour", "warning"),
    ],
)
def test_colours(tmp_path: Path, name: str, mode: str, kind: str, severity: str) -> None:
    report = check(saved(tmp_path / name, mode))
    assert files(report) == {kind: 1}
    assert next(fault.severity for fault in report.faults if fault.kind == kind) == severity


def test_sixteen_bits_grey_and_colour(tmp_path: Path) -> None:
    Image.fromarray(np.arange(4800, dtype=np.uint16).reshape(SIZE)).save(tmp_path / "deep.png")
    assert files(check(tmp_path / "deep.png", near=True)) == {"image of 16 bits a colour": 1}
    assert files(check(sixteen_bit_colour(tmp_path / "colour.png"))) == {"image of 16 bits a colour": 1}


def test_palette_with_transparency_animation_and_wrong_suffix(tmp_path: Path) -> None:
    saved(tmp_path / "see.png", "P", transparency=0)
    frames = [Image.new("L", SIZE[::-1], shade) for shade in (0, 90, 200)]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    saved(tmp_path / "really.png", "RGB").rename(tmp_path / "said.jpg")
    assert "palette image with transparency" in files(check(tmp_path / "see.png"))
    assert "image with several frames" in files(check(tmp_path / "film.gif"))
    assert files(check(tmp_path / "said.jpg")) == {"image file with the suffix of another format": 1}


def test_missing_files_are_told_by_what_is_there(tmp_path: Path) -> None:
    picture(tmp_path / "a.JPG")
    (tmp_path / "empty.jpg").touch()
    picture(tmp_path / "other.png")
    report = check(tmp_path / "a.jpg", tmp_path / "empty.jpg", tmp_path / "other.jpg")
    assert files(report) == {
        "image file named in another case": 1,
        "image file of zero bytes": 1,
        "image file missing": 1,
    }
    assert "'other.png' is there" in next(f.cause for f in report.faults if f.kind == "image file missing")


@pytest.mark.parametrize(
    ("orientation", "stated", "kind"),
    [
        (6, (60, 80), "image turned by EXIF against its annotation"),
        (6, (80, 60), "image turned by EXIF"),
        (3, (60, 80), "image turned by EXIF"),
        (1, (80, 60), "image with width and height swapped"),
        (6, (61, 80), "image of another size than stated"),
    ],
)
def test_exif(tmp_path: Path, orientation: int, stated: tuple[int, int], kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.open(picture(tmp_path / "source.png")).save(tmp_path / "a.jpg", exif=exif)
    assert files(check(tmp_path / "a.jpg", size=stated)) == {kind: 1}
