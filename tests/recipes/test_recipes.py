"""The recipes, run through the command line in processes of their own, and what may be done with their run folders."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from contorno import images, masks
from contorno.rehearsal import make_bucket, serve
from contorno.writers import write_coco
from tiny import disc_records
from tiny_run import disc_files

pytestmark = pytest.mark.slow

RULE_8 = (
    "model.pth", "labels.txt", "jit-model.pt", "model.json", "config.yaml", "metrics.json", "history.csv",
    "report.html", "certificate.json", "pictures", "checkpoints",
)  # fmt: skip


def contorno(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "contorno", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=600, check=False)


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "quickstart"
    done = contorno("run", "quickstart", "--config", "smoke", "--out", out, "classes=Hot dog, Doughnut")
    assert done.returncode == 0, done.stderr
    assert "mask" in done.stdout
    assert "AP50" in done.stdout
    assert "Warning" not in done.stderr
    for name in RULE_8:
        assert (out / name).exists(), name
        assert f"{out / name}" in done.stdout, name
    return out


def test_a_run_folder_holds_what_it_says(quickstart: Path) -> None:
    assert (quickstart / "labels.txt").read_text().splitlines() == ["Hot dog", "Doughnut"]
    metrics = json.loads((quickstart / "metrics.json").read_text())
    assert {"mask_ap", "mask_ap50", "box_ap"} <= metrics["figures"].keys() | metrics.keys()
    certificate = json.loads((quickstart / "certificate.json").read_text())
    assert certificate["holds"]
    assert [row["file"] for row in certificate["files"]] == ["model.pth", "jit-model.pt"]
    report = (quickstart / "report.html").read_text(encoding="utf-8")
    assert 'src="http' not in report
    assert "data:image/jpeg;base64," in report
    assert len((quickstart / "history.csv").read_text().splitlines()) == 2


def test_the_folder_is_all_that_evaluate_predict_and_export_need(quickstart: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(quickstart, moved)
    photo = next((moved / "data" / "images" / "validation").glob("*.jpg"))

    evaluated = contorno("evaluate", moved, "--json")
    assert evaluated.returncode == 0, evaluated.stderr
    assert "mask_ap" in evaluated.stdout

    (tmp_path / "cut.jpg").write_bytes(photo.read_bytes()[:2000])
    predicted = contorno("predict", moved, photo, tmp_path / "cut.jpg", "--out", tmp_path / "out", "--threshold", "0.1")
    assert predicted.returncode == 1
    assert "cut.jpg" in predicted.stderr
    assert len(predicted.stderr.strip().splitlines()) == 1
    assert (tmp_path / "out" / f"{photo.stem}.png").exists()
    assert isinstance(json.loads((tmp_path / "out" / "predictions.json").read_text()), list)

    missing = contorno("predict", moved, tmp_path / "none.jpg")
    assert missing.returncode == 2
    assert "none.jpg does not exist" in missing.stderr

    (moved / "jit-model.pt").unlink()
    exported = contorno("export", moved)
    assert exported.returncode == 0, exported.stderr
    assert (moved / "jit-model.pt").exists()


def test_a_recipe_file_runs_by_itself(tmp_path: Path) -> None:
    recipe = Path(__file__).parents[2] / "recipes" / "quickstart.py"
    done = subprocess.run(
        [sys.executable, recipe, "--dry-run"], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "would draw 240 + 32 pictures" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_class_names_the_nearest_and_those_with_masks(tmp_path: Path) -> None:
    done = contorno("run", "quickstart", "--config", "smoke", "classes=Hot dgo", "--out", tmp_path / "run")
    assert done.returncode == 2
    assert "Hot dog" in done.stderr
    assert "mask" in done.stderr
    assert "Traceback" not in done.stderr


def test_finetune_takes_a_coco_file_and_says_what_it_would_do(tmp_path: Path) -> None:
    records = disc_files(tmp_path / "photos", 10)
    write_coco(records, tmp_path / "labels.json", img_dir=tmp_path / "photos")
    words = ("run", "finetune", f"data={tmp_path / 'labels.json'}", f"images={tmp_path / 'photos'}", "image_size=64")
    planned = contorno(*words, "--dry-run", "--out", tmp_path / "run")
    assert planned.returncode == 0, planned.stderr
    assert "train: Records(8 images" in planned.stdout
    assert not (tmp_path / "run").exists()
    done = contorno(*words, "weights=none", "epochs=1", "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    for name in RULE_8:
        assert (tmp_path / "run" / name).exists(), name


def test_finetune_takes_folders_of_masks_and_a_time(tmp_path: Path) -> None:
    for split, count, seed in (("train", 6, 0), ("val", 3, 1)):
        for record in disc_records(count, seed=seed):
            folder = tmp_path / "cells" / split / f"{split}{record.image_id}"
            assert record.image is not None
            images.write_image(folder / "images" / "photo.png", record.image)
            for number, code in enumerate(record.instances.run_lengths()):
                images.write_image(
                    folder / "masks" / f"{number}.png", np.repeat(masks.decode(code)[..., None] * 255, 3, 2)
                )
    done = contorno(
        "run", "finetune", f"data={tmp_path / 'cells'}", "weights=none", "minutes=0.1", "--out", tmp_path / "run"
    )
    assert done.returncode == 0, done.stderr
    rows = (tmp_path / "run" / "history.csv").read_text().splitlines()
    header, last = rows[0].split(","), rows[-1].split(",")
    assert dict(zip(header, last, strict=True))["mask_ap"] != ""


def test_hot_dog_goes_from_a_name_to_a_run_folder_and_fetches_nothing_twice(tmp_path: Path) -> None:
    bucket = make_bucket(tmp_path / "bucket", images={"train": 16, "validation": 4, "test": 4}, long_edge_px=96)
    with serve(bucket.root) as server:
        words = ("run", "hot_dog", f"bucket={server.url}", "--config", "smoke", "name=choripán")
        planned = contorno(*words, "--dry-run", cwd=tmp_path)
        assert planned.returncode == 0, planned.stderr
        assert "to fetch (images" in planned.stdout
        assert not (tmp_path / "data").exists()
        done = contorno(*words, "--out", "run", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        for name in RULE_8:
            assert (tmp_path / "run" / name).exists(), name
        assert (tmp_path / "run" / "labels.txt").read_text(encoding="utf-8") == "choripán\n"
        assert "choripán" in done.stdout
        server.clear_log()
        other = contorno(*words, "--out", "other", cwd=tmp_path)
        assert other.returncode == 0, other.stderr
        assert not any(request.path.endswith((".jpg", ".zip")) for request in server.log)
    # A label renamed by hand afterwards is a class renamed: the folder is measured under its new name.
    (tmp_path / "run" / "labels.txt").write_text("pancho\n", encoding="utf-8")
    evaluated = contorno("evaluate", "run", cwd=tmp_path)
    assert evaluated.returncode == 0, evaluated.stderr
    assert "pancho" in evaluated.stdout


def test_pretrained_weights_without_a_network_are_one_sentence(tmp_path: Path) -> None:
    records = disc_files(tmp_path / "photos", 5)
    write_coco(records, tmp_path / "labels.json", img_dir=tmp_path / "photos")
    done = subprocess.run(
        [sys.executable, "-m", "contorno", "run", "finetune", f"data={tmp_path / 'labels.json'}",
         f"images={tmp_path / 'photos'}", "image_size=64", "--out", str(tmp_path / "run")],
        capture_output=True, text=True, check=False, timeout=300,
        # An unreachable proxy on this machine: the address of the weights is asked for, and nothing answers.
        env=os.environ | {"https_proxy": "http://127.0.0.1:9", "TORCH_HOME": str(tmp_path / "cache")},
    )  # fmt: skip
    assert done.returncode == 1
    assert "could not be fetched" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run" / "model.pth").exists()


def test_ctrl_c_leaves_a_usable_run_that_goes_on(tmp_path: Path) -> None:
    records = disc_files(tmp_path / "photos", 10)
    write_coco(records, tmp_path / "labels.json", img_dir=tmp_path / "photos")
    out = tmp_path / "run"
    words = ["run", "finetune", f"data={tmp_path / 'labels.json'}", f"images={tmp_path / 'photos'}"]
    settings = ["image_size=64", "weights=none", "epochs=5", "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-m", "contorno", *words, *settings], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    heard = ""
    for line in process.stderr:
        heard += line
        if line.startswith("training, images"):
            break
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=240)
    assert process.returncode == 130, heard + rest
    assert "--resume" in rest
    for name in ("model.pth", "labels.txt", "model.json", "config.yaml", "history.csv"):
        assert (out / name).exists(), name
    assert contorno("evaluate", out).returncode == 0
    resumed = contorno("run", "finetune", "--out", out, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    for name in RULE_8:
        assert (out / name).exists(), name
