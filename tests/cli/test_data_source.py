from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from contorno.cli import main
from contorno.images import write_image


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """One image of 4 x 4 pixels: a class of 4 px² under 7, one pixel of the class 9, void under 5."""
    write_image(tmp_path / "data" / "images" / "a.png", np.zeros((4, 4, 3), dtype=np.uint8))
    values = np.array([[7, 7, 0, 0], [7, 7, 0, 9], [0, 0, 0, 0], [5, 5, 5, 5]], dtype=np.uint8)
    write_image(tmp_path / "data" / "masks" / "a.png", values)
    (tmp_path / "values.csv").write_text("value,name\n7,cat\n9,dog\n")
    return tmp_path / "data"


def test_options_of_mask_pictures_are_taken_and_how_they_were_read_is_said(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--mask-values", str(data.parent / "values.csv"), "--mask-void", "0,5", "--min-area", "2"]
    assert main(["data", "stats", str(data), *options]) == 0
    said = capsys.readouterr().err
    assert "1 images (0 without objects), 1 objects" in said
    assert "region under 2 px²" in said
    assert "masks read as semantic: the class of each value is given" in said
    assert main(["data", "stats", str(data), "--mask-kind", "label-map"]) == 0
    assert "3 objects\nmasks read as label-map: asked for" in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--mask-void", "x"], ["--min-area", "0"]])
def test_options_of_mask_pictures_that_make_no_sense_are_told(
    data: Path, option: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "stats", str(data), *option]) == 2
    assert "expected" in capsys.readouterr().err


def test_the_least_area_of_a_subset_is_its_own(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = data.parent / "out"
    options = ["--min-area", "2", "--to", "masks", "--out", str(out)]
    assert main(["data", "subset", str(data), *options]) == 0
    assert main(["data", "stats", str(out)]) == 0
    assert "2 objects" in capsys.readouterr().err
