"""Letters on a terminal: colour where it is wanted, and never a control character that came from outside."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

from errnorm.escape import escaped

if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["Style", "counted", "fitted", "printable", "terminal_width"]

_WIDEST = 110
_NARROWEST = 40
_LONGEST = 4000


def terminal_width(widest: int | None = _WIDEST) -> int:
    """
    Return how many characters a line may have: as many as the terminal shows; 80 where there is none.

    Args:
        widest: The most, for text that people read; `None` if there is no bound.
    """
    columns = max(shutil.get_terminal_size().columns, _NARROWEST)
    return columns if widest is None else min(columns, widest)


def printable(text: str, longest: int = 400) -> str:
    """Return a text as one line that is safe to print: escaped, and cut to so many characters."""
    return escaped(text, longest - 1)


def fitted(text: str, width: int) -> str:
    """Return a text as one line of at most so many characters that is safe to print; a cut is marked by `…`."""
    line = printable(text, _LONGEST)
    return line if len(line) <= width else line[: max(width - 1, 0)] + "…"


def counted(number: int, thing: str) -> str:
    """Return a number and what is counted: `"1 error"`, `"2,000 errors"`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


class Style:
    """
    ANSI styles for one stream.

    They are on for a terminal; `FORCE_COLOR` switches them on anywhere and `NO_COLOR` off everywhere.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        """Decide once for a stream, stdout if not given."""
        self.on = not os.environ.get("NO_COLOR") and (bool(os.environ.get("FORCE_COLOR")) or (stream or sys.stdout).isatty())

    def _wrap(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.on else text

    def strong(self, text: str) -> str:
        """Return the text as it should stand out."""
        return self._wrap(text, "1")

    def dim(self, text: str) -> str:
        """Return the text as it should stand back."""
        return self._wrap(text, "2")

    def good(self, text: str) -> str:
        """Return the text in the colour of what may be repeated."""
        return self._wrap(text, "32")

    def bad(self, text: str) -> str:
        """Return the text in the colour of what must stop."""
        return self._wrap(text, "31")
