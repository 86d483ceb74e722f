"""Import albumentations without its call to the network.

albumentations 2 asks PyPI for its newest version while it is imported, waiting up to two seconds, unless an environment
variable says not to. The variable is set for the time of the import and then put back.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager

from contorno.errors import MissingExtraError

_SWITCH = "NO_ALBUMENTATIONS_UPDATE"


@contextmanager
def _without_update_check() -> Iterator[None]:
    before = os.environ.get(_SWITCH)
    os.environ[_SWITCH] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SWITCH]
        else:
            os.environ[_SWITCH] = before


with _without_update_check():
    try:
        albumentations = importlib.import_module("albumentations")
    except ImportError as error:
        if not str(error).startswith("lib"):
            raise
        # opencv-python, which imantics brings, wants the libraries of a desktop; the headless one does without.
        raise MissingExtraError(
            f"OpenCV cannot be loaded ({error}); run `pip install --force-reinstall --no-deps opencv-python-headless`."
        ) from error

cv2 = importlib.import_module("cv2")
CropSizeError: type[Exception] = importlib.import_module("albumentations.augmentations.crops.transforms").CropSizeError


def use_one_thread() -> None:
    """Make OpenCV work in the calling thread only: for a worker process, one of several."""
    cv2.setNumThreads(0)
