"""Objects drawn over an image: a translucent fill, a smooth outline along the mask's edge, a small tag.

An overlay is painted within the box of its mask, so a large image costs what its objects cost. Inputs never change.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from contorno.draw.lettering import Color, Tag, draw_tags
from contorno.errors import DataError
from contorno.masks import RunLength, box, decode
from contorno.records import ClassMap

# Told apart by people with any common colour blindness: Okabe and Ito, "Color Universal Design" (2008), those
# first that stand out on photographs; the second and third rounds are the same hues lighter and darker.
_HUES: tuple[Color, ...] = (
    (86, 180, 233),
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (240, 228, 66),
    (213, 94, 0),
    (0, 114, 178),
)
CROWD: Color = (200, 200, 200)
FILL, STRIPE, HALO = 0.34, 0.55, 0.38  # how opaque, 0..1

Scale = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What is drawn, and how large.

    longest_px:   longest side of the result, pixels; unset: as large as the image. Overlays are drawn at that size,
                  so that lines and text stay crisp.
    display_bbox: unset: boxes are drawn only for objects without a mask.
    """

    longest_px: int | None = None
    display_label: bool = True
    display_score: bool = True
    display_bbox: bool | None = None
    display_mask: bool = True


PLAIN = Style()


def color_of(index: int) -> Color:
    """Colour number `index` of a palette of 21 that then repeats."""
    turn = index // len(_HUES) % 3
    toward, share = ((0, 0.0), (255, 0.5), (0, 0.4))[turn]
    red, green, blue = (round(value + (toward - value) * share) for value in _HUES[index % len(_HUES)])
    return red, green, blue


def draw_instances(
    image: NDArray[np.uint8],
    *,
    boxes: NDArray[np.floating[Any]] | Sequence[Sequence[float]],
    labels: NDArray[np.integer[Any]] | Sequence[int],
    masks: Sequence[RunLength | None] | None = None,
    scores: NDArray[np.floating[Any]] | Sequence[float] | None = None,
    class_map: ClassMap | None = None,
    is_crowd: NDArray[np.bool_] | Sequence[bool] | None = None,
    colors: Sequence[Color] | None = None,
    style: Style = PLAIN,
) -> NDArray[np.uint8]:
    """Draw N objects over a copy of an image.

    image:    uint8 (H, W, 3) RGB.
    boxes:    (N, 4) xyxy pixels.   labels: (N,), 1..K.   scores: (N,), 0..1.
    masks:    N run-length codes over the whole image, None for an object that has a box only.
    is_crowd: (N,); crowd regions are hatched grey with a dashed outline.
    colors:   N RGB colours; unset: one per class where there are several classes, else one per object.
    Returns uint8 (h, w, 3): as large as `image`, or scaled to `style.longest_px`.
    Raises DataError if the image is of another type or shape, the lengths differ, or a mask is for another size.
    """
    names = [class_map.get_by_id(int(label)) if class_map else f"class {label}" for label in labels]
    count = len(names)
    corners = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    codes = [None] * count if masks is None else list(masks)
    crowd = [False] * count if is_crowd is None else [bool(flag) for flag in is_crowd]
    given = {"boxes": corners, "masks": codes, "scores": scores, "is_crowd": crowd, "colors": colors}
    _check(image, count, given, codes)

    canvas, scale = _canvas(image, style.longest_px)
    reach = math.sqrt(canvas.width * canvas.height)
    line_px = max(2.0, 0.0036 * reach)
    several = len(class_map) > 2 if class_map else len(set(names)) > 1
    tags: dict[int, Tag] = {}
    # Large objects first, so that a small one in front of a large one keeps its own colour.
    extents = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
    for index in (int(i) for i in np.argsort(-extents, kind="stable")):
        if colors is not None:
            color = colors[index]
        else:
            color = CROWD if crowd[index] else color_of(int(labels[index]) - 1 if several else index)
        frame = corners[index] * np.array(scale * 2)
        code = codes[index] if style.display_mask else None
        anchor_x = None if code is None else _paint_mask(canvas, code, scale, color, line_px, crowd[index])
        if style.display_bbox or (style.display_bbox is None and code is None):
            _paint_box(canvas, frame, color, line_px, crowd[index])
        words = [names[index]] if style.display_label else []
        words += ["(crowd)"] if crowd[index] and style.display_label else []
        words += [f"{float(scores[index]):.2f}"] if scores is not None and style.display_score else []
        if words:
            x0, y0, x1, y1 = (float(value) for value in frame)
            tags[index] = Tag(text=" ".join(words), color=color, box=(x0, y0, x1, y1), anchor_x=anchor_x)
    # Predictions stand best score first, and the best get the best places; without scores, large objects do.
    draw_tags(canvas, [tags[i] for i in (sorted(tags) if scores is not None else tags)], max(12, round(0.028 * reach)))
    return np.array(canvas)


def _check(image: NDArray[Any], count: int, given: dict[str, Any], codes: Sequence[RunLength | None]) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise DataError(
            f"an image to draw on is {image.dtype} of shape {image.shape}; expected uint8 (height, width, 3). "
            "A normalised image goes through denormalize_imagenet first."
        )
    for name, values in given.items():
        if values is not None and len(values) != count:
            raise DataError(f"drawing: {name} has {len(values)} entries for {count} labels; expected one each.")
    for index, code in enumerate(codes):
        if code is not None and code.size != image.shape[:2]:
            raise DataError(
                f"drawing: the mask of object {index} is for an image of {code.size} (height, width); "
                f"this image is {image.shape[:2]}."
            )


