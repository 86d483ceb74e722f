"""Single members of remote zips: megabytes for a class, not gigabytes.

The 16 zips of train masks hold 4.5 GB; a class needs a few thousand masks of some kilobytes each. The directory of a
zip is read by a Range request, then only the spans of the wanted members. Where the server gives no ranges, or most of
the zip is wanted, the zip is fetched whole and checked; a zip that the user has is used where it stands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from contorno.openimages import published
from contorno.openimages.bucket import MetaFiles
from contorno.openimages.published import Published
from contorno.openimages.web import HttpSource
from contorno.openimages.zip_steps import MembersReport, Step, ZipSteps
from contorno.progress import Progress, silent

__all__ = ["WHOLE_SHARE", "MembersReport", "fetch_members", "local_zips"]

WHOLE_SHARE = 0.6

_OPEN_AT_ONCE = 2  # directories of 15 MB in memory


def local_zips(meta: MetaFiles) -> Callable[[str], Path | None]:
    """Where the user has the zip of an address, as `fetch_members` asks for it.

    Looked for in the folder of `meta`: under its whole key, under its name, and under `segmentation-zips/<name>`,
    where the masks branch of the openimages package keeps them.
    """

    def local(url: str) -> Path | None:
        path = meta.local(url.removeprefix(meta.bucket.meta_url))
        if path is None and meta.folder is not None:
            path = meta.folder / "segmentation-zips" / url.rpartition("/")[2]
        return path if path is not None and path.is_file() else None

    return local


def fetch_members(
    source: HttpSource,
    wanted: Mapping[str, Sequence[str]],
    save: Callable[[str, bytes], None],
    *,
    folder: Path,
    cache_path: Callable[..., Path | None],
    local: Callable[[str], Path | None] | None = None,
    expected: Callable[[str], Published | None] = published.by_address,
    whole_share: float = WHOLE_SHARE,
    workers: int = 16,
    progress: Progress = silent,
) -> MembersReport:
    """Fetch members of several zips, in parallel, and hand each to `save(name, content)` as soon as it is there.

    wanted:      names by the address of their zip.
    save:        called from several threads.
    folder:      where a zip that is fetched whole lies meanwhile; what an earlier run left there is used, then removed.
    cache_path:  gives the path where a directory is kept, as `MetaFiles.cache_path`.
    local:       gives the user's own copy of the zip of an address, see `local_zips`; it is read and never changed.
    expected:    gives what the zip of an address must be if it is fetched whole.
    whole_share: 0..1; a zip is fetched whole if more of its bytes are wanted.
    Raises DownloadError that names the zip if it cannot be had or its directory is corrupt, and what `save` raises.
    """
    total = sum(len(names) for names in wanted.values())
    done = 0
    steps = ZipSteps(source, save, folder, cache_path, local, expected, whole_share)
    unopened = deque((url, list(names)) for url, names in wanted.items() if names)
    # Counted here and not by `as_completed`, since each step may bring more of them.
    finished: SimpleQueue[tuple[bool, Future[Step]]] = SimpleQueue()
    opening = running = 0
    # Directories have threads of their own: memory that each of 16 threads once took for one stays with it.
    openers = ThreadPoolExecutor(min(_OPEN_AT_ONCE, max(workers - 1, 1)), thread_name_prefix="zip")
    pool = ThreadPoolExecutor(max(workers - _OPEN_AT_ONCE, 1), thread_name_prefix="zip") if workers > 1 else openers

    def submit(step: Callable[[], Step], *, opens: bool) -> None:
        future = (openers if opens else pool).submit(step)
        future.add_done_callback(lambda future: finished.put((opens, future)))

    try:
        while unopened or opening or running or steps.refused:
            if not (unopened or opening or running):  # all spans were asked for: now one request for each such zip
                while steps.refused:
                    submit(partial(steps.take_refused, *steps.refused.popitem()), opens=True)
                    opening += 1
            while unopened and opening < _OPEN_AT_ONCE:
                submit(partial(steps.open, *unopened.popleft()), opens=True)
                opening += 1
            opens, future = finished.get()
            opening, running = opening - opens, running - (not opens)
            count, more = future.result()
            done += count
            for step in more:
                submit(step, opens=False)
            running += len(more)
            progress("masks", done, total)
    finally:
        # After an error, or Ctrl-C, what is queued is not begun; what runs is waited for, so that nothing writes to
        # the folder when the caller gives up its lock.
        for each in (openers, pool):
            each.shutdown(wait=True, cancel_futures=True)
    _clear(folder)
    return steps.report


def _clear(folder: Path) -> None:
    """Remove zips that nothing is wanted of any more: of another version, or of a run that was killed."""
    if folder.is_dir():
        for path in folder.glob("????????-*.zip*"):
            path.unlink()
        if not any(folder.iterdir()):
            folder.rmdir()
