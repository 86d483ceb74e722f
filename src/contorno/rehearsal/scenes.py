"""Draw small photographs of a laid table, with the exact outline of every thing in them.

They stand in for Open Images where there is no network: pictures that a person enjoys and a small network learns in
minutes, with what makes real masks hard: rings with a hole, things cut in parts by a fork, things cut by the frame,
groups, images without the class.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from contorno.rehearsal import foods, tableware
from contorno.rehearsal.paint import XY, Canvas, Size, Sprite
from contorno.rehearsal.surfaces import surface

_Draw = Callable[[np.random.Generator, XY, float, float], Sprite]


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a class is drawn and how large: `span` is the range of its unit, in shares of the image's short side.

    discs: centres on the u axis and radius, in units, that cover the thing for the test of overlap.
    """

    draw: _Draw
    span: tuple[float, float]
    discs: tuple[tuple[float, ...], float]


_FOODS = {
    "Hot dog": _Kind(foods.hot_dog, (0.27, 0.42), ((-0.75, -0.25, 0.25, 0.75), 0.42)),
    "Doughnut": _Kind(foods.doughnut, (0.16, 0.25), ((0.0,), 1.0)),
    "Banana": _Kind(foods.banana, (0.2, 0.34), ((-0.7, 0.0, 0.7), 0.42)),
    "Orange": _Kind(foods.orange, (0.11, 0.17), ((0.0,), 1.0)),
}
FOOD_NAMES = tuple(_FOODS)
"""The classes that have masks."""

