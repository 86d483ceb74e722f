"""Each repair of the real icevision 0.12.0: the fault without it, and its absence with it."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from contorno.errors import ConfigError
from contorno.images import write_image
from contorno.integrations.icevision import REPAIRS, Mended, to_icevision
from contorno.records import Records
from tiny_icevision import NUMPY_TWO, SIZE, ice_mask_rcnn, image_records, without

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.filterwarnings(NUMPY_TWO)]

FIRST_IMPORT = """
import importlib, socket, sys, warnings
warnings.simplefilter("ignore")
def refuse(*_, **__):
    raise OSError("no network here")
socket.create_connection = socket.getaddrinfo = refuse
try:
    importlib.import_module("icevision.all")
    print("imported")
except OSError as error:
    print("failed:", type(error).__name__)
from contorno.integrations import icevision
mended = icevision.mend()
print(mended.ice.Dataset.__name__, "font" in mended.repairs)
"""


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Records:
    return image_records(tmp_path_factory.mktemp("repairs"))


@pytest.fixture(scope="module")
def model(mended: Mended) -> Any:
    return ice_mask_rcnn(mended.ice)


@pytest.mark.slow
def test_import_without_a_network_fails_for_want_of_a_font_and_mended_needs_none(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "MPLCONFIGDIR": str(tmp_path)}
    told = subprocess.run(
        [sys.executable, "-c", FIRST_IMPORT], env=environment, capture_output=True, text=True, check=True
    )
    assert told.stdout.splitlines() == ["failed: ConnectionError", "Dataset True"]
    assert not list((tmp_path / ".icevision" / "fonts").glob("*"))


def warnings_of(call: Callable[[], Any]) -> list[str]:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        call()
    return [str(one.message) for one in told]


def test_numpy_aliases(mended: Mended) -> None:
    with without(mended, "numpy aliases"), pytest.raises(AttributeError, match=r"no attribute 'int'"):
        mended.ice.as_rgb_tuple(np.array([1.0, 2.0, 3.0]))
    assert mended.ice.as_rgb_tuple(np.array([1.0, 2.0, 3.0])) == (1, 2, 3)


def test_image_size_of_a_png(mended: Mended, tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", np.zeros((*SIZE, 3), np.uint8))
    with without(mended, "image size"), pytest.raises(AssertionError):
        mended.ice.get_img_size(tmp_path / "a.png")
    assert mended.ice.get_img_size(tmp_path / "a.png") == (64, 48)


def test_labels_as_ints(mended: Mended, records: Records) -> None:
    ice = mended.ice
    data = ice.Dataset(to_icevision(records), ice.tfms.A.Adapter(ice.tfms.A.resize_and_pad(64)))
    with without(mended, "labels as ints"), pytest.raises(IndexError, match="integer"):
        data[0]
    assert data[0].detection.label_ids == [1, 2]


def test_colour_of_the_presets_padding(mended: Mended, records: Records) -> None:
    ice = mended.ice
    data = to_icevision(records)
    with (
        without(mended, "padding colour"),
        pytest.warns(UserWarning, match="'value' are not valid for transform PadIfNeeded"),
    ):
        black = ice.Dataset(data, ice.tfms.A.Adapter(ice.tfms.A.resize_and_pad(64)))[0]
    assert black.img[0, 0].tolist() == [0, 0, 0]
    mean = ice.Dataset(data, ice.tfms.A.Adapter(ice.tfms.A.resize_and_pad(64)))[0]
    assert mean.img[0, 0].tolist() == [124, 116, 104]


@pytest.mark.parametrize("name", ["PadIfNeeded", "SafeRotate", "Affine"])
def test_colour_that_the_user_calls_value(mended: Mended, name: str) -> None:
    transforms = mended.ice.tfms.A
    with without(mended, "padding colour"), pytest.warns(UserWarning, match=f"'value' are not valid for .* {name}"):
        getattr(transforms, name)(value=(1, 2, 3))
    made = getattr(transforms, name)(value=(1, 2, 3))
    assert (type(made).__name__, made.fill) == (name, (1, 2, 3))


@pytest.mark.parametrize("name", ["resnet18_fpn", "resnet18", "mobilenet"])
def test_pretrained_of_backbones(mended: Mended, name: str) -> None:
    backbone = getattr(mended.ice.models.torchvision.mask_rcnn.backbones, name)
    with without(mended, "pretrained"):
        assert "'pretrained' is deprecated" in warnings_of(lambda: backbone(pretrained=False))[0]
    assert warnings_of(lambda: backbone(pretrained=False)) == []
    assert backbone.backbone.out_channels in (256, 512, 1280)


def test_pretrained_of_a_whole_detector(mended: Mended) -> None:
    retinanet = mended.ice.models.torchvision.retinanet
    with without(mended, "pretrained"):
        told = warnings_of(lambda: retinanet.model(num_classes=3, pretrained=False))
    assert sum(" is deprecated" in text for text in told) == 2
    assert warnings_of(lambda: retinanet.model(num_classes=3, pretrained=False)) == []


def test_pretrained_true_asks_for_the_weights_that_it_always_meant(
    mended: Mended, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def no_network(url: str, **_: Any) -> None:
        asked.append(url.rpartition("/")[2])
        raise OSError("no network here")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", no_network)
    detectors = mended.ice.models.torchvision
    for make in (
        lambda: detectors.mask_rcnn.model(num_classes=2),
        lambda: detectors.faster_rcnn.model(num_classes=2),
        lambda: detectors.mask_rcnn.backbones.resnet50_fpn(pretrained=True),
        lambda: detectors.mask_rcnn.backbones.resnet18(pretrained=True),
    ):
        with pytest.raises(OSError, match="no network here"):
            make()
    assert [name.rpartition("-")[0] for name in asked] == [
        "maskrcnn_resnet50_fpn_coco",
        "fasterrcnn_resnet50_fpn_coco",
        "resnet50",
        "resnet18",
    ]


def predictions_in_training(mended: Mended, model: Any, records: Records) -> list[Any]:
    """What the callback of icevision's learner makes of a validation batch."""
    ice = mended.ice
    pipeline = [*ice.tfms.A.resize_and_pad(64), ice.tfms.A.Normalize()]
    data = ice.Dataset(to_icevision(records[:1]), ice.tfms.A.Adapter(pipeline))
    model_type = ice.models.torchvision.mask_rcnn
    (images, targets), held = next(iter(model_type.valid_dl(data, batch_size=1)))
    with torch.no_grad():
        outputs = model.eval()(images)
    callback = model_type.fastai.MaskRCNNCallback()
    callback.learn = type("Learner", (), {"records": held})()
    made: list[Any] = callback.convert_raw_predictions((images, targets), outputs)
    return made


