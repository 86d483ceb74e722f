"""The hot-dog tutorial's two calls: the layout on disk, and one COCO file in which each mask keeps its own shape."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from contorno import files, images, masks, parsers, splits
from contorno.errors import ConfigError, DataError
from contorno.openimages import Bucket
from contorno.openimages.tutorial import create_coco_annotation_json, download_segmentation_dataset
from contorno.rehearsal import Server

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


def test_an_empty_mask_is_no_object(by_hand: Path) -> None:
    images.write_image(by_hand / "hot dog" / "segmentations" / "bb_m01b9k_1.png", np.zeros((20, 30, 3), np.uint8))
    coco, _, _ = create_coco_annotation_json(by_hand, CLASS, fname="other.json")
    assert len(coco["annotations"]) == 2
    assert (by_hand / "other.json").exists()


def test_what_does_not_go_together_is_named(by_hand: Path) -> None:
    folder = by_hand / "hot dog" / "segmentations"
    images.write_image(folder / "cc_m01b9k_1.png", half(1))
    with pytest.raises(DataError, match=r"the mask .*cc_m01b9k_1\.png has no image cc\.jpg"):
        create_coco_annotation_json(by_hand, CLASS)
    (folder / "cc_m01b9k_1.png").unlink()
    images.write_image(folder / "bb_m01b9k_1.png", half(1, (30, 20)))
    with pytest.raises(DataError, match=r"the mask .*bb_m01b9k_1\.png does not fit its image"):
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
