"""Parsers written in IceVision's way: the classes that its notebooks have, as they have them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tiny
from contorno import masks
from contorno.detections import BBox
from contorno.errors import ConfigError, DataError
from contorno.images import write_image
from contorno.parsers.drafts import BaseRecord, ImgSize, RecordComponent, image_id_of
from contorno.parsers.image_words import get_img_size
from contorno.parsers.mask_words import MaskArray
from contorno.parsers.template import AbortParseRecord, DetectionRecord, MaskRecord, TemplateParser
from contorno.records import ClassMap
from contorno.splits import RandomSplitter, SingleSplitter

ROWS = [
    ("a.png", "disc", 1, 2, 9, 8),
    ("b.png", "ring", 0, 0, 4, 4),
    ("a.png", "ring", 3, 3, 40, 20),  # reaches over the right edge of an image of 30 x 20
    ("c.png", "", 0, 0, 0, 0),
]


class RowsParser(TemplateParser):
    """One row an object, images come back; a row without a class says that its image has none."""

    def __init__(self, template_record: BaseRecord | None, data_dir: Path) -> None:
        super().__init__(template_record=template_record)
        self.data_dir = data_dir
        self.rows = [
            SimpleNamespace(fname=name, label=label, xmin=x, ymin=y, xmax=right, ymax=bottom)
            for name, label, x, y, right, bottom in ROWS
        ]
        self.class_map = ClassMap(["ring", "disc"])

    def __iter__(self) -> Iterator[Any]:
        yield from self.rows

    def __len__(self) -> int:
        return len(self.rows)

    def record_id(self, o: Any) -> Any:
        return o.fname

    def parse_fields(self, o: Any, record: BaseRecord, is_new: bool) -> None:
        if is_new:
            record.set_filepath(self.data_dir / o.fname)
            record.set_img_size(ImgSize(width=30, height=20))
            record.detection.set_class_map(self.class_map)
        if o.label:
            record.detection.add_bboxes([BBox.from_xyxy(o.xmin, o.ymin, o.xmax, o.ymax)])
            record.detection.add_labels([o.label])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.png", "b.png", "c.png"):
        write_image(tmp_path / name, np.full((20, 30, 3), 90, np.uint8))
    return tmp_path


def test_rows_of_one_image_become_one_record_and_negatives_stay(folder: Path) -> None:
    parser = RowsParser(DetectionRecord(), folder)
    (records,) = parser.parse(data_splitter=SingleSplitter(), show_pbar=False)
    by_id = {record.image_id: record for record in records}
    assert by_id["a.png"].instances.labels.tolist() == [2, 1]
    assert by_id["a.png"].instances.boxes.tolist() == [[1, 2, 9, 8], [3, 3, 30, 20]]
    assert by_id["b.png"].path == folder / "b.png"
    assert by_id["b.png"].size_hw == (20, 30)
    assert len(by_id["c.png"].instances) == 0
    assert parser.report.mended == {"box beyond the image, clipped": 1}
    assert records.class_map.names == ("ring", "disc")


class NewParser(RowsParser):
    """Notes which pieces begin an image."""

    def parse_fields(self, o: Any, record: BaseRecord, is_new: bool) -> None:
        self.begun = [*getattr(self, "begun", []), is_new]
        super().parse_fields(o, record, is_new)


def test_only_the_first_piece_of_an_image_is_new(folder: Path) -> None:
    parser = NewParser(None, folder)
    parser.parse()
    assert parser.begun == [True, True, False, True]


def test_records_are_divided_as_by_any_parser(folder: Path) -> None:
    train, valid = RowsParser(DetectionRecord(), folder).parse(RandomSplitter([0.5, 0.5], seed=1))
    assert len(train) + len(valid) == 3


def test_without_autofix_the_first_fault_raises(folder: Path) -> None:
    parser = RowsParser(None, folder)
    parser.rows[2].xmin = 50
    with pytest.raises(DataError, match=r"record 'a.png', object 2: box without area.*autofix=True"):
        parser.parse(autofix=False)


def test_a_missing_image_file_is_named(folder: Path) -> None:
    (folder / "b.png").unlink()
    with pytest.raises(DataError, match=r"b\.png"):
        RowsParser(None, folder).parse()


class ForgivingParser(RowsParser):
    """The notebook's parser after the arguments that the messages name were added to its `super().__init__`."""

    def __init__(self, data_dir: Path, **given: Any) -> None:
        super().__init__(None, data_dir)
        TemplateParser.__init__(self, template_record=DetectionRecord(), class_map=self.class_map, **given)


