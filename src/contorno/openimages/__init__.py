"""Open Images by class: from a name to a folder of images, masks and COCO files, fetching only what is needed."""

from contorno.openimages.bucket import IMAGES_URL, META_URL, SPLITS, Bucket, MetaFiles, Split
from contorno.openimages.classes import ClassList, OpenImagesClass, read_classes
from contorno.openimages.estimate import Estimate, estimate
from contorno.openimages.fetch import fetch
from contorno.openimages.folder import FetchReport, Folder, SplitReport
from contorno.openimages.hierarchy import Hierarchy, read_hierarchy
from contorno.openimages.plans import Plan, SplitPlan, WantedClass
from contorno.openimages.request import Options, Request, read_exclusions
from contorno.openimages.selection import plan
from contorno.openimages.tables import BoxFlags, BoxRow, MaskRow, box_rows, image_labels, mask_rows
from contorno.openimages.web import DamagedError, FileIdentity, HttpSource, NotFoundError, UnreachableError

__all__ = [
    "IMAGES_URL",
    "META_URL",
    "SPLITS",
    "BoxFlags",
    "BoxRow",
    "Bucket",
    "ClassList",
    "DamagedError",
    "Estimate",
    "FetchReport",
    "FileIdentity",
    "Folder",
    "Hierarchy",
    "HttpSource",
    "MaskRow",
    "MetaFiles",
    "NotFoundError",
    "OpenImagesClass",
    "Options",
    "Plan",
    "Request",
    "Split",
    "SplitPlan",
    "SplitReport",
    "UnreachableError",
    "WantedClass",
    "box_rows",
    "estimate",
    "fetch",
    "image_labels",
    "mask_rows",
    "plan",
    "read_classes",
    "read_exclusions",
    "read_hierarchy",
]
