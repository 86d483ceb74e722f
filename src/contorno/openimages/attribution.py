"""Who took each image and under which licence: `attribution.csv` to compute with, `NOTICE.txt` to pass on.

Nearly every image of Open Images is under CC BY 2.0, which asks whoever passes it on for the author's name, the title,
the licence and a link. All of that stands in the listings of images, which are streamed (`listing_search`).
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Collection, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from contorno import files
from contorno.openimages.bucket import META_URL, SPLITS, MetaFiles, Split
from contorno.openimages.listing_search import LISTING_COLUMNS, find_lines
from contorno.openimages.notice import Credit, licence_name, notice
from contorno.openimages.table_scan import whole
from contorno.progress import Progress, silent

CSV_NAME = "attribution.csv"
NOTICE_NAME = "NOTICE.txt"

_CSV_HEADER = ["ImageID", "Split", "File", *LISTING_COLUMNS]


@dataclass(frozen=True, slots=True)
class AttributionReport:
    """What came of it.

    rows:     images whose author and licence were found.
    missing:  ids that a listing lacks, sorted, by split; they stand in both files, with nothing known of them.
    licences: how many images by the name of their licence.
    """

    rows: int
    missing: Mapping[Split, tuple[str, ...]]
    licences: Mapping[str, int]
    csv_path: Path
    notice_path: Path


def write_attribution(
    meta: MetaFiles, root: Path, ids: Mapping[Split, Collection[str]], *, progress: Progress = silent
) -> AttributionReport:
    """Write `attribution.csv` and `NOTICE.txt` into `root`: a row and a line for each image, by split and id.

    ids: of the images, by split; they lie in `images/<split>/` of `root`.
    What an `attribution.csv` in `root` says of an image is kept; a listing is streamed only for ids that it lacks.
    Memory grows with the number of ids (about a kilobyte each), not with the listing.
    Raises DataError for a listing that is something else or damaged, DownloadError.
    """
    root = Path(root)
    known = _read_csv(root / CSV_NAME)
    credits: list[Credit] = []
    for split in sorted(ids, key=SPLITS.index):
        wanted = sorted(set(ids[split]))
        found = {i: known[split, i] for i in wanted if (split, i) in known}
        found |= image_credits(meta, split, [i for i in wanted if i not in found], progress=progress)
        credits += [found.get(i) or Credit(i, split, _file(split, i)) for i in wanted]
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(_CSV_HEADER)
    writer.writerows(
        (c.image_id, c.split, c.file, c.author, c.author_page, c.licence, c.title, c.page, c.address) for c in credits
    )
    host = None if meta.bucket.meta_url == META_URL else urlsplit(meta.bucket.meta_url).hostname
    files.write_bytes(root / CSV_NAME, table.getvalue().encode("utf-8"))
    files.write_bytes(root / NOTICE_NAME, notice(credits, host=host).encode("utf-8"))
    listed = [credit for credit in credits if credit.is_listed]
    missing: dict[Split, list[str]] = {}
    for credit in credits:
        if not credit.is_listed:
            missing.setdefault(credit.split, []).append(credit.image_id)
    return AttributionReport(
        rows=len(listed),
        missing={split: tuple(found) for split, found in missing.items()},
        licences=dict(Counter(licence_name(credit.licence) for credit in listed).most_common()),
        csv_path=root / CSV_NAME,
        notice_path=root / NOTICE_NAME,
    )


def image_credits(
    meta: MetaFiles, split: Split, image_ids: Collection[str], *, progress: Progress = silent
) -> dict[str, Credit]:
    """What the listing of a split says of some images, by id; ids that it lacks are left out. Streams the listing.

    Raises DataError for a listing that is something else or damaged, DownloadError.
    """
    if not image_ids:
        return {}
    key = meta.bucket.image_list_key(split)
    identity = meta.identify(key)
    blocks = meta.blocks(key)
    try:
        rows = find_lines(
            whole(blocks, identity), key.rpartition("/")[2], image_ids, total=identity.size, progress=progress
        )
    finally:
        if isinstance(blocks, Generator):
            blocks.close()  # the answer of a server is seldom read to its end
    return {i: Credit(i, split, _file(split, i), *row) for i, row in rows.items()}


def _file(split: Split, image_id: str) -> str:
    return f"images/{split}/{image_id}.jpg"


def _read_csv(path: Path) -> dict[tuple[str, str], Credit]:
    """What an earlier run wrote, by split and id; nothing if it is not there or is something else."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
    except (OSError, ValueError, csv.Error):
        return {}
    if header != _CSV_HEADER or any(len(row) != len(header) for row in rows):
        return {}
    splits: dict[str, Split] = {split: split for split in SPLITS}
    return {
        (row[1], row[0]): Credit(row[0], splits[row[1]], _file(splits[row[1]], row[0]), *row[3:])
        for row in rows
        if row[1] in splits
    }
