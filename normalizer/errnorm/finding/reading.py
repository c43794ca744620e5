"""Read the error in one line, or in an XML element on several lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from errnorm.finding.finding import How
from errnorm.finding.passage import Passage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from errnorm.error import NormalizedError
    from errnorm.finding.forms import Forms
    from errnorm.finding.lookup import Lookup

__all__ = ["Reader", "Seen"]

_LONGEST = 8192
_MOST_GATHERED = 64
# Words in a text that somebody has made bold.
_BOLD = re.compile(r"\*\*([^*]{1,200})\*\*|(?<![A-Za-z0-9_])__([^_ ].{0,199}?)__(?![A-Za-z0-9_])", re.ASCII)


class Seen(NamedTuple):
    """An error in a line: where it begins and ends, how it was found, and the error."""

    start: int
    end: int
    how: How
    error: NormalizedError


class Reader:
    """Reads lines and elements."""

    def __init__(self, lookup: Lookup, forms: Forms) -> None:
        """Use these tables and forms."""
        self._lookup = lookup
        self._forms = forms

    def read(self, line: str, *, shown: bool = False) -> Seen | None:
        """
        Read one line; `None` if there is no known error in it.

        Args:
            line: The line.
            shown: Whether the text around the line shows its protocol; otherwise the line must show it.
        """
        line = self._forms.uncensored(line[:_LONGEST].rstrip())
        seen = self._read(line, shown=shown)
        if seen is not None:
            return seen
        seen = next((seen for one in self._forms.guessed(line) if (seen := self._read(one, shown=shown)) is not None), None)
        if seen is None and (plain := _BOLD.sub(r"\1\2", line)) != line and (bold := self._read(plain, shown=shown)) is not None:
            return Seen(0, len(line), How.INSIDE, bold.error)
        return seen

    def _read(self, line: str, *, shown: bool) -> Seen | None:
        # What a collector has put before the line does not count: lines that differ only there are read once.
        shown = shown or self._forms.shows(line[self._forms.stamped(line) :])
        if (error := self._lookup.whole(line, shown=shown)) is not None and not self._forms.markup.is_broken(error.section):
            return Seen(0, len(line), How.WHOLE, error)
        passage = Passage(self._lookup, self._forms, line, shown=shown)
        places = list(self._forms.beginnings(line))
        seen = self._whole(passage, line, places)
        if seen is None and passage.search():
            seen = self._whole(passage, line, places)
        if seen is not None:
            return seen
        # Marks before the rest of a line may begin a quotation in it.
        at = len(line[: places[-1][0]].rstrip("*_~`"))
        known = passage.within(line[at:])
        return None if known is None else Seen(at + known.start, at + known.end, How.INSIDE, known.error)

    @staticmethod
    def _whole(passage: Passage, line: str, places: Sequence[tuple[int, str | None]]) -> Seen | None:
        """Look up the rest of a line after no frame, after the first frame, after the second frame, and so on."""
        before: str | None = None
        passage.under(before)
        for at, protocol in places:
            if protocol != before:
                passage.under(protocol)
                before = protocol
            if (known := passage.whole(line[at:])) is not None:
                how = How.FRAMED if at and known.how is How.WHOLE else known.how
                return Seen(at, len(line), how, known.error)
        return None

    def element(self, lines: Sequence[str], first: int) -> tuple[int, Seen | None]:
        """Read the element that begins in a line; return the number of the line after it, and the error in it."""
        text = self._gathered(lines, first)
        markup = self._forms.markup
        start = markup.begin(text)
        if start is None or start > len(lines[first]):
            return first + 1, None
        end = markup.end(text, start)
        piece = text[start : len(text) if end is None else end]
        if not markup.holds_error(piece):
            return first + 1, None
        error, how = self._of_element(piece, cut=end is None)
        if how is not How.INSIDE:
            how = How.WHOLE if start == 0 else self._how(text, start)
        taken = first + 1 + piece.count("\n")
        return taken, None if error is None else Seen(start, min(len(lines[first]), start + len(piece)), how, error)

    def _of_element(self, piece: str, *, cut: bool) -> tuple[NormalizedError | None, How]:
        markup = self._forms.markup
        error = None if cut else self._lookup.normalizer.normalize(piece)
        read = error is not None and error.known and not markup.is_broken(error.section)
        if error is not None and read and not markup.is_vague(error.code):
            return error, How.WHOLE
        seen = next((known for signal in markup.signals(piece) if (known := self._lookup.judged(signal)) is not None), None)
        if read and (seen is None or markup.is_vague(seen.code)):
            return error, How.WHOLE
        return seen, How.INSIDE

    def _how(self, text: str, start: int) -> How:
        line = text.partition("\n")[0]
        return How.FRAMED if any(at == start for at, _ in self._forms.beginnings(line)) else How.INSIDE

    def _gathered(self, lines: Sequence[str], first: int) -> str:
        last = first + 1
        while last < len(lines) and last - first < _MOST_GATHERED and self._forms.unstamped(lines[last]) == lines[last]:
            last += 1
        return "\n".join(lines[first:last])
