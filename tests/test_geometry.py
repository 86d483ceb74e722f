"""The forms of a mask: checked when made, equal by value, safe to keep and to send."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from contorno.errors import DataError
from contorno.geometry import Polygons, RunLength

TRIANGLE = np.array([[0, 0], [4, 0], [4, 3.5]])
SQUARE = np.array([[0, 0], [2, 0], [2, 2], [0, 2]])


def test_polygons_equal_by_value() -> None:
    assert Polygons((TRIANGLE, SQUARE)) == Polygons((TRIANGLE.copy(), SQUARE.astype(np.float32)))
    assert Polygons((TRIANGLE,)) != Polygons((TRIANGLE + 1,))
    assert Polygons((TRIANGLE,)) != Polygons((TRIANGLE, SQUARE))
    assert Polygons((TRIANGLE,)) != Polygons((SQUARE,))
    assert Polygons((TRIANGLE,)) != TRIANGLE.tolist()


def test_equal_polygons_have_equal_hashes() -> None:
    assert hash(Polygons((TRIANGLE,))) == hash(Polygons((TRIANGLE.copy(),)))
    minus_zeros = np.where(TRIANGLE == 0, -0.0, TRIANGLE)
    assert Polygons((TRIANGLE,)) == Polygons((minus_zeros,))
    assert hash(Polygons((TRIANGLE,))) == hash(Polygons((minus_zeros,)))
    assert len({Polygons((TRIANGLE,)), Polygons((TRIANGLE,)), Polygons((SQUARE,))}) == 2


def test_polygons_do_not_share_the_array_they_were_made_from() -> None:
    points = TRIANGLE.copy()
    polygons = Polygons((points,))
    points[0] = 9
    assert polygons.to_coco() == [[0, 0, 4, 0, 4, 3.5]]
    with pytest.raises(ValueError, match="read-only"):
        polygons.parts[0][0] = 9


@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))], ids=["copy", "pickle"]
)
def test_geometry_survives_copy_and_pickle(again: object) -> None:
    for value in (Polygons((TRIANGLE, SQUARE)), Polygons(()), RunLength((2, 3), b"132")):
        assert again(value) == value  # type: ignore[operator]
    assert not again(Polygons((TRIANGLE,))).parts[0].flags.writeable  # type: ignore[operator]


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (TRIANGLE.ravel(), r"polygon 0 has shape \(6,\); expected \(n, 2\)"),
        (TRIANGLE[:2], "polygon 0 has 2 points; a polygon needs at least 3"),
        (np.where(TRIANGLE == 3.5, np.nan, TRIANGLE), "not a finite number"),
        (np.where(TRIANGLE == 3.5, -np.inf, TRIANGLE), "not a finite number"),
        (TRIANGLE * 1e6, "within a million pixels"),
    ],
    ids=["flat", "two points", "nan", "infinite", "far away"],
)
def test_faulty_polygon_is_refused(part: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Polygons((part,))


def test_packed_polygons_are_those_made_from_arrays() -> None:
    one, two = Polygons.of_packed([TRIANGLE.tobytes(), (TRIANGLE.tobytes(), SQUARE.astype(float).tobytes())])
    assert one == Polygons((TRIANGLE,))
    assert two == Polygons((TRIANGLE, SQUARE))
    assert hash(two) == hash(Polygons((TRIANGLE, SQUARE)))
    assert repr(one) == repr(Polygons((TRIANGLE,)))
    assert two.to_coco() == [[0, 0, 4, 0, 4, 3.5], [0, 0, 2, 0, 2, 2, 0, 2]]
    assert one.parts is one.parts
    with pytest.raises(ValueError, match="WRITEABLE"):
        one.parts[0].flags.writeable = True


def test_polygons_cannot_be_changed() -> None:
    polygons = Polygons((TRIANGLE,))
    for name in ("parts", "_held", "other"):
        with pytest.raises(AttributeError, match=f"{name!r} is fixed"):
            setattr(polygons, name, ())
    with pytest.raises(AttributeError, match="'parts' is fixed"):
        del polygons.parts


def test_run_length_equals_by_value_and_is_hashable() -> None:
    assert RunLength((2, 3), b"132") == RunLength((2, 3), b"132")
    assert RunLength((2, 3), b"132") != RunLength((3, 2), b"132")
    assert len({RunLength((2, 3), b"132"), RunLength((2, 3), b"132")}) == 1
    assert RunLength((2, 3), b"132").to_coco() == {"size": [2, 3], "counts": "132"}
