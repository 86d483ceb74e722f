"""From a model's output to predictions in the pixels of the original images, their evaluation, and looks at them."""

from __future__ import annotations

from contorno.inference.looking import end2end_detect, show_batch, show_results
from contorno.inference.outputs import PADDING, paste, to_predictions
from contorno.inference.running import evaluate, evaluating, predict, predict_from_dl

__all__ = [
    "PADDING",
    "end2end_detect",
    "evaluate",
    "evaluating",
    "paste",
    "predict",
    "predict_from_dl",
    "show_batch",
    "show_results",
    "to_predictions",
]