def test_images_whose_file_is_missing_may_be_left_out(folder: Path) -> None:
    (folder / "b.png").unlink()
    with pytest.raises(DataError, match=r"b\.png.*record\.set_filepath.*__init__\(\.\.\., missing_images='drop'\)"):
        ForgivingParser(folder).parse()
    parser = ForgivingParser(folder, missing_images="drop")
    (records,) = parser.parse(SingleSplitter())
    assert [record.image_id for record in records] == ["a.png", "c.png"]
    assert parser.report.dropped == {
        "image whose file is missing": 1,
        "object of an image whose file is missing": 1,
    }


class AskingParser(ForgivingParser):
    """Asks each file for its size, as most notebooks do, before or after its objects are added."""

    asks_last = False

    def parse_fields(self, o: Any, record: BaseRecord, is_new: bool) -> None:
        record.set_filepath(self.data_dir / o.fname)
        if not self.asks_last:
            record.set_img_size(get_img_size(self.data_dir / o.fname))
        if o.label:
            record.detection.add_labels([o.label])
            record.detection.add_bboxes([BBox.from_xyxy(o.xmin, o.ymin, o.xmax, o.ymax)])
        record.set_img_size(get_img_size(self.data_dir / o.fname))


@pytest.mark.parametrize("asks_last", [False, True], ids=["first", "last"])
def test_a_missing_file_that_is_asked_for_its_size_is_left_out_too(folder: Path, asks_last: bool) -> None:
    (folder / "a.png").unlink()
    parser = AskingParser(folder, missing_images="drop")
    parser.asks_last = asks_last
    (records,) = parser.parse(SingleSplitter())
    assert [record.image_id for record in records] == ["b.png", "c.png"]
    assert parser.report.dropped == {"image whose file is missing": 1}
    with pytest.raises(DataError, match=r"a\.png"):
        AskingParser(folder).parse()


def test_a_file_that_is_there_and_cannot_be_read_is_no_missing_one(folder: Path) -> None:
    (folder / "a.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"a\.png"):
        AskingParser(folder, missing_images="drop").parse()


def test_objects_of_unknown_classes_may_be_left_out(folder: Path) -> None:
    parser = ForgivingParser(folder, ignore_unknown=True)
    parser.class_map = ClassMap(["ring"])
    (records,) = parser.parse(SingleSplitter())
    assert sum(len(record.instances) for record in records) == 2
    assert parser.report.dropped == {"object of the class 'disc', which is not in the class map": 1}


def test_another_word_for_missing_images_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="missing_images='skip'"):
        ForgivingParser(folder, missing_images="skip")


class RegretfulParser(RowsParser):
    """Leaves the second piece of an image out when it has already put half of it into the record."""

    how = "add"

    def parse_fields(self, o: Any, record: BaseRecord, is_new: bool) -> None:
        if is_new:
            super().parse_fields(o, record, is_new)
            return
        record.set_filepath("elsewhere.png")
        if self.how == "add":
            record.detection.add_bboxes([BBox.from_xyxy(o.xmin, o.ymin, o.xmax, o.ymax)])
        else:
            record.detection.set_bboxes([])
        raise AbortParseRecord("no good")


@pytest.mark.parametrize("how", ["add", "set"])
def test_a_piece_that_is_left_out_half_way_leaves_nothing_behind(folder: Path, how: str) -> None:
    parser = RegretfulParser(None, folder)
    parser.how = how
    (records,) = parser.parse(SingleSplitter())
    by_id = {record.image_id: record for record in records}
    assert by_id["a.png"].instances.boxes.tolist() == [[1, 2, 9, 8]]
    assert by_id["a.png"].path == folder / "a.png"
    assert parser.report.dropped == {"piece that the parser leaves out": 1}


class EarlyParser(RowsParser):
    """Notes where its data are before it calls IceVision's `__init__`, under names that other parsers use."""

    def __init__(self, data_dir: Path) -> None:
        self.path = self.img_dir = data_dir
        super().__init__(DetectionRecord(), data_dir)

    def parse_fields(self, o: Any, record: BaseRecord, is_new: bool) -> None:
        super().parse_fields(o, record, is_new)
        assert self.path == self.img_dir
        record.set_filepath(self.img_dir / o.fname)


