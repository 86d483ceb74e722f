from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tiny
from contorno import masks
from contorno.errors import ConfigError, DataError
from contorno.images import write_image
from contorno.parsers import MaskFolderParser
from contorno.parsers.mask_folder import UNMASKED, is_mask_folder
from contorno.records import ClassMap
from contorno.splits import SingleSplitter
from tiny_masks import image, objects, picture, read, save

LEFT = tiny.bitmap("##..", "##..", "....")
DOT = tiny.bitmap("....", "....", "...#")
TWO = picture("##..", "....", "...#")
OUT = "image of which no mask can be used"


def add_image(root: Path, image_id: str, objects: dict[str, np.ndarray], size: tuple[int, int] = (3, 4)) -> None:
    write_image(root / image_id / "images" / f"{image_id}.png", np.zeros((*size, 3), dtype=np.uint8))
    for name, mask in objects.items():
        write_image(root / image_id / "masks" / name, mask * 255)


# ---- a folder for each image -----------------------------------------------------------------------------------------


def test_each_mask_picture_is_one_object(tmp_path: Path) -> None:
    add_image(tmp_path, "x", {"1.png": LEFT, "2.png": DOT})
    records, parser = read(tmp_path, class_name="cell")
    (record,) = records
    assert records.class_map == ClassMap(["cell"])
    assert (record.image_id, record.size_hw, record.path) == ("x", (3, 4), tmp_path / "x" / "images" / "x.png")
    assert record.instances.boxes.tolist() == [[0, 0, 2, 2], [3, 2, 4, 3]]
    assert record.instances.ids == ("1", "2")
    assert np.array_equal(masks.decode(record.instances.run_lengths()[0]), LEFT)
    assert parser.how.startswith("instances: 1 of 1 images")
    assert parser.report.details["how masks were read"] == parser.how


def test_image_without_masks_is_a_negative(tmp_path: Path) -> None:
    add_image(tmp_path, "none", {})
    add_image(tmp_path, "some", {"1.png": DOT})
    records, parser = read(tmp_path)
    assert [(record.image_id, len(record.instances)) for record in records] == [("none", 0), ("some", 1)]
    assert parser.report.negatives == 1


def test_data_without_any_object_still_have_their_class(tmp_path: Path) -> None:
    add_image(tmp_path, "none", {})
    assert read(tmp_path, class_name="cell")[0].class_map.names == ("cell",)


def test_faint_masks_with_alpha_count_where_they_are_not_black(tmp_path: Path) -> None:
    add_image(tmp_path, "x", {})
    pixels = np.zeros((3, 4, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    pixels[0, 0, 1] = 1
    (tmp_path / "x" / "masks").mkdir()
    Image.fromarray(pixels).save(tmp_path / "x" / "masks" / "1.PNG")
    records, _ = read(tmp_path)
    assert masks.area(records[0].instances.run_lengths()[0]) == 1


def test_empty_mask_and_strange_files_are_dropped_and_counted_or_raise(tmp_path: Path) -> None:
    add_image(tmp_path, "x", {"0.png": LEFT * 0, "1.png": LEFT, ".hidden.png": LEFT})
    (tmp_path / "x" / "masks" / "notes.txt").write_text("?")
    (tmp_path / "x" / "masks" / "Thumbs.db").write_text("?")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "stray").mkdir()
    records, parser = read(tmp_path)
    assert records.num_objects == 1
    assert parser.report.dropped == {
        "empty mask": 1,
        "file among the masks that is no picture": 1,
        "folder without an image in images/": 1,
    }
    with pytest.raises(DataError, match="folder stray: folder without an image"):
        parser.parse(SingleSplitter(), autofix=False)


def test_damaged_pictures_are_counted_by_name_and_two_images_too(tmp_path: Path) -> None:
    for name in "abcd":
        add_image(tmp_path, name, {"1.png": LEFT})
    for path in (tmp_path / "a" / "masks" / "1.png", tmp_path / "b" / "images" / "b.png"):
        path.write_bytes(path.read_bytes()[:20])
    write_image(tmp_path / "c" / "images" / "y.png", np.zeros((3, 4), dtype=np.uint8))
    records, parser = read(tmp_path)
    assert [(record.image_id, len(record.instances)) for record in records] == [("d", 1)]
    assert parser.report.places == {
        "image of which no mask can be used": ("a/images/a.png",),
        "mask that cannot be read": ("a/masks/1.png",),
        "image that cannot be read": ("b/images/b.png",),
        "folder with several images in images/": ("folder c",),
    }
    with pytest.raises(DataError, match=r"2 images \(c\.png, y\.png\); expected one"):
        parser.parse(SingleSplitter(), autofix=False)


def test_folder_without_any_image_is_an_error_that_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"expected <id>/images/ with one image"):
        MaskFolderParser(tmp_path).parse()
    with pytest.raises(ConfigError, match="does not exist"):
        MaskFolderParser(tmp_path / "nowhere")


