"""Masks: every way in and out of run-length code, held against pycocotools on whole bitmaps."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from contorno import masks
from contorno.errors import DataError
from contorno.masks import Polygons, RunLength
from tiny_bitmaps import Bitmap, bitmaps


def bitmap_of(*rows: str) -> Bitmap:
    """A bitmap drawn with # for object."""
    return np.array([[cell == "#" for cell in row] for row in rows], dtype=np.uint8)


def by_pycocotools(bitmap: Bitmap) -> RunLength:
    code = coco_mask.encode(np.asfortranarray(bitmap))
    return RunLength(bitmap.shape, code["counts"])


def decoded_by_pycocotools(polygons: Polygons, size: tuple[int, int]) -> Bitmap:
    if not polygons.parts:
        return np.zeros(size, dtype=np.uint8)
    flat = json.loads(json.dumps(polygons.to_coco()))  # as a COCO file would hold it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pycocotools 2.0.11's own decode, on numpy 2
        return coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(flat, *size)))


HOLED = bitmap_of(
    "#########",
    "#.......#",
    "#.#####.#",
    "#.#...#.#",
    "#.#.#.#.#",
    "#.#...#.#",
    "#.#####.#",
    "#.......#",
    "#########",
)
SHAPES = {
    "one pixel": bitmap_of("#"),
    "one empty pixel": bitmap_of("."),
    "full": np.ones((5, 7), dtype=np.uint8),
    "empty": np.zeros((5, 7), dtype=np.uint8),
    "single row": bitmap_of(".##..#."),
    "single column": bitmap_of("#", ".", "#", "#"),
    "last row and column": bitmap_of("..#", "..#", "###"),
    "rings in rings around an island": HOLED,
    "hole that touches the outside cornerwise": bitmap_of("####", "#.##", "##.#", "###."),
    "two holes that touch cornerwise": bitmap_of("####", "#.##", "##.#", "####"),
    "two holes on one row": bitmap_of("#####", "#.#.#", "#####"),
    "holes on one upright edge": bitmap_of("######", "#.####", "##.###", "#.#.##", "######"),
    "diagonal down": np.eye(6, dtype=np.uint8),
    "diagonal up": np.ascontiguousarray(np.eye(6, dtype=np.uint8)[::-1]),
    "checkerboard": (np.indices((7, 8)).sum(axis=0) % 2).astype(np.uint8),
    "three parts": bitmap_of("##..#", "##..#", ".....", "..##."),
}


@pytest.fixture(params=SHAPES.values(), ids=SHAPES.keys())
def shape(request: pytest.FixtureRequest) -> Bitmap:
    return request.param


def large_shapes() -> dict[str, Bitmap]:
    y, x = np.mgrid[:300, :400]
    distance = np.hypot(y - 140.3, x - 220.8)
    waves = np.sin(x / 7) * np.sin(y / 9) > 0.2
    return {
        "disc": distance < 90,
        "ring": (distance < 120) & (distance > 40),
        "rings cut by the border": np.sin(np.hypot(y, x) / 6) > 0,
        "stripes aslant": (x + 2 * y) % 37 < 12,
        "disc of waves": waves & (distance < 130),
    }


# ---- bitmap to code and back ----------------------------------------------------------------------------------------


def test_code_is_what_pycocotools_writes(shape: Bitmap) -> None:
    assert masks.encode(shape) == by_pycocotools(shape)
    assert masks.encode_crop(shape, 0, 0, shape.shape) == by_pycocotools(shape)


@settings(deadline=None)
@given(bitmaps())
def test_noise_is_encoded_as_pycocotools_does_and_comes_back(bitmap: Bitmap) -> None:
    code = masks.encode_crop(bitmap, 0, 0, bitmap.shape)
    assert code == masks.encode(bitmap) == by_pycocotools(bitmap)
    np.testing.assert_array_equal(masks.decode(code), bitmap)


@settings(max_examples=25, deadline=None)
@given(bitmaps(), st.integers(0, 2), st.integers(0, 60))
def test_code_of_an_image_above_the_small_size_is_the_same(bitmap: Bitmap, side: int, gap: int) -> None:
    # 190 rows: numpy's way of encoding, with the object against the left or right border, or the top.
    large = np.pad(bitmap, [(gap if side else 0, 190 - len(bitmap) - gap), (90, 0) if side == 2 else (0, 90)])
    large = np.pad(large, [(0, 0 if side else gap), (0, 0)])
    assert masks.encode(large) == by_pycocotools(large)
    np.testing.assert_array_equal(masks.decode(masks.encode(large)), large)


