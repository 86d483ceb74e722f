"""What things stand on: wood, cloth, grass, stone and tiles, drawn as a colour and a relief."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from contorno.rehearsal.paint import Plane, Size, colour, linear, mix, noise, ramp

_WOODS = (("8a5a33", "c08a58"), ("6b4226", "9c6a42"), ("b58b5e", "dcb98c"), ("4a3325", "7a583e"), ("a39683", "cbbfae"))
_CLOTHS = ("b3262e", "2f5d9e", "2e7d55", "c9772b", "4a4a55", "7c5a9b")
_STONES = (("6f7276", "a7a9a8"), ("4b4f55", "767b80"), ("a89f91", "d2cabd"), ("8e8078", "bdb0a6"))
_TILES = ("c4714a", "d9d6cf", "8fb0b5", "b9a58a", "5e7a8c")


def wood(rng: np.random.Generator, size: Size) -> tuple[Plane, Plane]:
    """Planks at any angle."""
    dark, light = (colour(code) for code in _WOODS[rng.integers(len(_WOODS))])
    side = math.ceil(math.hypot(*size))
    planks = int(rng.integers(3, 7))
    across = np.arange(side, dtype=np.float32)[:, None] / side * planks
    rings = noise(rng, (side, side), (planks * 3.5, 2.5))
    value = 0.5 + 0.16 * np.sin(rings * 5 + across * 9) + 0.14 * noise(rng, (side, side), (side / 2.2, 9))
    value += 0.06 * noise(rng, (side, side), (side, side / 14))
    edges = [round(index * side / planks) for index in range(planks + 1)]
    gap = max(side / 420, 1.0)
    for top, bottom in pairwise(edges):
        joint = int(rng.integers(side))  # where one board ends and the next begins
        value[top:bottom] = np.roll(value[top:bottom], joint, axis=1)
        value[top:bottom, joint : joint + round(gap)] -= 0.55
        value[top:bottom] += np.float32(rng.normal(0, 0.13))
        value[top : top + round(gap * 2)] -= 0.75
    grey = Image.fromarray((np.clip(value, -0.4, 1.4) * 100 + 60).astype(np.uint8))
    turn = float(rng.choice([0, 90, rng.uniform(0, 180)]))
    turned = grey.rotate(turn, Image.Resampling.BICUBIC)
    left, top = (side - size[1]) // 2, (side - size[0]) // 2
    value = (np.asarray(turned.crop((left, top, left + size[1], top + size[0])), np.float32) - 60) / 100
    albedo = np.clip(mix(dark, light, value), 0.01, 1)
    return albedo, value * np.float32(0.9)


def _along(size: Size, angle: float) -> tuple[Plane, Plane]:
    x = np.arange(size[1], dtype=np.float32)[None, :]
    y = np.arange(size[0], dtype=np.float32)[:, None]
    cos, sin = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    return x * cos + y * sin, y * cos - x * sin


def _stripes(position: Plane, period_px: float, share: float = 0.5) -> Plane:
    """1 in the stripe, 0 beside it, with an edge of one pixel."""
    distance = np.abs((position / np.float32(period_px)) % 1 - np.float32(0.5)) * np.float32(period_px)
    cover: Plane = np.clip(np.float32(share * period_px / 2) - distance + np.float32(0.5), 0, 1)
    return cover


def weave(rng: np.random.Generator, u: Plane, v: Plane, period_px: float) -> Plane:
    """Cloth colour over two coordinates in pixels: gingham, stripes, a border check, or plain linen."""
    pale = colour(("f4f0e6", "efe8d8", "e9ebee")[rng.integers(3)])
    dye = colour(_CLOTHS[rng.integers(len(_CLOTHS))])
    kind = rng.random()
    if kind < 0.5:
        amount = (_stripes(u, period_px) + _stripes(v, period_px)) * np.float32(0.47)
    elif kind < 0.7:
        amount = _stripes(u, period_px * 0.8, 0.35) * np.float32(0.85) + 0 * v
    elif kind < 0.85:
        lines = np.maximum(_stripes(u, period_px * 2.2, 0.08), _stripes(v, period_px * 2.2, 0.08))
        amount = lines * np.float32(0.8)
    else:
        pale, amount = (
            pale + (dye - pale) * np.float32(rng.uniform(0.2, 0.75)),
            np.zeros(np.broadcast(u, v).shape, np.float32),
        )
    return mix(pale, dye, amount)


def cloth(rng: np.random.Generator, size: Size) -> tuple[Plane, Plane]:
    """A table cloth with soft creases."""
    u, v = _along(size, rng.uniform(0, math.pi / 2))
    short = min(size)
    albedo = weave(rng, u, v, short * rng.uniform(0.08, 0.17))
    threads = np.sin(u * np.float32(2.1)) + np.sin(v * np.float32(2.1))
    relief = noise(rng, size, (2.5, 3)) * np.float32(short * 0.009) + noise(rng, size, (7, 8)) * np.float32(
        short * 0.0014
    )
    return albedo * (1 + 0.035 * threads)[..., None], relief + threads * np.float32(0.07)


def grass(rng: np.random.Generator, size: Size) -> tuple[Plane, Plane]:
    """A lawn: some thousand blades, the lighter ones on top."""
    height, width = size
    image = Image.new("RGB", (width, height), (36, 46, 24))
    draw = ImageDraw.Draw(image)
    count = round(height * width / 75)
    x, y = rng.uniform(-10, width + 10, count), rng.uniform(-10, height + 10, count)
    lean = rng.normal(rng.uniform(0, 2 * math.pi), 0.8, count)
    length = rng.uniform(0.04, 0.1, count) * min(size)
    shade = np.linspace(0.35, 1.0, count) * rng.uniform(0.8, 1.15, count)
    yellow = rng.uniform(0.6, 0.95, count)
    ends = np.stack([x, y, x + length * np.cos(lean), y + length * np.sin(lean)], 1).tolist()
    greens = np.stack([yellow * 138, np.full(count, 148.0), yellow * 72], 1) * shade[:, None]
    inks = np.clip(greens, 0, 255).astype(int).tolist()
    thick = (rng.random(count) < 0.6).astype(int) + (2 if min(size) > 300 else 1)
    for line, ink, wide in zip(ends, inks, thick.tolist(), strict=True):
        draw.line(line, fill=tuple(ink), width=wide)
    albedo = linear(np.asarray(image))
    patches = 1 + 0.12 * noise(rng, size, (4, 5))
    return albedo * patches[..., None], np.sqrt(albedo[..., 1]) * np.float32(2.2)


def stone(rng: np.random.Generator, size: Size) -> tuple[Plane, Plane]:
    """A rough slab with specks."""
    dark, light = (colour(code) for code in _STONES[rng.integers(len(_STONES))])
    height, width = size
    clouds = noise(rng, size, (4, 5)) * np.float32(0.13) + noise(rng, size, (14, 17)) * np.float32(0.1)
    fine = noise(rng, size, (height / 4, width / 4))
    specks = noise(rng, size, (height / 2.5, width / 2.5))
    value = 0.5 + clouds + 0.07 * fine - 0.3 * ramp(specks, 1.3, 2.0) + 0.25 * ramp(specks, -1.5, -2.2)
    return np.clip(mix(dark, light, value), 0.01, 1), clouds * np.float32(4) + fine * np.float32(0.35)


def tiles(rng: np.random.Generator, size: Size) -> tuple[Plane, Plane]:
    """Square tiles with grout."""
    base, grout = colour(_TILES[rng.integers(len(_TILES))]), colour("b8b0a4")
    u, v = _along(size, float(rng.choice([0.0, math.pi / 4, rng.uniform(0, math.pi / 2)])))
    period = min(size) * rng.uniform(0.22, 0.4)
    u, v = u + np.float32(rng.uniform(0, period)) + 5000, v + np.float32(rng.uniform(0, period)) + 5000
    joint = np.maximum(_stripes(u, period, 0.028), _stripes(v, period, 0.028))
    # The stripe lies in the middle of its period, so tiles run from half a period to the next.
    number = np.floor(u / np.float32(period) - 0.5) * 57 + np.floor(v / np.float32(period) - 0.5) * 131
    tone = 1 + 0.09 * np.sin(number * np.float32(12.9898)) + 0.05 * noise(rng, size, (9, 11))
    albedo = mix(np.clip(base * tone[..., None], 0, 1), grout, joint)
    return albedo, (1 - joint) * np.float32(1.3) + noise(rng, size, (12, 14)) * np.float32(0.25)


_SURFACES: tuple[Callable[[np.random.Generator, Size], tuple[Plane, Plane]], ...] = (wood, cloth, grass, stone, tiles)


def surface(rng: np.random.Generator, size: Size) -> tuple[Plane, Plane]:
    """Colour (H, W, 3) and relief (H, W) in pixels of a ground chosen at random, wood and cloth most often."""
    index = rng.choice(len(_SURFACES), p=[0.42, 0.24, 0.06, 0.16, 0.12])
    return _SURFACES[index](rng, size)


def specks(
    image_size: Size, lines: NDArray[np.float64], inks: list[tuple[int, int, int]], width_px: float
) -> tuple[Plane, Plane]:
    """Short round-ended strokes, drawn at twice the size: their colour (H, W, 3) and cover (H, W).

    lines: (N, 4) x0, y0, x1, y1 in pixels of `image_size`.
    """
    height, width = image_size
    paint = Image.new("RGBA", (width * 2, height * 2), (0, 0, 0, 0))
    draw = ImageDraw.Draw(paint)
    for (x0, y0, x1, y1), ink in zip((lines * 2).tolist(), inks, strict=True):
        draw.line((x0, y0, x1, y1), fill=(*ink, 255), width=max(round(width_px * 2), 1))
        for x, y in ((x0, y0), (x1, y1)):
            draw.ellipse((x - width_px, y - width_px, x + width_px, y + width_px), fill=(*ink, 255))
    small = np.asarray(paint.convert("RGBa").reduce(2).convert("RGBA"))
    return linear(small[..., :3]), small[..., 3].astype(np.float32) / 255
