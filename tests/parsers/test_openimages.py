from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from contorno import masks, parsers
from contorno.errors import ConfigError, DataError
from contorno.images import write_image
from contorno.masks import RunLength
from contorno.parsers.openimages import OpenImagesBBoxParser, OpenImagesParser, openimages_layout
from contorno.records import ClassMap, Records
from contorno.splits import BySplitFolder, SingleSplitter

CAT, DOG = "/m/01yrx", "/m/0bt9lr"
A, B, C = "00aa0000000000aa", "0b00000000000000", "c000000000000000"
MASKS_HEAD = "MaskPath,ImageID,LabelName,BoxID,BoxXMin,BoxXMax,BoxYMin,BoxYMax,PredictedIoU,Clicks\n"
BOXES_HEAD = (
    "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside\n"
)
LEFT = "0.000000,0.500000,0.000000,1.000000"


def mask_name(image_id: str, mid: str = CAT, number: int = 0) -> str:
    return f"{image_id}_{mid[1:].replace('/', '')}_{number:08x}.png"


def mask_row(image_id: str, mid: str = CAT, number: int = 0, box: str = LEFT) -> str:
    return f"{mask_name(image_id, mid, number)},{image_id},{mid},{number:08x},{box},0.75,0.1 0.2 1\n"


def box_row(image_id: str, mid: str = CAT, flags: str = "0,0,0,0,0", box: str = LEFT) -> str:
    return f"{image_id},xclick,{mid},1,{box},{flags}\n"


def image(path: Path) -> None:
    write_image(path, np.zeros((4, 8, 3), dtype=np.uint8))


def mask(path: Path, filled: bool = True) -> None:
    """A mask of twice the size of its image: the left half."""
    bitmap = np.zeros((8, 16), dtype=bool)
    bitmap[:, :8] = filled
    write_image(path, bitmap)


def fiftyone(root: Path, split: str, ids: tuple[str, ...], mask_rows: str = "", box_rows: str = "") -> Path:
    """A split as FiftyOne lays it out."""
    folder = root / split
    for image_id in ids:
        image(folder / "data" / f"{image_id}.jpg")
    (folder / "labels").mkdir(parents=True, exist_ok=True)
    (folder / "metadata").mkdir(exist_ok=True)
    if mask_rows:
        (folder / "labels" / "segmentations.csv").write_text(MASKS_HEAD + mask_rows)
    if box_rows:
        (folder / "labels" / "detections.csv").write_text(BOXES_HEAD + box_rows)
    (folder / "labels" / "classifications.csv").write_text(f"ImageID,Source,LabelName,Confidence\n{A},x,{CAT},1\n")
    (folder / "metadata" / "classes.csv").write_text(f"{CAT},Cat\n{DOG},Dog\n")
    (folder / "metadata" / "image_ids.csv").write_text(f"ImageID,Subset\n{A},train\n")
    return folder


def read(path: Path, **options: object) -> tuple[Records, OpenImagesParser]:
    parser = OpenImagesParser(path, **options)  # type: ignore[arg-type]
    (records,) = parser.parse(SingleSplitter())
    return records, parser


def test_folder_of_fiftyone_gives_masks_at_the_size_of_their_images(tmp_path: Path) -> None:
    rows = mask_row(A) + mask_row("ffff000000000000")
    folder = fiftyone(tmp_path, "train", (A, B), rows, box_row(A, flags="1,0,0,-1,0"))
    mask(folder / "labels" / "masks" / "0" / mask_name(A))
    fiftyone(tmp_path, "validation", (C,), mask_row(C, DOG))
    mask(tmp_path / "validation" / "labels" / "masks" / "C" / mask_name(C, DOG))
    assert openimages_layout(tmp_path) == "tables"
    parser = OpenImagesParser(tmp_path)
    train, validation = parser.parse(BySplitFolder())
    assert train.class_map == ClassMap(["Cat", "Dog"])
    assert [(r.image_id, r.split, len(r.instances)) for r in (*train, *validation)] == [
        (A, "train", 1),
        (B, "train", 0),
        (C, "validation", 1),
    ]
    (code,) = train[0].instances.run_lengths()
    assert np.array_equal(masks.decode(code), [[1, 1, 1, 1, 0, 0, 0, 0]] * 4)
    assert train[0].instances.boxes.tolist() == [[0, 0, 4, 4]]
    assert train[0].instances.ids == (mask_name(A)[:-4],)
    assert train[0].instances.attributes == (
        {
            "MaskPath": mask_name(A),
            "BoxID": "00000000",
            "PredictedIoU": 0.75,
            "IsOccluded": True,
            "IsTruncated": False,
            "IsGroupOf": False,
            "IsInside": False,
        },
    )
    assert parser.report.dropped == {"row of an image that is not in the folder": 1}
    assert train[0].path == tmp_path / "train" / "data" / f"{A}.jpg"


