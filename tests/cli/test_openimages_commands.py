"""`contorno openimages classes | offline`, through a parser that holds nothing else."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from contorno.cli import openimages_commands
from contorno.errors import ConfigError
from contorno.rehearsal import make_bucket, serve

NO_IMAGES = {"train": 0, "validation": 0, "test": 0}


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lists and tables without images."""
    return make_bucket(tmp_path_factory.mktemp("bucket"), images=NO_IMAGES).root


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="contorno")
    openimages_commands.add(made.add_subparsers(required=True))
    return made


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    arguments = parser().parse_args(["openimages", *words])
    code = arguments.call(arguments)
    out = capsys.readouterr()
    return code, out.out, out.err


def rows(text: str) -> list[list[str]]:
    """Cells of a table; two spaces stand between them."""
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines()]


def test_without_text_all_classes_are_listed_by_name(capsys: pytest.CaptureFixture[str], bucket: Path) -> None:
    code, out, err = call(capsys, "classes", "--bucket", str(bucket))
    table = rows(out)
    assert code == 0
    assert table[0] == ["name", "MID", "masks", "children"]
    assert ["Fruit", "/m/02xwb", "no", "5"] in table
    assert ["Hot dog", "/m/01b9xk", "yes", "0"] in table
    assert len(table) == 1 + 48
    assert table[1:] == sorted(table[1:], key=lambda row: row[0].casefold())
    assert err == "48 classes, 38 with masks\n"


def test_with_masks_leaves_the_others_out(capsys: pytest.CaptureFixture[str], bucket: Path) -> None:
    _, out, _ = call(capsys, "classes", "--with-masks", "--bucket", str(bucket))
    assert len(rows(out)) == 1 + 38
    assert {row[2] for row in rows(out)[1:]} == {"yes"}


def test_a_name_shows_parents_children_and_how_to_fetch(capsys: pytest.CaptureFixture[str], bucket: Path) -> None:
    code, out, err = call(capsys, "classes", " fast  FOOD", "--bucket", str(bucket))
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "Fast food  /m/01_bhs  has no masks of its own",
        "parents: Food (/m/02wbm)",
        "classes below: 5, 5 with masks",
        "  French fries  /m/02y6n   masks",
        "  Hamburger     /m/0cdn1   masks",
        "  Hot dog       /m/01b9xk  masks",
        "  Pizza         /m/0663v   masks",
        "  Sandwich      /m/0l515   masks",
        f"fetch: contorno openimages fetch 'Fast food' --expand --bucket {shlex.quote(str(bucket))} --out DIR",
    ]


def test_expand_shows_all_levels_as_a_tree(capsys: pytest.CaptureFixture[str], bucket: Path) -> None:
    _, one_level, _ = call(capsys, "classes", "Food", "--bucket", str(bucket))
    assert "Hot dog" not in one_level
    assert "16 more stand below these; --expand shows them." in one_level
    _, all_levels, _ = call(capsys, "classes", "Food", "--expand", "--bucket", str(bucket))
    lines = [line.partition("/m/")[0].rstrip() for line in all_levels.splitlines()]
    assert lines[3:5] == ["  Baked goods", "    Bagel"]
    assert "    Hot dog" in lines
    assert "more stand below" not in all_levels


def test_a_class_that_stands_below_itself_ends_the_tree(
    capsys: pytest.CaptureFixture[str], bucket: Path, tmp_path: Path
) -> None:
    def node(mid: str, *below: object) -> dict[str, object]:
        return {"LabelName": mid, "Subcategory": below}

    tree = node("/m/0bl9f", node("/m/02wbm", node("/m/02xwb", node("/m/02wbm"), node("/m/09qck"))))
    (tmp_path / "bbox_labels_600_hierarchy.json").write_text(json.dumps(tree))
    _, out, _ = call(capsys, "classes", "Food", "--expand", "--bucket", str(bucket), "--meta-dir", str(tmp_path))
    assert "classes below: 2, 1 with masks\n  Fruit     /m/02xwb  no masks\n    Banana  /m/09qck  masks\n" in out


def test_with_masks_keeps_what_leads_to_masks(capsys: pytest.CaptureFixture[str], bucket: Path) -> None:
    _, out, _ = call(capsys, "classes", "Tableware", "--with-masks", "--bucket", str(bucket))
    assert "Plate" not in out
    assert "Mug" in out
    _, out, _ = call(capsys, "classes", "Food", "--with-masks", "--bucket", str(bucket))
    assert "Baked goods" in out


def test_a_class_with_masks_and_children_says_that_expand_takes_more(
    capsys: pytest.CaptureFixture[str], bucket: Path
) -> None:
    _, out, _ = call(capsys, "classes", "/m/01g317", "--bucket", str(bucket))
    assert "Person  /m/01g317  has masks" in out
    assert "(--expand takes the 2 below too)" in out
    assert "Human eye" not in out  # a part


def test_names_with_the_same_words_are_told_apart(capsys: pytest.CaptureFixture[str], bucket: Path) -> None:
    _, out, _ = call(capsys, "classes", "dog", "--bucket", str(bucket))
    assert out.startswith("Dog  /m/0bt9lr  has masks\n")
    assert "other classes with this name in theirs: Hot dog (/m/01b9xk)" in out
    _, out, _ = call(capsys, "classes", "food", "--bucket", str(bucket))
    assert "other classes" not in out, "Fast food stands below, and need not be named again"


