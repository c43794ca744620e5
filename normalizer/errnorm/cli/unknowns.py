"""
Group errors without a row: one fingerprint for each error, with its count and a row to fill in.

The key of the row is the fingerprint with a parameter in the place of each variable part, so that the completed row matches the
texts from which it was made. If no key of that form matches them, the comment above the row says so.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from errnorm.exceptions import as_builtin
from errnorm.fingerprint import fingerprint_of
from errnorm.tables.pattern import Template, TemplateIndex

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from errnorm.error import NormalizedError

__all__ = ["Unknowns"]

_MOST = 10_000
_LONGEST = 512
_LABEL = re.compile(r"<([a-z]+)>")
# The kind of parameter for each label of a fingerprint. The parameter is named after its kind; other labels become names.
_KIND_OF = {
    "address": "address", "duration": "duration", "jid": "jid", "n": "number", "quoted": "text", "time": "text", "text": "text",
    "url": "address", "uuid": "id",
}  # fmt: skip
_QUOTES = ('"{}"', "'{}'", "`{}`")
_ROW = """\
# {count} x {protocol} {section}{missing}
[{table}.{key}]
reason = ""
recovery = ""
terminal = false
effect = "unknown"
reach = "client wire"
source = ""

"""


class _Place(NamedTuple):
    protocol: str
    section: str
    fingerprint: str


class Unknowns:
    """Counts unknown errors by protocol, section and fingerprint. Beyond 10,000 different ones, there is one common count."""

    def __init__(self) -> None:
        """Start without counts."""
        self._counts: Counter[_Place] = Counter()
        self._examples: dict[_Place, tuple[str, Mapping[str, str]]] = {}
        self._rest = 0

    def add(self, error: NormalizedError) -> None:
        """Count one error."""
        place = _Place(error.protocol or "", error.section or "", error.fingerprint or "")
        if place not in self._counts:
            if len(self._counts) >= _MOST:
                self._rest += 1
                return
            said = as_builtin(error.signal.code) or error.text or ""
            self._examples[place] = (str(said)[:_LONGEST], error.judgement.kinds)
        self._counts[place] += 1

    def report(self) -> Iterator[str]:
        """Yield TOML, the most frequent error first: a comment with its count, and a row with blanks to fill in."""
        for place, count in self._counts.most_common():
            key, missing = _key(*self._examples[place])
            yield _ROW.format(
                count=count,
                protocol=place.protocol or "no protocol",
                section=place.section or "no section",
                missing=missing,
                table=place.section or "section",
                key=json.dumps(key),
            )
        if self._rest:
            yield f"# {self._rest} more errors, of kinds that are not listed\n"


def _key(example: str, declared: Mapping[str, str]) -> tuple[str, str]:
    """Return the key of a row, and the note about the key for the comment above the row."""
    fingerprint = fingerprint_of(example)
    if fingerprint == example or " " not in example:  # a text without variables, or a word or number that is its own name
        return example, ""
    for quotes in _QUOTES:
        for free in ("text", "name"):
            key, kinds = _with_places(fingerprint, quotes, free, declared)
            if _matches(key, kinds, example):
                missing = ", ".join(f'{name} = "{kind}"' for name, kind in kinds.items() if name not in declared)
                return key, f"; under [params]: {missing}" if missing else ""
    return fingerprint, "; write the key by hand, from the text itself"


def _with_places(fingerprint: str, quotes: str, free: str, declared: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    kinds: dict[str, str] = {}

    def place(found: re.Match[str]) -> str:
        kind = _KIND_OF.get(found[1], "name")
        kind = free if kind == "text" else kind
        name = next(name for name in _names(kind) if name not in kinds and declared.get(name, kind) == kind)
        kinds[name] = kind
        return quotes.format(f"{{{name}}}") if found[1] == "quoted" else f"{{{name}}}"

    return _LABEL.sub(place, fingerprint), kinds


def _names(kind: str) -> Iterator[str]:
    yield kind
    yield from (f"{kind}_{'x' * length}" for length in range(1, _LONGEST))


def _matches(key: str, kinds: Mapping[str, str], example: str) -> bool:
    if not kinds or list(kinds.values()).count("text") > 1:
        return False
    template = Template(key, kinds, key, ignore_case=True)
    return TemplateIndex([template]).find(example, example.lower()) is not None
