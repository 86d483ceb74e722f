"""Some images and objects of a data set, and an account of the others."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from contorno.class_map import ClassMap, fold_name
from contorno.errors import ConfigError
from contorno.gathering.relabelling import check_classes, with_classes
from contorno.object_sizes import object_areas
from contorno.records import ImageId, ParseReport, Record, Records
from contorno.splits.drawn import draw_order

Negatives = Literal["keep", "drop"] | float


def subset(
    records: Records,
    *,
    classes: Sequence[str] | None = None,
    without_classes: Sequence[str] | None = None,
    images: Collection[ImageId] | None = None,
    min_area: float | None = None,
    max_area: float | None = None,
    min_objects: int | None = None,
    max_objects: int | None = None,
    negatives: Negatives = "keep",
    keep_empty: bool = False,
    keep_class_map: bool = False,
    limit: int | None = None,
    seed: int = 42,
) -> Records:
    """Choose from a data set, in the order of the options below; the result's `report` counts what was left out.

    images:           ids of the images to keep; the text of a number finds the number.
    classes:          keep objects of these classes only.   without_classes: leave out those of these.
    min_area, max_area: keep objects of at least, at most, so many px² (see `object_sizes`).
    keep_empty:       keep images that lose all their objects by this, as negatives; if False they are left out.
    min_objects, max_objects: keep images with at least, at most, so many objects; negatives do not count here.
    negatives:        images without objects: "keep", "drop", or a number: at most so many for each image with objects,
                      drawn by `seed`.
    limit:            at most so many images, drawn by `seed`.
    keep_class_map:   keep classes left out by `classes` and `without_classes` in the class map, and labels as they are.

    Images stay in their order. The same seed draws the same images, whatever the order.
    Raises ConfigError for unknown classes and ids, and for numbers that make no sense.
    """
    _check(classes, without_classes, min_area, max_area, min_objects, max_objects, negatives, limit)
    names = records.class_map.names
    check_classes([*(classes or ()), *(without_classes or ())], names)
    out: Counter[str] = Counter()
    chosen = list(records) if images is None else _by_id(records, images, out)

    kept_names = _kept_names(names, classes, without_classes)
    keep_label = np.array([False, *(name in kept_names for name in names)])
    found = _by_area(_by_class(chosen, keep_label, names, out), min_area, max_area, out)
    if not keep_empty:
        lost = [len(before.instances) > len(after.instances) == 0 for before, after in zip(chosen, found, strict=True)]
        out["image that lost all its objects"] += sum(lost)
        found = [record for record, is_lost in zip(found, lost, strict=True) if not is_lost]
    found = _by_count(found, min_objects, max_objects, out)
    found = _some_negatives(found, negatives, seed, out)
    if limit is not None and len(found) > limit:
        drawn = set(draw_order([record.image_id for record in found], seed)[:limit])
        _count_images("image beyond the limit", [r for i, r in enumerate(found) if i not in drawn], out)
        found = [record for index, record in enumerate(found) if index in drawn]

    class_map = records.class_map
    if not keep_class_map and len(kept_names) < len(names):
        class_map = ClassMap([name for name in names if name in kept_names], class_map.background)
        # The classes left out have no objects any more, and any label will do for them.
        stand_ins = [name if name in kept_names else class_map.background for name in names]
        found = [with_classes(record, stand_ins, class_map) for record in found]
    made = Records(found, class_map)
    made.report = ParseReport(
        images=len(made),
        objects=made.num_objects,
        negatives=sum(len(record.instances) == 0 for record in made),
        dropped={reason: count for reason, count in out.items() if count},
    )
    return made


def _check(
    classes: Sequence[str] | None,
    without_classes: Sequence[str] | None,
    min_area: float | None,
    max_area: float | None,
    min_objects: int | None,
    max_objects: int | None,
    negatives: Negatives,
    limit: int | None,
) -> None:
    if classes is not None and without_classes is not None:
        raise ConfigError("classes and without_classes are both given; give one of them.")
    for name, given in (("classes", classes), ("without_classes", without_classes)):
        if isinstance(given, str):
            raise ConfigError(f"{name}={given!r} is a text; expected a list of class names.")
    if classes is not None and not classes:
        raise ConfigError("classes is an empty list; name at least one class, or leave it unset.")
    for low, high, what in ((min_area, max_area, "area"), (min_objects, max_objects, "objects")):
        if not all(bound is None or bound >= 0 for bound in (low, high)) or (
            low is not None and high is not None and low > high
        ):
            raise ConfigError(
                f"min_{what}={low} and max_{what}={high}: expected numbers from 0 on, the first no larger."
            )
    if isinstance(negatives, str):
        if negatives not in ("keep", "drop"):
            raise ConfigError(f"negatives={negatives!r} is not known; choose 'keep', 'drop' or a number.")
    elif not (math.isfinite(negatives) and negatives >= 0):
        raise ConfigError(f"negatives={negatives}: expected a number from 0 on, of negatives for each other image.")
    if limit is not None and limit < 1:
        raise ConfigError(f"limit={limit}: expected at least 1 image.")


def _kept_names(
    names: Sequence[str], classes: Sequence[str] | None, without_classes: Sequence[str] | None
) -> frozenset[str]:
    if classes is not None:
        return frozenset(name for name in names if fold_name(name) in set(map(fold_name, classes)))
    left_out = set(map(fold_name, without_classes or ()))
    return frozenset(name for name in names if fold_name(name) not in left_out)


def _by_id(records: Records, images: Collection[ImageId], out: Counter[str]) -> list[Record]:
    """The records with these ids. Raises ConfigError for an id that none has."""
    own = {record.image_id for record in records}
    by_text = {str(image_id): image_id for image_id in own}
    unknown = [image_id for image_id in images if image_id not in own and str(image_id) not in by_text]
    if unknown:
        example = f"; there are ids such as {records[0].image_id!r}" if len(records) else ""
        more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        raise ConfigError(f"image ids {', '.join(map(repr, unknown[:3]))}{more} belong to no image{example}.")
    wanted = {image_id if image_id in own else by_text[str(image_id)] for image_id in images}
    _count_images("image that was not asked for", [r for r in records if r.image_id not in wanted], out)
    return [record for record in records if record.image_id in wanted]


def _by_class(
    chosen: list[Record], keep_label: NDArray[np.bool_], names: Sequence[str], out: Counter[str]
) -> list[Record]:
    """The records with the objects whose label is kept."""
    if keep_label[1:].all():
        return chosen
    found = []
    left_out = np.zeros(len(keep_label), dtype=np.int64)
    for record in chosen:
        labels = record.instances.labels
        keep = keep_label[labels]
        if not keep.all():
            np.add.at(left_out, labels[~keep], 1)
            record = replace(record, instances=record.instances.select(keep))
        found.append(record)
    for label, name in enumerate(names, start=1):
        out[f"object of the class {name!r}"] += int(left_out[label])
    return found


def _by_area(found: list[Record], low: float | None, high: float | None, out: Counter[str]) -> list[Record]:
    """The records with the objects of these areas."""
    if low is None and high is None:
        return found
    areas = object_areas([record.instances for record in found])
    small = areas < (low if low is not None else -math.inf)
    large = areas > (high if high is not None else math.inf)
    out[f"object under {low} px²"] += int(small.sum())
    out[f"object over {high} px²"] += int(large.sum())
    keep = ~small & ~large
    ends = np.cumsum([len(record.instances) for record in found]).tolist()
    made = []
    for record, end in zip(found, ends, strict=True):
        own = keep[end - len(record.instances) : end]
        made.append(record if own.all() else replace(record, instances=record.instances.select(own)))
    return made


def _by_count(found: list[Record], low: int | None, high: int | None, out: Counter[str]) -> list[Record]:
    few = {id(r) for r in found if low is not None and 0 < len(r.instances) < low}
    many = {id(r) for r in found if high is not None and len(r.instances) > high}
    _count_images(f"image with under {low} objects", [r for r in found if id(r) in few], out)
    _count_images(f"image with over {high} objects", [r for r in found if id(r) in many], out)
    return [record for record in found if id(record) not in few and id(record) not in many]


def _some_negatives(found: list[Record], negatives: Negatives, seed: int, out: Counter[str]) -> list[Record]:
    if negatives == "keep":
        return found
    empty = [index for index, record in enumerate(found) if not len(record.instances)]
    most = 0 if isinstance(negatives, str) else math.floor(negatives * (len(found) - len(empty)) + 1e-9)
    drawn = draw_order([found[index].image_id for index in empty], seed)
    left_out = {empty[place] for place in drawn[most:]}
    _count_images("image without objects", [found[index] for index in sorted(left_out)], out)
    return [record for index, record in enumerate(found) if index not in left_out]


def _count_images(reason: str, records: list[Record], out: Counter[str]) -> None:
    out[reason] += len(records)
    out[f"object of an {reason}"] += sum(len(record.instances) for record in records)
