"""Results files of any tool: matched to the records, each fault named and counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contorno import masks
from contorno.errors import ConfigError, DataError
from contorno.metrics import COCOMetricType, evaluate
from contorno.parsers.results import Predictions, coco_ids, read_results
from contorno.records import ClassMap, Instances, Record, Records
from tiny_results import SIZE, truth

RLE = masks.from_counts([24 * 3, 10, 24 * 32 - 24 * 3 - 10], SIZE).to_coco()


def result(**changes: Any) -> dict[str, Any]:
    """A sound result; a change to None takes the member away."""
    members = {"image_id": 3, "category_id": 1, "segmentation": RLE, "score": 0.5} | changes
    return {key: value for key, value in members.items() if value is not None}


def read(tmp_path: Path, *results: Any, **options: Any) -> Predictions:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results))
    return read_results(path, truth(tmp_path), **options)


def test_each_record_has_its_prediction_best_score_first(tmp_path: Path) -> None:
    read_back = read(tmp_path, result(image_id=7, score=0.25), result(), result(image_id=7, category_id=2, score=1))
    assert [p.image_id for p in read_back] == [3, 7, 11]
    assert [p.scores.tolist() for p in read_back] == [[0.5], [1.0, 0.25], []]
    assert read_back[1].labels.tolist() == [2, 1]
    assert read_back[1].boxes.tolist() == [[3, 0, 4, 10]] * 2
    assert (read_back.report.images, read_back.report.objects, read_back.report.negatives) == (3, 3, 1)
    assert read_back.report.dropped == read_back.report.mended == {}
    assert evaluate(truth(tmp_path), read_back).counts["detections"] == 3


def test_every_form_of_mask_is_read(tmp_path: Path) -> None:
    counts = {"size": [24, 32], "counts": [24 * 3, 10, 24 * 32 - 24 * 3 - 10]}
    polygon = [[3, 0, 4, 0, 4, 10, 3, 10]]
    (first, *_) = read(tmp_path, *(result(segmentation=form) for form in (RLE, counts, polygon)))
    assert first.masks is not None
    assert {code.to_coco()["counts"] for code in first.masks} == {RLE["counts"]}


def test_counts_written_as_python_shows_bytes_are_read_and_counted(tmp_path: Path) -> None:
    found = read(tmp_path, result(segmentation={**RLE, "counts": str(RLE["counts"].encode())}))
    assert [code.to_coco() for code in found[0].masks or ()] == [RLE]
    assert found.report.mended == {"run lengths written as Python's bytes": 1}


def test_results_with_boxes_only_have_no_masks(tmp_path: Path) -> None:
    (first, second, _) = read(tmp_path, result(segmentation=None, bbox=[1.5, 2, 3, 4]))
    assert first.masks is second.masks is None
    assert first.boxes.tolist() == [[1.5, 2, 4.5, 6]]
    evaluate(truth(tmp_path), [first, second, _], metric_types=[COCOMetricType.bbox])


FAULTS: dict[str, tuple[Any, str, str]] = {
    "not an object": ([1, 2], "result that is not an object", "it is list"),
    "unknown image": (result(image_id=4), "result of an unknown image", "image_id 4"),
    "no image": (result(image_id=None), "result of an unknown image", "image_id None"),
    "unknown category": (result(category_id="nail"), "result of an unknown category", "category_id 'nail'"),
    "no score": (result(score=None), "score that is not a finite number", "score None"),
    "score as text": (result(score="0.5"), "score that is not a finite number", "score '0.5'"),
    "score not a number": (result(score=float("nan")), "score that is not a finite number", "score nan"),
    "score beyond all numbers": (result(score=10**400), "score that is not a finite number", "score 1000"),
    "no mask": (result(segmentation=None, bbox=[1, 1, 2, 2]), "result without a mask", ""),
    "mask turned round": (
        result(segmentation={"size": [32, 24], "counts": RLE["counts"]}),
        "run lengths of another size than the image",
        r"size [32, 24], the image has [24, 32] (height, width)",
    ),
    "mask cut off": (
        result(segmentation={"size": [24, 32], "counts": "5:"}),
        "segmentation that cannot be read",
        "add up to",
    ),
}


@pytest.mark.parametrize(("bad", "reason", "detail"), FAULTS.values(), ids=FAULTS.keys())
def test_bad_result_is_left_out_named_and_counted(tmp_path: Path, bad: Any, reason: str, detail: str) -> None:
    report = read(tmp_path, result(), bad).report
    assert (report.objects, report.dropped) == (1, {reason: 1})
    assert report.places[reason][0].startswith("result 1")
    assert detail in report.details.get(reason, "")
    with pytest.raises(DataError, match=f"result 1.*: {reason}"):
        read(tmp_path, result(), bad, autofix=False)


@pytest.mark.parametrize("bbox", [None, [1, 2, 3], [1, 1, -2, 5], [1, 1, 1e9, 5], "1,1,2,2"], ids=str)
def test_box_that_cannot_be_is_left_out(tmp_path: Path, bbox: Any) -> None:
    report = read(tmp_path, result(segmentation=None, bbox=[0, 0, 1, 1]), result(segmentation=None, bbox=bbox)).report
    assert (report.objects, report.dropped) == (1, {"result without a box that can be": 1})


def test_score_outside_its_range_is_kept_and_counted(tmp_path: Path) -> None:
    read_back = read(tmp_path, result(score=97.5), result(score=12))
    assert read_back[0].scores.tolist() == [97.5, 12]
    assert read_back.report.mended == {"score outside 0 to 1, kept as it is": 2}


@pytest.mark.parametrize("image_id", ["photo_7.jpg", "photo_7", "7", 7.0])
def test_image_is_found_by_its_id_as_a_text_or_by_its_file(tmp_path: Path, image_id: Any) -> None:
    assert [len(p) for p in read(tmp_path, result(image_id=image_id))] == [0, 1, 0]


def test_image_is_found_by_the_number_that_its_name_is(tmp_path: Path) -> None:
    instances = Instances.build(SIZE)
    names = ["train/000042.jpg", "train/000043.jpg", "valid/000043.jpg"]
    records = [Record(image_id=n, size_hw=SIZE, instances=instances, path=tmp_path / n) for n in names]
    path = tmp_path / "results.json"
    path.write_text(json.dumps([result(image_id=42), result(image_id=43)]))
    read_back = read_results(path, Records(records, ClassMap(["nail"])))
    assert [len(p) for p in read_back] == [1, 0, 0]
    assert read_back.report.dropped == {"result of an unknown image": 1}  # 43 is the name of two


@pytest.mark.parametrize(
    ("ids", "labels"),
    [((1, 2), [1, 2]), ((2, 2), [2, 2]), ((0, 1), [1, 2]), ((0, 0), [1, 1]), ((18, 44), [1, 2]), (("1", 2), [1, 2])],
    ids=str,
)
def test_category_ids_are_labels_from_one_or_from_zero_or_in_their_order(
    tmp_path: Path, ids: tuple[Any, Any], labels: list[int]
) -> None:
    results = [result(category_id=key, score=score) for key, score in zip(ids, (0.9, 0.8), strict=True)]
    assert read(tmp_path, *results)[0].labels.tolist() == labels


def test_category_ids_that_could_mean_anything_are_refused_and_a_mapping_tells_them(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"category ids \(18\) cannot be told for the 2 classes .* give category_ids"):
        read(tmp_path, result(category_id=18))
    told = read(tmp_path, result(category_id=18), category_ids={1: 44, 2: 18})
    assert told[0].labels.tolist() == [2]
    with pytest.raises(ConfigError, match="expected a different category id for each label"):
        read(tmp_path, result(), category_ids={1: 44, 2: 44})
    with pytest.raises(ConfigError, match=r"for each label in 1\.\.2"):
        read(tmp_path, result(), category_ids={0: 44})


def test_ids_of_the_ground_truth_file_tell_images_and_categories(tmp_path: Path) -> None:
    annotations = tmp_path / "truth.json"
    images = [
        {"id": 1, "contorno_id": 7, "file_name": "photo_7.jpg"},
        {"id": 2, "file_name": "/data/upload/1/photo_2.jpg"},
    ]
    categories = [{"id": 90, "name": "Nail"}, {"id": 5, "name": "screw"}, {"id": 6, "name": "bolt"}]
    annotations.write_text(json.dumps({"images": images, "annotations": [], "categories": categories}))
    ids = coco_ids(annotations, truth(tmp_path).class_map)
    assert (ids.images, ids.categories) == ({7: 1, 2: 2}, {1: 90, 2: 5})
    told = read(tmp_path, result(image_id=1, category_id=90), image_ids=ids.images, category_ids=ids.categories)
    assert [p.labels.tolist() for p in told] == [[], [1], []]


@pytest.mark.parametrize("value", [{}, {"annotations": []}, "text", 3])
def test_file_that_is_no_list_is_refused(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(value))
    with pytest.raises(DataError, match=f"holds {type(value).__name__}; expected a list of results"):
        read_results(path, truth(tmp_path))
