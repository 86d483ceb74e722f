"""The hot-dog tutorial's two calls: the layout on disk, and one COCO file in which each mask keeps its own shape."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from contorno import files, images, masks, parsers, splits
from contorno.errors import ConfigError, DataError
from contorno.openimages import Bucket, FetchReport, Folder
from contorno.openimages.pascal import pascal_xml, photos_of
from contorno.openimages.tutorial import _image_id, create_coco_annotation_json, download_segmentation_dataset
from contorno.rehearsal import OfflineBucket, Server

CLASS = "Hot dog"


def half(left: int, size_hw: tuple[int, int] = (20, 30)) -> np.ndarray:
    """A mask image of a block of 4 x 6 px at `left`."""
    mask = np.zeros((*size_hw, 3), dtype=np.uint8)
    mask[2:6, left : left + 6] = 255
    return mask


@pytest.fixture
def by_hand(tmp_path: Path) -> Path:
    """Two images of 20 x 30 px, one with two masks of which one is at twice the size."""
    folder = tmp_path / "anno" / "hot dog"
    for name in ("aa", "bb"):
        images.write_image(folder / "images" / f"{name}.jpg", np.full((20, 30, 3), 90, np.uint8))
    images.write_image(folder / "segmentations" / "aa_m01b9k_1.png", half(1))
    images.write_image(folder / "segmentations" / "aa_m01b9k_2.png", np.kron(half(20), np.ones((2, 2, 1), np.uint8)))
    return tmp_path / "anno"


def test_each_mask_goes_to_its_image_with_its_own_shape(by_hand: Path) -> None:
    coco, path, images_dir = create_coco_annotation_json(by_hand, CLASS)
    assert path == by_hand / "coco_annotation.json"
    assert images_dir == by_hand / "hot dog" / "images"
    assert coco == files.read_json(path)
    assert [category["name"] for category in coco["categories"]] == [CLASS]
    assert sorted(image["file_name"] for image in coco["images"]) == ["aa.jpg", "bb.jpg"]
    assert [annotation["bbox"] for annotation in coco["annotations"]] == [[1, 2, 6, 4], [20, 2, 6, 4]]
    assert [annotation["area"] for annotation in coco["annotations"]] == [24, 24]
    records = parsers.COCOMaskParser(path, images_dir).parse(data_splitter=splits.SingleSplitter())[0]
    shapes = [masks.decode(code) for code in records[0].instances.run_lengths()]
    assert np.array_equal(shapes[0], (half(1)[..., 0] > 0).astype(np.uint8))
    assert np.array_equal(shapes[1], (half(20)[..., 0] > 0).astype(np.uint8))
    assert len(records[1].instances) == 0  # the image without masks stays


def test_annotations_name_their_mask_and_box(by_hand: Path) -> None:
    coco, _, _ = create_coco_annotation_json(by_hand, CLASS)
    found = [(item["mask_path"], item["box_id"], item["predicted_iou"]) for item in coco["annotations"]]
    assert found == [("aa_m01b9k_1.png", "1", None), ("aa_m01b9k_2.png", "2", None)]
    table = by_hand / "hot dog" / "segmentations.csv"
    table.write_text("BoxID,MaskPath,PredictedIoU\nb7,aa_m01b9k_1.png,0.75\nb8,aa_m01b9k_2.png,\n")
    coco, _, _ = create_coco_annotation_json(by_hand, CLASS)
    assert [(item["box_id"], item["predicted_iou"]) for item in coco["annotations"]] == [("b7", 0.75), ("b8", None)]
    table.write_text("MaskPath\naa_m01b9k_1.png\n")
    with pytest.raises(DataError, match=r"segmentations\.csv has the columns MaskPath; expected MaskPath, BoxID, Pre"):
        create_coco_annotation_json(by_hand, CLASS)


def test_the_class_can_be_renamed(by_hand: Path) -> None:
    coco, _, images_dir = create_coco_annotation_json(by_hand, CLASS, name="choripan")
    assert [category["name"] for category in coco["categories"]] == ["choripan"]
    assert images_dir == by_hand / "hot dog" / "images"


def test_masks_go_by_the_whole_image_id_and_not_by_a_part_of_the_path(tmp_path: Path) -> None:
    # By substring the mask would go to `a`, `aab` and `m01b9k` as well, and every mask to `dog`.
    folder = tmp_path / "hot dog"
    for name in ("a", "aab", "aab_c", "m01b9k", "dog"):
        images.write_image(folder / "images" / f"{name}.jpg", np.full((20, 30, 3), 90, np.uint8))
    for name in ("aab_m01b9k_1", "aab_c_m01b9k_1", "m01b9k_m01b9k_a"):
        images.write_image(folder / "segmentations" / f"{name}.png", half(1))
    coco, _, _ = create_coco_annotation_json(tmp_path, CLASS)
    names = {image["id"]: image["file_name"] for image in coco["images"]}
    found = {item["mask_path"]: names[item["image_id"]] for item in coco["annotations"]}
    assert found == {
        "aab_m01b9k_1.png": "aab.jpg",
        "aab_c_m01b9k_1.png": "aab_c.jpg",
        "m01b9k_m01b9k_a.png": "m01b9k.jpg",
    }
    assert len(coco["images"]) == 5


def test_pairing_asks_for_a_few_ids_however_many_images_there_are() -> None:
    class Counted(dict[str, masks.Size]):
        asked = 0

        def __contains__(self, key: object) -> bool:
            self.asked += 1
            return super().__contains__(key)

        def __iter__(self) -> Iterator[str]:
            raise AssertionError("went through all images for one mask")

    known = Counted({f"{number:04x}": (2, 2) for number in range(1000)})
    assert _image_id(Path("x/segmentations/03e7_m01b9k_77.png"), known, Path("x/images")) == "03e7"
    assert known.asked == 1


def test_an_empty_mask_is_no_object_and_no_background_either(by_hand: Path) -> None:
    masks_dir = by_hand / "hot dog" / "segmentations"
    images.write_image(masks_dir / "aa_m01b9k_3.png", np.zeros((20, 30, 3), np.uint8))
    images.write_image(masks_dir / "bb_m01b9k_1.png", np.zeros((20, 30, 3), np.uint8))
    coco, _, _ = create_coco_annotation_json(by_hand, CLASS, fname="other.json")
    assert (by_hand / "other.json").exists()
    assert len(coco["annotations"]) == 2
    assert [image["file_name"] for image in coco["images"]] == ["aa.jpg"]  # bb shows one, nobody knows where
    assert coco["info"]["dropped"] == {
        "mask empty": ["aa_m01b9k_3.png", "bb_m01b9k_1.png"],
        "image left out, none of its masks can be used": ["bb"],
    }


def test_what_does_not_go_together_is_named(by_hand: Path) -> None:
    folder = by_hand / "hot dog" / "segmentations"
    images.write_image(folder / "cc_m01b9k_1.png", half(1))
    with pytest.raises(DataError, match=r"the mask .*cc_m01b9k_1\.png has no image cc\.jpg"):
        create_coco_annotation_json(by_hand, CLASS)
    (folder / "cc_m01b9k_1.png").unlink()
    images.write_image(folder / "bb_m01b9k_1.png", half(1, (30, 20)))
    with pytest.raises(DataError, match=r"the mask .*bb_m01b9k_1\.png does not fit its image"):
        create_coco_annotation_json(by_hand, CLASS)
    (folder / "bb_m01b9k_1.png").write_bytes((folder / "aa_m01b9k_1.png").read_bytes()[:60])
    with pytest.raises(DataError, match=r"a mask cannot be used: .*bb_m01b9k_1\.png cannot be read"):
        create_coco_annotation_json(by_hand, CLASS)
    for path in folder.iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"segmentations has no \.png masks; fetch them"):
        create_coco_annotation_json(by_hand, CLASS)
    with pytest.raises(DataError, match=r"banana.images has no \.jpg images; fetch them"):
        create_coco_annotation_json(by_hand, "Banana")


def test_a_class_arrives_as_images_boxes_and_masks(bucket: Bucket, tmp_path: Path) -> None:
    folders = download_segmentation_dataset(tmp_path / "anno", [CLASS], meta_dir=tmp_path / "meta", bucket=bucket)
    folder = folders[CLASS]
    assert folder == tmp_path / "anno" / "hot dog"
    photos = {path.stem for path in (folder / "images").glob("*.jpg")}
    assert photos == {path.stem for path in (folder / "pascal").glob("*.xml")}
    shapes = list((folder / "segmentations").glob("*.png"))
    assert {path.stem.split("_")[0] for path in shapes} <= photos
    coco, _, _ = create_coco_annotation_json(tmp_path / "anno", CLASS)
    assert len(coco["annotations"]) == len(shapes) > 0
    name_of = {image["id"]: Path(image["file_name"]).stem for image in coco["images"]}
    size_of = {image["id"]: (image["width"], image["height"]) for image in coco["images"]}
    for image_id, stem in name_of.items():
        root = ElementTree.parse(folder / "pascal" / f"{stem}.xml").getroot()
        found = root.findall("object")
        assert len(found) == sum(item["image_id"] == image_id for item in coco["annotations"])
        width, height = size_of[image_id]
        assert (root.findtext("size/width"), root.findtext("size/height")) == (str(width), str(height))
        for thing in found:
            assert thing.findtext("name") == CLASS
            corners = {edge: int(thing.findtext(f"bndbox/{edge}", "0")) for edge in ("xmin", "ymin", "xmax", "ymax")}
            assert 1 <= corners["xmin"] <= corners["xmax"] <= width
            assert 1 <= corners["ymin"] <= corners["ymax"] <= height


def published(offline: OfflineBucket) -> dict[str, dict[str, str]]:
    """All rows of the bucket's tables of masks, by mask."""
    rows = {}
    for path in offline.meta_dir.rglob("*object-segmentation.csv"):
        with path.open(newline="") as file:
            rows |= {row["MaskPath"]: row for row in csv.DictReader(file)}
    return rows


