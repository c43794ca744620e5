"""Show progress on stderr: only on a terminal, and only if the command takes longer than a second."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Progress"]

_PATIENCE = 1.0
_EVERY = 0.2
_STRIDE = 1024
_BAR = 30


class Progress:
    """Counts lines and bytes, and shows the progress. As a context manager it clears the line at the end."""

    def __init__(self, files: Sequence[str], stream: TextIO) -> None:
        """
        Start without counts.

        Args:
            files: The files that will be read. If their sizes are known, a progress bar is shown, otherwise only a count.
            stream: The stream on which progress is shown, if it is a terminal.
        """
        self._stream = stream
        self._shown = stream.isatty()
        self._total = _size(files)
        self._lines = self._bytes = 0
        self._started = time.monotonic()
        self._next = self._started + _PATIENCE
        self._drawn = False

    def step(self, size: int) -> None:
        """Count one line of `size` bytes."""
        self._lines += 1
        self._bytes += size
        # The clock is read only once in many lines, so that most lines cost no more than two additions.
        if self._shown and self._lines % _STRIDE == 0 and (now := time.monotonic()) >= self._next:
            self._next = now + _EVERY
            self._draw()

    def _draw(self) -> None:
        self._drawn = True
        bar = left = ""
        if self._total:
            part = min(self._bytes / self._total, 1.0)
            bar = f"[{'#' * int(part * _BAR):<{_BAR}}] {part:4.0%} "
            left = f", {_spoken((time.monotonic() - self._started) * (1 - part) / part)} left" if part else ""
        self._stream.write(f"\r{bar}{self._lines:,} lines{left}\x1b[K")
        self._stream.flush()

    def __enter__(self) -> Self:
        """Return the object itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Clear the line."""
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def _spoken(seconds: float) -> str:
    minutes, rest = divmod(int(seconds + 0.5), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def _size(files: Sequence[str]) -> int:
    """Return the size of all files together in bytes; 0 if one is not a regular file."""
    paths = [Path(name) for name in files if name != "-"]
    regular = len(paths) == len(files) and all(path.is_file() for path in paths)
    return sum(path.stat().st_size for path in paths) if regular else 0