def test_class_map_given_fixes_the_label(tmp_path: Path) -> None:
    add_image(tmp_path, "x", {"1.png": DOT})
    records, _ = read(tmp_path, class_name="B", class_map=ClassMap(["a", "b"]))
    assert records[0].instances.labels.tolist() == [2]
    with pytest.raises(DataError, match="object"):
        read(tmp_path, class_map=ClassMap(["a"]))


def test_images_come_in_the_order_of_their_names_whatever_the_number_of_threads(tmp_path: Path) -> None:
    for number in range(8):
        add_image(tmp_path, f"i{number}", {"1.png": DOT})
    one, _ = read(tmp_path, workers=1)
    many, _ = read(tmp_path, workers=4)
    assert [r.image_id for r in one] == [r.image_id for r in many] == [f"i{number}" for number in range(8)]
    assert [len(part) for part in MaskFolderParser(tmp_path).parse()] == [6, 2]


def test_options_that_are_not_known_are_refused(tmp_path: Path) -> None:
    for options in ({"kind": "panoptic"}, {"connectivity": 6}, {"threshold": 0}, {"values": {(1, 2): "a"}}):
        add_image(tmp_path, "x", {"1.png": DOT})
        with pytest.raises(ConfigError):
            read(tmp_path, **options)


# ---- sizes -----------------------------------------------------------------------------------------------------------


def test_mask_of_another_size_is_counted_with_both_sizes_raised_or_fitted(tmp_path: Path) -> None:
    add_image(tmp_path, "x", {"1.png": LEFT}, size=(6, 8))
    with pytest.raises(DataError, match=r"1 images can be used; the first: x/masks/1\.png: mask of another size"):
        read(tmp_path)
    add_image(tmp_path, "y", {"1.png": LEFT})
    records, parser = read(tmp_path)
    assert [record.image_id for record in records] == ["y"], "as a negative it would teach misses"
    assert parser.report.dropped == {"mask of another size than its image": 1, OUT: 1}
    with pytest.raises(DataError, match=r"x/masks/1\.png: mask of another size .*3 x 4 pixels .* expected 6 x 8"):
        read(tmp_path, autofix=False)
    fitted, _ = read(tmp_path, resize_masks=True, autofix=False)
    assert fitted[0].instances.boxes.tolist() == [[0, 0, 4, 4]]


def test_mask_of_other_proportions_is_never_fitted(tmp_path: Path) -> None:
    add_image(tmp_path, "x", {"1.png": LEFT}, size=(40, 30))
    add_image(tmp_path, "y", {"1.png": LEFT})
    _, parser = read(tmp_path, resize_masks=True)
    assert parser.report.dropped == {"mask of other proportions than its image": 1, OUT: 1}
    add_image(tmp_path, "x", {"1.png": LEFT}, size=(4, 3))
    assert "EXIF" in read(tmp_path)[1].report.details["mask of another size than its image"]


# ---- kinds -----------------------------------------------------------------------------------------------------------


def test_black_and_white_masks_come_apart_into_their_connected_parts(tmp_path: Path) -> None:
    image(tmp_path / "Images" / "a.jpg")
    save(tmp_path / "Masks" / "a.png", TWO)
    records, parser = read(tmp_path, class_name="nail")
    assert objects(records[0], records) == [("nail", 2), ("nail", 1)]
    assert parser.how.startswith("semantic: black and white")
    assert records[0].image_id == "a.jpg"