def test_one_split_of_fiftyone_is_read_by_itself(tmp_path: Path) -> None:
    folder = fiftyone(tmp_path, "validation", (A,), mask_row(A))
    mask(folder / "labels" / "masks" / "0" / mask_name(A))
    records, _ = read(folder)
    assert [(r.image_id, r.split) for r in records] == [(A, "validation")]


def test_groups_are_crowd_regions(tmp_path: Path) -> None:
    folder = fiftyone(tmp_path, "train", (A,), mask_row(A), box_row(A, flags="0,0,1,0,0"))
    mask(folder / "labels" / "masks" / "0" / mask_name(A))
    assert read(tmp_path)[0][0].instances.is_crowd.tolist() == [True]


@pytest.mark.parametrize(("unmasked", "kept"), [("leave-out", 1), ("ignore", 2), ("keep", 2)])
def test_boxes_without_masks_are_treated_as_asked(tmp_path: Path, unmasked: str, kept: int) -> None:
    boxes = box_row(A) + box_row(A, DOG, box="0.26,0.9,0.3,0.6") + box_row(B, DOG)
    folder = fiftyone(tmp_path, "train", (A, B), mask_row(A), boxes)
    mask(folder / "labels" / "masks" / "0" / mask_name(A))
    records, parser = read(tmp_path, unmasked=unmasked)
    assert len(records[0].instances) == kept
    if unmasked == "leave-out":
        # The image that has nothing else would be a negative that shows a dog.
        assert [record.image_id for record in records] == [A]
        assert parser.report.dropped == {
            "box of an object without a mask": 2,
            "image left out, none of its masks can be used": 1,
        }
    else:
        assert records[0].instances.is_crowd.tolist() == [False, unmasked == "ignore"]
        other = records[0].instances.geometries[1]
        if unmasked == "ignore":
            assert isinstance(other, RunLength)
            assert np.flatnonzero(masks.decode(other).any(axis=0)).tolist() == [2, 3, 4, 5, 6, 7]
            assert np.flatnonzero(masks.decode(other).any(axis=1)).tolist() == [1, 2]
        else:
            assert other is None


def test_boxes_are_the_objects_where_there_are_no_masks_or_boxes_are_asked_for(tmp_path: Path) -> None:
    fiftyone(tmp_path, "train", (A,), "", box_row(A) + box_row(A, flags="0,0,1,0,0", box="0.5,1,0.25,0.75"))
    records, _ = read(tmp_path)
    assert records[0].instances.boxes.tolist() == [[0, 0, 4, 4], [4, 1, 8, 3]]
    assert records[0].instances.is_crowd.tolist() == [False, True]
    (tmp_path / "train" / "labels" / "segmentations.csv").write_text(MASKS_HEAD + mask_row(A))
    (boxes,) = OpenImagesBBoxParser(tmp_path).parse(SingleSplitter())
    assert boxes[0].instances.boxes.tolist() == records[0].instances.boxes.tolist()
    assert boxes[0].instances.geometries == (None, None)


