"""
Judge: from what an adapter saw to what it means.

The way down is always the same, and each step is coarser than the one before: the exact code, a template with parameters,
the family, unknown. It ends in an answer for every signal there can be. Everything that needs knowledge of a protocol stands
in its table; nothing here names one.

What the tables say depends on few things: the row, the family, the details, and whether the connection was seen to end. So
a judgement is made once for each combination and shared from then on; the same judgement is the same object. What stands in a
signal leads to it by one look-up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from errnorm.error import Judgement, NormalizedError, unknown
from errnorm.taxonomy import Recovery

if TYPE_CHECKING:
    from errnorm.error import Signal
    from errnorm.tables.pattern import Captures
    from errnorm.tables.row import Entry
    from errnorm.tables.table import Table

__all__ = ["Engine", "ended"]

_Pairs = tuple[tuple[str, str], ...]
_Key = tuple["str | None", "str | Entry | None", _Pairs, _Pairs, "bool | None"]
# Row, family that decides, detail, whether the connection is over, and of what has no row the section.
_Case = tuple["Entry | None", "Entry | None", "Entry | None", bool, "str | None"]

_MOST_JUDGEMENTS = 4096


class Engine:
    """
    Judges the signals of one protocol by its table.

    Attributes:
        table: The table.
    """

    __slots__ = ("_judgements", "_made", "_shared", "table")

    def __init__(self, table: Table) -> None:
        """Judge by this table."""
        self.table = table
        self._shared: dict[Signal, NormalizedError] = {}
        self._judgements: dict[_Key, Judgement] = {}
        self._made: dict[_Case, Judgement] = {}

    def judge(self, signal: Signal) -> NormalizedError:
        """
        Find the row of a signal and say what follows from it.

        Returns:
            Always an answer; `unknown` if neither the code nor the family of the signal has a row.
        """
        if signal.shared and (answer := self._shared.get(signal)) is not None:
            return answer
        judgement = self._judgements.get((signal.section, signal.code, signal.family, signal.details, signal.closed))
        answer = self._found(signal) if judgement is None else NormalizedError(judgement, signal)
        if signal.shared:
            if len(self._shared) >= _MOST_JUDGEMENTS:
                self._shared.clear()
            self._shared[signal] = answer
        return answer

    def judge_as(self, entry: Entry, signal: Signal, captures: Captures | None = None) -> NormalizedError:
        """
        Judge a signal by a row that its caller has found.

        Args:
            entry: The row.
            signal: What was seen.
            captures: The values that the caller read out of the text.
        """
        return NormalizedError(self._judgement(entry, signal, entry.section), signal, captures)

    def _found(self, signal: Signal) -> NormalizedError:
        section, code = signal.section, signal.code
        placed, reading = (None if code is None else self.table.find(section, code)) or (None, None)
        # What a peer can vary without end is no part of the key: of a template that is the text, of a text that no row knows
        # all of it, and of a section that no table has the name.
        exact = placed is not None and reading is None
        known = section if section in self.table.sections else None
        key: _Key = (section if exact else known, code if exact else placed, signal.family, signal.details, signal.closed)
        judgement = self._judgements.get(key)
        if judgement is None:
            # Family and details can still be made up, so there is a bound.
            if len(self._judgements) >= _MOST_JUDGEMENTS:
                self._judgements.clear()
            judgement = self._judgements[key] = self._judgement(placed, signal, known)
        return NormalizedError(judgement, signal, reading)

    def _known(self, pairs: tuple[tuple[str, str], ...]) -> tuple[Entry, ...]:
        rows = (self.table.get(section, code) for section, code in pairs)
        return tuple(row for row in rows if row is not None)

    def _judgement(self, placed: Entry | None, signal: Signal, section: str | None) -> Judgement:
        families = self._known(signal.family)
        found = placed or next(iter(families), None)
        decider = next((family for family in families if self._decides(family) is not None), None)
        detail = next(iter(self._known(signal.details)), None)
        terminal = bool(signal.closed) if found is None or signal.closed is not None else found.row.terminal
        # Whoever counts, counts judgements: what means the same is the same object.
        case: _Case = (found, decider, detail, terminal, section if found is None else None)
        judgement = self._made.get(case)
        if judgement is None:
            if len(self._made) >= _MOST_JUDGEMENTS:
                self._made.clear()
            judgement = self._made[case] = self._judge(found, case) if found else self._unknown(terminal, section)
        return judgement

    def _judge(self, found: Entry, case: _Case) -> Judgement:
        _, decider, detail, terminal, _ = case
        meaning = decider.row if found.row.defers and decider is not None else found.row
        if detail is not None:
            meaning = detail.row
        return Judgement(
            protocol=self.table.protocol,
            section=found.section,
            code=found.code,
            reason=meaning.reason,
            recovery=_on_connection(self._decided(meaning.recovery, decider), over=terminal),
            terminal=terminal,
            effect=found.row.effect,
            row=found,
            tables_version=found.version,
            kinds=self.table.kinds,
        )

    def _unknown(self, terminal: bool, section: str | None) -> Judgement:  # noqa: FBT001 - two parts of the case
        table = self.table
        return unknown(table.protocol, section, terminal=terminal, tables_version=table.version, kinds=table.kinds)

    def _decides(self, family: Entry) -> str | None:
        return self.table.sections[family.section].head.retry_override

    def _decided(self, recovery: Recovery, decider: Entry | None) -> Recovery:
        if decider is None:
            return recovery
        if decider.key == self._decides(decider):
            return Recovery.WAIT
        return decider.row.recovery if recovery is Recovery.WAIT else recovery


def _on_connection(recovery: Recovery, *, over: bool) -> Recovery:
    # On a connection that is over there is nothing to wait on; on one that lives there is no need for another.
    if over and recovery is Recovery.WAIT:
        return Recovery.RECONNECT
    if not over and recovery is Recovery.RECONNECT:
        return Recovery.WAIT
    return recovery


def ended(error: NormalizedError) -> NormalizedError:
    """Return the same error as one that ended its connection: for whoever saw that after it had been judged."""
    known = error.judgement
    if known.terminal:
        return error
    judgement = _ENDED.get(known)
    if judgement is None:
        if len(_ENDED) >= _MOST_JUDGEMENTS:
            _ENDED.clear()
        judgement = _ENDED[known] = _as_ended(known)
    return error.judged(judgement)


# By the judgement that a table made: what means the same stays the same object.
_ENDED: dict[Judgement, Judgement] = {}


def _as_ended(known: Judgement) -> Judgement:
    return Judgement(
        protocol=known.protocol,
        section=known.section,
        code=known.code,
        reason=known.reason,
        recovery=_on_connection(known.recovery, over=True),
        terminal=True,
        effect=known.effect,
        row=known.row,
        tables_version=known.tables_version,
        kinds=known.kinds,
    )
