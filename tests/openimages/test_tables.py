from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from contorno.errors import DataError
from contorno.openimages import (
    BoxFlags,
    BoxRow,
    Bucket,
    HttpSource,
    MaskRow,
    MetaFiles,
    box_rows,
    image_labels,
    mask_rows,
)
from contorno.openimages.table_rows import RowText, read_rows, write_rows
from contorno.openimages.tables import MASK_COLUMNS
from contorno.rehearsal import Server

HEADER = ",".join([*MASK_COLUMNS, "Clicks"]) + "\n"
DOG = "0a_m01b9xk_01.png,0a,/m/01b9xk,01,0.10,0.50,0.20,0.60,0.875,0.2 0.3 1;0.9 0.9 0;\n"
BARE = "0b_m01b9xk_02.png,0b,/m/01b9xk,02,,,,,,\n"
OTHER = "0c_m01b9x_03.png,0c,/m/01b9x,03,0,1,0,1,0.5,\n"
DOG_ROW = MaskRow("0a_m01b9xk_01.png", "0a", "/m/01b9xk", "01", (0.1, 0.2, 0.5, 0.6), 0.875)


@pytest.fixture
def meta(tmp_path: Path) -> Iterator[MetaFiles]:
    with HttpSource() as source:
        yield MetaFiles(Bucket("http://127.0.0.1:9", "http://127.0.0.1:9"), source, tmp_path)


def table(meta: MetaFiles, text: str, name: str = "train-annotations-object-segmentation.csv") -> Path:
    assert meta.folder is not None
    (meta.folder / name).write_text(text)
    return meta.folder / name


def rows_of(meta: MetaFiles, mid: str) -> list[MaskRow]:
    return list(mask_rows(meta, "train", [mid])[mid])


def cache(meta: MetaFiles) -> list[Path]:
    assert meta.folder is not None
    return list((meta.folder / "cache").iterdir())


def test_rows_are_typed_and_empty_fields_are_none(meta: MetaFiles) -> None:
    table(meta, HEADER + OTHER + DOG + BARE)
    assert rows_of(meta, "/m/01b9xk") == [
        DOG_ROW,
        MaskRow("0b_m01b9xk_02.png", "0b", "/m/01b9xk", "02", None, None),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            HEADER.replace("MaskPath", "Mask") + DOG,
            r"header lacks MaskPath: found 'Mask,ImageID.*expected 'MaskPath,ImageID",
        ),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
        ("<!DOCTYPE html>\n", "header lacks"),
        ("", "header lacks"),
        (HEADER + DOG[:40] + "\n", r"the line at byte 85 has 6 fields; its header has 10"),
        (HEADER + DOG.replace("0.875", "good"), "PredictedIoU is 'good'"),
        (HEADER + DOG.replace("0a_m", "../0a_m"), "MaskPath '../0a_m01b9xk_01.png' is not a plain file name"),
        (HEADER + DOG.replace(",0a,", ",..\\a,"), "ImageID"),
        (HEADER + DOG.replace(",01,", ",/etc,"), "BoxID '/etc'"),
    ],
    ids=["changed header", "git lfs", "html", "empty", "cut off", "number", "mask path", "image id", "box id"],
)
def test_a_table_that_is_wrong_is_refused_by_name(meta: MetaFiles, text: str, message: str) -> None:
    table(meta, text)
    with pytest.raises(DataError, match=message) as error:
        mask_rows(meta, "train", ["/m/01b9xk"])
    assert "train-annotations-object-segmentation.csv" in str(error.value)


def test_same_class_costs_no_second_pass_until_the_file_changes(meta: MetaFiles) -> None:
    path = table(meta, HEADER + DOG + OTHER)
    first = rows_of(meta, "/m/01b9xk")
    passes: list[str] = []

    def again(*mids: str) -> list[MaskRow]:
        found = mask_rows(meta, "train", mids, progress=lambda what, done, total: passes.append(what))
        return [row for mid in mids for row in found[mid]]

    assert again("/m/01b9xk") == first
    assert passes == []
    assert len(again("/m/01b9xk", "/m/01b9x")) == 2, "the class that is new takes one pass"
    assert len(passes) == 1
    assert len(again("/m/01b9x", "/m/01b9xk")) == 2
    assert len(passes) == 1
    path.write_text(HEADER + DOG + BARE)
    assert len(again("/m/01b9xk")) == 2
    assert len(passes) == 2


def test_class_without_rows_is_kept_too(meta: MetaFiles) -> None:
    table(meta, HEADER + DOG)
    assert rows_of(meta, "/m/0none") == []
    (kept,) = cache(meta)
    assert "m0none" in kept.name
    assert rows_of(meta, "/m/0none") == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1],
        lambda data: data[data.index(b"\n") + 1 :],
        lambda data: data.replace(b"0.875", b"0.874"),
        lambda data: data.replace(b"train-annotations", b"other-annotations"),
        lambda data: b"[]\n" + data,
        lambda data: b"",
        lambda data: bytes(len(data)),
    ],
    ids=["half", "last byte gone", "no head", "edited", "of another file", "another head", "empty", "zeros"],
)
def test_kept_rows_that_are_damaged_are_read_anew(meta: MetaFiles, damage: Callable[[bytes], bytes]) -> None:
    table(meta, HEADER + DOG + BARE)
    first = rows_of(meta, "/m/01b9xk")
    (kept,) = cache(meta)
    good = kept.read_bytes()
    kept.write_bytes(damage(good))
    assert rows_of(meta, "/m/01b9xk") == first
    assert kept.read_bytes() == good


