"""Files for deployment, each held against the eager model on real images before it is called done."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from contorno import files, images
from contorno.errors import ExportError
from contorno.masks import MASK_THRESHOLD
from contorno.models.torchvision import network
from contorno.runs import Run

BOX_TOLERANCE_PX = 0.05
SCORE_TOLERANCE = 1e-3
MASK_IOU_TOLERANCE = 0.99
"""How far an exported model's boxes, scores and masks may be from the eager model's, at the worst object."""

SIZES_HW = ((96, 128), (333, 257))
"""Beside the images as they are, each is tried cut to these sizes: an exported model takes any size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """How one exported file compares with the eager model, over all images tried; the worst object counts.

    boxes_px, scores: largest absolute differences.   mask_iou: smallest IoU of two masks at the mask threshold, 1
    without any.
    """

    file: str
    images: int
    objects: int
    empty_images: int
    boxes_px: float
    scores: float
    mask_iou: float
    labels_equal: bool

    @property
    def holds(self) -> bool:
        """True if every difference is within the tolerances."""
        return (
            self.labels_equal
            and self.boxes_px <= BOX_TOLERANCE_PX
            and self.scores <= SCORE_TOLERANCE
            and self.mask_iou >= MASK_IOU_TOLERANCE
        )


def export(run: Run, samples: Sequence[Path | NDArray[np.uint8]], *, model: nn.Module | None = None) -> dict[str, Any]:
    """Write `jit-model.pt` from a run's weights and prove `model.pth`, `labels.txt` and it on real images.

    samples: image files or uint8 (H, W, 3) RGB arrays; an empty picture and two cut sizes are tried as well.
    model:   the model in memory that the files have to equal, such as the one that was trained and measured; without
             one, `model.pth` is taken at its word.
    The certificate (also written as `certificate.json`) has a row for each file: the state dict in a plain torchvision
    model built anew, and the TorchScript file loaded back. Both take RGB float 0..1 of any size and give
    boxes, labels, scores and masks (N, 1, H, W) of probabilities at the image's own size.
    Raises ExportError, and leaves neither `jit-model.pt` nor a certificate, if a file differs from the eager model
    beyond the tolerances.
    """
    # What stands here was made of other weights, or will be the same again.
    run.script_path.unlink(missing_ok=True)
    run.certificate_path.unlink(missing_ok=True)
    card = run.card()
    names = run.labels_path.read_text(encoding="utf-8").splitlines()
    if names != list(card["classes"]):
        raise ExportError(
            f"{run.labels_path} names {', '.join(names)} and {run.card_path.name} {', '.join(card['classes'])}; put "
            "back the file that was changed. Nothing was exported."
        )
    size = int(card["image_size"])
    kept = run.load_model()
    eager = network.export_model(kept if model is None else model, size=size).cpu()
    inputs = _inputs(samples)
    expected = _outputs(eager, inputs)

    fresh = network.export_model(kept, size=size).requires_grad_(False)
    del eager, kept  # each holds all weights
    rows = [_checked(run, _compare("model.pth", expected, _outputs(fresh, inputs)))]
    script = io.BytesIO()
    with warnings.catch_warnings():
        # torch.jit says that it is deprecated; it is what runs a Mask R-CNN without Python all the same.
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(fresh), script)
        loaded = torch.jit.load(io.BytesIO(script.getvalue()))  # type: ignore[no-untyped-call]
    rows.append(_checked(run, _compare("jit-model.pt", expected, _outputs(loaded, inputs))))
    files.write_bytes(run.script_path, script.getvalue())

    certificate = {
        "holds": True,
        "tolerances": {"boxes_px": BOX_TOLERANCE_PX, "scores": SCORE_TOLERANCE, "mask_iou": MASK_IOU_TOLERANCE},
        "files": [asdict(row) | {"holds": row.holds} for row in rows],
        "labels": {"file": "labels.txt", "classes": names, "equal_to_model_json": True},
    }
    files.write_json(run.certificate_path, certificate, indent=2)
    return certificate


