from __future__ import annotations

import pytest

from contorno.errors import DataError
from contorno.records import ClassMap
from tiny import disc_records


def test_a_class_is_called_otherwise_under_the_same_label() -> None:
    class_map = ClassMap(["Hot dog", "Banana"]).renamed({"hot  DOG": "choripan"})
    assert class_map.names == ("choripan", "Banana")
    assert class_map.get_by_name("Choripan") == 1


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"dog": "x"}, "'dog' is not in the class map"),
        ({"Hot dog": "banana"}, "stands twice"),
        ({"Banana": ""}, "empty"),
    ],
)
def test_a_name_that_is_unknown_taken_or_empty_is_refused(names: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        ClassMap(["Hot dog", "Banana"]).renamed(names)


def test_renamed_records_are_the_same_but_for_the_name() -> None:
    records = disc_records(2)
    renamed = records.renamed({"disc": "coin"})
    assert renamed.class_map.names == ("coin", "ring")
    assert list(renamed) == list(records)
    assert records.class_map.names == ("disc", "ring")
