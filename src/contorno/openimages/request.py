"""What a user asks Open Images for, checked before anything is asked of a server."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypedDict, get_args

from contorno.errors import ConfigError
from contorno.openimages.bucket import SPLITS, Split
from contorno.records import fold_name

Order = Literal["random", "most-classes"]
Groups = Literal["object", "crowd", "leave-out"]
Flag = Literal["occluded", "truncated", "depiction", "inside"]
Rejected = Literal["ignore", "background", "leave-out"]
Unmasked = Literal["background", "ignore", "leave-out"]

FLAGS: tuple[Flag, ...] = get_args(Flag)


class Options(TypedDict, total=False):
    """Options of `plan` and `fetch`, given by keyword; `Request` says what each means."""

    splits: Sequence[Split]
    limit: int | None
    order: Order
    seed: int
    exclude: Collection[str]
    negatives: float
    rename: Mapping[str, str]
    expand: bool
    min_iou: float | None
    flags: bool
    groups: Groups
    without: Collection[Flag]
    rejected: Rejected
    unmasked: Unmasked


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Which classes, how many of their images, and what to do with masks and boxes that are in doubt.

    class_names: matched without regard to case and outer space; MIDs do too.
    splits:      of train, validation, test; each keeps its own folder.
    limit:       images for each class in each split; None: all. The classes take turns, the rarest first, and what an
                 image shows of others counts for those; a larger limit keeps what a smaller one chose.
    order:       which images a limit keeps: "random", by a hash of `seed` and the image id, or "most-classes": those
                 that show most of the classes asked for first, then by the hash.
    exclude:     ImageIDs to be left out.
    negatives:   images without the classes, as a fraction of the images with them; only images in which people
                 verified every one of the classes absent.
    rename:      {class name: name to be used}; two classes may become one.
    expand:      take the masks of all classes below a class in the hierarchy too, under its name.
    min_iou:     masks whose PredictedIoU is below are rejected; one without a PredictedIoU stays.
    flags:       write what people noted of each box (IsOccluded, IsTruncated, IsGroupOf, IsDepiction, IsInside) into
                 the COCO file.
    groups:      what a mask or box of a group of things (IsGroupOf) is: an "object" like any other, a "crowd" region,
                 or a reason to "leave-out" its image.
    without:     masks whose box has one of these flags are rejected. -1 (unknown) is no flag.
    rejected:    what a rejected mask becomes: a region to "ignore" (`iscrowd`), "background", or a reason to
                 "leave-out" its image.
    unmasked:    what a box of the class without a mask is: "background" as far as the data tell, a region to "ignore"
                 (`iscrowd`, a rectangle), or a reason to "leave-out" its image. Outlines are not exhaustive in Open
                 Images, above all in train; objects that count as background teach misses.
    flags, groups, without and unmasked need the table of boxes, 2.3 GB for train; it is streamed once.
    """

    class_names: tuple[str, ...]
    splits: tuple[Split, ...] = SPLITS
    limit: int | None = None
    order: Order = "random"
    seed: int = 0
    exclude: frozenset[str] = frozenset()
    negatives: float = 0.0
    rename: Mapping[str, str] = field(default_factory=dict)
    expand: bool = False
    min_iou: float | None = None
    flags: bool = False
    groups: Groups = "object"
    without: tuple[Flag, ...] = ()
    rejected: Rejected = "ignore"
    unmasked: Unmasked = "background"

    @classmethod
    def make(cls, class_names: Sequence[str], options: Options) -> Request:
        """Check and freeze the options. Raises ConfigError that names the option, its value and what was expected."""
        unknown = set(options) - set(Options.__annotations__)
        if unknown:
            raise ConfigError(f"{min(unknown)!r} is no option; there are {', '.join(Options.__annotations__)}.")
        if isinstance(class_names, str) or not class_names:
            raise ConfigError(f"class_names is {class_names!r}; expected a list of at least one class name.")
        given: dict[str, Any] = dict(options)
        for name, kind in (("splits", tuple), ("without", tuple), ("exclude", frozenset)):
            if name in given:
                if isinstance(given[name], str):
                    raise ConfigError(f"{name} is the text {given[name]!r}; expected a list.")
                given[name] = kind(given[name])
        request = cls(class_names=tuple(class_names), **given)
        request._check()
        return request

    @property
    def needs_boxes(self) -> bool:
        """True if the table of boxes must be read."""
        return bool(self.flags or self.without or self.groups != "object" or self.unmasked != "background")

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a manifest."""
        plain = asdict(self)
        return {key: sorted(value) if isinstance(value, frozenset) else value for key, value in plain.items()}

    def _check(self) -> None:
        wrong = [split for split in self.splits if split not in SPLITS]
        if wrong or not self.splits or len(set(self.splits)) < len(self.splits):
            raise ConfigError(f"splits is {list(self.splits)}; expected some of {', '.join(SPLITS)}, each once.")
        if self.limit is not None and self.limit < 1:
            raise ConfigError(
                f"limit is {self.limit}; expected at least 1 image for each class and split, or None for all."
            )
        if not 0.0 <= self.negatives <= 100.0:
            raise ConfigError(
                f"negatives is {self.negatives}; expected a fraction of the images with objects, like 0.2."
            )
        if self.min_iou is not None and not 0.0 <= self.min_iou <= 1.0:
            raise ConfigError(f"min_iou is {self.min_iou}; expected a PredictedIoU from 0 to 1.")
        for name, kind in (("order", Order), ("groups", Groups), ("rejected", Rejected), ("unmasked", Unmasked)):
            if getattr(self, name) not in get_args(kind):
                raise ConfigError(f"{name} is {getattr(self, name)!r}; expected one of {', '.join(get_args(kind))}.")
        for flag in self.without:
            if flag not in FLAGS:
                raise ConfigError(f"without has {flag!r}; expected some of {', '.join(FLAGS)}.")
        asked = {fold_name(name) for name in self.class_names}
        for old, new in self.rename.items():
            if fold_name(old) not in asked:
                raise ConfigError(f"rename: {old!r} is not among the classes asked for: {', '.join(self.class_names)}.")
            if not new.strip():
                raise ConfigError("rename: a new name is empty; give every class a name.")


def read_exclusions(path: Path) -> frozenset[str]:
    """Ids of images to be left out, one a line: `id`, `train/id` or `id.jpg`; `#` begins a comment.

    Raises ConfigError if there is no such file, or a line is something else.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise ConfigError(
            f"the list of exclusions {path} cannot be read ({error.strerror or error}); it has an ImageID a line."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"the list of exclusions {path} is not a text: byte {error.start} is not UTF-8.") from error
    found = set()
    for number, line in enumerate(lines, start=1):
        word = line.partition("#")[0].strip()
        if not word:
            continue
        image_id = word.rpartition("/")[2].removesuffix(".jpg")
        if not image_id or " " in image_id or "," in image_id:
            raise ConfigError(f"{path}, line {number}: {word[:60]!r} is no ImageID like '677c122b0eaa5d16'.")
        found.add(image_id)
    return frozenset(found)
