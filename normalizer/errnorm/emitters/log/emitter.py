"""
Write one log line for each fault, and summaries of lines that come too often.

The emitter writes through the library that the application uses: structlog, loguru or the standard library. The message is a
sentence for people (`errnorm.emitters.log.message`), and everything in it is also a field. All fields are flat and have dotted
names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from errnorm.bounded import BoundedCache
from errnorm.emitters.attributes import TEMPLATE, Attributes, circumstances, event_name, judgement
from errnorm.emitters.counts import LEDGER
from errnorm.emitters.log.lines import line, place
from errnorm.emitters.log.message import message, recovered, suppressed
from errnorm.emitters.log.storm import StormGuard, Summary
from errnorm.emitters.log.summaries import Summaries
from errnorm.emitters.log.writers import writer
from errnorm.emitters.severity import SEVERITIES, Severity, level_of
from errnorm.emitters.stacktrace import Words
from errnorm.escape import escaped
from errnorm.fault import Fault
from errnorm.normalizer import default_normalizer
from errnorm.privacy import peer_name

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from errnorm.decision import Decision
    from errnorm.emitters.counts import Ledger
    from errnorm.emitters.log.message import Message
    from errnorm.emitters.log.writers import Write
    from errnorm.error import NormalizedError
    from errnorm.fault import Outcome
    from errnorm.settings import Settings

__all__ = ["LogEmitter"]


_MOST_ALIKE = 1024


# Lines with the same kind are equal: level, code or fingerprint, whether there is a row, section, protocol, operation, peer.
Kind = tuple["int", "str | None", "bool", "str | None", "str | None", "str | None", "str | None"]
# The data for a summary. The exception is not kept, because it would keep its frames alive.
Example = tuple["NormalizedError", "Outcome", "Decision | None", "str | None"]


class LogEmitter:
    """
    Writes one log line for each fault, and summaries of lines that come too often.

    Attributes:
        guard: The storm guard, which decides which lines are written.
    """

    # Each operation that fails has a line, also if the connection has already reported why.
    of_operations = True

    def __init__(
        self,
        settings: Settings,
        *,
        ledger: Ledger = LEDGER,
        guard: StormGuard[Kind, Example] | None = None,
        write: Write | None = None,
        schedule: Callable[[float, Callable[[], None]], None] | None = None,
    ) -> None:
        """
        Create the emitter.

        Args:
            settings: The settings.
            ledger: Counts suppressed lines.
            guard: The storm guard; made from the settings if not given.
            write: Writes one line; chosen by the settings if not given.
            schedule: Calls a function after some seconds; a timer thread if not given.
        """
        self._settings = settings
        self._ledger = ledger
        self._write = write or writer(settings.log_with)
        self._trace = settings.traceback == "always"
        # Neither the original text nor a stack trace is in a line, so the lines of equal faults are equal.
        self._is_constant = settings.log_text == "template" and not self._trace
        self._words = Words(settings.privacy, default_normalizer()) if self._trace else None
        self._alike: BoundedCache[Hashable, tuple[Message, Attributes]] = BoundedCache(_MOST_ALIKE)
        self.guard = guard or StormGuard(settings.storm_burst, settings.storm_interval, settings.storm_keys, kinds_of=kinds_of)
        self._summaries = Summaries(self.guard, self._sum_up, ledger, schedule)

    def __call__(self, fault: Fault) -> None:
        """Write the line of a fault, or count it."""
        error, level = fault.error, level_of(fault)
        judgement = error.judgement
        known = judgement.row is not None
        code = judgement.code if known else error.fingerprint
        kind = (level, code, known, judgement.section, error.protocol, fault.operation, fault.peer)
        admitted, due = self.guard.admit(kind, (error, fault.outcome, fault.decision, fault.client))
        if due:
            self._summaries.write(due)
        if not admitted:
            key = (judgement.code, judgement.section, error.protocol, fault.operation)
            self._ledger.suppressed.add(key, _counted, fault)
            self._summaries.arm()
            return
        alike = fault.alike() if self._is_constant else None
        said, told = self._alike.get(alike) or self._told(fault, alike)
        if at := place():
            told = told | at
        self._write(SEVERITIES[level], said, told)

    def _told(self, fault: Fault, alike: Hashable) -> tuple[Message, Attributes]:
        """Return the message and the fields of a line, which must not be changed, and cache them for faults that are alike."""
        told = line(fault.error, self._settings, fault.exception, self._words, trace=self._trace) | circumstances(fault)
        said = message(fault, self._settings, event_name(fault.error))
        told[TEMPLATE] = said.template
        return (said, told) if alike is None else self._alike.remember(alike, (said, told))

    def _sum_up(self, summary: Summary[Kind, Example]) -> None:
        level, code, known, *_, operation, peer = summary.kind
        error, outcome, decision, client = summary.example
        fault = Fault(error, operation=operation, decision=decision, peer=peer, client=client, outcome=outcome)
        told = {**judgement(error), **circumstances(fault)}
        told.pop("errnorm.delay", None)
        if not known and code is not None:
            told["errnorm.fingerprint"] = escaped(code, 2 * self._settings.limit)
        told["errnorm.suppressed"] = summary.suppressed
        told["errnorm.period"] = round(summary.seconds, 1)
        said = suppressed(fault, summary.suppressed, summary.seconds, event_name(error))
        told[TEMPLATE] = said.template
        self._write(SEVERITIES[level], said, told)

    def recovered(self, protocol: str, operation: str | None, peer: str | None, seconds: float) -> None:
        """Log that a connection works again."""
        told: Attributes = {"errnorm.protocol": protocol, "errnorm.period": round(seconds, 1)}
        if operation is not None:
            told["errnorm.operation"] = operation
        if peer is not None:
            told["errnorm.peer"] = peer_name(peer)
        said = recovered(protocol, operation, peer, seconds)
        told[TEMPLATE] = said.template
        self._write(Severity.INFO, said, told)

    def flush(self) -> None:
        """Write the summaries of all counted lines."""
        self._summaries.flush()


def kinds_of(kind: Kind) -> list[Kind]:
    """
    Return the kinds of a line, from the most to the least specific: first without the peer, then without the operation.

    The code of a row is never dropped, because the tables bound the number of codes. The fingerprint of an unknown error is
    dropped in the end, because a peer can invent texts without a bound.
    """
    level, code, known, section, protocol, operation, _ = kind
    without_peer: Kind = (level, code, known, section, protocol, operation, None)
    if not known:
        return [kind, without_peer, (level, None, False, None, None, None, None)]
    return [kind, without_peer, (level, code, known, section, protocol, None, None)]


def _counted(fault: Fault) -> Attributes:
    told = {key: value for key, value in judgement(fault.error).items() if key != "errnorm.tables.version"}
    return told if fault.operation is None else told | {"errnorm.operation": fault.operation}
