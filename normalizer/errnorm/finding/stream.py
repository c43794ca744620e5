"""
Find the errors in a stream of lines in bounded memory, for logs of any length.

Many lines are alike. The result for a line is cached, first by the line with each digit as 0, then by its shape, which is
the line without its time, numbers and hexadecimal words; so most lines cost a look-up. A line that shares no words with any
row or form is not read at all. Tracebacks and XML elements are read as `find` reads them. Lines that a person has wrapped
are not joined, because the next line of a log is another message.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from errnorm.bounded import BoundedCache
from errnorm.finding.alike import NUMBERS, zeroed
from errnorm.finding.blocks import HEAD
from errnorm.finding.finder import UNKNOWN
from errnorm.finding.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from errnorm.finding.finder import Finder
    from errnorm.finding.reading import Seen

__all__ = ["Spotted", "Stream"]

_AHEAD = 512
_MOST_SHAPES = 50_000
_LONGEST = 8192
_UNSEEN = ""  # no line that is an error is empty
# An element without one of these words is not an error.
_MARKED = re.compile("error|fail|termin|xmlns")
_TOKENS = re.compile(r"[a-z]{3,}")
_VARIABLE = re.compile(NUMBERS)


class Spotted(NamedTuple):
    """
    A line with an error in it.

    Attributes:
        finding: The finding; `None` if the line is an error without a matching row.

        line: The number of the line, from 1.

        text: The line.

        words: For an error without a matching row, the line without its frame.
    """

    finding: Finding | None
    line: int
    text: str
    words: str = ""


class Stream:
    """
    Finds errors in lines.

    Attributes:
        lines: The number of lines that were read.
    """

    def __init__(self, finder: Finder) -> None:
        """Use this finder."""
        self._finder = finder
        self._forms = finder.forms
        self._seen: BoundedCache[str, Seen | str | None] = BoundedCache(_MOST_SHAPES)
        self._alike: BoundedCache[bytes, Seen | str | None] = BoundedCache(_MOST_SHAPES)
        self.lines = 0

    def read(self, lines: Iterable[str], *, exact: bool = True) -> Iterator[Spotted]:
        """
        Yield the errors in lines, in their order.

        Args:
            lines: The lines, without line ends.
            exact: Whether each finding has its own position and values; otherwise it has those of the first line with its shape.
        """
        source = iter(lines)
        ahead: deque[str] = deque()
        for line in source:
            ahead.append(line)
            while ahead and len(ahead) > (_AHEAD if self._needs_more(ahead[0]) else 0):
                yield from self._next(ahead, exact=exact)
        while ahead:
            yield from self._next(ahead, exact=exact)

    def _needs_more(self, line: str) -> bool:
        return (
            line.endswith("\\")
            or HEAD in line
            or ("<" in line and _MARKED.search(line) is not None and self._forms.markup.holds_error(line))
        )

    def _next(self, ahead: deque[str], *, exact: bool) -> Iterator[Spotted]:
        lines = list(ahead) if self._needs_more(ahead[0]) else []
        taken, found = self._finder.block(lines, 0) if lines else (1, [])
        # A line that goes on after a backslash is a line as any other if nothing is known about the whole.
        if found or (lines and not lines[0].endswith("\\")):
            for finding in found:
                at = finding.line - 1
                yield Spotted(finding._replace(line=self.lines + finding.line), self.lines + finding.line, lines[at])
        else:
            taken = 1
            if (spotted := self._line(ahead[0], exact=exact)) is not None:
                yield spotted
        self.lines += taken
        for _ in range(taken):
            ahead.popleft()

    def _line(self, line: str, *, exact: bool) -> Spotted | None:
        line = line[:_LONGEST]
        alike = zeroed(line.encode("utf-8", "surrogatepass"))
        seen = self._alike.get(alike, _UNSEEN)
        if seen is _UNSEEN:
            coded = self._finder.coded(alike.decode("utf-8", "surrogatepass"))
            seen = self._by_shape(line, coded=coded)
            if not coded:
                self._alike.remember(alike, seen)
        number = self.lines + 1
        if seen is None:
            return None
        if isinstance(seen, str):
            return Spotted(None, number, line, seen)
        if exact:
            seen = self._finder.line(line) or seen
        return Spotted(Finding(number, seen.start, seen.end, line[seen.start : seen.end], seen.how, seen.error), number, line)

    def _by_shape(self, line: str, *, coded: bool) -> Seen | str | None:
        if not self._finder.may_hold(_TOKENS.findall(line.lower())):
            return None
        rest = line[self._forms.stamped(line) :]
        shape = rest if coded else _VARIABLE.sub("0", rest)
        seen = self._seen.get(shape, _UNSEEN)
        return self._seen.remember(shape, self._look(line)) if seen is _UNSEEN else seen

    def _look(self, line: str) -> Seen | str | None:
        """Return what was found in a line; the text of an error without a matching row; or `None` for no error."""
        seen = self._finder.error_in(line)
        if seen != UNKNOWN:
            return seen
        *_, (at, _) = self._forms.beginnings(line)
        return line[at:]
