"""Text for a terminal: colours where they are wanted, and never a control character from the input."""

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
    Return the width of a line in characters: that of the terminal, or 80 if there is no terminal.

    Args:
        widest: The maximum, for text that people read; `None` for no maximum.
    """
    columns = max(shutil.get_terminal_size().columns, _NARROWEST)
    return columns if widest is None else min(columns, widest)


def printable(text: str, longest: int = 400) -> str:
    """Return a text as one line that is safe to print: escaped, and cut to `longest` characters."""
    return escaped(text, longest - 1)


def fitted(text: str, width: int) -> str:
    """Return a text as one line of at most `width` characters that is safe to print; a cut is marked by `…`."""
    line = printable(text, _LONGEST)
    return line if len(line) <= width else line[: max(width - 1, 0)] + "…"


def counted(number: int, thing: str) -> str:
    """Return a number and a noun in the right form: `"1 error"`, `"2,000 errors"`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


class Style:
    """
    ANSI styles for one stream.

    They are on for a terminal. `FORCE_COLOR` switches them on for any stream, and `NO_COLOR` switches them off.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        """Decide for a stream whether to use styles; for stdout if not given."""
        self.on = not os.environ.get("NO_COLOR") and (bool(os.environ.get("FORCE_COLOR")) or (stream or sys.stdout).isatty())

    def _wrap(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.on else text

    def strong(self, text: str) -> str:
        """Return the text in bold."""
        return self._wrap(text, "1")

    def dim(self, text: str) -> str:
        """Return the text dimmed."""
        return self._wrap(text, "2")

    def good(self, text: str) -> str:
        """Return the text in green, the colour of errors that may be retried."""
        return self._wrap(text, "32")

    def bad(self, text: str) -> str:
        """Return the text in red, the colour of errors that must not be retried."""
        return self._wrap(text, "31")
