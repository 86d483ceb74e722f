"""Many outlined images on one sheet, to look a data set over."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, get_args

import numpy as np
from PIL import Image, ImageDraw

from contorno import masks
from contorno.draw.instances import CROWD, Style, color_of, draw_instances
from contorno.draw.lettering import Color, readable, shorten
from contorno.draw.picks import varied
from contorno.draw.pictures import Pixels, grid, record_image
from contorno.errors import ConfigError, DataError
from contorno.progress import Progress, silent
from contorno.records import ClassMap, Record, Records
from contorno.splits.drawn import draw_order

Background = Literal["colour", "grey", "dim"]
"""colour: as it is.   grey: all but the objects without colour.   dim: that, and darker."""

Pick = Literal["varied", "random", "first"]

DIM = 0.35
PALETTE = 21
"""Colours before `color_of` repeats."""
_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601, as Pillow's mode L


def contact_sheet(
    records: Records,
    *,
    ncols: int = 4,
    tile_px: int = 320,
    limit: int | None = 24,
    seed: int = 42,
    background: Background = "colour",
    labels: bool | None = None,
    pick: Pick = "varied",
    progress: Progress = silent,
    workers: int | None = None,
) -> Pixels:
    """Draw outlined images in rows of `ncols`, the file name and number of objects below each.

    tile_px:    longest side of each image, px.
    limit:      at most so many images; None draws all.
    pick:       "varied": some of each class, crowded ones, negatives (see `picks.varied`); "random"; "first".
    seed:       the same seed picks the same images.
    background: "grey" leaves only the objects in colour, "dim" darkens the rest too.
    labels:     class names on the objects; unset: where there are several classes.
    workers:    threads that draw; as many as the machine has cores, at most 8, if unset.

    Where there are several classes each has its colour (see `class_colors`), and a key stands below; objects of a
    single class get a colour each. An image that cannot be read gets a tile that says so.
    Returns uint8 (h, w, 3) RGB.
    Raises ConfigError for unknown options and sizes below 1, DataError if there are no records.
    """
    for name, value, known in (("background", background, Background), ("pick", pick, Pick)):
        if value not in get_args(known):
            raise ConfigError(f"{name}={value!r} is not known; choose one of {', '.join(get_args(known))}.")
    if ncols < 1 or tile_px < 16 or (limit is not None and limit < 1):
        raise ConfigError(f"ncols={ncols}, tile_px={tile_px}, limit={limit}: expected at least 1, 16 and 1.")
    chosen = [records[index] for index in _picked(records, limit, seed, pick)]
    if not chosen:
        raise DataError("there are no images to show; check the images and the label file.")
    several = len(records.class_map) > 2
    colors = class_colors(records, records.class_map)
    style = Style(longest_px=tile_px, display_label=several if labels is None else labels)
    pictures: list[Pixels] = []
    with ThreadPoolExecutor(workers if workers is not None else min(8, os.cpu_count() or 1)) as pool:
        drawn = pool.map(lambda record: tile_or_reason(record, records.class_map, colors, style, background), chosen)
        for done, picture in enumerate(drawn, start=1):
            pictures.append(picture)
            progress("drawing images", done, len(chosen))
    sheet = grid(pictures, ncols, [_caption(record) for record in chosen], cell_px=tile_px)
    if not several:
        return sheet
    shown = np.unique(np.concatenate([record.instances.labels for record in chosen]))
    key = {records.class_map.get_by_id(label): colors[label] for label in shown.tolist()}
    return np.concatenate([sheet, _key(key, sheet.shape[1], max(12, tile_px // 24))])


def class_colors(records: Iterable[Record], class_map: ClassMap) -> dict[int, Color]:
    """The colour of each label that has objects; none where there is a single class, whose objects get one each.

    Up to 21 classes have 21 colours, whichever of them the records have. Of a larger class map, the classes that the
    records have get their colours in order, so that the first 21 of those differ.
    """
    if len(class_map) <= 2:
        return {}
    used = {label for record in records for label in np.unique(record.instances.labels).tolist()}
    if len(class_map) - 1 <= PALETTE:
        return {label: color_of(label - 1) for label in used}
    return {label: color_of(place) for place, label in enumerate(sorted(used))}


def on_background(image: Pixels, record: Record, background: Background) -> Pixels:
    """The image with all but the record's objects grey, or grey and dark; an object without a mask fills its box.

    image: uint8 (H, W, 3), of the record's size. Returns a new array; for "colour" the image itself.
    """
    if background == "colour":
        return image
    instances = record.instances
    keep = np.zeros(record.size_hw, dtype=bool)
    codes = [masks.to_run_length(shape, record.size_hw) for shape in instances.geometries if shape is not None]
    if codes:
        keep |= masks.decode(masks.union(codes)) == 1
    for shape, corners in zip(instances.geometries, instances.boxes, strict=True):
        if shape is None:
            x0, y0 = np.maximum(np.floor(corners[:2]), 0).astype(int).tolist()
            x1, y1 = np.maximum(np.ceil(corners[2:]), 0).astype(int).tolist()
            keep[y0:y1, x0:x1] = True
    grey = (image @ _GREY) * (DIM if background == "dim" else 1.0)
    faded = np.rint(grey).astype(np.uint8)[..., None]
    return np.where(keep[..., None], image, faded)


def draw_tile(
    record: Record,
    class_map: ClassMap,
    colors: Mapping[int, Color],
    style: Style,
    background: Background = "colour",
) -> Pixels:
    """One image with its objects outlined, as on a contact sheet.

    colors: of labels; empty: one for each object.
    Raises DataError if the image cannot be read or is not of the size stated.
    """
    image = record_image(record)
    if image.shape[:2] != record.size_hw:
        raise DataError(
            f"image {record.image_id}: it is {image.shape[:2]}, stated is {record.size_hw} (height, width)."
        )
    found = record.instances
    return draw_instances(
        on_background(image, record, background),
        masks=[None if shape is None else masks.to_run_length(shape, found.size_hw) for shape in found.geometries],
        boxes=found.boxes,
        labels=found.labels,
        is_crowd=found.is_crowd,
        class_map=class_map,
        colors=[
            CROWD if crowd else colors[label]
            for label, crowd in zip(found.labels.tolist(), found.is_crowd.tolist(), strict=True)
        ]
        if colors
        else None,
        style=style,
    )


def _picked(records: Records, limit: int | None, seed: int, pick: Pick) -> Iterable[int]:
    if limit is None or pick == "first":
        return range(len(records) if limit is None else min(limit, len(records)))
    if pick == "random":
        return draw_order([record.image_id for record in records], seed)[:limit]
    return [index for index, _ in varied(records, limit, seed)]


def tile_or_reason(
    record: Record,
    class_map: ClassMap,
    colors: Mapping[int, Color],
    style: Style,
    background: Background = "colour",
) -> Pixels:
    """What `draw_tile` gives, or a dark tile that says why the image cannot be drawn."""
    try:
        return draw_tile(record, class_map, colors, style, background)
    except (DataError, OSError) as error:
        return _placard(f"not drawn: {error}", style.longest_px or 320)


def _caption(record: Record) -> str:
    name = record.path.name if record.path is not None else str(record.image_id)
    count = len(record.instances)
    return f"{count if count else 'no'} object{'' if count == 1 else 's'} · {name}"


def _placard(text: str, side: int) -> Pixels:
    """A dark tile with a text in as many lines as it takes, or as fit."""
    tile = Image.new("RGB", (side, side * 3 // 4), (60, 28, 28))
    pen, text_px = ImageDraw.Draw(tile), max(11, side // 26)
    words, y = text.split(), text_px
    while words and y < tile.height - 2 * text_px:
        line = words.pop(0)
        font = readable(line, text_px)[1]
        while words and font.getlength(f"{line} {words[0]}") < side - 2 * text_px:
            line += f" {words.pop(0)}"
        shown, font = shorten(line, text_px, side - 2 * text_px)
        pen.text((text_px, y), shown, fill=(255, 230, 220), font=font)
        y += round(1.4 * text_px)
    return np.array(tile)


def _key(colors: Mapping[str, Color], width: int, text_px: int) -> Pixels:
    """A strip as wide as the sheet with the colour and name of each class shown."""
    gap, chip = text_px, round(0.9 * text_px)
    places: list[tuple[int, int, str, Color]] = []
    x, y = gap, gap // 2
    for name, color in colors.items():
        text, font = shorten(name, text_px, width - 4 * gap)
        needed = chip + gap // 2 + round(font.getlength(text)) + gap
        if x > gap and x + needed > width:
            x, y = gap, y + round(1.6 * text_px)
        places.append((x, y, text, color))
        x += needed
    strip = Image.new("RGB", (width, y + 2 * text_px), (255, 255, 255))
    pen = ImageDraw.Draw(strip)
    for x, y, text, color in places:
        pen.rounded_rectangle((x, y, x + chip, y + chip), radius=3, fill=color, outline=(90, 90, 90))
        font = shorten(text, text_px, width)[1]
        pen.text((x + chip + gap // 2, y + chip / 2), text, fill=(30, 30, 30), font=font, anchor="lm")
    return np.array(strip)
