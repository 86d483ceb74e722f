"""The notebook namespace: `from contorno.all import *` brings IceVision's words, and nothing else behind them.

Words of IceVision for what contorno does not have are there too (`ELSEWHERE`): using one says what to use instead. The
modules and types that IceVision's own import brings, and that notebooks use without importing them, come along.
"""

import importlib
import json
import os
import random
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple, Union  # noqa: UP035 - parsers written in notebooks use them

import numpy as np
import torch
from matplotlib import pyplot as plt
from torch import nn
from torch.optim import SGD, Adam, AdamW

from contorno import models, parsers, tfms
from contorno.callbacks import (
    CSVLogger,
    EarlyStoppingCallback,
    GradientAccumulation,
    GradientClip,
    ReduceLROnPlateau,
    SaveModelCallback,
    ShowGraphCallback,
    TensorBoardCallback,
    door,
)
from contorno.dataset import Dataset
from contorno.detections import BBox
from contorno.draw import denormalize_imagenet, show_img, show_preds, show_records, show_samples
from contorno.draw.drawn_words import draw_pred, draw_record, draw_sample
from contorno.draw.show_one import show_pred, show_record, show_sample
from contorno.integrations.icevision.checkpoint_words import model_from_checkpoint, save_icevision_checkpoint
from contorno.integrations.imantics import create_coco_annotation_json
from contorno.loaders import first
from contorno.metrics import COCOMetric, COCOMetricType
from contorno.models.elsewhere import REAL_ONE, Elsewhere
from contorno.models.torchvision import faster_rcnn, mask_rcnn
from contorno.openimages.tutorial import download_segmentation_dataset
from contorno.parsers.drafts import BaseRecord, ImgSize, RecordComponent
from contorno.parsers.image_words import get_files, get_image_files, get_img_size, open_img
from contorno.parsers.mask_words import RLE, EncodedRLEs, MaskArray, MaskFile, MaskSource, Polygon, VocMaskFile
from contorno.parsers.template import AbortParseRecord, DetectionRecord, MaskRecord, TemplateParser
from contorno.records import ClassMap, Instances, Record, Records
from contorno.samples import Prediction, Sample
from contorno.splits import (
    FixedSplitter,
    FolderSplitter,
    FuncSplitter,
    GroupedSplitter,
    KFoldSplitter,
    RandomSplitter,
    SingleSplitter,
    StratifiedSplitter,
)
from contorno.writers import write_coco

PIL: Any = importlib.import_module("PIL")  # PIL.Image is loaded by now
fastai = door
Learner, Callback, L = door.Learner, door.Callback, door.L

SingleSplitSplitter = SingleSplitter
Parser, Mask = TemplateParser, MaskSource
ObjectDetectionRecord, InstanceSegmentationRecord = DetectionRecord, MaskRecord
FilepathRecordComponent = InstancesLabelsRecordComponent = BBoxesRecordComponent = RecordComponent
InstanceMasksRecordComponent = AreasRecordComponent = IsCrowdsRecordComponent = RecordComponent

ELSEWHERE = {
    "icedata": (
        "icedata is not part of contorno; fetch and unpack the data yourself, as with shutil.unpack_archive(file, "
        "folder), and read it with parsers.VOCBBoxParser, parsers.COCOMaskParser or parsers.parse(labels, images)."
    ),
    "pl": "training with Lightning is not part of contorno; use model_type.fastai.learner(dls, model, metrics).",
    "efficientdet": f"EfficientDet is not part of contorno; use models.torchvision.faster_rcnn, {REAL_ONE}.",
    "retinanet": f"RetinaNet is not part of contorno; use models.torchvision.faster_rcnn, {REAL_ONE}.",
    "backbones": (
        "backbones belong to a model type: models.torchvision.mask_rcnn.backbones.resnet50_fpn(pretrained=True)."
    ),
    "SimpleConfusionMatrix": (
        "SimpleConfusionMatrix is not part of contorno; take metrics=[COCOMetric(...)], and look at "
        "contorno.metrics.image_scores(records, predictions) for found, missed and false objects of each image."
    ),
    "SemanticSegmentationRecord": (
        "semantic segmentation is not part of contorno, which finds objects one by one; use "
        "InstanceSegmentationRecord()."
    ),
    "KeypointsRecord": f"keypoints are not part of contorno; use InstanceSegmentationRecord(), {REAL_ONE}.",
    "download_url": "fetch a file with urllib.request.urlretrieve(url, path).",
    "download_and_extract": (
        "fetch a file with urllib.request.urlretrieve(url, path), and unpack it with "
        "shutil.unpack_archive(path, folder)."
    ),
    "IDMap": "ids of images are what record_id gives: record.image_id; there is no map between.",
}
"""Words of IceVision that say what to use instead."""


def __getattr__(name: str) -> Elsewhere:
    if name in ELSEWHERE:
        return Elsewhere(name, ELSEWHERE[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "PIL",
    "RLE",
    "SGD",
    "AbortParseRecord",
    "Adam",
    "AdamW",
    "Any",
    "AreasRecordComponent",
    "BBox",
    "BBoxesRecordComponent",
    "BaseRecord",
    "COCOMetric",
    "COCOMetricType",
    "CSVLogger",
    "Callable",
    "Callback",
    "ClassMap",
    "Dataset",
    "Dict",
    "EarlyStoppingCallback",
    "EncodedRLEs",
    "FilepathRecordComponent",
    "FixedSplitter",
    "FolderSplitter",
    "FuncSplitter",
    "GradientAccumulation",
    "GradientClip",
    "GroupedSplitter",
    "Hashable",
    "ImgSize",
    "InstanceMasksRecordComponent",
    "InstanceSegmentationRecord",
    "Instances",
    "InstancesLabelsRecordComponent",
    "IsCrowdsRecordComponent",
    "KFoldSplitter",
    "L",
    "Learner",
    "List",
    "Mask",
    "MaskArray",
    "MaskFile",
    "ObjectDetectionRecord",
    "Optional",
    "Parser",
    "Path",
    "Polygon",
    "Prediction",
    "RandomSplitter",
    "Record",
    "Records",
    "ReduceLROnPlateau",
    "Sample",
    "SaveModelCallback",
    "Sequence",
    "ShowGraphCallback",
    "SingleSplitSplitter",
    "SingleSplitter",
    "StratifiedSplitter",
    "TensorBoardCallback",
    "Tuple",
    "Union",
    "VocMaskFile",
    "create_coco_annotation_json",
    "denormalize_imagenet",
    "download_segmentation_dataset",
    "draw_pred",
    "draw_record",
    "draw_sample",
    "fastai",
    "faster_rcnn",
    "first",
    "get_files",
    "get_image_files",
    "get_img_size",
    "json",
    "mask_rcnn",
    "model_from_checkpoint",
    "models",
    "nn",
    "np",
    "open_img",
    "os",
    "parsers",
    "partial",
    "plt",
    "random",
    "save_icevision_checkpoint",
    "show_img",
    "show_pred",
    "show_preds",
    "show_record",
    "show_records",
    "show_sample",
    "show_samples",
    "tfms",
    "torch",
    "write_coco",
]
__all__ += [*ELSEWHERE]
