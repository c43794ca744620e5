"""
The rows of all tables as the pages show them: each with its address, and with the words that `errnorm explain` prints.

An address is made of the protocol, the section and the key alone, so it stays the same when other rows come and go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from errnorm.cli.answer import details, essentials
from errnorm.error import NormalizedError, Signal
from errnorm.judgement import Judgement
from errnorm.plugins import load_table, protocols

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from errnorm.tables.file import SectionHead
    from errnorm.tables.row import Entry
    from errnorm.tables.table import Table
    from errnorm.taxonomy import Recovery

__all__ = ["DECISIONS", "Article", "decision_of", "entries_of", "label_of", "slug_of", "tables"]

# The four classes of terminal and retryable, and what they come to.
DECISIONS = {
    "repeat": "repeat here",
    "reconnect": "repeat on a new connection",
    "fails": "this operation fails, the session lives",
    "stop": "stop: the connection is over",
}

_NOT_IN_ADDRESSES = re.compile(r"[^a-z0-9.]+")
_LABELS = {
    "Do": "What to do",
    "Retry": "Retry?",
    "What": "What it means",
    "Seen": "Where it shows",
    "Known": "Evidence",
}


@dataclass(frozen=True, slots=True)
class Article:
    """
    One row in its place among all others.

    Attributes:
        protocol: The protocol of its table.

        head: What the table says of its section.

        placed: The row.

        slug: Its address, `nats/error/stale-connection`.
    """

    protocol: str
    head: SectionHead
    placed: Entry
    slug: str

    @property
    def decision(self) -> str:
        """The class of terminal and retryable it belongs to, a key of `DECISIONS`."""
        return decision_of(self.placed.row.recovery, terminal=self.placed.row.terminal)

    @property
    def spellings(self) -> list[str]:
        """Every spelling that means this row, with places or without."""
        return [*self.placed.spellings(), *self.placed.templates()]

    def facts(self) -> Iterator[tuple[str, str]]:
        """Yield what is to be said of it: pairs of a label and a text, the same that `errnorm explain` prints."""
        error = _as_error(self.protocol, self.placed)
        yield from essentials(error)
        yield from details(error)


def label_of(name: str) -> str:
    """Return the label of a fact as a page prints it."""
    return _LABELS.get(name, name)


def decision_of(recovery: Recovery, *, terminal: bool) -> str:
    """Return the class of terminal and retryable, a key of `DECISIONS`."""
    if recovery.retryable:
        return "reconnect" if terminal else "repeat"
    return "stop" if terminal else "fails"


def slug_of(text: str) -> str:
    """Return a text as part of an address: small letters, digits and dots, everything else a hyphen."""
    return _NOT_IN_ADDRESSES.sub("-", text.lower().replace("{", "").replace("}", "")).strip("-.")


def tables() -> list[Table]:
    """Return all installed tables, without anybody's overlays; what lies under the protocols comes last."""
    return sorted((load_table(protocol, []) for protocol in protocols()), key=lambda table: table.underlies)


def entries_of(given: Iterable[Table]) -> list[Article]:
    """Return the rows of tables, section by section, each with an address of its own."""
    taken: set[str] = set()
    entries: list[Article] = []
    for table in given:
        for section in table.sections.values():
            rows = [placed for (name, _), placed in table.rows.items() if name == section.name]
            entries.extend(Article(table.protocol, section.head, row, _free(table.protocol, row, taken)) for row in rows)
    return entries


def _free(protocol: str, placed: Entry, taken: set[str]) -> str:
    wanted = f"{protocol}/{placed.section}/{slug_of(placed.key) or 'row'}"
    slug, number = wanted, 1
    while slug in taken:
        number += 1
        slug = f"{wanted}-{number}"
    taken.add(slug)
    return slug


def _as_error(protocol: str, placed: Entry) -> NormalizedError:
    judgement = Judgement(
        protocol=protocol,
        section=placed.section,
        code=placed.code,
        reason=placed.row.reason,
        recovery=placed.row.recovery,
        terminal=placed.row.terminal,
        effect=placed.row.effect,
        row=placed,
        tables_version=placed.version,
    )
    return NormalizedError(judgement, Signal(protocol, placed.section, placed.key))
