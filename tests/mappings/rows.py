"""The rows of the built-in tables, loaded when a test asks for them: a broken row fails tests, not their collection."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from errnorm.plugins import load_table, protocols
from errnorm.tables import Entry, Evidence
from errnorm.tables.pattern import Template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from errnorm.tables import Table

Row = tuple[str, Entry]


@cache
def table(protocol: str) -> Table:
    """Return a built-in table."""
    return load_table(protocol, [])


@cache
def every() -> tuple[Row, ...]:
    """Return every row of every table, with its protocol."""
    return tuple((protocol, entry) for protocol in protocols() for entry in table(protocol).rows.values())


def of(protocol: str, *sections: str) -> Callable[[], list[Entry]]:
    """Return what returns the rows of a protocol, or of some of its sections."""
    return lambda: [entry for entry in table(protocol).rows.values() if not sections or entry.section in sections]


def named(value: object) -> str:
    """Return the place of a row, for the message of a failure; of anything else its text."""
    return f"{value.section} {value.key}" if isinstance(value, Entry) else str(value)


def is_provoked(entry: Entry) -> bool:
    """Tell whether a server or a client was made to produce a row."""
    return entry.row.evidence.startswith(Evidence.PROVOKED)


def samples(protocol: str, entry: Entry) -> Iterator[str]:
    """Yield the templates of a row with a value in place of each parameter."""
    for text in entry.templates():
        yield Template(text, table(protocol).kinds, entry, ignore_case=False).sample()


def words(text: str) -> set[str]:
    """Return the words of a text in lower case."""
    return set(re.findall("[a-z0-9]+", text.lower()))
