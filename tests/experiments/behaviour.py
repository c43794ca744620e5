"""Compare the tables with the results: the experiments for each case, and their contradictions to the tables."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from errnorm.taxonomy import Effect, Recovery
from tests.capture.evidence import touched
from tests.capture.recording import judged
from tests.experiments import results

if TYPE_CHECKING:
    from collections.abc import Iterator

    from errnorm.error import NormalizedError
    from tests.experiments.results import Record

Place = tuple[str, str, str]
# Steps that the client can take alone and that do not change the request.
BY_ITSELF = ("reconnect", "redirect", "wait")
# Steps that a result must have tried if the table names them.
TRIED = (Recovery.WAIT, Recovery.RECONNECT, Recovery.REDIRECT, Recovery.MODIFY, Recovery.REAUTHENTICATE)


@dataclass(frozen=True)
class Seen:
    """
    One error of one result.

    Attributes:
        record: The result.

        error: The error, as the tables judge it.
    """

    record: Record
    error: NormalizedError

    @property
    def healed(self) -> bool:
        """Whether the operation succeeded later without any change of request, credentials or configuration."""
        record = self.record
        by_itself = (record["after_step"].get(step) for step in BY_ITSELF)
        return any((record["same_again"], record["after_waiting"], record["after_healing"], *by_itself))


@dataclass(frozen=True)
class Case:
    """
    All results for errors that the same rows of a table judge.

    Attributes:
        name: Protocol and rows, for example `nats: jetstream 10077 + words maximum bytes exceeded`.

        seen: Every error of that case, from all situations and servers.
    """

    name: str
    seen: tuple[Seen, ...]

    @property
    def error(self) -> NormalizedError:
        """One error of the case; the tables judge all of them in the same way."""
        return self.seen[0].error

    def situations(self) -> list[str]:
        """Return the names of the situations of the case."""
        return sorted({str(one.record["situation"]) for one in self.seen})

    def differences(self) -> Iterator[str]:
        """Yield each claim of the tables that the results contradict: `retryable`, `effect`, `terminal`, `recovery`."""
        error, records = self.error, [one.record for one in self.seen]
        if error.retryable != any(one.healed for one in self.seen):
            yield "retryable"
        if error.effect is Effect.NOT_APPLIED and any(record["took_effect"] for record in records):
            yield "effect"
        over = {record["connection_over"] for record in records} - {None}
        if over and error.terminal not in over:
            yield "terminal"
        if error.recovery in TRIED and not any(record["after_step"].get(str(error.recovery)) for record in records):
            yield "recovery"


@cache
def cases() -> dict[str, Case]:
    """Return every case with at least one experiment, by its name."""
    found: defaultdict[str, list[Seen]] = defaultdict(list)
    for record in results.read():
        for raw in record["raw"]:
            error = judged(raw)
            found[_name(error)].append(Seen(record, error))
    return {name: Case(name, tuple(seen)) for name, seen in sorted(found.items())}


def _name(error: NormalizedError) -> str:
    return f"{error.protocol}: " + " + ".join(f"{section} {key}" for section, key in touched(error))


@cache
def shown() -> dict[Place, str]:
    """Return the rows whose behaviour an experiment shows: protocol, section and key, to the name of a situation."""
    found: dict[Place, str] = {}
    for case in cases().values():
        for section, key in touched(case.error):
            found.setdefault((case.error.judgement.protocol or "", section, key), case.situations()[0])
    return found
