"""Pretrained weights: fetched once into torch's cache, checked, and fitted to a model whose classes may differ."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Literal
from urllib.error import HTTPError
from urllib.parse import urlparse

import torch
from torch import Tensor, nn
from torchvision.models import get_weight

from contorno import files
from contorno.errors import WeightsError

CLASS_HEADS = ("roi_heads.box_predictor.", "roi_heads.mask_predictor.mask_fcn_logits.")
"""Layers with one output per class: other classes, other layers."""
ANCHOR_HEADS = ("rpn.head.cls_logits.", "rpn.head.bbox_pred.")
"""Layers with one output per anchor shape of a position."""
Detector = Literal["MaskRCNN", "FasterRCNN"]
DETECTORS: tuple[Detector, ...] = ("MaskRCNN", "FasterRCNN")
NORM_EPSILON = 1e-5
COCO_V1_EPSILON = 0.0


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What was loaded: how many tensors, and the names of those that keep their random values."""

    loaded: int
    left_new: tuple[str, ...] = ()

    def __str__(self) -> str:
        new = f"; left new for the classes at hand: {', '.join(self.left_new)}" if self.left_new else ""
        return f"loaded {self.loaded} tensors{new}"


def published_url(name: str, kind: Literal["coco", "imagenet"], detector: Detector = "MaskRCNN") -> str:
    """Address of torchvision's own weights for a ResNet (or a detector on it), as torchvision states it."""
    depth = name.removeprefix("resnet")
    member = (
        f"ResNet{depth}_Weights.IMAGENET1K_V1"
        if kind == "imagenet"
        else f"{detector}_ResNet{depth}_FPN_Weights.COCO_V1"
    )
    return str(get_weight(member).url)


def cache_path(url: str) -> Path:
    """The file in torch's cache that holds what `url` gives; put a file there and nothing is fetched."""
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(url).path).name


def fetch(url: str, *, progress: bool = True) -> dict[str, Tensor]:
    """Read the weights at `url`, from torch's cache if they are there.

    A file name that ends in `-<first digits of its SHA-256>.pth` is checked against them, in the cache too. What
    arrives damaged is not kept.   progress: draw a bar on stderr while fetching.
    Raises WeightsError.
    """
    path = cache_path(url)
    digits = re.search(r"-([0-9a-f]{8,})\.\w+$", path.name)
    is_cached = path.exists()
    if not is_cached:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(path), digits[1] if digits else None, progress=progress)
        except (OSError, HTTPException, ValueError, RuntimeError) as error:
            if isinstance(error, HTTPError):
                error.close()
            raise WeightsError(
                f"the weights at {url} could not be fetched ({error}); put the file at {path} by hand, or give a local "
                "file as weights=..., or begin with random weights: weights=None, on the command line weights=none."
            ) from error
    elif digits and not files.checksum(path).startswith(digits[1]):
        raise WeightsError(
            f"{path} is damaged: its SHA-256 does not begin with {digits[1]}; delete it, and it is fetched again."
        )
    try:
        return read(path)
    except WeightsError as error:
        if not is_cached:
            path.unlink(missing_ok=True)
            raise WeightsError(f"what {url} gave is not a state dict ({error}); it was not kept.") from error
        raise


def read(path: Path) -> dict[str, Tensor]:
    """Read a state dict, bare or under "model" or "state_dict"; no code in the file is run.

    Raises WeightsError if the file is missing, damaged, or holds something else.
    """
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise WeightsError(f"the weights file {path} does not exist; give the path of a .pth state dict.") from error
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError, zipfile.BadZipFile) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(
            f"{path} cannot be read as weights ({reason}); expected what torch.save(model.state_dict(), path) writes."
        ) from error
    for key in ("model", "state_dict"):
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping) or not found or not all(isinstance(value, Tensor) for value in found.values()):
        raise WeightsError(
            f"{path} does not hold a state dict; expected what torch.save(model.state_dict(), path) writes."
        )
    return {str(name): value for name, value in found.items()}


def has_statistics(state_dict: Mapping[str, Tensor]) -> bool:
    """True if the weights were trained with BatchNorm, fixed or learning."""
    return any(name.endswith(".running_mean") for name in state_dict)


def is_detector(state_dict: Mapping[str, Tensor]) -> bool:
    """True for the weights of a whole detector, False for those of a backbone alone."""
    return any(name.startswith("backbone.") for name in state_dict)


