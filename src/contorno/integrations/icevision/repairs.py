"""What is put in place of the parts of icevision 0.12.0 that no longer work, or measure wrongly.

Each repair is a list of places, (owner, name of an attribute), and a function that makes the new thing of the old one.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from contorno import masks
from contorno.images import image_size
from contorno.integrations.icevision.fonts import FONT_MODULE
from contorno.masks import MASK_THRESHOLD, RunLength

DRAWING_MODULE = "icevision.visualize.draw_data"
_ADAPTER_MODULE = "icevision.tfms.albumentations.albumentations_adapter"
_TRANSFORMS_MODULE = "icevision.tfms.albumentations"
_HELPERS_MODULE = "icevision.tfms.albumentations.albumentations_helpers"
_COCO_MODULE = "icevision.data.convert_records_to_coco_style"
_DETECTORS = {
    "mask_rcnn": "maskrcnn_resnet50_fpn",
    "faster_rcnn": "fasterrcnn_resnet50_fpn",
    "keypoint_rcnn": "keypointrcnn_resnet50_fpn",
    "retinanet": "retinanet_resnet50_fpn",
}

Place = tuple[Any, str]


@dataclass(frozen=True, slots=True)
class Repair:
    """One repair: its name in REPAIRS, where it is made, and what makes the new thing of the old."""

    name: str
    places: list[Place]
    make: Callable[[Any], Any]


def repairs() -> Iterator[Repair]:
    """Every repair of the imported icevision but that of the font, which is made before it is imported."""
    adapter, helpers = sys.modules[_ADAPTER_MODULE], sys.modules[_HELPERS_MODULE]
    yield Repair("numpy aliases", [(sys.modules[name], "np") for name in (FONT_MODULE, DRAWING_MODULE)], _with_aliases)
    yield Repair("image size", _holders("icevision.utils.imageio", "get_img_size"), _with_open_file)
    labels, pictures = adapter.AlbumentationsInstancesLabelsComponent, adapter.AlbumentationsMasksComponent
    yield Repair("labels as ints", [(labels, "collect_labels")], _with_whole_labels)
    yield Repair("padding colour", _default_paddings(helpers), _with_fill)
    yield Repair("padding colour", _filling_transforms(sys.modules[_TRANSFORMS_MODULE]), _taking_value)
    yield Repair("pretrained", [(sys.modules["icevision.backbones.resnet_fpn"], "resnet_fpn_backbone")], _with_weights)
    plain = [(sys.modules[f"icevision.backbones.{name}"], "torchvision") for name in ("resnet", "mobilenet", "vgg")]
    yield Repair("pretrained", plain, _with_pretrained_models)
    models = {name: sys.modules.get(f"icevision.models.torchvision.{name}.model") for name in _DETECTORS}
    whole = [(module, _DETECTORS[name]) for name, module in models.items() if module is not None]
    yield Repair("pretrained", whole, _with_detector_weights)
    yield Repair("mask threshold", _validations(), _with_mask_threshold)
    yield Repair("mask areas", _holders(_COCO_MODULE, "convert_record_to_coco_annotations"), _with_mask_areas)
    yield Repair("empty masks", [(pictures, "collect")], _with_every_mask)


def _holders(module: str, name: str) -> list[Place]:
    """Every module of icevision that holds a function: each star import made a name of its own."""
    original = getattr(sys.modules[module], name)
    theirs = [held for key, held in sorted(sys.modules.items()) if key.split(".")[0] == "icevision"]
    return [(held, name) for held in theirs if held.__dict__.get(name) is original]


class _NumpyWithAliases(ModuleType):
    """numpy with the two names that icevision expects."""

    def __getattr__(self, name: str) -> Any:
        return {"int": int, "float": float}.get(name) or getattr(np, name)


def _with_aliases(_: ModuleType) -> ModuleType:
    return _NumpyWithAliases("numpy")


def _with_open_file(get_img_size: Callable[[Path | str], Any]) -> Callable[[Path | str], Any]:
    size_type = get_img_size.__globals__["ImgSize"]

    def get(filepath: Path | str) -> Any:
        height, width = image_size(Path(filepath))
        return size_type(width=width, height=height)

    return get


def _with_whole_labels(collect_labels: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    def collect(component: Any, record: Any) -> None:
        found = component.adapter._albu_out
        found["labels"] = [int(label) for label in found["labels"]]
        collect_labels(component, record)

    return collect


def _default_paddings(helpers: ModuleType) -> list[Place]:
    """Where the presets' default padding keeps its functools.partial; icevision wraps it in a class of its own."""
    defaults = [*helpers.resize_and_pad.__defaults__, *helpers.aug_tfms.__defaults__]
    found = [(default, getattr(default, "_partial", None)) for default in defaults]
    return [(default, "_partial") for default, inner in found if inner is not None and "value" in inner.keywords]


