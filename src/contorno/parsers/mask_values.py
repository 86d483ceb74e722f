"""Values of mask pictures: colours as numbers, and values as messages have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Names = Mapping[int, str]


def colour_number(colour: Sequence[int]) -> int:
    """R, G, B as one number, as `MaskValues` has it."""
    red, green, blue = colour
    return int(red) << 16 | int(green) << 8 | int(blue)


def value_text(value: int, by_colour: bool) -> str:
    """A value as messages and classes without a name have it."""
    return f"colour {value >> 16},{value >> 8 & 255},{value & 255}" if by_colour else f"value {value}"


def nearest_name(value: int, names: Names, by_colour: bool) -> str:
    """The value nearest to an unknown one, with its class, for messages."""
    anchors = np.array(sorted(names), dtype=np.int64)
    at = int(distances(np.array([value]), anchors, by_colour)[0].argmin())
    number = int(anchors[at])
    return f"{value_text(number, by_colour)} ({names[number]})"


def distances(a: NDArray[np.int64], b: NDArray[np.int64], by_colour: bool) -> NDArray[np.int64]:
    """How far values are from each other, (len(a), len(b)); between colours the square of the distance in RGB."""
    if not by_colour:
        far: NDArray[np.int64] = np.abs(a[:, None] - b)
        return far
    bands = [(a[:, None] >> shift & 255) - (b >> shift & 255) for shift in (16, 8, 0)]
    squares: NDArray[np.int64] = bands[0] ** 2 + bands[1] ** 2 + bands[2] ** 2
    return squares