def test_classes_are_chosen_by_name_or_mid_and_labelled_in_that_order(tmp_path: Path) -> None:
    fiftyone(tmp_path, "train", (A,), "", box_row(A) + box_row(A, DOG))
    assert read(tmp_path, classes=["dog", "CAT"])[0].class_map == ClassMap(["Dog", "Cat"])
    records, _ = read(tmp_path, classes=[DOG])
    assert (records.class_map, records.num_objects) == (ClassMap(["Dog"]), 1)
    with pytest.raises(
        (ConfigError, DataError), match=r"no row of its tables is of one of its 1 images and the classes bird"
    ):
        read(tmp_path, classes=["Bird"])


def test_published_tables_lie_beside_images_in_any_folders(tmp_path: Path) -> None:
    image(tmp_path / "pictures" / f"{A}.jpg")
    mask(tmp_path / "train-masks-0" / mask_name(A))
    mask(tmp_path / "loose" / mask_name(A, DOG))
    (tmp_path / "csv").mkdir()
    rows = MASKS_HEAD + mask_row(A) + mask_row(A, DOG)
    (tmp_path / "csv" / "train-annotations-object-segmentation.csv").write_text(rows)
    (tmp_path / "csv" / "oidv7-class-descriptions-boxable.csv").write_text(f"LabelName,DisplayName\n{CAT},Cat\n")
    records, parser = read(tmp_path)
    assert records.class_map == ClassMap([DOG, "Cat"])
    assert (records.num_objects, records[0].split) == (2, "train")
    assert parser.report.mended == {"class without a display name, called by its MID": 1}


def test_images_elsewhere_are_read_from_img_dir(tmp_path: Path) -> None:
    image(tmp_path / "pictures" / "test" / f"{A}.jpg")
    fiftyone(tmp_path / "tables", "csv", (), "", box_row(A))
    records, _ = read(tmp_path / "tables", img_dir=tmp_path / "pictures")
    assert [(r.image_id, r.split) for r in records] == [(A, "test")]
    with pytest.raises(DataError, match="has tables of Open Images and no images; give their folder as img_dir"):
        read(tmp_path / "tables")


def test_bad_rows_and_masks_are_counted(tmp_path: Path) -> None:
    rows = "".join(mask_row(A, number=number) for number in range(4)) + mask_row(A) + f"{mask_name(A)},{A}\n"
    folder = fiftyone(
        tmp_path,
        "train",
        (A, B),
        rows + mask_row(B, box="x,,nan,-1") + mask_row(B, DOG, box="0,inf,0,1"),
        box_row(B, box="0.5,0.5,0,1"),
    )
    home = folder / "labels" / "masks" / "0"
    mask(home / mask_name(A))
    mask(home / mask_name(A, number=1), filled=False)
    (home / mask_name(A, number=2)).write_bytes(b"no picture")
    mask(home / mask_name(B))
    mask(home / mask_name(B, DOG))
    records, parser = read(tmp_path)
    assert [len(record.instances) for record in records] == [1, 2]
    assert records[1].instances.boxes.tolist() == [[0, 0, 4, 4]] * 2
    assert parser.report.dropped == {
        "row of a table that is cut off": 1,
        "row that repeats another": 1,
        "mask empty": 1,
        "mask damaged": 1,
        "mask file that is missing": 1,
        "box of an object without a mask": 1,
    }
    with pytest.raises(DataError, match="row of a table that is cut off"):
        parser.parse(autofix=False)


def test_mask_paths_lead_nowhere_else(tmp_path: Path) -> None:
    rows = [mask_row(A).replace(mask_name(A), name, 1) for name in ("../../../../secret.png", "masks/", "..")]
    folder = fiftyone(tmp_path / "data", "train", (A,), "".join(rows) + mask_row(A))
    mask(folder / "labels" / "masks" / "0" / mask_name(A))
    mask(tmp_path / "secret.png")
    records, parser = read(tmp_path / "data")
    assert records.num_objects == 1
    assert parser.report.dropped["mask file that is missing"] == 3


def test_masks_still_packed_are_an_error(tmp_path: Path) -> None:
    fiftyone(tmp_path, "train", (A,), mask_row(A))
    with pytest.raises(DataError, match="none of the 1 mask files is there; unpack the archives"):
        read(tmp_path)