@pytest.mark.parametrize("size", [(5, 6), (200, 210)], ids=["small", "large"])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32])
def test_every_nonzero_value_is_object(size: tuple[int, int], dtype: type) -> None:
    values = np.zeros(size, dtype=dtype)
    values[1:4, 2], values[2, 3] = 1, dtype(2.5)  # different values side by side are one run
    expected = (values != 0).astype(np.uint8)
    assert masks.encode(values) == by_pycocotools(expected)
    assert masks.encode_stack(values[None]) == [by_pycocotools(expected)]
    assert masks.encode_crop(values[1:4, 2:4], 2, 1, size) == by_pycocotools(expected)


def test_full_image_in_grey_255_keeps_its_object() -> None:
    assert masks.area(masks.encode(np.full((3, 4), 255, dtype=np.uint8))) == 12
    assert masks.area(masks.encode(np.full((300, 400), 255, dtype=np.uint8))) == 120_000


def test_views_with_strides_are_encoded_as_they_look() -> None:
    bitmap = np.zeros((400, 300), dtype=np.uint8)
    bitmap[10:50, 20:90] = 1
    assert masks.encode(bitmap[::-2, ::2].T) == by_pycocotools(bitmap[::-2, ::2].T)


@pytest.mark.parametrize("size", [(6, 9), (120, 150)], ids=["small", "large"])
def test_stack_is_encoded_and_decoded_mask_by_mask(size: tuple[int, int]) -> None:
    stack = (np.random.default_rng(0).random((4, *size)) < 0.4).astype(np.uint8)
    stack[2] = 0
    codes = masks.encode_stack(stack)
    assert codes == [by_pycocotools(bitmap) for bitmap in stack]
    decoded = masks.decode_stack(codes, size)
    np.testing.assert_array_equal(decoded, stack)
    assert decoded.dtype == np.uint8
    assert decoded.flags.c_contiguous


def test_no_masks_give_an_empty_stack() -> None:
    assert masks.encode_stack(np.zeros((0, 3, 4), dtype=np.uint8)) == []
    assert masks.decode_stack([], (3, 4)).shape == (0, 3, 4)


def test_wrong_number_of_axes_is_refused() -> None:
    with pytest.raises(DataError, match=r"shape \(3, 4, 1\); expected \(height, width\)"):
        masks.encode(np.zeros((3, 4, 1)))
    with pytest.raises(DataError, match="expected \\(N, height, width\\)"):
        masks.encode_stack(np.zeros((3, 4)))


@settings(deadline=None)
@given(bitmaps(12), st.integers(-15, 20), st.integers(-15, 20), st.integers(1, 16), st.integers(1, 16))
def test_crop_is_placed_and_cut_off_at_the_image_border(
    crop: Bitmap, x0: int, y0: int, height: int, width: int
) -> None:
    canvas = np.zeros((60, 60), dtype=np.uint8)
    canvas[20 + y0 : 20 + y0 + crop.shape[0], 20 + x0 : 20 + x0 + crop.shape[1]] = crop
    expected = canvas[20 : 20 + height, 20 : 20 + width]
    assert masks.encode_crop(crop, x0, y0, (height, width)) == by_pycocotools(expected)


def test_arguments_are_left_as_they_were() -> None:
    bitmap = np.full((3, 4), 7, dtype=np.uint8)
    masks.encode(bitmap)
    masks.encode_crop(bitmap, -1, 0, (3, 3))
    assert (bitmap == 7).all()


# ---- polygons along the pixel edges ----------------------------------------------------------------------------------


def test_shape_becomes_polygons_that_pycocotools_decodes_to_it(shape: Bitmap) -> None:
    polygons = masks.to_polygons(masks.encode(shape))
    np.testing.assert_array_equal(decoded_by_pycocotools(polygons, shape.shape), shape)
    assert masks.to_run_length(polygons, shape.shape) == by_pycocotools(shape)


@settings(max_examples=300, deadline=None)
@given(bitmaps())
def test_noise_becomes_polygons_that_pycocotools_decodes_to_it(bitmap: Bitmap) -> None:
    polygons = masks.to_polygons(masks.encode(bitmap))
    np.testing.assert_array_equal(decoded_by_pycocotools(polygons, bitmap.shape), bitmap)


