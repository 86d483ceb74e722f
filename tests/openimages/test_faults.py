"""Every fault that a fetch must survive, on the real code over loopback: where each is proven.

Each ends in a clear sentence or in a counted line of the report, and nothing half written ever counts as present.

| fault                                   | test                                                                       |
| --------------------------------------- | -------------------------------------------------------------------------- |
| image: 404                              | test_fetch.test_every_mask_of_every_image_that_is_there_arrives            |
| zip or table: 404                       | test_a_table_or_zip_that_is_not_there_ends_the_run_by_name                 |
| 500 then fine, cut in the middle        | test_fetch.test_faults_that_pass_leave_the_folder_as_it_should_be          |
| 500 for ever                            | test_fetch.test_an_image_that_cannot_be_had_is_counted_and_the_run_goes_on |
| time-out, once                          | test_a_server_that_is_slow_once_costs_nothing                              |
| time-out, for ever                      | test_a_server_that_is_slow_for_ever_costs_its_image_only                   |
| bytes that trickle                      | test_web.test_a_fault_that_stays_ends_in_an_error_that_names_the_address   |
| a length that lies: image, zip          | test_fetch.test_faults_that_pass_leave_the_folder_as_it_should_be          |
| a length that lies: table               | test_fetch.test_a_table_that_came_short_is_refused_and_not_kept            |
| a corrupt zip directory                 | test_fetch.test_a_corrupt_zip_directory_ends_the_run_and_names_the_zip     |
| the same in other forms                 | test_zip_directory.test_a_corrupt_directory_is_an_error_that_names_the_zip |
| a whole zip without its MD5             | test_zips.test_a_whole_zip_is_compared_with_the_published_sum              |
| a member with wrong CRC                 | test_a_member_with_a_wrong_checksum_is_counted_and_leaves_no_file          |
| a zip path that climbs out              | test_a_member_that_climbs_out_of_the_folder_goes_nowhere                   |
| a JPEG that is cut off, or no JPEG      | test_an_image_that_is_none_is_counted_and_leaves_no_file                   |
| a sign-in page, once                    | test_fetch.test_faults_that_pass_leave_the_folder_as_it_should_be          |
| a changed header, a Git LFS pointer     | test_a_table_that_is_not_the_table_ends_the_run_by_name                    |
| quoted commas, empty optional fields    | test_a_table_written_another_way_gives_the_same_folder                     |
| a disk that fills up                    | test_a_full_disk_ends_the_run_by_name_and_leaves_nothing_half_written      |
| two runs on one folder at once          | test_of_two_runs_on_one_folder_one_is_turned_away                          |
| kill -9, again and again                | test_killed_again_and_again_it_ends_whole_and_asks_for_nothing_twice       |
| MaskPath or ImageID with separators     | test_a_name_with_separators_in_a_table_is_refused                          |
| file_name with separators               | parsers/test_coco.test_file_name_that_climbs_out_or_is_none_is_an_error    |
"""

from __future__ import annotations

import ast
import csv
import io
import json
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contorno.errors import DataError
from contorno.files import checksum
from contorno.openimages import Bucket, Folder, HttpSource, NotFoundError, fetch
from contorno.openimages.zip_directory import Directory
from contorno.rehearsal import Fault, OfflineBucket, Server, serve

TABLE = "v5/train-annotations-object-segmentation.csv"
PROGRAM = """
import resource, sys
from pathlib import Path
from contorno.errors import ContornoError
from contorno.openimages import Bucket, HttpSource, fetch
out, meta_url, images_url, limit, workers = sys.argv[1:]
if int(limit):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
try:
    with HttpSource(connections=int(workers), attempts=2, pause_seconds=0.01) as source:
        fetch(["Hot dog"], out=Path(out), splits=["train"], bucket=Bucket(meta_url, images_url), source=source,
              workers=int(workers))
except ContornoError as error:
    print(error)
    sys.exit(error.exit_code)
"""


