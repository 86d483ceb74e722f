"""icevision's and torchvision's own readers of PASCAL VOC beside contorno's, on the same files."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from torchvision.datasets import VOCDetection, VOCSegmentation

import tiny
from contorno import masks
from contorno.images import write_image
from contorno.integrations.icevision import Mended
from contorno.parsers.voc import VOCBBoxParser, VOCMaskParser
from contorno.parsers.voc_pictures import read_indices, write_indices
from contorno.records import ClassMap, Instances, Record, Records
from contorno.splits import SingleSplitter
from contorno.writers.voc import write_voc
from tiny import disc

pytestmark = [
    pytest.mark.interop,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
]

SIZE = (48, 64)
OBJECTS = [(1, disc(SIZE, (16, 20), 9)), (2, disc(SIZE, (44, 24), 12)), (1, disc(SIZE, (30, 42), 4))]


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    """The root of two images with three objects, and of one without, as contorno writes them."""
    made = [tiny.record("a", SIZE, OBJECTS), tiny.record("b", SIZE, OBJECTS[:1]), tiny.record("c", SIZE, [])]
    root = tmp_path / "VOCdevkit" / "VOC2012"
    written = write_voc({"train": Records(made, ClassMap(["disc", "other"]))}, root)
    assert written.lossless
    return root


def test_icevision_reads_the_same_classes_and_boxes_but_from_pixel_one(mended: Mended, voc: Path) -> None:
    ice = mended.ice
    theirs = ice.parsers.VOCBBoxParser(
        annotations_dir=voc / "Annotations", images_dir=voc / "JPEGImages", class_map=ice.ClassMap(["disc", "other"])
    )
    [found] = theirs.parse(ice.SingleSplitSplitter(), show_pbar=False)
    (ours,) = VOCBBoxParser(voc).parse(SingleSplitter())
    (as_written,) = VOCBBoxParser(voc, one_based=False).parse(SingleSplitter())
    by_id = {record.record_id: record for record in found}
    assert sorted(by_id) == ["a", "b", "c"]
    for one, other in zip(ours, as_written, strict=True):
        record = by_id[one.image_id]
        assert record.detection.label_ids == one.instances.labels.tolist()
        assert Path(record.filepath) == one.path
        # It takes the numbers as they stand, which in VOC count from 1.
        assert [list(box.xyxy) for box in record.detection.bboxes] == other.instances.boxes.tolist()
        assert (other.instances.boxes - one.instances.boxes).tolist() == [[1, 1, 0, 0]] * len(one.instances)


def test_icevision_loses_the_last_mask_where_there_is_no_void_and_reads_the_same_with_it(
    mended: Mended, voc: Path
) -> None:
    ice = mended.ice
    (ours,) = VOCMaskParser(voc).parse(SingleSplitter())
    expected = masks.decode_stack(ours[0].instances.run_lengths(), SIZE)
    path = voc / "SegmentationObject" / "a.png"
    stack = ice.core.VocMaskFile(path).to_mask(*SIZE).data
    assert len(stack) == 2
    numbers = read_indices(path).indices.astype(np.uint8)
    numbers[47, 63] = 255
    write_indices(path, numbers)
    np.testing.assert_array_equal(ice.core.VocMaskFile(path).to_mask(*SIZE).data, expected)
    (again,) = VOCMaskParser(voc).parse(SingleSplitter())
    assert again[0].instances.run_lengths() == ours[0].instances.run_lengths()


def test_torchvision_finds_every_part_of_what_is_written(voc: Path) -> None:
    root = voc.parent.parent
    for stem in "abc":  # torchvision asks for JPEGs
        write_image(voc / "JPEGImages" / f"{stem}.jpg", np.zeros((*SIZE, 3), dtype=np.uint8))
    detection = VOCDetection(str(root), year="2012", image_set="train")
    assert len(detection) == 3
    image, target = detection[0]
    annotation = target["annotation"]
    assert image.size == (64, 48)
    assert [found["name"] for found in annotation["object"]] == ["disc", "other", "disc"]
    assert annotation["object"][0]["bndbox"] == {"xmin": "8", "ymin": "12", "xmax": "25", "ymax": "29"}
    assert annotation["object"][0]["difficult"] == "0"
    segmentation = VOCSegmentation(str(root), year="2012", image_set="train")
    _, classes = segmentation[0]
    for label in (1, 2):
        union = np.any([mask for found, mask in OBJECTS if found == label], axis=0)
        np.testing.assert_array_equal(np.array(classes) == label, union)


def test_xml_is_what_the_standard_librarys_reader_reads(tmp_path: Path) -> None:
    name = "R&D <\"quoted\"> 'é'"
    instances = Instances.build((4, 4), [1], boxes=[[0, 0, 2, 2]], attributes=[{"note": name}])
    record = Record(image_id="a", size_hw=(4, 4), instances=instances, image=np.zeros((4, 4, 3), dtype=np.uint8))
    write_voc(Records([record], ClassMap([name])), tmp_path)
    root = ElementTree.parse(tmp_path / "Annotations" / "a.xml").getroot()
    assert root.findtext("object/name") == name
    (back,) = VOCBBoxParser(tmp_path).parse(SingleSplitter())
    assert back.class_map.names == (name,)
    assert back[0].instances.attributes is not None
    assert back[0].instances.attributes[0]["note"] == name
