"""Open Images by class: from a name to a folder of images, masks and COCO files, fetching only what is needed."""

from contorno.openimages.bucket import IMAGES_URL, META_URL, SPLITS, Bucket, MetaFiles, Split
from contorno.openimages.classes import ClassList, OpenImagesClass, read_classes
from contorno.openimages.fetch import fetch
from contorno.openimages.folder import FetchReport, Folder, SplitReport
from contorno.openimages.selection import Plan, SplitPlan, WantedClass, plan
from contorno.openimages.tables import MaskRow, image_labels, mask_rows
from contorno.openimages.web import DamagedError, FileIdentity, HttpSource, NotFoundError, UnreachableError

__all__ = [
    "IMAGES_URL",
    "META_URL",
    "SPLITS",
    "Bucket",
    "ClassList",
    "DamagedError",
    "FetchReport",
    "FileIdentity",
    "Folder",
    "HttpSource",
    "MaskRow",
    "MetaFiles",
    "NotFoundError",
    "OpenImagesClass",
    "Plan",
    "Split",
    "SplitPlan",
    "SplitReport",
    "UnreachableError",
    "WantedClass",
    "fetch",
    "image_labels",
    "mask_rows",
    "plan",
    "read_classes",
]