def _checked(run: Run, row: Parity) -> Parity:
    if not row.holds:
        raise ExportError(
            f"{row.file} of {run.folder} does not equal the eager model: boxes differ by {row.boxes_px:.3g} px, scores "
            f"by {row.scores:.3g}, masks overlap by {row.mask_iou:.3g}, labels are "
            f"{'equal' if row.labels_equal else 'others'}. Nothing was exported; train again, or report it with the "
            "versions in model.json."
        )
    return row


def sample_paths(run: Run, count: int = 8) -> list[Path]:
    """Up to `count` images of the run's validation split, spread over it."""
    records = run.read_split("validation")
    step = max(len(records) // count, 1)
    return [record.path for record in list(records)[::step][:count] if record.path is not None]


def certificate_table(certificate: dict[str, Any]) -> str:
    """The certificate as text, a line for each file."""
    lines = [f"{'file':<14}{'images':>7}{'objects':>9}{'box px':>10}{'score':>10}{'mask IoU':>10}  equal"]
    lines += [
        f"{row['file']:<14}{row['images']:>7}{row['objects']:>9}{row['boxes_px']:>10.2g}{row['scores']:>10.2g}"
        f"{row['mask_iou']:>10.4f}  {'yes' if row['holds'] else 'NO'}"
        for row in certificate["files"]
    ]
    return "\n".join(lines)


def _inputs(samples: Sequence[Path | NDArray[np.uint8]]) -> list[Tensor]:
    arrays = [images.read_image(item) if isinstance(item, Path | str) else item for item in samples]
    made = list(arrays)
    for height, width in SIZES_HW:
        made += [array[:height, :width] for array in arrays[:1]]
    made.append(np.full((120, 160, 3), 127, dtype=np.uint8))  # nothing to find: the empty result must work too
    return [torch.from_numpy(np.ascontiguousarray(a)).permute(2, 0, 1).float() / 255 for a in made]  # (3, H, W)


def _outputs(model: nn.Module, inputs: Sequence[Tensor]) -> list[dict[str, Tensor]]:
    found = []
    with torch.no_grad(), warnings.catch_warnings():
        # A scripted torchvision detector says this in each process, to tell its makers' users of its form of output.
        warnings.filterwarnings("ignore", message="RCNN always returns a \\(Losses, Detections\\) tuple in scripting")
        for image in inputs:
            result: Any = model([image])
            # A scripted detector returns (losses, detections); the eager one only the detections.
            found.append((result[1] if isinstance(result, tuple) else result)[0])
    return found


def _compare(file: str, expected: Sequence[dict[str, Tensor]], found: Sequence[dict[str, Tensor]]) -> Parity:
    boxes = scores = 0.0
    mask_iou, labels_equal = 1.0, True
    for one, other in zip(expected, found, strict=True):
        if not torch.equal(one["labels"], other["labels"]):
            labels_equal = False
            continue
        if len(one["labels"]):
            boxes = max(boxes, _largest_difference(one["boxes"], other["boxes"]))
            scores = max(scores, _largest_difference(one["scores"], other["scores"]))
        if len(one["labels"]) and "masks" in one:
            a, b = one["masks"] > MASK_THRESHOLD, other["masks"] > MASK_THRESHOLD
            union = (a | b).flatten(1).sum(1)
            iou = torch.where(union > 0, (a & b).flatten(1).sum(1) / union.clamp(min=1), torch.ones(()))
            mask_iou = min(mask_iou, float(iou.min()))
    return Parity(
        file=file,
        images=len(expected),
        objects=sum(len(one["labels"]) for one in expected),
        empty_images=sum(len(one["labels"]) == 0 for one in expected),
        boxes_px=boxes,
        scores=scores,
        mask_iou=mask_iou,
        labels_equal=labels_equal,
    )


def _largest_difference(one: Tensor, other: Tensor) -> float:
    largest = float((one - other).abs().max())
    # max() would pass over a NaN, and the certificate hold.
    return math.inf if math.isnan(largest) else largest
