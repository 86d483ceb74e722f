"""Merging, choosing, relabelling."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tiny
from contorno.errors import ConfigError, DataError
from contorno.gathering import merge, relabel, subset
from contorno.images import write_image
from contorno.records import ClassMap, ImageId, Instances, Record, Records

DOT = tiny.bitmap("#...", "....", "....")
BAR = tiny.bitmap("....", "####", "....")
BLOCK = tiny.bitmap("##..", "##..", "##..")


def image(image_id: ImageId, objects: list[tuple[int, np.ndarray]], shade: int | None = None) -> Record:
    """An image of 3 x 4 px; pictures of one shade are the same picture."""
    made = tiny.record(image_id, size_hw=(3, 4), objects=objects)
    if shade is None:
        shade = 0
    return replace(made, image=np.full((3, 4, 3), shade, np.uint8))


def named(records: Records) -> list[tuple[ImageId, list[str]]]:
    return [(r.image_id, [records.class_map.get_by_id(int(i)) for i in r.instances.labels]) for r in records]


def with_ids(record: Record, ids: Sequence[int]) -> Record:
    return replace(record, instances=replace(record.instances, ids=tuple(ids)))


def test_classes_are_joined_by_name_whatever_their_labels_and_spelling() -> None:
    a = Records([image(1, [(1, DOT), (2, BAR)], 1)], ClassMap(["cat", "dog"]))
    b = Records([image(2, [(1, DOT), (2, BAR)], 2)], ClassMap(["bird", " Cat"]))
    found = merge({"a": a, "b": b})
    assert found.class_map.names == ("cat", "dog", "bird")
    assert named(found) == [(1, ["cat", "dog"]), (2, ["bird", "cat"])]


def test_classes_renamed_to_one_name_become_one() -> None:
    a = Records([image(1, [(1, DOT), (2, BAR)], 1)], ClassMap(["kitten", "dog"]))
    b = Records([image(2, [(1, DOT)], 2)], ClassMap(["cat"]))
    found = merge([a, b], rename={"KITTEN": "cat"})
    assert named(found) == [(1, ["cat", "dog"]), (2, ["cat"])]
    with pytest.raises(ConfigError, match=r"no class 'kiten'; there are kitten, dog, cat. Did you mean 'kitten'\?"):
        merge([a, b], rename={"kiten": "cat"})


def test_image_ids_of_two_parts_get_the_parts_name_and_it_is_said() -> None:
    a = Records([image(1, [], 1), image(2, [], 2)], ClassMap(["cat"]))
    b = Records([image("1", [], 3), image(3, [], 4)], ClassMap(["cat"]))
    found = merge({"a": a, "b": b})
    assert [record.image_id for record in found] == ["a/1", 2, "b/1", 3]
    assert found.report is not None
    reason = "image id that stands in two parts, now with the part's name before it"
    assert found.report.mended == {reason: 2}
    assert found.report.places[reason] == ("a/1", "b/1")
    with pytest.raises(DataError, match="image id 1 stands in a and b"):
        merge({"a": a, "b": b}, on_same_id="error")


def test_a_name_made_for_an_image_is_never_one_that_is_there() -> None:
    a = Records([image(1, [], 1), image("a/1", [], 2)], ClassMap(["cat"]))
    b = Records([image(1, [], 3)], ClassMap(["cat"]))
    assert [record.image_id for record in merge({"a": a, "b": b})] == ["a/a/1", "a/1", "b/1"]


def test_the_same_picture_in_two_parts_is_an_error_until_a_rule_is_chosen() -> None:
    a = Records([image(1, [(1, DOT)], 7)], ClassMap(["cat"]))
    b = Records([image(2, [(1, DOT), (1, BAR)], 7), image(3, [], 8)], ClassMap(["cat"]))
    with pytest.raises(DataError, match="image 1 of a and image 2 of b are the same picture"):
        merge({"a": a, "b": b})
    first = merge({"a": a, "b": b}, on_same_image="first")
    assert named(first) == [(1, ["cat"]), (3, [])]
    assert first.report is not None
    assert first.report.dropped["object of an image that is in an earlier part too"] == 2
    assert len(merge({"a": a, "b": b}, on_same_image="keep")) == 3


def test_joined_pictures_hold_the_objects_of_both_once() -> None:
    a = Records([with_ids(image(1, [(1, BLOCK)], 7), [5])], ClassMap(["cat", "dog"]))
    b = Records([with_ids(image(1, [(1, DOT), (2, BLOCK), (1, BLOCK)], 7), [6, 7, 8])], ClassMap(["cat", "dog"]))
    found = merge({"a": a, "b": b}, on_same_image="join")
    assert named(found) == [(1, ["cat", "cat", "dog"])]
    assert found[0].instances.ids == (5, 6, 7)
    assert found.report is not None
    assert found.report.dropped == {"object of an image in two parts, annotated in both": 1}


def test_copies_of_a_file_are_the_same_picture(tmp_path: Path) -> None:
    write_image(tmp_path / "x.png", np.full((3, 4, 3), 9, np.uint8))
    shutil.copy(tmp_path / "x.png", tmp_path / "copy.png")
    write_image(tmp_path / "other.png", np.full((3, 4, 3), 8, np.uint8))

    def part(image_id: int, name: str) -> Records:
        return Records([replace(image(image_id, []), path=tmp_path / name, image=None)], ClassMap(["cat"]))

    with pytest.raises(DataError, match="same picture"):
        merge([part(1, "x.png"), part(2, "copy.png")])
    assert len(merge([part(1, "x.png"), part(2, "other.png")])) == 2
    with pytest.raises(DataError, match="same picture"):
        merge([part(1, "missing.png"), part(2, "missing.png")])


def test_object_ids_of_two_parts_are_given_up() -> None:
    a = Records([with_ids(image(1, [(1, DOT)], 1), [5])], ClassMap(["cat"]))
    b = Records([with_ids(image(2, [(1, DOT)], 2), [5]), with_ids(image(3, [(1, DOT)], 3), [6])], ClassMap(["cat"]))
    assert [record.instances.ids for record in merge([a, b])] == [None, None, (6,)]


def test_nothing_to_merge_and_unknown_rules_are_refused() -> None:
    with pytest.raises(ConfigError, match="nothing to merge"):
        merge([])
    with pytest.raises(ConfigError, match="on_same_id='drop' is not known"):
        merge([Records([], ClassMap())], on_same_id="drop")  # type: ignore[arg-type]


def farm() -> Records:
    return Records(
        [
            image(1, [(1, DOT), (2, BAR)]),
            image(2, [(2, BLOCK)]),
            image(3, []),
            image(4, [(3, DOT), (3, BAR), (3, BLOCK)]),
            image("5", []),
        ],
        ClassMap(["cat", "dog", "hen"]),
    )


def test_classes_left_out_leave_the_class_map_and_are_counted() -> None:
    found = subset(farm(), classes=["HEN", "dog"])
    assert found.class_map.names == ("dog", "hen")
    assert named(found) == [(1, ["dog"]), (2, ["dog"]), (3, []), (4, ["hen"] * 3), ("5", [])]
    assert found.report is not None
    assert found.report.dropped == {"object of the class 'cat'": 1}
    assert named(subset(farm(), without_classes=["cat"])) == named(found)
    assert subset(farm(), without_classes=["cat"], keep_class_map=True).class_map == farm().class_map


def test_images_that_lose_all_objects_go_unless_kept_as_negatives() -> None:
    found = subset(farm(), classes=["cat"])
    assert named(found) == [(1, ["cat"]), (3, []), ("5", [])]
    assert found.report is not None
    assert found.report.dropped["image that lost all its objects"] == 2
    assert [record.image_id for record in subset(farm(), classes=["cat"], keep_empty=True)] == [1, 2, 3, 4, "5"]


def test_objects_are_chosen_by_the_area_of_their_masks() -> None:
    assert named(subset(farm(), min_area=4, max_area=5)) == [(1, ["dog"]), (3, []), (4, ["hen"]), ("5", [])]
    report = subset(farm(), min_area=4, max_area=5).report
    assert report is not None
    assert report.dropped == {"object under 4 px²": 2, "object over 5 px²": 2, "image that lost all its objects": 1}


def test_images_are_chosen_by_id_and_by_number_of_objects() -> None:
    assert [record.image_id for record in subset(farm(), images=[5, "1"])] == [1, "5"]
    assert [record.image_id for record in subset(farm(), min_objects=2, max_objects=2)] == [1, 3, "5"]
    with pytest.raises(ConfigError, match="image ids 9 belong to no image; there are ids such as 1"):
        subset(farm(), images=[9])


@pytest.mark.parametrize(("negatives", "left"), [("keep", 2), ("drop", 0), (0.34, 1), (0.3, 0), (5, 2)])
def test_negatives_are_kept_in_proportion(negatives: float, left: int) -> None:
    found = subset(farm(), negatives=negatives)  # three images have objects
    assert sum(not len(record.instances) for record in found) == left
    assert len(found) == 3 + left


def test_a_limit_draws_the_same_images_in_any_order() -> None:
    many = Records([image(number, []) for number in range(20)], ClassMap(["cat"]))
    found = [record.image_id for record in subset(many, limit=5)]
    assert len(found) == 5
    assert found == sorted(found, key=int)
    backward = subset(many.select(range(19, -1, -1)), limit=5)
    assert {record.image_id for record in backward} == set(found)
    assert {record.image_id for record in subset(many, limit=5, seed=1)} != set(found)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": ["dgo"]}, "Did you mean 'dog'"),
        ({"classes": ["dog"], "without_classes": ["cat"]}, "both given"),
        ({"classes": "dog"}, "is a text"),
        ({"classes": []}, "empty list"),
        ({"min_area": 5, "max_area": 4}, "the first no larger"),
        ({"negatives": -1}, "from 0 on"),
        ({"negatives": "some"}, "choose 'keep', 'drop' or a number"),
        ({"limit": 0}, "at least 1"),
    ],
    ids=str,
)
def test_choices_that_make_no_sense_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        subset(farm(), **options)  # type: ignore[arg-type]


def test_relabelling_joins_and_orders_classes() -> None:
    found = relabel(farm(), {"dog": "pet", "cat": "pet"}, order=["hen", "pet"])
    assert found.class_map.names == ("hen", "pet")
    assert named(found)[0] == (1, ["pet", "pet"])
    assert farm()[0].instances.labels.tolist() == [1, 2]
    with pytest.raises(ConfigError, match="does not name each class"):
        relabel(farm(), {}, order=["cat"])
    with pytest.raises(ConfigError, match="no class 'cow'"):
        relabel(farm(), {"cow": "pet"})


def test_boxes_are_compared_where_a_mask_is_missing() -> None:
    box = Instances.build((3, 4), [1], None, boxes=[[0, 0, 2, 3]])
    a = Records([replace(image(1, [], 7), instances=box)], ClassMap(["cat"]))
    b = Records([image(1, [(1, BLOCK), (1, DOT)], 7)], ClassMap(["cat"]))
    found = merge([a, b], on_same_image="join")
    assert found[0].instances.boxes.tolist() == [[0, 0, 2, 3], [0, 0, 1, 1]]