def test_what_a_parser_set_before_it_called_init_stays(folder: Path) -> None:
    (records,) = EarlyParser(folder).parse(SingleSplitter())
    assert [record.path for record in records] == [folder / name for name in ("a.png", "b.png", "c.png")]


class MasksParser(RowsParser):
    """Masks as arrays, labels by number, classes unknown before; one image with pixels instead of a file."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.class_map = ClassMap(["disc"]).unlock()

    def __iter__(self) -> Iterator[Any]:
        yield from (1, 2, 3)

    def record_id(self, o: Any) -> Any:
        return np.int64(o)

    def parse_fields(self, o: Any, record: BaseRecord, is_new: bool) -> None:
        if o == 3:
            raise AbortParseRecord("not wanted")
        record.set_img(np.zeros((20, 30, 3), np.uint8))
        record.detection.set_class_map(self.class_map)
        stack = np.stack([tiny.disc((20, 30), (8, 8), 4), tiny.disc((20, 30), (20, 10), 6)])
        record.detection.add_masks([MaskArray(stack)])
        record.detection.add_labels_by_id([1])
        record.detection.add_labels(["tube"])
        record.detection.add_iscrowds([0, 1])
        record.detection.add_areas([50.5, 100])


def test_masks_crowds_and_areas_are_kept_and_pieces_left_out_are_counted(folder: Path) -> None:
    parser = MasksParser(MaskRecord(), folder)
    (records,) = parser.parse(SingleSplitter())
    assert [record.image_id for record in records] == [1, 2]
    found = records[0].instances
    assert masks.decode(found.run_lengths()[1]).tolist() == tiny.disc((20, 30), (20, 10), 6).tolist()
    assert found.is_crowd.tolist() == [False, True]
    assert found.areas.tolist() == [50.5, 100]
    assert found.boxes[0].tolist() == [4, 4, 12, 12]
    assert records.class_map.names == ("disc", "tube")
    assert parser.report.dropped == {"piece that the parser leaves out": 1}


class BadParser(RowsParser):
    """One more label than boxes."""

    def parse_fields(self, o: Any, record: BaseRecord, is_new: bool) -> None:
        super().parse_fields(o, record, is_new)
        record.detection.add_labels(["disc"])


def test_labels_and_boxes_that_differ_in_number_are_named(folder: Path) -> None:
    with pytest.raises(DataError, match=r"record 'a.png' has 4 labels, 2 bboxes; parse_fields must add one of each"):
        BadParser(None, folder).parse()


class BareParser(RowsParser):
    """Says nothing of the image."""

    def parse_fields(self, o: Any, record: BaseRecord, is_new: bool) -> None:
        record.detection.add_labels([])


def test_a_record_without_an_image_names_the_call_that_is_missing(folder: Path) -> None:
    with pytest.raises(DataError, match=r"must call record.set_filepath\(path\)"):
        BareParser(None, folder).parse()


def test_a_template_shows_what_a_parser_must_have() -> None:
    assert "add_masks" not in repr(TemplateParser.generate_template(DetectionRecord()))
    text = repr(TemplateParser.generate_template(BaseRecord((RecordComponent(), RecordComponent()))))
    assert "record.set_filepath" in text
    assert "add_masks" in repr(TemplateParser.generate_template(MaskRecord()))


def test_a_new_record_is_a_copy_of_the_template_each_time(folder: Path) -> None:
    template = DetectionRecord()
    RowsParser(template, folder).parse()
    assert template.detection.labels == []
    assert template.filepath is None


def test_set_puts_new_values_in_place_of_old() -> None:
    found = BaseRecord().detection
    found.set_class_map(ClassMap(["disc", "ring"]))
    found.add_labels(["disc"])
    found.set_labels(["ring"])
    assert found.labels == ["ring"]
    found.set_labels_by_id([1])
    assert found.labels == ["disc"]
    found.add_bboxes([BBox(0, 0, 1, 1)])
    found.set_bboxes([])
    assert found.bboxes == []
    found.set_iscrowds([1])
    found.set_areas([3])
    found.set_masks([])
    assert (found.iscrowds, found.areas, found.masks) == ([True], [3.0], [])


def test_ids_of_any_kind_become_numbers_or_text() -> None:
    assert image_id_of(np.int64(3)) == 3
    assert image_id_of(Path("a/b.png")) == "a/b.png"
    assert image_id_of(("a", 1)) == "('a', 1)"


def test_labels_by_number_need_a_class_map() -> None:
    with pytest.raises(DataError, match="set_class_map"):
        BaseRecord().detection.add_labels_by_id([1])
