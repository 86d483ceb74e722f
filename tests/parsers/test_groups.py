"""Objects of several parts, tied by a group id."""

from __future__ import annotations

import numpy as np

from contorno import masks
from contorno.geometry import Polygons, RunLength
from contorno.parsers.findings import Findings
from contorno.parsers.found import FoundObject
from contorno.parsers.groups import join_groups
from contorno.parsers.shapes import rectangle
from tiny import bitmap

SIZE = (4, 8)


def join(*parts: tuple[str | None, FoundObject]) -> tuple[list[FoundObject], Findings]:
    findings = Findings("test", autofix=True)
    return join_groups(parts, SIZE, findings, "a.jpg"), findings


def square(left: int, name: str = "cat", **more: object) -> FoundObject:
    return FoundObject(class_name=name, geometry=rectangle(left, 0, left + 2, 2), **more)  # type: ignore[arg-type]


def test_parts_of_one_group_become_one_object_where_the_first_stands() -> None:
    made, _ = join(("1", square(0)), (None, square(2)), ("1", square(4)), ("2", square(6)))
    assert [len(found.geometry.parts) for found in made if isinstance(found.geometry, Polygons)] == [2, 1, 1]
    assert isinstance(made[0].geometry, Polygons)
    assert made[0].geometry.parts[1][0].tolist() == [4, 0]


def test_one_group_id_on_two_classes_is_two_objects() -> None:
    made, _ = join(("1", square(0)), ("1", square(4, "dog")))
    assert [found.class_name for found in made] == ["cat", "dog"]


def test_pixels_and_polygons_of_a_group_are_their_union() -> None:
    pixels = masks.encode(bitmap("........", "......##", "......##", "........"))
    made, _ = join(("1", square(0)), ("1", FoundObject(class_name="cat", geometry=pixels)))
    assert isinstance(made[0].geometry, RunLength)
    expected = bitmap("##......", "##....##", "......##", "........")
    assert np.array_equal(masks.decode(made[0].geometry), expected)


def test_box_in_a_group_counts_as_its_rectangle_beside_outlines_only() -> None:
    box = FoundObject(class_name="cat", box=(4.0, 1.0, 7.0, 3.0))
    made, _ = join(("1", square(0)), ("1", box))
    assert made[0].box is None
    assert isinstance(made[0].geometry, Polygons)
    assert made[0].geometry.parts[1].tolist() == [[4, 1], [7, 1], [7, 3], [4, 3]]
    other = FoundObject(class_name="cat", box=(0.0, 0.0, 1.0, 4.0))
    made, _ = join(("1", box), ("1", other))
    assert (made[0].box, made[0].geometry) == ((0, 0, 7, 4), None)


def test_attributes_of_the_first_part_win_and_others_are_counted() -> None:
    made, findings = join(
        ("1", square(0, attributes={"colour": "red"})), ("1", square(4, attributes={"colour": "blue", "size": 2}))
    )
    assert made[0].attributes == {"colour": "red", "size": 2}
    assert not findings._dropped
    assert sum(findings._mended.values()) == 1
