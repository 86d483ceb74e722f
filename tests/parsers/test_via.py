"""Label files of the VGG Image Annotator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from contorno.errors import ConfigError, DataError
from contorno.geometry import Polygons
from contorno.parsers.via import VIABBoxParser, VIAParser, csv_form, via, via_form
from contorno.records import ClassMap, Record, Records
from contorno.splits import SingleSplitter

Json = dict[str, Any]
TRIANGLE = {"name": "polygon", "all_points_x": [1, 9, 5.5], "all_points_y": [1, 2, 8]}
RECT = {"name": "rect", "x": 2, "y": 3, "width": 6, "height": 4}


def region(shape: Json = TRIANGLE, **attributes: Any) -> Json:
    return {"shape_attributes": shape, "region_attributes": attributes}


def entry(*regions: Json, name: str = "a.png", size: int = 10, **of_file: Any) -> Json:
    return {"filename": name, "size": size, "regions": list(regions), "file_attributes": of_file}


def export(*entries: Json) -> Json:
    return {f"{item['filename']}{item['size']}": item for item in entries}


def project(document: Json, **more: Any) -> Json:
    return {"_via_settings": {}, "_via_img_metadata": document, "_via_attributes": {"region": {}, "file": {}}, **more}


def images(folder: Path, *names: str) -> None:
    for name in names or ("a.png",):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((16, 20, 3), dtype=np.uint8)).save(folder / name)


def write(folder: Path, document: Any, name: str = "via.json") -> Path:
    images(folder)
    path = folder / name
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def parse(parser: VIAParser, autofix: bool = True) -> Records:
    (records,) = parser.parse(SingleSplitter(), autofix)
    return records


def read(folder: Path, *regions: Json, **options: Any) -> tuple[Record, VIAParser]:
    """The one image of an annotation export with these regions."""
    parser = VIAParser(write(folder, export(entry(*regions))), folder, **options)
    return parse(parser)[0], parser


def names(records: Records) -> list[list[str]]:
    return [[records.class_map.get_by_id(label) for label in record.instances.labels] for record in records]


def test_polygon_keeps_its_vertices_and_other_attributes(tmp_path: Path) -> None:
    record, parser = read(tmp_path, region(kind="cat", colour=""), region(RECT, kind="dog"), label_field="kind")
    first, second = record.instances.geometries
    assert isinstance(first, Polygons)
    assert first.parts[0].tolist() == [[1, 1], [9, 2], [5.5, 8]]
    assert second is None
    assert record.instances.boxes[1].tolist() == [2, 3, 8, 7]
    assert (record.image_id, record.size_hw, parser.class_map.names) == ("a.png", (16, 20), ("cat", "dog"))
    assert record.instances.attributes is None


def test_rectangle_is_a_mask_if_asked(tmp_path: Path) -> None:
    record, _ = read(tmp_path, region(RECT, kind="dog"), rect="mask")
    (geometry,) = record.instances.geometries
    assert isinstance(geometry, Polygons)
    assert geometry.parts[0].tolist() == [[2, 3], [8, 3], [8, 7], [2, 7]]
    assert record.instances.run_lengths()[0].size == (16, 20)


@pytest.mark.parametrize(
    "form", ["VIA 1 regions as a dict", "VIA 2 annotations", "VIA 2 project", "list of entries", "CSV", "VIA 1 CSV"]
)
def test_every_form_of_versions_1_and_2_gives_the_same(tmp_path: Path, form: str) -> None:
    images(tmp_path, "b c.png")
    regions = [region(kind="cat\n"), region(RECT, kind="dog")]
    document: Any = export(entry(*regions), entry(name="b c.png", size=-1))
    suffix = "json"
    if form == "VIA 1 regions as a dict":
        for item in document.values():
            item["regions"] = {str(number): value for number, value in enumerate(item["regions"])}
            item |= {"fileref": "", "base64_img_data": ""}
    elif form == "VIA 2 project":
        document = project(document)
    elif form == "list of entries":
        document = list(document.values())
    elif "CSV" in form:
        suffix = "csv"
        mark = "#" if "1" in form else ""
        lines = [f"{mark}filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,"]
        lines[0] += "region_attributes"
        for number, item in enumerate(regions):
            cells = [json.dumps(item[key]).replace('"', '""') for key in ("shape_attributes", "region_attributes")]
            lines.append(f'a.png,10,"{{}}",2,{number},"{cells[0]}","{cells[1]}"')
        lines.append('b c.png,-1,"{}",0,0,"{}","{}"')
        document = "\r\n".join(lines) + "\r\n"
    parser = VIAParser(write(tmp_path, document, f"via.{suffix}"), tmp_path)
    records = parse(parser)
    assert [record.image_id for record in records] == ["a.png", "b c.png"]
    assert names(records) == [["cat", "dog"], []]
    assert records[0].instances.boxes[1].tolist() == [2, 3, 8, 7]
    assert (parser.report.mended, parser.report.dropped) == ({}, {})


def three() -> Json:
    """A project of version 3: an image with regions, one without, and a film."""
    shapes = {
        "m1": [7, 1, 1, 9, 2, 5.5, 8],
        "m2": [2, 2, 3, 6, 4],
        "m3": [3, 10, 8, 4],
        "m4": [4, 10, 8, 6, 3],
        "m5": [8, 3, 5, 8, 2, 12, 6, 9, 9],
        "m6": [9, 10, 2, 16, 8, 4, 8],
        "m7": [1, 5, 5],
        "m8": [5, 1, 1, 4, 4],
        "m9": [6, 1, 1, 9, 1, 9, 9],
    }
    metadata: Json = {
        key: {"vid": "1", "flg": 0, "z": [], "xy": xy, "av": {"1": "0", "2": "note"}} for key, xy in shapes.items()
    }
    metadata["of the image"] = {"vid": "1", "z": [], "xy": [], "av": {"3": "caption"}}
    metadata["in the film"] = {"vid": "3", "z": [0.5], "xy": [2, 1, 1, 5, 5], "av": {"1": "1"}}
    return {
        "project": {"pid": "__VIA_PROJECT_ID__", "vid_list": ["1", "2", "3"]},
        "config": {},
        "attribute": {
            "1": {"aname": "kind", "anchor_id": "FILE1_Z0_XY1", "type": 4, "options": {"0": "cat", "1": "dog"}},
            "2": {"aname": "remark", "anchor_id": "FILE1_Z0_XY1", "type": 1, "options": {}},
            "3": {"aname": "caption", "anchor_id": "FILE1_Z0_XY0", "type": 1, "options": {}},
        },
        "file": {
            "1": {"fid": 1, "fname": "a.png", "type": 2, "loc": 1, "src": ""},
            "2": {"fid": 2, "fname": "shown as", "type": 2, "loc": 3, "src": "sub/b.png"},
            "3": {"fid": 3, "fname": "film.mp4", "type": 4, "loc": 1, "src": ""},
        },
        "view": {"1": {"fid_list": [1]}, "2": {"fid_list": ["2"]}, "3": {"fid_list": [3]}},
        "metadata": metadata,
    }


def test_version_3_gives_shapes_options_and_images_without_regions(tmp_path: Path) -> None:
    images(tmp_path, "sub/b.png")
    parser = VIAParser(write(tmp_path, three()), tmp_path, label_field="kind")
    records = parse(parser)
    assert [record.image_id for record in records] == ["a.png", "sub/b.png"]
    instances = records[0].instances
    assert names(records) == [["cat"] * 7, []]
    assert parser.class_map.names == ("cat", "dog")
    assert instances.attributes is not None
    assert instances.attributes[0] == {"remark": "note"}
    expected = {
        0: [1, 1, 9, 8],
        1: [2, 3, 8, 7],
        2: [6, 4, 14, 12],
        3: [4, 5, 16, 11],
        4: [3, 2, 12, 9],
        5: [4, 2, 16, 14],
    }
    for index, box in expected.items():
        assert instances.boxes[index].tolist() == pytest.approx(box, abs=1), index
    assert instances.geometries[1] is None
    assert instances.geometries[4] is None
    assert parser.report.dropped == {
        "file that is not an image": 1,
        "region of a file that is not an image": 1,
        "attributes of a whole file, which records do not hold": 1,
        "point, which encloses nothing": 1,
        "line with fewer than 3 points, which encloses nothing": 1,
    }
    assert parser.report.mended == {"open line closed into a polygon": 1}


def test_region_of_a_view_with_two_files_or_none_belongs_to_no_image(tmp_path: Path) -> None:
    document = three()
    document["view"] = {"1": {"fid_list": [1, 2]}}
    document["metadata"] = {
        key: {"vid": vid, "z": [], "xy": [2, 1, 1, 5, 5]} for key, vid in (("m1", "1"), ("m2", "9"))
    }
    images(tmp_path, "sub/b.png")
    parser = VIAParser(write(tmp_path, document), tmp_path)
    assert names(parse(parser)) == [[], []]
    assert parser.report.dropped == {
        "file that is not an image": 1,
        "region of a view with several files": 1,
        "region of a view that is not there": 1,
    }


def test_checkbox_of_version_3_with_two_options_is_two_classes(tmp_path: Path) -> None:
    document = three()
    document["attribute"]["1"]["type"] = 2
    document["metadata"] = {
        "m1": {"vid": "1", "z": [], "xy": [2, 1, 1, 5, 5], "av": {"1": "1"}},
        "m2": {"vid": "1", "z": [], "xy": [2, 1, 1, 5, 5], "av": {"1": "0,1"}},
    }
    images(tmp_path, "sub/b.png")
    parser = VIAParser(write(tmp_path, document), tmp_path)
    assert names(parse(parser))[0] == ["dog"]
    assert parser.report.dropped["region with two classes ticked"] == 1


def test_csv_of_version_3(tmp_path: Path) -> None:
    attribute = {"1": {"aname": "kind", "anchor_id": "FILE1_Z0_XY1", "type": 3, "options": {"K": "cat"}}}
    text = "\n".join(
        [
            "# Exported using VGG Image Annotator (http://www.robots.ox.ac.uk/~vgg/software/via)",
            "# ATTRIBUTE = " + json.dumps(attribute),
            "# CSV_HEADER = metadata_id,file_list,flags,temporal_coordinates,spatial_coordinates,metadata",
            '"1_abc","[""a.png""]",0,"[]","[2,2,3,6,4]","{""1"":""K""}"',
            '"1_def","[""a.png""]",0,"[]","[2,2,3","{}"',
        ]
    )
    parser = VIAParser(write(tmp_path, text, "via3.csv"), tmp_path)
    records = parse(parser)
    assert names(records) == [["cat"]]
    assert records[0].instances.boxes[0].tolist() == [2, 3, 8, 7]
    assert parser.report.dropped == {"row that cannot be read": 1}


def test_class_is_found_in_a_checkbox(tmp_path: Path) -> None:
    record, parser = read(tmp_path, region(kind={"cat": True, "dog": False}), region(kind={"dog": True}))
    assert parser.class_map.names == ("cat", "dog")
    assert record.instances.labels.tolist() == [1, 2]


def test_regions_without_and_with_two_classes_are_left_out_and_counted(tmp_path: Path) -> None:
    two = {"cat": True, "dog": True}
    record, parser = read(tmp_path, region(kind={"cat": True}), region(kind=two), region(kind={}), region())
    assert len(record.instances) == 1
    assert parser.report.dropped == {"region with two classes ticked": 1, "region without a class": 2}
    assert parser.report.places["region with two classes ticked"] == ("a.png, region 1",)
    assert parser.report.details["region with two classes ticked"] == "cat, dog"
    with pytest.raises(DataError, match=r"a.png, region 1: region with two classes ticked \(cat, dog\)"):
        parse(parser, autofix=False)


@pytest.mark.parametrize(
    ("options", "value", "class_map", "expected"),
    [
        ({"cat": "a small animal"}, "cat", None, "cat"),
        ({"1": "cat", "2": "dog"}, "2", None, "dog"),
        ({"1": "", "2": ""}, "2", None, "2"),
        ({"c": "cat", "d": "dog"}, "d", ["cat", "dog"], "dog"),
        ({"c": "cat", "d": "dog"}, "d", ["c", "d"], "d"),
    ],
    ids=["id", "numbered", "numbers only", "class map has descriptions", "class map has ids"],
)
def test_options_are_called_by_id_or_description(
    tmp_path: Path, options: Json, value: str, class_map: list[str] | None, expected: str
) -> None:
    document = project(export(entry(region(kind=value))))
    document["_via_attributes"]["region"]["kind"] = {"type": "dropdown", "description": "", "options": options}
    given = None if class_map is None else ClassMap(class_map)
    assert names(parse(VIAParser(write(tmp_path, document), tmp_path, class_map=given))) == [[expected]]


def test_declared_options_give_the_order_of_classes(tmp_path: Path) -> None:
    document = project(export(entry(region(kind="ant"), region(kind="new"))))
    document["_via_attributes"]["region"]["kind"] = {"type": "radio", "options": {"zebra": "", "ant": ""}}
    parser = VIAParser(write(tmp_path, document), tmp_path)
    parse(parser)
    assert parser.class_map.names == ("zebra", "ant", "new")


def test_several_attributes_that_fit_have_to_be_chosen_from(tmp_path: Path) -> None:
    regions = [region(kind="cat", colour="red"), region(kind="dog", colour="", note=" ")]
    with pytest.raises(
        DataError, match=r"'kind' \(cat, dog\); 'colour' \(red\); choose one with label_field= \(--label-field\)"
    ):
        read(tmp_path, *regions)
    record, _ = read(tmp_path, *regions, label_field="Kind")
    assert len(record.instances) == 2
    record, _ = read(tmp_path, *regions, class_map=ClassMap(["dog", "cat"]))
    assert record.instances.labels.tolist() == [2, 1]
    with pytest.raises(DataError, match=r"no region has the attribute 'class'; found 'kind' \(cat, dog\)"):
        read(tmp_path, *regions, label_field="class")


def test_attribute_that_the_project_shows_as_label_is_the_class(tmp_path: Path) -> None:
    document = project(export(entry(region(kind="cat", colour="red"))))
    document["_via_settings"] = {"ui": {"image": {"region_label": "colour"}}}
    assert names(parse(VIAParser(write(tmp_path, document), tmp_path))) == [["red"]]


def test_attributes_that_hold_their_own_name_are_the_classes(tmp_path: Path) -> None:
    record, parser = read(tmp_path, region(head="Head"), region(arm="arm", score=0.5), region(head="head", arm="arm"))
    assert record.instances.labels.tolist() == [2, 1]
    assert record.instances.attributes == ({}, {"score": 0.5})
    assert parser.class_map.names == ("arm", "head")
    assert parser.report.dropped == {"region with two classes ticked": 1}


def test_regions_without_any_attribute_are_objects_unless_told_what_they_are(tmp_path: Path) -> None:
    _, parser = read(tmp_path, region(), region())
    assert parser.class_map.names == ("object",)
    assert parser.report.mended == {"region without any attribute for its class, taken for 'object'": 2}
    assert "--class-name" in next(iter(parser.report.details.values()))
    _, parser = read(tmp_path, region(), class_map=ClassMap(["building"]))
    assert parser.report.objects == 1
    with pytest.raises(DataError, match="region without any attribute for its class"):
        VIAParser(write(tmp_path, export(entry(region()))), tmp_path).parse(autofix=False)
    record, parser = read(tmp_path, region(), region(), class_name="balloon")
    assert (len(record.instances), parser.class_map.names) == (2, ("balloon",))


def test_class_name_beside_a_label_field_is_for_regions_that_name_none(tmp_path: Path) -> None:
    _, parser = read(tmp_path, region(kind="cat"), region(kind=""), label_field="kind", class_name="thing")
    assert parser.class_map.names == ("cat", "thing")
    _, parser = read(tmp_path, region(kind="cat"), region(kind=""), class_name="thing")
    assert parser.class_map.names == ("thing",)


def shape(name: str, **numbers: Any) -> Json:
    return region({"name": name, **numbers}, kind="cat")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (shape("point", cx=3, cy=3), "point, which encloses nothing"),
        (shape("polygon", all_points_x=[1, 2], all_points_y=[1, 2]), "polygon with fewer than 3 points"),
        (
            shape("polygon", all_points_x=[1, 2, 3], all_points_y=[1, 2]),
            "polygon with more of x than of y, or the reverse",
        ),
        (
            shape("polygon", all_points_x=[1, None, 3], all_points_y=[1, 2, 3]),
            "polygon with a coordinate that is not a number",
        ),
        (
            shape("polygon", all_points_x=[1, 2, 10**400], all_points_y=[1, 2, 3]),
            "polygon with a coordinate that is not a number",
        ),
        (
            shape("polygon", all_points_x=[1, 2, 10**30], all_points_y=[1, 9, 3]),
            "polygon with a coordinate that is not a number within a million pixels",
        ),
        (shape("polygon"), "polygon without points"),
        (
            shape("polyline", all_points_x=[1, 9], all_points_y=[1, 9]),
            "line with fewer than 3 points, which encloses nothing",
        ),
        (shape("rect", x=1, y=1, width=0, height=4), "rectangle without area"),
        (shape("rect", x=1, y=1, width=4), "rect with a place or length that is not a number"),
        (shape("circle", cx=1, cy=1, r=0), "circle without area"),
        (shape("cube"), "region of a shape that is not known"),
        (shape("rect", x=30, y=1, width=4, height=4), "box without area inside the image"),
        ({"region_attributes": {"kind": "cat"}}, "region without a shape"),
        ("nothing", "region without a shape"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_regions_that_cannot_be_used_are_counted(tmp_path: Path, bad: Any, reason: str) -> None:
    record, parser = read(tmp_path, bad, region(kind="cat"))
    assert len(record.instances) == 1
    assert parser.report.dropped == {reason: 1}


def test_circle_ellipse_and_line_become_polygons(tmp_path: Path) -> None:
    record, parser = read(
        tmp_path,
        shape("circle", cx=10, cy=8, r=4),
        shape("ellipse", cx=10, cy=8, rx=6, ry=2, theta=np.pi / 2),
        shape("polyline", all_points_x=[1, 9, 9], all_points_y=[1, 1, 9]),
    )
    boxes = [part.parts[0] for part in record.instances.geometries if isinstance(part, Polygons)]
    assert [boxes[0].min(), boxes[0].max()] == [4, 14]
    assert [*boxes[1].min(axis=0), *boxes[1].max(axis=0)] == pytest.approx([8, 2, 12, 14])
    assert boxes[2].tolist() == [[1, 1], [9, 1], [9, 9]]
    assert parser.report.mended == {"open line closed into a polygon": 1}


def test_regions_of_one_group_are_one_object(tmp_path: Path) -> None:
    other = {"name": "polygon", "all_points_x": [12, 18, 18], "all_points_y": [1, 1, 9]}
    record, _ = read(
        tmp_path, region(kind="cat", group_id=1), region(other, kind="cat", group_id=1), region(kind="cat")
    )
    assert [len(part.parts) for part in record.instances.geometries if isinstance(part, Polygons)] == [2, 1]


def test_score_flag_and_id_are_read_whatever_the_tool_made_of_them(tmp_path: Path) -> None:
    record, _ = read(tmp_path, region(kind="cat", score="0.75", is_crowd=True, contorno_id=7))
    assert record.instances.attributes == ({"score": 0.75},)
    assert (record.instances.is_crowd.tolist(), record.instances.ids) == ([True], (7,))


def test_file_attributes_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path, export(entry(region(kind="cat"), caption="", public_domain="no")))
    parser = VIAParser(path, tmp_path)
    parse(parser)
    assert parser.report.dropped == {"file attribute 'public_domain', which records do not hold": 1}


def test_image_named_by_a_url_is_found_by_its_base_name_or_counted(tmp_path: Path) -> None:
    url = "https://example.org/pictures/"
    path = write(
        tmp_path,
        export(entry(region(kind="cat"), name=f"{url}a.png"), entry(region(kind="cat"), name=f"{url}b.png")),
    )
    parser = VIAParser(path, tmp_path)
    assert [record.image_id for record in parse(parser)] == ["a.png"]
    assert parser.report.mended == {"image named by a URL, found by its base name": 1}
    assert parser.report.dropped == {"image named by a URL": 1, "region of an image named by a URL": 1}


def test_image_is_found_in_the_folder_that_the_project_names(tmp_path: Path) -> None:
    images(tmp_path, "pictures/b.png")
    document = project(export(entry(region(kind="cat"), name="b.png")))
    for folder in (".\\pictures", "./pictures/"):
        document["_via_settings"] = {"core": {"default_filepath": folder}}
        assert parse(VIAParser(write(tmp_path, document), tmp_path))[0].path == tmp_path / "pictures/b.png"


@pytest.mark.parametrize("name", ["../a.png", "/etc/a.png", "C:\\data\\a.png"])
def test_path_that_leads_out_is_never_followed(tmp_path: Path, name: str) -> None:
    images(tmp_path, "a.png", "below/other.png")
    path = tmp_path / "via.json"
    path.write_text(json.dumps(export(entry(region(kind="cat"), name=name))))
    with pytest.raises(DataError, match="leads out of the image folder"):
        parse(VIAParser(path, tmp_path / "below"))
    parser = VIAParser(path, tmp_path)
    assert parse(parser)[0].path == tmp_path / "a.png"
    assert parser.report.mended == {"image whose path is of another place, found by its base name": 1}


def test_image_that_stands_twice_keeps_the_regions_of_both(tmp_path: Path) -> None:
    document = export(entry(region(kind="cat"), size=10), entry(region(RECT, kind="dog"), size=-1))
    parser = VIAParser(write(tmp_path, document), tmp_path)
    assert names(parse(parser)) == [["cat", "dog"]]
    assert parser.report.mended == {"image that stands twice, its regions put together": 1}


def test_missing_and_damaged_images(tmp_path: Path) -> None:
    document = export(entry(region(kind="cat")), entry(name="gone.png"), entry(name="bad.png"))
    (tmp_path / "bad.png").write_bytes(b"no picture")
    path = write(tmp_path, document)
    with pytest.raises(DataError, match="1 of 2 image files are not in"):
        parse(VIAParser(path, tmp_path))
    parser = VIAParser(path, tmp_path, missing_images="drop")
    assert len(parse(parser)) == 1
    assert parser.report.dropped == {"image file that cannot be read": 1, "image whose file is missing": 1}


@pytest.mark.parametrize(
    "document",
    [{}, [], {"images": [], "annotations": []}, 3, {"a": {"filename": "a.png"}}, {"shapes": [], "imagePath": "a.png"}],
    ids=str,
)
def test_json_of_other_kinds_is_refused(tmp_path: Path, document: Any) -> None:
    with pytest.raises(DataError, match="is not of the VGG Image Annotator"):
        parse(VIAParser(write(tmp_path, document), tmp_path))


def test_forms_are_told_apart() -> None:
    assert via_form(export(entry())) == "VIA 2 annotations"
    assert via_form({"a": {"filename": "a.png", "regions": {}}}) == "VIA 1 annotations"
    assert via_form(project({})) == "VIA 2 project"
    assert via_form(three()) == "VIA 3 project"
    assert via_form({"images": [], "annotations": []}) is None
    assert (
        csv_form("#filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,x\n") == "VIA CSV"
    )
    assert csv_form("# Exported\n# CSV_HEADER = metadata_id,file_list\n") == "VIA 3 CSV"
    assert csv_form("image,mask,width,height\n") is None


def test_hostile_text_is_a_data_error(tmp_path: Path) -> None:
    for text in ("[" * 100_000, '{"a": ' + "9" * 5000 + "}", "\xff\xfe"):
        with pytest.raises(DataError):
            parse(VIAParser(write(tmp_path, text), tmp_path))
    with pytest.raises(DataError, match="it has no column region_shape_attributes, region_attributes"):
        parse(VIAParser(write(tmp_path, "filename,x\na.png,1\n", "x.csv"), tmp_path))


def test_rows_of_a_csv_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    head = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\n"
    cells = [json.dumps(RECT), '{"kind":"cat","n":undefined}']
    good = 'a.png,1,"{}",1,0,' + ",".join('"' + cell.replace('"', '""') + '"' for cell in cells) + "\n"
    deep = f'a.png,1,"{{}}",1,0,"{"[" * 100_000}","{{}}"\n'
    parser = VIAParser(
        write(tmp_path, head + good + "a.png,1,2\n" + 'a.png,1,"{}",1,0,"{no}","{}"\n' + deep, "v.csv"), tmp_path
    )
    assert names(parse(parser)) == [["cat"]]
    assert parser.report.dropped == {"row that cannot be read": 3}


def test_vertex_offset_moves_polygons_only(tmp_path: Path) -> None:
    record, _ = read(tmp_path, region(kind="cat"), region(RECT, kind="cat"), vertex_offset=0.5)
    first = record.instances.geometries[0]
    assert isinstance(first, Polygons)
    assert first.parts[0][0].tolist() == [1.5, 1.5]
    assert record.instances.boxes[1].tolist() == [2, 3, 8, 7]


def test_boxes_parser_takes_the_box_around_the_vertices_as_icevision_does(tmp_path: Path) -> None:
    path = write(tmp_path, export(entry(region(label="cat"), region(RECT, label="dog"), region(label="ant"))))
    parser = via(path, tmp_path, ClassMap(["cat", "dog"]))
    assert isinstance(parser, VIABBoxParser)
    (record,) = parse(parser)
    assert record.instances.boxes.tolist() == [[1, 1, 9, 8], [2, 3, 8, 7]]
    assert record.instances.geometries == (None, None)


def test_options_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, export(entry()))
    with pytest.raises(ConfigError, match="rect='polygon'"):
        VIAParser(path, tmp_path, rect="polygon")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="is a folder"):
        VIAParser(tmp_path, tmp_path)
    with pytest.raises(ConfigError, match="does not exist"):
        VIAParser(tmp_path / "none.json", tmp_path)


def test_numbers_written_as_texts_are_read_and_counted(tmp_path: Path) -> None:
    rect = {key: value if key == "name" else str(value) for key, value in RECT.items()}
    points = {"name": "polygon", "all_points_x": ["1", "9", "5.5"], "all_points_y": ["1", "2", "8"]}
    record, parser = read(tmp_path, region(rect, kind="cat"), region(points, kind="cat"))
    assert record.instances.boxes[0].tolist() == [2, 3, 8, 7]
    geometry = record.instances.geometries[1]
    assert isinstance(geometry, Polygons)
    assert geometry.parts[0].tolist() == [[1, 1], [9, 2], [5.5, 8]]
    assert parser.report.mended == {"number written as a text": 2}


@pytest.mark.parametrize("name", ["", "  ", 5, None])
def test_image_without_a_file_name_is_left_out_and_counted(tmp_path: Path, name: Any) -> None:
    document = {"x": {"filename": name, "regions": [region(kind="cat")]}, **export(entry(region(kind="cat")))}
    parser = VIAParser(write(tmp_path, document), tmp_path)
    assert [record.image_id for record in parse(parser)] == ["a.png"]
    dropped = {"image without a file name": 1, "region of an image without a file name": 1}
    assert parser.report.dropped == dropped
    assert parser.report.places["image without a file name"] == ("entry 'x'",)


def test_no_image_that_can_be_used_says_why(tmp_path: Path) -> None:
    path = write(tmp_path, export(entry(region(kind="cat"), name="../../b.png")))
    with pytest.raises(DataError, match=r"none of its 1 images can be used; the first is \.\./\.\./b\.png: its file n"):
        parse(VIAParser(path, tmp_path, missing_images="drop"))


def test_name_that_is_too_long_for_a_file_is_a_missing_file(tmp_path: Path) -> None:
    path = write(tmp_path, export(entry(region(kind="cat"), name="a" * 4000 + ".png")))
    with pytest.raises(DataError, match="1 of 1 image files are not in"):
        parse(VIAParser(path, tmp_path))


def test_films_alone_are_refused(tmp_path: Path) -> None:
    document = {"file": {"1": {"fname": "a.mp4", "type": 4}}, "view": {"1": {"fid_list": ["1"]}}, "metadata": {}}
    with pytest.raises(DataError, match="none of its 1 files is an image"):
        parse(VIAParser(write(tmp_path, document), tmp_path))


HEAD = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
ROW = '''"a.png",1,"{}",1,0,"{""name"":""rect"",""x"":2,""y"":3,""width"":6,""height"":4}","{""kind"":""cat""}"'''


def test_csv_may_be_in_utf_16(tmp_path: Path) -> None:
    images(tmp_path)
    path = tmp_path / "via.csv"
    path.write_text(f"{HEAD}\n{ROW}\n", encoding="utf-16")
    assert names(parse(VIAParser(path, tmp_path))) == [["cat"]]


def test_csv_in_another_encoding_says_where_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "via.csv"
    path.write_text(f"{HEAD}\n{ROW.replace('cat', 'bär')}\n", encoding="cp1252")
    with pytest.raises(DataError, match=r"byte \d+ is not UTF-8; save it as CSV UTF-8"):
        parse(VIAParser(path, tmp_path))


def test_csv_without_a_row_that_can_be_read_says_why(tmp_path: Path) -> None:
    digits = ROW.replace("2", "2" * 5000, 1)
    path = write(tmp_path, f"{HEAD}\n{digits}\n", "via.csv")
    with pytest.raises(DataError, match="none of its 1 rows can be read; the first is line 2: a number of too many"):
        parse(VIAParser(path, tmp_path))


def test_csv_of_version_3_survives_a_spreadsheet(tmp_path: Path) -> None:
    attribute = {"1": {"aname": "kind", "anchor_id": "FILE1_Z0_XY1", "type": 4, "options": {"0": "cat"}}}
    comments = ["# Exported using VGG Image Annotator (http)", f"# ATTRIBUTE = {json.dumps(attribute)}"]
    quoted = ['"' + line.replace('"', '""') + '",,,' for line in comments]
    row = """"1_a","[""a.png""]",0,"[]","[2,2,3,6,4]","{""1"":""0""}",,"""
    text = "\n".join([*quoted, row, ""])
    assert csv_form(text) == "VIA 3 CSV"
    records = parse(VIAParser(write(tmp_path, text, "via.csv"), tmp_path))
    assert names(records) == [["cat"]]
    assert records[0].instances.boxes.tolist() == [[2, 3, 8, 7]]


def test_attributes_that_could_not_be_written_are_left_out_and_counted(tmp_path: Path) -> None:
    deep: Any = []
    for _ in range(900):
        deep = [deep]
    shape = region(kind="cat", deep=deep, far=float("inf"), score="inf", fine={"a": [1, 2]})
    record, parser = read(tmp_path, shape, label_field="kind")
    assert record.instances.attributes == ({"score": "inf", "fine": {"a": [1, 2]}},)
    expected = {"attribute with lists nested too deep": 1, "attribute with an infinite number": 1}
    assert parser.report.dropped == expected


def test_line_that_ends_where_it_begins_is_no_fault(tmp_path: Path) -> None:
    ring = {"name": "polyline", "all_points_x": [1, 9, 5, 1], "all_points_y": [1, 2, 8, 1]}
    record, parser = read(tmp_path, region(ring, kind="cat"))
    assert (len(record.instances), parser.report.mended) == (1, {})


@pytest.mark.parametrize("folder", ["images", "data", "JPEGImages", "."])
def test_images_are_found_in_a_folder_beside_the_file(tmp_path: Path, folder: str) -> None:
    images(tmp_path / folder)
    path = tmp_path / "via.json"
    path.write_text(json.dumps(export(entry(region(label="cat")))))
    (record,) = parse(VIAParser(path))
    assert record.path == tmp_path / folder / "a.png"


def test_images_beside_the_folder_of_annotations_are_found_and_others_above_are_not(tmp_path: Path) -> None:
    for labels in ("annotations", "other"):
        path = tmp_path / labels / "via.json"
        path.parent.mkdir()
        path.write_text(json.dumps(export(entry(region(label="cat")))))
    images(tmp_path / "images")
    assert parse(VIAParser(tmp_path / "annotations" / "via.json"))[0].path == tmp_path / "images" / "a.png"
    with pytest.raises(DataError, match="1 of 1 image files are not in"):
        parse(VIAParser(tmp_path / "other" / "via.json"))


def test_url_with_a_query_finds_its_file(tmp_path: Path) -> None:
    parser = VIAParser(write(tmp_path, export(entry(region(label="cat"), name="https://x.org/a.png?raw=1#top"))))
    assert parse(parser)[0].image_id == "a.png"
    assert parser.report.mended == {"image named by a URL, found by its base name": 1}
