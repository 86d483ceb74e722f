"""What a file that should be JSON is instead, by its first bytes."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from contorno import parsers
from contorno.errors import DataError
from contorno.parsers.broken_json import broken_json, named_json_files

TEXT = json.dumps({"images": [], "annotations": [], "categories": []})


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "empty"),
        (gzip.compress(TEXT.encode(), mtime=0), "packed with gzip"),
        (b"PK\x03\x04rest", "a zip"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS, which stands for the file"),
        (b"<!DOCTYPE html>", "a web page, as servers give instead of a file"),
        (TEXT.encode("utf-16"), "UTF-16, as some Windows programs save"),
        (TEXT.encode("utf-16-le"), "UTF-16, as some Windows programs save"),
        (TEXT.encode("utf-16-be"), "UTF-16, as some Windows programs save"),
        (b"\x89PNG\r\n", "a picture"),
    ],
)
def test_what_it_is_is_told_of_the_file_and_of_its_folder(tmp_path: Path, data: bytes, what: str) -> None:
    (tmp_path / "labels.json").write_bytes(data)
    told = broken_json(tmp_path / "labels.json")
    assert told is not None
    assert told[0] == what
    with pytest.raises(DataError, match=rf"1 JSON file \(labels\.json, which is {what}"):
        parsers.recognise(tmp_path)


def test_json_is_not_broken_and_a_pipe_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text(TEXT, encoding="utf-8-sig")
    os.mkfifo(tmp_path / "pipe.json")
    assert broken_json(tmp_path / "labels.json") is None
    assert broken_json(tmp_path / "pipe.json") is None
    assert named_json_files(tmp_path, ["labels.json", "x.json"]) == "2 JSON files (labels.json, x.json)"
