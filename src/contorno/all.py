"""The notebook namespace: `from contorno.all import *` brings IceVision's words, and nothing else behind them."""

from functools import partial
from pathlib import Path

import numpy as np
import torch

from contorno import models, parsers, tfms
from contorno.dataset import Dataset
from contorno.draw import denormalize_imagenet, show_img, show_preds, show_records, show_samples
from contorno.integrations.imantics import create_coco_annotation_json
from contorno.metrics import COCOMetric, COCOMetricType
from contorno.openimages.tutorial import download_segmentation_dataset
from contorno.records import ClassMap, Instances, Record, Records
from contorno.samples import Prediction, Sample
from contorno.splits import (
    FixedSplitter,
    FuncSplitter,
    GroupedSplitter,
    KFoldSplitter,
    RandomSplitter,
    SingleSplitter,
    StratifiedSplitter,
)
from contorno.writers import write_coco

__all__ = [
    "COCOMetric",
    "COCOMetricType",
    "ClassMap",
    "Dataset",
    "FixedSplitter",
    "FuncSplitter",
    "GroupedSplitter",
    "Instances",
    "KFoldSplitter",
    "Path",
    "Prediction",
    "RandomSplitter",
    "Record",
    "Records",
    "Sample",
    "SingleSplitter",
    "StratifiedSplitter",
    "create_coco_annotation_json",
    "denormalize_imagenet",
    "download_segmentation_dataset",
    "models",
    "np",
    "parsers",
    "partial",
    "show_img",
    "show_preds",
    "show_records",
    "show_samples",
    "tfms",
    "torch",
    "write_coco",
]