@pytest.mark.parametrize("name", large_shapes())
def test_large_shape_becomes_polygons_that_pycocotools_decodes_to_it(name: str) -> None:
    bitmap = large_shapes()[name].astype(np.uint8)
    polygons = masks.to_polygons(masks.encode(bitmap))
    np.testing.assert_array_equal(decoded_by_pycocotools(polygons, bitmap.shape), bitmap)


def test_polygon_of_a_rectangle_lies_on_its_edges_in_the_image() -> None:
    bitmap = np.zeros((9, 12), dtype=np.uint8)
    bitmap[2:5, 3:10] = 1
    assert masks.to_polygons(masks.encode(bitmap)).to_coco() == [[3, 2, 10, 2, 10, 5, 3, 5]]


def test_rings_lie_where_the_mask_lies_in_its_image() -> None:
    bitmap = np.zeros((9, 12), dtype=np.uint8)
    bitmap[2:5, 3:6], bitmap[3, 4] = 1, 0
    ((outer, hole),) = masks.rings(masks.encode(bitmap))
    assert outer.tolist() == [[3, 2], [6, 2], [6, 5], [3, 5]]
    assert hole.tolist() == [[4, 3], [4, 4], [5, 4], [5, 3]]
    assert masks.rings(masks.encode(np.zeros((3, 3), dtype=np.uint8))) == []


# ---- COCO's forms ----------------------------------------------------------------------------------------------------


def test_run_length_goes_to_coco_json_and_back(shape: Bitmap) -> None:
    code = masks.encode(shape)
    assert masks.from_coco(json.loads(json.dumps(code.to_coco())), shape.shape) == code


def test_counts_come_as_list_str_or_bytes() -> None:
    code = masks.encode(bitmap_of(".#.", "##."))
    runs = [1, 3, 2]  # down the columns: . # | # # | . .
    assert masks.from_counts(runs, (2, 3)) == code
    for counts in (runs, np.array(runs), code.counts, code.counts.decode()):
        assert masks.from_coco({"size": [2, 3], "counts": counts}, (2, 3)) == code


@pytest.mark.parametrize("counts", [[0, 0, 1, 3, 2], [1, 1, 0, 2, 2, 0], [1, 3, 1, 0, 1]])
def test_runs_without_pixels_give_the_same_code(counts: list[int]) -> None:
    bitmap = bitmap_of(".#.", "##.")
    code = masks.from_counts(counts, (2, 3))
    assert code == by_pycocotools(bitmap)
    assert masks.box(code).tolist() == [0, 0, 2, 2]


def test_polygons_keep_their_own_vertices() -> None:
    parts = [[0.5, 1, 3.25, 1, 2, 4], [5, 5, 8, 5, 8, 8, 5, 8]]
    geometry = masks.from_coco(parts, (10, 10))
    assert isinstance(geometry, Polygons)
    assert geometry.to_coco() == parts


def test_overlapping_parts_are_a_union() -> None:
    geometry = masks.from_coco([[0, 0, 4, 0, 4, 4, 0, 4], [2, 2, 6, 2, 6, 6, 2, 6]], (8, 8))
    assert masks.area(masks.to_run_length(geometry, (8, 8))) == 16 + 16 - 4


def test_polygon_beyond_the_image_is_cut_off() -> None:
    geometry = masks.from_coco([[-5, -5, 30, -5, 30, 2, -5, 2]], (4, 6))
    np.testing.assert_array_equal(masks.decode(masks.to_run_length(geometry, (4, 6))), [[1] * 6] * 2 + [[0] * 6] * 2)


def test_no_parts_are_the_empty_mask() -> None:
    assert masks.to_run_length(Polygons(()), (4, 6)) == by_pycocotools(np.zeros((4, 6), dtype=np.uint8))


def test_run_length_is_returned_as_it_is_and_only_for_its_own_size() -> None:
    code = masks.encode(bitmap_of(".#"))
    assert masks.to_run_length(code, (1, 2)) is code
    with pytest.raises(DataError, match=r"for an image of \(1, 2\) \(height, width\); expected \(2, 1\)"):
        masks.to_run_length(code, (2, 1))


