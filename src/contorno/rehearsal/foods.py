"""The foods on the table, each drawn into its own frame, with an outline to learn."""

from __future__ import annotations

import math

import numpy as np

from contorno.rehearsal.paint import XY, Frame, Plane, Sprite, capsule, colour, dome, mix, ramp, wave
from contorno.rehearsal.surfaces import specks

_SPRINKLES = (
    (240, 70, 90),
    (250, 205, 60),
    (70, 160, 235),
    (90, 195, 110),
    (250, 250, 245),
    (235, 120, 200),
    (245, 140, 50),
)
_ICINGS = ("ee8fb0", "4b2716", "f6ece0", "b293d8", "86c5e6", "d9a35c", "f3b6c8", "3a1d12")


def hot_dog(rng: np.random.Generator, centre: XY, scale_px: float, angle: float) -> Sprite:
    """A sausage in a split bun with a wavy line of mustard or ketchup. One unit is half the bun's length."""
    frame = Frame(centre, scale_px, angle, (1.25, 0.62))
    bend = rng.uniform(-0.09, 0.09)
    u, v = frame.u, frame.v - np.float32(bend) * (frame.u**2 - np.float32(0.35))
    fat, out = rng.uniform(0.2, 0.235), rng.uniform(0.19, 0.225)
    wobble = frame.grain(rng, 2.2) * np.float32(0.012)
    crumb, pale, brown = colour("f7e6c2"), colour("e6b873"), colour(("b8722e", "a9632a", "c4833b")[rng.integers(3)])

    lobes = [capsule(u, v - side * (out - np.float32(0.05) * u * u), 0.8 - 0.0, fat) + wobble for side in (-1, 1)]
    bun = np.minimum(*lobes)
    bread = np.maximum(dome(lobes[0], fat), dome(lobes[1], fat)) * np.float32(1.1)
    toast = ramp(bread, 0.05, fat * 1.1) * np.clip(1 + 0.18 * frame.grain(rng, 5), 0.3, 1.3)
    toast *= ramp(np.abs(v), 0.1, 0.24)
    albedo = mix(pale, brown, np.clip(toast, 0, 1))
    albedo = mix(albedo, crumb, ramp(np.abs(v), 0.19, 0.12) * np.float32(0.9))

    thick, long = rng.uniform(0.145, 0.175), rng.uniform(0.92, 1.08)
    skin = colour(("a3432a", "8f3520", "b9573a")[rng.integers(3)])
    meat = capsule(u, v, long - 0.02, thick)
    meat_height = dome(meat, thick) + np.float32(0.17)
    in_meat = frame.inside(meat)
    tone = 1 + 0.1 * frame.grain(rng, 3)
    if rng.random() < 0.45:  # grill marks
        tone -= 0.5 * ramp(np.sin(u * 17 + v * 9 + np.float32(rng.uniform(0, 6))), 0.55, 0.95)
    albedo = mix(albedo, np.clip(skin * tone[..., None], 0, 1), in_meat)
    height = np.where(meat < 0, np.maximum(bread, meat_height), bread)
    gloss = in_meat * np.float32(0.28) + np.float32(0.03)

    sauces = [("f0b50e", 0.05)] if rng.random() < 0.75 else [("c11a1a", 0.045)]
    if rng.random() < 0.2:
        sauces = [("f0b50e", 0.04), ("c11a1a", 0.036)]
    if rng.random() < 0.06:
        sauces = []
    phase, turns, swing = rng.uniform(0, 6.28), rng.uniform(9, 14), thick * rng.uniform(0.45, 0.75)
    for index, (ink, wide) in enumerate(sauces):
        path = np.float32(turns) * u + np.float32(phase + index * 3.14)
        slope = np.float32(swing * turns) * np.cos(path)
        line = np.abs(v - np.float32(swing) * np.sin(path)) / np.sqrt(1 + slope * slope)
        line = np.hypot(line, np.maximum(np.abs(u) - np.float32(long - 0.06), 0)) - np.float32(wide) * (
            1 + 0.12 * frame.grain(rng, 5)
        )
        there = frame.inside(line)
        albedo = mix(albedo, colour(ink), there)
        height = height + dome(line, wide) * np.float32(1.1)
        gloss = gloss + (np.float32(0.55) - gloss) * there
    cover = np.maximum(frame.inside(bun), in_meat)
    return Sprite(
        frame=frame,
        cover=cover,
        albedo=albedo,
        height=height * scale_px * 0.85,
        gloss=gloss,
        shine=30.0,
        thickness_px=scale_px * 0.2,
    )


