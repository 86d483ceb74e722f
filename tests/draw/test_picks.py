"""Which images are shown."""

from __future__ import annotations

import tiny
from contorno.draw.picks import varied
from contorno.records import ClassMap, Records

DOT = tiny.bitmap("#.", "..")


def bags(*images: str) -> Records:
    made = [
        tiny.record(number, size_hw=(2, 2), objects=[("abc".index(letter) + 1, DOT) for letter in letters])
        for number, letters in enumerate(images, start=1)
    ]
    return Records(made, ClassMap(list("abc")))


def test_every_class_is_shown_the_rarest_first() -> None:
    records = bags(*["a"] * 30, "ab", "ab", "c", *[""] * 5)
    chosen = varied(records, 12)
    assert chosen[0] == (32, "c, in 1 image")
    assert chosen[1][1] == "b, in 2 images"
    assert {"most objects", "no objects", ""} == {why for _, why in chosen[2:]}
    places = [place for place, _ in chosen]
    assert len(set(places)) == 12


def test_the_same_images_are_chosen_in_any_order() -> None:
    records = bags(*["a", "ab", "bc", "", "aaaa"] * 6)
    backward = records.select(range(len(records) - 1, -1, -1))
    ids = [records[place].image_id for place, _ in varied(records, 9, seed=3)]
    assert ids == [backward[place].image_id for place, _ in varied(backward, 9, seed=3)]
    assert ids != [records[place].image_id for place, _ in varied(records, 9, seed=4)]


def test_no_more_are_chosen_than_there_are_or_than_asked_for() -> None:
    assert sorted(place for place, _ in varied(bags("a", "", "b"), 9)) == [0, 1, 2]
    assert len(varied(bags("a", "b", "c"), 2)) == 2
    assert [why for _, why in varied(bags("", ""), 2)] == ["no objects", "no objects"]
    assert varied(bags(), 5) == []
