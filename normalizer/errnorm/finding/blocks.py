"""
Divide a text into blocks: a single line, or a traceback with all its exceptions.

A traceback is one error: that of its last exception or of the explicit causes of that exception. An exception that was only being
handled does not count; `normalize` has the same rule for live exceptions. Each member of an exception group is an error of its
own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["HEAD", "Block", "Raised", "block_at"]

HEAD = "Traceback (most recent call last)"
_CAUSE = "The above exception was the direct cause of the following exception"
_CONTEXT = "During handling of the above exception, another exception occurred"
# The margin that Python prints before each line of an exception group.
_MARGIN = re.compile(r" *(?:\| ?|\+ Exception Group |\+-.*)")
_MOST_LINES = 2000
# How lines begin that show a place, also in the boxes that rich draws.
_FRAMES = (" ", "\t", 'File "', "\u2502", "\u256d", "\u2570", "\u250c", "\u2514")


class Raised(NamedTuple):
    """
    One exception of a traceback.

    Attributes:
        line: The number of its line, from 0.

        link: The relation of the next exception to this one: `cause` if it was raised from this one, `context` if it was raised
            while this one was being handled, `""` if there is no relation.
    """

    line: int
    link: str = ""


class Block(NamedTuple):
    """
    Lines that belong together.

    Attributes:
        first: The number of the first line, from 0.

        last: The number of the line after the last one.

        raised: The exceptions of a traceback, in their order; empty for a single line.
    """

    first: int
    last: int
    raised: tuple[Raised, ...] = ()

    def chains(self) -> Iterator[list[Raised]]:
        """Yield the chains of related exceptions. Each member of a group begins a chain of its own."""
        chain: list[Raised] = []
        for one in self.raised:
            chain.append(one)
            if not one.link:
                yield chain
                chain = []
        if chain:
            yield chain


def block_at(lines: Sequence[str], first: int, unstamped: Callable[[str], str]) -> Block:
    """
    Return the block that begins at a line.

    Args:
        lines: The lines of a text.
        first: The number of the line, from 0.
        unstamped: Returns a line without the prefix of a log collector, but with its indentation.
    """
    if HEAD not in lines[first]:
        return Block(first, first + 1)
    raised: list[Raised] = []
    waiting, last = True, first + 1
    for at in range(first + 1, min(len(lines), first + _MOST_LINES)):
        match _part(_MARGIN.sub("", unstamped(lines[at]), count=1)):
            case "head":
                waiting = True
            case "cause" | "context" as link if raised:
                raised[-1] = Raised(raised[-1].line, link)
            case "words" | "cause" | "context" if waiting:
                raised.append(Raised(at))
                waiting = False
            case "words" | "cause" | "context" | "frame" if not waiting:
                break
            case _:
                pass
        last = at + 1
    return Block(first, last if raised else first + 1, tuple(raised))


def _part(line: str) -> str:
    """Return which part of a traceback a line is: `head`, `cause`, `context`, `frame`, `words` or `nothing`."""
    said = line.strip()
    if HEAD in line:
        return "head"
    if said.startswith((_CAUSE, _CONTEXT)):
        return "cause" if said.startswith(_CAUSE) else "context"
    if not said:
        return "nothing"
    return "frame" if line.startswith(_FRAMES) else "words"
