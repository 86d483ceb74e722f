"""Several data sets as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, get_args

from contorno.errors import ConfigError, DataError
from contorno.gathering.relabelling import joined_class_map, new_names, with_classes
from contorno.gathering.same_images import join_objects, same_images
from contorno.progress import Progress, silent
from contorno.records import ImageId, ParseReport, Record, Records

OnSameId = Literal["rename", "error"]
OnSameImage = Literal["error", "first", "join", "keep"]
PLACES_KEPT = 5


def merge(
    parts: Mapping[str, Records] | Sequence[Records],
    *,
    rename: Mapping[str, str] | None = None,
    on_same_id: OnSameId = "rename",
    on_same_image: OnSameImage = "error",
    progress: Progress = silent,
) -> Records:
    """Put several data sets into one; the result's `report` counts what was changed and left out.

    parts:         data sets by name, or a list, of which the names are "1", "2", ...
    rename:        {class name: other name} for all parts, before classes are joined; several may get one name.
    on_same_id:    image ids that stand in two parts: "rename" puts the part's name before each ("site_a/7"), "error"
                   raises.
    on_same_image: one image file in two parts, told by its path or else by its bytes: "error" raises; "first" keeps
                   the first part's record and leaves the others out; "join" puts all objects on the first part's image,
                   each annotated twice counted once (same class, masks or boxes with an IoU of 0.9 or more); "keep"
                   keeps both images, as `doctor` will find.

    Classes are joined by their names without regard to case and outer space, in the order of the parts and in the
    first spelling. Images come in the order of the parts. Where an object id stands twice, the ids of its images are
    given up.
    Raises ConfigError for no parts, unknown options, a class to be renamed that no part has; DataError as said above.
    """
    named = dict(parts) if isinstance(parts, Mapping) else {str(i): part for i, part in enumerate(parts, start=1)}
    if not named:
        raise ConfigError("there is nothing to merge; give at least one data set.")
    for option, value, known in (("on_same_id", on_same_id, OnSameId), ("on_same_image", on_same_image, OnSameImage)):
        if value not in get_args(known):
            raise ConfigError(f"{option}={value!r} is not known; choose one of {', '.join(get_args(known))}.")
    done = _Done()
    known_classes = [name for part in named.values() for name in part.class_map.names]
    news = {part: new_names(records.class_map.names, rename or {}, known_classes) for part, records in named.items()}
    class_map = joined_class_map(news.values(), next(iter(named.values())).class_map.background)
    found = [
        (part, with_classes(record, news[part], class_map)) for part, records in named.items() for record in records
    ]
    if on_same_image != "keep":
        found = _without_same_images(found, on_same_image, done, progress)
    records = _with_own_object_ids(_with_own_ids(found, on_same_id, done), done)
    made = Records(records, class_map)
    made.report = ParseReport(
        images=len(made),
        objects=made.num_objects,
        negatives=sum(len(record.instances) == 0 for record in made),
        mended=dict(done.mended),
        dropped=dict(done.dropped),
        places={reason: tuple(places) for reason, places in done.places.items()},
    )
    return made


class _Done:
    """What was changed and left out, as for a parser's report."""

    def __init__(self) -> None:
        self.mended: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.places: dict[str, list[str]] = {}

    def count(self, counter: Counter[str], reason: str, where: str, times: int = 1) -> None:
        if not times:
            return
        counter[reason] += times
        places = self.places.setdefault(reason, [])
        if len(places) < PLACES_KEPT:
            places.append(where)


def _without_same_images(
    found: list[tuple[str, Record]], on_same_image: OnSameImage, done: _Done, progress: Progress
) -> list[tuple[str, Record]]:
    """The records, with those of one image file in several parts made one."""
    left_out: set[int] = set()
    joined: dict[int, Record] = {}
    for group in same_images([record for _, record in found], progress):
        first = group[0]
        part, record = found[first]
        others = [index for index in group[1:] if found[index][0] != part]
        if not others:
            continue  # twice in one part: so it was before, and the doctor names it
        if on_same_image == "error":
            other, twin = found[others[0]]
            raise DataError(
                f"image {record.image_id!r} of {part} and image {twin.image_id!r} of {other} are the same picture "
                f"({record.path if record.path is not None else 'in memory'}); choose what becomes of its objects: "
                "on_same_image='first', 'join' or 'keep' (--same-image on the command line)."
            )
        left_out.update(others)
        for index in others:
            other, twin = found[index]
            where = f"image {twin.image_id} of {other}, the same as image {record.image_id} of {part}"
            objects = len(twin.instances)
            if on_same_image == "join":
                joined[first], objects = join_objects(joined.get(first, record), twin)
                done.count(done.dropped, "object of an image in two parts, annotated in both", where, objects)
                done.count(done.mended, "image in two parts, their objects joined", where)
            else:
                done.count(done.dropped, "image that is in an earlier part too", where)
                done.count(done.dropped, "object of an image that is in an earlier part too", where, objects)
    return [(part, joined.get(index, record)) for index, (part, record) in enumerate(found) if index not in left_out]


def _with_own_ids(found: list[tuple[str, Record]], on_same_id: OnSameId, done: _Done) -> list[Record]:
    """The records, with ids that stand in two parts made different."""
    times = Counter(str(record.image_id) for _, record in found)
    taken: set[ImageId] = {record.image_id for _, record in found if times[str(record.image_id)] == 1}
    records = []
    for part, record in found:
        # 1 and "1" are two ids to Python and the same one in most files.
        if times[str(record.image_id)] == 1:
            records.append(record)
            continue
        if on_same_id == "error":
            holders = [name for name, other in found if str(other.image_id) == str(record.image_id)]
            raise DataError(
                f"image id {record.image_id!r} stands in {' and '.join(holders)}; give the images ids of their own, "
                "or merge with on_same_id='rename'."
            )
        new = f"{part}/{record.image_id}"
        while new in taken:
            new = f"{part}/{new}"
        taken.add(new)
        done.count(done.mended, "image id that stands in two parts, now with the part's name before it", new)
        records.append(replace(record, image_id=new))
    return records


def _with_own_object_ids(records: list[Record], done: _Done) -> list[Record]:
    """The records; if an object id stands twice, the ids of the images that have it are given up."""
    times = Counter(object_id for record in records for object_id in record.instances.ids or ())
    made = []
    for record in records:
        ids = record.instances.ids
        if ids is not None and any(times[object_id] > 1 for object_id in ids):
            where = f"image {record.image_id}"
            done.count(done.mended, "object id given up, since ids of its image stand twice", where, len(ids))
            record = replace(record, instances=replace(record.instances, ids=None))
        made.append(record)
    return made