def doughnut(rng: np.random.Generator, centre: XY, scale_px: float, angle: float) -> Sprite:
    """A ring with icing and sprinkles; what lies below shows through the hole. One unit is the outer radius."""
    frame = Frame(centre, scale_px, angle, (1.08, 1.08))
    around = np.arctan2(frame.v, frame.u)
    rho = np.hypot(frame.u, frame.v) * (1 + np.float32(0.014) * wave(rng, around, (2, 3, 5)))
    tube = rng.uniform(0.335, 0.375)
    ring = 1 - tube
    off = rho - np.float32(ring)
    distance = np.abs(off) - np.float32(tube)
    height = dome(distance, tube)
    dough, band = colour(("b8752f", "a8662a", "c58a45")[rng.integers(3)]), colour("e8c48e")
    grain = frame.grain(rng, 5)
    albedo = (
        mix(dough, band, ramp(np.abs(off), tube * 0.55, tube * 0.9) * np.float32(0.7)) * (1 + 0.05 * grain)[..., None]
    )
    gloss: Plane = np.full_like(rho, 0.04)

    if rng.random() < 0.97:
        ink = colour(_ICINGS[rng.integers(len(_ICINGS))])
        outer = tube * (0.74 + 0.09 * wave(rng, around, (3, 7, 11)))
        inner = tube * (0.72 + 0.07 * wave(rng, around, (2, 5, 8)))
        rim = np.where(off > 0, off - outer, -off - inner).astype(np.float32)
        iced = frame.inside(rim)
        albedo = mix(albedo, np.clip(ink * (1 + 0.025 * grain)[..., None], 0, 1), iced)
        height = height + ramp(rim, 0.0, -0.09) * np.float32(0.075)
        gloss = gloss + (np.float32(0.42) - gloss) * iced
        if rng.random() < 0.72:
            ink_layer, there = _sprinkles(rng, frame, ring, tube * 0.6)
            albedo = albedo + (ink_layer - albedo) * there[..., None]
            height = height + there * np.float32(0.035)
        elif rng.random() < 0.7:  # a drizzle across
            drizzle = colour("fbf4ea" if float(ink.sum()) < 0.9 else "4b2716")
            sweep = np.abs((frame.u * 3.3 + 0.16 * np.sin(frame.v * 8)) % 1 - 0.5) / 3.3 - 0.032
            there = frame.inside(sweep.astype(np.float32)) * frame.inside(rim + np.float32(0.03))
            albedo = mix(albedo, drizzle, there)
            height = height + there * np.float32(0.02)
    return Sprite(
        frame=frame,
        cover=frame.inside(distance),
        albedo=albedo,
        height=height * scale_px * 0.8,
        gloss=gloss,
        shine=26.0,
        thickness_px=scale_px * 0.26,
    )


def _sprinkles(rng: np.random.Generator, frame: Frame, ring: float, spread: float) -> tuple[Plane, Plane]:
    count = int(rng.integers(36, 60))
    # One to each sector, so that they neither clump nor line up.
    theta = (np.arange(count) * 2.399963 + rng.normal(0, 0.25, count)) % (2 * math.pi)
    rho = ring + rng.uniform(-spread, spread, count)
    rows, columns = frame.size
    x, y = columns / 2 + rho * np.cos(theta) * frame.scale_px, rows / 2 + rho * np.sin(theta) * frame.scale_px
    turn, half = rng.uniform(0, math.pi, count), 0.055 * frame.scale_px
    lines = np.stack(
        [x - half * np.cos(turn), y - half * np.sin(turn), x + half * np.cos(turn), y + half * np.sin(turn)], 1
    )
    if rng.random() < 0.25:
        inks = [(250, 248, 240) if bright else (90, 50, 30) for bright in rng.random(count) < 0.5]
    else:
        inks = [_SPRINKLES[index] for index in rng.integers(len(_SPRINKLES), size=count)]
    return specks(frame.size, lines, inks, 0.045 * frame.scale_px)