def test_a_typo_lists_the_near_names(capsys: pytest.CaptureFixture[str], bucket: Path) -> None:
    code, out, err = call(capsys, "classes", "hotdog", "--bucket", str(bucket))
    assert code == 0
    assert err == "contorno: no class is called 'hotdog'; these come near:\n"
    assert rows(out)[1] == ["Hot dog", "/m/01b9xk", "yes", "0"]


def test_nothing_near_is_exit_code_1(capsys: pytest.CaptureFixture[str], bucket: Path) -> None:
    code, out, err = call(capsys, "classes", "xylophone quartet", "--bucket", str(bucket))
    assert (code, out) == (1, "")
    assert err == "contorno: no class is called 'xylophone quartet', and no name comes near it.\n"
    code, out, _ = call(capsys, "classes", "xylophone quartet", "--json", "--bucket", str(bucket))
    assert (code, json.loads(out)) == (1, [])


def test_json_is_a_list_of_objects(capsys: pytest.CaptureFixture[str], bucket: Path) -> None:
    _, out, _ = call(capsys, "classes", "--json", "--bucket", str(bucket))
    assert {"name": "Fruit", "mid": "/m/02xwb", "has_masks": False, "num_children": 5} in json.loads(out)
    _, out, _ = call(capsys, "classes", "fruit", "--json", "--bucket", str(bucket))
    found: list[dict[str, Any]] = json.loads(out)
    assert [(row["relation"], row["depth"], row["name"]) for row in found] == [
        ("itself", 0, "Fruit"),
        ("parent", -1, "Food"),
        *(("below", 1, name) for name in ("Apple", "Banana", "Grape", "Orange", "Strawberry")),
    ]


def test_lists_are_kept_in_the_meta_dir_and_nowhere_without_it(
    capsys: pytest.CaptureFixture[str], bucket: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with serve(bucket) as server:
        call(capsys, "classes", "fruit", "--bucket", server.url)
        assert list(tmp_path.iterdir()) == []
        call(capsys, "classes", "fruit", "--bucket", server.url, "--meta-dir", "kept")
        server.clear_log()
        assert call(capsys, "classes", "fruit", "--bucket", server.url, "--meta-dir", "kept")[0] == 0
        assert server.log == []


def test_a_bucket_that_is_none_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="contorno openimages offline DIR"):
        call(capsys, "classes", "--bucket", str(tmp_path))


def test_offline_draws_a_bucket_and_says_what_is_in_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ["offline", str(tmp_path / "b"), "--images", "train=1", "validation=0", "--seed", "3"]
    code, out, _ = call(capsys, *words)
    assert code == 0
    assert out.startswith("train: 1 images; masks: ")
    assert f"use it with: --bucket {tmp_path / 'b'}\n" in out
    assert json.loads((tmp_path / "b" / "bucket.json").read_text())["facts"]["seed"] == 3
    assert call(capsys, "classes", "--bucket", str(tmp_path / "b"))[0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train"], "--images has 'train'; expected a split and a number, like train=160"),
        (["train=-1"], "--images has 'train=-1'"),
        (["train=1", "train=2"], "names train twice"),
        (["trian=1"], "'trian'"),
    ],
)
def test_images_are_split_and_number(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        call(capsys, "offline", str(tmp_path / "b"), "--images", *words)


def test_serve_answers_until_ctrl_c(bucket: Path, tmp_path: Path) -> None:
    program = (
        "import argparse, sys\n"
        "from contorno.cli import openimages_commands\n"
        "p = argparse.ArgumentParser(); openimages_commands.add(p.add_subparsers())\n"
        "if __name__ == '__main__':\n"
        "    a = p.parse_args(sys.argv[1:]); sys.exit(a.call(a))\n"
    )
    script = tmp_path / "program.py"
    script.write_text(program)
    words = [sys.executable, str(script), "openimages", "offline", str(bucket), "--serve"]
    words += ["--images", "train=0", "validation=0", "test=0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ) as process:
        try:
            assert process.stdout is not None
            address = next(line for line in process.stdout if "--bucket" in line).split()[-1]
            with urllib.request.urlopen(f"{address}openimages/v5/classes-segmentation.txt", timeout=5) as answer:
                assert b"/m/01b9xk\n" in answer.read()
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=10) == 0
        finally:
            process.kill()


@pytest.mark.parametrize("words", [["openimages"], ["openimages", "classes"], ["openimages", "offline"]], ids=" ".join)
def test_help_ends_with_an_example(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parser().parse_args([*words, "--help"])
    assert stop.value.code == 0
    assert "example: contorno openimages " in capsys.readouterr().out


def test_add_gives_back_the_verbs_so_that_others_can_join() -> None:
    made = argparse.ArgumentParser()
    verbs = openimages_commands.add(made.add_subparsers())
    verbs.add_parser("fetch").set_defaults(call=lambda _: 7)
    arguments = made.parse_args(["openimages", "fetch"])
    assert arguments.call(arguments) == 7
