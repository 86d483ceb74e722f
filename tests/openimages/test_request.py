from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contorno.errors import ConfigError
from contorno.openimages import Options, Request, read_exclusions


def test_options_and_request_name_the_same_things() -> None:
    assert set(Options.__annotations__) | {"class_names"} == set(Request.__dataclass_fields__)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"splits": ["val"]}, "expected some of train, validation, test"),
        ({"splits": "train"}, "splits is the text 'train'; expected a list"),
        ({"limit": 0}, "limit is 0"),
        ({"negatives": -0.1}, "negatives is -0.1"),
        ({"min_iou": 75}, "min_iou is 75; expected a PredictedIoU from 0 to 1"),
        ({"order": "best"}, "order is 'best'; expected one of random, most-classes"),
        ({"groups": "keep"}, "groups is 'keep'; expected one of object, crowd, leave-out"),
        ({"rejected": "drop"}, "rejected is 'drop'"),
        ({"unmasked": "crowd"}, "unmasked is 'crowd'"),
        ({"without": ["group"]}, "without has 'group'; expected some of occluded, truncated, depiction, inside"),
        ({"without": "depiction"}, "expected a list"),
        ({"rename": {"Dog": "x"}}, "rename: 'Dog' is not among the classes asked for: Hot dog"),
        ({"rename": {"hot dog": " "}}, "a new name is empty"),
        ({"limits": 3}, "'limits' is no option"),
    ],
    ids=lambda value: "" if isinstance(value, str) else str(value),
)
def test_an_option_out_of_range_is_named_with_what_was_expected(options: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Request.make(["Hot dog"], options)


@pytest.mark.parametrize(
    ("options", "needed"),
    [
        ({}, False),
        ({"min_iou": 0.5, "rejected": "leave-out"}, False),
        ({"flags": True}, True),
        ({"without": ["depiction"]}, True),
        ({"groups": "crowd"}, True),
        ({"unmasked": "leave-out"}, True),
    ],
    ids=str,
)
def test_the_table_of_boxes_is_read_only_for_what_needs_it(options: Any, needed: bool) -> None:
    assert Request.make(["Hot dog"], options).needs_boxes is needed


def test_a_list_of_exclusions_takes_ids_in_the_forms_that_lists_have(tmp_path: Path) -> None:
    path = tmp_path / "no.txt"
    path.write_text("\ufeff0a\ntrain/0b\n\n0c.jpg  # blurred\n# all\nvalidation/0d.jpg\n0a\n", encoding="utf-8")
    assert read_exclusions(path) == {"0a", "0b", "0c", "0d"}


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"0a,0b\n", "line 1: '0a,0b' is no ImageID"), (b"0a\ntwo words\n", "line 2"), (b"\xff\xfe0", "not UTF-8")],
)
def test_a_list_of_exclusions_that_is_none_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "no.txt"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        read_exclusions(path)
    with pytest.raises(ConfigError, match=r"none\.txt cannot be read \(No such file"):
        read_exclusions(tmp_path / "none.txt")
