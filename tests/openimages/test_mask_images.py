"""Many masks at once: the same codes whoever reads them, and whatever becomes of the helpers."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contorno import images, masks
from contorno.errors import ConfigError
from contorno.openimages import mask_images
from contorno.openimages.mask_images import MASK_DAMAGED, MASK_EMPTY, MASK_MISFIT, read_masks

Items = list[tuple[Path, masks.Size]]


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> Items:
    """300 masks of one bit, of 30 shapes and sizes, with a damaged, an empty and a wide one among them."""
    folder = tmp_path_factory.mktemp("masks")
    rng = np.random.default_rng(0)
    made: Items = []
    for number in range(30):
        height, width = (int(n) for n in rng.integers(60, 200, 2))
        y, x = np.mgrid[:height, :width]
        blob = np.hypot((y - height / 2) / height, (x - width / 2) / width) < rng.uniform(0.1, 0.7)
        mask = blob & (np.sin(x / rng.uniform(2, 9)) + np.sin(y / rng.uniform(2, 9)) > -1)
        Image.fromarray(mask).save(folder / f"{number}.png")
        scale = rng.uniform(0.4, 1.2)
        made.append((folder / f"{number}.png", (round(height * scale), round(width * scale))))
    Image.fromarray(np.zeros((9, 9), dtype=bool)).save(folder / "empty.png")
    (folder / "damaged.png").write_bytes((folder / "0.png").read_bytes()[:-30])
    made = made * 10
    made[7], made[150], made[-1] = (
        (folder / "empty.png", (9, 9)),
        (folder / "damaged.png", made[0][1]),
        (made[0][0], (9, 90)),
    )
    return made


@pytest.fixture(scope="module")
def expected(items: Items) -> list[object]:
    """Each by the plain way: the whole bitmap read, resized, encoded."""
    codes: list[object] = []
    for number, (path, size) in enumerate(items):
        if number in (7, 150, len(items) - 1):
            codes.append({7: MASK_EMPTY, 150: MASK_DAMAGED}.get(number, MASK_MISFIT))
        else:
            codes.append(masks.encode(masks.fit_mask(images.read_mask(path), size)))
    return codes


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The processes that were started, each real; all must be gone in the end."""
    processes: list[subprocess.Popen[bytes]] = []
    start = subprocess.Popen

    def noted(*args: object, **options: object) -> subprocess.Popen[bytes]:
        processes.append(start(*args, **options))
        return processes[-1]

    monkeypatch.setattr(mask_images.subprocess, "Popen", noted)
    yield processes
    assert all(process.returncode is not None for process in processes)
    assert all(pipe.closed for process in processes for pipe in (process.stdin, process.stdout))


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Helpers from the first piece on, pieces of 4 masks, and little patience."""
    monkeypatch.setattr(mask_images, "_WORTH_SECONDS", 0.0)
    monkeypatch.setattr(mask_images, "_PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr(mask_images, "_PIECE", 4)


class Slowly:
    """Progress that lets the helpers come up: it waits, once, until one has handed something in."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[int, int | None]] = []
        self.handed_in = mask_images.threading.Event()
        finish = mask_images._Work.finish

        def noted(work: object, start: int, codes: list[object]) -> None:
            finish(work, start, codes)  # type: ignore[arg-type]
            if mask_images.threading.current_thread() is not mask_images.threading.main_thread():
                self.handed_in.set()

        monkeypatch.setattr(mask_images._Work, "finish", noted)

    def __call__(self, what: str, done: int, total: int | None) -> None:
        self.calls.append((done, total))
        if len(self.calls) == 2:
            assert self.handed_in.wait(20)


def test_each_mask_is_that_of_the_plain_way_in_the_order_asked(items: Items, expected: list[object]) -> None:
    assert read_masks(items, workers=1) == expected
    assert items[150][0].exists()
    assert read_masks([]) == []


@pytest.mark.usefixtures("eager")
def test_helpers_give_the_same_codes_in_the_same_order(
    items: Items,
    expected: list[object],
    started: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    progress = Slowly(monkeypatch)
    assert read_masks(items, workers=3, progress=progress) == expected
    assert len(started) == 2
    done = [done for done, _ in progress.calls]
    assert done == sorted(done)
    assert progress.calls[-1] == (300, 300)


def test_a_small_job_starts_no_process(items: Items, started: list[subprocess.Popen[bytes]]) -> None:
    read_masks(items[:64], workers=8)
    assert started == []


@pytest.mark.usefixtures("eager")
def test_killed_helpers_lose_nothing(
    items: Items,
    expected: list[object],
    started: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    progress = Slowly(monkeypatch)

    def kill_after_that(what: str, done: int, total: int | None) -> None:
        progress(what, done, total)
        if len(progress.calls) == 2:
            for process in started:
                process.kill()

    assert read_masks(items, workers=3, progress=kill_after_that) == expected
    assert len(started) == 2


@pytest.mark.usefixtures("eager")
def test_a_helper_that_stands_still_is_not_waited_for(
    items: Items,
    expected: list[object],
    started: list[subprocess.Popen[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    progress = Slowly(monkeypatch)

    def stop_after_that(what: str, done: int, total: int | None) -> None:
        progress(what, done, total)
        if len(progress.calls) == 2:
            started[0].send_signal(signal.SIGSTOP)

    assert read_masks(items, workers=2, progress=stop_after_that) == expected


@pytest.mark.usefixtures("eager", "started")
@pytest.mark.parametrize("program", ["exit 3", "echo hello from another program; cat", "exec sleep 60", None])
def test_another_program_in_the_place_of_python_does_no_harm(
    items: Items,
    expected: list[object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    program: str | None,
) -> None:
    fake = tmp_path / "python"
    if program is not None:
        fake.write_text(f"#!/bin/sh\n{program}\n")
        fake.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(fake))
    assert read_masks(items, workers=2) == expected


@pytest.mark.usefixtures("eager")
def test_interrupt_ends_the_helpers(
    items: Items, started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = Slowly(monkeypatch)

    def interrupt_after_that(what: str, done: int, total: int | None) -> None:
        progress(what, done, total)
        if len(progress.calls) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_masks(items, workers=3, progress=interrupt_after_that)
    assert len(started) == 2


@pytest.mark.parametrize("from_stdin", [False, True], ids=["script", "standard input"])
def test_a_script_without_a_guard_runs_once(items: Items, tmp_path: Path, from_stdin: bool) -> None:
    script = textwrap.dedent(
        """
        import time
        from pathlib import Path
        from contorno.openimages import mask_images
        print("began")
        mask_images._WORTH_SECONDS, mask_images._PIECE = 0.0, 4
        items = [(Path(line), (9, 9)) for line in Path("list.txt").read_text().splitlines()]
        helped = []
        feed = mask_images._feed
        mask_images._feed = lambda process, work: (feed(process, work), helped.append(process))
        codes = mask_images.read_masks(items, workers=2, progress=lambda *_: time.sleep(0.02))
        print(len(codes), len(helped))
        """
    )
    (tmp_path / "list.txt").write_text("".join(f"{path}\n" for path, _ in items))
    (tmp_path / "script.py").write_text(script)
    command = [sys.executable, "-" if from_stdin else "script.py"]
    ended = subprocess.run(command, cwd=tmp_path, input=script if from_stdin else "", capture_output=True, text=True)
    assert (ended.stdout.splitlines(), ended.stderr, ended.returncode) == (["began", "300 1"], "", 0)


def test_misuse_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match="workers is 0; expected at least 1"):
        read_masks([], workers=0)