class Store:
    """A copy of the offline bucket that may be spoilt, behind a server of its own."""

    def __init__(self, root: Path, server: Server, source: HttpSource) -> None:
        self.meta, self.images = root / "openimages", root / "open-images-dataset"
        self.server, self.source = server, source
        self.bucket = Bucket(server.meta_url, server.images_url)

    def fetch(self, out: Path) -> Folder:
        return fetch(["Hot dog"], out=out, splits=["train"], bucket=self.bucket, source=self.source)

    def run(self, out: Path, *, limit: int = 0, workers: int = 4) -> subprocess.Popen[str]:
        """The same in a process of its own, which may write files of at most `limit` bytes if that is not 0."""
        arguments = [str(out), self.bucket.meta_url, self.bucket.images_url, str(limit), str(workers)]
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    @property
    def rows(self) -> list[dict[str, str]]:
        """Rows of the table of train masks."""
        with (self.meta / TABLE).open(newline="") as file:
            return list(csv.DictReader(file))

    @property
    def hot_dog(self) -> dict[str, str]:
        """The row of one mask of a hot dog, whose image is there."""
        return next(r for r in self.rows if r["LabelName"] == "/m/01b9xk" and self.image(r["ImageID"]).is_file())

    def image(self, image_id: str) -> Path:
        return self.images / "train" / f"{image_id}.jpg"

    def zip(self, image_id: str) -> Path:
        return self.meta / f"v5/train-masks/train-masks-{image_id[0]}.zip"


@pytest.fixture
def store(offline: OfflineBucket, tmp_path: Path, source: HttpSource) -> Iterator[Store]:
    root = tmp_path / "bucket"
    shutil.copytree(offline.root, root)
    with serve(root) as server:
        yield Store(root, server, source)


def tree(root: Path) -> dict[str, str]:
    """Checksums of the files of a folder that a user would look at."""
    kept = [path for name in ("images", "masks", "annotations") for path in (root / name).rglob("*")]
    return {str(path.relative_to(root)): checksum(path) for path in kept if path.is_file()}


def half_written(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.name.endswith((".part", ".plain"))]


@pytest.mark.parametrize("key", [TABLE, "v5/classes-segmentation.txt", "zip"])
def test_a_table_or_zip_that_is_not_there_ends_the_run_by_name(store: Store, tmp_path: Path, key: str) -> None:
    path = store.zip(store.hot_dog["ImageID"]) if key == "zip" else store.meta / key
    path.unlink()
    with pytest.raises(NotFoundError, match=rf"{path.name} is not there \(the server answered 404\)"):
        store.fetch(tmp_path / "out")
    assert not half_written(tmp_path / "out")


def test_a_server_that_is_slow_once_costs_nothing(store: Store, tmp_path: Path) -> None:
    store.fetch(tmp_path / "expected")
    with HttpSource(pause_seconds=0.001, timeout_seconds=0.3) as store.source:
        for pattern in ("*.jpg", "*.zip", "*segmentation.csv"):
            store.server.faults.append(Fault(pattern=pattern, kind="slow", seconds=0.6))
        store.fetch(tmp_path / "out")
    assert all(fault.times == 0 for fault in store.server.faults)
    assert tree(tmp_path / "out") == tree(tmp_path / "expected")


def test_a_server_that_is_slow_for_ever_costs_its_image_only(store: Store, tmp_path: Path) -> None:
    victim = store.hot_dog["ImageID"]
    store.server.faults.append(Fault(pattern=f"*{victim}.jpg", kind="slow", seconds=0.6, times=None))
    with HttpSource(pause_seconds=0.001, timeout_seconds=0.2, attempts=2) as store.source:
        report = store.fetch(tmp_path / "out").report
    assert report.splits["train"].dropped["image could not be fetched"] == (victim,)
    assert not (tmp_path / "out/images/train" / f"{victim}.jpg").exists()
    assert not half_written(tmp_path / "out")


def test_a_member_with_a_wrong_checksum_is_counted_and_leaves_no_file(store: Store, tmp_path: Path) -> None:
    row = store.hot_dog
    path = store.zip(row["ImageID"])
    data = bytearray(path.read_bytes())
    directory = Directory.read(lambda start, end: bytes(data[start:end]), len(data), path.name)
    data[directory.find([row["MaskPath"]])[row["MaskPath"]].end - 5] ^= 0xFF
    path.write_bytes(bytes(data))
    folder = store.fetch(tmp_path / "out")
    assert folder.report.splits["train"].dropped["mask damaged"] == (row["MaskPath"],)
    assert not (folder.masks("train") / row["MaskPath"]).exists()
    assert not folder.report.is_complete
    coco = json.loads(folder.annotations("train").read_text())
    assert row["MaskPath"] not in {annotation["mask_path"] for annotation in coco["annotations"]}