def test_diagonal_neighbours_are_one_object_or_two(tmp_path: Path) -> None:
    image(tmp_path / "images" / "a.png")
    save(tmp_path / "masks" / "a.png", picture("#...", ".#..", "...."))
    assert read(tmp_path)[0].num_objects == 1
    assert read(tmp_path, connectivity=4)[0].num_objects == 2


def test_both_rules_for_small_regions_count_what_they_leave_out(tmp_path: Path) -> None:
    image(tmp_path / "images" / "a.png", (6, 6))
    # A diagonal of 3 pixels has a box of 9 px²; the block has 4 pixels in a box of 4 px².
    save(tmp_path / "masks" / "a.png", picture("#.....", ".#....", "..#...", "......", "....##", "....##"))
    records, parser = read(tmp_path, min_area=4)
    assert records[0].instances.boxes.tolist() == [[4, 4, 6, 6]]
    assert parser.report.dropped == {"region under 4 px² (min_area)": 1}
    records, parser = read(tmp_path, min_box_area=5, autofix=False)
    assert records[0].instances.boxes.tolist() == [[0, 0, 3, 3]]
    assert parser.report.dropped == {"region with a box under 5 px² (min_box_area)": 1}


def test_label_map_has_an_object_for_each_value(tmp_path: Path) -> None:
    image(tmp_path / "a.tif")
    values = np.array([[1, 1, 0, 300], [0, 0, 0, 300], [2, 0, 0, 0]], dtype=np.uint16)
    save(tmp_path / "a_masks.tif", values)
    records, parser = read(tmp_path, class_name="cell")
    assert parser.how.startswith("label-map: 3 of 3 values are one connected part")
    assert objects(records[0], records) == [("cell", 2), ("cell", 1), ("cell", 2)]
    assert records[0].instances.ids == (1, 2, 300)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32], ids=["16 bits", "32 bits"])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_values_of_many_bits_are_whole(tmp_path: Path, suffix: str, dtype: type) -> None:
    image(tmp_path / "images" / "a.png", (1, 3))
    if (suffix, dtype) == ("png", np.int32):
        dtype = np.uint16  # a PNG has 16 bits at most
    save(tmp_path / "masks" / f"a.{suffix}", np.array([[0, 256, 65535]], dtype=dtype))
    records, _ = read(tmp_path, kind="label-map")
    assert records[0].instances.ids == (256, 65535)


def test_palette_index_counts_in_label_maps_and_its_colour_in_colour_maps(tmp_path: Path) -> None:
    image(tmp_path / "images" / "a.png", (1, 3))
    indexed = Image.new("P", (3, 1))
    indexed.putdata([0, 1, 2])
    indexed.putpalette([0, 0, 0, 128, 0, 0, 128, 0, 0])  # 1 and 2 have one colour
    (tmp_path / "masks").mkdir()
    indexed.save(tmp_path / "masks" / "a.png")
    assert read(tmp_path, kind="label-map")[0].num_objects == 2
    records, _ = read(tmp_path, values={(128, 0, 0): "plane"})
    assert objects(records[0], records) == [("plane", 2)]


def test_values_of_several_parts_are_classes(tmp_path: Path) -> None:
    image(tmp_path / "images" / "a.png")
    save(tmp_path / "masks" / "a.png", picture("1.2.", "....", "1.2."))
    records, parser = read(tmp_path)
    assert parser.how.startswith("semantic: 0 of 2 values")
    assert objects(records[0], records) == [("value 1", 1), ("value 1", 1), ("value 2", 1), ("value 2", 1)]
    assert read(tmp_path, kind="label-map")[0].num_objects == 2


def test_void_value_is_neither_object_nor_background(tmp_path: Path) -> None:
    image(tmp_path / "images" / "a.png")
    save(tmp_path / "masks" / "a.png", picture("1#2.", "1#2.", "...."))
    assert read(tmp_path, kind="label-map")[0].num_objects == 3
    assert read(tmp_path, kind="label-map", void=255)[0].num_objects == 2


def test_masks_with_1_and_with_255_are_all_black_and_white(tmp_path: Path) -> None:
    for name, top in (("a", 1), ("b", 255)):
        image(tmp_path / "images" / f"{name}.png")
        save(tmp_path / "masks" / f"{name}.png", LEFT * top)
    records, _ = read(tmp_path)
    assert records.class_map.names == ("object",)


# ---- classes ---------------------------------------------------------------------------------------------------------


