"""A backend of matplotlib whose windows are a list: `MPLBACKEND=module://recorded_windows`, on any machine."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

seen: list[tuple[str, np.ndarray]] = []
"""Title and pixels of each window that was waited for."""

fails: list[BaseException] = []
"""What the next figure ("no display": RuntimeError) or the next waiting (Ctrl-C) raises."""


class WindowManager(FigureManagerBase):
    @classmethod
    def pyplot_show(cls, *, block: bool | None = None) -> None:
        from matplotlib import pyplot

        if fails:
            raise fails.pop()
        for number in pyplot.get_fignums():
            figure: Any = pyplot.figure(number)
            figure.canvas.draw()
            pixels = np.array(figure.canvas.buffer_rgba())[..., :3]
            seen.append((figure.canvas.manager.title, pixels))
            print(f"window {figure.canvas.manager.title} {pixels.shape[1]}x{pixels.shape[0]}", flush=True)

    def set_window_title(self, title: str) -> None:
        self.title = title


class FigureCanvas(FigureCanvasAgg):
    manager_class = WindowManager

    def __init__(self, figure: Any = None) -> None:
        if fails and isinstance(fails[-1], RuntimeError):
            raise fails.pop()
        super().__init__(figure)
