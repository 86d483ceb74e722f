"""Read YOLO data sets: polygons and boxes in one text file an image, as fractions of its width and height."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from contorno.errors import DataError
from contorno.masks import Polygons, Size
from contorno.parsers.coco_geometry import BadGeometry
from contorno.parsers.findings import Findings
from contorno.parsers.found import FoundImage, FoundObject
from contorno.parsers.parsing import Missing, Parser
from contorno.parsers.yolo_config import YoloConfig, find_yaml, read_config
from contorno.parsers.yolo_counts import UNLABELLED, count_labels
from contorno.parsers.yolo_labels import YoloImage
from contorno.parsers.yolo_layout import YoloLayout, lay_out
from contorno.parsers.yolo_lines import YoloLine, box_edges, odd_fault, take_score
from contorno.parsers.yolo_names import class_file_beside, names_from, read_class_file
from contorno.parsers.yolo_reading import ReadImage, read_image, read_lines
from contorno.parsers.yolo_tasks import count_oriented, take_boxes_of_poses
from contorno.progress import Progress
from contorno.records import ClassMap, fold_name

_WORKERS = 4
_SCORED_AT_LEAST = 2


class _YoloParser(Parser):
    def __init__(
        self,
        path: Path | str,
        img_dir: Path | str | None = None,
        *,
        class_names: Sequence[str] | Mapping[int, str] | None = None,
        class_map: ClassMap | None = None,
        ignore_unknown: bool = False,
        missing_images: Missing = "error",
        vertex_offset: float = 0.0,
    ) -> None:
        super().__init__(
            path,
            img_dir,
            class_map=class_map,
            ignore_unknown=ignore_unknown,
            missing_images=missing_images,
            vertex_offset=vertex_offset,
        )
        self._root = None if img_dir is None else self.img_dir
        self._given_names = None if class_names is None else names_from(class_names, "class_names")
        self._names: dict[int, str] = {}

    def _declared_classes(self) -> Sequence[str]:
        return list(self._names.values())

    def _read(self, findings: Findings, progress: Progress) -> Iterator[FoundImage]:
        layout = lay_out(self.path, self._root, findings)
        self.img_dir = layout.root
        self._names = self._class_names(layout, findings)
        by_name = {fold_name(name): str(index) for index, name in self._names.items()}
        keypoints = layout.config.keypoints

        def read(image: YoloImage) -> ReadImage:
            return read_image(image, keypoints, by_name)

        reads: list[ReadImage] = []
        # Threads, for the headers of the images; the numbers are read under the interpreter's lock either way.
        with ThreadPoolExecutor(_WORKERS) as pool:
            for done, found in enumerate(pool.map(read, layout.images), start=1):
                reads.append(found)
                if done % 64 == 0 or done == len(layout.images):
                    progress("reading label files", done, len(layout.images))
        if all(found.fault is not None for found in reads) and findings.autofix:
            reason, detail = reads[0].fault or ("", "")
            raise DataError(f"{self.path}: none of its {len(reads)} images can be used; the first: {reason}: {detail}")
        count_labels(layout, findings)
        take_boxes_of_poses(reads, keypoints, findings)
        count_oriented(reads, findings)
        kinds = Counter(line.kind for found in reads for line in found.lines)
        scored = kinds["odd"] >= _SCORED_AT_LEAST and not kinds["polygon"]
        for found in reads:
            if found.fault is not None:
                findings.drop(f"{found.fault[0]}, its image left out", found.image.name, found.fault[1])
                continue
            yield self._image(found, scored, findings)

    def _class_names(self, layout: YoloLayout, findings: Findings) -> dict[int, str]:
        config = layout.config
        names = dict(config.names)
        twice = sorted(name for name, times in Counter(map(fold_name, names.values())).items() if times > 1)
        if twice:
            findings.mend("class named at two indices, taken for one", str(self.path), ", ".join(twice))
        if config.repeated:
            findings.mend("key that stands twice in the yaml, the last one taken", str(self.path), config.repeated)
        if config.nc is not None and names and config.nc != len(names):
            findings.mend("nc that is not the number of names", str(self.path), f"nc {config.nc}, {len(names)} names")
        if self._given_names is not None:
            return self._given_names
        if not names:
            places = [layout.root, layout.root / "labels", *layout.label_folders]
            places += [folder.parent for folder in layout.label_folders if folder.parent.is_relative_to(layout.root)]
            file = class_file_beside(places)
            names = {} if file is None else read_class_file(file)
        if not names and config.nc:
            names = {index: f"class_{index}" for index in range(config.nc)}
        return names

    def _image(self, found: ReadImage, scored: bool, findings: Findings) -> FoundImage:
        name = found.image.label.name if found.image.label is not None else ""
        for number, fault in found.faults:
            findings.drop(fault.reason, f"{found.image.name}, {name} line {number}", fault.detail)
        for number in found.repeated:
            findings.drop("line that repeats another", f"{found.image.name}, {name} line {number}")
        objects = []
        for line in found.lines:
            where = f"{name} line {line.number}"
            try:
                objects.append(self._made(line, found.size, scored, findings, f"{found.image.name}, {where}"))
            except BadGeometry as fault:
                findings.drop(fault.reason, f"{found.image.name}, {where}", fault.detail)
                continue
            objects[-1].where = where
        return FoundImage(
            file_name=found.image.name,
            where=found.image.name,
            size=found.size if found.size[0] else None,
            objects=objects,
            path=found.image.path,
            split=found.image.split,
        )

    def _made(self, line: YoloLine, size: Size, scored: bool, findings: Findings, where: str) -> FoundObject:
        if line.kind == "odd":
            if not scored:
                raise odd_fault(line)
            line = take_score(line)
        if line.index not in self._names:
            if self._names:
                known = f"index {line.index}, the names have {min(self._names)} to {max(self._names)}"
                raise BadGeometry("class index that has no name", known)
            findings.mend("class without a name, called by its index", where, "give class_names")
        height, width = size
        found = FoundObject(
            class_name=self._names.get(line.index, f"class_{line.index}"),
            attributes={} if line.score is None else {"score": line.score},
        )
        if line.kind == "box":
            left, top, right, bottom = box_edges(line.numbers)
            found.box = (left * width, top * height, right * width, bottom * height)
        else:
            if line.strays:
                findings.mend("polygon beyond 0..1, cut off at the image's edge where it is drawn", where)
            points = np.array(line.numbers, dtype=np.float64).reshape(-1, 2) * (width, height)
            try:
                found.geometry = Polygons((points,))
            except DataError as error:
                raise BadGeometry("polygon that cannot be used", str(error)) from error
        return found


class YOLOSegParser(_YoloParser):
    """Reads the polygons of a YOLO data set; objects with a box only are bad objects here.

    path:            data.yaml; Darknet's obj.data; a .txt list of images; the folder of a data set, with or without
                     such a file (images/ and labels/, each with a folder for each split or none; train/images and
                     train/labels; labels beside the images); or a folder of label files, with `img_dir`.
    img_dir:         the folder that image paths start in, where that is not the folder of `path`.
    class_names:     names of the classes in the order of their indices, or by index. If unset: those of data.yaml, of
                     obj.names or of classes.txt; `class_<index>`, as Ultralytics calls them, where no file has any.
    class_map, ignore_unknown, missing_images, vertex_offset:  as in all parsers; the offset is in pixels.

    The label file of an image is its path with the last folder `images` replaced by `labels`; data sets that keep them
    elsewhere are searched for where most are. An image whose label file is empty, or not there, is a negative; the
    report counts the latter. A split in which no image has a label file is left out.
    A line of 8 numbers is a polygon of 4 points, be it one or an oriented box, which the format does not tell apart;
    where all are rectangles and some are turned, that is said. Poses, by the yaml's kpt_shape or told from their
    visibilities, are boxes, and their keypoints counted.
    A number behind a box, or behind the points of all polygons of the data set, is the `score` of a prediction.
    Vertices are the fractions times width and height of the image as shown, in float64.
    """

    with_masks = True


class YOLOBBoxParser(_YoloParser):
    """Reads the boxes of a YOLO data set, as YOLOSegParser reads its polygons; a polygon gives its tight box."""

    with_masks = False


def is_yolo(path: Path, img_dir: Path | None = None) -> bool:
    """True if a file or folder looks like a YOLO data set, by its data.yaml or by images that have label files.

    img_dir: the images, where they are not below `path`.
    """
    path = Path(path)
    try:
        if path.is_file():
            return path.suffix.lower() in (".yaml", ".yml", ".data") and bool(read_config(path).parts)
        if find_yaml(path) is not None:
            return True
        return bool(_first_lines(lay_out(path, img_dir, Findings(str(path), autofix=True))))
    except DataError:
        return False


def has_polygons(path: Path, img_dir: Path | None = None) -> bool:
    """True if any of the first labelled images has a polygon, so that YOLOSegParser is the one to read the data with.

    Raises DataError as `parse` does.
    """
    layout = lay_out(Path(path), None if img_dir is None else Path(img_dir), Findings(str(path), autofix=True))
    return any(line.kind != "box" for line in _first_lines(layout))


def _first_lines(layout: YoloLayout, images: int = 200) -> list[YoloLine]:
    lines: list[YoloLine] = []
    for image in [image for image in layout.images if image.label is not None][:images]:
        found = ReadImage(image=image)
        try:
            read_lines(found, layout.config.keypoints, {})
        except DataError:
            continue
        lines += found.lines
    return lines


__all__ = ["UNLABELLED", "YOLOBBoxParser", "YOLOSegParser", "YoloConfig", "has_polygons", "is_yolo"]
