"""
Remove the text of peers from stack traces that other code has recorded.

A recorded stack trace is text, and a message in it can contain anything: line breaks, and lines that look like another traceback.
Of everything after a recognised message, only the last traceback is therefore kept, which Python has written for the outermost
exception.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from errnorm.regex import regex

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["redacted"]

# The lines that Python prints (Lib/traceback.py). A bar precedes each line of a member of a group.
_RAISED = regex(r"(?P<before>[\s|+-]*)(?P<kind>[A-Za-z_][\w.]{0,255}): ")
_HEADER = "Traceback (most recent call last):"
_BETWEEN = (
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
)
_FRAME = regex(r'  File "[^"]*", line \d+, in |    ')
_INDENTED = (" ", "|", _HEADER[:9])


def redacted(trace: str, ours: Callable[[str, str], str | None]) -> str:
    """
    Return a stack trace without the messages of exceptions that an adapter recognises, and of their causes.

    Args:
        trace: The stack trace, as Python prints it.
        ours: A function of the class and the first line of a message. It returns the replacement of the message; `None` for an
            exception of the application.

    Returns:
        The redacted stack trace; the same text if there is nothing to redact.
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
        # Python prints the bar of a member before each of its lines, so a message cannot imitate a line outside of the member.
        number = next((place for place in range(number, len(lines)) if not lines[place].startswith(behind)), len(lines))
    return "\n".join(told)


def _before(told: list[str], behind: str) -> list[str]:
    """Return the lines before a recognised message without its causes, whose messages can come from the client library."""
    start = next((place + 1 for place in range(len(told) - 1, -1, -1) if not told[place].startswith(behind)), 0)
    header = next((place for place in range(len(told) - 1, start - 1, -1) if told[place].endswith(_HEADER)), start)
    return told[:start] + [line for line in told[header:] if line.removeprefix(behind).startswith(_INDENTED)]


def _outermost(lines: list[str], number: int) -> list[str]:
    """Return the traceback of the outermost exception: the lines after the last separator that Python prints."""
    last = next((place for place in range(len(lines) - 1, number, -1) if lines[place] in _BETWEEN), None)
    if last is None or lines[last + 1 : last + 3] != ["", _HEADER]:
        return []
    end = next((place for place in range(last + 3, len(lines)) if not _FRAME.match(lines[place])), len(lines))
    # A message cannot imitate this last traceback, because Python prints the class and message of the outermost exception after
    # it.
    return ["", lines[last], "", *lines[last + 2 : end], *lines[end:]]
