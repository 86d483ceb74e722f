from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from contorno.errors import DataError, DownloadError
from contorno.openimages import Bucket, HttpSource, MetaFiles
from contorno.openimages.attribution import CSV_NAME, NOTICE_NAME, image_credits, write_attribution
from contorno.rehearsal import Fault, OfflineBucket, Server
from tiny_listing import BY, HEADER, OTHER, PLAIN, QUOTED


@pytest.fixture
def meta(tmp_path: Path) -> Iterator[MetaFiles]:
    with HttpSource() as source:
        yield MetaFiles(Bucket("http://127.0.0.1:9", "http://127.0.0.1:9"), source, tmp_path / "meta")


def listing(meta: MetaFiles, text: str | bytes, name: str = "train-images-boxable-with-rotation.csv") -> Path:
    assert meta.folder is not None
    meta.folder.mkdir(exist_ok=True)
    (meta.folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return meta.folder / name


def table(root: Path) -> list[dict[str, str]]:
    with (root / CSV_NAME).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_of_the_table_has_all_that_a_credit_needs(meta: MetaFiles, tmp_path: Path) -> None:
    listing(meta, HEADER + OTHER + QUOTED + PLAIN)
    report = write_attribution(meta, tmp_path, {"train": ["0b"]})
    assert table(tmp_path) == [
        {
            "ImageID": "0b", "Split": "train", "File": "images/train/0b.jpg", "Author": "Okafor, J.",
            "AuthorProfileURL": "https://a/", "License": BY, "Title": 'The "good", yellow mustard',
            "OriginalLandingURL": "https://p/0b", "OriginalURL": "https://o/0b",
        }
    ]  # fmt: skip
    assert report.rows == 1
    assert report.missing == {}
    assert report.licences == {"CC BY 2.0": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER.replace("License", "Licence"), r"header lacks License: found 'ImageID,Subset.*expected 'ImageID"),
        ("Subset,ImageID" + HEADER[14:] + PLAIN, "lacks ImageID in the first place"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        ("<!DOCTYPE html>\n<html></html>\n", "header lacks"),
        ("", "header lacks"),
        (HEADER + OTHER + PLAIN[:30] + "\n", f"the line at byte {len(HEADER + OTHER)} has 4 fields; its header has 12"),
        (HEADER + OTHER + PLAIN[:30], f"the line at byte {len(HEADER + OTHER)} has 4 fields"),
        (HEADER + OTHER[:60], f"the line at byte {len(HEADER)} has no end"),
        (HEADER + PLAIN.replace("IMG_1", '"IMG_1') + OTHER, f"at byte {len(HEADER)} has no end. .*damaged"),
        (HEADER + PLAIN.replace("IMG_1", "a,b"), "has 13 fields"),
        ((HEADER + PLAIN).encode().replace(b"IMG", b"\xff"), "cannot be read"),
    ],
    ids=[
        "changed header", "id not first", "git lfs", "html", "empty", "cut line", "cut at the end", "cut elsewhere",
        "open quote", "comma", "bytes",
    ],
)  # fmt: skip
def test_a_listing_that_is_wrong_is_refused_by_name(
    meta: MetaFiles, tmp_path: Path, text: str | bytes, message: str
) -> None:
    listing(meta, text)
    with pytest.raises(DataError, match=message) as error:
        write_attribution(meta, tmp_path, {"train": ["0a"]})
    assert "train-images-boxable-with-rotation.csv" in str(error.value)
    assert not (tmp_path / CSV_NAME).exists()
    assert not (tmp_path / NOTICE_NAME).exists()


def test_ids_that_the_listing_lacks_are_counted_and_stand_in_both_files(meta: MetaFiles, tmp_path: Path) -> None:
    listing(meta, HEADER + PLAIN)
    report = write_attribution(meta, tmp_path, {"train": ["0f", "0a", "0d"]})
    assert report.rows == 1
    assert report.missing == {"train": ("0d", "0f")}
    assert [(row["ImageID"], row["Author"]) for row in table(tmp_path)] == [("0a", "Ana"), ("0d", ""), ("0f", "")]
    assert "images/train/0f.jpg: not in the listing of train" in (tmp_path / NOTICE_NAME).read_text()


