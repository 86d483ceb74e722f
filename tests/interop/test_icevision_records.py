"""Records to the real icevision and back: nothing is lost."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from contorno import masks
from contorno.dataset import Dataset
from contorno.errors import ConfigError, DataError
from contorno.geometry import Polygons, RunLength
from contorno.images import write_image
from contorno.integrations.icevision import Mended, dataset, from_icevision, predictions_from_icevision, to_icevision
from contorno.records import ClassMap, Instances, Record, Records
from contorno.tfms import A
from tiny import disc
from tiny_icevision import NUMPY_TWO, RING, SIZE, image_records

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.filterwarnings(NUMPY_TWO)]

TRIANGLES = Polygons((np.array([[3.25, 4], [30.5, 6], [12, 33.75]]), np.array([[40.0, 5], [60, 5.125], [50, 20]])))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("records")


@pytest.fixture(scope="module")
def rich(folder: Path) -> Records:
    """Every kind of content that a contorno record can have."""
    path = folder / "a photo.png"
    write_image(path, np.zeros((*SIZE, 3), np.uint8))
    full = Instances.build(
        SIZE,
        [2, 1, 1],
        [TRIANGLES, masks.encode(RING), masks.encode(np.zeros(SIZE, np.uint8))],
        boxes=[[3.25, 4, 60, 33.75], [28, 12, 52, 36], [0.1, 0.2, 0.3, 0.4]],
        is_crowd=[False, True, False],
        areas=[401.5, np.nan, 0.0],
        ids=["first", 7, 12],
        attributes=[{"occluded": True, "notes": ["x"]}, {}, {"score": 0.5}],
    )
    plain = Instances.build(SIZE, [1], [masks.encode(disc(SIZE, (20, 20), 9))])
    pixels = np.random.default_rng(0).integers(0, 255, (*SIZE, 3), dtype=np.uint8)
    return Records(
        [
            Record(image_id="a photo", size_hw=SIZE, instances=full, path=path, split="validation"),
            Record(image_id=2, size_hw=SIZE, instances=plain, image=pixels),
            Record(image_id=3, size_hw=SIZE, instances=Instances.build(SIZE), path=path),
            Record(image_id=4, size_hw=SIZE, instances=plain, path=path, image=pixels, split="train"),
        ],
        ClassMap(["hot dog", "Bun"], background="nothing"),
    )


def assert_same(found: Records, given: Records) -> None:
    """Everything of either is the same; arrays to the last bit."""
    assert found.class_map == given.class_map
    assert len(found) == len(given)
    for ours, theirs in zip(found, given, strict=True):
        for name in ("image_id", "size_hw", "path", "split"):
            assert getattr(ours, name) == getattr(theirs, name), name
        assert type(ours.image_id) is type(theirs.image_id)
        assert (ours.image is None) == (theirs.image is None)
        if theirs.image is not None:
            np.testing.assert_array_equal(ours.image, theirs.image)
        one, other = ours.instances, theirs.instances
        for name in ("labels", "boxes", "is_crowd", "areas"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), strict=True)
        assert one.geometries == other.geometries
        assert (one.ids, one.attributes) == (other.ids, other.attributes)


def test_to_icevision_and_back_loses_nothing(mended: Mended, rich: Records) -> None:
    assert_same(from_icevision(to_icevision(rich)), rich)


def test_box_only_records_come_back(mended: Mended, folder: Path) -> None:
    boxes = Instances.build(SIZE, [1, 1], None, boxes=[[1, 2, 30, 40], [0.5, 0.25, 9, 9]], areas=[7, np.nan])
    path = folder / "boxes.png"
    write_image(path, np.zeros((*SIZE, 3), np.uint8))
    given = Records([Record(image_id=9, size_hw=SIZE, instances=boxes, path=path)], ClassMap(["a"]))
    [theirs] = to_icevision(given)
    assert not hasattr(theirs.detection, "masks")
    assert theirs.detection.areas == [7.0, 8.5 * 8.75]
    assert_same(from_icevision([theirs]), given)


def test_icevision_sees_the_same_objects(mended: Mended, rich: Records) -> None:
    theirs = to_icevision(rich)
    first = theirs[0].load().detection
    assert first.class_map.get_classes() == ["nothing", "hot dog", "Bun"]
    assert (first.label_ids, first.labels) == ([2, 1, 1], ["Bun", "hot dog", "hot dog"])
    assert first.iscrowds == [0, 1, 0]
    assert first.areas == [401.5, float(RING.sum()), 0.0]
    np.testing.assert_array_equal(first.mask_array.data, masks.decode_stack(rich[0].instances.run_lengths(), SIZE))
    assert isinstance(theirs[0].detection.masks[0], mended.ice.Polygon)
    # The third has no objects, and is a sample like any other.
    sample = mended.ice.Dataset(theirs, mended.ice.tfms.A.Adapter(mended.ice.tfms.A.resize_and_pad(64)))[2]
    assert (sample.img.shape, len(sample.detection.bboxes)) == ((64, 64, 3), 0)
    # The fourth keeps its pixels rather than those of the file.
    np.testing.assert_array_equal(np.array(theirs[3].load().img), rich[3].image)


def test_records_survive_pickling_and_copying(mended: Mended, rich: Records) -> None:
    theirs = to_icevision(rich)
    assert_same(from_icevision(pickle.loads(pickle.dumps(theirs))), rich)
    assert_same(from_icevision(copy.deepcopy(theirs)), rich)


def test_loaded_records_come_back_with_their_pixels(mended: Mended, rich: Records) -> None:
    loaded = from_icevision([record.load() for record in to_icevision(rich)])
    assert loaded[0].path == rich[0].path
    np.testing.assert_array_equal(loaded[0].image, np.zeros((*SIZE, 3), np.uint8))
    assert loaded[0].instances.geometries == rich[0].instances.geometries


def test_ids_and_attributes_go_where_their_objects_go(mended: Mended, rich: Records) -> None:
    ice = mended.ice
    crop = ice.tfms.A.Crop(x_min=0, y_min=0, x_max=30, y_max=48)
    [sample] = [ice.Dataset(to_icevision(rich[:1]), ice.tfms.A.Adapter([crop]))[0]]
    back = from_icevision([sample])[0]
    # albumentations leaves the third out: its box is narrower than a pixel; the pixels of the ring reach column 28.
    assert back.instances.ids is not None
    kept = list(back.instances.ids)
    assert kept == [note.annotation_id for note in sample.detection.notes]
    assert kept[:2] == ["first", 7]
    assert back.size_hw == (48, 30)
    assert back.image is not None
    whole = masks.decode_stack(rich[0].instances.run_lengths(), SIZE)
    np.testing.assert_array_equal(masks.decode(back.instances.run_lengths()[1]), whole[1][:, :30])


def test_every_form_of_mask_keeps_its_pixels(mended: Mended, folder: Path) -> None:
    ice = mended.ice
    pair = np.stack([disc(SIZE, (20, 20), 9), RING])
    both = pair[0] + 2 * (pair[1] * (1 - pair[0]))
    Image.fromarray(both.astype(np.uint8)).save(folder / "ids.png")
    separate = np.stack([both == 1, both == 2]).astype(np.uint8)
    counts = [ice.MaskArray(mask).to_coco_rle(*SIZE)[0]["counts"] for mask in pair]
    kaggle = ice.RLE.from_kaggle([1 + 5 * 48, 20])
    forms: list[tuple[list[Any], Any]] = [
        ([ice.MaskArray(pair)], pair),
        ([ice.MaskArray(pair[0]), ice.MaskArray(pair[1])], pair),
        ([ice.MaskArray(pair).to_erles(*SIZE)], pair),
        ([ice.RLE.from_coco(one) for one in counts], pair),
        ([ice.MaskFile(folder / "ids.png")], separate),
    ]
    for parts, expected in forms:
        record = instance_record(mended, folder, [1, 2], parts)
        found = from_icevision([record])[0].instances
        assert all(isinstance(geometry, RunLength) for geometry in found.geometries)
        np.testing.assert_array_equal(masks.decode_stack(found.run_lengths(), SIZE), expected)
    [one] = from_icevision([instance_record(mended, folder, [1], [kaggle])])
    assert np.flatnonzero(masks.decode(one.instances.run_lengths()[0]).ravel(order="F")).tolist() == list(
        range(240, 260)
    )


def instance_record(mended: Mended, folder: Path, labels: list[int], parts: list[Any]) -> Any:
    ice = mended.ice
    record = ice.InstanceSegmentationRecord()
    record.set_record_id(1)
    record.set_filepath(folder / "a photo.png")
    record.set_img_size(ice.ImgSize(width=SIZE[1], height=SIZE[0]), original=True)
    record.detection.set_class_map(ice.ClassMap(["a", "b"]))
    record.detection.add_labels_by_id(labels)
    record.detection.add_masks(parts)
    record.detection.add_bboxes([ice.BBox.from_xyxy(0, 0, 64, 48) for _ in labels])
    return record


def test_mask_that_icevision_cannot_draw_is_named(mended: Mended, folder: Path) -> None:
    record = instance_record(mended, folder, [1], [mended.ice.Polygon([[4, 5, 10, 3]])])
    with pytest.raises(TypeError):
        record.load()
    with pytest.raises(DataError, match=r"image 1: a Polygon of the record of icevision cannot be drawn \("):
        from_icevision([record])


def test_gaps_in_icevisions_class_map_are_closed(mended: Mended, folder: Path) -> None:
    ice = mended.ice
    record = instance_record(mended, folder, [], [])
    record.detection.set_class_map(ice.ClassMap(["background", "person", None, None, "hot dog"]))
    record.detection.set_labels_by_id([4, 1])
    record.detection.set_masks([ice.MaskArray(np.stack([RING, RING]))])
    record.detection.set_bboxes([ice.BBox.from_xyxy(0, 0, 64, 48)] * 2)
    found = from_icevision([record])
    assert found.class_map.names == ("person", "hot dog")
    assert found[0].instances.labels.tolist() == [2, 1]
    renumbered = from_icevision([record], ClassMap(["HOT DOG", "other", "person"]))
    assert renumbered[0].instances.labels.tolist() == [1, 3]


def test_class_map_without_background_starts_at_one(mended: Mended, folder: Path) -> None:
    record = instance_record(mended, folder, [], [])
    record.detection.set_class_map(mended.ice.ClassMap(["a", "b"], background=None))
    record.detection.set_labels_by_id([0])
    record.detection.set_masks([mended.ice.MaskArray(RING)])
    found = from_icevision([record])
    assert (found.class_map.names, found[0].instances.labels.tolist()) == (("a", "b"), [1])


def test_predictions_become_contornos(mended: Mended, folder: Path) -> None:
    from icevision.data.prediction import Prediction

    ice = mended.ice
    pred = ice.BaseRecord(
        (
            ice.ScoresRecordComponent(),
            ice.ImageRecordComponent(),
            ice.InstancesLabelsRecordComponent(),
            ice.BBoxesRecordComponent(),
            ice.InstanceMasksRecordComponent(),
        )
    )
    pred.detection.set_class_map(ice.ClassMap(["a", "b"]))
    pred.detection.set_labels_by_id(np.array([2]))
    pred.detection.set_scores(np.array([0.75], np.float32))
    pred.detection.set_bboxes([ice.BBox.from_xyxy(*np.array([1, 2, 30, 40], np.float32))])
    pred.detection.set_mask_array(ice.MaskArray(RING))
    given = Prediction(pred=pred, ground_truth=instance_record(mended, folder, [], []))
    [found] = predictions_from_icevision([given])
    assert (found.image_id, found.size_hw) == (1, SIZE)
    assert (found.labels.tolist(), found.scores.tolist()) == ([2], [0.75])
    assert found.boxes.tolist() == [[1, 2, 30, 40]]
    assert found.masks is not None
    np.testing.assert_array_equal(masks.decode(found.masks[0]), RING)
    with pytest.raises(ConfigError, match="predictions; give them to predictions_from_icevision"):
        from_icevision([given])


def test_mixed_masks_and_boxes_are_refused(mended: Mended) -> None:
    mixed = Instances.build(SIZE, [1, 1], [masks.encode(RING), None], boxes=[[0, 0, 5, 5], [1, 1, 9, 9]])
    image = np.zeros((*SIZE, 3), np.uint8)
    given = Records([Record(image_id="m", size_hw=SIZE, instances=mixed, image=image)], ClassMap(["a"]))
    with pytest.raises(ConfigError, match="image m: some of its objects have a mask and some a box only"):
        to_icevision(given)


def test_faults_of_a_record_are_named(mended: Mended, folder: Path) -> None:
    ice = mended.ice
    with pytest.raises(DataError, match="image 1: the record of icevision has 1 masks for 2 labels"):
        from_icevision([instance_record(mended, folder, [1, 2], [ice.MaskArray(RING)])])
    unnamed = instance_record(mended, folder, [1], [ice.MaskArray(RING)])
    unnamed.detection.set_class_map(None)
    with pytest.raises(DataError, match=r"image 1: .* labels and no class map; give class_map"):
        from_icevision([unnamed])
    assert from_icevision([unnamed], ClassMap(["a"]))[0].instances.labels.tolist() == [1]
    with pytest.raises(DataError, match="image 1: an object has the class 'a'; the class map has: c"):
        from_icevision([instance_record(mended, folder, [1], [ice.MaskArray(RING)])], ClassMap(["c"]))
    with pytest.raises(DataError, match="not one of detection or instance segmentation; it has: common, segmentation"):
        from_icevision([semantic(mended, folder)])
    normalized = ice.Dataset(
        [instance_record(mended, folder, [1], [ice.MaskArray(RING)])],
        ice.tfms.A.Adapter([ice.tfms.A.HorizontalFlip(p=0), ice.tfms.A.Normalize()]),
    )[0]
    with pytest.raises(DataError, match=r"image 1: its pixels are float32 .* records rather than samples"):
        from_icevision([normalized])


def semantic(mended: Mended, folder: Path) -> Any:
    record = mended.ice.SemanticSegmentationRecord()
    record.set_filepath(folder / "a photo.png")
    record.set_img_size(mended.ice.ImgSize(width=64, height=48))
    return record


def test_dataset_of_icevisions_records_gives_the_samples_of_ours(mended: Mended, tmp_path: Path) -> None:
    given = image_records(tmp_path)
    pipeline = [*A.resize_and_pad(96), A.Normalize()]
    theirs = mended.ice.Dataset(to_icevision(given), mended.ice.tfms.A.Adapter(pipeline))
    expected = Dataset(given, A.Adapter(pipeline))
    for made in (
        dataset(to_icevision(given), A.Adapter(pipeline)),
        dataset(to_icevision(given), mended.ice.tfms.A.Adapter(pipeline)),
        dataset(theirs),
        Dataset(to_icevision(given), A.Adapter(pipeline)),
        Dataset(to_icevision(given), theirs.tfm),
        Dataset(theirs),
    ):
        assert len(made) == 4
        for index in range(4):
            one, other = made[index], expected[index]
            np.testing.assert_array_equal(one.image, other.image)
            np.testing.assert_array_equal(one.masks, other.masks)
            np.testing.assert_array_equal(one.boxes, other.boxes)
            assert one.frame == other.frame