def test_each_annotation_says_what_the_table_says(bucket: Bucket, offline: OfflineBucket, tmp_path: Path) -> None:
    download_segmentation_dataset(tmp_path, [CLASS], bucket=bucket)
    coco, _, _ = create_coco_annotation_json(tmp_path, CLASS)
    rows = published(offline)
    for item in coco["annotations"]:
        row = rows[item["mask_path"]]
        assert item["box_id"] == row["BoxID"]
        assert item["predicted_iou"] == (float(row["PredictedIoU"]) if row["PredictedIoU"] else None)
    assert len({item["mask_path"] for item in coco["annotations"]}) == len(coco["annotations"]) > 30
    assert any(item["predicted_iou"] for item in coco["annotations"])


def test_an_image_of_two_classes_has_the_objects_of_both_and_is_fetched_once(
    bucket: Bucket, server: Server, offline: OfflineBucket, tmp_path: Path
) -> None:
    folders = download_segmentation_dataset(
        tmp_path, ["Hot dog", "Doughnut"], rename={"hot dog": "choripan"}, bucket=bucket
    )
    assert sorted(folder.name for folder in folders.values()) == ["doughnut", "hot dog"]
    xml = {name: {p.stem: p.read_bytes() for p in (f / "pascal").iterdir()} for name, f in folders.items()}
    both = xml["Hot dog"].keys() & xml["Doughnut"].keys()
    assert len(both) > 5
    codes = {"/m/01b9xk": "choripan", "/m/0jy4k": "Doughnut"}
    wanted: dict[str, Counter[str]] = {}
    for row in published(offline).values():
        if row["LabelName"] in codes:
            wanted.setdefault(row["ImageID"], Counter())[codes[row["LabelName"]]] += 1
    for stem in both:
        assert xml["Hot dog"][stem] == xml["Doughnut"][stem]
        root = ElementTree.fromstring(xml["Hot dog"][stem])
        assert root.findtext("segmented") == "1"
        assert Counter(thing.findtext("name") for thing in root.findall("object")) == wanted[stem]
    for name, code in (("Hot dog", "m01b9xk"), ("Doughnut", "m0jy4k")):
        assert {path.stem.split("_")[1] for path in (folders[name] / "segmentations").iterdir()} == {code}
    got = Counter(request.path for request in server.log if request.path.endswith(".jpg"))
    assert not [path for path, times in got.items() if times > 1 and offline.missing_images[0] not in path]


