"""Which image a mask picture belongs to, and what class its name tells, from file names alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import quote, unquote

from contorno.records import BACKGROUND
from contorno.splits.words import SPLIT_WORDS

_MARKS = "masks|mask|labels|label|labelmap|gt|seg|segmentation|annotation|cp_masks|cp_mask|instances|semantic|trimap"
_MARK = re.compile(rf"[\W_]*(?:{_MARKS})", re.IGNORECASE)
_IMAGE_MARK = re.compile(r"[_\-. ](?:img|image|leftimg8bit|rgb|sat|raw)$", re.IGNORECASE)
_KIND_IN_FRONT = re.compile(rf"^(?:images?|img|{_MARKS})[_\-. ]?(?=[^_\-. ])", re.IGNORECASE)
_OPEN_IMAGES = re.compile(r"^[_\-]m([0-9a-z_]+?)_[0-9a-f]{4,8}$")
_CLASS_WITH_NUMBER = re.compile(r"^(?P<name>[^\W\d_].*?)(?:[_\-. ]*\(?\d+\)?)?$")
_SAYS_NOTHING = frozenset(
    f"{_MARKS}|img|image|images|instance|inst|object|objects|obj|part|roi|id|n|nr|no|layer|frame|copy|poly|polygon|shape"
    "|region|cell_mask|binary|bin|component|crop|file|png|tif|annotations|segmentations|m|mask_instance|instance_mask"
    f"|trimaps|png_masks|p|l|gtfine|gtcoarse|gtfine_instanceids|gtfine_labelids|gtfine_labeltrainids|gtfine_color|instanceids|labelids|{BACKGROUND}".split(
        "|"
    )
)
_CODE = re.compile(r"^[0-9a-f]{6,}$|^[0-9a-f]{8}-[0-9a-f-]{20,}$|^(?=.*\d)\w{16,}$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The image that a mask belongs to. class_name: as the names tell it, None where they do not.
    many: the names say that an image has several such masks (a folder for each image, or numbers)."""

    image: str
    class_name: str | None = None
    many: bool = False


Strange = Literal["mask of no image", "mask that fits several images"]


@dataclass(slots=True)
class ImageNames:
    """Images by their names, to find the one that a mask is named for. images: relative names with suffix."""

    images: Iterable[str]
    _exact: dict[str, list[str]] = field(default_factory=dict)
    _folded: dict[str, list[str]] = field(default_factory=dict)
    _bases: dict[str, list[str]] = field(default_factory=dict)
    _marked: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.images:
            path = PurePosixPath(name)
            stem = str(path.with_suffix(""))
            for key in (name, stem):
                self._exact.setdefault(key, []).append(name)
                self._folded.setdefault(key.casefold(), []).append(name)
            for base in {path.stem.casefold(), _without_kind(path.stem).casefold()}:
                self._bases.setdefault(base, []).append(name)
            for other in (_IMAGE_MARK.sub("", stem), str(path.with_name(_without_kind(path.stem)))):
                if other != stem:
                    self._marked.setdefault(other.casefold(), []).append(name)

    def owner(self, mask: str) -> Owner | Strange:
        """The image of a mask, given the mask's name below the mask folder.

        In this order: the same path and name; a folder named for an image; the image's name with something behind it
        that starts with a sign other than a letter or digit (the longest such name); each of these again with one
        folder of the path taken for the class; the same name in any folder.
        """
        path = PurePosixPath(mask)
        found = self._in_folder(path.parent, path.stem)
        if found is not None:
            return found
        for at in range(len(path.parts) - 1):
            parts = [*path.parts[:at], *path.parts[at + 1 :]]
            rest = PurePosixPath(*parts)
            found = self._in_folder(rest.parent, path.stem)
            if isinstance(found, Owner):
                name = found.class_name or class_of_folder(path.parts[at])
                return Owner(image=found.image, class_name=name, many=found.many)
            if found is not None:
                return found
        images = self._bases.get(path.stem.casefold()) or self._bases.get(_without_kind(path.stem).casefold(), [])
        return _only(images) if images else "mask of no image"

    def _in_folder(self, folder: PurePosixPath, stem: str) -> Owner | Strange | None:
        images = self._named(str(folder / stem))
        if images:
            return _only(images)
        if folder.parts:
            images = self._named(str(folder))
            if images:
                return _only(images, class_in_name(f"_{stem}"), many=True)
        marked = str(folder / _without_kind(stem))
        # The longest image name wins: img_10_1 is of img_10 and never of img_1.
        for end in range(len(stem) - 1, 0, -1):
            if stem[end].isalnum():
                continue
            images = self._named(str(folder / stem[:end]))
            if images:
                return _only(images, class_in_name(stem[end:]), many=_is_numbered(stem[end:]))
        mark = re.search(rf"(?:{_MARKS})$", stem, re.IGNORECASE)
        if mark and mark.start():
            images = self._named(str(folder / stem[: mark.start()]))
            if images:
                return _only(images)
        images = self._named(marked) or self._marked.get(marked.casefold(), [])
        return _only(images) if images else None

    def _named(self, key: str) -> list[str]:
        if key in self._exact:
            return self._exact[key]
        folded = key.casefold()
        return self._folded.get(folded) or self._marked.get(folded, [])


def split_of_folder(name: str) -> str | None:
    """The split that a folder is named for: "train", "validation", "test", or None."""
    return SPLIT_WORDS.get(name.casefold())


def class_of_folder(name: str) -> str | None:
    """The class that a folder of masks is named for; None for names of splits and words that only say "mask"."""
    return None if name.casefold() in _SAYS_NOTHING or split_of_folder(name) else name


def class_in_name(rest: str) -> str | None:
    """The class in what follows an image's name: "_cat_1" -> "cat", "_m0abc_12ef" -> "/m/0abc".

    None for numbers, for words that only say that it is a mask, and for checksums. Names escaped by `escape_class` come
    back as they were.
    """
    machine_id = _OPEN_IMAGES.match(rest)
    if machine_id and any(sign.isdigit() for sign in machine_id[1]):
        return f"/m/{machine_id[1]}"
    rest = rest.lstrip("_-. ()")
    mark = _MARK.match(rest)
    if mark and (mark.end() == len(rest) or not rest[mark.end()].isalnum()):
        rest = rest[mark.end() :].lstrip("_-. ()")
    if "%" in rest:
        return unquote(re.sub(r"_\d+$", "", rest))
    found = _CLASS_WITH_NUMBER.match(rest)
    if not found:
        return None
    name = found["name"].rstrip("_-. (")
    return None if name.casefold() in _SAYS_NOTHING or _CODE.match(name) else name


def escape_class(name: str) -> str:
    """A class name as part of a file name, so that `class_in_name(f"_{...}_1")` gives it back."""
    text = quote(name, safe=" ").replace("~", "%7E")
    if class_in_name(f"_{text}_1") == name and "%" not in text and text == text.strip("."):
        return text
    first = text[0] if text[0] != "%" else ""
    return f"%{ord(first):02X}{text[1:]}" if first else text


def _without_kind(stem: str) -> str:
    return _KIND_IN_FRONT.sub("", stem) or stem


def _is_numbered(rest: str) -> bool:
    return bool(re.search(r"\d", rest)) or bool(_OPEN_IMAGES.match(rest))


def _only(images: list[str], class_name: str | None = None, *, many: bool = False) -> Owner | Strange:
    if len(set(images)) > 1:
        return "mask that fits several images"
    return Owner(image=images[0], class_name=class_name, many=many)