def test_mask_threshold_of_validation_in_training(mended: Mended, model: Any, records: Records) -> None:
    with without(mended, "mask threshold"):
        [filled] = predictions_in_training(mended, model, records)
    [cut] = predictions_in_training(mended, model, records)
    boxes = np.array([box.xyxy for box in cut.pred.detection.bboxes])
    box_areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    filled_areas = filled.pred.detection.mask_array.data.sum(axis=(1, 2))
    cut_areas = cut.pred.detection.mask_array.data.sum(axis=(1, 2))
    # Cut at 0, a mask is its box and the pixels around it that bilinear drawing reaches.
    assert (filled_areas >= 0.99 * box_areas).all()
    assert cut_areas.sum() < 0.9 * box_areas.sum()


def test_area_of_a_detection_is_that_of_its_mask(mended: Mended, model: Any, records: Records) -> None:
    convert = sys.modules["icevision.data.convert_records_to_coco_style"]
    [prediction] = predictions_in_training(mended, model, records)
    with without(mended, "mask areas"):
        boxes = convert.convert_preds_to_coco_style([with_ids(prediction)])["annotations"]
    masked = convert.convert_preds_to_coco_style([with_ids(prediction)])["annotations"]
    sizes = prediction.pred.detection.mask_array.data.sum(axis=(1, 2))
    assert [row["area"] for row in masked] == sizes.tolist()
    assert [row["area"] for row in boxes] == [box.area for box in prediction.pred.detection.bboxes]