def annotated(*mask_paths: str, ignored: str = "") -> dict[str, object]:
    """A COCO document as a fetch writes it, of one image with an object for each mask."""
    box = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "box_id": "b", "predicted_iou": None}
    return {
        "images": [{"id": 1, "file_name": "aa.jpg", "width": 9, "height": 8}],
        "annotations": [{"mask_path": name, "iscrowd": int(name == ignored), **box} for name in mask_paths],
        "categories": [{"id": 1, "name": CLASS}],
    }


def test_an_image_listed_in_two_splits_is_one_image_with_the_objects_of_both(tmp_path: Path) -> None:
    folder = Folder(tmp_path, ("train", "test"), (CLASS,), FetchReport(splits={}))
    files.write_json(folder.annotations("train"), annotated("aa_m_1.png"))
    files.write_json(folder.annotations("test"), annotated("aa_m_1.png", "aa_m_2.png"))
    photos = photos_of(folder)
    assert list(photos) == ["aa"]
    found = [thing.mask_path for thing in photos["aa"].things]
    assert found == [folder.masks("train") / "aa_m_1.png", folder.masks("test") / "aa_m_2.png"]
    root = ElementTree.fromstring(pascal_xml(photos["aa"], {}))
    assert [[edge.text for edge in box] for box in root.iter("bndbox")] == [["2", "3", "4", "6"]] * 2


