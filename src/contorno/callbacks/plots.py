"""Figures of matplotlib, shown where the program runs."""

from __future__ import annotations

from typing import Any


def present(figure: Any) -> None:
    """Show a figure in a window, if matplotlib draws to windows here; wait until it is closed, as plt.show() does.

    A notebook shows it by itself when its cell ends. Without a display it stays matplotlib's current figure, for
    plt.savefig.
    """
    if getattr(figure.canvas, "required_interactive_framework", None) is not None:
        from matplotlib import pyplot

        pyplot.show()