def tutorial(root: Path, class_name: str, xml_name: str, mid: str, *ids: str) -> Path:
    """A folder of one class in the tutorial's layout; each image has one mask, and one more box in its XML."""
    folder = root / class_name
    (folder / "pascal").mkdir(parents=True)
    for image_id in ids:
        image(folder / "images" / f"{image_id}.jpg")
        mask(folder / "segmentations" / mask_name(image_id, mid))
        thing = (
            "<object><name>{}</name><truncated>1</truncated><difficult>{}</difficult><bndbox><xmin>{}</xmin>"
            "<ymin>1</ymin><xmax>{}</xmax><ymax>4</ymax></bndbox></object>"
        )
        text = thing.format(xml_name, 0, 1, 4) + thing.format(xml_name, 1, 7, 8)
        (folder / "pascal" / f"{image_id}.xml").write_text(f"<annotation>{text}</annotation>")
    (folder / "segmentations.csv").write_text(f"MaskPath,BoxID,PredictedIoU\n{mask_name(ids[0], mid)},00000000,0.5\n")
    return folder


def test_folder_of_the_tutorial_has_its_masks_with_what_its_xml_says(tmp_path: Path) -> None:
    tutorial(tmp_path, "cat", "Cat", CAT, A, B)
    for path in (tmp_path, tmp_path / "cat"):
        assert openimages_layout(path) == "tutorial"
        records, parser = read(path)
        assert records.class_map == ClassMap(["Cat"])
        assert [record.image_id for record in records] == [A, B]
        assert records[0].instances.attributes == (
            {"truncated": 1, "difficult": 0, "MaskPath": mask_name(A), "BoxID": "00000000", "PredictedIoU": 0.5},
        )
        assert parser.report.dropped == {"box of an object without a mask": 2}
    records, _ = read(tmp_path, unmasked="ignore")
    assert records[0].instances.boxes.tolist() == [[0, 0, 4, 4], [6, 0, 8, 4]]
    assert records[0].instances.is_crowd.tolist() == [False, True]


def test_an_image_in_two_class_folders_is_one_image_with_the_objects_of_both(tmp_path: Path) -> None:
    tutorial(tmp_path, "cat", "Cat", CAT, A)
    tutorial(tmp_path, "dog", "hound", DOG, A, B)
    records, _ = read(tmp_path)
    assert records.class_map == ClassMap(["Cat", "hound"])
    assert [(record.image_id, record.instances.labels.tolist()) for record in records] == [(A, [1, 2]), (B, [2])]
    assert read(tmp_path, classes=["hound"])[0].num_objects == 2
    (boxes,) = OpenImagesBBoxParser(tmp_path).parse(SingleSplitter())
    assert boxes[1].instances.boxes.tolist() == [[0, 0, 4, 4], [6, 0, 8, 4]]


def test_a_box_of_the_xml_that_lies_elsewhere_is_not_that_of_the_mask(tmp_path: Path) -> None:
    folder = tutorial(tmp_path, "cat", "Cat", CAT, A)
    xml = folder / "pascal" / f"{A}.xml"
    xml.write_text(xml.read_text().replace("<xmin>1</xmin>", "<xmin>4</xmin>"))
    records, parser = read(folder)
    attributes = records[0].instances.attributes
    assert attributes is not None
    assert "truncated" not in attributes[0]
    assert parser.report.dropped == {"box of an object without a mask": 2}


def test_a_tutorial_folder_without_xml_and_with_a_stray_mask(tmp_path: Path) -> None:
    folder = tutorial(tmp_path, "cat", "Cat", CAT, A)
    (folder / "pascal" / f"{A}.xml").unlink()
    (folder / "segmentations.csv").unlink()
    mask(folder / "segmentations" / mask_name(B))
    records, parser = read(folder)
    assert (records.class_map, records.num_objects) == (ClassMap(["cat"]), 1)
    assert parser.report.dropped == {"mask without an image": 1}