def test_value_map_names_classes_and_counts_values_that_it_lacks(tmp_path: Path) -> None:
    image(tmp_path / "images" / "a.png")
    save(tmp_path / "masks" / "a.png", picture("11.2", "...2", "7..."))
    records, parser = read(tmp_path, values={1: "cat", 2: "dog", 9: "cow", 0: "background"})
    assert records.class_map.names[:2] == ("cat", "dog")
    assert objects(records[0], records) == [("cat", 2), ("dog", 2)]
    assert parser.report.dropped == {"value 7, which no class has": 1}
    assert parser.report.details["value 7, which no class has"] == "the nearest is value 9 (cow)"
    with pytest.raises(DataError, match="value 7, which no class has"):
        read(tmp_path, values={1: "cat", 2: "dog"}, autofix=False)


def test_colour_map_names_classes_and_the_nearest_of_a_strange_colour(tmp_path: Path) -> None:
    image(tmp_path / "images" / "a.png", (1, 3))
    save(tmp_path / "masks" / "a.png", np.array([[[255, 0, 0], [0, 0, 0], [1, 250, 0]]], dtype=np.uint8))
    records, parser = read(tmp_path, values={(255, 0, 0): "cat", (0, 255, 0): "dog"})
    assert objects(records[0], records) == [("cat", 1)]
    assert parser.report.details["colour 1,250,0, which no class has"] == "the nearest is colour 0,255,0 (dog)"


def test_colours_saved_with_loss_go_to_the_nearest_of_the_map(tmp_path: Path) -> None:
    image(tmp_path / "images" / "a.png", (32, 32))
    pixels = np.zeros((32, 32, 3), dtype=np.uint8)
    pixels[8:24, 8:24] = (255, 0, 0)
    save(tmp_path / "masks" / "a.jpg", pixels, quality=70)
    records, parser = read(tmp_path, values={(255, 0, 0): "cat"}, min_area=20)
    ((name, area),) = objects(records[0], records)
    assert name == "cat"
    assert abs(area - 256) < 40
    assert parser.report.mended == {"mask that is not exact (smoothed, or saved with loss)": 1}


def test_table_of_classes_beside_the_masks_is_used(tmp_path: Path) -> None:
    image(tmp_path / "images" / "a.png", (1, 2))
    save(tmp_path / "masks" / "a.png", np.array([[[64, 0, 128], [0, 0, 0]]], dtype=np.uint8))
    (tmp_path / "class_dict.csv").write_text("name, r, g, b\nVoid,0,0,0\nCar,64,0,128\n")
    records, parser = read(tmp_path)
    assert ("Car", 1) in objects(records[0], records)
    assert parser.how == "semantic: the class of each value is given"


def test_class_from_folder_file_name_or_neither(tmp_path: Path) -> None:
    image(tmp_path / "images" / "a.png")
    image(tmp_path / "images" / "b.png")
    save(tmp_path / "masks" / "cat" / "a.png", LEFT * 255)
    save(tmp_path / "masks" / "dog" / "a.png", DOT * 255)
    save(tmp_path / "masks" / "b_dog_1.png", DOT * 255)
    records, _ = read(tmp_path)
    assert [objects(record, records) for record in records] == [[("cat", 4), ("dog", 1)], [("dog", 1)]]
    records, _ = read(tmp_path, class_from="constant", class_name="pet")
    assert records.class_map.names == ("pet",)


# ---- masks that are not exact, and strange files ---------------------------------------------------------------------