def with_ids(prediction: Any) -> Any:
    """The predicted record as icevision's metric completes it."""
    record = prediction.pred
    record.filepath = Path("1.png")
    return record


def test_stated_areas_of_the_truth_are_kept(mended: Mended, records: Records) -> None:
    convert = sys.modules["icevision.data.convert_records_to_coco_style"]
    theirs = to_icevision(records[:1])
    theirs[0].detection.set_areas([7.0, 8.0])
    rows = convert.convert_records_to_coco_style([theirs[0].load()], show_pbar=False)["annotations"]
    assert [row["area"] for row in rows] == [7.0, 8.0]


def test_mask_that_a_resize_leaves_empty_keeps_its_place(mended: Mended, records: Records) -> None:
    ice = mended.ice
    line = np.zeros(SIZE, np.uint8)
    line[1, 20:40] = 1
    [theirs] = to_icevision(records[:1])
    theirs.detection.add_labels_by_id([1])
    theirs.detection.add_bboxes([ice.BBox.from_xyxy(20, 1, 40, 2)])
    theirs.detection.add_masks([ice.MaskArray(line)])
    theirs.detection.add_areas([20.0])
    theirs.detection.add_iscrowds([0])
    data = ice.Dataset([theirs], ice.tfms.A.Adapter(ice.tfms.A.resize_and_pad(16)))
    convert = sys.modules["icevision.data.convert_records_to_coco_style"]
    with without(mended, "empty masks"):
        short = data[0]
        short.unload()
    assert (len(short.detection.label_ids), len(short.detection.masks)) == (3, 2)
    with pytest.raises(RuntimeError, match="Mismatch lenght"):
        convert.convert_records_to_coco_style([short], show_pbar=False)
    whole = data[0]
    pixels = whole.detection.mask_array.data.sum(axis=(1, 2)).tolist()
    whole.unload()
    rows = convert.convert_records_to_coco_style([whole], show_pbar=False)["annotations"]
    assert len(rows) == 3
    assert pixels[2] == 0
    assert pixels[0] > 0


def test_repairs_taken_back_by_name_leave_the_others(mended: Mended) -> None:
    with without(mended, "mask areas", "numpy aliases"):
        assert mended.repairs == tuple(name for name in REPAIRS if name not in ("mask areas", "numpy aliases"))
    assert mended.repairs == tuple(REPAIRS)


def test_unknown_repair_cannot_be_taken_back(mended: Mended) -> None:
    with pytest.raises(ConfigError, match="'fonts' was not made by this call or cannot be taken back; it made: font"):
        mended.undo("fonts")
    with pytest.raises(ConfigError, match="cannot be taken back"):
        mended.undo("font")


def test_what_was_mended_is_said(mended: Mended) -> None:
    lines = str(mended).splitlines()
    assert lines[0] == f"icevision 0.12.0, {len(REPAIRS)} repairs made in memory"
    assert [line.partition(":")[0] for line in lines[1:]] == list(REPAIRS)


def test_mended_icevision_warns_of_nothing(mended: Mended, records: Records) -> None:
    ice = mended.ice
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", NUMPY_TWO.split(":")[1], DeprecationWarning)
        pipeline = [*ice.tfms.A.resize_and_pad(64), ice.tfms.A.Normalize()]
        data = ice.Dataset(to_icevision(records), ice.tfms.A.Adapter(pipeline))
        assert [len(data[index].detection.label_ids) for index in range(4)] == [2, 1, 0, 3]
