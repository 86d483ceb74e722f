"""The house: modules import only from above themselves, and each outside library has one door."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from pathlib import Path

import contorno

ROOT = Path(contorno.__file__).parent

# Import order: a module may import from any line above its own, and from its own line.
ORDER = [
    ["contorno"],
    ["contorno.errors"],
    ["contorno.files", "contorno.progress"],
    ["contorno.processes"],
    ["contorno.config"],
    ["contorno.boxes"],
    ["contorno.geometry"],
    ["contorno.run_length", "contorno.outlines"],
    ["contorno.mask_sizes", "contorno.mask_measures", "contorno.segmentations"],
    ["contorno.masks"],
    ["contorno.receipts"],
    ["contorno.fitted_outlines"],
    ["contorno.simplify", "contorno.joined"],
    ["contorno.opened_images"],
    ["contorno.bilevel_png"],
    ["contorno.images"],
    ["contorno.mask_files"],
    ["contorno.class_map"],
    ["contorno.instances"],
    ["contorno.detections"],
    ["contorno.object_sizes"],
    ["contorno.records"],
    ["contorno.samples"],
    ["contorno.preannotations"],
    ["contorno.splits"],
    ["contorno.gathering"],
    ["contorno.parsers"],
    ["contorno.writers"],
    ["contorno.doctor"],
    ["contorno.stats"],
    ["contorno.openimages"],
    ["contorno.rehearsal"],
    ["contorno.metrics"],
    ["contorno.draw"],
    ["contorno.report"],
    ["contorno.model_card", "contorno.kept_splits"],
    # first floor: torch
    ["contorno.tfms"],
    ["contorno.dataset"],
    ["contorno.batches"],
    ["contorno.loaders"],
    ["contorno.models"],
    ["contorno.inference"],
    # second floor: fastai
    ["contorno.runs"],
    ["contorno.callbacks"],
    ["contorno.learner"],
    ["contorno.export"],
    ["contorno.results"],
    # roof
    ["contorno.integrations"],
    ["contorno.all"],
    ["contorno.recipe_files"],
    ["contorno.cli"],
    ["contorno.__main__"],
]
GROUND_FLOOR = ORDER[: ORDER.index(["contorno.tfms"])]

# `models.torchvision.*.predict` and `.fastai`, and `Dataset` of icevision's records, resolved on first use: the arrows
# that may point up.
SANCTIONED = {
    ("contorno.dataset", "contorno.integrations.icevision.datasets"),
    ("contorno.models.torchvision.faster_rcnn", "contorno.inference"),
    ("contorno.models.torchvision.faster_rcnn", "contorno.learner"),
    ("contorno.models.torchvision.mask_rcnn", "contorno.inference"),
    ("contorno.models.torchvision.mask_rcnn", "contorno.learner"),
}

DOORS = {
    "albumentations": ["contorno.tfms"],
    "fastai": ["contorno.learner", "contorno.callbacks"],
    "pycocotools": ["contorno.masks", "contorno.mask_measures", "contorno.metrics"],
    "hotcoco": ["contorno.metrics"],
    "httpx": ["contorno.openimages"],
    "yaml": ["contorno.config", "contorno.parsers.yolo_config"],
    "msgspec": ["contorno.parsers.coco_text"],
    "scipy": ["contorno.parsers.components", "contorno.doctor"],
    "matplotlib": ["contorno.callbacks", "contorno.learner", "contorno.draw.window", "contorno.all"],
    "icevision": ["contorno.integrations"],
    "imantics": ["contorno.integrations"],
    "openimages": ["contorno.integrations"],
    "PIL": [
        "contorno.opened_images",
        "contorno.bilevel_png",
        "contorno.images",
        "contorno.draw",
        "contorno.rehearsal",
        "contorno.report",
        "contorno.parsers",
    ],
}


def module_name(path: Path) -> str:
    parts = ("contorno", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def all_modules() -> dict[str, Path]:
    return {module_name(path): path for path in ROOT.rglob("*.py") if "recipes" not in path.relative_to(ROOT).parts}


@functools.cache
def imports_of(path: Path) -> set[str]:
    """Absolute names of what a file imports anywhere in it; `from package import module` names the module."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in all_modules() else str(node.module) for name in names}
    return found


@functools.cache
def place(name: str) -> int:
    """Line of the longest entry of ORDER that is `name` or a package above it."""
    parts = name.split(".")
    for length in range(len(parts), 1, -1):
        for line, entries in enumerate(ORDER):
            if ".".join(parts[:length]) in entries:
                return line
    assert name == "contorno", f"{name} is in no line of ORDER"
    return 0


def test_every_module_imports_only_from_above_itself() -> None:
    checked = 0
    wrong = []
    for name, path in all_modules().items():
        for imported in imports_of(path):
            if imported.split(".")[0] != "contorno" or imported == "contorno":
                continue
            checked += 1
            if place(imported) > place(name) and (name, imported) not in SANCTIONED:
                wrong.append(f"{name} imports {imported}")
    assert not wrong
    assert checked > 60


def test_each_outside_library_has_one_door() -> None:
    checked = 0
    wrong = []
    for name, path in all_modules().items():
        for imported in imports_of(path):
            library = imported.split(".")[0]
            if library in DOORS:
                checked += 1
                if not any(name == door or name.startswith(f"{door}.") for door in DOORS[library]):
                    wrong.append(f"{name} imports {imported}")
    assert not wrong
    assert checked > 10


def run_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_ground_floor_imports_without_torch() -> None:
    modules = sorted(
        name
        for name in all_modules()
        if name != "contorno" and any(name == e or name.startswith(f"{e}.") for line in GROUND_FLOOR[1:] for e in line)
    )
    assert len(modules) > 25
    code = (
        f"import sys, importlib\nfor name in {modules!r}: importlib.import_module(name)\n"
        "print([m for m in ('torch', 'torchvision', 'fastai', 'albumentations', 'matplotlib') if m in sys.modules])"
    )
    assert run_python(code).strip() == "[]"


def test_import_contorno_loads_nothing_heavy_and_changes_nothing() -> None:
    code = (
        "import sys, os, logging, warnings\n"
        "before = dict(os.environ), list(warnings.filters), list(logging.getLogger().handlers)\n"
        "import contorno\n"
        "after = dict(os.environ), list(warnings.filters), list(logging.getLogger().handlers)\n"
        "print(before == after, [m for m in ('numpy', 'torch', 'PIL', 'yaml') if m in sys.modules])"
    )
    assert run_python(code).strip() == "True []"


def test_public_names_resolve_on_first_use() -> None:
    assert len(contorno.__all__) > 10
    for name in contorno.__all__:
        assert getattr(contorno, name) is not None, name
