"""
Take a peer's words out of the stack traces that others have recorded.

A recorded stack trace is text, and a message in it can hold anything: line breaks, and lines that look like the next traceback.
So nothing behind a recognised message is believed but what Python wrote last, the frames of the outermost exception.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["redacted"]

# As Python prints them (Lib/traceback.py); members of a group stand behind bars.
_RAISED = re.compile(r"(?P<before>[\s|+-]*)(?P<kind>[A-Za-z_][\w.]{0,255}): ")
_HEADER = "Traceback (most recent call last):"
_BETWEEN = (
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)
_FRAME = re.compile(r'  File "[^"]*", line \d+, in |    ')
_INDENTED = (" ", "|", _HEADER[:9])


def redacted(trace: str, ours: Callable[[str, str], str | None]) -> str:
    """
    Return a stack trace without the words of exceptions that an adapter recognises, and of what they were raised from.

    Args:
        trace: The stack trace, as Python prints it.
        ours: Returns what is to stand in the place of an exception's words, by its class and first line; `None` for what is
            the application's own.

    Returns:
        The same text if there is nothing to hide in it.
    """
    lines = trace.split("\n")
    told: list[str] = []
    number = 0
    while number < len(lines):
        raised = _RAISED.match(lines[number])
        said = ours(raised["kind"], lines[number][raised.end() :]) if raised else None
        if not raised or said is None:
            told.append(lines[number])
            number += 1
            continue
        behind = raised["before"]
        told = [*_before(told, behind), f"{behind}{raised['kind']}: {said}"]
        if "|" not in behind:
            return "\n".join([*told, *_outermost(lines, number)])
        # Python puts the bar of a member before each of its lines, so none of them can pass for anything else.
        number = next((place for place in range(number, len(lines)) if not lines[place].startswith(behind)), len(lines))
    return "\n".join(told)


def _before(told: list[str], behind: str) -> list[str]:
    """Return the lines before a recognised message without what it was raised from, whose words can be the library's."""
    start = next((place + 1 for place in range(len(told) - 1, -1, -1) if not told[place].startswith(behind)), 0)
    header = next((place for place in range(len(told) - 1, start - 1, -1) if told[place].endswith(_HEADER)), start)
    return told[:start] + [line for line in told[header:] if line.removeprefix(behind).startswith(_INDENTED)]


def _outermost(lines: list[str], number: int) -> list[str]:
    """Return the traceback of the outermost exception: what follows the last line that Python puts between two."""
    last = next((place for place in range(len(lines) - 1, number, -1) if lines[place] in _BETWEEN), None)
    if last is None or lines[last + 1 : last + 3] != ["", _HEADER]:
        return []
    end = next((place for place in range(last + 3, len(lines)) if not _FRAME.match(lines[place])), len(lines))
    # A message that ends in what looks like the last traceback cannot: Python writes the class and words of the outermost
    # behind it.
    return ["", lines[last], "", *lines[last + 2 : end], *lines[end:]]