def test_a_region_to_be_ignored_is_a_difficult_object_without_a_mask(tmp_path: Path) -> None:
    folder = Folder(tmp_path, ("train",), (CLASS,), FetchReport(splits={}))
    files.write_json(folder.annotations("train"), annotated("aa_m_1.png", "aa_m_2.png", ignored="aa_m_1.png"))
    photo = photos_of(folder)["aa"]
    assert [thing.mask_path for thing in photo.things] == [None, folder.masks("train") / "aa_m_2.png"]
    root = ElementTree.fromstring(pascal_xml(photo, {}))
    assert [thing.findtext("difficult") for thing in root.findall("object")] == ["1", "0"]
    assert root.findtext("segmented") == "1"


def test_limit_counts_images_that_are_kept(bucket: Bucket, tmp_path: Path) -> None:
    words = {"class_labels": [CLASS], "limit": 3, "bucket": bucket, "meta_dir": tmp_path / "meta"}
    download_segmentation_dataset(tmp_path / "all", **words)
    first = sorted(path.stem for path in (tmp_path / "all" / "hot dog" / "images").iterdir())
    (tmp_path / "not.txt").write_text("\n".join(first[:5]))
    download_segmentation_dataset(tmp_path / "some", **words, exclusions_path=tmp_path / "not.txt")
    second = {path.stem for path in (tmp_path / "some" / "hot dog" / "images").iterdir()}
    assert len(first) == len(second) == 9
    assert not second & set(first[:5])


def test_a_second_call_fetches_nothing_anew_and_excluded_images_stay_out(
    bucket: Bucket, server: Server, tmp_path: Path
) -> None:
    words = {"dest_dir": tmp_path / "anno", "class_labels": [CLASS], "meta_dir": tmp_path / "meta", "bucket": bucket}
    download_segmentation_dataset(**words, limit=2)
    folder = tmp_path / "anno" / "hot dog"
    first = sorted(path.stem for path in (folder / "images").glob("*.jpg"))
    count = len(server.log)
    download_segmentation_dataset(**words, limit=2)
    assert not [request for request in server.log[count:] if request.path.endswith(".jpg")]
    (tmp_path / "not.txt").write_text(f"{first[0]}\n")
    words["dest_dir"] = tmp_path / "other"
    download_segmentation_dataset(**words, limit=2, exclusions_path=tmp_path / "not.txt")
    names = {path.stem for path in (tmp_path / "other").rglob("*.xml")}
    assert first[0] not in names
    assert first[1] in names


def test_misuse_is_one_sentence(bucket: Bucket, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="annotation_format is 'darknet'; expected 'pascal'"):
        download_segmentation_dataset(tmp_path, [CLASS], annotation_format="darknet")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="Hot dog"):
        download_segmentation_dataset(tmp_path, ["Hot dgo"], bucket=bucket)
    with pytest.raises(ConfigError, match=r"none\.txt"):
        download_segmentation_dataset(tmp_path, [CLASS], exclusions_path=tmp_path / "none.txt", bucket=bucket)
    with pytest.raises(ConfigError, match="the class label '/m/01b9xk' cannot name a folder"):
        download_segmentation_dataset(tmp_path, ["/m/01b9xk"], bucket=bucket)
    with pytest.raises(
        ConfigError, match=r"rename is \{'Banana': 'plantain'\}; expected new names for some of Hot dog"
    ):
        download_segmentation_dataset(tmp_path, [CLASS], rename={"Banana": "plantain"}, bucket=bucket)


def test_boxes_of_the_xml_include_their_last_pixel(bucket: Bucket, tmp_path: Path) -> None:
    download_segmentation_dataset(tmp_path / "anno", [CLASS], limit=1, bucket=bucket)
    kept = next((tmp_path / "anno" / ".openimages").rglob("train.json"))
    coco = json.loads(kept.read_text())
    image = coco["images"][0]
    root = ElementTree.parse(
        tmp_path / "anno" / "hot dog" / "pascal" / f"{Path(image['file_name']).stem}.xml"
    ).getroot()
    x, _, width, height = coco["annotations"][0]["bbox"]
    bounds = {edge.tag: int(edge.text or 0) for edge in root.findall("object")[0].find("bndbox") or []}
    assert bounds["xmin"] == pytest.approx(x + 1, abs=0.51)
    assert bounds["xmax"] - bounds["xmin"] + 1 == pytest.approx(width, abs=1.01)
    assert bounds["ymax"] - bounds["ymin"] + 1 == pytest.approx(height, abs=1.01)
