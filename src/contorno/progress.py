"""Progress of long work: a plain callable, so that any module reports and only the command line draws."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TextIO

Progress = Callable[[str, int, int | None], None]
"""Called as (what, done, total); `what` carries its unit ("images", "bytes"), `total` is None while unknown."""


class TrafficProgress:
    """Progress that also says how many bytes came, once the work sets `traffic` to a callable that tells."""

    traffic: Callable[[], int] | None = None

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """Report, see `Progress`."""
        raise NotImplementedError


def silent(what: str, done: int, total: int | None) -> None:
    """Report nothing."""


class ProgressLine(TrafficProgress):
    """Draw progress on one line of a terminal, or as a line every few seconds where there is no terminal.

    Nothing is drawn for work that ends within `delay_seconds`.
    """

    def __init__(
        self, stream: TextIO | None = None, *, delay_seconds: float = 0.5, quiet_interval_seconds: float = 10.0
    ):
        self._stream = stream if stream is not None else sys.stderr
        self._is_terminal = self._stream.isatty()
        self._delay = delay_seconds
        self._interval = 0.1 if self._is_terminal else quiet_interval_seconds
        self._what = ""
        self._began = self._drawn_at = 0.0
        self._first = self._first_bytes = 0
        self._is_open = False

    def __call__(self, what: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if what != self._what:
            self.close()
            self._what, self._began, self._first, self._drawn_at = what, now, done, 0.0
            self._first_bytes = self.traffic() if self.traffic is not None else 0
        finished = total is not None and done >= total
        due = now - self._began >= self._delay and now - self._drawn_at >= self._interval
        if due or (finished and self._is_open):
            self._draw(what, done, total, now)

    def _draw(self, what: str, done: int, total: int | None, now: float) -> None:
        elapsed = max(now - self._began, 1e-9)
        rate = (done - self._first) / elapsed
        text = f"{what}: {_count(what, done)}"
        if total is not None:
            text += f" of {_count(what, total)} ({100 * done / max(total, 1):.0f} %)"
        if rate > 0:
            text += f", {_count(what, rate)}/s"
            if total is not None and done < total:
                text += f", {_duration((total - done) / rate)} left"
        if self.traffic is not None and "bytes" not in what:
            received = self.traffic()
            speed = (received - self._first_bytes) / elapsed
            text += f"; {_count('bytes', received)} received, {_count('bytes', speed)}/s"
        self._drawn_at = now
        if self._is_terminal:
            self._stream.write(f"\r\x1b[K{text}")
            self._is_open = True
        else:
            self._stream.write(f"{text}\n")
        self._stream.flush()

    def close(self) -> None:
        """End the line."""
        if self._is_open:
            self._stream.write("\n")
            self._stream.flush()
        self._is_open = False
        self._what = ""

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class ProgressJson(TrafficProgress):
    """Progress as JSON, one object a line, at most every `interval_seconds` and at each end, for another program."""

    def __init__(self, stream: TextIO | None = None, *, interval_seconds: float = 1.0) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._interval = interval_seconds
        self._written_at = -math.inf
        self._what, self._began, self._first = "", 0.0, 0

    def __call__(self, what: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        if what != self._what:
            self._what, self._began, self._first, self._written_at = what, now, done, -math.inf
        if now - self._written_at < self._interval and not (total is not None and done >= total):
            return
        self._written_at = now
        elapsed = now - self._began
        rate = (done - self._first) / elapsed if elapsed > 0 else None
        line: dict[str, str | int | float | None] = {"what": what, "done": done, "total": total}
        line["per_second"] = None if rate is None else round(rate, 2)
        line["seconds_left"] = round((total - done) / rate, 1) if rate and total is not None else None
        if self.traffic is not None:
            line["bytes_received"] = self.traffic()
        self._stream.write(json.dumps(line) + "\n")
        self._stream.flush()


def _count(what: str, number: float) -> str:
    if "bytes" in what:
        for unit in ("B", "KiB", "MiB"):
            if number < 1024:
                return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
            number /= 1024
        return f"{number:.2f} GiB"
    return f"{number:.0f}" if number >= 10 or number == int(number) else f"{number:.1f}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