def _canvas(image: NDArray[np.uint8], longest_px: int | None) -> tuple[Image.Image, Scale]:
    picture = Image.fromarray(image)
    if longest_px is None or longest_px == max(picture.size):
        return picture.copy(), (1.0, 1.0)
    scale = longest_px / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS), (width / picture.width, height / picture.height)


def _paint_mask(
    canvas: Image.Image, code: RunLength, scale: Scale, color: Color, line_px: float, crowd: bool
) -> float | None:
    """Paint one mask; returns the x of the middle of its top row on the canvas, None if the mask is empty."""
    # Enough blur to read distances a line's width away, and to round off the steps of a mask that is enlarged.
    sigma = max(0.6 * line_px + 0.3, 0.45 * max(scale))
    placed = _coverage(code, scale, margin=math.ceil(line_px + 3 * sigma))
    if placed is None:
        return None
    cover, left, top, anchor_x = placed
    soft = cover.filter(ImageFilter.GaussianBlur(sigma))
    fill = cover.point(_levels(lambda value: FILL * value))
    line = soft.point(_line_levels(line_px, sigma))
    halo = soft.point(_line_levels(line_px + max(1.4, 0.6 * line_px), sigma)).point(_levels(lambda value: HALO * value))
    if crowd:
        stripes = _stripes(cover.size, left + top, round(7 * line_px))
        fill = _times(cover, stripes.point(_levels(lambda value: STRIPE * value)))
        line, halo = _times(line, stripes), _times(halo, stripes)
    for paint, layer in ((color, fill), ((0, 0, 0), halo), (color, line)):
        canvas.paste(paint, (left, top, left + cover.width, top + cover.height), layer)
    return anchor_x


def _coverage(code: RunLength, scale: Scale, margin: int) -> tuple[Image.Image, int, int, float] | None:
    """How far the mask covers each canvas pixel, 0..255, in its box and a margin; with the crop's left, top, anchor."""
    x0, y0, x1, y1 = (int(value) for value in box(code))
    if x1 <= x0:
        return None
    bitmap = decode(code)[y0:y1, x0:x1] * np.uint8(255)
    anchor_x = (x0 + float(np.flatnonzero(bitmap[0]).mean()) + 0.5) * scale[0]
    left, top = math.floor(x0 * scale[0]) - margin, math.floor(y0 * scale[1]) - margin
    right, bottom = math.ceil(x1 * scale[0]) + margin, math.ceil(y1 * scale[1]) + margin
    pad_x, pad_y = (0 if s == 1 else math.ceil(1 / s) + 1 for s in scale)
    pad_x, pad_y = pad_x + math.ceil(margin / scale[0]), pad_y + math.ceil(margin / scale[1])
    source = Image.fromarray(np.pad(bitmap, ((pad_y, pad_y), (pad_x, pad_x))))
    if scale == (1.0, 1.0):
        return source, left, top, anchor_x
    origin_x, origin_y = x0 - pad_x, y0 - pad_y
    window = (
        left / scale[0] - origin_x,
        top / scale[1] - origin_y,
        right / scale[0] - origin_x,
        bottom / scale[1] - origin_y,
    )
    cover = source.resize((right - left, bottom - top), Image.Resampling.BILINEAR, box=window)
    if np.asarray(cover).max() < 128:  # smaller than a pixel of the canvas, and still to be seen
        cover = cover.point(_levels(lambda value: 255 if value else 0))
    return cover, left, top, anchor_x


def _paint_box(canvas: Image.Image, frame: NDArray[np.float64], color: Color, line_px: float, crowd: bool) -> None:
    width = max(2, round(line_px))
    margin = width + 2
    left, top = round(frame[0]) - margin, round(frame[1]) - margin
    size = (round(frame[2]) + margin - left, round(frame[3]) + margin - top)
    for paint, grow, opacity in (((0, 0, 0), 1, HALO), (color, 0, 1.0)):
        layer = Image.new("L", size)
        near, far_x, far_y = margin - grow, size[0] - margin - 1 + grow, size[1] - margin - 1 + grow
        if far_x >= near and far_y >= near:
            ImageDraw.Draw(layer).rectangle(
                (near, near, far_x, far_y), outline=round(255 * opacity), width=width + 2 * grow
            )
        if crowd:
            layer = _times(layer, _stripes(size, left + top, round(7 * line_px)))
        canvas.paste(paint, (left, top, left + size[0], top + size[1]), layer)


@lru_cache(maxsize=64)
def _line_levels(line_px: float, sigma: float) -> list[int]:
    """Table from a blurred mask, 0..255, to how far a line along its edge covers the pixel, 0..255.

    Blurred by a Gaussian, a straight edge becomes the normal distribution of the distance to it; turned round, the
    blurred value tells the distance, and a pixel is covered as far as it lies within half the line's width.
    """
    normal = NormalDist()
    distance = [sigma * abs(normal.inv_cdf(level / 255)) for level in range(1, 255)]
    return [0, *(round(255 * min(max(line_px / 2 + 0.5 - d, 0), 1)) for d in distance), 0]


def _levels(function: Callable[[int], float]) -> list[int]:
    return [round(function(value)) for value in range(256)]


def _stripes(size: tuple[int, int], phase: int, period: int) -> Image.Image:
    """Diagonal stripes, 255 and 0, that run on from one crop to the next."""
    rows, columns = np.ogrid[: size[1], : size[0]]
    return Image.fromarray(np.where((rows + columns + phase) % period < period // 2, 255, 0).astype(np.uint8))


def _times(a: Image.Image, b: Image.Image) -> Image.Image:
    product = np.asarray(a, dtype=np.uint16) * np.asarray(b, dtype=np.uint16) // 255
    return Image.fromarray(product.astype(np.uint8))
