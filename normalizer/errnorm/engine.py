"""
Judge: from what an adapter saw to what it means.

The way down is always the same, and each step is coarser than the one before: the exact code, a template with parameters,
the family, unknown. It ends in an answer for every signal there can be. Everything that needs knowledge of a protocol stands
in its table; nothing here names one.

What the tables say depends on few things: the row, the family, the details, and whether the connection was seen to end. So
a verdict is made once for each combination and shared from then on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from errnorm.model import NormalizedError, Verdict
from errnorm.taxonomy import Effect, Reason, Recovery

if TYPE_CHECKING:
    from errnorm.model import Signal
    from errnorm.tables import Placed, Table

__all__ = ["Engine"]

_Pairs = tuple[tuple[str, str], ...]
_Key = tuple["Placed | None", _Pairs, _Pairs, "bool | None", "str | None"]

_MOST_VERDICTS = 4096


class Engine:
    """
    Judges the signals of one protocol by its table.

    Attributes:
        table: The table.
    """

    __slots__ = ("_deciding", "_plain", "_shared", "_verdicts", "table")

    def __init__(self, table: Table) -> None:
        """Judge by this table."""
        self.table = table
        self._deciding = frozenset(name for name, section in table.sections.items() if section.head.decides is not None)
        self._plain: dict[Placed, Verdict] = {}
        self._shared: dict[Signal, NormalizedError] = {}
        self._verdicts: dict[_Key, Verdict] = {}

    def judge(self, signal: Signal) -> NormalizedError:
        """
        Find the row of a signal and say what follows from it.

        Returns:
            Always an answer; `unknown` if neither the code nor the family of the signal has a row.
        """
        if signal.shared and (answer := self._shared.get(signal)) is not None:
            return answer
        placed, reading = None, None
        if signal.code is not None and (found := self.table.find(signal.section, signal.code)) is not None:
            placed, reading = found
        family = signal.family
        # Most signals have a row and nothing that bends it; a family bends a row only if one of its sections decides.
        if placed is not None and signal.closed is None and not signal.details and not (family and self._deciding):
            verdict = self._plain.get(placed)
            if verdict is None:
                verdict = self._plain[placed] = self._judge(placed, (), None, None, None)
        else:
            key = (placed, family, signal.details, signal.closed, signal.section)
            verdict = self._verdicts.get(key) or self._remembered(key)
        answer = NormalizedError(verdict, signal, reading)
        if signal.shared:
            self._shared[signal] = answer
        return answer

    def _remembered(self, key: _Key) -> Verdict:
        placed, family, details, closed, section = key
        # A section that no table has can be anything, and is not repeated.
        known_section = section if section in self.table.sections else None
        verdict = self._judge(placed, self._known(family), next(iter(self._known(details)), None), closed, known_section)
        # What a peer makes up becomes part of the key, so there is a bound.
        if len(self._verdicts) >= _MOST_VERDICTS:
            self._verdicts.clear()
        self._verdicts[key] = verdict
        return verdict

    def _known(self, pairs: tuple[tuple[str, str], ...]) -> tuple[Placed, ...]:
        rows = (self.table.get(section, code) for section, code in pairs)
        return tuple(row for row in rows if row is not None)

    def _judge(
        self,
        placed: Placed | None,
        families: tuple[Placed, ...],
        detail: Placed | None,
        closed: bool | None,  # noqa: FBT001 - one part of the key under which the verdict is kept
        section: str | None,
    ) -> Verdict:
        found = placed or next(iter(families), None)
        if found is None:
            return self._unknown(section, terminal=bool(closed))
        decider = next((family for family in families if self._decides(family) is not None), None)
        meaning = decider.row if found.row.defers and decider is not None else found.row
        if detail is not None:
            meaning = detail.row
        terminal = found.row.terminal if closed is None else closed
        return Verdict(
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

    def _decides(self, family: Placed) -> str | None:
        return self.table.sections[family.section].head.decides

    def _decided(self, recovery: Recovery, decider: Placed | None) -> Recovery:
        if decider is None:
            return recovery
        if decider.key == self._decides(decider):
            return Recovery.WAIT
        return decider.row.recovery if recovery is Recovery.WAIT else recovery

    def _unknown(self, section: str | None, *, terminal: bool) -> Verdict:
        return Verdict(
            protocol=self.table.protocol,
            section=section,
            code=None,
            reason=Reason.UNKNOWN,
            recovery=Recovery.ABANDON,
            terminal=terminal,
            effect=Effect.UNKNOWN,
            row=None,
            tables_version=self.table.version,
            kinds=self.table.kinds,
        )


def _on_connection(recovery: Recovery, *, over: bool) -> Recovery:
    # On a connection that is over there is nothing to wait on; on one that lives there is no need for another.
    if over and recovery is Recovery.WAIT:
        return Recovery.RECONNECT
    if not over and recovery is Recovery.RECONNECT:
        return Recovery.WAIT
    return recovery