def test_folder_that_cannot_keep_rows_still_gives_them(meta: MetaFiles) -> None:
    table(meta, HEADER + DOG)
    assert meta.folder is not None
    (meta.folder / "cache").write_text("a file where the folder should be")
    assert len(rows_of(meta, "/m/01b9xk")) == 1


def test_rows_are_kept_as_they_were_whatever_their_fields_hold(tmp_path: Path) -> None:
    text = RowText()
    rows = [["a,b", 'say "x"', ""], ["", "", ""], ["é", "1", "2"], ['"', ",", "x"]]
    for row in rows:
        text.add(row)
    write_rows(tmp_path / "kept.rows", ["t", 1, None], text)
    kept = read_rows(tmp_path / "kept.rows", ["t", 1, None])
    assert kept is not None
    assert (kept.count, list(kept)) == (4, rows)
    assert read_rows(tmp_path / "kept.rows", ["t", 2, None]) is None


def test_rows_can_be_counted_passed_over_twice_and_asked_for(meta: MetaFiles) -> None:
    table(meta, HEADER + DOG + BARE)
    rows = mask_rows(meta, "train", ["/m/01b9xk"])["/m/01b9xk"]
    assert (len(rows), repr(rows)) == (2, "<2 rows>")
    assert list(rows) == list(rows)
    assert DOG_ROW in rows
    assert replace(DOG_ROW, box_id="09") not in rows


def test_a_common_class_takes_little_memory(meta: MetaFiles) -> None:
    table(meta, HEADER + DOG * 20_000)
    tracemalloc.start()
    rows = mask_rows(meta, "train", ["/m/01b9xk"])["/m/01b9xk"]
    assert sum(row == DOG_ROW for row in rows) == 20_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000 * 150 + (2 << 20)  # bytes; as objects they would take 500 each


BOX_HEADER = (
    "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"
)
CLICK_HEADER = ",XClick1X,XClick2X,XClick3X,XClick4X,XClick1Y,XClick2Y,XClick3Y,XClick4Y"


@pytest.mark.parametrize("clicks", ["", ",0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8"], ids=["v4", "v6"])
def test_boxes_have_typed_flags_and_corners_in_order(meta: MetaFiles, clicks: str) -> None:
    lines = [
        BOX_HEADER + (CLICK_HEADER if clicks else ""),
        "0a,xclick,/m/01b9xk,1,0.10,0.50,0.20,0.60,1,0,1,0,1" + clicks,
        "0b,activemil,/m/01b9xk,1,0,1,0,1,-1,-1,-1,-1,-1" + clicks,
        "0c,xclick,/m/01b9x,1,0,1,0,1,0,0,0,0,0" + clicks,
    ]
    table(meta, "\n".join(lines) + "\n", "oidv6-train-annotations-bbox.csv")
    assert list(box_rows(meta, "train", ["/m/01b9xk"])["/m/01b9xk"]) == [
        BoxRow("0a", "xclick", "/m/01b9xk", (0.1, 0.2, 0.5, 0.6), BoxFlags(True, False, True, False, True)),
        BoxRow("0b", "activemil", "/m/01b9xk", (0.0, 0.0, 1.0, 1.0), BoxFlags(None, None, None, None, None)),
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("0a,xclick,/m/1,1,0,1,0,1,2,0,0,0,0", "row of 0a: a flag is '2'; expected 1, 0 or -1"),
        ("0a,xclick,/m/1,1,0,,0,1,0,0,0,0,0", "row of 0a: a corner of a box is ''; expected a number"),
        ("0a,xclick,/m/1,1,0,nan,0,1,0,0,0,0,0", "a corner of a box is 'nan'"),
        ("../a,xclick,/m/1,1,0,1,0,1,0,0,0,0,0", "ImageID '../a' is not a plain file name"),
    ],
)
def test_box_that_is_wrong_is_refused(meta: MetaFiles, row: str, message: str) -> None:
    table(meta, f"{BOX_HEADER}\n{row}\n", "test-annotations-bbox.csv")
    with pytest.raises(DataError, match=message):
        box_rows(meta, "test", ["/m/1"])


def test_tables_of_a_server_are_kept_by_its_version_of_the_file(
    bucket: Bucket, server: Server, source: HttpSource, tmp_path: Path
) -> None:
    meta = MetaFiles(bucket, source, tmp_path)
    first = list(mask_rows(meta, "test", ["/m/01b9xk"])["/m/01b9xk"])
    assert len(first) > 0
    assert list(mask_rows(meta, "test", ["/m/01b9xk"])["/m/01b9xk"]) == first
    assert [r.method for r in server.log if "segmentation.csv" in r.path] == ["HEAD", "GET", "HEAD"]


def test_one_source_that_saw_the_thing_outweighs_others(meta: MetaFiles) -> None:
    table(
        meta,
        "ImageID,Source,LabelName,Confidence\n0a,verification,/m/1,0\n0a,crowdsource-verification,/m/1,1\n"
        "0b,verification,/m/1,0\n0d,verification,/m/1,1\n0d,crowdsource-verification,/m/1,0\n0c,verification,/m/2,0\n",
        "test-annotations-human-imagelabels-boxable.csv",
    )
    assert image_labels(meta, "test", ["/m/1"]) == {"/m/1": {"0a": True, "0b": False, "0d": True}}