@pytest.mark.parametrize("whole", [False, True], ids=["by ranges", "whole zip"])
def test_a_member_that_climbs_out_of_the_folder_goes_nowhere(store: Store, tmp_path: Path, whole: bool) -> None:
    expected = store.fetch(tmp_path / "expected")
    evil = ["../../evil.png", "../../../../evil.png", str(tmp_path / "evil.png"), "..\\..\\evil.png", "evil.png"]
    for path in (store.meta / "v5/train-masks").iterdir():
        with zipfile.ZipFile(path, "a") as archive:
            for name in evil:
                archive.writestr(zipfile.ZipInfo(name), b"evil")
    if whole:
        store.server.faults.append(Fault(pattern="*.zip", kind="no_range", times=None))
    store.fetch(tmp_path / "out")
    assert tree(tmp_path / "out") == tree(expected.root)
    assert not list(tmp_path.rglob("*evil*"))


@pytest.mark.parametrize("cut", [1, 400, None], ids=["all but its first byte", "400 bytes short", "html"])
def test_an_image_that_is_none_is_counted_and_leaves_no_file(store: Store, tmp_path: Path, cut: int | None) -> None:
    victim = store.hot_dog["ImageID"]
    path = store.image(victim)
    data = path.read_bytes()
    path.write_bytes(b"<!DOCTYPE html><p>Error" if cut is None else data[:1] if cut == 1 else data[:-cut])
    folder = store.fetch(tmp_path / "out")
    assert folder.report.splits["train"].dropped["image damaged"] == (victim,)
    assert victim not in {file.stem for file in folder.images("train").iterdir()}
    assert not half_written(tmp_path / "out")
    path.write_bytes(data)
    assert store.fetch(tmp_path / "out").report.is_complete


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: text.replace("MaskPath,", "Mask,", 1), r"its header lacks MaskPath: found 'Mask,ImageID"),
        (lambda text: text[text.index("\n") + 1 :], r"its header lacks MaskPath"),
        (lambda text: "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "is a Git LFS pointer"),
        (lambda text: "", "its header lacks MaskPath"),
    ],
    ids=["changed header", "no header", "git lfs", "empty"],
)
def test_a_table_that_is_not_the_table_ends_the_run_by_name(
    store: Store, tmp_path: Path, spoil: Callable[[str], str], message: str
) -> None:
    path = store.meta / TABLE
    text = path.read_text()
    path.write_text(spoil(text))
    with pytest.raises(DataError, match=rf"train-annotations-object-segmentation\.csv.*{message}|{message}") as caught:
        store.fetch(tmp_path / "out")
    assert "train-annotations-object-segmentation.csv" in str(caught.value)
    path.write_text(text)
    assert store.fetch(tmp_path / "out").report.is_complete, "something of the wrong table was kept"


