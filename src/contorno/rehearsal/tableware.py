"""What lies beside and below the foods, each thing drawn into its own frame: plate, cup, fork and napkin."""

from __future__ import annotations

import numpy as np

from contorno.rehearsal.paint import XY, Frame, Sprite, capsule, colour, dome, mix, ramp
from contorno.rehearsal.surfaces import weave


def plate(rng: np.random.Generator, centre: XY, scale_px: float, angle: float) -> Sprite:
    """A dinner plate with a raised rim. One unit is its radius."""
    frame = Frame(centre, scale_px, angle, (1.03, 1.03))
    rho = np.hypot(frame.u, frame.v)
    glaze = colour(("f3f1ec", "eef1f3", "e9e2d3", "c9d6d8", "3f4a57")[rng.choice(5, p=[0.36, 0.24, 0.2, 0.12, 0.08])])
    albedo = np.broadcast_to(glaze, (*rho.shape, 3))
    if rng.random() < 0.5:
        ink = colour(("2f5d9e", "b3262e", "b08d3c", "3f7d62")[rng.integers(4)])
        albedo = mix(albedo, ink, frame.inside(np.abs(rho - np.float32(0.93)) - np.float32(rng.uniform(0.012, 0.035))))
    height = ramp(rho, 0.6, 0.7) * np.float32(0.05) + ramp(rho, 0.68, 0.97) * np.float32(0.045)
    height = height * np.sqrt(np.clip(1 - rho**40, 0, 1))
    return Sprite(
        frame=frame,
        cover=frame.inside(rho - 1),
        albedo=albedo,
        height=height * scale_px,
        gloss=0.1,
        shine=60.0,
        thickness_px=max(scale_px * 0.06, 2.0),
    )


def cup(rng: np.random.Generator, centre: XY, scale_px: float, angle: float) -> Sprite:
    """A cup of coffee on a saucer, seen from above. One unit is the saucer's radius."""
    frame = Frame(centre, scale_px, angle, (1.05, 1.05))
    rho = np.hypot(frame.u, frame.v)
    glaze = colour(("f4f2ee", "27456b", "b8392f", "6d8f7b", "2b2b30", "e6c15a")[rng.integers(6)])
    handle = np.maximum(
        capsule(frame.u - np.float32(0.72), frame.v, 0.14, 0.11),
        -capsule(frame.u - np.float32(0.7), frame.v, 0.1, 0.045),
    )
    in_cup = np.maximum(frame.inside(rho - np.float32(0.6)), frame.inside(handle) * (rho > 0.5))
    coffee = frame.inside(rho - np.float32(0.52))
    albedo = np.broadcast_to(glaze if rng.random() < 0.6 else colour("f4f2ee"), (*rho.shape, 3))
    albedo = mix(albedo, glaze, in_cup)
    swirl = frame.grain(rng, 3) + np.float32(0.8) * np.sin(rho * 14 + frame.grain(rng, 2))
    brew = mix(
        colour("3b1f10"),
        colour("b98752"),
        ramp(swirl, 0.3, 1.9) if rng.random() < 0.5 else ramp(rho, 0.44, 0.52) * np.float32(0.6),
    )
    albedo = mix(albedo, brew, coffee)
    saucer = ramp(rho, 0.55, 0.95) * np.float32(0.07) * np.sqrt(np.clip(1 - rho**40, 0, 1))
    wall = np.float32(0.3) + dome(np.abs(rho - np.float32(0.56)) - np.float32(0.045), 0.045)
    height = np.where(in_cup > 0.5, np.where(rho < 0.52, np.float32(0.24), wall), saucer)
    height = np.where((in_cup > 0.5) & (rho > 0.6), np.float32(0.15) + dome(handle, 0.05), height)
    # The cup shades its saucer all round; its own shadow would need a second body.
    albedo = albedo * (1 - (1 - in_cup) * ramp(rho, 0.8, 0.58) * np.float32(0.4))[..., None]
    gloss = np.full_like(rho, 0.16) + coffee * np.float32(0.12)
    return Sprite(
        frame=frame,
        cover=frame.inside(rho - 1),
        albedo=albedo,
        height=height * scale_px,
        gloss=gloss,
        shine=50.0,
        thickness_px=max(scale_px * 0.1, 2.0),
    )


def fork(rng: np.random.Generator, centre: XY, scale_px: float, angle: float) -> Sprite:
    """A steel fork; what lies below shows between its tines. One unit is half its length."""
    frame = Frame(centre, scale_px, angle, (1.04, 0.2))
    u, v = frame.u, frame.v
    half = np.float32(0.032) + np.float32(0.038) * ramp(u, -0.1, -0.9) + np.float32(0.105) * ramp(u, 0.36, 0.56)
    distance = np.maximum(np.abs(v) - half, np.abs(u) - 1)
    distance = np.maximum(
        distance, np.hypot(np.minimum(u + np.float32(0.93), 0), v) - np.float32(0.07) * (u < -0.93) - (u >= -0.93) * 9
    )
    pitch = np.float32(0.0745)
    slots = np.abs((v + pitch * 2) % pitch - pitch / 2)  # 0 in the middle of a tine
    tine = slots - np.float32(0.0225) * (1 - np.float32(0.4) * ramp(u, 0.8, 1.0))
    distance = np.where(u > 0.6, np.maximum(distance, tine), distance)
    body = np.where(u > 0.58, dome(tine, 0.02), dome(distance, 0.04))
    height = body * np.float32(0.8) + np.float32(0.09) * ramp(np.abs(u - np.float32(0.35)), 0.5, 0.0)
    steel = np.float32(0.62) + np.float32(0.2) * np.sin(u * 9 + np.float32(rng.uniform(0, 6))) * ramp(
        np.abs(v), 0.06, 0.0
    )
    albedo = steel[..., None] * np.array([0.97, 0.99, 1.03], np.float32)
    return Sprite(
        frame=frame,
        cover=frame.inside(distance.astype(np.float32)),
        albedo=albedo,
        height=height * scale_px,
        gloss=0.5,
        shine=20.0,
        thickness_px=max(scale_px * 0.05, 2.0),
    )


def napkin(rng: np.random.Generator, centre: XY, scale_px: float, angle: float) -> Sprite:
    """A folded square of cloth. One unit is half its side."""
    frame = Frame(centre, scale_px, angle, (1.05, 1.05))
    u, v = frame.u, frame.v + np.float32(0.015) * np.sin(frame.u * 4)
    distance = np.maximum(np.abs(u), np.abs(v)) - 1
    folds = np.float32(0.03) * ramp(u, -0.03, 0.03) + np.float32(0.03) * ramp(v, 0.04, -0.04)
    height = folds + frame.grain(rng, 1.6) * np.float32(0.012) + dome(distance, 0.03)
    albedo = weave(rng, u * scale_px, v * scale_px, scale_px * rng.uniform(0.12, 0.3))
    hem = frame.inside(np.abs(distance + np.float32(0.09)) - np.float32(0.012))
    return Sprite(
        frame=frame,
        cover=frame.inside(distance),
        albedo=albedo * (1 - 0.25 * hem)[..., None],
        height=height * scale_px,
        thickness_px=max(scale_px * 0.035, 1.5),
    )
