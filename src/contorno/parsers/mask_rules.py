"""Settle how the mask pictures of a data set are read: what they are, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import get_args

from contorno.errors import ConfigError, DataError
from contorno.images import MaskValues
from contorno.parsers.label_maps import MaskKind, Rules, read_picture
from contorno.parsers.mask_classes import StatedClasses, Values, stated_classes
from contorno.parsers.mask_conventions import Convention
from contorno.parsers.mask_folder_names import subfolders
from contorno.parsers.mask_kinds import find_kind
from contorno.parsers.mask_reading import shares_class
from contorno.parsers.mask_values import colour_number
from contorno.parsers.mask_walk import MaskedImage

_LOOKED_AT = 16


def stated_below(path: Path) -> StatedClasses | None:
    """What a file says of the masks: in the folder itself, or that of a table, else in one of its folders, where
    exports divide."""
    home = path if path.is_dir() else path.parent
    found = (stated_classes(folder) for folder in (home, *(subfolders(home) if path.is_dir() else ())))
    return next((stated for stated in found if stated is not None), None)


def settle_rules(
    rules: Rules,
    images: list[MaskedImage],
    asked: MaskKind | None,
    stated: StatedClasses | None,
    known: Convention | None,
) -> tuple[Rules, str]:
    """The rules with their kind, and why it is that one.

    rules: all but the kind.   asked: the kind that the caller asks for.   stated: what a file beside them says.
    known: their convention, which comes before all.
    """
    kind, binary, how = asked, False, "asked for"
    masked = [image for image in images if image.masks]
    if known is not None:
        return replace(rules, kind=known.kind), f"{known.kind}: {known.how}"
    if kind is None and stated is not None and stated.kind in get_args(MaskKind):
        kind, how = stated.kind, f"{stated.path.name} says so"  # type: ignore[assignment]
    if kind is None:
        several = sum(image.many or shares_class(image) for image in masked)
        if 2 * several > len(masked):
            kind, how = "instances", f"{several} of {len(masked)} images have a mask picture for each object"
    if kind is None and rules.names is not None:
        kind, how = "semantic", "the class of each value is given"
    if kind is None or (kind == "semantic" and rules.names is None):
        # Spread over all, since neighbours may come from one source.
        step = max(1, len(masked) // _LOOKED_AT)
        looked_at = [image.masks[0].path for image in masked[::step]]
        found, is_binary, why = find_kind(_readable(looked_at), rules.void)
        binary = found == "semantic" and is_binary
        kind, how = (found, why) if kind is None else (kind, how)
    return replace(rules, kind=kind, binary=binary), f"{kind}: {how}"


def _readable(paths: Iterable[Path]) -> Iterable[MaskValues]:
    for path in paths:
        try:
            yield read_picture(path, None)
        except DataError:
            continue  # counted when all are read


def numbered(values: Values) -> tuple[dict[int, str], bool]:
    """Classes by number, and whether these are colours. Raises ConfigError for what is neither."""
    by_colour = any(not isinstance(key, int) for key in values)
    try:
        if not by_colour:
            return {int(key): name for key, name in values.items() if isinstance(key, int)}, False
        return {colour_number(key): name for key, name in values.items()}, True  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ConfigError(f"values={values!r}: expected {{value: class}} or {{(R, G, B): class}}.") from error


def own_names(
    image: MaskedImage, known: Convention | None, stated: Mapping[str, Mapping[int, str]]
) -> Mapping[int, str] | None:
    """The class of each value in the pictures of one image, or None; where each has a list of its own, that may be
    empty.

    stated: what a file says of each image, by its name.
    """
    if known is not None and known.of_image:
        return known.of_image.get(image.name)
    return stated.get(image.name) or None


def check_options(
    choices: Mapping[str, tuple[object, tuple[object, ...]]], numbers: Mapping[str, tuple[int, int, int | None]]
) -> None:
    """Check options of MaskFolderParser: each of `choices` against what is known, each of `numbers` against the least
    and most that it may be. Raises ConfigError for the first that is not so."""
    for option, (value, known) in choices.items():
        if value not in known:
            raise ConfigError(f"{option}={value!r} is not known; choose one of {', '.join(map(str, known))}.")
    for option, (number, least, most) in numbers.items():
        if number < least or (most is not None and number > most):
            raise ConfigError(
                f"{option}={number}: expected a whole number from {least} {f'to {most}' if most else 'on'}."
            )
