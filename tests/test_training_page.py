"""docs/reference/training.md lists every verb of fastai's learner, and which are refused."""

from __future__ import annotations

import re
from pathlib import Path

from test_learner_verbs import REFUSED, WORKS

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "training.md"
ON_A_GPU = {"to_fp16"}
"""Refused in the tests, which have no GPU."""


def test_the_page_lists_every_verb_and_says_which_are_refused() -> None:
    rows = re.findall(
        r"^\| (`.*?) \| (.*) \|$", PAGE.read_text(encoding="utf-8").partition("## fastai's verbs")[2], re.M
    )
    stated = {verb: what for verbs, what in rows for verb in re.findall(r"`(\w+)`", verbs)}
    assert set(stated) == set(WORKS) | set(REFUSED)
    refused = {verb for verb, what in stated.items() if what.startswith("refused: ")}
    assert refused == set(REFUSED) - ON_A_GPU