FAULTS = {
    "nothing": (None, "segmentation is NoneType; expected a list of polygons, or a dict"),
    "text": ("1,2,3", "segmentation is str"),
    "no polygons": ([], "segmentation is an empty list"),
    "one flat list": ([1, 1, 5, 1, 5.5, 5], "one flat list of numbers; expected a list of such lists"),
    "two points": ([[1, 1, 5, 5]], "polygon 0 has 2 points; a polygon needs at least 3"),
    "second part without points": ([[1, 1, 5, 1, 5, 5], []], "polygon 1 has 0 points"),
    "odd": ([[1, 1, 5, 1, 5, 5, 7]], "polygon 0 has 7 numbers; expected pairs"),
    "points as pairs": ([[[1, 1], [5, 1], [5, 5]]], "polygon 0 is not a flat list of numbers"),
    "ragged": ([[1, [2], 3]], "polygon 0 is not a flat list of numbers"),
    "numbers as text": ([["1", "1", "5", "1", "5", "5"]], "polygon 0 is not a flat list of numbers"),
    "null inside": ([[1, 1, 5, None, 5, 5]], "polygon 0 is not a flat list of numbers"),
    "number in place of a part": ([[1, 1, 5, 1, 5, 5], 3], "polygon 1 is not a flat list of numbers"),
    "not a number": ([[1, 1, float("nan"), 1, 5, 5]], "polygon 0 has a coordinate that is not a finite number"),
    "infinite": ([[1, 1, float("inf"), 1, 5, 5]], "polygon 0 has a coordinate that is not a finite number"),
    "far away": ([[1, 1, 1e9, 1, 5, 5]], "within a million pixels"),
    "no counts": ({"size": [4, 6]}, r"has the keys \['size'\]; expected size and counts"),
    "size turned round": ({"size": [6, 4], "counts": [24]}, r"a size of \[6, 4\]; its image has \[4, 6\]"),
    "size missing": ({"size": None, "counts": [24]}, "a size of None"),
    "too few pixels": ({"size": [4, 6], "counts": [20, 3]}, "add up to 23 pixels; an image of 4 x 6 .* has 24"),
    "negative run": ({"size": [4, 6], "counts": [26, -2]}, r"run 1 is negative \(-2\)"),
    "half a pixel": ({"size": [4, 6], "counts": [23.5, 0.5]}, "not a flat list of whole numbers"),
    "runs as text": ({"size": [4, 6], "counts": ["24"]}, "not a flat list of whole numbers"),
    "runs with null": ({"size": [4, 6], "counts": [24, None]}, "not whole numbers"),
    "ragged runs": ({"size": [4, 6], "counts": [24, [1]]}, "not whole numbers"),
    "text cut off": ({"size": [4, 6], "counts": "1o"}, "may be cut off"),
    "text of another image": ({"size": [4, 6], "counts": "5:"}, "add up to 15 pixels"),
    "text that is no code": ({"size": [4, 6], "counts": "~~"}, "not COCO's compressed text"),
    "text beyond ASCII": ({"size": [4, 6], "counts": "é"}, "not COCO's compressed text"),
    "empty text": ({"size": [4, 6], "counts": ""}, "add up to 0 pixels"),
    "counts of a wrong type": ({"size": [4, 6], "counts": 24}, "the counts are int"),
}


