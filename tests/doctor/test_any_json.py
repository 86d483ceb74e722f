"""Whatever stands in a document, the check says what is wrong and never stops, and so does mending."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest

from contorno.doctor import check_path, mend_path
from contorno.errors import ContornoError
from tiny_coco import annotation, document, write

VALUES: list[Any] = [
    *(None, True, 0, -1, 1.5, 1e308, -1e400, float("nan"), 10**400, "", "1", "cat", "../x", "a\\b.jpg", "é\0"),
    *([], {}, [1, 2], [[1, 2]], [[]], [None], {"a": 1}, [1, 2, 3, 4, 5, 6], [[[1, 2], [3, 4], [5, 6]]]),
    *({"size": size, "counts": counts} for size in ([60, 80], None, [10**9, 10**9]) for counts in ("04", [1e400], "é")),
]


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to everything in a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(way for key, item in inner for way in paths(item, (*path, key)))]


def spoil(made: dict[str, Any], rng: random.Random) -> None:
    *way, last = rng.choice([path for path in paths(made) if path])
    place: Any = made
    for key in way:
        place = place[key]
    if isinstance(place, dict) and rng.random() < 0.2:
        del place[last]
    else:
        place[last] = copy.deepcopy(rng.choice(VALUES))


@pytest.mark.parametrize("seed", range(40))
def test_spoilt_documents(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    code = {"size": [60, 80], "counts": [100, 20, 4680]}
    made = document(annotation(1, segmentation=code, bbox=[1, 40, 1, 20], area=20), count=12)
    for _ in range(rng.choice([1, 3, 8])):
        spoil(made, rng)
    path = write(tmp_path, json.dumps(made))
    report = check_path(path)
    assert report.faults
    assert json.loads(json.dumps(report.to_json()))["summary"] in str(report)
    try:
        mended = mend_path(path, tmp_path / "out")
    except ContornoError:
        return
    check_path(mended.label_files[0], open_images=False)