def test_the_same_ids_stream_nothing_and_more_ids_only_what_lacks(
    offline: OfflineBucket, server: Server, bucket: Bucket, source: HttpSource, tmp_path: Path
) -> None:
    meta = MetaFiles(bucket, source)
    ids = {
        split: sorted(path.stem for path in (offline.images_dir / split).glob("*.jpg")) for split in ("train", "test")
    }
    report = write_attribution(meta, tmp_path, {"test": ids["test"], "train": [*ids["train"], "beef"]})
    assert report.rows == 47 + 8
    assert report.missing == {"train": ("beef",)}
    first = (tmp_path / CSV_NAME).read_bytes(), (tmp_path / NOTICE_NAME).read_bytes()

    server.clear_log()
    again = write_attribution(meta, tmp_path, {"test": ids["test"], "train": [*ids["train"], "beef"]})
    assert again == report
    assert server.log == []
    assert first == ((tmp_path / CSV_NAME).read_bytes(), (tmp_path / NOTICE_NAME).read_bytes())

    validation = [path.stem for path in (offline.images_dir / "validation").glob("*.jpg")]
    more = write_attribution(meta, tmp_path, {"validation": validation, "train": ids["train"][:5]})
    assert more.rows == len(table(tmp_path)) == 12 + 5
    assert {request.path.rpartition("/")[2] for request in server.log} == {"validation-images-with-rotation.csv"}


@pytest.mark.parametrize(
    "old",
    [
        b"",
        b"\xff\xfe",
        b"a,b\n1,2\n",
        b"ImageID,Split,File,Author,AuthorProfileURL,License,Title,OriginalLandingURL,OriginalURL\n0a,train,x\n",
    ],
    ids=["empty", "bytes", "another table", "short row"],
)
def test_a_table_that_is_none_is_written_anew(meta: MetaFiles, tmp_path: Path, old: bytes) -> None:
    listing(meta, HEADER + PLAIN)
    (tmp_path / CSV_NAME).write_bytes(old)
    assert write_attribution(meta, tmp_path, {"train": ["0a"]}).rows == 1
    assert len(table(tmp_path)) == 1


def test_a_listing_cut_on_the_way_leaves_no_files(
    server: Server, bucket: Bucket, source: HttpSource, tmp_path: Path
) -> None:
    server.faults.append(Fault("*images-boxable*", "lying_length", times=None, size=500))
    with pytest.raises((DataError, DownloadError), match="train-images-boxable-with-rotation"):
        write_attribution(MetaFiles(bucket, source), tmp_path, {"train": ["none of them"]})
    assert list(tmp_path.iterdir()) == []


def test_a_listing_of_another_length_than_announced_is_refused(
    server: Server, bucket: Bucket, source: HttpSource, tmp_path: Path
) -> None:
    server.faults.append(Fault("*images-boxable*", "lying_length", size=500))  # to the question for its size only
    with pytest.raises(DownloadError, match=r"train-images-boxable-with-rotation\.csv: \d+ of \d+ bytes came"):
        write_attribution(MetaFiles(bucket, source), tmp_path, {"train": ["none of them"]})
    assert list(tmp_path.iterdir()) == []


def test_a_credit_from_the_bucket_is_what_its_listing_says(
    offline: OfflineBucket, bucket: Bucket, source: HttpSource
) -> None:
    key = bucket.image_list_key("train")
    with (offline.meta_dir / key).open(encoding="utf-8", newline="") as file:
        rows = {row["ImageID"]: row for row in csv.DictReader(file)}
    found = image_credits(MetaFiles(bucket, source), "train", list(rows))
    assert len(found) == 48
    for image_id, credit in found.items():
        row = rows[image_id]
        assert (credit.title, credit.author, credit.page) == (row["Title"], row["Author"], row["OriginalLandingURL"])


def test_the_notice_says_when_it_was_not_open_images_that_was_asked(
    bucket: Bucket, source: HttpSource, offline: OfflineBucket, tmp_path: Path
) -> None:
    image_id = next((offline.images_dir / "test").glob("*.jpg")).stem
    write_attribution(MetaFiles(bucket, source), tmp_path, {"test": [image_id]})
    assert "read from 127.0.0.1, not from Open Images' own address" in (tmp_path / NOTICE_NAME).read_text()
