from __future__ import annotations

import io
import json
import re

import pytest

from contorno.progress import ProgressJson, ProgressLine


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_tells_items_share_rate_time_left_and_bytes() -> None:
    stream = Terminal()
    line = ProgressLine(stream, delay_seconds=0)
    received = [0]
    line.traffic = lambda: received[0]
    line("images", 0, 200)
    line._began -= 10  # ten seconds ago
    line._drawn_at = 0
    received[0] = 20 << 20
    line("images", 50, 200)
    shown = stream.getvalue().rpartition("\r\x1b[K")[2]
    # The clock has gone on a little since.
    assert re.fullmatch(
        r"images: 50 of 200 \(25 %\), (5|5\.0|4\.9)/s, 0:3[01] left; 20\.0 MiB received, (2\.0|1\.9) MiB/s", shown
    )


def test_bytes_are_not_told_twice_and_not_without_traffic() -> None:
    stream = Terminal()
    line = ProgressLine(stream, delay_seconds=0)
    line("images", 1, 2)
    line.traffic = lambda: 5
    line("bytes of a table", 512, 1024)
    assert "received" not in stream.getvalue()
    assert "bytes of a table: 512 B of 1.0 KiB (50 %)" in stream.getvalue()


def test_what_ends_at_once_is_not_drawn() -> None:
    stream = io.StringIO()
    with ProgressLine(stream) as line:
        for done in range(11):
            line("images", done, 10)
    assert stream.getvalue() == ""


def test_json_has_a_line_for_each_end_and_some_between() -> None:
    stream = io.StringIO()
    progress = ProgressJson(stream, interval_seconds=60)
    for done in range(1, 11):
        progress("images", done, 10)
    progress.traffic = lambda: 7
    progress("masks", 1, None)
    lines = [json.loads(text) for text in stream.getvalue().splitlines()]
    assert [(line["what"], line["done"], line["total"]) for line in lines] == [
        ("images", 1, 10),
        ("images", 10, 10),
        ("masks", 1, None),
    ]
    assert lines[1]["seconds_left"] in (0.0, None)
    assert lines[1]["per_second"] is None or lines[1]["per_second"] > 0
    assert lines[2]["bytes_received"] == 7
    assert "bytes_received" not in lines[0]


@pytest.mark.parametrize(("seconds", "text"), [(59, "0:59"), (61, "1:01"), (3661, "1:01:01")])
def test_time_left_is_hours_minutes_seconds(seconds: int, text: str) -> None:
    stream = Terminal()
    line = ProgressLine(stream, delay_seconds=0)
    line("images", 0, 1 + seconds)
    line._began -= 1
    line._drawn_at = 0
    line("images", 1, 1 + seconds)
    assert f", {text} left" in stream.getvalue()
