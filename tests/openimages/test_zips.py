from __future__ import annotations

import hashlib
import io
import random
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from contorno.errors import DownloadError
from contorno.openimages import Bucket, DamagedError, HttpSource, MetaFiles
from contorno.openimages.published import Published
from contorno.openimages.zip_directory import Directory, Member
from contorno.openimages.zips import MembersReport, fetch_members, local_zips
from contorno.rehearsal import Fault, Server, serve


def zip_of(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return file.getvalue()


def members_of(data: bytes, names: list[str]) -> dict[str, Member]:
    return Directory.read(lambda start, end: data[start:end], len(data), "masks-0.zip").find(names)


NAMES = [f"{i:04}.png" for i in range(2000)]
CONTENTS = {name: random.Random(name).randbytes(1500) for name in NAMES}


class Store:
    """A server with one zip of 2,000 members of 1.5 kB, and what was fetched from it."""

    def __init__(self, server: Server, folder: Path, source: HttpSource) -> None:
        self.server, self.folder, self.source = server, folder, source
        self.got: dict[str, bytes] = {}
        self.zip = server.root / "masks-0.zip"
        self.url = server.url + "masks-0.zip"
        self.wanted_share = 0.6
        self.own: Path | None = None
        self.stated: Published | None = None

    def fetch(self, names: list[str]) -> MembersReport:
        return fetch_members(
            self.source,
            {self.url: names},
            self.got.__setitem__,
            folder=self.folder / "whole",
            cache_path=lambda name, *origin: self.folder / f"{name}.{hash(str(origin))}",
            local=lambda url: self.own,
            expected=lambda url: self.stated,
            whole_share=self.wanted_share,
        )

    def is_right(self, names: list[str]) -> bool:
        return self.got == {name: CONTENTS[name] for name in names}

    @property
    def bytes_sent(self) -> int:
        return sum(request.bytes_sent for request in self.server.log)

    @property
    def times_whole(self) -> int:
        """Requests for the zip that were answered with all of it."""
        return sum(r.bytes_sent == self.zip.stat().st_size and r.range is None for r in self.server.log)


@pytest.fixture
def store(tmp_path: Path, source: HttpSource) -> Iterator[Store]:
    root = tmp_path / "served"
    root.mkdir()
    (root / "masks-0.zip").write_bytes(zip_of(CONTENTS))
    with serve(root) as server:
        yield Store(server, tmp_path, source)


@pytest.mark.parametrize("step", [3, 20, 400])
def test_little_more_is_fetched_than_is_wanted(store: Store, step: int) -> None:
    wanted = NAMES[::step]
    assert store.fetch(wanted) == MembersReport()
    assert store.is_right(wanted)
    members = members_of(store.zip.read_bytes(), NAMES)
    compressed = sum(members[name].compressed_bytes for name in wanted)
    directory_bytes = store.zip.stat().st_size - max(member.end for member in members.values())
    assert store.bytes_sent <= 1.2 * compressed + directory_bytes + 1024


def test_the_directory_is_fetched_once_for_all_classes(store: Store) -> None:
    store.fetch(NAMES[:1])
    store.server.clear_log()
    store.fetch(NAMES[7:8])
    assert store.bytes_sent < 1.2 * 1500


def test_a_kept_directory_that_the_disk_spoilt_is_fetched_anew(store: Store) -> None:
    store.fetch(NAMES[:1])
    (kept,) = store.folder.glob("masks-0.zip.directory*")
    kept.write_bytes(kept.read_bytes()[:5000])
    assert store.fetch(NAMES[:3]) == MembersReport()
    assert store.is_right(NAMES[:3])


def test_where_a_directory_cannot_be_kept_the_members_still_come(store: Store) -> None:
    (store.folder / "file").write_text("not a folder")
    fetch_members(
        store.source,
        {store.url: NAMES[:3]},
        store.got.__setitem__,
        folder=store.folder / "whole",
        cache_path=lambda name, *_: store.folder / "file" / name,
    )
    assert store.is_right(NAMES[:3])


@pytest.mark.parametrize(("count", "share", "whole"), [(1500, 0.6, 1), (1000, 0.6, 0), (1000, 0.4, 1), (2000, 1.0, 0)])
def test_a_zip_of_which_more_than_a_share_is_wanted_comes_whole(
    store: Store, count: int, share: float, whole: int
) -> None:
    store.wanted_share = share
    report = store.fetch(NAMES[:count])
    assert store.is_right(NAMES[:count])
    assert (store.times_whole, len(report.whole)) == (whole, whole)
    assert not (store.folder / "whole").exists()


def test_without_ranges_the_zip_comes_whole_once(store: Store) -> None:
    store.server.faults.append(Fault(pattern="*", kind="no_range", times=None))
    wanted = NAMES[:3] + NAMES[900:902]
    assert store.fetch(wanted).whole == [store.url]
    assert store.is_right(wanted)
    assert store.times_whole == 1


def test_a_server_that_gives_no_ranges_any_more_gives_the_zip_whole_once(store: Store) -> None:
    store.fetch(NAMES[:1])
    store.server.faults.append(Fault(pattern="*", kind="no_range", times=None))
    store.server.clear_log()
    report = store.fetch([*NAMES[::100], "nothing.png"])
    assert store.is_right(NAMES[::100])
    assert (report.whole, report.missing, report.damaged) == ([store.url], ["nothing.png"], {})
    assert store.times_whole == 1


def test_a_whole_zip_is_compared_with_the_published_sum(store: Store) -> None:
    store.wanted_share = 0.0
    md5 = hashlib.md5(store.zip.read_bytes()).hexdigest()
    store.stated = Published("masks-0.zip", store.zip.stat().st_size, md5)
    store.fetch(NAMES[:3])
    assert store.is_right(NAMES[:3])
    store.stated = Published("masks-0.zip", store.zip.stat().st_size, "0" * 32)
    store.server.clear_log()
    with pytest.raises(DamagedError, match=rf"masks-0\.zip arrived damaged twice: its MD5 is {md5}, the published one"):
        store.fetch(NAMES[:3])
    assert store.times_whole == 2
    assert list((store.folder / "whole").iterdir()) == []


def test_a_whole_zip_that_is_none_is_fetched_once_more(store: Store) -> None:
    store.wanted_share = 0.0
    store.server.faults += [Fault(pattern="*", kind="no_range"), Fault(pattern="*", kind="no_range")]
    store.server.faults += [Fault(pattern="*", kind="html")]
    assert len(store.fetch(NAMES[:3]).whole) == 1
    assert store.is_right(NAMES[:3])
    assert store.server.faults[-1].times == 0


def test_a_zip_left_whole_by_a_killed_run_is_not_fetched_again(store: Store) -> None:
    store.server.faults.append(Fault(pattern="*", kind="no_range", times=None))

    def fail(name: str, content: bytes) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_members(
            store.source, {store.url: NAMES[:2]}, fail, folder=store.folder / "whole", cache_path=lambda *_: None
        )
    store.server.clear_log()
    store.fetch(NAMES[:2])
    assert store.is_right(NAMES[:2])
    assert store.bytes_sent == 0


def test_a_whole_zip_of_which_nothing_is_wanted_any_more_is_removed(store: Store) -> None:
    (store.folder / "whole").mkdir()
    (store.folder / "whole" / "0123abcd-masks-0.zip").write_bytes(b"old")
    store.fetch([])
    assert not (store.folder / "whole").exists()


def test_members_missing_or_damaged_are_reported_and_the_others_come(store: Store) -> None:
    data = bytearray(store.zip.read_bytes())
    data[members_of(bytes(data), NAMES)[NAMES[5]].end - 9] ^= 1
    store.zip.write_bytes(bytes(data))
    report = store.fetch([*NAMES[4:7], "nothing.png"])
    assert report.missing == ["nothing.png"]
    assert list(report.damaged) == [NAMES[5]]
    assert set(store.got) == {NAMES[4], NAMES[6]}


def test_a_zip_that_the_user_has_is_used_where_it_stands(store: Store) -> None:
    store.own = store.folder / "mine.zip"
    store.own.write_bytes(store.zip.read_bytes())
    report = store.fetch([*NAMES[:3], "nothing.png"])
    assert store.is_right(NAMES[:3])
    assert (report.local, report.missing) == ([store.own], ["nothing.png"])
    assert store.server.log == []
    assert store.own.is_file()


def test_a_half_fetched_zip_of_the_user_is_passed_over_and_left_alone(store: Store) -> None:
    store.own = store.folder / "mine.zip"
    store.own.write_bytes(store.zip.read_bytes()[:-1000])
    report = store.fetch(NAMES[:3])
    assert store.is_right(NAMES[:3])
    assert "mine.zip: the zip's directory is corrupt" in report.passed_over[store.own]
    assert store.own.stat().st_size == store.zip.stat().st_size - 1000


def test_what_is_damaged_in_a_zip_of_the_user_comes_from_the_server(store: Store) -> None:
    data = bytearray(store.zip.read_bytes())
    data[members_of(bytes(data), NAMES)[NAMES[1]].end - 9] ^= 1
    store.own = store.folder / "mine.zip"
    store.own.write_bytes(data)
    report = store.fetch(NAMES[:3])
    assert store.is_right(NAMES[:3])
    assert (report.local, report.damaged) == ([store.own], {})


@pytest.mark.parametrize("place", ["v5/train-masks", "", "segmentation-zips"], ids=["key", "name", "masks branch"])
def test_a_zip_of_the_user_is_looked_for_in_three_places(tmp_path: Path, source: HttpSource, place: str) -> None:
    bucket = Bucket("http://127.0.0.1:9", "http://127.0.0.1:9")
    url = bucket.meta(bucket.masks_zip_key("train", "0a"))
    local = local_zips(MetaFiles(bucket, source, tmp_path))
    assert local(url) is None
    path = tmp_path / place / "train-masks-0.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    assert local(url) == path
    assert local_zips(MetaFiles(bucket, source, None))(url) is None


def test_after_an_error_nothing_more_is_asked_for(store: Store) -> None:
    saved = threading.Event()

    def fail(name: str, content: bytes) -> None:
        saved.set()
        raise DownloadError("the disk is full")

    with pytest.raises(DownloadError, match="the disk is full"):
        fetch_members(
            store.source, {store.url: NAMES[::20]}, fail, folder=store.folder, cache_path=lambda *_: None, workers=1
        )
    assert saved.is_set()
    before = len(store.server.log)
    assert before < 10, "100 members lie far apart, one request each"
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("zip")]


def test_members_of_many_zips_all_come_and_progress_counts_each(store: Store) -> None:
    for digit in "123456789abcdef":
        (store.server.root / f"masks-{digit}.zip").write_bytes(zip_of({f"{digit}-{i}.png": b"x" * i for i in range(9)}))
    wanted = {store.server.url + f"masks-{digit}.zip": [f"{digit}-{i}.png" for i in range(9)] for digit in "123456789a"}
    seen: list[tuple[int, int | None]] = []
    report = fetch_members(
        store.source,
        wanted,
        store.got.__setitem__,
        folder=store.folder / "whole",
        cache_path=lambda *_: None,
        workers=3,
        progress=lambda what, done, total: seen.append((done, total)),
    )
    assert {name: len(content) for name, content in store.got.items()} == {
        f"{digit}-{i}.png": i for digit in "123456789a" for i in range(9)
    }
    assert report.missing == []
    assert seen[-1] == (90, 90)
    assert sorted(seen) == seen
