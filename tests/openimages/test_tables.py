from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from contorno.errors import DataError
from contorno.openimages import Bucket, HttpSource, MaskRow, MetaFiles, image_labels, mask_rows
from contorno.openimages.tables import MASK_COLUMNS, filter_table

HEADER = ",".join([*MASK_COLUMNS, "Clicks"]) + "\n"
DOG = "0a_m01b9xk_01.png,0a,/m/01b9xk,01,0.10,0.50,0.20,0.60,0.875,0.2 0.3 1;0.9 0.9 0;\n"
BARE = "0b_m01b9xk_02.png,0b,/m/01b9xk,02,,,,,,\n"
OTHER = "0c_m01b9x_03.png,0c,/m/01b9x,03,0,1,0,1,0.5,\n"


@pytest.fixture
def meta(tmp_path: Path) -> Iterator[MetaFiles]:
    with HttpSource() as source:
        yield MetaFiles(Bucket("http://127.0.0.1:9", "http://127.0.0.1:9"), source, tmp_path)


def table(meta: MetaFiles, text: str, name: str = "train-annotations-object-segmentation.csv") -> Path:
    assert meta.folder is not None
    (meta.folder / name).write_text(text)
    return meta.folder / name


def test_rows_are_typed_and_empty_fields_are_none(meta: MetaFiles) -> None:
    table(meta, HEADER + OTHER + DOG + BARE)
    assert mask_rows(meta, "train", ["/m/01b9xk"]) == {
        "/m/01b9xk": [
            MaskRow("0a_m01b9xk_01.png", "0a", "/m/01b9xk", "01", (0.1, 0.2, 0.5, 0.6), 0.875),
            MaskRow("0b_m01b9xk_02.png", "0b", "/m/01b9xk", "02", None, None),
        ]
    }


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_blocks_of_any_size_give_the_same_rows(size: int, end: str) -> None:
    text = (HEADER + OTHER + DOG * 3 + OTHER + BARE).replace("\n", end).encode().rstrip()
    blocks = [text[i : i + size] for i in range(0, len(text), size)]
    found = filter_table(blocks, "t.csv", MASK_COLUMNS, ["/m/01b9xk", "/m/01b9x"])
    assert [row[0][:2] for row in found["/m/01b9xk"]] == ["0a", "0a", "0a", "0b"]
    assert len(found["/m/01b9x"]) == 2
    assert found["/m/01b9xk"][0][-1] == "0.875"


def test_columns_are_found_by_name_in_any_order() -> None:
    text = b"LabelName,Extra,ImageID,MaskPath\n/m/1,x,0a,a.png\n/m/11,x,0b,b.png\n"
    found = filter_table([text], "t.csv", ("MaskPath", "LabelName"), ["/m/1"])
    assert found == {"/m/1": [["a.png", "/m/1"]]}


def test_quoted_fields_are_read() -> None:
    text = b'"A","LabelName","B"\n"x,""y""","/m/1","z"\n'
    assert filter_table([text], "t.csv", ("A", "B"), ["/m/1"]) == {"/m/1": [['x,"y"', "z"]]}


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


def test_rows_are_kept_until_the_file_changes(meta: MetaFiles) -> None:
    path = table(meta, HEADER + DOG)
    mask_rows(meta, "train", ["/m/01b9xk"])
    (kept,) = (meta.folder or Path()).glob("cache/*.json")
    kept.write_text(kept.read_text().replace("0.875", "0.5"))
    assert mask_rows(meta, "train", ["/m/01b9xk"])["/m/01b9xk"][0].predicted_iou == 0.5, "the kept rows were not used"
    path.write_text(HEADER + DOG + BARE)
    assert len(mask_rows(meta, "train", ["/m/01b9xk"])["/m/01b9xk"]) == 2


def test_one_source_that_saw_the_thing_outweighs_others(meta: MetaFiles) -> None:
    table(
        meta,
        "ImageID,Source,LabelName,Confidence\n0a,verification,/m/1,0\n0a,crowdsource-verification,/m/1,1\n"
        "0b,verification,/m/1,0\n0d,verification,/m/1,1\n0d,crowdsource-verification,/m/1,0\n0c,verification,/m/2,0\n",
        "test-annotations-human-imagelabels-boxable.csv",
    )
    assert image_labels(meta, "test", ["/m/1"]) == {"/m/1": {"0a": True, "0b": False, "0d": True}}


def test_memory_does_not_grow_with_the_table() -> None:
    block = (OTHER * 20_000).encode()  # about 1 MB

    def blocks() -> Iterator[bytes]:
        yield HEADER.encode()
        for _ in range(40):
            yield block
        yield DOG.encode()

    tracemalloc.start()
    found = filter_table(blocks(), "t.csv", MASK_COLUMNS, ["/m/01b9xk"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found["/m/01b9xk"]) == 1
    assert peak < 6 * len(block)