_SHARES = (0.43, 0.43, 0.07, 0.07)


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneObject:
    """One thing in a scene. mask: bool (H, W), the pixels where it is seen, at the scene's mask size.

    is_group: several things of the class under one mask, as Open Images boxes a heap.
    """

    class_name: str
    mask: NDArray[np.bool_]
    is_occluded: bool
    is_truncated: bool
    is_group: bool = False

    @property
    def box(self) -> tuple[float, float, float, float]:
        """x_min, y_min, x_max, y_max as fractions of the image."""
        height, width = self.mask.shape
        rows, columns = np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        return (
            float(columns[0] / width),
            float(rows[0] / height),
            float((columns[-1] + 1) / width),
            float((rows[-1] + 1) / height),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """image: u8 (H, W, 3) RGB; objects: in the order they were laid down, the lowest first."""

    image: NDArray[np.uint8]
    objects: tuple[SceneObject, ...]


@dataclass(slots=True)
class _Laid:
    class_name: str
    mask: NDArray[np.bool_]
    whole_area: float  # with what lies beyond the frame
    framed_area: int  # before anything was laid on top
    is_group: bool = False


@dataclass(slots=True)
class _Table:
    """The canvas with what was laid on it so far, and the discs that are taken."""

    rng: np.random.Generator
    canvas: Canvas
    laid: list[_Laid] = field(default_factory=list)
    discs: list[tuple[float, float, float]] = field(default_factory=list)
    plate_xy: XY | None = None

    @property
    def short(self) -> int:
        return min(self.canvas.size)

    def lay(self, class_name: str, sprite: Sprite) -> None:
        mask = self.canvas.lay(sprite)
        for other in self.laid:
            other.mask &= ~mask
        self.laid.append(_Laid(class_name, mask, float((sprite.cover >= 0.5).sum()), int(mask.sum())))

    def place(self, kind: _Kind, scale_px: float, *, overlap: float, on_plate: bool = False) -> tuple[XY, float] | None:
        """Find a free spot; overlap: how deep, as a share of the radii, two things may go into each other."""
        height, width = self.canvas.size
        for attempt in range(24):
            angle = self.rng.uniform(0, 2 * math.pi)
            inset = self.short * (0.17 if self.rng.random() < 0.85 else 0.04)
            x, y = self.rng.uniform(inset, width - inset), self.rng.uniform(inset, height - inset)
            if attempt == 0 and on_plate and self.plate_xy is not None:
                x, y = self.rng.normal(self.plate_xy, self.short * 0.04)
            mine = _discs(kind, (x, y), scale_px, angle)
            if all(
                math.hypot(ax - bx, ay - by) > (ar + br) * (1 - overlap)
                for ax, ay, ar in mine
                for bx, by, br in self.discs
            ):
                self.discs += mine
                return (x, y), angle
        return None


def _discs(kind: _Kind, centre: XY, scale_px: float, angle: float) -> list[tuple[float, float, float]]:
    along, radius = kind.discs
    cos, sin = math.cos(angle) * scale_px, math.sin(angle) * scale_px
    return [(centre[0] + u * cos, centre[1] + u * sin, radius * scale_px) for u in along]


def draw_scene(rng: np.random.Generator, size_hw: Size, *, mask_size_hw: Size | None = None) -> Scene:
    """Draw one photograph of `size_hw` with masks of `mask_size_hw`.

    mask_size_hw: of the same proportions, at best larger than the image, which is shrunk from it (Open Images has masks
      of up to 1600 px for images of up to 1024); None means that of the image.
    The same generator state and sizes give the same pixels.
    """
    table = _Table(rng, Canvas(rng, *surface(rng, mask_size_hw if mask_size_hw is not None else size_hw)))
    mood = rng.random()
    _lay_ware(table, cup_share=0.12 if mood < 0.04 or mood > 0.1 else 0.5)
    if mood < 0.04:
        _lay_heap(table)
    if mood > 0.1:
        _lay_foods(table, int(rng.choice([1, 2, 3, 4, 5, 6], p=[0.03, 0.09, 0.24, 0.32, 0.2, 0.12])))
    if rng.random() < 0.22:
        _lay_fork(table)
    return Scene(image=table.canvas.photograph(rng, size_hw), objects=tuple(_seen(table.laid)))


def _lay_ware(table: _Table, *, cup_share: float) -> None:
    """What lies below the food, and a cup beside it."""
    rng, short = table.rng, table.short
    height, width = table.canvas.size
    if rng.random() < 0.18:
        spot = (rng.uniform(0, width), rng.uniform(0, height))
        table.lay("Napkin", tableware.napkin(rng, spot, short * rng.uniform(0.25, 0.42), rng.uniform(0, math.pi)))
    if rng.random() < 0.38:
        spot = (width * rng.uniform(0.3, 0.7), height * rng.uniform(0.3, 0.7))
        table.plate_xy = spot
        table.lay("Plate", tableware.plate(rng, spot, short * rng.uniform(0.36, 0.52), 0.0))
    if rng.random() < cup_share:
        kind = _Kind(tableware.cup, (0.15, 0.2), ((0.0,), 1.0))
        scale = short * rng.uniform(*kind.span)
        spot_and_angle = table.place(kind, scale, overlap=0.0)
        if spot_and_angle is not None:
            table.lay("Coffee cup", tableware.cup(rng, spot_and_angle[0], scale, spot_and_angle[1]))


def _lay_foods(table: _Table, count: int) -> None:
    rng = table.rng
    # A crowded table has smaller things; overlap is asked for in a third of the pictures.
    shrink = 1.2 - 0.06 * count
    overlap = 0.42 if rng.random() < 0.25 else 0.0
    same = rng.random() < 0.3
    first = str(rng.choice(FOOD_NAMES, p=_SHARES))
    for number in range(count):
        name = first if same else str(rng.choice(FOOD_NAMES, p=_SHARES))
        kind = _FOODS[name]
        scale = table.short * rng.uniform(*kind.span) * shrink
        spot_and_angle = table.place(kind, scale, overlap=overlap, on_plate=number == 0)
        if spot_and_angle is not None:
            table.lay(name, kind.draw(rng, spot_and_angle[0], scale, spot_and_angle[1]))


def _lay_heap(table: _Table) -> None:
    """Six or more of a kind, one on the other: a group."""
    rng = table.rng
    height, width = table.canvas.size
    name = ("Doughnut", "Orange")[rng.integers(2)]
    kind = _FOODS[name]
    scale = table.short * kind.span[0] * 0.9
    middle = (width * rng.uniform(0.3, 0.7), height * rng.uniform(0.3, 0.7))
    before = len(table.laid)
    for index in range(int(rng.integers(7, 10))):
        turn, away = index * 2.4 + rng.normal(0, 0.2), scale * 0.95 * math.sqrt(index)
        spot = (middle[0] + away * math.cos(turn), middle[1] + away * math.sin(turn))
        table.lay(name, kind.draw(rng, spot, scale, rng.uniform(0, 6.28)))
        table.discs += _discs(kind, spot, scale, 0.0)
    heap = table.laid[before:]
    together = np.logical_or.reduce([one.mask for one in heap])
    area = int(together.sum())
    whole = float(area + sum(max(one.whole_area - one.framed_area, 0) for one in heap))
    table.laid[before:] = [_Laid(name, together, whole, area, is_group=True)]


def _lay_fork(table: _Table) -> None:
    """Across a food if there is one, so that its mask falls in parts; else anywhere."""
    rng, short = table.rng, table.short
    height, width = table.canvas.size
    spot = (rng.uniform(0.15, 0.85) * width, rng.uniform(0.15, 0.85) * height)
    candidates = [one for one in table.laid if one.class_name in _FOODS and not one.is_group and one.mask.any()]
    angle, scale = rng.uniform(0, 2 * math.pi), short * rng.uniform(0.34, 0.5)
    if candidates and rng.random() < 0.75:
        rows, columns = np.nonzero(candidates[rng.integers(len(candidates))].mask)
        # The middle of the handle lies on the food; slender enough to leave it recognisable.
        slide = scale * rng.uniform(-0.1, 0.4)
        spot = (columns.mean() + slide * math.cos(angle), rows.mean() + slide * math.sin(angle))
    table.lay("Fork", tableware.fork(rng, spot, scale, angle))


def _seen(laid: list[_Laid]) -> list[SceneObject]:
    """What can still be seen well enough to be labelled: 60 pixels, and a tenth of the thing."""
    objects = []
    for one in laid:
        seen = int(one.mask.sum())
        if seen < 60 or seen < 0.1 * one.whole_area:
            continue
        objects.append(
            SceneObject(
                class_name=one.class_name,
                mask=one.mask,
                is_occluded=seen < 0.97 * one.framed_area,
                is_truncated=one.framed_area < 0.98 * one.whole_area,
                is_group=one.is_group,
            )
        )
    return objects
