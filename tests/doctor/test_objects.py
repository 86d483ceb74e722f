"""Objects annotated twice, specks, and images that seem to be unlabelled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tiny
from contorno.doctor import CheckReport, check_records
from contorno.masks import Geometry, Polygons
from contorno.records import ClassMap, Instances, Record, Records
from tiny_coco import kinds

SIZE = (60, 80)


def square(x: float, y: float, side: float) -> Polygons:
    return Polygons((np.array([[x, y], [x + side, y], [x + side, y + side], [x, y + side]], dtype=np.float64),))


def check(geometries: list[Geometry], labels: list[int] | None = None) -> CheckReport:
    instances = Instances.build(SIZE, labels or [1] * len(geometries), geometries, ids=range(50, 50 + len(geometries)))
    made = [tiny.record(n, SIZE) for n in range(2, 14)]
    two = [
        replace(
            tiny.record(n, SIZE),
            instances=replace(tiny.record(n, SIZE).instances, labels=np.array([2]), _run_lengths=[]),
        )
        for n in range(20, 32)
    ]
    first = replace(tiny.record(1, SIZE), instances=instances)
    return check_records({"train": Records([first, *made, *two], ClassMap(["a", "b"]))}, open_images=False)


@pytest.mark.parametrize(
    ("second", "label", "expected"),
    [
        (square(10, 10, 30), 1, "object annotated twice"),
        (square(10.6, 10, 30), 1, "object annotated twice, nearly alike (IoU over 0.9)"),
        (square(10, 10, 30), 2, "object annotated as two classes"),
        (square(10.6, 10, 30), 2, "object annotated as two classes"),
        (square(13, 13, 30), 1, None),
        (square(12, 12, 26), 1, None),
    ],
)
def test_pairs(second: Polygons, label: int, expected: str | None) -> None:
    report = check([square(10, 10, 30), second], [1, label])
    assert kinds(report) == ({} if expected is None else {expected: 1})
    if expected is not None:
        assert report.faults[0].where[0].annotation_id == 51


def test_crowd_regions_are_no_second_annotation() -> None:
    instances = Instances.build(SIZE, [1, 1], [square(10, 10, 30)] * 2, is_crowd=[False, True])
    record = replace(tiny.record(1, SIZE), instances=instances)
    made = Records([record, *(tiny.record(n, SIZE) for n in range(2, 14))], ClassMap(["a"]))
    assert check_records({"train": made}, open_images=False).faults == ()


def test_speck_beside_a_part_is_named_and_a_small_object_is_not_one() -> None:
    both = Polygons((*square(10, 10, 30).parts, *square(60, 50, 1).parts))
    assert kinds(check([both])) == {"object with specks (parts under 4 px²)": 1}
    two = Polygons((*square(10, 10, 30).parts, *square(60, 50, 3).parts))
    assert kinds(check([two])) == {}


def test_many_objects_are_compared_in_pieces() -> None:
    rng = np.random.default_rng(0)
    shapes: list[Geometry] = [square(x, y, 4) for x, y in rng.uniform(0, 55, (1100, 2))]
    shapes[900] = shapes[3]
    found = kinds(check(shapes))
    assert found["object annotated twice"] >= 1


def made(counts: list[int], folders: list[str] | None = None) -> CheckReport:
    records: list[Record] = []
    for number, count in enumerate(counts):
        objects = [(1, tiny.disc(SIZE, (10 + 6 * k % 60, 10 + 5 * k % 40), 4 + k % 3)) for k in range(count)]
        record = tiny.record(number, SIZE, objects)
        if folders is not None:
            record = replace(record, path=Path(folders[number]) / f"{number}.jpg")
        records.append(record)
    return check_records({"train": Records(records, ClassMap(["a"]))}, open_images=False)


def unlabelled(report: CheckReport) -> dict[str, int]:
    return {kind: count for kind, count in kinds(report).items() if kind.startswith("image")}


def test_run_of_empty_images_at_the_end_is_named_unless_empty_ones_are_common() -> None:
    assert unlabelled(made([1] * 30 + [0] * 8)) == {"image at the end of the order without objects": 8}
    assert unlabelled(made([1] * 30 + [0] * 2)) == {}
    assert unlabelled(made([0, 1] * 15 + [0] * 6)) == {}


def test_negatives_put_behind_the_others_are_no_end_of_annotating() -> None:
    def named(names: list[str], empty: int) -> CheckReport:
        full = [(1, tiny.disc(SIZE, (20, 20), 6))]
        held = [full] * (len(names) - empty) + [[]] * empty
        records = [tiny.record(name, SIZE, objects) for name, objects in zip(names, held, strict=True)]
        return check_records({"train": Records(records, ClassMap(["a"]))}, open_images=False)

    first, anew = [f"{number:02}" for number in range(0, 60, 2)], [f"{number:02}" for number in range(1, 17, 2)]
    assert unlabelled(named(first + anew, 8)) == {}
    goes_on, mixed = [f"{number:02}" for number in range(70, 78)], [*anew[1:], anew[0]]
    for names in (first + goes_on, first + mixed, first[::-1] + anew):
        assert unlabelled(named(names, 8)) == {"image at the end of the order without objects": 8}


def test_folder_without_objects_beside_others_that_have_them() -> None:
    folders = ["a"] * 10 + ["b"] * 6 + ["c"] * 10
    counts = [1] * 10 + [0] * 6 + [1] * 10
    assert unlabelled(made(counts, folders)) == {"image of a folder without objects": 6}
    assert unlabelled(made([0, 1] * 13, ["a", "b"] * 13)) == {"image of a folder without objects": 13}
    assert unlabelled(made([0, 1, 1, 1] * 6, ["a", "b"] * 12)) == {}


def test_single_empty_image_among_full_ones_and_one_with_far_fewer() -> None:
    assert unlabelled(made([4] * 12 + [0] + [5] * 12)) == {"image without objects where all others have many": 1}
    assert unlabelled(made([1] * 12 + [0] + [5] * 12)) == {}
    assert unlabelled(made([12] * 14 + [1] + [13] * 4)) == {"image with far fewer objects than the others": 1}
