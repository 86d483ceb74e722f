"""Reading by columns and reading object by object give the same records, reports and errors, whatever is in the file.

Images of 6 x 8 pixels (height x width).
"""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contorno import masks
from contorno.errors import DataError
from contorno.images import write_image
from contorno.parsers import COCOBBoxParser, COCOMaskParser, coco_records, coco_text
from contorno.parsers import coco as coco_module
from contorno.parsers.coco_reading import Reading
from contorno.parsers.coco_text import Refused, SplitDocument, split_document
from contorno.records import ClassMap, Record, Records
from contorno.splits import SingleSplitter

SQUARE = [1, 1, 4, 1, 4, 4, 1, 4]
BIG = [0.5, 0.25, 7.5, 0.25, 7.5, 5.75, 0.5, 5.75]
RUNS = {"size": [6, 8], "counts": [7, 3, 3, 3, 3, 3, 26]}
BIG_ONE = {"id": 1, "image_id": 10, "category_id": 7, "segmentation": [BIG], "bbox": [0.5, 0.25, 7, 5.5], "area": 38.5}


def document(*annotations: dict[str, Any]) -> dict[str, Any]:
    return {
        "info": {"year": 2017},
        "images": [
            {"id": 10, "file_name": "a.png", "width": 8, "height": 6},
            {"id": 20, "file_name": "b.png", "width": 8, "height": 6},
        ],
        "annotations": list(annotations),
        "categories": [{"id": 7, "name": "Cat"}, {"id": 3, "name": "dog"}],
    }


def write(folder: Path, text: str | dict[str, Any]) -> Path:
    path = folder / "labels.json"
    path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("coco")
    for name in ("a.png", "b.png"):
        write_image(made / name, np.zeros((6, 8, 3), dtype=np.uint8))
    return made


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coco_text, "_BATCH_BYTES", 200)
    monkeypatch.setattr(coco_records, "_IMAGES_AT_ONCE", 1)


def refuse(reading: Reading, document: SplitDocument) -> list[Record]:
    raise Refused("the test wants the plain way")


def outcome(parser: COCOMaskParser | COCOBBoxParser, autofix: bool = True) -> tuple[Any, ...]:
    """All that can be told of a parse: the report and the records down to bits, or the error."""
    try:
        (records,) = parser.parse(SingleSplitter(), autofix)
    except DataError as error:
        return ("error", str(error))
    return (parser.report, list(parser.report.mended), records.class_map.names, list(map(told, records)))


def told(record: Record) -> tuple[Any, ...]:
    objects = record.instances
    arrays = (objects.labels, objects.boxes, objects.is_crowd, objects.areas)
    return (
        (record.image_id, record.path, record.size_hw, record.split),
        [(array.dtype, array.shape, array.tobytes()) for array in arrays],
        (objects.geometries, objects.ids, objects.attributes, objects.size_hw, objects._run_lengths),
    )


def both(path: Path, folder: Path, kind: type = COCOMaskParser, autofix: bool = True, **options: Any) -> Any:
    """The outcome of the usual way, which must be that of the plain way."""
    found = outcome(kind(path, folder, **options), autofix)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coco_module, "quick_records", refuse)
        plain = outcome(kind(path, folder, **options), autofix)
    assert found == plain
    return found


def taken(path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, kind: type = COCOMaskParser) -> Records:
    """The records, which must come by way of columns."""

    def never(*_: object) -> list[Record]:
        raise AssertionError("the plain way was taken")

    with monkeypatch.context() as patch:
        patch.setattr(coco_module, "plain_records", never)
        (records,) = kind(path, folder).parse(SingleSplitter())
    return records


