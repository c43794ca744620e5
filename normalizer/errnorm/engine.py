"""
The engine turns a signal, which is what an adapter saw, into a judgement, which is what the table says about it.

The search for a row takes the same steps for every signal, from the most to the least specific one: the exact code, a template
with parameters, the family, and finally `unknown`. Every signal gets a judgement. All knowledge about a protocol is in its table;
this module does not name a protocol.

A judgement depends on only a few facts: the row, the family, the details, and whether the adapter saw the connection end. There
are therefore few different judgements, and each is built once:

* `_interned` has one `Judgement` for each combination of these facts. Metrics count judgements by identity, so the same meaning
  must be the same object.
* `_judgements` maps the facts in a signal to its judgement. It saves the search for the row, which is most of the cost of a
  repeated exception.

Both caches are bounded, because a peer can choose the family, the details and the section.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from errnorm.bounded import BoundedCache
from errnorm.error import NormalizedError
from errnorm.judgement import Judgement, unknown
from errnorm.tables.pattern import last_of
from errnorm.taxonomy import Effect, Recovery

if TYPE_CHECKING:
    from errnorm.error import Signal
    from errnorm.tables.pattern import Captures
    from errnorm.tables.row import Entry
    from errnorm.tables.table import Table

__all__ = ["Engine", "ended"]

_Pairs = tuple[tuple[str, str], ...]
# Section, code or row, family, details, whether the connection ended.
_Facts = tuple["str | None", "str | Entry | None", _Pairs, _Pairs, "bool | None"]
# Row, family that overrides the retry, detail, whether the connection is over, and the section where there is no row.
_Case = tuple["Entry | None", "Entry | None", "Entry | None", bool, "str | None"]

_MOST_JUDGEMENTS = 4096
_LONGEST_WORDS = 512


class Engine:
    """
    Judges the signals of one protocol according to its table.

    Attributes:
        table: The table.
    """

    __slots__ = ("_interned", "_judgements", "table")

    def __init__(self, table: Table) -> None:
        """Create an engine for a table."""
        self.table = table
        self._judgements: BoundedCache[_Facts, Judgement] = BoundedCache(_MOST_JUDGEMENTS)
        self._interned: BoundedCache[_Case, Judgement] = BoundedCache(_MOST_JUDGEMENTS)

    def judge(self, signal: Signal) -> NormalizedError:
        """
        Find the row of a signal, and return the normalized error.

        Returns:
            The error, for every signal. Its reason is `unknown` if neither the code nor the family of the signal has a row.
        """
        judgement = self._judgements.get((signal.section, signal.code, signal.family, signal.details, signal.closed))
        return self._search(signal) if judgement is None else NormalizedError(judgement, signal)

    def judge_as(self, entry: Entry, signal: Signal, captures: Captures | None = None) -> NormalizedError:
        """
        Judge a signal by a row that the caller has found.

        Args:
            entry: The row.
            signal: The signal.
            captures: The values that the caller has read from the text.
        """
        detail = self._inside(entry, signal, captures) if entry.row.refined else None
        return NormalizedError(self._judgement(entry, signal, entry.section, detail), signal, captures)

    def alike(self, signal: Signal, entry: Entry | None) -> bool:
        """
        Return whether all signals whose codes have the same shape as this one's have the same judgement.

        Args:
            signal: One of the signals.
            entry: The row of that signal; `None` if there is none.
        """
        section = self.table.sections.get(signal.section or "")
        if section is None or signal.code is None or signal.family or (entry is not None and entry.row.refined):
            return False
        return section.alike(signal.code, entry)

    def _search(self, signal: Signal) -> NormalizedError:
        section, code = signal.section, signal.code
        entry, captures = (None if code is None else self.table.find(section, code)) or (None, None)
        if entry is not None and entry.row.refined:
            return self.judge_as(entry, signal, captures)
        # Leave peer-controlled values out of the key: a text with parameters is replaced by its row, a text without a row and a
        # section without a table by None.
        exact = entry is not None and captures is None
        known = section if section in self.table.sections else None
        facts: _Facts = (section if exact else known, code if exact else entry, signal.family, signal.details, signal.closed)
        judgement = self._judgements.get(facts)
        if judgement is None:
            judgement = self._judgements.remember(facts, self._judgement(entry, signal, known))
        return NormalizedError(judgement, signal, captures)

    def _inside(self, entry: Entry, signal: Signal, captures: Captures | None) -> Entry | None:
        """Return the row of the other error whose words a refined row contains. It is not cached: its only key is free text."""
        words = signal.text if captures is None or not entry.key.endswith("}") else last_of(captures)
        return None if not words else self.table.find_inside(words[:_LONGEST_WORDS])

    def _rows(self, pairs: _Pairs) -> list[Entry]:
        rows = (self.table.get(section, code) for section, code in pairs)
        return [row for row in rows if row is not None]

    def _judgement(self, entry: Entry | None, signal: Signal, section: str | None, inside: Entry | None = None) -> Judgement:
        families = self._rows(signal.family)
        found = entry or next(iter(families), None)
        overriding = next((family for family in families if self._override(family) is not None), None)
        detail = next(iter(self._rows(signal.details)), inside)
        terminal = bool(signal.closed) if found is None or signal.closed is not None else found.row.terminal
        case: _Case = (found, overriding, detail, terminal, section if found is None else None)
        judgement = self._interned.get(case)
        if judgement is not None:
            return judgement
        return self._interned.remember(case, self._known(found, case) if found else self._unknown(case))

    def _known(self, found: Entry, case: _Case) -> Judgement:
        _, overriding, detail, terminal, _ = case
        meaning = overriding.row if found.row.defers and overriding is not None else found.row
        if detail is not None:
            meaning = detail.row
        return Judgement(
            protocol=self.table.protocol,
            section=found.section,
            code=found.code,
            reason=meaning.reason,
            recovery=_on_connection(self._overridden(meaning.recovery, overriding), over=terminal),
            terminal=terminal,
            effect=found.row.effect if detail is None else detail.row.effect,
            row=found,
            tables_version=found.version,
            kinds=self.table.kinds,
        )

    def _unknown(self, case: _Case) -> Judgement:
        _, _, _, terminal, section = case
        table = self.table
        return unknown(table.protocol, section, terminal=terminal, tables_version=table.version, kinds=table.kinds)

    def _override(self, family: Entry) -> str | None:
        return self.table.sections[family.section].head.retry_override

    def _overridden(self, recovery: Recovery, overriding: Entry | None) -> Recovery:
        if overriding is None:
            return recovery
        if overriding.key == self._override(overriding):
            return Recovery.WAIT
        return overriding.row.recovery if recovery is Recovery.WAIT else recovery


def _on_connection(recovery: Recovery, *, over: bool) -> Recovery:
    # Waiting does not help on a connection that has ended, and an open connection need not be opened again.
    if over and recovery is Recovery.WAIT:
        return Recovery.RECONNECT
    if not over and recovery is Recovery.RECONNECT:
        return Recovery.WAIT
    return recovery


def ended(error: NormalizedError) -> NormalizedError:
    """Return a copy of an error that has ended its connection, for a caller that saw the end after the error was judged."""
    known = error.judgement
    if known.terminal:
        return error
    return error.judged(
        _ended.get(known) or _ended.remember(known, known.changed(_on_connection(known.recovery, over=True), terminal=True))
    )


def unanswered(error: NormalizedError) -> NormalizedError:
    """
    Return a copy of an error for an operation that waited in vain for an answer while the error happened to its connection.

    The operation may have taken effect: before the connection broke, or later, because clients send what they have kept.
    """
    known = error.judgement
    if known.effect is Effect.UNKNOWN:
        return error
    uncertain = _unanswered.get(known) or _unanswered.remember(
        known, known.changed(known.recovery, terminal=known.terminal, effect=Effect.UNKNOWN)
    )
    return error.judged(uncertain)


# Cached by the judgement of the table, so that the same meaning stays the same object.
_ended: BoundedCache[Judgement, Judgement] = BoundedCache(_MOST_JUDGEMENTS)
_unanswered: BoundedCache[Judgement, Judgement] = BoundedCache(_MOST_JUDGEMENTS)
