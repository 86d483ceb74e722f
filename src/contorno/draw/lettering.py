"""Text on pictures: a font that needs no download, and small tags that stay inside the image and off each other."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

Color = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

# Pillow's built-in font has no accents and no script but Latin, so for other text the fonts of the system are tried
# by name (Linux, macOS, Windows).
SYSTEM_FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "Arial.ttf",
    "arial.ttf",
    "Arial Unicode.ttf",
    "NotoSansCJK-Regular.ttc",
    "PingFang.ttc",
    "msyh.ttc",
    "msgothic.ttc",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A label to be placed: its text, its colour, and the object it names.

    box: xyxy pixels of the object.   anchor_x: where, between the box's sides, the object is highest; None puts the
    tag at the box's left corner.
    """

    text: str
    color: Color
    box: tuple[float, float, float, float]
    anchor_x: float | None = None


def draw_tags(canvas: Image.Image, tags: Sequence[Tag], text_px: int) -> None:
    """Draw tags on `canvas`, the first ones first, each near its object, inside the image, on no earlier tag.

    A tag that finds no free place is left out: one on top of another could be read by nobody.
    """
    pen = ImageDraw.Draw(canvas)
    taken: list[tuple[int, int, int, int]] = []
    pad = max(2, text_px // 4)
    for tag in tags:
        text, font = shorten(tag.text, text_px, canvas.width - 2 * pad)
        _, top, _, bottom = font.getbbox(text + "Ag")
        width = round(font.getlength(text)) + 2 * pad
        height = round(bottom - top) + pad
        place = _free_place(tag, (width, height), canvas.size, taken)
        if not text or place is None:
            continue
        taken.append(place)
        pen.rounded_rectangle((place[0], place[1], place[2] - 1, place[3] - 1), radius=pad, fill=tag.color)
        ink = (0, 0, 0) if luminance(tag.color) > 0.22 else (255, 255, 255)
        pen.text((place[0] + pad, place[1] + pad / 2 - top), text, fill=ink, font=font)


def shorten(text: str, text_px: int, width_px: float) -> tuple[str, Font]:
    """The text that fits into `width_px`, cut with an ellipsis if need be ("" if not even that fits), and its font."""
    # Letters are a pixel wide at the least, so of a text of thousands most need not be looked at.
    text, font = readable(text[: 2 * max(1, int(width_px))], text_px)
    if font.getlength(text) <= width_px:
        return text, font
    least, most = 0, len(text)  # the longest that fits is among these
    while most - least > 1:
        middle = (least + most) // 2
        if font.getlength(text[:middle].rstrip() + "…") <= width_px:
            least = middle
        else:
            most = middle
    return (text[:least].rstrip() + "…", font) if least else ("", font)


def readable(text: str, text_px: int) -> tuple[str, Font]:
    """The text and the font that can write most of it, built in or of the system; what it lacks loses its accents."""
    text = " ".join(text.split())
    font = built_in_font(text_px)
    missing = _missing(font, text)
    for name in SYSTEM_FONTS:
        if not missing:
            return text, font
        other = _system_font(name, text_px)
        if other is not None and len(lacks := _missing(other, text)) < len(missing):
            font, missing = other, lacks
    return "".join(_without_accents(c) if c in missing else c for c in text), font


@lru_cache(maxsize=32)
def built_in_font(text_px: int) -> Font:
    """Pillow's own font at this size."""
    return ImageFont.load_default(text_px)


@lru_cache(maxsize=256)
def _system_font(name: str, text_px: int) -> Font | None:
    try:
        return ImageFont.truetype(name, text_px)
    except OSError:
        return None


def _missing(font: Font, text: str) -> set[str]:
    """Characters of `text` that the font has no glyph for."""
    nothing = bytes(font.getmask("\uffff"))
    return {c for c in text if not c.isascii() and bytes(font.getmask(c)) == nothing}


def _without_accents(character: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))


def luminance(color: Color) -> float:
    """Relative luminance 0..1 of an sRGB colour (WCAG 2)."""
    linear = [v / 3294.6 if v <= 10 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in color]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _free_place(
    tag: Tag, size: tuple[int, int], canvas: tuple[int, int], taken: Sequence[tuple[int, int, int, int]]
) -> tuple[int, int, int, int] | None:
    width, height = size
    x0, y0, x1, y1 = tag.box
    gap = 3
    left = x0 if tag.anchor_x is None else tag.anchor_x - width / 2
    candidates = (
        (left, y0 - height - gap),
        (left, y0 + gap),
        ((x0 + x1 - width) / 2, (y0 + y1 - height) / 2),
        (left, y1 + gap),
        (x1 + gap, (y0 + y1 - height) / 2),
        (x0 - width - gap, (y0 + y1 - height) / 2),
        (x1 - width, y0 - height - gap),
    )
    for x, y in candidates:
        corner_x = round(min(max(x, 0), canvas[0] - width))
        corner_y = round(y)
        place = (corner_x, corner_y, corner_x + width, corner_y + height)
        if place[0] < 0 or place[1] < 0 or place[3] > canvas[1]:
            continue
        if not any(_overlap(place, other) for other in taken):
            return place
    return None


def _overlap(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