def fold_epsilon(state_dict: Mapping[str, Tensor], trained: float = COCO_V1_EPSILON) -> dict[str, Tensor]:
    """Weights trained with another epsilon in their norm layers, changed to give the same with `NORM_EPSILON`.

    torchvision's COCO weights were trained with 0, which torchvision writes into the layers after loading; a state
    dict does not keep that. Folded into the scale it is kept: w · (var + trained)^-½ = w' · (var + 1e-5)^-½.
    """
    folded = dict(state_dict)
    for name, variance in state_dict.items():
        if name.endswith(".running_var"):
            scale = name.removesuffix("running_var") + "weight"
            wide = variance.double()
            ratio = torch.where(wide + trained > 0, (wide + NORM_EPSILON) / (wide + trained), 1.0).sqrt()
            folded[scale] = (state_dict[scale].double() * ratio).to(state_dict[scale].dtype)
    return folded


def load_weights(
    model: nn.Module, state_dict: Mapping[str, Tensor], *, heads: Literal["strict", "replace"] = "strict"
) -> LoadReport:
    """Load a detector's weights into `model`.

    heads: "strict": every tensor must fit; "replace": layers that depend on the number of classes (or of anchors)
           and do not fit keep their random values.
    Raises WeightsError that says what does not fit and how to mend it.
    """
    own = model.state_dict()
    if has_statistics(own) != has_statistics(state_dict):
        theirs, ours = ("batch", "group") if has_statistics(state_dict) else ("group", "batch")
        raise WeightsError(
            f"the weights were trained with {theirs} normalisation and the model has {ours} normalisation; build it "
            f"with a backbone of norm={'frozen' if theirs == 'batch' else 'group'!r}."
        )
    misfits = [name for name, value in state_dict.items() if name in own and own[name].shape != value.shape]
    replaceable = [name for name in misfits if name.startswith((*CLASS_HEADS, *ANCHOR_HEADS))]
    if len(replaceable) < len(misfits):
        name = next(name for name in misfits if name not in replaceable)
        raise WeightsError(
            f"the weights are of another network: {name} is {tuple(state_dict[name].shape)} in them and "
            f"{tuple(own[name].shape)} in the model; build the model with the backbone that they were trained with."
        )
    if misfits and heads == "strict":
        raise WeightsError(_heads_differ(own, state_dict, misfits))
    chosen = {name: value for name, value in state_dict.items() if name not in misfits}
    _load(model, chosen, expected_missing=misfits)
    return LoadReport(loaded=len(own) - len(misfits), left_new=tuple(misfits))


def load_backbone(model: nn.Module, state_dict: Mapping[str, Tensor]) -> LoadReport:
    """Load the weights of a ResNet into the backbone of a detector; its classifier is left out.

    Raises WeightsError if they are of another ResNet.
    """
    body = model.get_submodule("backbone.body")
    own = body.state_dict()
    misfits = [name for name, value in state_dict.items() if name in own and own[name].shape != value.shape]
    if misfits or has_statistics(own) != has_statistics(state_dict):
        raise WeightsError(
            "the backbone weights are of another ResNet"
            + (f": {misfits[0]} differs in shape" if misfits else ", with another kind of normalisation")
            + "; build the model with the backbone that they were trained with."
        )
    _load(body, {name: value for name, value in state_dict.items() if not name.startswith("fc.")})
    prefixed = {f"backbone.body.{name}" for name in own}
    return LoadReport(len(own), tuple(name for name in model.state_dict() if name not in prefixed))


def _load(module: nn.Module, state_dict: Mapping[str, Tensor], expected_missing: list[str] | None = None) -> None:
    # Not strict here, since torchvision's modules rename the keys of old files while they load.
    try:
        found = module.load_state_dict(dict(state_dict), strict=False)
    except RuntimeError as error:
        raise WeightsError(f"the weights do not fit the model: {str(error).splitlines()[-1].strip()}") from error
    missing = [name for name in found.missing_keys if name not in (expected_missing or [])]
    if missing or found.unexpected_keys:
        parts = [
            f"{len(names)} tensors {what} ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"
            for what, names in (("are missing", missing), ("have no place", found.unexpected_keys))
            if names
        ]
        raise WeightsError(
            f"the weights do not fit the model: {' and '.join(parts)}; build the model with the backbone and settings "
            "that they were trained with."
        )


def _heads_differ(own: Mapping[str, Tensor], state_dict: Mapping[str, Tensor], misfits: list[str]) -> str:
    mend = "give heads='replace' to load everything else and train these layers anew."
    key = "roi_heads.box_predictor.cls_score.weight"
    if key in misfits:
        found, expected = len(state_dict[key]), len(own[key])
        return (
            f"the weights are for {found} classes and the model has {expected} (background counted in both); build the "
            f"model with num_classes={found}, or {mend}"
        )
    return (
        f"the weights are for another number of anchors a position ({misfits[0]}); build the model with as many, or "
        f"{mend}"
    )
