"""A model as a table: its layers, what each gives for one image, its parameters, and whether they are trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from contorno.inference import evaluating
from contorno.loaders import Batch

HEADINGS = ("layer", "type", "output of one", "parameters", "trained")


class Text(str):
    """A text that a notebook shows with its lines, not as a quoted string."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def layer_table(model: nn.Module, batch: Batch) -> Text:
    """The layers that have parameters, in the order in which an image passes them, and the totals.

    batch: one whose first image is passed through the model, in evaluation mode.
    The output is that of one image, region or box, without the batch; a layer that sees an image several times, at the
    levels of a pyramid, says how often. A layer that no image reached (a mask head without a detection) has none.
    """
    image = batch[0][0]
    calls = _calls(model, image)
    layers = {
        name: module
        for name, module in model.named_modules()
        if next(module.parameters(recurse=False), None) is not None
    }
    names = [name for name in calls if name in layers] + [name for name in layers if name not in calls]
    rows = [[name, type(layers[name]).__name__, _shape(calls.get(name, [])), *_own(layers[name])] for name in names]
    height, width = image.shape[-2:]
    counts = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    total, trained = sum(count for count, _ in counts), sum(count for count, is_trained in counts if is_trained)
    return Text(
        f"{type(model).__name__}, an image of {height} x {width} px\n{_table([list(HEADINGS), *rows])}\n"
        f"parameters: {total:,}, trained: {trained:,}, not trained: {total - trained:,}"
    )


def _calls(model: nn.Module, image: Tensor) -> dict[str, list[tuple[int, ...]]]:
    """Shapes of the outputs of each layer, in the order of first use."""
    found: dict[str, list[tuple[int, ...]]] = {}

    def note(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                found.setdefault(name, []).append(tuple(output.shape[1:]))

        return hook

    handles = [module.register_forward_hook(note(name)) for name, module in model.named_modules()]
    try:
        with evaluating(model):
            model([image.to(next(model.parameters()).device)])
    finally:
        for handle in handles:
            handle.remove()
    return found


def _shape(outputs: list[tuple[int, ...]]) -> str:
    if not outputs:
        return ""
    shape = " x ".join(str(side) for side in outputs[0])
    return shape if len(outputs) == 1 else f"{shape}, and {len(outputs) - 1} more"


def _own(layer: nn.Module) -> list[str]:
    own = list(layer.parameters(recurse=False))
    trained = [parameter.requires_grad for parameter in own]
    return [
        f"{sum(parameter.numel() for parameter in own):,}",
        "yes" if all(trained) else "partly" if any(trained) else "no",
    ]


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
    return "\n".join([lines[0], rule, *lines[1:], rule])