@pytest.mark.parametrize(("segmentation", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_faulty_segmentation_is_named(segmentation: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        masks.from_coco(segmentation, (4, 6))


def test_image_of_more_pixels_than_pycocotools_can_count_is_refused_before_it_breaks_its_memory() -> None:
    geometry = masks.from_coco([[1, 1, 90_000, 1, 90_000, 90_000]], (90_000, 90_000))
    with pytest.raises(DataError, match=r"90000 x 90000 pixels .* larger than any mask"):
        masks.to_run_length(geometry, (90_000, 90_000))
    with pytest.raises(DataError, match="larger than any mask"):
        masks.from_counts([90_000**2], (90_000, 90_000))


# ---- resize ----------------------------------------------------------------------------------------------------------


def test_resize_takes_the_pixel_under_each_centre() -> None:
    row = np.array([[0, 1, 0, 1, 1]], dtype=np.uint8)
    assert masks.resize(row, (2, 10)).tolist() == [[0, 0, 1, 1, 0, 0, 1, 1, 1, 1]] * 2
    assert masks.resize(row, (1, 2)).tolist() == [[1, 1]]  # centres at 1.25 and 3.75
    assert masks.resize(row, (1, 5)).tolist() == row.tolist()


@settings(deadline=None)
@given(bitmaps(), st.integers(1, 60), st.integers(1, 60))
def test_code_is_resized_as_its_bitmap_is(bitmap: Bitmap, height: int, width: int) -> None:
    resized = masks.resize_run_length(masks.encode(bitmap), (height, width))
    assert resized == by_pycocotools(masks.resize(bitmap, (height, width)))


@settings(deadline=None)
@given(
    st.tuples(st.integers(100, 1200), st.integers(100, 1200)),
    st.floats(0.05, 1),
    st.floats(0.05, 1),
    st.sampled_from([np.floor, np.round, np.ceil]),
)
def test_mask_scaled_from_the_same_picture_fits(
    original: tuple[int, int], to_mask: float, to_image: float, rounded: np.ufunc
) -> None:
    h, w = (int(rounded(side * to_mask)) for side in original)
    size = tuple(int(rounded(side * to_image)) for side in original)
    bitmap = np.broadcast_to(np.uint8(1), (h, w))  # only the sizes matter: one byte of memory
    assert masks.fit_mask(bitmap, size).shape == size


@settings(deadline=None)
@given(bitmaps(), st.floats(0.3, 3.0))
def test_packed_bits_are_fitted_and_encoded_as_the_bitmap_is(bitmap: Bitmap, scale: float) -> None:
    size = (max(1, round(bitmap.shape[0] * scale)), max(1, round(bitmap.shape[1] * scale)))
    code = masks.encode_bits(np.packbits(bitmap, axis=1), bitmap.shape[1], size)
    assert code == masks.encode(masks.fit_mask(bitmap, size))


def test_packed_bits_of_other_shape_or_proportions_are_refused() -> None:
    bits = np.packbits(np.ones((12, 16), np.uint8), axis=1)
    with pytest.raises(DataError, match=r"packed bits of shape \(12, 2\) are no mask 17 pixels wide"):
        masks.encode_bits(bits, 17, (12, 17))
    with pytest.raises(DataError, match=r"a mask of 16 x 12 pixels .* does not fit its image of 160 x 90"):
        masks.encode_bits(bits, 16, (90, 160))


@pytest.mark.parametrize("size", [(768, 1024), (681, 1024), (500, 1000), (1024, 683)])
def test_mask_of_other_proportions_is_refused(size: tuple[int, int]) -> None:
    bitmap = np.ones((1067, 1600), dtype=np.uint8)  # 3:2
    assert masks.fit_mask(bitmap, (683, 1024)).shape == (683, 1024)
    with pytest.raises(DataError, match=r"1600 x 1067 pixels \(width x height\).*proportions differ"):
        masks.fit_mask(bitmap, size)


def test_four_to_three_does_not_fit_sixteen_to_nine() -> None:
    with pytest.raises(DataError, match="proportions differ"):
        masks.fit_mask(np.ones((480, 640), dtype=np.uint8), (720, 1280))


def test_mask_with_other_values_than_0_and_1_is_refused() -> None:
    with pytest.raises(DataError, match="values other than 0 and 1"):
        masks.fit_mask(np.array([[0, 255]], dtype=np.uint8), (1, 2))


@settings(deadline=None)
@given(bitmaps(12), st.sampled_from(["C", "F"]), st.sampled_from([np.bool_, np.uint8, np.float32]))
def test_large_bitmap_in_either_order_of_memory_is_encoded_alike(bitmap: Bitmap, order: str, dtype: type) -> None:
    large = np.kron(bitmap, np.ones((23, 41), dtype=np.uint8))
    large = np.pad(large, [(0, max(0, 230 - large.shape[0])), (0, max(0, 190 - large.shape[1]))])
    given = np.array(large * 3, dtype=dtype, order=order)
    assert masks.encode(given) == by_pycocotools(large)
    assert masks.encode(given[:, ::-1]) == by_pycocotools(large[:, ::-1])


def test_outline_too_long_to_draw_is_refused_and_runs_that_are_no_numbers_are_too() -> None:
    zigzag = np.zeros((200, 2))
    zigzag[1::2, 0] = 9e5
    zigzag[:, 1] = np.arange(200)
    with pytest.raises(DataError, match=r"polygon 0 is 1\.8e\+08 pixels long, too long to be drawn"):
        masks.to_run_length(Polygons((zigzag,)), (300, 300))
    with pytest.raises(DataError, match="not a flat list of whole numbers"):
        masks.from_counts([float("nan"), float("inf")], (1, 2))
