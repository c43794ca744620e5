"""
The rows of the tables as regular expressions, for programs that cannot run Python.

An expression is anchored at both ends and uses only what Python, RE2, Go and Rust read alike. It matches what the row matches: a
place is a named group, and a place in double quotes reads a quotation with its escapes. It begins with `(?s)`, or with `(?is)` in
a section that ignores case.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from errnorm.tables.kind import KINDS, SAMPLES
from errnorm.tables.pattern import Template

if TYPE_CHECKING:
    from collections.abc import Iterator

    from errnorm.tables.row import Entry
    from errnorm.tables.table import Table

__all__ = ["Exported", "exported", "expression", "literal"]

_PLACE = re.compile(r'(?P<quote>"?)\{(?P<name>[a-z_]+)\}(?P=quote)')
_QUOTED = r'"(?P<{name}>[^"\\]*(?:\\.[^"\\]*)*)"'
_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")


class Exported(NamedTuple):
    """
    A row for another program.

    Attributes:
        protocol: The protocol of its table.

        entry: The row.

        expressions: Whole texts that mean it.

        samples: A text for each expression, which it matches.
    """

    protocol: str
    entry: Entry
    expressions: tuple[str, ...]
    samples: tuple[str, ...]


def literal(text: str) -> str:
    """Return the expression for a text that stands for itself; `re.escape` escapes more than some dialects allow."""
    return _SPECIAL.sub(r"\\\g<0>", text).replace("\n", r"\n").replace("\r", r"\r").replace("\t", r"\t")


def expression(text: str, table: Table, *, ignore_case: bool) -> str:
    """Return the expression for a text with or without places."""
    pattern, end = "", 0
    for place in _PLACE.finditer(text) if Template.has_places(text) else ():
        name = place["name"]
        pattern += literal(text[end : place.start()])
        pattern += _QUOTED.format(name=name) if place["quote"] else f"(?P<{name}>{KINDS[table.kinds[name]]})"
        end = place.end()
    return f"{'(?is)' if ignore_case else '(?s)'}^{pattern}{literal(text[end:])}$"


def exported(table: Table, sections: frozenset[str] | None = None) -> Iterator[Exported]:
    """Yield the rows of a table, or of some of its sections."""
    for entry in table.rows.values():
        if sections is not None and entry.section not in sections:
            continue
        ignore_case = table.sections[entry.section].head.ignore_case
        texts = list(dict.fromkeys(text for text in entry.texts() if not text.startswith("{")))
        yield Exported(
            table.protocol,
            entry,
            tuple(expression(text, table, ignore_case=ignore_case) for text in texts),
            tuple(_sample(text, table) for text in texts),
        )


def _sample(text: str, table: Table) -> str:
    if not Template.has_places(text):
        return text
    return _PLACE.sub(
        lambda place: place[0].replace(f"{{{place['name']}}}", SAMPLES.get(table.kinds[place["name"]], "word")), text
    )
