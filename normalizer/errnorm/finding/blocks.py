"""
A text in blocks: a line by itself, a traceback with all its links, an element over several lines.

A traceback is one error. The last exception counts, or what it was explicitly raised from; what was merely being handled lends it
nothing (the same rule by which `normalize` reads a live exception). The members of a group count each by itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Block", "Raised", "blocks"]

_HEAD = re.compile(r"Traceback \(most recent call last\):?")
_CAUSE = "The above exception was the direct cause of the following exception"
_CONTEXT = "During handling of the above exception, another exception occurred"
_MARGIN = re.compile(r"[ ]*(?:[|+](?:-[+-]{2,}[ 0-9.-]*)?)?")
_MOST_LINES = 2000


class Raised(NamedTuple):
    """One exception of a traceback: its line, and whether the next one was raised from it."""

    line: int
    is_cause: bool


class Block(NamedTuple):
    """
    Lines that belong together.

    Attributes:
        first: The first line, from 0.

        last: The line behind the last one.

        raised: The exceptions of a traceback, in their order; empty for anything else.
    """

    first: int
    last: int
    raised: tuple[Raised, ...] = ()


def blocks(lines: Sequence[str]) -> Iterator[Block]:
    """
    Take a text apart.

    Args:
        lines: Its lines without what a collector put before each of them, but with their indentation.
    """
    at = 0
    while at < len(lines):
        if _HEAD.search(lines[at]) is None:
            yield Block(at, at + 1)
            at += 1
            continue
        end, raised = _traceback(lines, at)
        yield Block(at, end, raised)
        at = end


def _traceback(lines: Sequence[str], at: int) -> tuple[int, tuple[Raised, ...]]:
    raised: list[Raised] = []
    stop = min(len(lines), at + _MOST_LINES)
    at += 1
    open_link = True
    while at < stop:
        bare = lines[at].strip(" |+-")
        if _HEAD.search(lines[at]):
            open_link = True
        elif bare.startswith((_CAUSE, _CONTEXT)) and raised:
            raised[-1] = Raised(raised[-1].line, bare.startswith(_CAUSE))
        elif open_link and bare and not _indented(lines[at]):
            raised.append(Raised(at, is_cause=False))
            open_link = False
        elif bare and not open_link:
            break
        at += 1
    return (raised[-1].line + 1 if raised and not _linked(lines, raised[-1].line + 1, stop) else at), tuple(raised)


def _linked(lines: Sequence[str], at: int, stop: int) -> bool:
    return any(lines[line].strip(" |").startswith((_CAUSE, _CONTEXT)) for line in range(at, min(at + 3, stop)))


def _indented(line: str) -> bool:
    margin = _MARGIN.match(line)
    rest = line[margin.end() :] if margin and "|" in margin[0] else line
    return rest.startswith((" ", "\t")) if margin is None or "|" not in margin[0] else rest.startswith("  ")
