from __future__ import annotations

import os
from pathlib import Path

import pytest

from contorno.errors import DataError
from contorno.parsers import xml_file
from contorno.parsers.xml_file import iterate_xml, read_xml, root_tag


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "a.xml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_elements_come_with_attributes_text_and_line(tmp_path: Path) -> None:
    path = write(tmp_path, "<?xml version='1.0'?>\n<a id='7'>\n <b> x &amp; y </b>\n <b><c>z</c></b></a>")
    root = read_xml(path)
    assert (root.tag, root.attributes, root.line) == ("a", {"id": "7"}, 2)
    assert [(child.text, child.line) for child in root.every("b")] == [("x & y", 3), ("", 4)]
    assert root.value("b") == "x & y"
    assert root.every("b")[1].value("c") == "z"
    assert (root.value("b", "c"), root.first("none")) == ("", None)


def test_children_are_given_one_by_one_after_the_outer_element(tmp_path: Path) -> None:
    path = write(tmp_path, "<a x='1'>" + "<b><c>t</c></b>" * 3 + "</a>")
    outer, *children = iterate_xml(path)
    assert (outer.tag, outer.attributes, outer.children) == ("a", {"x": "1"}, [])
    assert [child.value("c") for child in children] == ["t", "t", "t"]
    assert root_tag(path) == "a"


def test_a_long_file_is_streamed_with_one_child_held_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "<a>" + "<b><c/></b>" * 1000 + "</a>")
    monkeypatch.setattr(xml_file, "MOST_ELEMENTS", 10)
    monkeypatch.setattr(xml_file, "_CHUNK", 64)
    assert sum(1 for _ in iterate_xml(path)) == 1001
    with pytest.raises(DataError, match="more than 10 elements at once"):
        read_xml(path)


def test_a_laughing_file_is_refused_before_it_grows(tmp_path: Path) -> None:
    lines = ['<!ENTITY l0 "ha">'] + [f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12)]
    path = write(tmp_path, f"<!DOCTYPE a [{''.join(lines)}]><a>&l11;</a>")
    with pytest.raises(DataError, match=r"a\.xml declares the entity 'l0'.* \(line 1, column 26\)"):
        read_xml(path)
    assert root_tag(path) is None


@pytest.mark.parametrize(
    "declared",
    [
        '<!DOCTYPE a [<!ENTITY e SYSTEM "SECRET">]>',
        '<!DOCTYPE a [<!ENTITY % e SYSTEM "SECRET"> %e;]>',
        '<!DOCTYPE a SYSTEM "SECRET">',
        '<!DOCTYPE a PUBLIC "-//W3C//DTD XHTML 1.0//EN" "SECRET">',
        '<!DOCTYPE a [<!ATTLIST a b CDATA "x">]>',
        '<!DOCTYPE a [<!NOTATION n SYSTEM "n"><!ENTITY e SYSTEM "SECRET" NDATA n>]>',
    ],
    ids=["outside entity", "parameter entity", "outside DTD", "public DTD", "default attribute", "unparsed entity"],
)
def test_nothing_outside_of_the_file_is_read(tmp_path: Path, declared: str) -> None:
    secret = tmp_path / "secret.dtd"
    secret.write_text('<!ENTITY e "secret">')
    with pytest.raises(DataError, match=r"declares the|uses the entity 'e'"):
        read_xml(write(tmp_path, f"{declared.replace('SECRET', secret.as_uri())}<a>&e;</a>"))


def test_a_harmless_doctype_is_read(tmp_path: Path) -> None:
    assert read_xml(write(tmp_path, '<!DOCTYPE annotation SYSTEM "voc.dtd"><annotation/>')).tag == "annotation"


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "<a>" * 100_000)
    with pytest.raises(DataError, match="more than 64 deep in each other"):
        read_xml(path)
    with pytest.raises(DataError, match="more than 64 deep in each other"):
        list(iterate_xml(path))


def test_a_file_over_the_limit_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    with path.open("wb") as file:
        file.truncate(xml_file.MOST_BYTES + 1)  # a hole, no bytes on the disk
    with pytest.raises(DataError, match="has 67,108,865 bytes, more than the 67,108,864"):
        read_xml(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<a>\n<b></a>", r"is not XML: mismatched tag at line 2, column 6"),
        ("\n\n<a>\n<b></a>", r"is not XML: mismatched tag at line 4, column 6"),
        ("<a>\n<b>", r"is not XML: no element found at line 2, column 4"),
        ("not xml", r"is not XML: syntax error at line 1, column 1"),
        ("<a>R&D</a>", r"is not XML: not well-formed \(invalid token\) at line 1"),
        ("<a/><b/>", r"is not XML: junk after document element"),
        ("", "is empty; expected XML"),
        (" \n ", "is empty; expected XML"),
        ("<?xml version='1.0' encoding='hex'?><a/>", "a.xml"),
        (b"<a>\xff</a>", r"is not XML: not well-formed"),
        (b"\0" * 10, "is empty; expected XML"),
    ],
)
def test_what_is_not_xml_is_named_with_line_and_column(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_xml(write(tmp_path, text))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "gbk", "shift_jis", "euc-kr", "windows-1252", "gb2312"])
def test_encodings_that_tools_write(tmp_path: Path, encoding: str) -> None:
    word = {"gbk": "猫", "gb2312": "猫", "shift_jis": "猫", "euc-kr": "개", "windows-1252": "é"}.get(encoding, "猫é")
    stated = encoding.removesuffix("-sig")
    path = write(tmp_path, f"<?xml version='1.0' encoding='{stated}'?><a><b>{word}</b></a>".encode(encoding))
    assert read_xml(path).value("b") == word


def test_space_before_the_declaration_and_a_wrong_utf_16_are_read(tmp_path: Path) -> None:
    assert read_xml(write(tmp_path, "\r\n <?xml version='1.0'?><a/>")).tag == "a"
    assert read_xml(write(tmp_path, "<?xml version='1.0' encoding='utf-16'?><a><b>é</b></a>")).value("b") == "é"


def test_a_folder_a_pipe_and_a_missing_file_are_errors(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.xml")
    for path in (tmp_path, tmp_path / "pipe.xml", tmp_path / "none.xml"):
        with pytest.raises(DataError, match="does not exist or is no file"):
            read_xml(path)