def fetched(root: Path) -> None:
    """A folder as `contorno openimages fetch` leaves it."""
    (root / "annotations").mkdir(parents=True)
    (root / "manifest.json").write_text("{}")
    for split, image_id in (("train", A), ("test", B)):
        image(root / "images" / split / f"{image_id}.jpg")
        code = masks.encode(np.eye(4, 8, dtype=np.uint8))
        annotation = {
            "id": 5,
            "image_id": 1,
            "category_id": 2,
            "bbox": [0, 0, 4, 4],
            "area": 4,
            "iscrowd": 1,
            "segmentation": code.to_coco(),
            "mask_path": "m.png",
            "is_group_of": True,
            "predicted_iou": None,
        }
        document = {
            "images": [{"id": 1, "file_name": f"{image_id}.jpg", "width": 8, "height": 4, "contorno_id": image_id}],
            "categories": [{"id": 1, "name": "zebra"}, {"id": 2, "name": "Cat"}],
            "annotations": [annotation],
        }
        (root / "annotations" / f"{split}.json").write_text(json.dumps(document))


def test_folder_of_a_fetch_is_read_from_its_coco_files(tmp_path: Path) -> None:
    fetched(tmp_path)
    assert openimages_layout(tmp_path) == "contorno"
    train, test = OpenImagesParser(tmp_path).parse()
    assert train.class_map == ClassMap(["zebra", "Cat"])
    assert [(part[0].image_id, part[0].split) for part in (train, test)] == [(A, "train"), (B, "test")]
    instances = train[0].instances
    assert (instances.labels.tolist(), instances.is_crowd.tolist(), instances.ids) == ([2], [True], (5,))
    assert instances.attributes == ({"mask_path": "m.png", "is_group_of": True},)
    assert masks.decode(instances.run_lengths()[0]).sum() == 4
    assert read(tmp_path, classes=["cat"])[0].class_map == ClassMap(["Cat"])


def test_other_folders_and_options_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("image,x\n")
    assert openimages_layout(tmp_path) is None
    with pytest.raises(DataError, match=r"is not a folder of Open Images: it has no manifest\.json"):
        read(tmp_path)
    with pytest.raises(ConfigError, match="unmasked='drop' is not known"):
        read(tmp_path, unmasked="drop")
    with pytest.raises(ConfigError, match="classes='cat' is one text"):
        read(tmp_path, classes="cat")
    with pytest.raises(ConfigError, match="is no folder"):
        read(tmp_path / "a.csv")


def test_a_table_damaged_farther_down_is_told_and_the_others_are_read(tmp_path: Path) -> None:
    fiftyone(tmp_path, "train", (A,), mask_row(A), box_row(A))
    mask(tmp_path / "train" / "labels" / "masks" / "0" / mask_name(A))
    with (tmp_path / "train" / "labels" / "segmentations.csv").open("ab") as file:
        file.write(b"\xff\xfe\0")
    parser = OpenImagesParser(tmp_path, unmasked="keep")
    (records,) = parser.parse(SingleSplitter())
    assert records.num_objects == 1
    assert parser.report.places["table that cannot be read to its end"] == ("segmentations.csv",)


def test_a_box_in_the_table_of_masks_that_is_none_is_told(tmp_path: Path) -> None:
    fiftyone(tmp_path, "train", (A,), mask_row(A, box="nan,2,-1,x"))
    mask(tmp_path / "train" / "labels" / "masks" / "0" / mask_name(A))
    parser = OpenImagesParser(tmp_path)
    (records,) = parser.parse(SingleSplitter())
    assert records[0].instances.boxes.tolist() == [[0, 0, 4, 4]]
    assert parser.report.mended["box in the table that is none, taken from the mask"] == 1


def test_boxes_are_kept_beside_masks_where_each_object_is_taken_as_it_is(tmp_path: Path) -> None:
    fiftyone(tmp_path, "train", (A,), mask_row(A), box_row(A) + box_row(A, DOG, "0,0,1,0,0"))
    mask(tmp_path / "train" / "labels" / "masks" / "0" / mask_name(A))
    (records,) = parsers.read(tmp_path, options=parsers.ReadOptions(objects="any")).values()
    assert [shape is None for shape in records[0].instances.geometries] == [False, True]
    assert records[0].instances.is_crowd.tolist() == [False, True]
    (records,) = parsers.read(tmp_path).values()
    assert records.num_objects == 1
