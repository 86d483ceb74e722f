"""Export: the certificate holds for what it names, and a file that differs is not left behind."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from contorno import export
from contorno.errors import ExportError
from contorno.runs import Run
from tiny_run import make_run


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, dict[str, Any], torch.nn.Module]:
    run = make_run(tmp_path_factory.mktemp("runs") / "run")
    certificate = export.export(run, export.sample_paths(run, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit says that it is deprecated
        loaded = torch.jit.load(str(run.script_path))
    return run, certificate, loaded


@pytest.fixture
def copy(exported: Any, tmp_path: Path) -> Run:
    shutil.copytree(exported[0].folder, tmp_path / "copy")
    return Run(tmp_path / "copy")


def test_the_certificate_holds_with_objects_and_an_empty_picture_and_is_on_disk(exported: Any) -> None:
    run, certificate, _ = exported
    assert certificate["holds"]
    assert [row["file"] for row in certificate["files"]] == ["model.pth", "jit-model.pt"]
    for row in certificate["files"]:
        assert row["images"] == 4  # the image, two cuts of it, an empty picture
        assert row["objects"] > 0
        assert row["labels_equal"]
    assert certificate["labels"]["classes"] == ["disc", "ring"] == list(run.class_map().names)
    assert json.loads(run.certificate_path.read_text()) == certificate
    table = export.certificate_table(certificate).splitlines()
    assert table[2].startswith("jit-model.pt")
    assert table[2].endswith("yes")


@pytest.mark.parametrize("size_hw", [(40, 100), (130, 70)], ids=str)
def test_the_file_takes_any_size_without_contorno(exported: Any, size_hw: tuple[int, int]) -> None:
    _, _, loaded = exported
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what torchvision says of scripting
        image = torch.rand(3, *size_hw, generator=torch.Generator().manual_seed(0))
        _, (found,) = loaded([image])
    count = len(found["labels"])
    assert count > 0
    assert not found["masks"].requires_grad  # it is for use, not for training
    assert found["masks"].shape == (count, 1, *size_hw)
    assert 0 <= float(found["masks"].min()) <= float(found["masks"].max()) <= 1
    assert float(found["boxes"][:, [1, 3]].max()) <= size_hw[0]
    assert set(found["labels"].tolist()) <= {1, 2}


def test_another_model_than_that_of_the_files_is_an_error_and_leaves_no_script(copy: Run) -> None:
    wrong = copy.load_model()
    with torch.no_grad():
        wrong.roi_heads.box_predictor.cls_score.bias[1] += 0.01
    assert copy.script_path.exists()
    message = r"model\.pth of .* does not equal the eager model: .* scores by 0\.00"
    with pytest.raises(ExportError, match=message) as caught:
        export.export(copy, [np.full((64, 64, 3), 90, np.uint8)], model=wrong)
    assert "Nothing was exported" in str(caught.value)
    assert not copy.script_path.exists()
    assert not copy.certificate_path.exists()
    assert not list(copy.folder.glob("*.part"))


def test_labels_in_another_order_are_an_error(copy: Run) -> None:
    copy.labels_path.write_text("ring\ndisc\n")
    with pytest.raises(ExportError, match=r"labels\.txt names ring, disc and model\.json disc, ring"):
        export.export(copy, [np.full((64, 64, 3), 90, np.uint8)])
    assert not copy.script_path.exists()


def outputs(count: int = 2, **changes: torch.Tensor) -> list[dict[str, torch.Tensor]]:
    """Of one image: boxes of 4 x 4 px, masks that fill the left half of an 8 x 8 image."""
    masks = torch.zeros(count, 1, 8, 8)
    masks[..., :4] = 0.9
    found = {
        "boxes": torch.tensor([[0.0, 0, 4, 4]] * count).reshape(-1, 4),
        "labels": torch.ones(count, dtype=torch.int64),
        "scores": torch.full((count,), 0.8),
        "masks": masks,
    }
    return [found | changes]


SHIFTED = torch.zeros(2, 1, 8, 8)
SHIFTED[..., 1:5] = 0.9


@pytest.mark.parametrize(
    ("found", "holds"),
    [
        (outputs(), True),
        (outputs(boxes=outputs()[0]["boxes"] + 0.04), True),
        (outputs(boxes=outputs()[0]["boxes"] + 0.06), False),
        (outputs(scores=torch.tensor([0.8, 0.8005])), True),
        (outputs(scores=torch.tensor([0.8, 0.802])), False),
        (outputs(masks=outputs()[0]["masks"] - 0.3), True),
        (outputs(masks=SHIFTED), False),
        (outputs(masks=torch.zeros(2, 1, 8, 8)), False),
        (outputs(labels=torch.tensor([1, 2])), False),
        (outputs(count=1), False),
        (outputs(scores=torch.tensor([0.8, float("nan")])), False),
        (outputs(boxes=torch.full((2, 4), float("nan"))), False),
    ],
    ids=["equal", "box a bit", "box", "score a bit", "score", "mask values", "mask shifted", "mask empty", "label",
         "one fewer", "score nan", "box nan"],
)  # fmt: skip
def test_the_tolerances_are_what_they_say(found: list[dict[str, torch.Tensor]], holds: bool) -> None:
    assert export._compare("file", outputs(), found).holds is holds


def test_no_objects_anywhere_are_equal() -> None:
    parity = export._compare("file", outputs(count=0), outputs(count=0))
    assert parity.holds
    assert (parity.objects, parity.empty_images) == (0, 1)
