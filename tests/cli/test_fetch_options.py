"""The options of a fetch: what they come to."""

from __future__ import annotations

import argparse

import pytest

from contorno.cli.fetch_options import add_options, pairs, read_options
from contorno.errors import ConfigError


def test_options_say_what_is_fetched() -> None:
    parser = argparse.ArgumentParser()
    add_options(parser)
    words = ["Hot dog", "--split", "test", "--limit", "3", "--rename", "Hot dog=choripán", "--without", "occluded"]
    options = read_options(parser.parse_args(words))
    assert options["splits"] == ["test"]
    assert (options["limit"], options["min_iou"], options["rejected"]) == (3, None, "ignore")
    assert options["rename"] == {"Hot dog": "choripán"}
    assert options["without"] == ["occluded"]
    assert "exclude" not in options


@pytest.mark.parametrize("word", ["choripan", "=x", "Hot dog=", " = "])
def test_a_rename_that_is_none_is_refused(word: str) -> None:
    with pytest.raises(ConfigError, match="expected OLD=NEW"):
        pairs([word], "--rename")


def test_a_name_with_an_equals_sign_in_the_new_part_is_kept() -> None:
    assert pairs(["a=b=c"], "--rename") == {"a": "b=c"}
