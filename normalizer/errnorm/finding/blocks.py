"""
A text in blocks: a line by itself, or a traceback with all its links.

A traceback is one error. The last exception counts, or what it was explicitly raised from; what was merely being handled lends it
nothing (the same rule by which `normalize` reads a live exception). The members of a group count each by itself.
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
# What Python draws before each line of a group of exceptions.
_MARGIN = re.compile(r" *(?:\| ?|\+ Exception Group |\+-.*)")
_MOST_LINES = 2000


class Raised(NamedTuple):
    """
    One exception of a traceback.

    Attributes:
        line: Its line.

        link: How the next exception follows: `cause` if it was raised from this one, `context` if it arose while this one was
            handled, `""` if it does not.
    """

    line: int
    link: str = ""


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

    def chains(self) -> Iterator[list[Raised]]:
        """Yield exceptions that follow from each other, as chains: the members of a group are a chain each."""
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
        first: The line.
        unstamped: Returns a line without what a collector put before it, but with its indentation.
    """
    if HEAD not in lines[first]:
        return Block(first, first + 1)
    raised: list[Raised] = []
    waiting, last = True, first + 1
    for at in range(first + 1, min(len(lines), first + _MOST_LINES)):
        line = _MARGIN.sub("", unstamped(lines[at]), count=1)
        said = line.strip()
        if HEAD in line:
            waiting = True
        elif said.startswith((_CAUSE, _CONTEXT)) and raised:
            raised[-1] = Raised(raised[-1].line, "cause" if said.startswith(_CAUSE) else "context")
        elif waiting and said and not line.startswith((" ", "\t", 'File "')):
            raised.append(Raised(at))
            waiting = False
        elif said and not waiting:
            break
        last = at + 1
    return Block(first, last if raised else first + 1, tuple(raised))
