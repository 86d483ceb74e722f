from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from contorno.errors import ConfigError, DataError
from contorno.images import write_image
from contorno.masks import Polygons
from contorno.parsers import FoundImage, FoundObject, Parser
from contorno.parsers.findings import Findings
from contorno.progress import Progress
from contorno.records import ClassMap
from contorno.splits import SingleSplitter


class CircleParser(Parser):
    """A format of one's own: lines of `image class x y side`, a square each; `image` alone is a negative."""

    declared: Sequence[str] = ()

    def _read(self, findings: Findings, progress: Progress) -> Iterable[FoundImage]:
        images: dict[str, FoundImage] = {}
        for number, line in enumerate(self.path.read_text().splitlines(), start=1):
            name, *rest = line.split()
            image = images.setdefault(name, FoundImage(file_name=name))
            if not rest:
                continue
            x, y, side = map(float, rest[1:])
            square = np.array([[x, y], [x + side, y], [x + side, y + side], [x, y + side]])
            image.objects.append(
                FoundObject(
                    class_name=rest[0],
                    geometry=Polygons((square,)),
                    where=f"line {number}",
                    attributes={"line": number} if rest[0] == "marked" else {},
                )
            )
        return images.values()

    def _declared_classes(self) -> Sequence[str]:
        return self.declared


def squares(folder: Path, *lines: str, images: Sequence[str] = ("a.png", "b.png")) -> Path:
    for name in images:
        write_image(folder / name, np.zeros((10, 12, 3), dtype=np.uint8))
    (folder / "squares.txt").write_text("\n".join(lines))
    return folder / "squares.txt"


def test_a_format_of_ones_own_is_one_method(tmp_path: Path) -> None:
    parser = CircleParser(squares(tmp_path, "a.png dog 1 1 4", "a.png cat 2 2 5", "b.png"))
    (records,) = parser.parse(SingleSplitter())
    assert records.class_map.names == ("cat", "dog")
    assert [record.image_id for record in records] == ["a.png", "b.png"]
    assert records[0].size_hw == (10, 12)
    assert records[0].instances.labels.tolist() == [2, 1]
    assert records[0].instances.boxes.tolist() == [[1, 1, 5, 5], [2, 2, 7, 7]]
    assert str(parser.report) == "2 images (1 without objects), 2 objects"


def test_classes_come_in_the_declared_order_and_class_map_is_known_before_parsing(tmp_path: Path) -> None:
    parser = CircleParser(squares(tmp_path, "a.png dog 1 1 4", "a.png ant 2 2 5"))
    parser.declared = ["dog", "cow"]
    assert parser.class_map.names == ("dog", "cow", "ant")
    assert parser.report.images == 0  # the look at the classes is no parse


def test_objects_of_classes_beyond_the_class_map_are_an_error_or_counted(tmp_path: Path) -> None:
    path = squares(tmp_path, "a.png Dog 1 1 4", "a.png cat 2 2 5")
    with pytest.raises(DataError, match=r"not in the class map: 'cat'.*the class map has 'dog'"):
        CircleParser(path, class_map=ClassMap(["dog"])).parse()
    parser = CircleParser(path, class_map=ClassMap(["dog"]), ignore_unknown=True)
    (records,) = parser.parse(SingleSplitter())
    assert records.num_objects == 1
    assert parser.report.dropped == {"object of the class 'cat', which is not in the class map": 1}


def test_missing_images_are_an_error_or_counted_with_their_objects(tmp_path: Path) -> None:
    path = squares(tmp_path, "a.png dog 1 1 4", "gone.png dog 1 1 4", "b.png dog 1 1 4")
    with pytest.raises(DataError, match=r"1 of 3 image files are not in .*, the first is 'gone\.png'"):
        CircleParser(path).parse()
    parser = CircleParser(path, missing_images="drop")
    (records,) = parser.parse(SingleSplitter())
    assert len(records) == 2
    assert parser.report.dropped == {
        "image whose file is missing": 1,
        "object of an image whose file is missing": 1,
    }


def test_faults_keep_their_places(tmp_path: Path) -> None:
    parser = CircleParser(squares(tmp_path, "a.png dog 20 1 4", "a.png dog 8 8 9", "b.png background 1 1 3"))
    (records,) = parser.parse(SingleSplitter())
    assert records.num_objects == 1
    assert parser.report.places["empty mask"] == ("a.png, line 1",)
    assert records[0].instances.boxes.tolist() == [[8, 8, 12, 10]]
    assert parser.report.dropped == {
        "empty mask": 1,
        "object of the class 'background', which is never stored": 1,
    }
    with pytest.raises(DataError, match=r"squares\.txt: a\.png, line 1: empty mask; correct it"):
        CircleParser(parser.path).parse(autofix=False)


def test_vertices_move_by_the_offset_and_attributes_stay(tmp_path: Path) -> None:
    path = squares(tmp_path, "a.png marked 1 1 4", "a.png dog 1 1 4")
    (records,) = CircleParser(path, vertex_offset=0.5).parse(SingleSplitter())
    geometry = records[0].instances.geometries[0]
    assert isinstance(geometry, Polygons)
    assert geometry.parts[0][0].tolist() == [1.5, 1.5]
    assert records[0].instances.attributes == ({"line": 1}, {})


def test_source_without_images_and_source_that_is_not_there_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"squares\.txt names no images"):
        CircleParser(squares(tmp_path)).parse()
    with pytest.raises(ConfigError, match="nowhere does not exist"):
        CircleParser(tmp_path / "nowhere")


def test_source_of_which_nothing_is_left_says_what_was_left_out(tmp_path: Path) -> None:
    path = squares(tmp_path, "gone.png dog 1 1 4")
    with pytest.raises(
        DataError, match=r"none of its 1 images can be used \(left out: 1 × image whose file is missing"
    ):
        CircleParser(path, missing_images="drop").parse()
