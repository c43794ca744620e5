"""Find the errors of a whole text: line by line, a traceback and an element as one each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from errnorm.finding.blocks import blocks
from errnorm.finding.finding import Finding, How
from errnorm.finding.reading import Reader
from errnorm.taxonomy import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from errnorm.error import NormalizedError
    from errnorm.finding.blocks import Block
    from errnorm.finding.forms import Forms
    from errnorm.finding.reading import Seen
    from errnorm.normalizer import Normalizer

__all__ = ["Finder"]

_ANSI = re.compile(r"\x1b\[[0-9;]{0,16}[A-Za-z]")
_LONGEST_TEXT = 1 << 20
_MOST_LINES = 20_000
_MOST_JOINED = 4
_WHOLE = ("<", "{", "NATS/", "-ERR", "+OK", "INFO ")


class Finder:
    """Finds errors with the adapters and tables of a normalizer, and the installed forms."""

    def __init__(self, normalizer: Normalizer, forms: Forms) -> None:
        """
        Prepare.

        Args:
            normalizer: Whose tables are asked.
            forms: How errors stand in texts.
        """
        self._normalizer = normalizer
        self._forms = forms
        self._reader = Reader(normalizer, forms)

    def find(self, text: str) -> list[Finding]:
        """
        Find the errors in a text. Never raises.

        Returns:
            What was found, in the order of the text.
        """
        return list(self._found(_cleaned(text)))

    def _found(self, text: str) -> Iterator[Finding]:
        whole = text.strip()
        if "\n" not in whole or whole.startswith(_WHOLE):
            error = self._normalizer.normalize(whole)
            if _counts(error):
                yield Finding(1, 0, len(whole), whole, How.WHOLE, error)
                return
        lines = self._forms.markup.unescaped(text).split("\n")[:_MOST_LINES]
        bare = [self._reader.unstamped(line) for line in lines]
        taken = 0
        for block in blocks(bare):
            if block.first < taken:
                continue
            taken, found = self._of_block(block, lines)
            yield from found

    def _of_block(self, block: Block, lines: Sequence[str]) -> tuple[int, list[Finding]]:
        if block.raised:
            return block.last, self._of_traceback(block, lines)
        line = lines[block.first]
        if self._forms.skipped.match(line):
            return block.last, []
        if self._forms.markup.holds_error("\n".join(lines[block.first : block.first + _MOST_JOINED])):
            taken, seen = self._reader.element(lines, block.first)
            if seen is not None:
                return taken, [self._finding(seen, block.first, line)]
        seen = self._reader.read(line)
        taken = block.last
        if seen is None:
            taken, seen = self._joined(lines, block.first)
        if seen is None or not _counts(seen.error):
            return taken, []
        return taken, [self._finding(seen, block.first, line)]

    def _joined(self, lines: Sequence[str], first: int) -> tuple[int, Seen | None]:
        """Read a line with those that go on with it: indented, or folded by hand."""
        last = first + 1
        joined = [lines[first].rstrip()]
        while last < len(lines) and last - first < _MOST_JOINED and self._goes_on(lines[last]):
            joined.append(lines[last].strip())
            last += 1
            for glue in (" ", ""):
                seen = self._reader.read(glue.join(joined))
                if seen is not None and _counts(seen.error):
                    return last, seen
        return first + 1, None

    def _goes_on(self, line: str) -> bool:
        return bool(line.strip()) and self._reader.unstamped(line) == line and self._forms.skipped.match(line) is None

    def _of_traceback(self, block: Block, lines: Sequence[str]) -> list[Finding]:
        wrapper: list[Finding] = []
        for at, raised in reversed(list(enumerate(block.raised))):
            seen = self._reader.read(lines[raised.line])
            if seen is not None and _counts(seen.error):
                found = [self._finding(seen, raised.line, lines[raised.line])]
                if seen.error.judgement.final or at == 0:
                    return found
                wrapper = wrapper or found
            if at and not block.raised[at - 1].is_cause and not wrapper:
                break
        return wrapper

    @staticmethod
    def _finding(seen: Seen, line: int, text: str) -> Finding:
        return Finding(line + 1, seen.start, seen.end, text[seen.start : seen.end], seen.how, seen.error)


def _counts(error: NormalizedError) -> bool:
    return error.known and error.reason is not Reason.PROTOCOL_NOTICE


def _cleaned(text: str) -> str:
    text = text[:_LONGEST_TEXT].replace("\u240d\u240a", "\n").replace("\r\n", "\n").replace("\r", "\n")
    return _ANSI.sub("", text) if "\x1b" in text else text
