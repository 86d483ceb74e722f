"""Where Open Images lies: the keys of every file, and the folder that keeps what was read of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit

from contorno import files
from contorno.errors import ConfigError, DataError
from contorno.openimages.web import FileIdentity, HttpSource

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)

META_URL = "https://storage.googleapis.com/openimages/"
IMAGES_URL = "https://open-images-dataset.s3.amazonaws.com/"

_BLOCK_BYTES = 1 << 18  # stays in a core's own cache: a search runs twice as fast as in blocks of a mebibyte or more


@dataclass(frozen=True, slots=True)
class Bucket:
    """Base addresses of Open Images, and the keys under them.

    meta_url:    lists of classes, tables of annotations and zips of masks.
    images_url:  images, as `<split>/<ImageID>.jpg`.
    Raises ConfigError if an address is not http or https.
    """

    meta_url: str = META_URL
    images_url: str = IMAGES_URL

    def __post_init__(self) -> None:
        for name in ("meta_url", "images_url"):
            url = getattr(self, name)
            if urlsplit(url).scheme not in ("http", "https"):
                raise ConfigError(f"{name} is {url!r}; expected an address that begins with http:// or https://.")
            object.__setattr__(self, name, url.rstrip("/") + "/")

    @property
    def class_keys(self) -> tuple[str, ...]:
        """The lists of class names, the first that exists is used: v5 without a header, v7 with one."""
        return ("v5/class-descriptions-boxable.csv", "v7/oidv7-class-descriptions-boxable.csv")

    @property
    def mask_classes_key(self) -> str:
        """MIDs of the classes that have masks, one a line."""
        return "v5/classes-segmentation.txt"

    @property
    def hierarchy_key(self) -> str:
        """The tree of classes."""
        return "2018_04/bbox_labels_600_hierarchy.json"

    def masks_table_key(self, split: Split) -> str:
        """One row a mask."""
        return f"v5/{split}-annotations-object-segmentation.csv"

    def labels_table_key(self, split: Split) -> str:
        """Image labels verified by people: present (1) or absent (0)."""
        return f"v5/{split}-annotations-human-imagelabels-boxable.csv"

    def boxes_table_key(self, split: Split) -> str:
        """One row a box, with IsGroupOf and the other flags."""
        return "v6/oidv6-train-annotations-bbox.csv" if split == "train" else f"v5/{split}-annotations-bbox.csv"

    def image_list_key(self, split: Split) -> str:
        """Author, licence and page of every image."""
        name = "train-images-boxable-with-rotation" if split == "train" else f"{split}-images-with-rotation"
        return f"2018_04/{split}/{name}.csv"

    def masks_zip_key(self, split: Split, image_id: str) -> str:
        """The zip that holds the masks of an image: there are 16 a split, by the first character of the id."""
        first = image_id[:1].lower()
        if first not in "0123456789abcdef" or not first:
            raise DataError(
                f"image {image_id!r} is in no zip of masks: its id does not begin with a hexadecimal digit."
            )
        return f"v5/{split}-masks/{split}-masks-{first}.zip"

    def meta(self, key: str) -> str:
        """Address of a file under `meta_url`."""
        return self.meta_url + key

    def image(self, split: Split, image_id: str) -> str:
        """Address of an image, as served: its longest side is at most 1024 pixels."""
        return f"{self.images_url}{split}/{image_id}.jpg"


@dataclass(frozen=True, slots=True)
class MetaFiles:
    """The lists and tables of a bucket: from `folder` where a copy stands there, from the network otherwise.

    folder: a copy may stand under its own name (`classes-segmentation.txt`) or under its whole key
            (`v5/classes-segmentation.txt`); None: network only. What is derived from a file goes to `folder/cache/`,
            under names that tell where it came from.
    """

    bucket: Bucket
    source: HttpSource
    folder: Path | None = None

    def local(self, key: str) -> Path | None:
        """The copy of a file, if there is one."""
        if self.folder is not None:
            for path in (self.folder / key, self.folder / key.rpartition("/")[2]):
                if path.is_file():
                    return path
        return None

    def identify(self, key: str) -> FileIdentity:
        """Which version of which file `key` stands for now. Raises NotFoundError, DownloadError."""
        path = self.local(key)
        if path is None:
            return self.source.identify(self.bucket.meta(key))
        status = path.stat()
        return FileIdentity(str(path.resolve()), status.st_size, str(status.st_mtime_ns))

    def blocks(self, key: str) -> Iterator[bytes]:
        """Yield a file in order, in blocks; nothing is stored. Raises NotFoundError, DownloadError."""
        path = self.local(key)
        if path is None:
            yield from self.source.stream(self.bucket.meta(key), block_bytes=_BLOCK_BYTES)
            return
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                yield block

    def read(self, key: str) -> bytes:
        """A small file that never changes, kept after its first fetch. Raises NotFoundError, DownloadError."""
        path = self.local(key)
        if path is not None:
            return path.read_bytes()
        url = self.bucket.meta(key)
        kept = self.cache_path(key.rpartition("/")[2], url)
        if kept is not None and kept.is_file():
            return kept.read_bytes()
        data = self.source.read(url)
        if kept is not None:
            files.write_bytes(kept, data)
        return data

    def forget(self, key: str) -> None:
        """Throw away the kept copy of a file that turned out to be something else, such as a sign-in page."""
        kept = self.cache_path(key.rpartition("/")[2], self.bucket.meta(key))
        if kept is not None:
            kept.unlink(missing_ok=True)

    def cache_path(self, name: str, *origin: object) -> Path | None:
        """Where something derived from `origin` is kept: `name` with a short hash of the origin before its suffix."""
        if self.folder is None:
            return None
        stem, dot, suffix = name.rpartition(".")
        mark = hashlib.sha256(repr(origin).encode()).hexdigest()[:12]
        return self.folder / "cache" / f"{stem}.{mark}{dot}{suffix}"
