"""Windows open where there is a screen and nobody switched them off; else nothing fails, and it is said once."""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import nbclient
import nbformat
import numpy as np
import pytest
from matplotlib import pyplot

import contorno
import recorded_windows
from contorno.draw import show_img, window

PIXELS = np.zeros((30, 60, 3), np.uint8)
PIXELS[:, 30:] = 200
INLINE = "module://matplotlib_inline.backend_inline"
RECORDED = "module://recorded_windows"
TESTS = Path(__file__).parents[1]

Said = pytest.LogCaptureFixture


@pytest.fixture(autouse=True)
def _nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without a display, where nobody chose a backend, and matplotlib took Agg by itself."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    pyplot.switch_backend("agg")
    monkeypatch.setitem(mpl.rcParams, "backend_fallback", True)
    window._say_once.cache_clear()
    yield
    pyplot.close("all")
    pyplot.ioff()
    pyplot.switch_backend("agg")
    recorded_windows.seen.clear()
    recorded_windows.fails.clear()


@pytest.fixture
def recorded() -> list[tuple[str, np.ndarray]]:
    mpl.use(RECORDED)
    return recorded_windows.seen


@pytest.mark.parametrize("name", ["DISPLAY", "WAYLAND_DISPLAY"])
def test_a_display_is_what_the_environment_names(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not window.display_at_hand()
    monkeypatch.setenv(name, "")
    assert not window.display_at_hand()
    monkeypatch.setenv(name, ":0")
    assert window.display_at_hand()


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_macos_and_windows_have_a_display(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert window.display_at_hand()


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, "there is no display here"),
        ({"MPLBACKEND": INLINE}, "only inside a notebook"),
        ({"MPLBACKEND": INLINE, "DISPLAY": ":0"}, "only inside a notebook"),
        ({"MPLBACKEND": "nbAgg"}, "only inside a notebook"),
        ({"DISPLAY": ":0"}, "matplotlib draws with 'agg'"),  # as it does where the display or a toolkit is dead
        ({"MPLBACKEND": "TkAgg"}, "matplotlib draws with 'agg'"),
    ],
)
def test_what_keeps_windows_shut_is_said_once(
    environment: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch, caplog: Said
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert [window.show_picture(PIXELS) for _ in range(3)] == [False] * 3
    (line,) = caplog.messages
    assert said in line
    assert "path=... writes them to a file" in line
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize("backend", ["agg", "Agg", "SVG", "pdf"])
def test_windows_are_off_without_a_word_where_the_environment_names_a_backend_for_files(
    backend: str, monkeypatch: pytest.MonkeyPatch, caplog: Said
) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("MPLBACKEND", backend)
    assert not window.show_picture(PIXELS)
    assert caplog.messages == []


def test_windows_are_off_without_a_word_where_the_program_chose_a_backend_for_files(
    monkeypatch: pytest.MonkeyPatch, caplog: Said
) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("MPLBACKEND", "TkAgg")  # the program speaks after the environment
    mpl.use("agg")
    assert not window.show_picture(PIXELS)
    assert caplog.messages == []


def test_a_picture_that_is_in_a_file_already_needs_no_word(tmp_path: Path, caplog: Said) -> None:
    show_img(PIXELS, path=tmp_path / "kept.png")
    assert caplog.messages == []
    assert (tmp_path / "kept.png").is_file()
    show_img(PIXELS)
    assert len(caplog.messages) == 1


def test_another_thread_opens_none(recorded: list[tuple[str, np.ndarray]], caplog: Said) -> None:
    thread = threading.Thread(target=window.show_picture, args=(PIXELS,))
    thread.start()
    thread.join()
    assert "only the main thread can open one" in caplog.text
    assert recorded == []


def test_windows_are_waited_for_one_after_another_and_closed(recorded: list[tuple[str, np.ndarray]]) -> None:
    for count in (1, 2, 3):
        show_img(PIXELS + count)
        assert len(recorded) == count
        assert pyplot.get_fignums() == []
    title, pixels = recorded[2]
    assert title == "contorno"
    assert pixels.shape == (200, 400, 3)  # 30 x 60 is enlarged, whole, without a frame
    assert np.unique(pixels[:, :190]).tolist() == [3]
    assert np.unique(pixels[:, 210:]).tolist() == [203]
    show_img(PIXELS, show=False)
    assert len(recorded) == 3


def test_interactive_mode_leaves_windows_open(recorded: list[tuple[str, np.ndarray]]) -> None:
    pyplot.ion()
    assert window.show_picture(PIXELS)
    assert window.show_picture(PIXELS)
    assert len(pyplot.get_fignums()) == 2


def test_a_toolkit_that_refuses_is_named_and_fails_nothing(
    recorded: list[tuple[str, np.ndarray]], caplog: Said
) -> None:
    recorded_windows.fails.append(RuntimeError("the compositor is gone"))
    assert not window.show_picture(PIXELS)
    assert "matplotlib cannot open one (the compositor is gone)" in caplog.text
    assert recorded == []


def test_ctrl_c_at_a_window_ends_the_program_and_closes_the_window(recorded: list[tuple[str, np.ndarray]]) -> None:
    recorded_windows.fails.append(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        window.show_picture(PIXELS)
    assert pyplot.get_fignums() == []


def test_what_draws_to_windows(recorded: list[tuple[str, np.ndarray]]) -> None:
    assert window.draws_to_windows()
    mpl.use("svg")
    assert not window.draws_to_windows()
    mpl.use(INLINE)
    assert not window.draws_to_windows()


@pytest.mark.parametrize(
    ("picture", "opens"),
    [
        ((1000, 500), (1000, 500)),
        ((2400, 100), (1200, 50)),
        ((1224, 1688), (493, 680)),
        ((60, 30), (400, 200)),
        ((1, 1), (400, 400)),
        ((2, 400), (2, 400)),
        ((1, 9000), (1, 680)),
    ],
)
def test_a_window_fits_a_screen_and_a_small_picture_is_enlarged(
    picture: tuple[int, int], opens: tuple[int, int]
) -> None:
    assert window.window_size(*picture) == opens


# Programs of their own: what they print, and the environment as a person sets it.

THREE = """
import os, sys
before = dict(os.environ)
import numpy as np
from contorno.draw import show_img
for side in (30, 60, 90):
    show_img(np.zeros((side, 500, 3), np.uint8))
    print("goes on")
print(sorted({"matplotlib", "tkinter", "torch"} & set(sys.modules)), dict(os.environ) == before)
"""


def environment(**changes: str) -> dict[str, str]:
    # The fixture took the display and the backend of whoever runs the tests away.
    return {**os.environ, "PYTHONPATH": str(TESTS), **changes}


def run(command: list[str], **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60, env=environment(**changes))


def test_without_a_display_a_script_says_one_sentence_and_loads_no_matplotlib() -> None:
    done = run([sys.executable, "-W", "error", "-c", THREE])
    assert done.stdout.splitlines() == ["goes on"] * 3 + ["[] True"]
    (line,) = done.stderr.splitlines()
    assert line.startswith("no window opens for pictures: there is no display here")


@pytest.mark.slow
def test_a_script_stops_at_each_window() -> None:
    done = run([sys.executable, "-W", "error", "-c", THREE], MPLBACKEND=RECORDED)
    heights = [line.rpartition("x")[2] for line in done.stdout.splitlines() if line.startswith("window")]
    assert heights == ["30", "60", "90"]
    assert done.stdout.splitlines()[1:-1:2] == ["goes on"] * 3
    assert done.stdout.splitlines()[-1] == "['matplotlib'] True"
    assert done.stderr == ""


@pytest.mark.slow
def test_ipython_in_a_terminal_opens_windows_as_a_script_does(tmp_path: Path) -> None:
    (tmp_path / "three.py").write_text(THREE)
    done = run(
        [sys.executable, "-m", "IPython", "--simple-prompt", str(tmp_path / "three.py")],
        MPLBACKEND=RECORDED,
        IPYTHONDIR=str(tmp_path),
    )
    assert done.stdout.count("window contorno") == 3


@pytest.mark.slow
def test_a_notebook_stays_inline_though_a_display_is_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("MPLBACKEND", RECORDED)
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(THREE)])
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    (cell,) = notebook.cells
    assert sum("image/png" in output.get("data", {}) for output in cell.outputs) == 3
    assert "window" not in "".join(output.get("text", "") for output in cell.outputs)


