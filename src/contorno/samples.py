"""What a model is trained on, and what it finds: samples, their frames, predictions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from contorno.class_map import ClassMap
from contorno.detections import Detection, ImageWords, boxes_of
from contorno.errors import DataError
from contorno.masks import RunLength, Size
from contorno.records import ImageId, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """How a sample's pixels lie on the original image: `x_sample = x_original * scale + offset`, the same for y.

    scale_xy, offset_xy: of the whole image.   original_hw, sample_hw: sizes (height, width).
    """

    scale_xy: tuple[float, float]
    offset_xy: tuple[float, float]
    original_hw: Size
    sample_hw: Size

    def boxes_to_original(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map xyxy boxes (N, 4) from the sample to the original image and clip them to it."""
        scale = np.array(self.scale_xy * 2, dtype=np.float64)
        offset = np.array(self.offset_xy * 2, dtype=np.float64)
        height, width = self.original_hw
        mapped = (np.asarray(boxes, dtype=np.float64).reshape(-1, 4) - offset) / scale
        return np.clip(mapped, 0.0, np.array([width, height, width, height])).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """A record after its transforms: what a model is trained on.

    image:    uint8 (H, W, 3) RGB, or float32 if the pipeline ended in Normalize.
    boxes:    float32 (N, 4) xyxy pixels of this image, tight around the masks where there are masks.
    labels:   int64 (N,).     is_crowd: bool (N,).
    masks:    uint8 (N, H, W), 0 or 1; None for box-only data.
    frame:    how these pixels lie on the original, or None if the transforms cannot be undone by scale and shift.
    """

    image: NDArray[Any]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    is_crowd: NDArray[np.bool_]
    masks: NDArray[np.uint8] | None
    record: Record
    frame: Frame | None
    class_map: ClassMap

    @property
    def normalized(self) -> bool:
        """True if the pipeline ended in Normalize."""
        return self.image.dtype != np.uint8

    def info(self) -> SampleInfo:
        """The sample without its arrays."""
        height, width = self.image.shape[:2]
        return SampleInfo(record=self.record, frame=self.frame, size_hw=(height, width))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SampleInfo:
    """Where a sample of a batch came from; `frame` is None if it cannot be mapped back to the original image."""

    record: Record
    frame: Frame | None
    size_hw: Size


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prediction(ImageWords):
    """What a model found in one image, best score first.

    size_hw:  size of the image that boxes and masks lie in: the original image (or the sample, if its transforms
              cannot be undone; then `image` is that sample's image).
    labels:   int64 (N,).   scores: float32 (N,), 0..1.   boxes: float32 (N, 4) xyxy pixels.
    masks:    N run-length codes over the whole image, or None for a box model.
    """

    image_id: ImageId
    size_hw: Size
    labels: NDArray[np.int64]
    scores: NDArray[np.float32]
    boxes: NDArray[np.float32]
    masks: tuple[RunLength, ...] | None
    record: Record | None = None
    image: NDArray[Any] | None = None
    class_map: ClassMap | None = None

    def __post_init__(self) -> None:
        count = len(self.labels)
        mask_count = count if self.masks is None else len(self.masks)
        if not (len(self.scores) == len(self.boxes) == mask_count == count):
            raise DataError(
                f"image {self.image_id}: a prediction has {count} labels, {len(self.scores)} scores, "
                f"{len(self.boxes)} boxes and {mask_count} masks; expected one of each."
            )

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def pred(self) -> Prediction:
        """The prediction itself: IceVision puts what was found into a record of its own, `pred.pred`."""
        return self

    @property
    def ground_truth(self) -> Record | None:
        """`record`, under IceVision's name."""
        return self.record

    @property
    def img(self) -> NDArray[Any] | None:
        """`image`, under IceVision's name; there with `keep_images=True`."""
        return self.image

    @property
    def detection(self) -> Detection:
        """What was found, in IceVision's words."""
        return Detection(
            bboxes=boxes_of(self.boxes),
            label_ids=self.labels.tolist(),
            scores=self.scores,
            masks=self.masks,
            iscrowds=[False] * len(self),
            class_map=self.class_map,
        )

    def as_dict(self) -> dict[str, Any]:
        """IceVision's dict of a prediction: "common" (the image) and "detection" (see `Detection.as_dict`)."""
        common = {"record_id": self.image_id, "height": self.height, "width": self.width, "img": self.image}
        return {"common": common, "detection": self.detection.as_dict()}

    def above(self, threshold: float) -> Prediction:
        """Only what scores at least `threshold`."""
        keep = np.flatnonzero(self.scores >= threshold)
        chosen = None if self.masks is None else tuple(self.masks[i] for i in keep)
        return replace(self, labels=self.labels[keep], scores=self.scores[keep], boxes=self.boxes[keep], masks=chosen)
