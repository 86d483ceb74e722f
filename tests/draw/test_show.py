"""Pictures go to a file, to a notebook, to a window (tests/draw/test_window.py), or only back to the caller."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

import tiny
from contorno import masks
from contorno.draw import denormalize_imagenet, show_img, show_preds, show_records, show_samples
from contorno.errors import DataError
from contorno.images import read_image
from contorno.records import Record
from contorno.samples import Prediction, Sample


@pytest.fixture(autouse=True)
def _no_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "agg")
    mpl.use("agg")


def sample(records_image: np.ndarray, record: Record, names: object) -> Sample:
    found = record.instances
    return Sample(
        image=records_image,
        boxes=found.boxes,
        labels=found.labels,
        is_crowd=found.is_crowd,
        masks=masks.decode_stack(found.run_lengths(), record.size_hw),
        record=record,
        frame=None,
        class_map=names,  # type: ignore[arg-type]
    )


def prediction(record: Record, image: np.ndarray | None = None) -> Prediction:
    found = record.instances
    return Prediction(
        image_id=record.image_id,
        size_hw=record.size_hw,
        labels=found.labels,
        scores=np.linspace(0.9, 0.2, len(found)).astype(np.float32),
        boxes=found.boxes,
        masks=found.run_lengths(),
        record=record,
        image=image,
    )


def test_records_samples_and_predictions_are_written_where_asked(tmp_path: Path) -> None:
    records = tiny.disc_records(4)
    normal = [sample(np.zeros((64, 64, 3), np.float32), record, records.class_map) for record in records]
    shown = {
        "records.png": show_records(records, ncols=2, path=tmp_path / "records.png"),
        "samples.png": show_samples(normal, None, denormalize_imagenet, ncols=2, path=tmp_path / "new" / "samples.png"),
        "preds.png": show_preds([prediction(r) for r in records], ncols=2, path=str(tmp_path / "preds.png")),
    }
    for name, picture in shown.items():
        path = next(tmp_path.rglob(name))
        assert isinstance(picture, Image.Image)
        assert 800 < picture.width < 900
        np.testing.assert_array_equal(read_image(path), np.array(picture))


def test_nothing_is_written_or_shown_without_a_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show_records(tiny.disc_records(1))
    show_records(tiny.disc_records(1), show=False)
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""


def test_plain_list_of_records_takes_names_from_the_class_map() -> None:
    records = tiny.disc_records(2)
    named = show_records(list(records), class_map=records.class_map)
    assert np.array_equal(named, show_records(records))
    assert not np.array_equal(named, show_records(list(records)))


def test_figsize_sets_the_width() -> None:
    assert abs(show_records(tiny.disc_records(4), ncols=2, figsize=(6, 6)).width - 600) < 20


def test_preds_show_all_by_default_and_less_above_a_threshold() -> None:
    record = tiny.record(1, (64, 64), [(1, tiny.disc((64, 64), (20, 30), 12)), (1, tiny.disc((64, 64), (48, 30), 12))])
    all_of_them = show_preds([prediction(record)])
    assert not np.array_equal(all_of_them, show_preds([prediction(record)], threshold=0.5))


def test_float_image_of_a_prediction_is_denormalised() -> None:
    record = tiny.record(1, (64, 64), [])
    normal = np.zeros((64, 64, 3), np.float32)
    middle = np.array(show_preds([prediction(record, normal)]))[200, 200]
    assert middle.tolist() == [124, 116, 104]


def test_empty_list_is_refused() -> None:
    with pytest.raises(DataError, match="nothing to show"):
        show_records([])


@pytest.mark.parametrize("kind", ["array", "grey", "float", "pillow", "file"])
def test_img_takes_arrays_pictures_and_files(kind: str, tmp_path: Path) -> None:
    pixels = np.full((5, 7, 3), 124, np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    given = {
        "array": pixels,
        "grey": pixels[..., 0],
        "float": np.zeros((5, 7, 3), np.float32),
        "pillow": Image.fromarray(pixels),
        "file": tmp_path / "a.png",
    }[kind]
    picture = show_img(given)
    assert picture.size == (7, 5)
    assert picture.getpixel((0, 0))[0] == 124  # type: ignore[index]


def test_notebook_shows_the_picture_once_though_the_cell_returns_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # IPython is no dependency, so its two names that are used stand here; a real kernel calls _ipython_display_.
    seen: list[Image.Image] = []
    shell = SimpleNamespace(execution_count=1)
    notebook = ModuleType("IPython")
    notebook.get_ipython = lambda: shell  # type: ignore[attr-defined]
    notebook.display = SimpleNamespace(display=seen.append)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", notebook)
    picture = show_img(np.zeros((4, 4, 3), np.uint8))
    assert len(seen) == 1
    picture._ipython_display_()  # type: ignore[attr-defined]
    assert len(seen) == 1
    shell.execution_count = 2
    picture._ipython_display_()  # type: ignore[attr-defined]
    assert len(seen) == 2
    show_img(np.zeros((4, 4, 3), np.uint8), show=False)
    assert len(seen) == 2