def _with_fill(padding: functools.partial[Any]) -> functools.partial[Any]:
    others = {name: value for name, value in padding.keywords.items() if name != "value"}
    return functools.partial(padding.func, *padding.args, fill=padding.keywords["value"], **others)


def _filling_transforms(transforms: ModuleType) -> list[Place]:
    """Transforms of albumentations, as icevision's `tfms.A` shows them, that fill borders with a colour."""
    kinds = [(name, kind) for name, kind in vars(transforms).items() if isinstance(kind, type)]
    return [
        (transforms, name) for name, kind in kinds if kind.__module__.startswith("albumentations.") and _fills(kind)
    ]


def _fills(transform: type) -> bool:
    known = inspect.signature(transform).parameters
    return "fill" in known and "value" not in known


def _taking_value(transform: type) -> Callable[..., Any]:
    @functools.wraps(transform, updated=())
    def make(*arguments: Any, **options: Any) -> Any:
        for old, new in (("value", "fill"), ("mask_value", "fill_mask")):
            if old in options:
                options[new] = options.pop(old)
        return transform(*arguments, **options)

    return make


def _with_weights(resnet_fpn_backbone: Callable[..., Any]) -> Callable[..., Any]:
    def build(backbone_name: str, pretrained: bool, **options: Any) -> Any:
        # The weights that torchvision itself puts in place of pretrained=True.
        weights = "IMAGENET1K_V1" if pretrained else None
        return resnet_fpn_backbone(backbone_name=backbone_name, weights=weights, **options)

    return build


class _Through(ModuleType):
    """A module seen through a function: names that are not set here are looked up in it."""

    def __init__(self, module: ModuleType, see: Callable[[Any], Any] = lambda found: found) -> None:
        super().__init__(module.__name__)
        self._module, self._see = module, see

    def __getattr__(self, name: str) -> Any:
        return self._see(getattr(self._module, name))


def _with_pretrained_models(torchvision: ModuleType) -> ModuleType:
    def see(build: Callable[..., Any]) -> Callable[..., Any]:
        return lambda pretrained: build(weights="IMAGENET1K_V1" if pretrained else None)

    seen = _Through(torchvision)
    seen.__dict__["models"] = _Through(torchvision.models, see)
    return seen


def _with_detector_weights(make: Callable[..., Any]) -> Callable[..., Any]:
    def build(pretrained: bool, pretrained_backbone: bool, **options: Any) -> Any:
        whole = "COCO_V1" if pretrained else None
        return make(weights=whole, weights_backbone="IMAGENET1K_V1" if pretrained_backbone else None, **options)

    return build


def _validations() -> list[Place]:
    """The modules that turn a validation batch of a Mask R-CNN into predictions; Lightning's only where it is there."""
    names = [
        f"icevision.models.torchvision.mask_rcnn.{name}" for name in ("fastai.callbacks", "lightning.model_adapter")
    ]
    return [(sys.modules[name], "convert_raw_predictions") for name in names if name in sys.modules]


def _with_mask_threshold(convert: Callable[..., Any]) -> Callable[..., Any]:
    def at_threshold(**arguments: Any) -> Any:
        return convert(**{**arguments, "mask_threshold": MASK_THRESHOLD})

    return at_threshold


def _with_mask_areas(convert: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    def with_areas(record: Any) -> dict[str, Any]:
        made = convert(record)
        if "segmentation" in made and not hasattr(record.detection, "areas"):
            codes = [RunLength(tuple(code["size"]), code["counts"]) for code in made["segmentation"]]
            made["area"] = masks.areas(codes).tolist()
        return made

    return with_areas


def _with_every_mask(collect_masks: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    instance_masks = sys.modules["icevision.core.record_components"].InstanceMasksRecordComponent
    encoded = sys.modules["icevision.core.mask"].EncodedRLEs

    def collect(component: Any, record: Any) -> None:
        target = component._record_component
        collect_masks(component, record)
        if isinstance(target, instance_masks):
            codes = masks.encode_stack(target.mask_array.data) if len(target.mask_array) else []
            target.set_masks([encoded([{"size": list(code.size), "counts": code.counts}]) for code in codes])

    return collect