CLOSED_SOON = """
def soon(figure):
    def close():
        print("window", figure.canvas.manager.get_window_title())
        pyplot.close(figure)
    def drawn(event):
        if not timers:
            timers.append(figure.canvas.new_timer(interval=100))
            timers[0].add_callback(close)
            timers[0].start()
    from matplotlib import pyplot
    timers = []
    figure.canvas.mpl_connect("draw_event", drawn)
"""

XVFB = shutil.which("Xvfb") if sys.platform == "linux" and importlib.util.find_spec("_tkinter") else None

# The same script as above on a real X server, where there is one: it proves that the toolkit plays its part too.
if XVFB is not None:

    @pytest.mark.slow
    def test_real_windows_open_on_a_real_display_and_the_script_goes_on_when_they_close(tmp_path: Path) -> None:
        (tmp_path / "closed_soon.py").write_text(CLOSED_SOON)
        (tmp_path / "matplotlibrc").write_text("figure.hooks: closed_soon:soon\nbackend: tkagg\n")
        read, write = os.pipe()
        with subprocess.Popen([str(XVFB), "-displayfd", str(write)], pass_fds=[write], stderr=subprocess.DEVNULL) as x:
            os.close(write)
            try:
                display = f":{os.read(read, 20).decode().strip()}"
                changes = {"DISPLAY": display, "MATPLOTLIBRC": str(tmp_path), "PYTHONPATH": str(tmp_path)}
                done = run([sys.executable, "-W", "error", "-c", THREE], **changes)
            finally:
                os.close(read)
                x.terminate()
        assert done.stdout.splitlines()[:-1] == ["window contorno", "goes on"] * 3


# What runs unattended must wait at no window.

SHOWING = {"show_img", "show_records", "show_samples", "show_preds", "show_batch", "show_results"}


def calls_that_show(path: Path) -> Iterator[tuple[str, bool]]:
    """Each call that can show something, and whether it says not to."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            flag = {"lr_find": "show_plot"}.get(name, "show" if name in SHOWING else None)
            if flag is not None:
                off = [keyword.value for keyword in node.keywords if keyword.arg == flag]
                yield f"{path.name}:{node.lineno} {name}", bool(off) and ast.unparse(off[0]) == "False"


def test_the_command_line_and_the_recipes_open_no_window() -> None:
    package = Path(contorno.__file__).parent
    recipes = TESTS.parent / "recipes"
    files = [*package.joinpath("cli").rglob("*.py"), package / "results.py", *recipes.rglob("*.py")]
    assert len(files) > 15
    calls = [call for path in files for call in calls_that_show(path)]
    assert [name for name, off in calls if not off] == []
    assert len(calls) >= 3
