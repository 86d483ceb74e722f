"""Both engines on the same data: contorno's own and the real icevision, into run folders that are used alike."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from contorno.rehearsal import make_bucket
from contorno.writers import write_coco
from tiny_run import disc_files

pytestmark = [pytest.mark.slow, pytest.mark.interop]

ENGINES = ("contorno", "icevision")
FILES = (
    "model.pth", "labels.txt", "jit-model.pt", "model.json", "config.yaml", "metrics.json", "history.csv",
    "report.html", "certificate.json", "pictures", "checkpoints", "splits/train.json", "splits/validation.json",
)  # fmt: skip


def contorno(*words: str | Path, cwd: Path) -> str:
    command = [sys.executable, "-m", "contorno", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=900, check=False)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    return done.stdout + done.stderr


def test_both_engines_train_on_the_offline_bucket_and_are_measured_alike(tmp_path: Path) -> None:
    make_bucket(tmp_path / "bucket", images={"train": 16, "validation": 4, "test": 4}, long_edge_px=96)
    for engine in ENGINES:
        said = contorno(
            "run", "hot_dog", "bucket=bucket", "--config", "smoke", f"engine={engine}", "--out", engine, cwd=tmp_path
        )
        for name in FILES:
            assert (tmp_path / engine / name).exists(), name
        assert f"engine: {engine}" in (tmp_path / engine / "config.yaml").read_text()
        assert json.loads((tmp_path / engine / "certificate.json").read_text())["holds"]
        assert ("icevision 0.12.0" in said) == (engine == "icevision")
        assert "loguru" not in said

    # The same images and objects were trained and measured on.
    for split in ("train", "validation"):
        ours, theirs = (tmp_path / engine / "splits" / f"{split}.json" for engine in ENGINES)
        assert ours.read_bytes() == theirs.read_bytes()
    counts = [json.loads((tmp_path / engine / "metrics.json").read_text())["counts"] for engine in ENGINES]
    assert counts[0]["images"] == counts[1]["images"] > 0
    assert counts[0]["objects"] == counts[1]["objects"] > 0

    # The folder is used as any other.
    assert "mask" in contorno("evaluate", "icevision", cwd=tmp_path)
    photo = next(tmp_path.glob("data/**/validation/*.jpg"))
    contorno("predict", "icevision", photo, "--out", "out", cwd=tmp_path)
    assert (tmp_path / "out" / f"{photo.stem}.png").exists()
    (tmp_path / "icevision" / "jit-model.pt").unlink()
    contorno("export", "icevision", cwd=tmp_path)
    assert (tmp_path / "icevision" / "jit-model.pt").exists()


def test_finetune_trains_by_icevision_on_labels_of_ones_own(tmp_path: Path) -> None:
    records = disc_files(tmp_path / "photos", 10)
    write_coco(records, tmp_path / "labels.json", img_dir=tmp_path / "photos")
    words = ("run", "finetune", "data=labels.json", "images=photos", "image_size=64", "weights=none", "epochs=1")
    said = contorno(*words, "engine=icevision", "--out", "run", cwd=tmp_path)
    for name in FILES:
        assert (tmp_path / "run" / name).exists(), name
    assert (tmp_path / "run" / "labels.txt").read_text() == "disc\nring\n"
    assert "epoch 1  train_loss" in said
