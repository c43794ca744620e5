"""Progress shows on a terminal, after a moment, and leaves the line clean."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from errnorm.cli.progress import Progress

if TYPE_CHECKING:
    from pathlib import Path


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("errnorm.cli.progress.time.monotonic", lambda: now[0])
    return now


def run(stream: io.StringIO, clock: list[float], files: list[str]) -> str:
    with Progress(files, stream) as progress:
        for _ in range(4096):
            clock[0] += 0.001
            progress.step(10)
    return stream.getvalue()


def test_nothing_shows_where_nobody_looks(clock: list[float]) -> None:
    assert run(io.StringIO(), clock, []) == ""


def test_a_count_shows_where_the_size_is_not_known(clock: list[float]) -> None:
    shown = run(Terminal(), clock, ["-"])
    assert "\r1,024 lines" in shown
    assert shown.endswith("\r\x1b[K")


def test_a_bar_shows_where_it_is(clock: list[float], tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 40_960)
    shown = run(Terminal(), clock, [str(path)])
    assert "[#######                       ]  25% 1,024 lines, 3 s left" in shown
    path.write_bytes(b"x" * 4_096_000)
    assert "1,024 lines, 6 min 49 s left" in run(Terminal(), clock, [str(path)])


def test_a_moment_is_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("errnorm.cli.progress.time.monotonic", lambda: 5.0)
    stream = Terminal()
    with Progress([], stream) as progress:
        for _ in range(4096):
            progress.step(10)
    assert stream.getvalue() == ""
