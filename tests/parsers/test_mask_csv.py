from __future__ import annotations

from pathlib import Path

import pytest

from contorno.errors import DataError
from contorno.parsers.findings import Findings
from contorno.parsers.mask_csv import MaskRow, read_mask_csv, write_mask_csv


def test_table_comes_back_as_it_was_written(tmp_path: Path) -> None:
    rows = [
        MaskRow(image="images/1/a, b.png", mask="masks/1/a, b.png", size=(3, 4)),
        MaskRow(image='images/"ü".png', mask=""),
    ]
    path = write_mask_csv(tmp_path / "t.csv", rows)
    assert path.read_text().splitlines()[0] == "images,masks,width,height"
    assert [(row.image, row.mask, row.size) for row in read_mask_csv(path)] == [
        (row.image, row.mask, row.size) for row in rows
    ]


@pytest.mark.parametrize(
    "text",
    [
        ",masks,images,width,height\n0,m/a.png,i/a.png,4.0,3.0\n",
        "Image;Mask;Height;Width\r\ni\\a.png;m\\a.png;3;4\r\n",
        "\ufeffimage_path\tmask_path\theight\twidth\ni/a.png\tm/a.png\t3\t4\n\n",
    ],
    ids=["pandas", "semicolons", "tabs"],
)
def test_columns_come_in_any_order_and_dress(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_text(text, encoding="utf-8", newline="")
    ((image, mask, size),) = [(row.image, row.mask, row.size) for row in read_mask_csv(tmp_path / "t.csv")]
    assert (image, mask, size) == ("i/a.png", "m/a.png", (3, 4))


def test_other_tables_and_binary_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,y\n1,2\n")
    with pytest.raises(DataError, match=r"has the columns x, y; expected images,masks,width,height"):
        read_mask_csv(path)
    path.write_bytes(b"\x89PNG\xff")
    with pytest.raises(DataError, match="cannot be read"):
        read_mask_csv(path)
    path.write_text("")
    with pytest.raises(DataError, match="has the columns none"):
        read_mask_csv(path)


@pytest.mark.parametrize("bad", ["/etc/passwd", "../a.png", "C:\\a.png"])
def test_paths_that_lead_out_are_counted_or_raise(tmp_path: Path, bad: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"images,masks\n{bad},m.png\na.png,{bad}\nb.png,b.png\n")
    findings = Findings("t", autofix=True)
    assert [row.image for row in read_mask_csv(path, findings)] == ["b.png"]
    with pytest.raises(DataError, match="leads out of the image folder"):
        read_mask_csv(path)
