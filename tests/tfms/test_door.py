"""Importing the transforms does not let albumentations call home, and leaves its switch as the user has it."""

from __future__ import annotations

import os
import subprocess
import sys

SWITCH = "NO_ALBUMENTATIONS_UPDATE"

CODE = f"""
import importlib, os, sys
calls = []
network = ("urllib.Request", "socket.connect", "socket.getaddrinfo")
sys.addaudithook(lambda name, _: calls.append(name) if name in network else None)
assert "{SWITCH}" not in os.environ
from contorno import tfms
assert tfms.A.HorizontalFlip().p == 0.5 and "albumentations" in sys.modules
assert "{SWITCH}" not in os.environ
os.environ["{SWITCH}"] = "0"
importlib.reload(sys.modules["contorno.tfms.door"])
assert os.environ["{SWITCH}"] == "0"
print(calls)
"""


def test_import_makes_no_connection_and_leaves_the_switch() -> None:
    environment = {name: text for name, text in os.environ.items() if name != SWITCH}
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", CODE], check=True, capture_output=True, text=True, env=environment
    )
    assert found.stdout.strip() == "[]"
    assert found.stderr == ""


BROKEN = """
import sys
from importlib.abc import MetaPathFinder

class NoDesktop(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "cv2":
            raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")

sys.meta_path.insert(0, NoDesktop())
from contorno.errors import MissingExtraError
try:
    import contorno.tfms
except MissingExtraError as error:
    print(error)
"""


def test_an_opencv_that_wants_a_desktop_is_one_sentence() -> None:
    found = subprocess.run([sys.executable, "-c", BROKEN], check=True, capture_output=True, text=True)
    assert found.stdout == (
        "OpenCV cannot be loaded (libGL.so.1: cannot open shared object file: No such file or directory); run "
        "`pip install --force-reinstall --no-deps opencv-python-headless`.\n"
    )
