from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contorno import parsers
from contorno.errors import ConfigError, DataError
from contorno.images import write_image


def mask_folder(root: Path, *image_ids: str) -> None:
    for image_id in image_ids:
        write_image(root / image_id / "images" / "i.png", np.zeros((4, 4, 3), dtype=np.uint8))
        write_image(root / image_id / "masks" / "m.png", np.full((4, 4), 255, dtype=np.uint8))


def coco_file(path: Path, images: Path, count: int = 5, names: tuple[str, ...] = ("cat",)) -> Path:
    square: dict[str, Any] = {"segmentation": [[0, 0, 2, 0, 2, 2, 0, 2]], "bbox": [0, 0, 2, 2], "area": 4, "iscrowd": 0}
    for number in range(count):
        write_image(images / f"{number}.png", np.zeros((4, 4, 3), dtype=np.uint8))
    value = {
        "images": [{"id": n, "file_name": f"{n}.png", "width": 4, "height": 4} for n in range(count)],
        "annotations": [{"id": n + 1, "image_id": n, "category_id": 0, **square} for n in range(count)],
        "categories": [{"id": i, "name": name} for i, name in enumerate(names)],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def sizes(found: dict[str, parsers.Records]) -> dict[str, int]:
    return {split: len(records) for split, records in found.items()}


def test_coco_file_is_divided_four_to_one_by_the_seed(tmp_path: Path) -> None:
    path = coco_file(tmp_path / "labels.json", tmp_path / "photos", count=10)
    found = parsers.parse(path, tmp_path / "photos", seed=3)
    again = parsers.parse(path, tmp_path / "photos", seed=3)
    assert sizes(found) == {"train": 8, "validation": 2}
    assert [r.image_id for r in found["validation"]] == [r.image_id for r in again["validation"]]
    report = found["validation"].report
    assert report is not None
    assert report.images == 10
    assert "labels.json: COCO file" in str(parsers.recognise(path))


@pytest.mark.parametrize("images", ["images", ".", "labels"])
def test_image_folder_of_a_coco_file_is_found_beside_it(tmp_path: Path, images: str) -> None:
    path = coco_file(tmp_path / "labels.json", tmp_path / images)
    assert sizes(parsers.parse(path)) == {"train": 4, "validation": 1}


def test_coco_file_whose_images_are_nowhere_asks_for_the_folder(tmp_path: Path) -> None:
    path = coco_file(tmp_path / "here" / "labels.json", tmp_path / "far" / "away")
    with pytest.raises(DataError, match=r"its first image '0\.png' is in none of .* images="):
        parsers.parse(path)


def test_mask_folder_is_recognised(tmp_path: Path) -> None:
    mask_folder(tmp_path, *"abcde")
    found = parsers.parse(tmp_path, class_name="cell")
    assert sizes(found) == {"train": 4, "validation": 1}
    assert found["train"].class_map.names == ("cell",)
    assert "images and mask pictures" in str(parsers.recognise(tmp_path))


@pytest.mark.parametrize("name", ["val", "valid", "validation", "Val"])
def test_split_folders_are_found_by_themselves(tmp_path: Path, name: str) -> None:
    mask_folder(tmp_path / "train", "a", "b")
    mask_folder(tmp_path / name, "c")
    mask_folder(tmp_path / "test", "d")
    found = parsers.parse(tmp_path)
    assert sizes(found) == {"train": 2, "validation": 1, "test": 1}
    assert {record.split for record in found["validation"]} == {"validation"}


def test_train_is_divided_where_only_test_stands_beside_it(tmp_path: Path) -> None:
    mask_folder(tmp_path / "train", *"abcde")
    mask_folder(tmp_path / "test", "z")
    assert sizes(parsers.parse(tmp_path)) == {"train": 4, "validation": 1, "test": 1}


def test_split_folders_with_a_coco_file_in_each_share_one_class_map(tmp_path: Path) -> None:
    coco_file(tmp_path / "train" / "_annotations.coco.json", tmp_path / "train", names=("cat", "dog"))
    coco_file(tmp_path / "valid" / "_annotations.coco.json", tmp_path / "valid", count=2, names=("Dog", "bird"))
    found = parsers.parse(tmp_path)
    assert sizes(found) == {"train": 5, "validation": 2}
    assert found["train"].class_map.names == ("cat", "dog", "bird")
    assert found["validation"].class_map == found["train"].class_map
    assert found["validation"][0].instances.labels.tolist() == [2]


def test_what_is_not_recognised_is_an_error_that_says_what_was_found(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no JSON file, no train/ folder, no <id>/images/ folders, no images beside"):
        parsers.parse(tmp_path)
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(DataError, match=r"2 JSON files \(a\.json, b\.json\)"):
        parsers.parse(tmp_path)
    with pytest.raises(ConfigError, match="nowhere does not exist"):
        parsers.parse(tmp_path / "nowhere")


def test_two_folders_for_one_split_are_an_error(tmp_path: Path) -> None:
    mask_folder(tmp_path / "train", "a")
    mask_folder(tmp_path / "val", "b")
    mask_folder(tmp_path / "valid", "c")
    with pytest.raises(DataError, match="val and valid, which both mean the split 'validation'"):
        parsers.parse(tmp_path)


def yolo(folder: Path, name: str = "0", *, images: Path | None = None) -> None:
    write_image((folder if images is None else images) / f"{name}.png", np.zeros((4, 4, 3), dtype=np.uint8))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.txt").write_text("0 0.1 0.1 0.9 0.1 0.9 0.9\n")


def voc(folder: Path, images: Path) -> None:
    write_image(images / "0.png", np.zeros((4, 4, 3), dtype=np.uint8))
    folder.mkdir(parents=True)
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox>"
    (folder / "0.xml").write_text(
        f"<annotation><filename>0.png</filename><object><name>cat</name>{box}</object></annotation>"
    )


def test_a_folder_of_yolo_labels_alone_asks_for_the_images_and_is_read_with_them(tmp_path: Path) -> None:
    yolo(tmp_path / "labels", images=tmp_path / "photos")
    with pytest.raises(DataError, match=r"1 text files as YOLO's labels are .*--images"):
        parsers.recognise(tmp_path / "labels")
    found = parsers.read(tmp_path / "labels", tmp_path / "photos")
    assert [record.image_id for record in found[""]] == ["0.png"]


@pytest.mark.parametrize(("xml", "images"), [("annotations", "images"), ("xmls", "JPEGImages"), ("XML", "imgs")])
def test_voc_is_told_whatever_the_case_and_kin_of_its_folders(tmp_path: Path, xml: str, images: str) -> None:
    voc(tmp_path / xml, tmp_path / images)
    assert parsers.recognise(tmp_path).splits[""].kind == "VOC folder"
    assert parsers.read(tmp_path)[""].num_objects == 1


def test_the_annotations_out_of_a_voc_data_set_find_the_images_beside_them(tmp_path: Path) -> None:
    voc(tmp_path / "Annotations", tmp_path / "JPEGImages")
    for path in (tmp_path / "Annotations", tmp_path / "Annotations" / "0.xml"):
        assert parsers.read(path)[""].num_objects == 1


def test_several_years_of_voc_are_an_error_and_each_can_be_given(tmp_path: Path) -> None:
    kit = tmp_path / "VOCdevkit"
    for year in ("VOC2007", "VOC2012"):
        voc(kit / year / "Annotations", kit / year / "JPEGImages")
    with pytest.raises(DataError, match=r"several data sets \(VOC2007, VOC2012\)"):
        parsers.recognise(tmp_path)
    assert parsers.read(kit / "VOC2012")[""].num_objects == 1


def test_a_folder_of_masks_is_read_with_the_folder_of_its_images(tmp_path: Path) -> None:
    write_image(tmp_path / "photos" / "a.png", np.zeros((4, 4, 3), dtype=np.uint8))
    write_image(tmp_path / "drawn" / "a_mask.png", np.full((4, 4), 255, dtype=np.uint8))
    assert parsers.read(tmp_path / "drawn", tmp_path / "photos")[""].num_objects == 1


def test_masks_beside_the_folders_of_splits_are_read_whole(tmp_path: Path) -> None:
    for split, count in (("train", 2), ("val", 1)):
        for number in range(count):
            write_image(tmp_path / split / f"{number}.png", np.zeros((4, 4, 3), dtype=np.uint8))
            write_image(tmp_path / f"{split}_masks" / f"{number}_mask.png", np.full((4, 4), 255, dtype=np.uint8))
    assert sizes(parsers.read(tmp_path)) == {"train": 2, "validation": 1}


def test_folders_of_masks_among_which_none_is_meant_are_named(tmp_path: Path) -> None:
    write_image(tmp_path / "images" / "a.png", np.zeros((4, 4, 3), dtype=np.uint8))
    for name in ("masks", "labels"):
        write_image(tmp_path / name / "a.png", np.full((4, 4), 255, dtype=np.uint8))
    with pytest.raises(DataError, match=r"several folders of masks, masks, labels; .*--images"):
        parsers.recognise(tmp_path)


def test_a_folder_inside_that_can_be_read_is_named(tmp_path: Path) -> None:
    mask_folder(tmp_path / "stage1_train", "a")
    with pytest.raises(DataError, match=r"its folder stage1_train is; give"):
        parsers.recognise(tmp_path)


def test_options_of_mask_pictures_reach_their_parser(tmp_path: Path) -> None:
    write_image(tmp_path / "images" / "a.png", np.zeros((4, 4, 3), dtype=np.uint8))
    values = np.array([[7, 7, 0, 0], [7, 7, 0, 9], [0, 0, 0, 0], [5, 5, 5, 5]], dtype=np.uint8)
    write_image(tmp_path / "masks" / "a.png", values)
    (tmp_path / "values.json").write_text('{"cat": 7, "dog": 9}')
    options = parsers.ReadOptions(
        mask_kind="semantic", mask_values=tmp_path / "values.json", mask_void=(5,), min_area=2, min_box_area=1
    )
    records = parsers.read(tmp_path, options=options)[""]
    assert records.class_map.names == ("cat", "dog")
    assert records[0].instances.labels.tolist() == [1]
    assert records.report is not None
    assert records.report.dropped == {"region under 2 px² (min_area)": 1}
    write_image(tmp_path / "masks" / "a.png", np.full((8, 8), 7, dtype=np.uint8))
    fitted = parsers.read(tmp_path, options=parsers.ReadOptions(mask_kind="semantic", resize_masks=True))[""]
    assert fitted[0].instances.boxes.tolist() == [[0, 0, 4, 4]]


SHAPE = {"label": "cat", "points": [[1.25, 1.25], [3.5, 1.25], [3.5, 3.5]], "shape_type": "polygon"}
REGION = {
    "shape_attributes": {"name": "polygon", "all_points_x": [0, 3, 3], "all_points_y": [0, 0, 3]},
    "region_attributes": {"class": "cat"},
}


@pytest.mark.parametrize(
    "document",
    [
        {"version": "5.5.0", "flags": {}, "shapes": [SHAPE] * 2000, "imagePath": "a.png", "imageData": None},
        {"version": "3.6", "imageData": "A" * 100_000, "shapes": [SHAPE], "imagePath": "a.png"},
        {"version": "x", "shapes": [SHAPE]},
    ],
    ids=["shapes longer than the head", "image before the shapes", "no image"],
)
def test_labelme_files_are_known_whatever_comes_first(tmp_path: Path, document: dict[str, Any]) -> None:
    write_image(tmp_path / "a.png", np.zeros((4, 4, 3), dtype=np.uint8))
    (tmp_path / "a.json").write_text(json.dumps(document))
    assert parsers.read(tmp_path)[""].num_objects == len(document["shapes"])


@pytest.mark.parametrize(
    "document",
    [
        {"a": {"filename": "a.png", "base64_img_data": "A" * 100_000, "regions": {"0": REGION}}},
        {"a": {"regions": [REGION] * 2000, "filename": "a.png"}},
        {"x": {"filename": "b.png"}, "a": {"filename": "a.png", "regions": [REGION]}},
    ],
    ids=["image before the regions", "regions longer than the head", "first entry without regions"],
)
def test_via_files_are_known_whatever_comes_first(tmp_path: Path, document: dict[str, Any]) -> None:
    write_image(tmp_path / "a.png", np.zeros((4, 4, 3), dtype=np.uint8))
    (tmp_path / "via.json").write_text(json.dumps(document))
    assert parsers.read(tmp_path / "via.json")[""].num_objects == len(document["a"]["regions"])


@pytest.mark.parametrize("suffix", ["", "-folder"])
@pytest.mark.parametrize(
    "text",
    [
        "#filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n",
        "filename;file_size;file_attributes;region_count;region_id;region_shape_attributes;region_attributes\n",
        "# Exported using VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)\n# Notes:\n",
    ],
    ids=["version 1", "semicolons", "version 3"],
)
def test_every_csv_of_via_is_known(tmp_path: Path, text: str, suffix: str) -> None:
    (tmp_path / "via.csv").write_text(text)
    found = parsers.recognise(tmp_path if suffix else tmp_path / "via.csv")
    assert found.splits[""].kind == "VIA file"


@pytest.mark.parametrize("text", ["", "\n\n", "a,b\n1,2\n"])
def test_other_csv_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(DataError, match="is a CSV whose first line is"):
        parsers.recognise(tmp_path / "labels.csv")


@pytest.mark.parametrize(
    ("suffix", "text"), [("json", json.dumps({"a": {"filename": "a.png", "regions": []}})), ("xml", "<annotations/>")]
)
def test_of_several_label_files_none_is_taken_silently(tmp_path: Path, suffix: str, text: str) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.{suffix}").write_text(text)
    with pytest.raises(DataError, match=rf"2 label files \(one\.{suffix}, two\.{suffix}\); give the one"):
        parsers.recognise(tmp_path)


def test_zip_is_to_be_unpacked(tmp_path: Path) -> None:
    (tmp_path / "export.zip").write_bytes(b"PK")
    with pytest.raises(DataError, match=r'a zip, which is not .* unzip ".*export\.zip" -d ".*export", and give the'):
        parsers.recognise(tmp_path / "export.zip")
    with pytest.raises(DataError, match=r"is not recognised: .*export\.zip is a zip"):
        parsers.recognise(tmp_path)


def test_a_label_file_of_yolo_and_a_picture_ask_for_the_folder_and_a_list_is_read(tmp_path: Path) -> None:
    yolo(tmp_path / "data")
    with pytest.raises(DataError, match=r"0\.txt is the label file of one image, as of YOLO; give the folder"):
        parsers.recognise(tmp_path / "data" / "0.txt")
    with pytest.raises(DataError, match=r"0\.png is a picture; give a label file"):
        parsers.recognise(tmp_path / "data" / "0.png")
    (tmp_path / "list.txt").write_text("data/0.png\n")
    assert parsers.read(tmp_path / "list.txt")[""].num_objects == 1


def test_a_table_of_masks_may_have_semicolons(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", np.zeros((4, 4, 3), dtype=np.uint8))
    write_image(tmp_path / "m.png", np.full((4, 4), 255, dtype=np.uint8))
    (tmp_path / "t.csv").write_text("images;masks\na.png;m.png\n")
    assert parsers.read(tmp_path / "t.csv")[""].num_objects == 1


def test_data_of_which_no_image_can_be_read_name_the_first_fault(tmp_path: Path) -> None:
    yolo(tmp_path / "yolo")
    mask_folder(tmp_path / "masks", "a")
    for picture in (tmp_path / "yolo" / "0.png", tmp_path / "masks" / "a" / "images" / "i.png"):
        picture.write_bytes(b"no picture")
    for name in ("yolo", "masks"):
        with pytest.raises(DataError, match=r"none of its 1 images can be .* is not an image"):
            parsers.read(tmp_path / name)


VOC = "<annotation><filename>{0}.png</filename><object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin>"
VOC += "<xmax>3</xmax><ymax>3</ymax></bndbox></object></annotation>"


@pytest.mark.parametrize(
    ("labels", "images"),
    [("{}/Annotations", "{}/JPEGImages"), ("{}/annotations", "{}/images"), ("annotations/{}", "images/{}")],
)
def test_voc_files_of_each_split_are_found(tmp_path: Path, labels: str, images: str) -> None:
    for split, names in (("train", "ab"), ("val", "c")):
        for name in names:
            write_image(tmp_path / images.format(split) / f"{name}.png", np.zeros((4, 4), dtype=np.uint8))
            path = tmp_path / labels.format(split) / f"{name}.xml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(VOC.format(name))
    assert sizes(parsers.read(tmp_path)) == {"train": 2, "validation": 1}


def test_data_file_of_darknet_is_one_of_yolo(tmp_path: Path) -> None:
    write_image(tmp_path / "data" / "a.png", np.zeros((4, 4), dtype=np.uint8))
    (tmp_path / "data" / "a.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (tmp_path / "train.txt").write_text("data/a.png\n")
    (tmp_path / "obj.names").write_text("cat\n")
    (tmp_path / "obj.data").write_text("classes = 1\ntrain = train.txt\nnames = obj.names\n")
    (records,) = parsers.read(tmp_path / "obj.data").values()
    assert (records.class_map.names, records.num_objects) == (("cat",), 1)


def test_several_exports_in_a_folder_are_named_and_not_taken_for_masks(tmp_path: Path) -> None:
    for name in "ab":
        write_image(tmp_path / f"task_{name}" / "images" / f"{name}.png", np.zeros((4, 4), dtype=np.uint8))
        xml = f'<annotations><image id="0" name="{name}.png" width="4" height="4"/></annotations>'
        (tmp_path / f"task_{name}" / "annotations.xml").write_text(xml)
    with pytest.raises(DataError, match=r"its folders task_a, task_b are, each .* `contorno data merge`"):
        parsers.recognise(tmp_path)


def test_label_files_of_yolo_apart_from_their_images_ask_for_these(tmp_path: Path) -> None:
    write_image(tmp_path / "pics" / "a.png", np.zeros((4, 4), dtype=np.uint8))
    (tmp_path / "txt").mkdir()
    (tmp_path / "txt" / "a.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    with pytest.raises(DataError, match=r"its folder txt has 1 text files as YOLO's .* give .*txt with the folder"):
        parsers.recognise(tmp_path)


def test_folders_of_pictures_by_other_names_ask_which_are_the_masks(tmp_path: Path) -> None:
    for folder in ("Training_Input", "Training_GroundTruth"):
        write_image(tmp_path / folder / "a.png", np.full((4, 4), 255, dtype=np.uint8))
    with pytest.raises(DataError, match=r"folders Training_GroundTruth, Training_Input hold pictures .*\(--images\)"):
        parsers.recognise(tmp_path)
    assert sizes(parsers.read(tmp_path / "Training_GroundTruth", tmp_path / "Training_Input")) == {"": 1}


def test_data_and_labels_as_fiftyone_lays_them_out(tmp_path: Path) -> None:
    for kind in ("voc", "cvat", "masks"):
        write_image(tmp_path / kind / "data" / "a.png", np.zeros((4, 4), dtype=np.uint8))
    (tmp_path / "voc" / "labels").mkdir()
    (tmp_path / "voc" / "labels" / "a.xml").write_text(VOC.format("a"))
    box = '<box label="cat" xtl="1" ytl="1" xbr="3" ybr="3"/>'
    image = f'<image id="0" name="a.png" width="4" height="4">{box}</image>'
    (tmp_path / "cvat" / "labels.xml").write_text(f"<annotations>{image}</annotations>")
    write_image(tmp_path / "masks" / "labels" / "a.png", np.eye(4, dtype=np.uint8) * 255)
    for kind in ("voc", "cvat", "masks"):
        (records,) = parsers.read(tmp_path / kind, options=parsers.ReadOptions(objects="any")).values()
        assert (len(records), records.num_objects) == (1, 1), kind
