"""The real neighbour packages, imported once; a package that is not installed fails these tests and skips none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contorno.integrations.icevision import Mended, mend


@pytest.fixture(scope="session")
def mended() -> Iterator[Mended]:
    """The real icevision 0.12.0 with its repairs in place; its import alone takes some ten seconds."""
    made = mend()
    yield made
    made.undo()
