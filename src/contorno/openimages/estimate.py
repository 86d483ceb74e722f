"""How many bytes a plan comes to: sizes asked of the server by HEAD, a sample of the images, every zip of masks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from contorno.errors import DownloadError
from contorno.openimages.bucket import Split
from contorno.openimages.plans import Plan
from contorno.openimages.web import HttpSource, NotFoundError
from contorno.openimages.zips import WHOLE_SHARE

_SAMPLE = 16
# Means over the published files, where the server is not asked: images as served; zips of masks by their number of rows
# (train 4.47 GB / 2.69 M, validation 57.6 MB / 24,730, test 170.6 MB / 74,102), of which the directory takes 91 bytes.
_IMAGE_BYTES = 350_000
_MASK_BYTES: Mapping[Split, int] = {"train": 1_663, "validation": 2_327, "test": 2_302}
_ZIP_BYTES: Mapping[Split, int] = {"train": 279_500_000, "validation": 3_600_000, "test": 10_660_000}
_ENTRY_BYTES = 91


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """About how much a fetch into an empty folder will load, in bytes. is_measured: the server was asked."""

    images_bytes: int
    masks_bytes: int
    directories_bytes: int
    is_measured: bool

    @property
    def total_bytes(self) -> int:
        """Everything but the tables."""
        return self.images_bytes + self.masks_bytes + self.directories_bytes

    def __str__(self) -> str:
        parts = f"images {_size(self.images_bytes)}, masks {_size(self.masks_bytes)}"
        if self.directories_bytes:
            parts += f", directories of the zips {_size(self.directories_bytes)}"
        basis = "" if self.is_measured else "; from the means of Open Images, the server was not asked"
        return f"about {_size(self.total_bytes)} to fetch ({parts}{basis})"


def estimate(plan: Plan, source: HttpSource | None, *, workers: int = 16) -> Estimate:
    """Add up what a plan will load. source: the client to ask with; None: use the means of Open Images.

    A server that does not answer costs no more than the exactness: the means are used then.
    """
    images = [plan.bucket.image(part.split, image_id) for part in plan.splits for image_id in part.image_ids]
    zips: Counter[tuple[Split, str]] = Counter()
    for part in plan.splits:
        for row in part.mask_rows:
            zips[part.split, plan.bucket.meta(plan.bucket.masks_zip_key(part.split, row.image_id))] += 1
    sampled = images[:: max(len(images) // _SAMPLE, 1)][:_SAMPLE]
    asked = [*sampled, *(url for _, url in zips)]
    sizes: dict[str, int | None] = {}
    if source is not None and asked:
        with ThreadPoolExecutor(workers, thread_name_prefix="size") as pool:
            try:
                sizes = dict(zip(asked, pool.map(lambda url: _ask(source, url), asked), strict=True))
            except DownloadError:
                sizes = {}
    known = [size for url in sampled if (size := sizes.get(url)) is not None]
    mean = sum(known) / len(known) if known else _IMAGE_BYTES
    masks_bytes = directories_bytes = 0
    for (split, url), count in zips.items():
        size = sizes.get(url) or _ZIP_BYTES[split]
        wanted = count * _MASK_BYTES[split]
        if wanted > WHOLE_SHARE * size:
            masks_bytes += size
        else:
            masks_bytes += wanted
            directories_bytes += round(size / _MASK_BYTES[split] * _ENTRY_BYTES)
    return Estimate(
        images_bytes=round(len(images) * mean),
        masks_bytes=masks_bytes,
        directories_bytes=directories_bytes,
        is_measured=bool(sizes),
    )


def _ask(source: HttpSource, url: str) -> int | None:
    try:
        return source.identify(url).size
    except NotFoundError:
        return None


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit != "MB" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} GB"
