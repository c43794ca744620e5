"""
One line: what frames it, what it says, and where in it something known stands.

The order is the same for every line. Frames come off. What is left is looked up whole: by a form, by a name of a row, as the class of
an exception with its words, as a structured line. Only where none of these knows it, the places at which a text may begin are tried
from left to right, so that the longest one counts.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from errnorm import plugins
from errnorm.error import Signal
from errnorm.finding.finding import How
from errnorm.finding.names import Name, Names
from errnorm.taxonomy import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from errnorm.finding.forms import Form, Forms
    from errnorm.error import NormalizedError
    from errnorm.normalizer import Normalizer

__all__ = ["Reader", "Seen"]

_MOST_FRAMES = 12
_MOST_GATHERED = 64
_MOST_WAYS = 24
_DEEPEST = 4
_MOST_TRIMS = 4
_LONGEST = 8192
_QUOTES = {'"': '"', "'": "'", "`": "`", "(": ")", "[": "]", "\u201c": "\u201d", "\u2018": "\u2019"}
_WAY = re.compile(r"(?:: |; | - |--?> |\berror |\bError: |= ?)['\"`(\[]?(?=[^ ])|(?=\bnats: |-ERR |\[Errno |\[SSL)")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.){4,400})"|(?<![A-Za-z])\'([^\']{4,400})\'|`([^`]{4,400})`')
_PAIR = re.compile(r'(?:^|[ \t{,])([A-Za-z_.]{2,30})=(?:"((?:[^"\\]|\\.){1,4000})"?|([^ "]{2,200}))')
_RAISED = re.compile(
    r"(?P<name>(?:[A-Za-z_][A-Za-z0-9_]*(?:\.|\$|::)){0,10}[A-Z][A-Za-z0-9_]*)(?: ?: *(?P<words>.*)|\((?P<arguments>.*?),?\))?",
    re.ASCII | re.DOTALL,
)
_IS_ERROR = re.compile(r"(?:Error|Exception|Failure|Timeout|Fault|Cancelled|Closed|Servers|Connection|Unavailable)", re.ASCII)


class Seen(NamedTuple):
    """What was seen in a line: where, how it is known, and what it is."""

    start: int
    end: int
    how: How
    error: NormalizedError


class Reader:
    """Reads lines with the forms and the tables of a normalizer."""

    def __init__(self, normalizer: Normalizer, forms: Forms) -> None:
        """Read with these."""
        self._normalizer = normalizer
        self._forms = forms
        self._tables = [engine.table for name in plugins.protocols() if (engine := normalizer.engine(name)) is not None]
        self._all = Names(self._tables)
        self._own = {
            name: Names([table for table in self._tables if table.protocol == name or table.underlies])
            for name in {*forms.protocols.values()}
        }
        self._names = self._all

    def unstamped(self, line: str) -> str:
        """Return a line without what a collector put before it, but with its indentation."""
        at = 0
        while line[at : at + 1] not in {"", " ", "\t"} and (found := self._forms.stamp.match(line, at)) is not None:
            at = found.end()
        return line[len(line[:at].rstrip()) + 1 :] if at else line

    def _beginnings(self, line: str) -> Iterator[tuple[int, str | None]]:
        """Yield where a line may begin, behind one frame more each time, and the protocol that a frame has shown."""
        at, protocol = 0, None
        yield at, protocol
        for _ in range(_MOST_FRAMES):
            found = self._forms.frame.match(line, at)
            if found is None or found.end() == at or found.end() >= len(line):
                return
            at = found.end()
            protocol = self._forms.protocols.get(found.lastgroup or "", protocol)
            yield at, protocol

    def read(self, line: str) -> Seen | None:
        """Read one line; `None` if nothing known stands in it."""
        line = line[:_LONGEST].rstrip()
        at = 0
        for at, protocol in self._beginnings(line):
            self._names = self._own.get(protocol or "", self._all)
            known = self._known(line[at:], 0)
            if known is not None:
                return Seen(at, len(line), How.FRAMED if at else How.WHOLE, known)
        if (found := self._ways(line[at:], 0)) is not None:
            start, end, error = found
            return Seen(at + start, at + end, How.INSIDE, error)
        return None

    def element(self, lines: Sequence[str], first: int) -> tuple[int, Seen | None]:
        """Read the element that begins in a line; return the line behind it, and what was seen."""
        text, last = self._gathered(lines, first)
        markup = self._forms.markup
        start = markup.begin(text)
        if start is None or start > len(lines[first]):
            return first + 1, None
        end = markup.end(text, start)
        piece = text[start : len(text) if end is None else end]
        if not markup.holds_error(piece):
            return first + 1, None
        error = self._normalizer.normalize(piece) if end is not None else None
        how = How.WHOLE if start == 0 else How.FRAMED
        if error is None or not error.known or error.judgement.section == "xml":
            error = next((known for signal in markup.signals(piece) if (known := self._judged(signal)) is not None), None)
            how = How.INSIDE
        taken = first + 1 + text[: start + len(piece)].count("\n")
        return taken, None if error is None else Seen(start, min(len(lines[first]), start + len(piece)), how, error)

    def _gathered(self, lines: Sequence[str], first: int) -> tuple[str, int]:
        last = first + 1
        text = [lines[first]]
        while last < len(lines) and last - first < _MOST_GATHERED and self.unstamped(lines[last]) == lines[last]:
            text.append(lines[last])
            last += 1
        return "\n".join(text), last

    def _known(self, body: str, depth: int) -> NormalizedError | None:
        """Look up a text that stands by itself."""
        return self._looked_up(body, depth) or self._raised(body, depth) or self._structured(body, depth)

    def _looked_up(self, text: str, depth: int) -> NormalizedError | None:
        for candidate in self._trimmed(text):
            for form in self._forms.of(candidate.lower()):
                if (error := self._by_form(form, candidate, depth)) is not None:
                    return error
            if (name := self._names.find(candidate)) is not None:
                return self._judged(Signal(name.protocol, name.row.section, name.row.key, text))
        return None

    def _trimmed(self, text: str) -> Iterator[str]:
        """Yield a text, then without what may stand around it, step by step."""
        yield text
        for _ in range(_MOST_TRIMS):
            shorter = text.strip()
            if len(shorter) > 1 and _QUOTES.get(shorter[0]) == shorter[-1]:
                shorter = shorter[1:-1]
            elif (tail := self._forms.tail.search(shorter)) is not None and tail.start() > 1:
                shorter = shorter[: tail.start()]
            if shorter == text:
                return
            text = shorter
            yield text

    def _by_form(self, form: Form, text: str, depth: int) -> NormalizedError | None:
        found = form.match(text)
        if found is None:
            return None
        groups = found.groupdict()
        family = tuple(
            (place.section or "", code) for place in form.family if (code := place.filled(groups)) is not None
        )
        said = groups.get("text") or text
        for place in form.rows:
            code = place.filled(groups)
            if code is None:
                continue
            for candidate in self._trimmed(code):
                error = self._judged(Signal(place.protocol, place.section, candidate, said, family))
                if error is not None:
                    return error
        if form.inner and depth < _DEEPEST and (inner := groups["inner"]) and inner != text:
            return self._read_on(inner, depth + 1)
        return None

    def _read_on(self, text: str, depth: int) -> NormalizedError | None:
        if (error := self._known(text, depth)) is not None:
            return error
        found = self._ways(text, depth)
        return None if found is None else found[2]

    def _judged(self, signal: Signal) -> NormalizedError | None:
        engine = self._normalizer.engine(signal.protocol)
        if engine is None:
            return None
        # Only the code itself counts: a family alone says no more than that it was a stanza error.
        if signal.code is None or engine.table.find(signal.section, signal.code) is None:
            return None
        error = engine.judge(signal)
        return error if error.known else None

    def _raised(self, text: str, depth: int) -> NormalizedError | None:
        found = _RAISED.fullmatch(text.rstrip(",;"))
        if found is None or depth >= _DEEPEST:
            return None
        words = (found["words"] or "").strip()
        if words and (error := self._looked_up(words, depth + 1)) is not None:
            return error
        name = self._names.raised(found["name"])
        if name is not None and not name.row.row.wraps and not (words and _says_little(name, found["name"])):
            return self._judged(Signal(name.protocol, name.row.section, name.row.key, text))
        inner = words or (found["arguments"] or "")
        if inner and _IS_ERROR.search(found["name"]) and (error := self._read_on(inner, depth + 1)) is not None:
            return error
        if name is None or inner:
            return None
        return self._judged(Signal(name.protocol, name.row.section, name.row.key, text))

    def _structured(self, body: str, depth: int) -> NormalizedError | None:
        if depth >= _DEEPEST:
            return None
        at = body.find('{"')
        if at >= 0 and (document := _document(body[at:])) is not None:
            error = self._normalizer.normalize(document)
            if error.known:
                return error
            for value in self._values(document):
                if (error_of := self._of_lines(value, depth + 1)) is not None:
                    return error_of
        pairs = {found[1]: _unescaped(found[2]) if found[2] else found[3] for found in _PAIR.finditer(body)} if "=" in body else {}
        for field in self._forms.fields:
            if (text := pairs.get(field)) and (error_of := self._read_on(text, depth + 1)) is not None:
                return error_of
        return None

    def _of_lines(self, text: str, depth: int) -> NormalizedError | None:
        for line in text.splitlines()[:64]:
            for at, _ in self._beginnings(line):
                if (error := self._read_on(line[at:].strip(), depth)) is not None:
                    return error
        return None

    def _values(self, document: dict[str, object]) -> Iterator[str]:
        for field in self._forms.fields:
            value = document.get(field)
            if isinstance(value, str):
                yield value
            elif isinstance(value, dict):
                yield from self._values(value)

    def _ways(self, body: str, depth: int) -> tuple[int, int, NormalizedError] | None:
        if depth >= _DEEPEST:
            return None
        for count, way in enumerate(_WAY.finditer(body)):
            if count >= _MOST_WAYS:
                break
            tail = body[way.end() :]
            if (known := self._known(tail, depth + 1)) is not None:
                return way.end(), len(body), known
        for count, quoted in enumerate(_QUOTED.finditer(body)):
            if count >= _MOST_WAYS:
                break
            text = quoted[quoted.lastindex or 0]
            if (error := self._looked_up(text, depth + 1)) is not None:
                return quoted.start(), quoted.end(), error
        return None


def _says_little(name: Name, written: str) -> bool:
    """Tell whether the short name of a class is everybody's: then its words have to say what it is."""
    return "." not in written and name.row.row.reason is Reason.PROTOCOL_REJECTED


def _document(text: str) -> dict[str, object] | None:
    end = text.rfind("}")
    try:
        document = json.loads(text[: end + 1])
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _unescaped(text: str) -> str:
    return text.replace('\\"', '"').replace("\\n", "\n").replace("\\\\", "\\")