def test_mask_saved_as_jpeg_is_cut_at_the_threshold_and_counted(tmp_path: Path) -> None:
    image(tmp_path / "images" / "a.png", (32, 32))
    mask = np.zeros((32, 32), dtype=np.uint8)
    mask[5:20, 5:20] = 255
    save(tmp_path / "masks" / "a.jpg", mask, quality=60)
    records, parser = read(tmp_path)
    assert np.array_equal(masks.decode(records[0].instances.run_lengths()[0]), mask // 255)
    assert parser.report.mended == {"mask that is not exact (smoothed, or saved with loss)": 1}
    with pytest.raises(DataError, match="not exact"):
        read(tmp_path, autofix=False)


def test_mask_resized_with_smoothing_is_cut_at_the_threshold(tmp_path: Path) -> None:
    image(tmp_path / "images" / "a.png", (60, 60))
    disc = Image.fromarray(tiny.disc((20, 20), (10, 10), 7) * 255).resize((60, 60), Image.Resampling.BICUBIC)
    save(tmp_path / "masks" / "a.png", np.asarray(disc))
    records, parser = read(tmp_path)
    assert parser.how.startswith("semantic: black and white")
    assert records.num_objects == 1
    assert sum(parser.report.mended.values()) == 1
    small, _ = read(tmp_path, threshold=250)
    assert objects(small[0], small)[0][1] < objects(records[0], records)[0][1]


def test_mask_of_no_image_and_of_two_is_counted(tmp_path: Path) -> None:
    image(tmp_path / "images" / "a.png")
    image(tmp_path / "images" / "a.jpg")
    image(tmp_path / "images" / "b.jpg")
    for name in ("a", "b", "c"):
        save(tmp_path / "masks" / f"{name}.png", LEFT * 255)
    _, parser = read(tmp_path)
    assert parser.report.places == {
        "mask that fits several images": ("masks/a.png",),
        "mask of no image": ("masks/c.png",),
        UNMASKED: ("images/a.jpg", "images/a.png"),
    }


def test_links_that_lead_out_are_counted_and_followed_on_demand(tmp_path: Path) -> None:
    root = tmp_path / "data"
    image(root / "images" / "a.png")
    secret = save(tmp_path / "secret.png", LEFT * 255)
    (root / "masks").mkdir()
    save(root / "masks" / "b.png", LEFT)
    (root / "masks" / "a.png").symlink_to(secret)
    (root / "images" / "loop").symlink_to(root / "images")
    records, parser = read(root)
    assert records.num_objects == 0
    assert parser.report.dropped == {"link that leads out of the folder": 1, "mask of no image": 1}
    assert len(records) == 1, "the loop is walked once"
    assert read(root, follow_links=True)[0].num_objects == 1


def test_bomb_animation_and_cmyk_are_counted_by_name(tmp_path: Path) -> None:
    for name in "abc":
        image(tmp_path / "images" / f"{name}.png")
    frames = [Image.fromarray(LEFT * 255), Image.fromarray(DOT * 255)]
    (tmp_path / "masks").mkdir()
    frames[0].save(tmp_path / "masks" / "a.tif", save_all=True, append_images=frames[1:])
    Image.new("CMYK", (4, 3), (0, 255, 255, 0)).save(tmp_path / "masks" / "b.tif")
    huge = Image.new("1", (20_000, 20_000))
    huge.save(tmp_path / "masks" / "c.png")
    records, parser = read(tmp_path, kind="instances")
    assert [len(record.instances) for record in records] == [1, 1]
    assert parser.report.places == {
        OUT: ("images/c.png",),
        "mask of several pictures, the first taken": ("masks/a.tif",),
        "mask in CMYK, taken as RGB": ("masks/b.tif",),
        "mask that cannot be read": ("masks/c.png",),
    }


def test_photo_among_the_masks_is_told(tmp_path: Path) -> None:
    for name in "ab":
        image(tmp_path / "images" / f"{name}.png", (64, 64))
        save(tmp_path / "masks" / f"{name}.png", np.eye(64, dtype=np.uint8))
    save(tmp_path / "masks" / "a.png", np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    photo = {"picture that looks like a photo and not like a mask": 1, OUT: 1}
    assert read(tmp_path, kind="label-map")[1].report.dropped == photo
    save(tmp_path / "masks" / "a.png", np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8))
    assert read(tmp_path, kind="label-map")[1].report.dropped == photo
    (tmp_path / "images" / "b.png").unlink()
    with pytest.raises(DataError, match=r"the first: masks/a\.png: picture that looks like a photo"):
        read(tmp_path)


def test_a_label_map_of_many_objects_is_no_photo(tmp_path: Path) -> None:
    image(tmp_path / "images" / "a.png", (64, 64))
    values = np.zeros((64, 64), dtype=np.uint8)
    values[::4, ::4] = np.arange(256).reshape(16, 16)
    save(tmp_path / "masks" / "a.png", values)
    records, parser = read(tmp_path, autofix=False)
    assert records.num_objects == 255
    assert parser.how.startswith("label-map")


def test_images_without_a_mask_picture_are_counted_where_each_has_one(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        image(tmp_path / "images" / f"{name}.png")
    save(tmp_path / "masks" / "a.png", TWO)
    save(tmp_path / "masks" / "b.png", TWO * 0)
    records, parser = read(tmp_path)
    assert [len(record.instances) for record in records] == [2, 0, 0]
    assert parser.report.places[UNMASKED] == ("images/c.png",)
    read(tmp_path, autofix=False)
    (tmp_path / "masks" / "b.png").unlink()
    with pytest.raises(DataError, match=UNMASKED):
        read(tmp_path, autofix=False)


# ---- data sets whose values are known --------------------------------------------------------------------------------


def test_of_cityscapes_the_instances_are_the_objects(tmp_path: Path) -> None:
    image(tmp_path / "leftImg8bit" / "train" / "aa" / "aa_0_leftImg8bit.png")
    values = np.array([[26000, 26000, 24001, 7], [26000, 26001, 26, 23], [26, 7, 7, 0]], dtype=np.uint16)
    for name, array in {"instanceIds": values, "labelIds": values // 1000, "color": values.astype(np.uint8)}.items():
        save(tmp_path / "gtFine" / "train" / "aa" / f"aa_0_gtFine_{name}.png", array)
    records, parser = read(tmp_path, autofix=False)
    assert objects(records[0], records) == [("person", 1), ("car", 3), ("car", 1)]
    assert records.class_map.names[:3] == ("person", "rider", "car")
    assert parser.how.startswith("label-map: Cityscapes' instanceIds")


@pytest.mark.parametrize(("kind", "road", "car"), [("labelIds", 7, 26), ("labelTrainIds", 0, 13)])
def test_of_cityscapes_without_instances_the_labels_are_classes(tmp_path: Path, kind: str, road: int, car: int) -> None:
    image(tmp_path / "leftImg8bit" / "train" / "aa" / "aa_0_leftImg8bit.png")
    values = np.array([[car, car, road, road], [road, road, road, road], [road, road, car, 255]], dtype=np.uint8)
    save(tmp_path / "gtFine" / "train" / "aa" / f"aa_0_gtFine_{kind}.png", values)
    records, _ = read(tmp_path, autofix=False)
    assert sorted(objects(records[0], records)) == [("car", 1), ("car", 2), ("road", 8)]


def test_of_a_trimap_the_pet_is_the_object_and_not_its_border(tmp_path: Path) -> None:
    image(tmp_path / "images" / "Cat_1.jpg")
    save(tmp_path / "annotations" / "trimaps" / "Cat_1.png", picture("2333", "2311", "2223"))
    records, _ = read(tmp_path, autofix=False, class_name="pet")
    assert objects(records[0], records) == [("pet", 2)]


def test_class_pictures_of_voc_are_read_where_there_are_no_object_pictures(tmp_path: Path) -> None:
    image(tmp_path / "JPEGImages" / "a.jpg")
    values = np.array([[12, 255, 0, 15], [12, 255, 0, 15], [0, 0, 12, 255]], dtype=np.uint8)
    save(tmp_path / "SegmentationClass" / "a.png", values)
    records, _ = read(tmp_path, autofix=False)
    assert objects(records[0], records) == [("dog", 2), ("dog", 1), ("person", 2)]
    (tmp_path / "class_names.txt").write_text("\n".join(["_background_", *"abcdefghijklmno"]))
    records, _ = read(tmp_path, autofix=False)
    assert objects(records[0], records) == [("l", 2), ("l", 1), ("o", 2)]


def test_what_is_asked_for_comes_before_what_is_known(tmp_path: Path) -> None:
    image(tmp_path / "images" / "Cat_1.jpg")
    save(tmp_path / "annotations" / "trimaps" / "Cat_1.png", picture("2222", "2211", "2222"))
    records, _ = read(tmp_path, kind="semantic", values={1: "cat", 2: "wall"})
    assert objects(records[0], records) == [("cat", 2), ("wall", 10)]


# ---- where things lie ------------------------------------------------------------------------------------------------


def test_splits_are_folders_and_one_name_may_stand_in_two(tmp_path: Path) -> None:
    for split in ("train", "val"):
        image(tmp_path / split / "images" / "a.png")
        save(tmp_path / split / "masks" / "a.png", LEFT * 255)
    parts = MaskFolderParser(tmp_path).parse()
    assert [[(r.image_id, r.split) for r in part] for part in parts] == [
        [("train/a.png", "train")],
        [("validation/a.png", "validation")],
    ]


def test_masks_with_an_ending_in_folders_of_splits(tmp_path: Path) -> None:
    image(tmp_path / "train" / "images" / "a.jpg")
    save(tmp_path / "train" / "masks" / "a_mask.png", TWO)
    image(tmp_path / "valid" / "images" / "b.jpg")
    save(tmp_path / "valid" / "masks" / "b_mask.png", TWO)
    records, _ = read(tmp_path, autofix=False)
    assert [(r.image_id, r.split, len(r.instances)) for r in records] == [
        ("a.jpg", "train", 2),
        ("b.jpg", "validation", 2),
    ]


def test_masks_beside_images_with_a_table_in_each_split(tmp_path: Path) -> None:
    for split, name in (("train", "a"), ("valid", "b")):
        image(tmp_path / split / f"{name}_jpg.rf.0a1b.jpg")
        save(tmp_path / split / f"{name}_jpg.rf.0a1b_mask.png", picture("1..2", "....", "...."))
        (tmp_path / split / "_classes.csv").write_text("Pixel Value, Class\n0, background\n1, cat\n2, dog\n")
    records, _ = read(tmp_path, autofix=False)
    assert [objects(record, records) for record in records] == [[("cat", 1), ("dog", 1)]] * 2
    assert [record.split for record in records] == ["train", "validation"]


LAYOUTS = {
    "PennFudan": ("PNGImages/Fudan1.png", "PedMasks/Fudan1_mask.png"),
    "Carvana": ("train/0cdf_01.jpg", "train_masks/0cdf_01_mask.gif"),
    "clothing": ("png_images/IMAGES/img_0001.png", "png_masks/MASKS/seg_0001.png"),
    "cityscapes' kin": ("leftImg8bit/train/aa/aa_0_leftImg8bit.png", "gtFine/train/aa/aa_0_gtFine.png"),
    "pets": ("images/Cat_1.jpg", "annotations/trimaps/Cat_1.png"),
    "camvid": ("images/0001TP_6690.png", "labels/0001TP_6690_P.png"),
    "ade": ("images/training/ADE_1.jpg", "annotations/training/ADE_1.png"),
    "nails": ("Images/1/first.png", "Masks/1/first.png"),
    "isic": ("input/ISIC_1.jpg", "gt/ISIC_1_segmentation.png"),
    "cellpose": ("wells_000_img.tif", "wells_000_masks.tif"),
    "output": ("a.png", "a_cp_masks.png"),
    "below the images": ("a.jpg", "masks/a.png"),
}


@pytest.mark.parametrize(("picture_name", "mask_name"), LAYOUTS.values(), ids=LAYOUTS.keys())
def test_layouts_of_known_data_sets_need_no_options(tmp_path: Path, picture_name: str, mask_name: str) -> None:
    image(tmp_path / picture_name)
    save(tmp_path / mask_name, TWO)
    records, parser = read(tmp_path, autofix=False)
    assert objects(records[0], records) == [("object", 2), ("object", 1)], parser.how
    assert len(records) == 1


def test_folder_of_images_that_is_a_link_is_followed_where_it_is_named(tmp_path: Path) -> None:
    image(tmp_path / "store" / "a.png")
    save(tmp_path / "data" / "masks" / "a.png", TWO)
    (tmp_path / "data" / "images").symlink_to(tmp_path / "store")
    with pytest.raises(DataError, match="follow_links=True"):
        read(tmp_path / "data")
    assert read(tmp_path / "data", follow_links=True)[0].num_objects == 2
    assert read(tmp_path / "data", img_dir=tmp_path / "data" / "images")[0].num_objects == 2


def test_mask_pattern_chooses_among_several_pictures_of_an_image(tmp_path: Path) -> None:
    image(tmp_path / "images" / "a.png")
    save(tmp_path / "masks" / "a_labelIds.png", TWO)
    save(tmp_path / "masks" / "a_color.png", picture("3333", "3333", "3333"))
    assert read(tmp_path, mask_pattern="*_labelIds.png")[0].num_objects == 2


def test_csv_with_images_and_masks_is_read_in_its_folder_the_one_above_and_img_dir(tmp_path: Path) -> None:
    image(tmp_path / "images" / "1" / "a.png")
    image(tmp_path / "images" / "2" / "a.png")
    save(tmp_path / "masks" / "1" / "a.png", TWO)
    table = "images,masks,width,height\nimages/1/a.png,masks/1/a.png,4,3\nimages/2/a.png,,4,3\n"
    for place in (tmp_path / "t.csv", tmp_path / "csv_file" / "t.csv"):
        place.parent.mkdir(exist_ok=True)
        place.write_text(table)
        records, _ = read(place, autofix=False)
        assert [(r.image_id, len(r.instances)) for r in records] == [("images/1/a.png", 2), ("images/2/a.png", 0)]
    (tmp_path / "t.csv").write_text(table.replace("4,3", "3,4") + "../up.png,,,\nimages/1/a.png,masks/none.png,,\n")
    records, parser = read(tmp_path / "t.csv", img_dir=tmp_path)
    assert parser.report.mended == {"size in the table that is not the image's": 2}
    assert parser.report.dropped == {"line with a path that cannot be used": 1, "mask file that is not there": 1}


def test_missing_images_of_a_table_are_an_error_or_dropped(tmp_path: Path) -> None:
    image(tmp_path / "a.png")
    (tmp_path / "t.csv").write_text("images,masks\na.png,\ngone.png,\n")
    with pytest.raises(DataError, match=r"gone\.png"):
        read(tmp_path / "t.csv")
    assert len(read(tmp_path / "t.csv", missing_images="drop")[0]) == 1


def test_what_is_a_mask_folder(tmp_path: Path) -> None:
    assert not is_mask_folder(tmp_path)
    image(tmp_path / "two" / "images" / "a.png")
    (tmp_path / "two" / "labels").mkdir()
    (tmp_path / "two" / "labels" / "a.txt").write_text("0 0.5 0.5 1 1")
    assert not is_mask_folder(tmp_path / "two")  # YOLO's
    save(tmp_path / "three" / "masks" / "a.png", LEFT)
    image(tmp_path / "three" / "images" / "a.png")
    assert is_mask_folder(tmp_path / "three")
    add_image(tmp_path / "nuclei", "x", {"1.png": DOT})
    assert is_mask_folder(tmp_path / "nuclei")


def test_folders_of_labelme_json_to_dataset_are_read_by_their_own_lists(tmp_path: Path) -> None:
    for name, names in (("a", "_background_\ncat\ndog\n"), ("b", "_background_\ndog\n")):
        image(tmp_path / f"{name}_json" / "img.png")
        save(tmp_path / f"{name}_json" / "label.png", LEFT + 2 * DOT if name == "a" else LEFT)
        image(tmp_path / f"{name}_json" / "label_viz.png")
        (tmp_path / f"{name}_json" / "label_names.txt").write_text(names)
    records, parser = read(tmp_path)
    assert [record.image_id for record in records] == ["a", "b"]
    assert [objects(record, records) for record in records] == [[("cat", 4), ("dog", 1)], [("dog", 4)]]
    assert "labelme_json_to_dataset" in parser.how
    assert is_mask_folder(tmp_path)
    (tmp_path / "b_json" / "label_names.txt").write_bytes(b"\xff\xfe")
    assert "value 1, which no class has" in read(tmp_path)[1].report.dropped


def test_void_and_unlabelled_in_a_table_are_no_objects(tmp_path: Path) -> None:
    image(tmp_path / "images" / "a.png")
    save(tmp_path / "masks" / "a.png", LEFT + 2 * DOT)
    (tmp_path / "class_dict.csv").write_text("name,value\nVoid,0\ncat,1\nunlabelled,2\n")
    records, _ = read(tmp_path)
    assert objects(records[0], records) == [("cat", 4)]
    assert records.class_map.names == ("cat",)


def test_folders_of_images_alone_are_no_mask_folder(tmp_path: Path) -> None:
    for name in "ab":
        image(tmp_path / name / "images" / f"{name}.png")
    assert not is_mask_folder(tmp_path)
    save(tmp_path / "a" / "masks" / "1.png", LEFT)
    assert is_mask_folder(tmp_path)