def banana(rng: np.random.Generator, centre: XY, scale_px: float, angle: float) -> Sprite:
    """A bent fruit with a stem. One unit is half its chord."""
    frame = Frame(centre, scale_px, angle, (1.3, 0.75))
    span = rng.uniform(0.65, 0.95)
    radius = 1 / math.sin(span)
    u, v = frame.u, frame.v + np.float32(radius * (1 + math.cos(span)) / 2)
    along = np.arctan2(u, v) / np.float32(span)  # -1 at the tip, 1 where the stem begins
    off = np.hypot(u, v) - np.float32(radius)
    girth = rng.uniform(0.19, 0.23)
    tip, stem = -1.0, 1.2
    body = np.clip(1 - np.abs((along + 0.04) / 0.99) ** 3.4, 0, 1) ** 0.62
    neck = np.float32(0.052) + np.float32(0.02) * ramp(along, 1.1, 1.2)
    half = np.maximum(body * np.float32(girth), np.where(along > 0.6, neck, np.float32(0.05)))
    ends = np.maximum(along - np.float32(stem), np.float32(tip * 1.03) - along) * np.float32(span * radius)
    distance = np.maximum(np.abs(off) - half, ends)
    tau = np.clip(off / half, -1, 1)
    # Three flat sides meet in two ridges.
    ridge = np.float32(rng.uniform(0.2, 0.4))
    height = half * np.minimum(np.sqrt(np.clip(1 - tau * tau, 0, 1)), np.float32(1.02) - 0.42 * np.abs(tau - ridge))

    ripe = rng.random()
    skin, green, dark = colour(("f0cb2c", "eec21f", "f3d548")[rng.integers(3)]), colour("a8b236"), colour("4a3720")
    tone = np.clip(0.07 * frame.grain(rng, 2) - 0.1 * ramp(np.abs(tau - ridge), 0.07, 0.0), -0.4, 0.3)
    albedo = np.clip(skin * (1 + tone)[..., None], 0, 1)
    unripe = ramp(np.abs(along), 0.55, 1.0) * np.float32(0.25 + 0.6 * (ripe < 0.4))
    albedo = mix(albedo, green, unripe)
    if ripe > 0.45:
        spots = ramp(frame.grain(rng, 9), 2.5 - ripe, 3.0 - ripe) * np.float32(0.75)
        albedo = mix(albedo, dark, spots)
    albedo = mix(albedo, dark, np.maximum(ramp(along, -0.93, -1.0), ramp(along, 1.12, 1.18) * np.float32(0.9)))
    return Sprite(
        frame=frame,
        cover=frame.inside(distance),
        albedo=albedo,
        height=height * scale_px * 1.1,
        gloss=0.1,
        shine=14.0,
        thickness_px=scale_px * 0.2,
    )


def orange(rng: np.random.Generator, centre: XY, scale_px: float, angle: float) -> Sprite:
    """Whole, or cut in half with its segments up. One unit is the radius."""
    frame = Frame(centre, scale_px, angle, (1.06, 1.06))
    around = np.arctan2(frame.v, frame.u)
    rho = np.hypot(frame.u, frame.v) * (1 + np.float32(0.012) * wave(rng, around, (2, 3)))
    peel = colour(("ee7f12", "f29220", "e86f0c")[rng.integers(3)])
    distance = rho - 1
    pores = frame.grain(rng, min(16.0, scale_px / 2))
    if rng.random() < 0.6:
        height = np.sqrt(np.clip(1 - rho * rho, 0, 1)) * np.float32(0.9) + pores * np.float32(0.008)
        navel = np.hypot(frame.u - np.float32(rng.uniform(-0.5, 0.5)), frame.v - np.float32(rng.uniform(-0.5, 0.5)))
        height = height - ramp(navel, 0.17, 0.0) * np.float32(0.07)
        albedo = np.clip(peel * (1 + 0.05 * pores)[..., None], 0, 1)
        albedo = mix(albedo, colour("5f6b28"), ramp(navel, 0.085, 0.05))
        gloss, thick = np.full_like(rho, 0.2), 0.55
    else:
        count = int(rng.integers(9, 12))
        turn = around * np.float32(count / (2 * math.pi)) + np.float32(rng.random())
        to_wall = np.abs(turn % 1 - np.float32(0.5))  # 0.5 on a membrane
        wall = (np.float32(0.5) - to_wall) * np.float32(2 * math.pi / count) * rho
        flesh = frame.inside(
            np.maximum(np.float32(0.028) - wall, np.maximum(rho - np.float32(0.85), np.float32(0.09) - rho))
        )
        juice = np.clip(1 + 0.16 * frame.grain(rng, 9) + 0.12 * np.sin(rho * 30 + 3 * pores), 0.6, 1.4)
        pulp = np.clip(colour("f08a1e") * juice[..., None], 0, 1)
        albedo = mix(mix(colour("f5dcae"), peel, ramp(rho, 0.92, 0.96)), pulp, flesh)
        height = (
            np.float32(0.35) * np.sqrt(np.clip(1 - rho**8, 0, 1))
            + flesh * np.float32(0.012)
            + pores * flesh * np.float32(0.008)
        )
        gloss, thick = flesh * np.float32(0.3) + np.float32(0.06), 0.35
    return Sprite(
        frame=frame,
        cover=frame.inside(distance),
        albedo=albedo,
        height=height * scale_px,
        gloss=gloss,
        shine=18.0,
        thickness_px=scale_px * thick * 0.6,
    )
