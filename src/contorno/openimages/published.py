"""The published files of Open Images: their sizes and MD5 sums, so that a damaged one is known as such.

published.tsv holds one line a file. Its sums are those that the publishers of the masks give and that public mirrors
of the data set carry; a mirror, or the offline bucket, may hold other files, so they stand for the real base only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from urllib.parse import urlsplit

from contorno.openimages.bucket import META_URL, Bucket


@dataclass(frozen=True, slots=True)
class Published:
    """One published file. key: under the base address.   md5: 32 lower-case hexadecimal digits."""

    key: str
    size_bytes: int
    md5: str


@cache
def published_files() -> Mapping[str, Published]:
    """All of them, by key."""
    text = files("contorno.openimages").joinpath("published.tsv").read_text(encoding="ascii")
    found: dict[str, Published] = {}
    for line in text.splitlines()[1:]:
        key, size, md5 = line.split("\t")
        found[key] = Published(key, int(size), md5)
    return found


def expected(bucket: Bucket, key: str) -> Published | None:
    """What a file must be; None if it is not known, or the bucket is not the real one."""
    return by_address(bucket.meta(key))


def by_address(url: str) -> Published | None:
    """What the file at an address must be; None if the address is not one of a published file."""
    base, asked = urlsplit(META_URL), urlsplit(url)
    if asked.scheme not in ("http", "https") or asked.netloc != base.netloc or not asked.path.startswith(base.path):
        return None
    return published_files().get(asked.path.removeprefix(base.path))
