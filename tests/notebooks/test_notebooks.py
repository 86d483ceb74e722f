"""The notebooks of the documentation, run as they are but for their settings, on the offline bucket."""

from __future__ import annotations

import functools
import http.server
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

NOTEBOOKS = Path(__file__).resolve().parents[2] / "docs" / "notebooks"

SMALL = {
    "OFFLINE": True,
    "LIMIT": 8,
    "IMAGE_SIZE": 96,
    "PRESIZE": 128,
    "NUM_WORKERS": 0,
    "EPOCHS": 1,
    "LEARNING_RATE": 1e-3,
    "PRETRAINED": False,
}


def with_settings(name: str, settings: dict[str, Any]) -> Any:
    """The notebook with other values for names that its cell of settings has."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    names = re.findall(r"^([A-Z_, ]+?) = ", cell.source, flags=re.M)
    known = {name.strip() for group in names for name in group.split(",")}
    assert settings.keys() <= known
    cell.source += "".join(f"\n{key} = {value!r}" for key, value in settings.items())
    return notebook


def run(notebook: Any, folder: Path) -> list[dict[str, Any]]:
    """Run all cells with `folder` as the working folder; everything that they show."""
    nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


@contextmanager
def served(folder: Path) -> Iterator[str]:
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.mark.slow
def test_notebooks_train_save_and_outline_a_picture_from_an_address(tmp_path: Path) -> None:
    shown = run(with_settings("train", SMALL), tmp_path)
    pictures = [output for output in shown if "image/png" in output.get("data", {})]
    assert len(pictures) == 3  # records, samples, predictions
    text = "".join(output.get("text", "") for output in shown)
    assert "Traceback" not in text
    saved = {path.name for path in (tmp_path / "model_store").iterdir()}
    assert saved == {"model.pth", "labels.txt", "jit-model.pt"}
    assert (tmp_path / "model_store" / "labels.txt").read_text() == "choripan\n"

    images = tmp_path / "anno" / "hot dog" / "images"
    with served(images) as address:
        settings = {
            "IMAGE_URL": f"{address}/{sorted(path.name for path in images.iterdir())[0]}",
            "IMAGE_SIZE": 96,
            "THRESHOLD": 0.0,
            "PRETRAINED": False,
        }
        shown = run(with_settings("inference", settings), tmp_path)
    assert sum("image/png" in output.get("data", {}) for output in shown) == 2  # the picture, and what is in it
    text = "".join(output.get("text", "") for output in shown)
    assert re.search(r"^choripan 0\.\d\d  x \d+ to \d+", text, flags=re.M)
    assert "masks of probabilities" in text


@pytest.mark.parametrize("name", ["train", "inference"])
def test_notebooks_are_kept_without_outputs_and_install_only_where_contorno_is_missing(name: str) -> None:
    text = (NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8")
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert len(cells) >= 7
    assert not any(cell["outputs"] or cell["execution_count"] for cell in cells)
    (install,) = [cell for cell in cells if "install" in cell["metadata"].get("tags", [])]
    assert 'find_spec("contorno") is None' in "".join(install["source"])