numbers = st.one_of(
    st.integers(-3, 12), st.floats(-3, 12), st.sampled_from([0.5, 1e7, -1e7, 1000000.0, 2**70, 0.1 + 0.2, -0.0])
)
points = st.lists(numbers, min_size=0, max_size=12)
even = st.lists(st.tuples(numbers, numbers), min_size=3, max_size=6).map(lambda pairs: [n for p in pairs for n in p])
segmentations = st.one_of(
    st.sampled_from([[SQUARE], [BIG], [SQUARE, BIG], [BIG, [1, 1, 2, 2]], RUNS, masks.encode(np.eye(6, 8)).to_coco()]),
    st.lists(even, min_size=1, max_size=3),
    st.lists(points, max_size=3),
    points,
    st.sampled_from(
        [
            None,
            "square",
            3,
            {},
            [],
            [[]],
            [None],
            [["1", "2", "3", "4", "5", "6"]],
            [[True] * 6],
            [SQUARE, None],
            {"size": [6, 8], "counts": [48]},
            {"size": [8, 6], "counts": [48]},
            {"size": [6, 8], "counts": [47, 2]},
            {"size": [6, 8], "counts": "\u2603"},
            {"counts": [48]},
        ]
    ),
)
boxes = st.one_of(
    st.sampled_from([[1, 1, 3, 3], [0.5, 0.25, 7, 5.5]]),
    st.lists(numbers, min_size=3, max_size=5),
    st.sampled_from([None, "box", [1, 1, 0, 3], [-2, 1, 20, 3], ["1", "1", "3", "3"], [True, 1, 2, 2], {"x": 1}, 5]),
)
ids = st.one_of(st.integers(0, 5), st.sampled_from(["1", "x", "", None, 1.0, 2.5, True, 2**70]))
missing = object()
annotations = st.fixed_dictionaries(
    {
        "image_id": st.sampled_from([10, 20, 10, 20, 10, 20, "10", 10.0, 99, None, True, [10]]),
        "category_id": st.sampled_from([7, 3, 7, 3, 7, 3, "7", 3.0, 99, None]),
        "segmentation": st.one_of(st.just([BIG]), segmentations),
    },
    optional={
        "bbox": st.one_of(st.just([1, 1, 3, 3]), boxes),
        "area": st.sampled_from([8.5, 8, None, "8", 2**70, True, 0]),
        "iscrowd": st.sampled_from([0, 1, 1.0, None, "1", True]),
        "attributes": st.sampled_from([{"occluded": True}, {}, None, [], {"score": 1, "tags": [{"a": 1}, {"b": 2}]}]),
        "score": st.sampled_from([0.5, 1, None, True, "0.5"]),
        "contorno_id": st.sampled_from(["own", None, 0]),
        "caption": st.sampled_from(["}, {", "}", "]", "{[", "é \u2603"]),
    },
)


@st.composite
def files(draw: st.DrawFn) -> str:
    """JSON of a COCO file; ids mostly in order, and now and then any."""
    entries = draw(st.lists(annotations, max_size=6))
    odd_ids = draw(st.integers(0, 5)) == 0
    for place, entry in enumerate(entries):
        entry["id"] = draw(ids) if odd_ids else place + 1
    value = document(*entries)
    if draw(st.integers(0, 5)) == 0:
        value["images"][0] |= draw(st.sampled_from([{"width": None}, {"file_name": "./a.png"}, {"contorno_id": "A"}]))
    if draw(st.integers(0, 5)) == 0:
        extra = [{"id": 0, "name": "background"}, {"id": 9, "name": "CAT"}, {"id": "7", "name": "seven"}]
        value["categories"].append(draw(st.sampled_from(extra)))
    indent = draw(st.sampled_from([None, None, 1]))
    return json.dumps(value, indent=indent, ensure_ascii=draw(st.booleans()))


@pytest.mark.usefixtures("small_batches")
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    text=files(),
    kind=st.sampled_from([COCOMaskParser, COCOMaskParser, COCOBBoxParser]),
    autofix=st.sampled_from([True, True, False]),
    offset=st.sampled_from([0.0, 0.0, 0.5, -1.0]),
    names=st.sampled_from([None, None, ["cat"], ["dog", "cat", "seven"]]),
)
def test_both_ways_of_reading_have_the_same_outcome(
    folder: Path, text: str, kind: type, autofix: bool, offset: float, names: list[str] | None
) -> None:
    class_map = None if names is None else ClassMap(names)
    path = write(folder, text)
    both(path, folder, kind, autofix, vertex_offset=offset, class_map=class_map, ignore_unknown=True)