def test_a_table_written_another_way_gives_the_same_folder(store: Store, tmp_path: Path) -> None:
    path = store.meta / TABLE
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    for row in rows:
        row[header.index("PredictedIoU")] = row[header.index("Clicks")] = ""
    plain, quoted = io.StringIO(), io.StringIO(newline="")
    csv.writer(plain, lineterminator="\n").writerows([header, *rows])
    path.write_text(plain.getvalue())
    store.fetch(tmp_path / "expected")
    # Other columns, with commas and quotes in them, every field quoted, and the line ends of Windows.
    writer = csv.writer(quoted, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerows([["Note, new", *header, "Title"], *(['5" wide, 3" high', *row, "a, b"] for row in rows)])
    path.write_text(quoted.getvalue(), newline="")
    store.fetch(tmp_path / "out")
    assert len(tree(tmp_path / "out")) > 10
    assert tree(tmp_path / "out") == tree(tmp_path / "expected")


@pytest.mark.parametrize(
    ("column", "name"),
    [
        ("MaskPath", "../../evil.png"),
        ("MaskPath", "/tmp/evil.png"),
        ("MaskPath", "..\\evil.png"),
        ("MaskPath", "a/b.png"),
        ("ImageID", "../evil"),
        ("ImageID", "a\\b"),
    ],
)
def test_a_name_with_separators_in_a_table_is_refused(store: Store, tmp_path: Path, column: str, name: str) -> None:
    row = store.hot_dog
    path = store.meta / TABLE
    line = next(line for line in path.read_text().splitlines() if line.startswith(row["MaskPath"]))
    fields = line.split(",")
    fields[("MaskPath", "ImageID").index(column)] = name
    path.write_text(path.read_text().replace(line, ",".join(fields)))
    with pytest.raises(DataError, match=rf"{column} {re.escape(repr(name))} is not a plain file name"):
        store.fetch(tmp_path / "out")
    assert not list(tmp_path.rglob("*evil*"))


FULL = {
    "image": ("images/train", "*.jpg"),
    "mask": ("masks/train", "*.png"),
    "whole zip": (".zips", "*"),
    "rows of a table": (".meta/cache", "*object-segmentation*"),
    "directory of a zip": (".meta/cache", "*.directory"),
    "annotations": ("annotations", "train.json"),
    "manifest": (".", "manifest.json"),
}


@pytest.mark.parametrize("what", FULL)
def test_a_full_disk_ends_the_run_by_name_and_leaves_nothing_half_written(
    store: Store, tmp_path: Path, what: str
) -> None:
    """Stands for a full disk: a process that may write no more than some bytes to a file (RLIMIT_FSIZE)."""
    out = tmp_path / "out"
    store.fetch(out)
    expected = tree(out)
    place, pattern = FULL[what]
    victims = sorted((out / place).glob(pattern))
    if what in ("whole zip", "directory of a zip"):  # asked for only if a mask is
        victims += (out / "masks/train").iterdir()
    if what == "mask":  # then a zip need not be written first
        shutil.copytree(store.meta / "v5/train-masks", out / ".meta/segmentation-zips")
    sizes = [path.stat().st_size for path in victims]
    limit = min(sizes) - 1
    for path in victims:
        path.unlink()
    if what == "whole zip":  # then every mask has room, and one zip at least has not
        store.server.faults.append(Fault(pattern="*.zip", kind="no_range", times=None))
        victims, limit = [], max(sizes)
    with store.run(out, limit=limit) as process:
        assert process.stdout is not None
        said = process.stdout.read()
    named = re.escape(str(out / place))
    assert re.search(rf"cannot write {named}/.*: (File too large|No space left on device); make room", said), said
    assert "Traceback" not in said
    assert process.returncode in (1, 2)
    assert not [path for path in victims if path.exists()]
    assert not half_written(out)
    assert store.fetch(out).report.is_complete
    assert tree(out) == expected


@pytest.mark.slow
def test_of_two_runs_on_one_folder_one_is_turned_away(store: Store, tmp_path: Path) -> None:
    store.fetch(tmp_path / "expected")
    store.server.clear_log()
    store.server.latency_seconds = 0.02
    runs = [store.run(tmp_path / "out") for _ in range(2)]
    said = [run.communicate()[0] for run in runs]
    assert sorted(run.returncode for run in runs) == [0, 2], said
    assert sum("another process is writing to" in text for text in said) == 1
    assert tree(tmp_path / "out") == tree(tmp_path / "expected")
    asked = Counter(request.path for request in store.server.log if request.path.endswith(".jpg"))
    assert set(asked.values()) == {1}


@pytest.mark.slow
@pytest.mark.parametrize("ranges", [True, False], ids=["by ranges", "whole zips"])
def test_killed_again_and_again_it_ends_whole_and_asks_for_nothing_twice(
    store: Store, tmp_path: Path, ranges: bool
) -> None:
    if not ranges:
        store.server.faults.append(Fault(pattern="*.zip", kind="no_range", times=None))
    store.fetch(tmp_path / "expected")
    expected = tree(tmp_path / "expected")
    out = tmp_path / "out"
    rng = random.Random(0)
    store.server.latency_seconds = 0.02
    kills = 0
    while True:
        held = {path.name: path.read_bytes() for path in out.rglob("*") if path.suffix in (".jpg", ".png")}
        store.server.clear_log()
        run = store.run(out, workers=2)
        began = time.monotonic()
        while not store.server.log and run.poll() is None:  # Python takes a second to start
            assert time.monotonic() - began < 60
            time.sleep(0.002)
        try:
            said = run.communicate(timeout=rng.uniform(0.02, 0.25))[0]
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGKILL)
            said = run.communicate()[0]
        got = [Path(request.path).name for request in store.server.log if request.method == "GET"]
        assert not set(got) & set(held), "asked again for an image that stood there whole"
        for name, content in held.items():
            (path,) = out.rglob(name)
            assert path.read_bytes() == content
        for name in tree(out):
            assert name not in expected or tree(out)[name] == expected[name], f"{name} is there and not whole"
        if run.returncode == 0:
            break
        assert run.returncode == -signal.SIGKILL, said
        kills += 1
        assert kills < 60
    assert kills >= 3
    assert tree(out) == expected
    assert not half_written(out)
    assert not (out / ".zips").exists()


def test_every_test_that_the_table_names_is_there() -> None:
    here = Path(__file__).parent
    named = re.findall(r"\| (\S*test_\w+(?:\.test_\w+)?) +\|", __doc__ or "")
    assert len(named) == 23
    for name in named:
        file, _, function = name.rpartition(".")
        path = here / f"{file or Path(__file__).stem}.py" if "/" not in file else here.parent / f"{file}.py"
        functions = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
        assert function in functions, f"{name} is in the table and nowhere else"
