"""
A passage is the rest of a line after its frames. This module finds the known error in it.

The whole passage is looked up first: by the forms, by the names of rows, as the class and message of an exception, and as a
structured line. If none of these matches, the positions at which a text may begin are tried from left to right, so that the
longest text counts. The number of look-ups is bounded for every passage.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from errnorm.error import Signal
from errnorm.finding.finding import How
from errnorm.taxonomy import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from errnorm.error import NormalizedError
    from errnorm.finding.forms import Form, Forms
    from errnorm.finding.lookup import Lookup
    from errnorm.finding.names import Name

__all__ = ["Known", "Passage"]

_MOST_LOOKUPS = 160
_MOST_WAYS = 24
_MOST_TRIMS = 4
_MOST_LINES = 32
_DEEPEST = 4
_MOST_RAISED = 8
_LONGEST_TAIL = 400
_QUOTES = {'"': '"', "'": "'", "`": "`", "(": ")", "[": "]", "\u201c": "\u201d", "\u2018": "\u2019", "*": "*", "_": "_", "~": "~"}
# The last ones are emphasis of Markdown. A star or an underscore counts only outside of a name: subjects have stars.
_QUOTED = re.compile(
    r'"((?:[^"\\]|\\.){4,200})"|(?<![A-Za-z])\'([^\']{4,200})\'|`([^`]{4,200})`'
    r"|(?<![A-Za-z0-9_.>*])\*{1,3}([^* ][^*]{3,199})\*{1,3}(?![A-Za-z0-9_.*])"
    r"|(?<![A-Za-z0-9_])_{1,2}([^_ ].{3,199}?)_{1,2}(?![A-Za-z0-9_])|~~([^~]{4,200})~~",
    re.ASCII,
)
_PAIR = re.compile(r'(?:^|[ \t{,])([A-Za-z_.]{2,30})=(?:"((?:[^"\\]|\\.){1,4000})"?|([^ "]{2,200}))', re.ASCII)
_RAISED = re.compile(
    r"(?P<name>(?:[A-Za-z_][A-Za-z0-9_]{0,80}(?:\.|\$|::)){0,10}[A-Z][A-Za-z0-9_]{0,80})"
    r"(?: ?: *(?P<words>.*)|\((?P<arguments>.*?),?\)?)?",
    re.ASCII | re.DOTALL,
)
_NESTED = re.compile(r"(?:[a-z][A-Za-z0-9_]{0,40}[.$]){1,10}[A-Z][A-Za-z0-9_]{0,80}(?:Exception|Error)(?::|$)", re.ASCII)
_OF_ERRORS = re.compile(r"(?:Error|Exception|Failure|Timeout|Fault|Cancelled|Closed|Servers|Connection|Unavailable)", re.ASCII)


class Known(NamedTuple):
    """A known error in a passage: where it begins and ends, the error, and how it was found."""

    start: int
    end: int
    error: NormalizedError
    how: How


class Passage:
    """Looks up the passages of one line: the line after no frame, after the first frame, and so on."""

    def __init__(self, lookup: Lookup, forms: Forms, line: str, *, shown: bool) -> None:
        """
        Prepare the look-ups for one line.

        Args:
            lookup: Finds rows.
            forms: The forms of errors in texts.
            line: The line of the passages. Only forms that can match it or a part of it are tried.
            shown: Whether the text of the line shows its protocol, so that texts count that any program may write.
        """
        self._shown = shown
        self._lookup = lookup
        self._forms = forms
        relevant = tuple(forms.of(line.lower()))
        self._searching = tuple(form for form in relevant if form.search and not form.early)
        self._relevant = tuple(form for form in relevant if form.early or not form.search)
        self._names = lookup.names(None)
        self._unknown: set[str] = set()  # texts that were looked up without a result
        self._nothing: set[str] = set()  # texts that were read in every way without a result
        self._left = _MOST_LOOKUPS
        self._how = How.WHOLE

    def under(self, protocol: str | None) -> None:
        """From now on use only rows of one protocol, because a frame has shown the protocol of the line."""
        self._names = self._lookup.names(protocol)
        self._unknown, self._nothing = set(), set()

    def search(self) -> bool:
        """From now on also use the forms that match a part of a text; return whether there are such forms."""
        self._relevant = (*self._relevant, *self._searching)
        self._unknown, self._nothing = set(), set()
        return bool(self._searching)

    def whole(self, text: str) -> Known | None:
        """Look a passage up as a whole."""
        error = self._known(text, 0)
        return None if error is None else Known(0, len(text), error, self._how)

    def within(self, text: str) -> Known | None:
        """Look for a known error inside a passage."""
        found = self._ways(text, 0)
        return None if found is None else Known(*found, How.INSIDE)

    def _known(self, text: str, depth: int) -> NormalizedError | None:
        if text in self._nothing:
            return None
        error = self._looked_up(text, depth) or self._raised(text, depth) or self._structured(text, depth)
        if error is None:
            self._nothing.add(text)
        return error

    def _read_on(self, text: str, depth: int) -> NormalizedError | None:
        if (error := self._known(text, depth)) is not None:
            return error
        found = self._ways(text, depth)
        if found is None:
            return None
        self._how = How.INSIDE
        return found[2]

    def _looked_up(self, text: str, depth: int) -> NormalizedError | None:
        for candidate in self._trimmed(text):
            if self._left <= 0 or candidate in self._unknown:
                return None
            self._left -= 1
            self._unknown.add(candidate)
            folded = candidate.lower()
            for form in self._relevant:
                if any(word in folded for word in form.has) and (error := self._by_form(form, candidate, depth)) is not None:
                    return error
            if (name := self._names.find(candidate, everyday=self._shown)) is not None:
                return self._refined(self._lookup.named(name, candidate), depth)
        return None

    def _refined(self, error: NormalizedError | None, depth: int) -> NormalizedError | None:
        """Return the error that the text of another one passes on, if the row of that one says that it does so."""
        said = None if error is None or depth >= _DEEPEST else self._lookup.passed_on(error)
        inner = None if said is None else self._read_on(said, depth + 1)
        if inner is None:
            return error
        self._how = How.INSIDE
        return inner

    def _trimmed(self, text: str) -> Iterator[str]:
        """Yield a text, and then shorter versions of it without quotes, brackets and known endings."""
        yield text
        for _ in range(_MOST_TRIMS):
            shorter = text.strip()
            if len(shorter) > 1 and _QUOTES.get(shorter[0]) == shorter[-1]:
                shorter = shorter[1:-1]
            elif (tail := self._forms.tail.search(shorter, max(1, len(shorter) - _LONGEST_TAIL))) is not None:
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
        if (error := self._in_rows(form, groups, text, depth)) is not None:
            if found.end() - found.start() < len(text):
                self._how = How.INSIDE
            return error
        inner = groups.get("inner")
        if inner and inner != text and depth < _DEEPEST and (error := self._read_on(inner, depth + 1)) is not None:
            return error
        if (name := self._names.raised(groups.get("class") or "")) is not None:
            return self._lookup.named(name, name.row.key)
        return next((error for place in form.last if (error := self._lookup.judged(place.signal(text))) is not None), None)

    def _in_rows(self, form: Form, groups: dict[str, str | None], text: str, depth: int) -> NormalizedError | None:
        family = tuple((place.section or "", code) for place in form.family if (code := place.filled(groups)) is not None)
        said = groups.get("text") or text
        for place in form.rows:
            for candidate in self._trimmed(place.filled(groups) or ""):
                signal = Signal(place.protocol, place.section, candidate, said, family, closed=form.closed)
                error = self._lookup.judged(signal)
                if error is not None:
                    return self._refined(error, depth)
        return None

    def _raised(self, text: str, depth: int) -> NormalizedError | None:
        """Read a printed exception: its class and its message."""
        text = text.rstrip(",;")
        found = _RAISED.fullmatch(text[1:-1] if len(text) > 1 and _QUOTES.get(text[0]) == text[-1] else text)
        if found is None or depth >= _DEEPEST:
            return None
        words = (found["words"] or "").strip()
        if words and (error := self._looked_up(words, depth + 1) or self._caused(words, depth)) is not None:
            return error
        name = self._names.raised(found["name"])
        if name is not None and not _says_little(name, found["name"], words):
            return self._lookup.named(name, name.row.key)
        inner = words or (found["arguments"] or "")
        if not inner:
            return None if name is None else self._lookup.named(name, name.row.key)
        error = self._read_on(inner, depth + 1) if _OF_ERRORS.search(found["name"]) else None
        if error is None and name is not None and "." in found["name"] and not _is_a_base(name):
            return self._lookup.named(name, name.row.key)
        return error

    def _caused(self, words: str, depth: int) -> NormalizedError | None:
        """Read a message that begins with the dotted class of another exception: Java prints the cause in this way."""
        return self._raised(words, depth + 1) if _NESTED.match(words) else None

    def _structured(self, text: str, depth: int) -> NormalizedError | None:
        if depth >= _DEEPEST:
            return None
        at = text.find('{"')
        if at >= 0 and (document := _document(text[at:])) is not None:
            error = self._of_document(document, depth)
        else:
            error = self._of_pairs(text, depth) if "=" in text else None
        if error is not None and self._how is How.WHOLE:
            self._how = How.FRAMED
        return error

    def _of_document(self, document: dict[str, object], depth: int) -> NormalizedError | None:
        error = self._lookup.normalizer.normalize(document)
        if error.known:
            return error
        values = (self._of_lines(value, depth + 1) for value in self._values(document, 0))
        return next((found for found in values if found is not None), None)

    def _of_pairs(self, text: str, depth: int) -> NormalizedError | None:
        pairs = {found[1]: _unescaped(found[2]) if found[2] else found[3] for found in _PAIR.finditer(text)}
        values = (pairs[field] for field in self._forms.fields if field in pairs)
        return next((error for value in values if (error := self._of_lines(value, depth + 1)) is not None), None)

    def _of_lines(self, text: str, depth: int) -> NormalizedError | None:
        for line in text.splitlines()[:_MOST_LINES]:
            for at, _ in self._forms.beginnings(line):
                if (error := self._read_on(line[at:].strip(), depth)) is not None:
                    return error
        return None

    def _values(self, document: dict[str, object], depth: int) -> Iterator[str]:
        for field in self._forms.fields:
            value = document.get(field)
            if isinstance(value, str):
                yield value
            elif isinstance(value, list) and depth < _DEEPEST:
                for one in value[:_MOST_RAISED]:
                    yield from self._of_raised(one, depth + 1)
            elif isinstance(value, dict) and depth < _DEEPEST:
                yield from self._values(value, depth + 1)

    def _of_raised(self, document: object, depth: int) -> Iterator[str]:
        """Yield the class and the text of an exception as structlog writes it: they are two fields."""
        match document:
            case {"exc_type": str(name), "exc_value": str(words)}:
                yield f"{name}: {words}" if words else name
            case dict():
                yield from self._values(document, depth)
            case _:
                pass

    def _ways(self, text: str, depth: int) -> tuple[int, int, NormalizedError] | None:
        if depth >= _DEEPEST:
            return None
        for _, way in zip(range(_MOST_WAYS), self._forms.way.finditer(text), strict=False):
            if (error := self._known(text[way.end() :], depth + 1)) is not None:
                return way.end(), len(text), error
        for _, quoted in zip(range(_MOST_WAYS), _QUOTED.finditer(text), strict=False):
            if (error := self._looked_up(quoted[quoted.lastindex or 0], depth + 1)) is not None:
                return quoted.start(), quoted.end(), error
        for _, quoted in zip(range(_MOST_WAYS), _QUOTED.finditer(text), strict=False):
            if (found := self._ways(quoted[quoted.lastindex or 0], depth + 1)) is not None:
                return quoted.start(), quoted.end(), found[2]
        return None


def _says_little(name: Name, written: str, words: str) -> bool:
    """Return whether a class says less than its message: it wraps other errors, or its short name is used by many libraries."""
    return name.row.row.wraps or (bool(words) and "." not in written and _is_a_base(name))


def _is_a_base(name: Name) -> bool:
    """Return whether a class says only that something failed: what its message says is not known, so the error is not."""
    return name.row.row.reason is Reason.PROTOCOL_REJECTED


def _document(text: str) -> dict[str, object] | None:
    try:
        document = json.loads(text[: text.rfind("}") + 1])
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _unescaped(text: str) -> str:
    return text.replace('\\"', '"').replace("\\n", "\n").replace("\\\\", "\\")
