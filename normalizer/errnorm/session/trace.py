"""
Record a session as JSON lines: its facts and its outputs. A trace can be replayed without a client and without a server.

    session = errnorm_adapters.nats.attach(errors, record=open("session.jsonl", "w").write)

    for recorded, replayed in errnorm.session.trace.replay(open("session.jsonl")):
        assert recorded == replayed

The first line has the settings of the session; each further line has one fact and the outputs that followed it. Of an error only
the judgement is written: no text, no parameter and no address. Servers are numbered in the order in which they appear. A trace
can therefore be attached to a bug report. Pauses are left out, because they are random.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from errnorm.error import NormalizedError, Signal
from errnorm.judgement import Judgement
from errnorm.session import facts
from errnorm.session.facts import Close, Dialling, Failure, Next, Up
from errnorm.session.life import Session
from errnorm.tables.provenance import Reach
from errnorm.tables.row import Entry, Row
from errnorm.taxonomy import Effect, Reason, Recovery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from errnorm.session.facts import Fact, Output

__all__ = ["Trace", "replay"]

# A limit, because a client can be redirected from server to server without end.
_MOST_SERVERS = 1024
_KINDS: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        facts.Closed,
        facts.Closing,
        facts.CredentialsChanged,
        facts.DialFailed,
        facts.Dialling,
        facts.Ended,
        facts.HandlerFailed,
        facts.Said,
        facts.Up,
    )
}


class Trace:
    """Writes the facts and the outputs of one session, one line for each fact."""

    def __init__(self, session: Session, write: Callable[[str], object]) -> None:
        """Write the first line, which has the settings of the session."""
        self._write = write
        self._servers: dict[str, str] = {}
        self._line({"session": {name: getattr(session, name) for name in ("abort", "single", "by_hand", "rereads")}})

    def add(self, fact: Fact, outputs: list[Output]) -> None:
        """Write one fact and the outputs that followed it."""
        said: dict[str, Any] = {"fact": type(fact).__name__}
        if isinstance(fact, Dialling | Up):
            said["server"] = self._server(fact.server)
        elif isinstance(fact, Failure):
            said |= {
                "error": None if fact.error is None else _written(fact.error),
                "next": fact.next,
                "server": self._server(fact.server),
                "pool": sorted(map(self._server, fact.pool)),
                "operation": fact.operation,
                "follows": fact.follows,
                "times": fact.times,
            }
        self._line(said | {"out": [_answered(output) for output in outputs]})

    def _line(self, said: dict[str, Any]) -> None:
        self._write(json.dumps(said) + "\n")

    def _server(self, name: str) -> str:
        if not name:
            return ""
        if len(self._servers) >= _MOST_SERVERS:
            self._servers.clear()
        return self._servers.setdefault(name, f"server-{len(self._servers) + 1}")


def replay(lines: Iterable[str]) -> Iterator[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """
    Replay a recorded session.

    Args:
        lines: The lines of a trace.

    Yields:
        For each fact, the recorded outputs and the outputs of the replayed session, in the same form.

    Raises:
        ValueError: If a line is not a line of a trace.
    """
    session = None
    for line in lines:
        said: dict[str, Any] = json.loads(line)
        if session is None:
            session = Session(**said["session"])
        else:
            recorded: list[dict[str, Any]] = said.pop("out")
            yield recorded, [_answered(output) for output in session.receive(_read(said))]


def _read(said: dict[str, Any]) -> Fact:
    kind = _KINDS[said.pop("fact")]
    if "error" in said:
        said["error"] = None if said["error"] is None else _error(said["error"])
        said["next"] = Next(said["next"])
        said["pool"] = frozenset(said["pool"])
    fact: Fact = kind(**said)
    return fact


def _answered(output: Output) -> dict[str, Any]:
    error = None if output.error is None else str(output.error.reason)
    if isinstance(output, Close):
        return {"do": "close", "error": error}
    decision = output.decision
    return {
        "tell": error,
        "operation": output.operation,
        "outcome": output.outcome,
        "verdict": None if decision is None else str(decision.verdict),
        "step": None if decision is None else str(decision.step),
        "next": None if output.next is None else str(output.next),
        "attempt": output.attempt,
    }


_WORDS = ("protocol", "section", "code", "reason", "recovery", "terminal", "effect", "known")


def _written(error: NormalizedError) -> dict[str, Any]:
    return {name: getattr(error, name) for name in _WORDS}


def _error(said: dict[str, Any]) -> NormalizedError:
    """Return an error with the recorded judgement. The present tables are not used."""
    section, code = said["section"] or "", said["code"] or ""
    judgement = Judgement(
        protocol=said["protocol"],
        section=said["section"],
        code=said["code"],
        reason=Reason(said["reason"]),
        recovery=Recovery(said["recovery"]),
        terminal=said["terminal"],
        effect=Effect(said["effect"]),
        row=_entry(section, code, said) if said["known"] else None,
        tables_version="",
    )
    return NormalizedError(judgement, Signal(said["protocol"] or "", section, code))


def _entry(section: str, code: str, said: dict[str, Any]) -> Entry:
    row = Row(
        reason=Reason(said["reason"]),
        recovery=Recovery(said["recovery"]),
        terminal=said["terminal"],
        effect=Effect(said["effect"]),
        reach=Reach.CLIENT,
        evidence="source",
        source="a recorded session",
    )
    return Entry(section, code, row, "", "")
