"""What is said of archives and of formats that are not read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contorno import parsers
from contorno.errors import DataError
from contorno.parsers.unread import hint_below


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([{"id": 1, "annotations": [{}], "data": {"image": "a.jpg"}}], "tasks of Label Studio"),
        ([{"image": "a.jpg", "annotations": [{"label": "cat", "coordinates": {}}]}], "CreateML"),
        ([{"version": 0, "tags": [], "shapes": [], "tracks": []}], "a backup of CVAT"),
        ({"description": "", "tags": [], "size": {"height": 3, "width": 4}, "objects": []}, "Supervisely"),
        ({"info": {}, "categories": {}, "items": []}, "Datumaro"),
        ({"imgHeight": 3, "imgWidth": 4, "objects": []}, "Cityscapes' polygons"),
        ({"asset": {"name": "a.jpg"}, "regions": [], "version": "2.1.0"}, "VoTT"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_format_of_another_tool_is_named_with_what_to_export(tmp_path: Path, document: Any, said: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(document))
    with pytest.raises(DataError, match=f"is of {said}, which is not read; (export|give)"):
        parsers.recognise(path)
    with pytest.raises(DataError, match=rf"is not recognised: .*labels\.json is of {said}"):
        parsers.recognise(tmp_path)


@pytest.mark.parametrize(
    ("name", "command"),
    [("task.zip", 'unzip ".*task.zip" -d ".*task"'), ("d.tar.gz", 'mkdir ".*d" && tar -xf'), ("d.rar", "7z x")],
)
def test_archive_is_refused_with_the_command_that_unpacks_it(tmp_path: Path, name: str, command: str) -> None:
    (tmp_path / name).write_bytes(b"PK")
    for path in (tmp_path / name, tmp_path):
        with pytest.raises(DataError, match=f"not read as it is; unpack it, as with {command}.*give the folder"):
            parsers.recognise(path)


def test_a_packed_file_that_is_no_tar_has_a_command_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "train.json.gz").write_bytes(b"PK")
    with pytest.raises(DataError, match=r'unpack it, as with gunzip -k ".*train\.json\.gz", and give .*train\.json\.'):
        parsers.recognise(tmp_path / "train.json.gz")


def test_table_of_boxes_is_named(tmp_path: Path) -> None:
    path = tmp_path / "_annotations.csv"
    path.write_text("filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,4,3,cat,0,0,1,1\n")
    for place in (path, tmp_path):
        with pytest.raises(DataError, match=r"boxes as TensorFlow's.*expected one of VIA"):
            parsers.recognise(place)


@pytest.mark.parametrize("name", ["locked", "locked.csv"])
def test_what_may_not_be_looked_into_gives_no_hint(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name.endswith(".csv"):
        (tmp_path / name).write_text("a,b\n")
    else:
        (tmp_path / name).mkdir()

    # Who may read everything, as root in a container, is refused nothing by the modes of files.
    def guarded(method: Callable[..., Any]) -> Callable[..., Any]:
        def refuse(self: Path, *args: Any, **options: Any) -> Any:
            if self.name == name:
                raise PermissionError(13, "Permission denied", str(self))
            return method(self, *args, **options)

        return refuse

    for method in ("iterdir", "open"):
        monkeypatch.setattr(Path, method, guarded(getattr(Path, method)))
    assert hint_below(tmp_path) == ""
