"""COCO files of other tasks than instances: panoptic, captions, keypoints. They have the same tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from contorno.parsers.coco_text import SplitDocument

_FIRST = 20
_HEAD_BYTES = 1 << 18


def other_task(document: Mapping[str, Any]) -> str | None:
    """What a COCO file is instead of one of instances, told by its first annotations, which must agree; else None."""
    first = _first_annotations(document)
    if not first:
        return None
    if all("segments_info" in entry for entry in first):
        return "a COCO panoptic file, whose masks are in PNG files"
    outlined = any("bbox" in entry or "segmentation" in entry for entry in first)
    if all("caption" in entry for entry in first) and not outlined:
        return "a COCO captions file, without objects"
    if all("keypoints" in entry for entry in first) and not outlined:
        return "a COCO file of keypoints alone, without boxes and masks"
    return None


def _first_annotations(document: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    if "annotations" not in document:
        return []
    if isinstance(document, SplitDocument):
        return _beginning(bytes(document.text("annotations")[:_HEAD_BYTES]))
    table = document["annotations"]
    return [entry for entry in table[:_FIRST] if isinstance(entry, dict)] if isinstance(table, list) else []


def _beginning(text: bytes) -> list[dict[str, Any]]:
    """The first entries of an array that lie in the beginning of its text."""
    decoded = text.decode("utf-8", "ignore")
    decoder, at, found = json.JSONDecoder(), 1, []
    for _ in range(_FIRST):
        while at < len(decoded) and decoded[at] in " \t\r\n,":
            at += 1
        try:
            entry, at = decoder.raw_decode(decoded, at)
        except (ValueError, RecursionError):
            break
        if isinstance(entry, dict):
            found.append(entry)
    return found
