"""
The margin of a text: what stands before each of its lines because of the way in which somebody shows the text.

A quotation has `> ` before each line, a container or a log collector the name of the program. With the margin the lines of a
traceback or of an element do not belong together, so it is removed first.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from errnorm.finding.finding import Finding, How

if TYPE_CHECKING:
    from collections.abc import Sequence

    from errnorm.finding.forms import Forms

__all__ = ["Bare", "without_margin"]

_QUOTED = re.compile(r"[ \t]*(?:[>|][ \t]?)*[ \t]*")
_NOTHING = " \t>|"
_MARKS = {'"': '"', "'": "'", "\u201c": "\u201d"}


class Bare(NamedTuple):
    """
    The lines of a text without their margin.

    Attributes:
        lines: The lines.

        widths: How many characters were removed before each line; `None` if the line was a JSON document.
    """

    lines: Sequence[str]
    widths: Sequence[int | None]

    def placed(self, finding: Finding, text: str) -> Finding:
        """Return a finding with its place in the text with the margin."""
        width = self.widths[finding.line - 1]
        if width == 0:
            return finding
        how = How.FRAMED if finding.how is How.WHOLE else finding.how
        if width is None:
            return finding._replace(start=0, end=len(text.split("\n")[finding.line - 1]), how=how)
        return finding._replace(start=finding.start + width, end=finding.end + width, how=how)


def without_margin(text: str, forms: Forms) -> Bare:
    """Remove the margin of a text: quotation marks around it, marks of quotation before each line, and what containers add."""
    bare = _opened(text)
    said = _saying(bare)
    if len(said) > 1:
        bare = _cut(bare, [_shared([bare.lines[at] for at in said])] * len(bare.lines))
    decoded = _decoded(bare, forms.documents)
    if decoded is not None or len(said) <= 1:
        return decoded or bare
    return _cut(bare, [forms.margin_of(line) for line in bare.lines])


def _saying(bare: Bare) -> list[int]:
    """Return the numbers of the lines that say something."""
    return [at for at, line in enumerate(bare.lines) if line.strip(_NOTHING)]


def _opened(text: str) -> Bare:
    """Remove the quotation marks around the whole text, if it has no others."""
    lines = text.split("\n")
    widths: list[int | None] = [0] * len(lines)
    first = text.lstrip()[:1]
    last = _MARKS.get(first, "")
    if not last or text.rstrip()[-1] != last or text.count(last) > 1 + (first == last):
        return Bare(lines, widths)
    said = [at for at, line in enumerate(lines) if line.strip()]
    lines[said[-1]] = lines[said[-1]].rstrip()[:-1]
    width = lines[said[0]].find(first) + 1
    lines[said[0]], widths[said[0]] = lines[said[0]][width:], width
    return Bare(lines, widths)


def _shared(lines: Sequence[str]) -> int:
    """Return how many blanks and marks of quotation stand before all lines."""
    least, most = min(lines), max(lines)
    same = next((at for at, letter in enumerate(least) if letter != most[at : at + 1]), len(least))
    found = _QUOTED.match(least, 0, same)
    return 0 if found is None else found.end()


def _cut(bare: Bare, widths: Sequence[int]) -> Bare:
    """Remove as many characters before each line, if something is to be removed from each line that says something."""
    if not all(widths[at] for at in _saying(bare)):
        return bare
    lines = [line[width:] for line, width in zip(bare.lines, widths, strict=True)]
    return Bare(lines, [(before or 0) + width for before, width in zip(bare.widths, widths, strict=True)])


def _decoded(bare: Bare, fields: Sequence[str]) -> Bare | None:
    """Take the lines out of the documents in which a container keeps them, if each line is such a document."""
    lines: list[str] = []
    for line in bare.lines:
        said = _line_of(line, fields) if line.strip(_NOTHING) else line
        if said is None:
            return None
        lines.append(said)
    return Bare(lines, [None] * len(lines))


def _line_of(document: str, fields: Sequence[str]) -> str | None:
    if not document.startswith("{"):
        return None
    try:
        read = json.loads(document)
    except (ValueError, RecursionError):
        return None
    said = next((value for field in fields if isinstance(value := read.get(field), str)), None)
    return None if said is None or "\n" in said.rstrip("\n") else said.rstrip("\r\n")
