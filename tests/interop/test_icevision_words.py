"""The functions and classes that icevision and contorno both have take the same arguments, but for what is listed."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

import pytest

import contorno.all as ours
from contorno.draw.looks import LOOKS
from contorno.integrations.icevision import Mended
from contorno.models.elsewhere import Elsewhere
from contorno.models.torchvision import faster_rcnn, mask_rcnn
from contorno.parsers.drafts import BaseRecord, DraftObjects

pytestmark = [pytest.mark.interop, pytest.mark.slow]

BY_NAME = "by name"
"""Theirs may be given by place too, ours by name only, or it stands at another place."""
PLACES = "no matplotlib axes: a picture comes back"
NO_TEXT = "no text beside pictures"
SORTED = "always sorted, links not followed, hidden folders left out"
OWN_IDS = "ids are the source's own"
BATCHES = dict.fromkeys(["batch_tfms"], BY_NAME)
MODEL = {"num_classes": BY_NAME, "backbone": BY_NAME, "remove_internal_transforms": "samples are always ready"}

DIFFERENT: dict[str, dict[str, str]] = {
    "show_img": {"img": "image", "ax": PLACES, "show": BY_NAME},
    "show_record": {"ax": PLACES, "show": BY_NAME, "figsize": BY_NAME},
    "show_sample": {"ax": PLACES, "show": BY_NAME, "figsize": BY_NAME},
    "show_pred": {"ax": PLACES, "figsize": BY_NAME, "annotation": NO_TEXT},
    "show_preds": {"annotations": NO_TEXT, "ncols": BY_NAME},
    "draw_record": {"exclude_labels": "refused", "include_only": "refused", "return_as_pil_img": BY_NAME},
    "draw_sample": {
        "exclude_labels": "refused",
        "include_only": "refused",
        "return_as_pil_img": BY_NAME,
        "display_mask": BY_NAME,
    },
    "draw_pred": {"exclude_labels": "refused", "include_only": "refused", "return_as_pil_img": BY_NAME},
    "denormalize_imagenet": {"img": "image"},
    "open_img": {"ignore_exif": "EXIF orientation is always applied"},
    "get_files": {"folders": "left out", "followlinks": SORTED, "sort": SORTED},
    "get_image_files": {"folders": "left out"},
    "ClassMap.get_by_id": {"id": "label"},
    "Prediction": {"pred": "made by predict", "ground_truth": "made by predict"},
    "COCOMetric.accumulate": {"preds": "one record and its prediction at a time"},
    "COCOBBoxParser": {"idmap": OWN_IDS},
    "COCOMaskParser": {"idmap": OWN_IDS},
    "VIABBoxParser": {"class_map": BY_NAME, "label_field": BY_NAME},
    "VOCBBoxParser": {"class_map": BY_NAME, "idmap": OWN_IDS},
    "VOCMaskParser": {"class_map": BY_NAME, "idmap": OWN_IDS},
    "mask_rcnn.model": MODEL,
    "faster_rcnn.model": MODEL,
    "faster_rcnn.predict": {"keep_images": BY_NAME, "device": BY_NAME},
    "mask_rcnn.show_results": dict.fromkeys(
        ["mask_threshold", "num_samples", "ncols", "denormalize_fn", "show", "device"], BY_NAME
    ),
    **{f"{kind}.{name}_dl": BATCHES for kind in ("mask_rcnn", "faster_rcnn") for name in ("train", "valid", "infer")},
    "faster_rcnn.end2end_detect": {
        "predict_fn": "the model type's own",
        **dict.fromkeys(["display_label", "display_bbox", "display_score", "return_as_pil_img", "return_img"], BY_NAME),
    },
}
"""Of each name, their arguments that differ, and how. Settings of letters and colours (`draw.looks.LOOKS`) have no
effect anywhere, with a warning."""

WORDS = """
BBox BaseRecord BBoxesRecordComponent COCOMetric COCOMetricType ClassMap Dataset EncodedRLEs
FilepathRecordComponent FixedSplitter FuncSplitter IDMap ImgSize InstanceSegmentationRecord
InstancesLabelsRecordComponent KeypointsRecord MaskArray MaskFile ObjectDetectionRecord Parser Polygon
Prediction RLE RandomSplitter SimpleConfusionMatrix SingleSplitSplitter VocMaskFile denormalize_imagenet
download_and_extract download_url draw_pred draw_record draw_sample first get_files get_image_files
get_img_size models nn np open_img parsers partial plt random show_img show_pred show_preds show_record
show_records show_sample show_samples tfms torch Any Callable Dict Hashable List Optional PIL Path Sequence
Tuple Union L SGD Adam json os
"""
"""Seen in notebooks and scripts that begin with `from icevision.all import *`."""

PARSERS = ("COCOBBoxParser", "COCOMaskParser", "VIABBoxParser", "VOCBBoxParser", "VOCMaskParser")
OF_MODELS = ("model", "predict", "predict_from_dl", "show_results", "show_batch", "train_dl", "valid_dl", "infer_dl")


def shared(mended: Mended) -> dict[str, tuple[Any, Any]]:
    """(theirs, ours) of each callable that both namespaces have, and of the methods of classes."""
    ice = mended.ice
    found: dict[str, tuple[Any, Any]] = {}
    for name in ours.__all__:
        own, real = getattr(ours, name), getattr(ice, name, None)
        if not callable(own) or not str(getattr(real, "__module__", "")).startswith("icevision"):
            continue
        if (
            isinstance(own, Elsewhere)
            or name.endswith(("Component", "Type"))
            or name in ("AbortParseRecord", "Mask", "partial")
        ):
            continue
        found[name] = (real, own)
        if inspect.isclass(real) and inspect.isclass(own):
            for method in set(vars(real)) & set(dir(own)):
                if not method.startswith("_") and callable(getattr(real, method)):
                    found[f"{name}.{method}"] = (getattr(real, method), getattr(own, method))
    for name in PARSERS:
        found[name] = (getattr(ice.parsers, name), getattr(ours.parsers, name))
    parse = ice.parsers.Parser.parse
    for name in PARSERS:
        found[f"{name}.parse"] = (parse, getattr(ours.parsers, name).parse)
    template = ice.InstanceSegmentationRecord()
    for real, own in ((template, BaseRecord()), (template.detection, DraftObjects())):
        for method in dir(own):
            if not method.startswith("_") and callable(getattr(own, method)) and hasattr(real, method):
                found[f"{type(own).__name__}.{method}"] = (getattr(real, method), getattr(own, method))
    for real, own in ((ice.models.torchvision.mask_rcnn, mask_rcnn), (ice.models.torchvision.faster_rcnn, faster_rcnn)):
        for name in OF_MODELS:
            found[f"{own.__name__.rpartition('.')[2]}.{name}"] = (getattr(real, name), getattr(own, name))
    # A partial of theirs, whose function tells its arguments.
    whole = importlib.import_module("icevision.models.inference")._end2end_detect
    found["faster_rcnn.end2end_detect"] = (whole, faster_rcnn.end2end_detect)
    return found


def arguments(function: Callable[..., Any]) -> tuple[list[str], set[str], bool]:
    """(names that may be given by place, all names, whether any other name is taken)."""
    parameters = inspect.signature(function).parameters.values()
    by_place = [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    named = {each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)}
    return by_place, named, any(each.kind is each.VAR_KEYWORD for each in parameters)


def differences(real: Callable[..., Any], own: Callable[..., Any]) -> dict[str, str]:
    """Their arguments that ours does not take by name ("missing") or at their place ("by name")."""
    theirs, _, _ = arguments(real)
    by_place, named, takes_any = arguments(own)
    found = {}
    for place, name in enumerate(name for name in theirs if name != "self"):
        if name not in named and not takes_any:
            found[name] = "missing"
        elif takes_any and name in LOOKS and name not in named:
            continue
        elif ([*(each for each in by_place if each != "self"), *[None] * len(theirs)])[place] != name:
            found[name] = BY_NAME
    return found


def test_arguments_of_every_shared_function_are_taken_or_stated(mended: Mended) -> None:
    pairs = shared(mended)
    assert len(pairs) > 85
    found = {name: differences(*pair) for name, pair in pairs.items()}
    assert {name: set(each) for name, each in found.items() if each} == {
        name: set(each) for name, each in DIFFERENT.items()
    }


def test_what_is_said_to_be_taken_by_name_is(mended: Mended) -> None:
    checked = 0
    for name, pair in shared(mended).items():
        _, named, takes_any = arguments(pair[1])
        for argument, how in DIFFERENT.get(name, {}).items():
            if how == BY_NAME:
                checked += 1
                assert argument in named or takes_any, f"{name}: {argument}"
    assert checked > 30


def test_every_word_of_a_notebook_is_there(mended: Mended) -> None:
    words = WORDS.split()
    assert len(words) > 65
    assert [word for word in words if not hasattr(mended.ice, word)] == []
    assert [word for word in words if word not in ours.__all__] == []
