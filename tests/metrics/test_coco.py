"""AP and AR: equal to a plain COCOeval on generated data, right by hand on small data, and strict at the door."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from contorno import masks
from contorno.errors import ConfigError, DataError
from contorno.metrics import COCOMetric, COCOMetricType, COCOResult, evaluate
from contorno.records import ClassMap, Instances, Record, Records
from contorno.samples import Prediction

MASK, BOX = COCOMetricType.mask, COCOMetricType.bbox
SIZES = {"small": (0.0, 1024.0), "medium": (1024.0, 9216.0), "large": (9216.0, 1e10)}
GRID = tuple(np.linspace(0.5, 0.95, 10))


def square(x: int, y: int, side: int, size: tuple[int, int] = (20, 20)) -> np.ndarray[Any, Any]:
    bitmap = np.zeros(size, dtype=np.uint8)
    bitmap[y : y + side, x : x + side] = 1
    return bitmap


def make_record(
    image_id: int | str = 1,
    objects: Sequence[tuple[int, np.ndarray[Any, Any]]] = (),
    *,
    size: tuple[int, int] = (20, 20),
    is_crowd: Sequence[bool] | None = None,
    areas: Sequence[float] | None = None,
) -> Record:
    instances = Instances.build(
        size,
        [label for label, _ in objects],
        [masks.encode(bitmap) for _, bitmap in objects],
        is_crowd=is_crowd,
        areas=areas,
    )
    return Record(image_id=image_id, size_hw=size, instances=instances, image=np.zeros((*size, 3), np.uint8))


def make_prediction(
    image_id: int | str = 1,
    found: Sequence[tuple[int, float, np.ndarray[Any, Any]]] = (),
    *,
    size: tuple[int, int] = (20, 20),
    with_masks: bool = True,
) -> Prediction:
    codes = [masks.encode(bitmap) for _, _, bitmap in found]
    return Prediction(
        image_id=image_id,
        size_hw=size,
        labels=np.array([label for label, _, _ in found], dtype=np.int64),
        scores=np.array([score for _, score, _ in found], dtype=np.float32),
        boxes=masks.boxes(codes),
        masks=tuple(codes) if with_masks else None,
    )


def figures(record: Record, prediction: Prediction, **settings: Any) -> dict[str, float]:
    return evaluate(Records([record], ClassMap(["a", "b"])), [prediction], **settings).figures


def box_record(image_id: int = 1) -> Record:
    instances = Instances.build((20, 20), [1], boxes=[[2, 2, 8, 8]])
    return Record(image_id=image_id, size_hw=(20, 20), instances=instances, image=np.zeros((20, 20, 3), np.uint8))


# ── The oracle: COCOeval on dicts made from the same objects, with none of contorno.metrics in between ──────────────


def plain_cocoeval(
    records: Records,
    predictions: Sequence[Prediction],
    kind: COCOMetricType,
    iou_thresholds: Sequence[float] = GRID,
    max_dets: Sequence[int] = (1, 10, 100),
    area_ranges: Mapping[str, tuple[float, float]] = SIZES,
) -> dict[str, float]:
    """The figures by pycocotools, in the way of its own `summarize`."""
    numbers = {record.image_id: number for number, record in enumerate(records, start=1)}
    annotations = []
    for record in records:
        for index, code in enumerate(record.instances.run_lengths()):
            box = record.instances.boxes[index].astype(float)
            area = record.instances.areas[index]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": numbers[record.image_id],
                    "category_id": int(record.instances.labels[index]),
                    "iscrowd": int(record.instances.is_crowd[index]),
                    "area": float(area) if np.isfinite(area) else float(masks.decode(code).sum()),
                    "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
                    "segmentation": code.to_coco(),
                }
            )
    results = []
    for prediction in predictions:
        assert prediction.masks is not None
        for index, code in enumerate(prediction.masks):
            box = prediction.boxes[index].astype(float)
            result = {
                "image_id": numbers[prediction.image_id],
                "category_id": int(prediction.labels[index]),
                "score": float(prediction.scores[index]),
            }
            if kind is MASK:
                results.append(result | {"segmentation": code.to_coco()})
            else:
                results.append(result | {"bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]]})
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "info": {},
            "images": [
                {"id": numbers[record.image_id], "height": record.size_hw[0], "width": record.size_hw[1]}
                for record in records
            ],
            "categories": [{"id": i + 1, "name": name} for i, name in enumerate(records.class_map.names)],
            "annotations": annotations,
        }
        truth.createIndex()
        if results:
            found = truth.loadRes(results)
        else:
            found = COCO()
            found.dataset = truth.dataset | {"annotations": []}
            found.createIndex()
        evaluation = COCOeval(truth, found, kind.value)
        evaluation.params.iouThrs = np.array(iou_thresholds)
        evaluation.params.maxDets = sorted(max_dets)
        evaluation.params.areaRng = [[0, 1e10], *map(list, area_ranges.values())]
        evaluation.params.areaRngLbl = ["all", *area_ranges]
        evaluation.evaluate()
        evaluation.accumulate()
    precision, recall = evaluation.eval["precision"], evaluation.eval["recall"]

    def mean(values: np.ndarray[Any, Any]) -> float:
        return float(np.mean(values[values > -1])) if (values > -1).any() else math.nan

    prefix = kind.prefix
    at = {score: [i for i, t in enumerate(iou_thresholds) if abs(t - score) < 1e-6] for score in (0.5, 0.75)}
    expected = {
        f"{prefix}_ap": mean(precision[:, :, :, 0, -1]),
        f"{prefix}_ap50": mean(precision[at[0.5], :, :, 0, -1]),
        f"{prefix}_ap75": mean(precision[at[0.75], :, :, 0, -1]),
    }
    for index, name in enumerate(area_ranges, start=1):
        expected[f"{prefix}_ap_{name}"] = mean(precision[:, :, :, index, -1])
        expected[f"{prefix}_ar_{name}"] = mean(recall[:, :, index, -1])
    for index, most in enumerate(sorted(max_dets)):
        expected[f"{prefix}_ar{most}"] = mean(recall[:, :, 0, index])
    return expected


def assert_same(ours: Mapping[str, float], expected: Mapping[str, float]) -> None:
    assert set(ours) == set(expected)
    for name, value in expected.items():
        assert ours[name] == pytest.approx(value, abs=1e-9, rel=0, nan_ok=True), name


def draw_data(rng: np.random.Generator, *, most_found: int = 7) -> tuple[Records, list[Prediction]]:
    """A few images with objects, crowds, negatives, empty predictions, tied scores, and a class that has no object."""
    size = (int(rng.choice([10, 40, 130])), int(rng.choice([12, 40, 150])))
    num_labels = int(rng.integers(1, 4))

    def shape() -> np.ndarray[Any, Any]:
        y, x = int(rng.integers(size[0])), int(rng.integers(size[1]))
        bitmap = np.zeros(size, dtype=np.uint8)
        bitmap[y : y + int(rng.integers(1, size[0])), x : x + int(rng.integers(1, size[1]))] = 1
        return bitmap & (rng.random(size) < 0.7) if rng.random() < 0.3 else bitmap

    records, predictions = [], []
    for number in range(int(rng.integers(1, 6))):
        image_id: int | str = f"image-{number}" if rng.random() < 0.5 else 1000 - 7 * number
        objects = [(int(rng.integers(1, num_labels + 1)), shape()) for _ in range(int(rng.integers(0, 5)))]
        stated = [float(rng.choice([math.nan, 500, 1024, 9216, 20000])) for _ in objects]
        records.append(
            make_record(image_id, objects, size=size, is_crowd=[rng.random() < 0.2 for _ in objects], areas=stated)
        )
        found = []
        for _ in range(int(rng.integers(0, most_found + 1)) if rng.random() < 0.8 else 0):
            bitmap = objects[int(rng.integers(len(objects)))][1] if objects and rng.random() < 0.7 else shape()
            bitmap = np.roll(bitmap, int(rng.integers(-1, 2)), int(rng.integers(2)))
            score = float(rng.choice([0.0, 0.25, 0.5, 0.9, 1.0])) if rng.random() < 0.6 else float(rng.random())
            found.append((int(rng.integers(1, num_labels + 1)), score, bitmap))
        predictions.append(make_prediction(image_id, found, size=size))
    return Records(records, ClassMap([f"c{i}" for i in range(num_labels + 1)])), predictions


@pytest.mark.parametrize("engine", ["hotcoco", "pycocotools"])
@pytest.mark.parametrize("kind", [MASK, BOX], ids=["mask", "box"])
def test_figures_equal_plain_cocoeval_on_random_data(kind: COCOMetricType, engine: Any) -> None:
    telling = 0
    for seed in range(100):
        records, predictions = draw_data(np.random.default_rng(seed))
        ours = evaluate(records, predictions, metric_types=[kind], engine=engine)
        assert_same(ours.figures, plain_cocoeval(records, predictions, kind))
        telling += 0 < ours.figures[f"{kind.prefix}_ap"] < 1
    assert telling > 50  # that many cases had an AP that is neither 0, 1 nor NaN


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from([MASK, BOX]),
    thresholds=st.sampled_from([GRID, (0.5,), (0.75, 0.5), (0.1, 0.33, 0.7, 1.0)]),
    max_dets=st.lists(st.integers(1, 12), min_size=1, max_size=4, unique=True),
    area_ranges=st.sampled_from([SIZES, {}, {"tiny": (0.0, 50.5), "rest": (50.5, 1e10)}]),
)
def test_figures_equal_plain_cocoeval_under_any_setting(
    seed: int,
    kind: COCOMetricType,
    thresholds: tuple[float, ...],
    max_dets: list[int],
    area_ranges: dict[str, tuple[float, float]],
) -> None:
    records, predictions = draw_data(np.random.default_rng(seed))
    asked = {"iou_thresholds": thresholds, "max_dets": max_dets, "area_ranges": area_ranges}
    expected = plain_cocoeval(records, predictions, kind, sorted(thresholds), max_dets, area_ranges)
    assert_same(evaluate(records, predictions, metric_types=[kind], **asked).figures, expected)


def test_figures_equal_plain_cocoeval_beyond_a_hundred_detections() -> None:
    for seed in range(4):
        records, predictions = draw_data(np.random.default_rng(seed), most_found=300)
        for max_dets in ((1, 10, 100), (5, 250)):
            ours = evaluate(records, predictions, metric_types=[MASK], max_dets=max_dets)
            assert_same(ours.figures, plain_cocoeval(records, predictions, MASK, max_dets=max_dets))


def test_float32_thresholds_mean_the_usual_grid_to_both_engines() -> None:
    # An IoU of exactly 0.55 lies below float32's 0.55, which is 0.55000001.
    record = make_record(objects=[(1, square(0, 0, 20))])
    bitmap = np.zeros((20, 20), dtype=np.uint8)
    bitmap[:11] = 1
    for engine in ("hotcoco", "pycocotools"):
        grid = np.linspace(0.5, 0.95, 10, dtype=np.float32)
        ours = figures(record, make_prediction(found=[(1, 0.9, bitmap)]), iou_thresholds=grid, engine=engine)
        assert ours["mask_ap"] == pytest.approx(0.2)


# ── Known by hand ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_perfect_prediction_scores_one_and_absent_things_are_nan() -> None:
    bitmap = square(2, 2, 10)
    result = evaluate(
        Records([make_record(objects=[(1, bitmap)])], ClassMap(["a", "b"])), [make_prediction(found=[(1, 0.9, bitmap)])]
    )
    for kind in ("mask", "box"):
        assert result.figures[f"{kind}_ap"] == pytest.approx(1.0)
        assert result.figures[f"{kind}_ap_small"] == pytest.approx(1.0)
        assert math.isnan(result.figures[f"{kind}_ap_large"])
        assert result.per_class["a"][f"{kind}_ar"] == pytest.approx(1.0)
        assert math.isnan(result.per_class["b"][f"{kind}_ap"])
    assert not any(value == -1 for value in result.figures.values())


def test_keys_of_the_figures() -> None:
    expected = ["ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large"]
    expected += ["ar1", "ar10", "ar100", "ar_small", "ar_medium", "ar_large"]
    ours = figures(make_record(), make_prediction())
    assert list(ours) == [f"{kind}_{key}" for kind in ("mask", "box") for key in expected]
    assert "mask_ar7" in figures(make_record(), make_prediction(), max_dets=(7,))


def test_iou_thresholds_change_the_figures() -> None:
    record = make_record(objects=[(1, square(0, 0, 10))])
    bitmap = square(0, 0, 10)
    bitmap[:, 6:] = 0  # IoU 0.6
    prediction = make_prediction(found=[(1, 0.9, bitmap)])
    assert figures(record, prediction, iou_thresholds=[0.5])["mask_ap"] == pytest.approx(1.0)
    assert figures(record, prediction, iou_thresholds=[0.7])["mask_ap"] == 0.0
    assert figures(record, prediction)["mask_ap"] == pytest.approx(0.3)  # 0.5, 0.55 and 0.6 of ten
    assert math.isnan(figures(record, prediction, iou_thresholds=[0.7])["mask_ap50"])


def test_max_dets_changes_the_recall() -> None:
    a, b = square(0, 0, 5), square(10, 10, 5)
    record = make_record(objects=[(1, a), (1, b)])
    ours = figures(record, make_prediction(found=[(1, 0.9, a), (1, 0.8, b)]))
    assert (ours["mask_ar1"], ours["mask_ar10"]) == (0.5, 1.0)


def test_detection_area_comes_from_its_mask_and_not_from_its_box() -> None:
    # A false detection along the diagonal: 64 px in a box of 4096 px². It is small by its mask, so it must not spoil
    # the AP of the medium object; were its box passed on beside the mask, it would.
    size = (200, 200)
    thing = square(100, 100, 50, size)
    diagonal = np.zeros(size, dtype=np.uint8)
    np.fill_diagonal(diagonal[:64, :64], 1)
    record = make_record(objects=[(1, thing)], size=size)
    prediction = make_prediction(found=[(1, 0.9, diagonal), (1, 0.8, thing)], size=size)
    for engine in ("hotcoco", "pycocotools"):
        ours = figures(record, prediction, engine=engine)
        assert ours["mask_ap_medium"] == pytest.approx(1.0)
        assert ours["box_ap_medium"] == pytest.approx(0.5)
        assert ours["mask_ap"] == pytest.approx(0.5)


def test_stated_area_of_an_object_decides_its_size() -> None:
    bitmap = square(2, 2, 10)
    prediction = make_prediction(found=[(1, 0.9, bitmap)])
    assert figures(make_record(objects=[(1, bitmap)], areas=[2000.0]), prediction)["mask_ap_medium"] == pytest.approx(1)
    assert figures(make_record(objects=[(1, bitmap)], areas=[math.nan]), prediction)["mask_ap_small"] == pytest.approx(
        1
    )


def test_crowd_region_is_ignored_with_the_detections_in_it() -> None:
    thing, region = square(0, 0, 5), square(8, 8, 12)
    found = make_prediction(found=[(1, 0.9, square(9, 9, 3)), (1, 0.8, thing)])
    crowd = make_record(objects=[(1, thing), (1, region)], is_crowd=[False, True])
    plain = make_record(objects=[(1, thing), (1, region)])
    assert figures(crowd, found)["mask_ap"] == pytest.approx(1.0)
    assert figures(plain, found)["mask_ap"] < 0.5
    result = evaluate(Records([crowd], ClassMap(["a"])), [found])
    assert (result.counts["objects"], result.counts["crowd_regions"]) == (1, 1)
    assert result.per_class["a"]["objects"] == 1


def test_detection_in_a_negative_image_costs_precision() -> None:
    thing = square(0, 0, 5)
    records = Records([make_record("with", [(1, thing)]), make_record("without")], ClassMap(["a"]))
    right = make_prediction("with", [(1, 0.8, thing)])
    calm = evaluate(records, [right, make_prediction("without")])
    false = evaluate(records, [right, make_prediction("without", [(1, 0.9, thing)])])
    assert calm.figures["mask_ap"] == pytest.approx(1.0)
    assert false.figures["mask_ap"] == pytest.approx(0.5)
    assert (false.counts["images"], false.counts["negatives"], false.counts["detections"]) == (2, 1, 2)


def test_per_class_counts_objects_and_images() -> None:
    a, b = square(0, 0, 5), square(10, 10, 5)
    records = Records([make_record(1, [(1, a), (1, b)]), make_record(2, [(1, a), (2, b)])], ClassMap(["x", "y", "z"]))
    result = evaluate(records, [make_prediction(2, [(2, 0.5, b)]), make_prediction(1)])
    assert [(row["objects"], row["images"]) for row in result.per_class.values()] == [(3, 2), (1, 1), (0, 0)]
    assert list(result.per_class["y"])[-2:] == ["objects", "images"]
    assert result.per_class["y"]["mask_ap50"] == pytest.approx(1.0)
    assert result.per_class["x"]["box_ap"] == 0.0


def test_nothing_taken_in_gives_nan() -> None:
    result = COCOMetric().finalize(ClassMap(["a"]))
    assert result.counts["images"] == 0
    assert all(math.isnan(value) for value in result.figures.values())


# ── Its use ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_metric_type_by_name_and_by_position() -> None:
    assert COCOMetric().metric_type is MASK
    assert COCOMetric(metric_type=COCOMetricType.mask).metric_type is MASK
    assert COCOMetric(COCOMetricType.bbox).metric_type is BOX


def test_the_table_is_printed_where_it_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    COCOMetric(MASK, None, True, True).finalize(ClassMap(["a"]))
    assert "AP50" in capsys.readouterr().out
    COCOMetric().finalize(ClassMap(["a"]))
    assert capsys.readouterr().out == ""


def test_reset_forgets_and_finalize_keeps() -> None:
    metric, record = COCOMetric(), make_record(objects=[(1, square(0, 0, 5))])
    metric.accumulate(record, make_prediction(found=[(1, 0.9, square(0, 0, 5))]))
    first, second = (metric.finalize(ClassMap(["a"])) for _ in range(2))
    assert first.figures["mask_ap"] == second.figures["mask_ap"] == pytest.approx(1.0)
    metric.reset()
    metric.accumulate(record, make_prediction())
    assert metric.finalize(ClassMap(["a"])).figures["mask_ap"] == 0.0


@pytest.mark.parametrize("engine", ["hotcoco", "pycocotools"])
def test_nothing_is_printed(engine: Any, capfd: pytest.CaptureFixture[str]) -> None:
    bitmap = square(0, 0, 5)
    for found in ([], [(1, 0.5, bitmap)]):
        figures(make_record(objects=[(1, bitmap)]), make_prediction(found=found), engine=engine, iou_thresholds=[0.4])
    assert capfd.readouterr() == ("", "")


def test_inputs_are_not_changed() -> None:
    record = make_record(objects=[(1, square(0, 0, 5))])
    prediction = make_prediction(found=[(1, 0.9, square(0, 0, 5))])
    before = prediction.boxes.copy(), prediction.scores.copy(), record.instances.areas.copy()
    figures(record, prediction)
    after = prediction.boxes, prediction.scores, record.instances.areas
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)


def test_table_and_json_show_every_class() -> None:
    result = COCOResult(
        figures={"mask_ap": 0.25, "mask_ap50": 0.5, "box_ap": math.nan, "box_ap50": 1.0},
        per_class={"hot dog": {"mask_ap": 0.25, "objects": 3, "images": 2}},
        counts={"images": 2, "crowd_regions": 0},
        seconds=1.25,
    )
    assert [line.rstrip() for line in result.table().splitlines()] == [
        "2 images, 0 crowd regions, 1.2 s",
        "",
        "       mask    box",
        "────  ─────  ─────",
        "AP    0.250      –",
        "AP50  0.500  1.000",
        "",
        "class    mask AP  objects  images",
        "───────  ───────  ───────  ──────",
        "hot dog    0.250        3       2",
    ]
    plain = result.to_json()
    assert plain["figures"]["box_ap"] is None
    assert plain["per_class"]["hot dog"]["objects"] == 3
    assert plain["seconds"] == 1.25


# ── Refused at the door ───────────────────────────────────────────────────────────────────────────────────────────


def test_prediction_of_another_image_is_refused() -> None:
    with pytest.raises(DataError, match="image 'b' came with the record of image 'a'"):
        COCOMetric().accumulate(make_record("a"), make_prediction("b"))


def test_the_same_image_twice_is_refused() -> None:
    metric = COCOMetric()
    metric.accumulate(make_record("a"), make_prediction("a"))
    with pytest.raises(DataError, match="'a' was given to the metric before"):
        metric.accumulate(make_record("a"), make_prediction("a"))


def test_record_without_masks_is_refused_by_the_mask_metric_alone() -> None:
    prediction = make_prediction(found=[(1, 0.9, square(2, 2, 6))])
    with pytest.raises(DataError, match="object 0 has a box and no mask"):
        COCOMetric(MASK).accumulate(box_record(), prediction)
    metric = COCOMetric(BOX)
    metric.accumulate(box_record(), prediction)
    assert metric.finalize(ClassMap(["a"])).figures["box_ap_small"] == pytest.approx(1.0)


def test_prediction_without_masks_is_refused_by_the_mask_metric_alone() -> None:
    record = make_record(objects=[(1, square(2, 2, 6))])
    prediction = make_prediction(found=[(1, 0.9, square(2, 2, 6))], with_masks=False)
    with pytest.raises(DataError, match="the prediction has boxes and no masks"):
        COCOMetric(MASK).accumulate(record, prediction)
    COCOMetric(BOX).accumulate(record, prediction)
    COCOMetric(MASK).accumulate(record, make_prediction(with_masks=False))  # nothing found, nothing lacks a mask


def test_prediction_at_another_size_is_refused() -> None:
    with pytest.raises(DataError, match=r"size of \(10, 10\), the image is \(20, 20\)"):
        COCOMetric().accumulate(make_record(), make_prediction(size=(10, 10)))


def test_predicted_mask_at_another_size_is_refused() -> None:
    prediction = make_prediction(found=[(1, 0.9, square(2, 2, 6, (10, 10)))])
    with pytest.raises(DataError, match=r"a predicted mask is for an image of \(10, 10\)"):
        COCOMetric().accumulate(make_record(), prediction)


def test_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(DataError, match="not a finite number"):
        COCOMetric().accumulate(make_record(), make_prediction(found=[(1, math.nan, square(2, 2, 6))]))


@pytest.mark.parametrize("label", [0, 3])
def test_label_beyond_the_class_map_is_refused(label: int) -> None:
    metric = COCOMetric()
    metric.accumulate(make_record("a"), make_prediction("a", [(label, 0.5, square(0, 0, 3))]))
    with pytest.raises(DataError, match=f"image 'a': a detection has label {label}; the class map has labels 1 to 2"):
        metric.finalize(ClassMap(["x", "y"]))


def test_records_and_predictions_must_pair_up() -> None:
    records = Records([make_record("a"), make_record("b")], ClassMap(["x"]))
    a, b, c = (make_prediction(name) for name in "abc")
    with pytest.raises(DataError, match="'b' has no prediction"):
        evaluate(records, [a])
    with pytest.raises(DataError, match="'a' has two predictions"):
        evaluate(records, [a, b, a])
    with pytest.raises(DataError, match="1 predictions are of images that have no record, such as 'c'"):
        evaluate(records, [c, a, b])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"iou_thresholds": []}, "iou_thresholds"),
        ({"iou_thresholds": [0.5, 1.5]}, "iou_thresholds"),
        ({"iou_thresholds": [0.5, 0.5]}, "iou_thresholds"),
        ({"max_dets": (0, 10)}, "max_dets"),
        ({"max_dets": ()}, "max_dets"),
        ({"area_ranges": {"all": (0, 1)}}, "area range 'all'"),
        ({"area_ranges": {"odd": (9, 1)}}, "area range 'odd'"),
        ({"engine": "cocoapi"}, "no evaluation engine 'cocoapi'"),
        ({"metric_type": "mask"}, "metric_type is 'mask'"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_wrong_settings_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        COCOMetric(**wrong)


def test_no_metric_type_is_refused() -> None:
    with pytest.raises(ConfigError, match="metric_types is empty"):
        evaluate(Records([], ClassMap(["a"])), [], metric_types=[])
