"""The results of comparing upstream with a table, and the parts of the comparison that all upstreams share."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from enum import StrEnum
from functools import cache, cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from errnorm.plugins import load_table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from errnorm.tables.row import Entry
    from errnorm.tables.table import Table

__all__ = ["Comparison", "Finding", "Kind", "Reading", "UnusablePathError", "bare", "samples", "without_row"]

# A row that lost its source and a text without a row count as one changed text if they are at least this similar (0 to 1).
_ALIKE = 0.75

_VERB = re.compile(r"%[-+# 0]*\d*(?:\.\d+)?(?P<verb>[a-zA-Z%])")
_PLACE = re.compile(r'"?(?:\{\w+\}|%[-+# 0]*\d*(?:\.\d+)?[a-zA-Z])"?')
_ALWAYS = {"q": '"word"', "d": "7", "%": "%"}
# Sample values for %s and %v: a name, a count, a duration.
_SOMETIMES = ("word", "7", "7s")


@cache
def without_row(protocol: str, kind: str) -> frozenset[str]:
    """Return the texts of a protocol that need no row; `errnorm_mappings/without_row.toml` lists them with their reasons."""
    lists = tomllib.loads(files("errnorm_mappings").joinpath("without_row.toml").read_text("utf-8"))
    return frozenset(text for texts in lists.get(protocol, {}).get(kind, {}).values() for text in texts)


class UnusablePathError(ValueError):
    """A path that cannot be used. The message is one line with the reason."""


class Kind(StrEnum):
    """The kinds of differences between upstream and a table."""

    NO_ROW = "no row"
    LOST = "lost its source"
    CHANGED = "text changed"


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One difference between upstream and a table.

    Attributes:
        kind: The kind of the difference.

        section: The section of the table.

        name: The code, constant or class; the text if there is no other name.

        upstream: The text of upstream; `None` if there is none.

        row: The text of the row; `None` if there is no row.

        where: The file of upstream.
    """

    kind: Kind
    section: str
    name: str
    upstream: str | None = None
    row: str | None = None
    where: str = ""

    def line(self) -> str:
        """Return the difference as one line of text."""
        said = [repr(text) for text in (self.row, self.upstream) if text and (text != self.name or self.kind is Kind.CHANGED)]
        parts = (
            f"{self.kind:<15}",
            f"[{self.section}]",
            self.name,
            " is now ".join(said),
            f"({self.where})" if self.where else "",
        )
        return " ".join(filter(None, parts))

    def to_dict(self) -> dict[str, str | None]:
        """Return the fields as JSON values."""
        names = ("kind", "section", "name", "upstream", "row", "where")
        return {name: None if (value := getattr(self, name)) is None else str(value) for name in names}


@dataclass(slots=True)
class Reading:
    """
    The comparison of one upstream with a table.

    Attributes:
        upstream: The name of the upstream, for example `nats-server`.

        path: The path that was read.

        version: The version of the upstream; `None` if it is not known.

        tables: The name and version of the table.

        counts: The number of errors that were read, by kind.

        findings: The differences.
    """

    upstream: str
    path: Path
    version: str | None
    tables: str
    counts: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        flat: dict[str, Any] = {"upstream": self.upstream, "path": str(self.path), "version": self.version, "tables": self.tables}
        return flat | {"counts": self.counts, "findings": [finding.to_dict() for finding in self.findings]}


class Comparison:
    """
    A table, and the differences found so far.

    Attributes:
        table: The table.

        findings: The differences.
    """

    def __init__(self, protocol: str) -> None:
        """
        Load the built-in table of a protocol.

        Raises:
            TableError: If the table cannot be used.
        """
        self.table: Table = load_table(protocol)
        self.findings: list[Finding] = []

    @cached_property
    def _constants(self) -> dict[str, list[Entry]]:
        named: dict[str, list[Entry]] = {}
        for entry in self.table.rows.values():
            for name in (entry.row.constant, *entry.row.aliases):
                if name is not None:
                    named.setdefault(name, []).append(entry)
        return named

    def rows(self, section: str) -> Iterable[Entry]:
        """Return the rows of a section."""
        return [entry for (name, _), entry in self.table.rows.items() if name == section]

    def named(self, constant: str) -> list[Entry]:
        """Return the rows of all sections that match a constant of upstream."""
        return self._constants.get(constant, [])

    def row_of(self, section: str, text: str) -> Entry | None:
        """Return the row of a section that matches a text of upstream with sample values for its verbs; `None` if none does."""
        found = (self.table.find(section, sample) for sample in samples(text))
        return next((one[0] for one in found if one is not None), None)

    def matches(self, section: str, text: str) -> bool:
        """Return whether a text of upstream matches a row of a section."""
        return self.row_of(section, text) is not None

    def miss(self, section: str, name: str, upstream: str | None = None, where: str = "") -> None:
        """Record that upstream has an error that no row matches."""
        self.findings.append(Finding(Kind.NO_ROW, section, name, upstream, None, where))

    def lose(self, entry: Entry) -> None:
        """Record that upstream no longer has the error of a row."""
        said = entry.row.text or entry.key
        self.findings.append(Finding(Kind.LOST, entry.section, entry.row.constant or entry.key, None, said, entry.row.source))

    def change(self, entry: Entry, upstream: str, row: str | None, where: str) -> None:
        """Record that upstream has changed the text of an error."""
        self.findings.append(Finding(Kind.CHANGED, entry.section, entry.row.constant or entry.key, upstream, row, where))

    def settled(self, texts: Collection[str] = ()) -> list[Finding]:
        """
        Return the differences, each once.

        Args:
            texts: The sections whose keys are texts. In these, a row without a source and a similar text without a row are
                merged into one changed text.
        """
        changed = {(finding.section, finding.name) for finding in self.findings if finding.kind is Kind.CHANGED}
        kept = [
            finding
            for finding in dict.fromkeys(self.findings)
            if finding.kind is not Kind.LOST or (finding.section, finding.name) not in changed
        ]
        for lost in [finding for finding in kept if finding.kind is Kind.LOST and finding.section in texts]:
            near = [
                (_likeness(lost, other), other) for other in kept if other.kind is Kind.NO_ROW and other.section == lost.section
            ]
            likeness, other = max(near, key=lambda pair: pair[0], default=(0.0, lost))
            if likeness >= _ALIKE:
                said = other.upstream or other.name
                kept[kept.index(lost)] = Finding(Kind.CHANGED, lost.section, lost.name, said, lost.row, other.where)
                kept.remove(other)
        return kept


def _likeness(lost: Finding, other: Finding) -> float:
    one, two = bare(lost.row or lost.name), bare(other.upstream or other.name)
    return SequenceMatcher(None, one, two, autojunk=False).ratio()


def samples(text: str) -> list[str]:
    """Replace the verbs of a Go format by sample values: `to %q` becomes `to "word"`, and `%v` becomes each of its samples."""
    return list(dict.fromkeys(_filled(text, value) for value in _SOMETIMES))


def _filled(text: str, value: str) -> str:
    return _VERB.sub(lambda verb: _ALWAYS.get(verb["verb"], value), text)


def bare(text: str) -> str:
    """Return a text in lower case and without the names of its parameters, to compare formats with templates."""
    return _PLACE.sub("{}", text).casefold()
