"""The brush behind the drawn photographs: noise, signed-distance edges, one light with soft shadows, and a camera.

Everything is a height over the table, in pixels, with a colour; light, shadow and gloss follow from the height. Colours
are linear light, 0..1, float32; images are (H, W, 3), planes (H, W). x runs right, y runs down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Plane = NDArray[np.floating[Any]]  # float32 throughout; numpy's stubs cannot tell
Size = tuple[int, int]  # (height, width)
XY = tuple[float, float]

_LINEAR = (((np.arange(256) / 255 + 0.055) / 1.055) ** 2.4).astype(np.float32)
_STEPS = 4096
_HEADROOM = 2.0  # light beyond 1 is rolled off rather than cut


def colour(code: str) -> Plane:
    """Linear RGB (3,) of an sRGB code such as "c98a45"."""
    rgb: Plane = _LINEAR[np.frombuffer(bytes.fromhex(code), np.uint8)]
    return rgb


def linear(image: NDArray[np.uint8]) -> Plane:
    """Linear light of an sRGB image."""
    light: Plane = _LINEAR[image]
    return light


def mix(low: Plane, high: Plane, weight: Plane) -> Plane:
    """Blend two colours, (3,) or (H, W, 3), by a plane of weights 0..1."""
    return low + (high - low) * weight[..., None]


def ramp(value: Plane, begin: float, end: float) -> Plane:
    """0 at `begin`, 1 at `end`, smooth between; `begin` may be the greater."""
    t = np.clip((value - np.float32(begin)) / np.float32(end - begin), 0, 1)
    smooth: Plane = t * t * (3 - 2 * t)
    return smooth


def noise(rng: np.random.Generator, size: Size, cells: tuple[float, float]) -> Plane:
    """Smooth noise with standard deviation near 1; cells: how many lumps fit down and across."""
    rows, columns = (max(2, min(math.ceil(count) + 1, side)) for count, side in zip(cells, size, strict=True))
    grid = Image.fromarray(rng.standard_normal((rows, columns), dtype=np.float32))
    return np.asarray(grid.resize((size[1], size[0]), Image.Resampling.BICUBIC))


def wave(rng: np.random.Generator, angle: Plane, lobes: tuple[int, ...]) -> Plane:
    """A closed wobble over an angle, about -1..1, with the given numbers of lobes."""
    total = np.zeros_like(angle)
    for count in lobes:
        total += np.cos(angle * count + np.float32(rng.uniform(0, 2 * math.pi)))
    return total / np.float32(len(lobes) ** 0.5)


def capsule(u: Plane, v: Plane, half_length: float, radius: float) -> Plane:
    """Signed distance to a bar along u with round ends."""
    return np.hypot(np.maximum(np.abs(u) - np.float32(half_length), 0), v) - np.float32(radius)


def dome(distance: Plane, radius: float) -> Plane:
    """Height of a round body from the signed distance to its outline; 0 outside."""
    depth = np.clip(-distance / np.float32(radius), 0, 1)
    height: Plane = np.sqrt(depth * (2 - depth)) * np.float32(radius)
    return height


def blur(plane: Plane, radius_px: float) -> Plane:
    """Gaussian blur of a plane of 0..1, at half size where it is wide; 8 bits are enough for shadows."""
    image = Image.fromarray((plane * 255).astype(np.uint8))
    if radius_px < 4:
        return np.asarray(image.filter(ImageFilter.GaussianBlur(radius_px)), np.float32) / 255
    small = image.reduce(2).filter(ImageFilter.GaussianBlur(radius_px / 2))
    return np.asarray(small.resize(image.size, Image.Resampling.BILINEAR), np.float32) / 255


class Frame:
    """Coordinates of one thing: u along it and v across, over the rectangle of pixels that it may fill.

    scale_px: pixels to one unit of u and v. reach: greatest |u| and |v| drawn. The rectangle may go beyond the canvas.
    """

    def __init__(self, centre_xy: XY, scale_px: float, angle: float, reach: XY) -> None:
        cos, sin = math.cos(angle), math.sin(angle)
        wide = (abs(cos) * reach[0] + abs(sin) * reach[1]) * scale_px + 2
        high = (abs(sin) * reach[0] + abs(cos) * reach[1]) * scale_px + 2
        self.x0, self.y0 = math.floor(centre_xy[0] - wide), math.floor(centre_xy[1] - high)
        columns = math.ceil(centre_xy[0] + wide) - self.x0
        rows = math.ceil(centre_xy[1] + high) - self.y0
        x = (np.arange(columns, dtype=np.float32) + np.float32(self.x0 + 0.5 - centre_xy[0])) / np.float32(scale_px)
        y = (np.arange(rows, dtype=np.float32) + np.float32(self.y0 + 0.5 - centre_xy[1])) / np.float32(scale_px)
        self.u: Plane = x[None, :] * np.float32(cos) + y[:, None] * np.float32(sin)
        self.v: Plane = y[:, None] * np.float32(cos) - x[None, :] * np.float32(sin)
        self.scale_px, self.angle, self.size = scale_px, angle, (rows, columns)

    def inside(self, distance: Plane) -> Plane:
        """Coverage 0..1 of the pixels, from a signed distance in units (below 0 inside)."""
        cover: Plane = np.clip(0.5 - distance * np.float32(self.scale_px), 0, 1)
        return cover

    def grain(self, rng: np.random.Generator, lumps: float) -> Plane:
        """Noise with `lumps` lumps to a unit."""
        rows, columns = self.size
        return noise(rng, self.size, (rows / self.scale_px * lumps, columns / self.scale_px * lumps))


@dataclass(slots=True, kw_only=True)
class Sprite:
    """A thing ready to be laid on the canvas. cover: 0..1; height: of its top side, in pixels; gloss: 0..1."""

    frame: Frame
    cover: Plane
    albedo: Plane
    height: Plane
    gloss: Plane | float = 0.0
    shine: float = 24.0
    thickness_px: float = 6.0


class Canvas:
    """The picture while it is painted, in linear light, under one lamp at infinity and an even sky."""

    def __init__(self, rng: np.random.Generator, albedo: Plane, relief: Plane) -> None:
        azimuth, slope = rng.uniform(0, 2 * math.pi), rng.uniform(0.5, 0.95)
        lamp = np.array([slope * math.cos(azimuth), slope * math.sin(azimuth), 1.0])
        self._lamp = (lamp / np.linalg.norm(lamp)).astype(np.float32)
        half = self._lamp + np.array([0, 0, 1], np.float32)
        self._half = (half / np.linalg.norm(half)).astype(np.float32)
        warmth = rng.uniform(-0.06, 0.1)
        self._lamp_light = np.array([1 + warmth, 1.0, 1 - warmth * 1.3], np.float32) * np.float32(
            rng.uniform(0.78, 0.95)
        )
        self._sky_light = np.array([1 - warmth, 1.0, 1 + warmth], np.float32) * np.float32(rng.uniform(0.26, 0.36))
        self.size: Size = (albedo.shape[0], albedo.shape[1])
        self.light = self._shade(albedo, relief, 0.0, 1.0)

    def _shade(self, albedo: Plane, height: Plane, gloss: Plane | float, shine: float) -> Plane:
        down, across = np.gradient(height)
        tall = 1 / np.sqrt(down * down + across * across + 1)
        lx, ly, lz = (float(value) for value in self._lamp)
        # Light wraps a little round the edge, as it does in bread and fruit.
        diffuse = np.clip(((lz - across * lx - down * ly) * tall + 0.2) / 1.2, 0, None)
        shaded: Plane = albedo * (
            diffuse[..., None] * self._lamp_light + (0.45 + 0.55 * tall)[..., None] * self._sky_light
        )
        if isinstance(gloss, float) and gloss == 0:
            return shaded
        hx, hy, hz = (float(value) for value in self._half)
        mirror: Plane = np.clip((hz - across * hx - down * hy) * tall, 0, 1)
        return shaded + (gloss * mirror**shine)[..., None] * self._lamp_light

    def lay(self, sprite: Sprite) -> NDArray[np.bool_]:
        """Paint a thing over what is there, with its shadow. Returns the pixels it covers, (H, W)."""
        self._darken(sprite)
        frame, (height, width) = sprite.frame, self.size
        rows, columns = frame.size
        y0, y1 = max(frame.y0, 0), min(frame.y0 + rows, height)
        x0, x1 = max(frame.x0, 0), min(frame.x0 + columns, width)
        covered = np.zeros(self.size, np.bool_)
        if y0 >= y1 or x0 >= x1:
            return covered
        part = np.s_[y0 - frame.y0 : y1 - frame.y0, x0 - frame.x0 : x1 - frame.x0]
        gloss = sprite.gloss if isinstance(sprite.gloss, float) else sprite.gloss[part]
        shaded = self._shade(sprite.albedo[part], sprite.height[part], gloss, sprite.shine)
        cover = sprite.cover[part]
        below = self.light[y0:y1, x0:x1]
        below += (shaded - below) * cover[..., None]
        covered[y0:y1, x0:x1] = cover >= 0.5
        return covered

    def _darken(self, sprite: Sprite) -> None:
        """Cast the soft shadow, and the dark seam where the thing touches the ground."""
        lift = sprite.thickness_px
        pad = math.ceil(lift * 2.2) + 3
        cover = np.pad(sprite.cover, pad)
        soft = blur(cover, max(lift * 0.3, 0.8))
        shift_x, shift_y = (round(-float(self._lamp[axis] / self._lamp[2]) * lift * 1.1) for axis in (0, 1))
        shadow = np.roll(soft, (shift_y, shift_x), (0, 1)) * np.float32(0.66)
        seam = blur(cover, max(lift * 0.16, 0.7)) * np.float32(0.35)
        dark = (1 - shadow) * (1 - seam)
        x0, y0 = sprite.frame.x0 - pad, sprite.frame.y0 - pad
        top, left = max(y0, 0), max(x0, 0)
        bottom, right = min(y0 + dark.shape[0], self.size[0]), min(x0 + dark.shape[1], self.size[1])
        if top < bottom and left < right:
            self.light[top:bottom, left:right] *= dark[top - y0 : bottom - y0, left - x0 : right - x0, None]

    def photograph(self, rng: np.random.Generator, size_hw: Size) -> NDArray[np.uint8]:
        """Develop with uneven light, vignette, tone curve, a little blur and grain, shrunk to `size_hw`.

        Returns u8 (H, W, 3) sRGB.
        """
        height, width = self.size
        x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
        y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
        fall, dim, exposure = rng.uniform(0.05, 0.3), rng.uniform(0.08, 0.22), rng.uniform(1.0, 1.25)
        side = 1 + np.float32(fall) * (x * self._lamp[0] + y * self._lamp[1])
        level = side * (1 - np.float32(dim) * (x * x + y * y) * 0.5) * np.float32(exposure)
        steps = np.clip(self.light * (level * ((_STEPS - 1) / _HEADROOM))[..., None], 0, _STEPS - 1).astype(np.uint16)
        image = Image.fromarray(_TONES[steps]).filter(ImageFilter.GaussianBlur(float(rng.uniform(0.25, 0.55))))
        small = image.resize((size_hw[1], size_hw[0]), Image.Resampling.LANCZOS)
        grain = rng.standard_normal(size_hw, dtype=np.float32) * np.float32(rng.uniform(1.0, 3.0))
        return np.clip(np.asarray(small, np.float32) + grain[..., None] + 0.5, 0, 255).astype(np.uint8)


def _tone_curve() -> NDArray[np.uint8]:
    """sRGB bytes for linear light 0..2: straight to 0.7, then rolled off so that highlights keep some colour."""
    light = np.linspace(0, _HEADROOM, _STEPS)
    knee = 0.7
    rolled = np.where(light < knee, light, knee + (1 - knee) * (1 - np.exp(-(light - knee) / (1 - knee))))
    gamma = np.where(rolled < 0.0031308, rolled * 12.92, 1.055 * rolled ** (1 / 2.4) - 0.055)
    return (gamma * 255 + 0.5).astype(np.uint8)


_TONES = _tone_curve()
