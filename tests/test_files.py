"""Files whole or not at all."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from contorno import files
from contorno.errors import ConfigError, DataError


def test_a_failed_write_leaves_the_old_file_and_no_temporary_one(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    files.write_text(path, "old")

    def fail_half_way() -> None:
        with files.atomic_file(path, "w") as file:
            file.write("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_written_file_can_be_read_by_others(tmp_path: Path) -> None:
    files.write_bytes(tmp_path / "a", b"1")
    (tmp_path / "plain").write_bytes(b"1")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_json_keeps_what_it_was_given_and_nan_becomes_null(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", {"ap": float("nan"), "names": ("ñ", 1.5, None)})
    assert files.read_json(tmp_path / "a.json") == {"ap": None, "names": ["ñ", 1.5, None]}


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"{", "a.json is not JSON: .* at line 1, column 2"), (b"\xff\xfe\x00", "a.json is not a JSON text: byte 0")],
    ids=["cut", "binary"],
)
def test_bad_json_names_file_and_place(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DataError, match=message):
        files.read_json(tmp_path / "a.json")


def test_missing_json_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        files.read_json(tmp_path / "none.json")


def test_an_output_folder_with_something_in_it_is_refused_or_moved_aside(tmp_path: Path) -> None:
    out = files.new_folder(tmp_path / "runs" / "a")
    (out / "model.pth").write_text("precious")
    with pytest.raises(ConfigError, match="exists already; choose another with --out, or add --force"):
        files.new_folder(out)
    files.new_folder(out, force=True)
    assert list(out.iterdir()) == []
    assert (tmp_path / "runs" / "a.old-1" / "model.pth").read_text() == "precious"


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot make the output folder"):
        files.new_folder(tmp_path / "file" / "run")
    with pytest.raises(ConfigError, match="cannot write"):
        files.write_text(tmp_path / "file" / "a.txt", "")


def test_a_second_process_cannot_hold_the_folder(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from contorno import files\n"
        "from contorno.errors import ConfigError\n"
        "try:\n    with files.folder_lock(Path(sys.argv[1])): print('held')\n"
        "except ConfigError as error: print(error)"
    )

    def other() -> str:
        return subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True).stdout

    with files.folder_lock(tmp_path):
        assert "another process is writing to" in other()
    assert other() == "held\n"


def test_checksum_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"contorno")
    assert files.checksum(tmp_path / "a", "md5") == "08ebf9316138012cdaa2902ff7b0b493"


def test_half_a_character_is_written_as_json_spells_it_and_reads_back(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", {"name": "cat \ud83d"})
    assert files.read_json(tmp_path / "a.json") == {"name": "cat \ud83d"}
