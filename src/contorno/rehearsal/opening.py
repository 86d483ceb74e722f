"""From what a user writes for "which bucket" to addresses: the real one, an offline folder, or a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contorno.errors import ConfigError
from contorno.openimages.bucket import Bucket
from contorno.rehearsal.server import serve


@contextmanager
def open_bucket(where: str | Path | None) -> Iterator[Bucket]:
    """Give the addresses of a bucket for the length of a `with` block.

    where: None: the real Open Images. A folder that `make_bucket` made: it is served on loopback meanwhile.
           An address (http, https): the root above `openimages/` and `open-images-dataset/`, as a server prints it.
    Raises ConfigError for a folder that is no offline bucket, and for anything else.
    """
    if where is None:
        yield Bucket()
        return
    text = str(where)
    if text.startswith(("http://", "https://")):
        root = text.rstrip("/")
        yield Bucket(f"{root}/openimages/", f"{root}/open-images-dataset/")
        return
    folder = Path(where)
    if not (folder / "openimages").is_dir() or not (folder / "open-images-dataset").is_dir():
        raise ConfigError(
            f"the bucket {text!r} is neither an address (http://...) nor a folder with openimages/ and "
            "open-images-dataset/ in it; make one with `contorno openimages offline DIR`."
        )
    with serve(folder) as server:
        yield Bucket(server.meta_url, server.images_url)
