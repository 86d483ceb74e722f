"""File names of masks, by which the parser finds their image and class again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from contorno.errors import ConfigError
from contorno.parsers.label_maps import MaskKind
from contorno.parsers.mask_names import ImageNames, Owner, class_in_name, escape_class


def check_names(names: Sequence[str]) -> None:
    times = Counter(name.casefold() for name in names)
    for name in names:
        if times[name.casefold()] > 1:
            raise ConfigError(f"two images would both be written as {name!r}; give them file names that differ.")


def mask_targets(names: Sequence[str], kind: MaskKind) -> dict[str, str]:
    """For each image the name of its masks that the parser takes for it: without the image's suffix where that does."""
    known = ImageNames(names)
    targets = {}
    for name in names:
        stem = PurePosixPath(name).with_suffix("").as_posix()
        for target in (stem, name):
            owner = known.owner(f"{target}/object_1.png" if kind == "instances" else f"{target}.png")
            if isinstance(owner, Owner) and owner.image == name and owner.class_name is None:
                targets[name] = target
                break
        else:
            raise ConfigError(
                f"no mask can be named for the image {name!r} alone beside the others; give it another file name."
            )
    return targets


def mask_stems(names: Sequence[str], ids: Sequence[int | str] | None) -> list[str]:
    """File names of the masks of one image: the ids where they tell the same classes and order, else numbered."""
    numbered = [f"{escape_class(name)}_{number}" for number, name in enumerate(names, start=1)]
    if ids is None or not all(isinstance(own, str) and _can_be_stem(own) for own in ids):
        return numbered
    own = [str(one) for one in ids]
    says = [class_in_name(f"_{stem}") for stem in own]
    distinct = len({stem.casefold() for stem in own}) == len(own)
    numbers = [stem.rpartition("_")[2] for stem in own]
    in_order = all(number.isascii() and number.isdigit() and len(number) < 10 for number in numbers) and sorted(
        range(len(own)), key=lambda index: (int(numbers[index]), own[index])
    ) == list(range(len(own)))
    return own if says == list(names) and distinct and in_order else numbered


def _can_be_stem(text: str) -> bool:
    return len(text.encode()) <= 200 and all(sign.isalnum() or sign in "_- %" for sign in text) and text == text.strip()