def one(number: object = 1, **changes: Any) -> dict[str, Any]:
    return BIG_ONE | {"id": number} | changes


USUAL = {
    "polygon": {},
    "two parts": {"segmentation": [SQUARE, BIG]},
    "whole numbers": {"segmentation": [[0, 0, 8, 0, 8, 6]]},
    "small polygon": {"segmentation": [SQUARE]},
    "runs": {"segmentation": RUNS},
    "compressed runs": {"segmentation": masks.encode(np.eye(6, 8)).to_coco(), "iscrowd": 1},
    "part of two points": {"segmentation": [BIG, [1, 1, 2, 2]]},
    "flat polygon": {"segmentation": BIG},
    "odd numbers": {"segmentation": [[*BIG, 1]]},
    "far away": {"segmentation": [[*BIG, 1e9, 1]]},
    "no mask": {"segmentation": []},
    "speck between pixel centres": {"segmentation": [[1.1, 1.1, 1.2, 1.1, 1.2, 1.2]]},
    "line in no pixel": {"segmentation": [[0.1, 3.01, 7.9, 3.01, 4, 3.01]]},
    "polygon outside": {"segmentation": [[20, 20, 30, 20, 30, 30]]},
    "polygon below": {"segmentation": [[1, 7, 7, 7, 7, 16, 1, 16]]},
    "box beyond the left and right": {"bbox": [-2, 1, 20, 3]},
    "box beyond the top": {"bbox": [1, -2, 3, 5]},
    "box beyond the bottom": {"bbox": [1, 2, 3, 5]},
    "box of texts": {"bbox": ["1", "1", "3", "3"]},
    "ids as texts": {"image_id": "10", "category_id": "7"},
    "unknown image": {"image_id": 99},
    "text id": {"id": "x"},
    "own id": {"contorno_id": "x"},
    "brackets in a text": {"caption": "}, {", "note": "é"},
    "lists of objects": {"attributes": {"tags": [{"a": 1}, {"b": 2}]}},
}


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("changes", USUAL.values(), ids=USUAL)
def test_one_odd_object_does_not_send_the_file_the_plain_way(
    folder: Path, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [one(1), one(2) | changes, *(one(number, image_id=20) for number in range(3, 9))]
    path = write(folder, document(*entries))
    records = taken(path, folder, monkeypatch)
    assert len(records[1].instances) == 6
    both(path, folder)
    both(path, folder, COCOBBoxParser)
    both(path, folder, autofix=False)
    both(path, folder, vertex_offset=0.5)


PLAIN = {
    "no id": json.dumps(document(one(None))),
    "id twice": json.dumps(document(one(1), one(1, area=3))),
    "id that is whole but written as a fraction": json.dumps(document(one(1.0))),
    "not a number": json.dumps(document(one(area=float("nan")))),
    "infinite": json.dumps(document(one(score=float("inf")))),
    "number beyond floats": json.dumps(document(one())).replace("38.5", "1e999"),
    "number beyond floats in whole digits": json.dumps(document(one())).replace("38.5", "9" * 400),
    "number of 5000 digits": json.dumps(document(one())).replace("38.5", "9" * 5000),
    "5000 digits in a polygon": json.dumps(document(one())).replace("5.75]]", "9" * 5000 + "]]"),
    "half of a surrogate pair": json.dumps(document(one(note="?"))).replace("?", "\\ud800"),
    "entry that is no object": json.dumps(document(one())).replace('"annotations": [', '"annotations": [3, '),
    "key that is missing": json.dumps({"images": [], "categories": []}),
    "table that is no list": json.dumps(document() | {"images": {}}),
    "list": "[]",
    "cut off": json.dumps(document(one()))[:-9],
    "nested too deep": json.dumps(document(one(note="?"))).replace('"?"', "[" * 9999 + "]" * 9999),
}


@pytest.mark.parametrize("text", PLAIN.values(), ids=PLAIN)
def test_what_typed_decoding_refuses_has_the_outcome_of_the_plain_way(folder: Path, text: str) -> None:
    both(write(folder, text), folder)


def test_byte_order_mark_is_passed_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(folder, "\ufeff" + json.dumps(document(one())))
    assert taken(path, folder, monkeypatch).num_objects == 1


@pytest.mark.parametrize("place", ["info", "annotations"])
def test_text_that_is_not_utf8_is_an_error_even_where_nothing_is_read_from_it(folder: Path, place: str) -> None:
    value = document(one(note="?")) if place == "annotations" else document(one()) | {"info": "?"}
    path = folder / "labels.json"
    path.write_bytes(json.dumps(value).encode().replace(b"?", b"\xff"))
    with pytest.raises(DataError, match=r"labels\.json is not a JSON text: byte \d+ is not UTF-8"):
        COCOMaskParser(path, folder).parse()


@pytest.mark.parametrize("missing_images", ["drop", "error"])
def test_image_files_that_are_missing_are_met_alike(folder: Path, missing_images: str) -> None:
    value = document(one(1), one(2, image_id=30), one(3, image_id=30, category_id=3))
    value["images"].insert(0, {"id": 30, "file_name": "gone.png", "width": None, "height": 6})
    path = write(folder, value)
    both(path, folder, missing_images=missing_images)
    both(path, folder, missing_images=missing_images, class_map=ClassMap(["cat"]), ignore_unknown=True)


def test_image_of_no_size_that_cannot_be_read_is_the_same_error(tmp_path: Path) -> None:
    value = document(one())
    for image in value["images"]:
        del image["width"]
        (tmp_path / image["file_name"]).write_bytes(b"no picture")
    kind, message = both(write(tmp_path, value), tmp_path)
    assert kind == "error"
    assert "a.png" in message


def test_classes_that_are_not_in_the_class_map_are_met_alike(folder: Path) -> None:
    path = write(folder, document(one(1), one(2, category_id=3)))
    assert both(path, folder, class_map=ClassMap(["cat"]))[0] == "error"
    both(path, folder, class_map=ClassMap(["cat"]), ignore_unknown=True)


def test_attributes_and_score_are_kept_where_an_image_has_any(folder: Path) -> None:
    entries = [one(1, attributes={"occluded": True}), one(2, score=0.5), one(3), one(4, image_id=20, attributes={})]
    *_, told_records = both(write(folder, document(*entries)), folder)
    assert told_records[0][2][2] == ({"occluded": True}, {"score": 0.5}, {})
    assert told_records[1][2][2] is None


def test_objects_keep_the_order_of_the_file_within_their_image(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [one(number, image_id=(20, 10)[number % 2]) for number in range(9, 0, -1)]
    records = taken(write(folder, document(*entries)), folder, monkeypatch)
    assert [record.instances.ids for record in records] == [(9, 7, 5, 3, 1), (8, 6, 4, 2)]


def test_object_selected_keeps_no_other_alive_and_survives_pickle_and_copy(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [one(1), one(2, segmentation=[SQUARE, BIG]), one(3)]
    records = taken(write(folder, document(*entries)), folder, monkeypatch)
    chosen = records[0].instances.select([1])
    (geometry,) = chosen.geometries
    assert isinstance(geometry, masks.Polygons)
    assert len(pickle.dumps(geometry)) < 500
    assert pickle.loads(pickle.dumps(geometry)) == copy.deepcopy(geometry) == geometry
    with pytest.raises(ValueError, match="read-only"):
        geometry.parts[0][0] = 9
    with pytest.raises(ValueError, match="WRITEABLE"):
        geometry.parts[0].flags.writeable = True


def test_tables_are_decoded_when_they_are_asked_for(folder: Path) -> None:
    split = split_document(write(folder, document(one())))
    assert split is not None
    assert list(split) == ["info", "images", "annotations", "categories"]
    assert "annotations" in split
    assert "licenses" not in split
    assert split["annotations"] == [one()]
    assert dict(split) == document(one())
