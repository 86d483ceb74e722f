"""The real icevision 0.12.0 reads the projects that contorno writes, and gives the same boxes from VIA files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from contorno.geometry import Polygons
from contorno.images import write_image
from contorno.integrations.icevision import Mended
from contorno.parsers.via import via
from contorno.records import ClassMap, Instances, Record, Records
from contorno.splits import SingleSplitter
from contorno.writers.via import write_via

pytestmark = [pytest.mark.interop, pytest.mark.slow]


def test_boxes_are_those_of_icevisions_parser(tmp_path: Path, mended: Mended) -> None:
    from icevision import ClassMap as TheirClassMap
    from icevision.data import SingleSplitSplitter
    from icevision.parsers import via as their_via

    write_image(tmp_path / "a.png", np.zeros((40, 50, 3), dtype=np.uint8))
    polygon = Polygons((np.array([[3.25, 4], [30.5, 6], [12, 33.75]]),))
    boxes = np.array([[3, 4, 31, 34], [5, 6, 20.5, 30]])
    instances = Instances.build((40, 50), [1, 2], [polygon, None], boxes=boxes)
    record = Record(image_id="a.png", size_hw=(40, 50), instances=instances, path=tmp_path / "a.png")
    write_via(Records([record], ClassMap(["cat", "dog"])), tmp_path / "via.json", label_field="label")
    # icevision reads the export of annotations, which is one member of a project.
    project = json.loads((tmp_path / "via.json").read_text())
    (tmp_path / "export.json").write_text(json.dumps(project["_via_img_metadata"]))

    (theirs,) = their_via(tmp_path / "export.json", tmp_path, TheirClassMap(["cat", "dog"])).parse(
        SingleSplitSplitter()
    )
    (ours,) = via(tmp_path / "export.json", tmp_path, ClassMap(["cat", "dog"])).parse(SingleSplitter())
    found = [list(box.xyxy) for box in theirs[0].detection.bboxes]
    assert found == ours[0].instances.boxes.tolist() == [[3.25, 4, 30.5, 33.75], [5, 6, 20.5, 30]]
    assert theirs[0].detection.label_ids == ours[0].instances.labels.tolist()
