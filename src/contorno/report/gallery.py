"""Outlined samples of a data set for its page, in files small enough to be part of it."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from contorno.draw.contact_sheet import class_colors, tile_or_reason
from contorno.draw.instances import Style
from contorno.draw.picks import varied
from contorno.gathering.relabelling import joined_class_map, with_classes
from contorno.progress import Progress, silent
from contorno.records import ClassMap, Record, Records

SAMPLE_PX = 560
"""Longest side of a sample: twice what it takes up on the page, for screens of high density."""
PICTURE_BYTES = 3_300_000
"""Of all samples together; in the page, as text, they take a third more, so that it stays under 5 MB."""
MOST_BYTES = 160_000
"""Of one sample."""


def gallery(records_by_split: Mapping[str, Records], samples: int, seed: int, progress: Progress = silent) -> str:
    """The samples as HTML figures; "" if there are no records. Those of `picks.varied`; see `data_page`."""
    maps = [records.class_map for records in records_by_split.values()]
    class_map = joined_class_map([one.names for one in maps], maps[0].background if maps else ClassMap().background)
    everything = [
        (split, with_classes(record, records.class_map.names, class_map))
        for split, records in records_by_split.items()
        for record in records
    ]
    records = [record for _, record in everything]
    chosen = varied(records, samples, seed, class_map=class_map)
    if not chosen:
        return ""
    colors = class_colors(records, class_map)
    style = Style(longest_px=SAMPLE_PX, display_label=len(class_map) > 2)

    def picture(index: int) -> NDArray[np.uint8]:
        return tile_or_reason(records[index], class_map, colors, style)

    figures = []
    most = min(MOST_BYTES, PICTURE_BYTES // len(chosen))
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        drawn = pool.map(picture, [index for index, _ in chosen])
        for done, (image, (index, why)) in enumerate(zip(drawn, chosen, strict=True), start=1):
            split, record = everything[index]
            figures.append(_figure(image, record, split if len(records_by_split) > 1 else "", why, most))
            progress("drawing samples", done, len(chosen))
    return f'<div class="gallery">{"".join(figures)}</div>'


def _figure(image: NDArray[np.uint8], record: Record, split: str, why: str, most: int) -> str:
    name = record.path.name if record.path is not None else str(record.image_id)
    count = len(record.instances)
    said = f"{count if count else 'no'} object{'' if count == 1 else 's'}"
    facts = ", ".join(text for text in (said, split, f"{record.size_hw[1]} × {record.size_hw[0]} px") if text)
    reason = f"<b>{escape(why)}</b><br>" if why and why != "no objects" else ""
    uri, width, height = jpeg_uri(image, most)
    return (
        f'<figure><img src="{uri}" width="{width}" height="{height}" alt="{escape(f"{name}: {said}")}">'
        f"<figcaption>{reason}{escape(facts)}<br>{escape(name)}</figcaption></figure>"
    )


def jpeg_uri(image: NDArray[np.uint8], most_bytes: int) -> tuple[str, int, int]:
    """A JPEG data URI of at most so many bytes before they become text, with its width and height.

    image: uint8 (H, W, 3) RGB. First the quality goes down, then the size.
    """
    picture, quality = Image.fromarray(image), 84
    while True:
        out = io.BytesIO()
        # Thin coloured outlines smear if colours are stored at half size, as JPEG does by default.
        picture.save(out, "JPEG", quality=quality, subsampling=0)
        if out.tell() <= most_bytes or max(picture.size) < 64:
            uri = f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
            return uri, picture.width, picture.height
        if quality > 65:
            quality -= 10
        else:
            picture = picture.resize((max(1, picture.width * 3 // 4), max(1, picture.height * 3 // 4)))
