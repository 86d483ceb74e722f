"""Records as data sets of the real imantics 0.1.12, and the other way round."""

from __future__ import annotations

import json
from pathlib import Path

import imantics
import numpy as np
import pytest

from contorno import masks
from contorno.errors import ConfigError, DataError
from contorno.geometry import Polygons
from contorno.images import write_image
from contorno.integrations.imantics import from_imantics, to_imantics
from contorno.records import ClassMap, Instances, Record, Records
from tiny import disc, disc_records

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SIZE = (48, 64)
RING = disc(SIZE, (40, 24), 12) & (1 - disc(SIZE, (40, 24), 5))
TRIANGLE = Polygons((np.array([[3.25, 4], [30.5, 6], [12, 33.75]]), np.array([[40.0, 5], [60, 5.125], [50, 20]])))


@pytest.fixture
def rich(tmp_path: Path) -> Records:
    """Every kind of content that a record on disk can have."""
    path = tmp_path / "a.png"
    write_image(path, np.zeros((*SIZE, 3), np.uint8))
    full = Instances.build(
        SIZE,
        [2, 1, 1],
        [TRIANGLE, masks.encode(RING), None],
        boxes=[[3.25, 4, 60, 33.75], [28, 12, 52, 36], [0.5, 1.25, 30.75, 40]],
        is_crowd=[False, True, False],
        areas=[401.5, np.nan, 7],
        ids=["first", 7, 12],
        attributes=[{"occluded": True}, {}, {"score": 0.5}],
    )
    plain = Instances.build(SIZE, [1], [masks.encode(RING)])
    return Records(
        [
            Record(image_id="a", size_hw=SIZE, instances=full, path=path, split="validation"),
            Record(image_id=5, size_hw=SIZE, instances=Instances.build(SIZE), path=path),
            Record(image_id=6, size_hw=SIZE, instances=plain, path=path),
        ],
        ClassMap(["hot dog", "Bun", "unused"], background="nothing"),
    )


def test_to_imantics_and_back_loses_nothing(rich: Records) -> None:
    found = from_imantics(to_imantics(rich))
    assert found.class_map == rich.class_map
    assert len(found) == 3
    for ours, theirs in zip(found, rich, strict=True):
        for name in ("image_id", "size_hw", "path", "split"):
            assert getattr(ours, name) == getattr(theirs, name)
        one, other = ours.instances, theirs.instances
        for name in ("labels", "boxes", "is_crowd", "areas"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), strict=True)
        assert one.geometries == other.geometries
        assert (one.ids, one.attributes) == (other.ids, other.attributes)


def test_imantics_sees_the_same_objects(rich: Records) -> None:
    made = to_imantics(rich)
    [first, empty, last] = made.iter_images()
    assert (first.width, first.height, first.file_name) == (64, 48, "a.png")
    annotations = list(first.iter_annotations())
    assert [annotation.category.name for annotation in annotations] == ["Bun", "hot dog", "hot dog"]
    np.testing.assert_array_equal(annotations[1].mask.array, RING)
    assert list(empty.iter_annotations()) == []
    [ring] = last.iter_annotations()
    assert ring.area == RING.sum()
    document = json.loads(json.dumps(made.coco()["categories"]))
    assert [(row["id"], row["name"]) for row in document] == [(1, "hot dog"), (2, "Bun"), (3, "unused")]
    assert [row["id"] for row in made.coco()["annotations"]] == [1, 2, 3, 4]


def test_data_sets_do_not_share_their_contents(rich: Records) -> None:
    """imantics keeps images, annotations and categories of all data sets in dicts of the class."""
    one, other = to_imantics(rich), to_imantics(rich[:1])
    assert (len(one.images), len(other.images)) == (3, 1)
    assert imantics.Dataset.images == {}


def test_images_made_by_imantics_become_records(tmp_path: Path) -> None:
    write_image(tmp_path / "b.png", np.zeros((*SIZE, 3), np.uint8))
    image = imantics.Image.from_path(str(tmp_path / "b.png"))
    image.id = 3
    image.add(imantics.Mask(RING), category=imantics.Category("Hot dog"))
    image.add(imantics.BBox((1, 2, 30, 40)), category=imantics.Category("hot dog"))
    image.add(imantics.Polygons([[3, 4, 30, 6, 12, 33]]), category=imantics.Category("bun"))
    for given in (image, [image]):
        [found] = from_imantics(given)
        assert (found.image_id, found.size_hw, found.path) == (3, SIZE, tmp_path / "b.png")
        assert found.instances.labels.tolist() == [1, 1, 2]
        assert found.instances.geometries == (
            masks.encode(RING),
            None,
            Polygons((np.array([[3.0, 4], [30, 6], [12, 33]]),)),
        )
        # imantics's own box of the ring is 28, 12, 51, 35: its last row and column are left out.
        assert found.instances.boxes.tolist() == [[28, 12, 52, 36], [1, 2, 30, 40], [3, 4, 30, 32]]
        assert image.annotations[1].bbox.bbox() == (28, 12, 51, 35)


def test_coco_read_by_imantics_becomes_records(tmp_path: Path) -> None:
    write_image(tmp_path / "b.png", np.zeros((*SIZE, 3), np.uint8))
    document = {
        "images": [{"id": 1, "file_name": "b.png", "width": 64, "height": 48}],
        "categories": [{"id": 4, "name": "bun"}],
        "annotations": [{"id": 9, "image_id": 1, "category_id": 4, "segmentation": [[3, 4, 30, 6, 12, 33.5]]}],
    }
    data = imantics.Dataset("mine")
    data.images, data.annotations, data.categories = {}, {}, {}
    for row in document["images"]:
        data.add(imantics.Image.from_coco(row, dataset=data))
    [row] = document["annotations"]
    category = imantics.Category.from_coco(document["categories"][0])
    data.add(imantics.Annotation(data.images[1], category, polygons=row["segmentation"], metadata={}))
    [found] = from_imantics(data, ClassMap(["BUN"]), img_dir=tmp_path)
    assert found.path == tmp_path / "b.png"
    assert found.instances.geometries == (Polygons((np.array([[3.0, 4], [30, 6], [12, 33.5]]),)),)


def test_faults_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="image 1: its pixels are in memory, and imantics keeps a path only"):
        to_imantics(disc_records(1))
    image = imantics.Image(width=64, height=48, id=2)
    with pytest.raises(DataError, match="image 2: imantics has no path of it"):
        from_imantics(image)
    image.path = "b.png"
    image.add(imantics.Polygons([[3, 4, 30, 6]]), category=imantics.Category("bun"))
    with pytest.raises(DataError, match="image 2: a polygon of annotation 1 has 4 numbers; expected x, y"):
        from_imantics(image)
    other = imantics.Image(width=64, height=48, id=2, path="b.png")
    annotation = imantics.Annotation(
        category=imantics.Category("bun"), mask=imantics.Mask(np.ones((4, 6))), metadata={}
    )
    other.add(annotation)
    with pytest.raises(DataError, match=r"image 2: the mask of annotation 1 is \(4, 6\) \(height, width\)"):
        from_imantics(other)
