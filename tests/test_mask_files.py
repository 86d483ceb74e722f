"""One mask file to code, and the process that does it for others."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contorno import mask_files, masks


def save(mask: np.ndarray, path: Path) -> Path:
    Image.fromarray(mask.astype(bool)).save(path)
    return path


def block(height: int, width: int) -> np.ndarray:
    """The right upper quarter is object."""
    mask = np.zeros((height, width), dtype=np.uint8)
    mask[: height // 2, width // 2 :] = 1
    return mask


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_mask_comes_at_the_size_of_its_image(tmp_path: Path, scale: int) -> None:
    path = save(block(4 * scale, 6 * scale), tmp_path / "m.png")
    assert mask_files.read_mask_code(path, (4, 6)) == masks.encode(block(4, 6))


def test_reason_is_given_and_no_file_removed(tmp_path: Path) -> None:
    speck = np.zeros((30, 30))
    speck[0, 0] = 1  # no pixel of a 3 x 3 image has its centre there
    (tmp_path / "text.png").write_text("<html>no such mask</html>")
    reasons = {
        tmp_path / "text.png": "mask damaged",
        tmp_path / "none.png": "mask damaged",
        save(np.zeros((6, 6)), tmp_path / "empty.png"): "mask empty",
        save(np.zeros((2, 60)), tmp_path / "empty and wide.png"): "mask empty",
        save(speck, tmp_path / "speck.png"): "mask empty",
        save(block(6, 60), tmp_path / "wide.png"): "mask of other proportions than its image",
    }
    assert {path: mask_files.read_mask_code(path, (3, 3)) for path in reasons} == reasons
    assert (tmp_path / "text.png").exists()


@pytest.fixture
def served() -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", "from contorno.mask_files import serve; serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.read(len(mask_files.HELLO)) == mask_files.HELLO
        yield process
        process.kill()


def test_served_jobs_are_answered_until_the_input_ends(served: subprocess.Popen[bytes], tmp_path: Path) -> None:
    path = save(block(8, 8), tmp_path / "m.png")
    for _ in range(2):
        served.stdin.write(pickle.dumps([(str(path), (4, 4)), (str(tmp_path / "none.png"), (4, 4))]))
        served.stdin.flush()
        assert pickle.load(served.stdout) == [masks.encode(block(4, 4)), "mask damaged"]
    served.stdin.close()  # as when the process that asks is killed
    assert served.wait(10) == 0


def test_server_leaves_ctrl_c_to_the_process_that_asks(served: subprocess.Popen[bytes], tmp_path: Path) -> None:
    served.send_signal(signal.SIGINT)
    time.sleep(0.05)
    served.stdin.write(pickle.dumps([(str(tmp_path / "none.png"), (4, 4))]))
    served.stdin.flush()
    assert pickle.load(served.stdout) == ["mask damaged"]


def test_server_loads_neither_torch_nor_the_network() -> None:
    program = "import sys, contorno.mask_files; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "contorno.masks" in loaded
    assert not {"torch", "httpx", "multiprocessing", "contorno.openimages"} & set(loaded)
