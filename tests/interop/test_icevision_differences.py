"""The real icevision and contorno on the same file, weights and image: what is the same, and what differs on purpose.

The page "Coming from IceVision" lists the differences; each is held here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from contorno import masks
from contorno.errors import DataError
from contorno.integrations.icevision import Mended, from_icevision, predictions_from_icevision, to_icevision
from contorno.metrics import COCOMetric, COCOMetricType
from contorno.parsers import COCOMaskParser
from contorno.records import ClassMap, Record, Records
from contorno.splits import SingleSplitter
from contorno.tfms import A
from contorno.writers import write_coco
from tiny import disc
from tiny_icevision import NUMPY_TWO, RING, SIZE, ice_mask_rcnn, image_records

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.filterwarnings(NUMPY_TWO)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("differences")


@pytest.fixture(scope="module")
def records(folder: Path) -> Records:
    return image_records(folder)


@pytest.fixture(scope="module")
def coco(folder: Path, records: Records) -> Path:
    """The records as a COCO file of pixel-edge polygons, which both read."""
    return write_coco(records, folder / "coco.json", img_dir=folder, masks="pixel-edges").path


def theirs_of(mended: Mended, source: Path | dict[str, Any], folder: Path) -> Any:
    [found] = mended.ice.parsers.COCOMaskParser(source, folder).parse(mended.ice.SingleSplitSplitter(), show_pbar=False)
    return found


def test_parsers_records_are_the_same_but_for_the_images_without_objects(
    mended: Mended, coco: Path, folder: Path
) -> None:
    theirs = from_icevision(theirs_of(mended, coco, folder))
    [ours] = COCOMaskParser(coco, folder).parse(SingleSplitter())
    assert theirs.class_map == ours.class_map
    assert [record.image_id for record in ours] == [1, 2, 3, 4]
    assert [record.image_id for record in theirs] == [1, 2, 4]
    by_id = {record.image_id: record for record in ours}
    for record in theirs:
        same = by_id[record.image_id]
        assert (record.path, record.size_hw) == (same.path, same.size_hw)
        assert record.instances.geometries == same.instances.geometries
        for name in ("labels", "boxes", "areas", "is_crowd"):
            np.testing.assert_array_equal(getattr(record.instances, name), getattr(same.instances, name))


def both_samples(mended: Mended, record: Record, side: int) -> tuple[Any, Any]:
    """icevision's sample and contorno's, under resize_and_pad and Normalize."""
    ice = mended.ice
    class_map = ClassMap(["disc", "ring"])
    pipeline = [*ice.tfms.A.resize_and_pad(side), ice.tfms.A.Normalize()]
    theirs = ice.Dataset(to_icevision(Records([record], class_map)), ice.tfms.A.Adapter(pipeline))[0]
    return theirs, A.Adapter([*A.resize_and_pad(side), A.Normalize()])(record, class_map)


@pytest.mark.parametrize("side", [128, 96, 40])
def test_images_of_samples_are_the_same(mended: Mended, records: Records, side: int) -> None:
    theirs, ours = both_samples(mended, records[3], side)
    np.testing.assert_array_equal(theirs.img, ours.image)
    assert ours.image.dtype == np.float32


def test_masks_of_samples_are_the_same_at_whole_ratios(mended: Mended, records: Records) -> None:
    theirs, ours = both_samples(mended, records[3], 128)
    np.testing.assert_array_equal(theirs.detection.mask_array.data, ours.masks)
    assert theirs.detection.label_ids == ours.labels.tolist() == [1, 1, 2]


def test_masks_of_samples_are_taken_from_the_nearest_pixel_at_other_ratios(mended: Mended, records: Records) -> None:
    theirs, ours = both_samples(mended, records[3], 40)
    content = slice(5, 35)  # 64 x 48 becomes 40 x 30, padded to 40 x 40
    expected = np.stack([masks.resize(mask, (30, 40)) for mask in stack(records[3])])
    ours_off = (ours.masks[:, content] != expected).sum(axis=(1, 2))
    theirs_off = (theirs.detection.mask_array.data[:, content] != expected).sum(axis=(1, 2))
    # Pixel centres that lie on an edge may go either way.
    assert (ours_off <= 4).all()
    assert (theirs_off > 2 * ours_off + 4).all()


def stack(record: Record) -> Any:
    return masks.decode_stack(record.instances.run_lengths(), record.size_hw)


def test_boxes_of_samples_are_drawn_around_the_masks(mended: Mended, records: Records) -> None:
    theirs, ours = both_samples(mended, records[3], 40)
    moved = np.array([box.xyxy for box in theirs.detection.bboxes])
    assert np.abs(moved - ours.boxes).max() <= 1
    assert (ours.boxes == np.round(ours.boxes)).all()
    assert (moved != np.round(moved)).any()


def test_areas_of_the_truth_stay_those_of_the_original_image_in_icevision(mended: Mended, records: Records) -> None:
    theirs, _ = both_samples(mended, records[3], 128)
    pixels = theirs.detection.mask_array.data.sum(axis=(1, 2))
    assert pixels.tolist() == [4 * area for area in theirs.detection.areas]


def ice_predictions(mended: Mended, records: Records) -> list[Any]:
    """Predictions made of the truth: masks shifted by two pixels, scores that differ, and one object too many."""
    from icevision.data.prediction import Prediction

    ice = mended.ice
    made = []
    for record, theirs in zip(records, to_icevision(records), strict=True):
        shifted = np.roll(stack(record), 2, axis=2)
        shifted = np.concatenate([shifted, disc(SIZE, (10, 40), 4)[None]])
        boxes = masks.boxes(masks.encode_stack(shifted))
        labels = [*record.instances.labels.tolist(), 1]
        pred = ice.BaseRecord(
            (
                ice.ScoresRecordComponent(),
                ice.ImageRecordComponent(),
                ice.InstancesLabelsRecordComponent(),
                ice.BBoxesRecordComponent(),
                ice.InstanceMasksRecordComponent(),
            )
        )
        pred.detection.set_class_map(theirs.detection.class_map)
        pred.detection.set_labels_by_id(labels)
        pred.detection.set_scores(np.linspace(0.9, 0.4, len(labels)))
        pred.detection.set_bboxes([ice.BBox.from_xyxy(*box) for box in boxes.tolist()])
        pred.detection.set_mask_array(ice.MaskArray(shifted))
        made.append(Prediction(pred=pred, ground_truth=theirs.load()))
    return made


def ice_figures(mended: Mended, given: list[Any], **options: Any) -> dict[str, float]:
    metric = mended.ice.COCOMetric(mended.ice.COCOMetricType.mask, **options)
    metric.accumulate(given)
    return {name: float(value) for name, value in metric.finalize().items()}


def figures(records: Records, given: list[Any], **options: Any) -> dict[str, float]:
    metric = COCOMetric(COCOMetricType.mask, **options)
    for record, prediction in zip(records, predictions_from_icevision(given), strict=True):
        metric.accumulate(record, prediction)
    return metric.finalize(records.class_map).figures


def test_mask_ap_of_the_same_predictions_is_the_same(mended: Mended, records: Records) -> None:
    theirs = ice_figures(mended, ice_predictions(mended, records))
    ours = figures(records, ice_predictions(mended, records))
    names = {
        "mask_ap": "AP (IoU=0.50:0.95) area=all",
        "mask_ap50": "AP (IoU=0.50) area=all",
        "mask_ap75": "AP (IoU=0.75) area=all",
        "mask_ap_small": "AP (IoU=0.50:0.95) area=small",
        "mask_ar100": "AR (IoU=0.50:0.95) area=all maxDets=100",
    }
    assert 0.1 < ours["mask_ap"] < 0.9
    for name, theirs_name in names.items():
        assert ours[name] == pytest.approx(theirs[theirs_name], abs=1e-12)
    # What no object defines is -1 there, and not a number here.
    assert theirs["AP (IoU=0.50:0.95) area=large"] == -1
    assert np.isnan(ours["mask_ap_large"])


def test_iou_thresholds_are_honoured(mended: Mended, records: Records) -> None:
    all_thresholds = ice_figures(mended, ice_predictions(mended, records))
    assert ice_figures(mended, ice_predictions(mended, records), iou_thresholds=[0.5]) == all_thresholds
    ours = figures(records, ice_predictions(mended, records), iou_thresholds=[0.5])
    assert ours["mask_ap"] == pytest.approx(all_thresholds["AP (IoU=0.50) area=all"])
    assert ours["mask_ap"] > all_thresholds["AP (IoU=0.50:0.95) area=all"] + 0.05


@pytest.mark.parametrize("is_crowd", [0, 1])
@pytest.mark.parametrize("is_compressed", [True, False])
def test_run_lengths_are_read_whatever_iscrowd_says(
    mended: Mended, coco: Path, folder: Path, is_crowd: int, is_compressed: bool
) -> None:
    document = json.loads(coco.read_text())
    code = masks.encode(RING)
    plain = mended.ice.MaskArray(RING).to_coco_rle(*SIZE)[0]["counts"]
    counts = code.to_coco()["counts"] if is_compressed else [int(run) for run in plain]
    row = document["annotations"][0]
    row |= {"segmentation": {"size": list(SIZE), "counts": counts}, "iscrowd": is_crowd}
    (folder / "rle.json").write_text(json.dumps(document))
    [ours] = COCOMaskParser(folder / "rle.json", folder).parse(SingleSplitter())
    assert ours[0].instances.run_lengths()[0] == code
    assert ours[0].instances.is_crowd[0] == bool(is_crowd)
    theirs = theirs_of(mended, document, folder)[0]
    if is_crowd and not is_compressed:
        np.testing.assert_array_equal(theirs.load().detection.mask_array.data[0], RING)
        return
    with pytest.raises((TypeError, ValueError)):
        theirs.load()


def test_unused_category_ids_take_no_label(mended: Mended, coco: Path, folder: Path) -> None:
    document = json.loads(coco.read_text())
    for row in document["categories"]:
        row["id"] = {1: 7, 2: 90}[row["id"]]
    for row in document["annotations"]:
        row["category_id"] = {1: 7, 2: 90}[row["category_id"]]
    (folder / "gaps.json").write_text(json.dumps(document))
    theirs = theirs_of(mended, document, folder)
    assert len(theirs[0].detection.class_map) == 91
    assert theirs[0].detection.label_ids == [7, 90]
    parser = COCOMaskParser(folder / "gaps.json", folder)
    [ours] = parser.parse(SingleSplitter())
    assert len(parser.class_map) == 3
    assert ours[0].instances.labels.tolist() == from_icevision(theirs)[0].instances.labels.tolist() == [1, 2]


def test_class_names_match_without_case(mended: Mended) -> None:
    with pytest.raises(KeyError):
        mended.ice.ClassMap(["hot dog"]).get_by_name("Hot dog")
    assert ClassMap(["hot dog"]).get_by_name("Hot dog") == 1


def test_splits_without_a_seed_repeat(mended: Mended, coco: Path, folder: Path) -> None:
    def ours() -> list[list[Any]]:
        return [[record.image_id for record in part] for part in COCOMaskParser(coco, folder).parse()]

    def theirs() -> str:
        parts = mended.ice.parsers.COCOMaskParser(coco, folder).parse(show_pbar=False)
        return str([[record.record_id for record in part] for part in parts])

    assert ours() == ours()
    np.random.seed(0)
    assert len({theirs() for _ in range(12)}) > 1


def test_mask_that_fills_its_image_is_an_object(mended: Mended, folder: Path) -> None:
    ice = mended.ice
    Image.fromarray(np.full(SIZE, 255, np.uint8)).save(folder / "full.png")
    mask = ice.MaskFile(folder / "full.png")
    assert len(mask.to_mask(*SIZE)) == 0
    record = ice.InstanceSegmentationRecord()
    record.set_record_id("full")
    record.set_filepath(folder / "1.png")
    record.set_img_size(ice.ImgSize(width=64, height=48), original=True)
    record.detection.set_class_map(ice.ClassMap(["a"]))
    record.detection.add_labels_by_id([1])
    record.detection.add_masks([mask])
    with pytest.raises(DataError, match="image full: the record of icevision has 0 masks for 1 labels"):
        from_icevision([record])


def test_icevisions_learner_begins_frozen(mended: Mended, records: Records) -> None:
    ice = mended.ice
    model_type = ice.models.torchvision.mask_rcnn
    data = ice.Dataset(to_icevision(records), ice.tfms.A.Adapter(ice.tfms.A.resize_and_pad(64)))
    model = ice_mask_rcnn(ice)
    last_layer = next(model.backbone.body.layer4.parameters())
    assert last_layer.requires_grad
    loader = model_type.valid_dl(data, batch_size=2, shuffle=False)
    model_type.fastai.learner(dls=[loader, loader], model=model)
    assert not last_layer.requires_grad
