"""Run a situation, and return what was observed."""

from __future__ import annotations

import re
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from tests.capture.recording import steady

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.capture.recording import Seen
    from tests.experiments.situation import Place, Situation


# Times that differ between runs, and their replacements: the time of an acknowledgement, and the end of a ban.
_TIMES = (
    (re.compile(r"(\$JS\.ACK(?:\.\w+){2}(?:\.\d+){3})\.\d+"), r"\1.0"),
    (re.compile(r"\d\d:\d\d:\d\d \d\d\.\d\d\.\d{4} UTC"), "00:00:00 01.01.2026 UTC"),
)


class NotProvokedError(Exception):
    """The operation succeeded where it should have failed: this version of the server has no such fault."""


@dataclass
class Result:
    """
    The result of an experiment. A field is `None` if the experiment could not observe it.

    Attributes:
        situation: The name of the situation.

        server: The producer of the error: a server or a client library.

        version: The version of the producer.

        raw: The observed errors, each as an input line of `errnorm normalize`.

        took_effect: Whether the server executed the failed operation nevertheless.

        same_again: Whether the same operation succeeded at once.

        after_waiting: Whether it succeeded after some time, without any change.

        after_healing: Whether it succeeded after load, topology or time had ended the fault.

        after_step: Whether it succeeded after a step, by value of `Recovery`; `operator` is a step that needs an operator.

        connection_over: Whether the connection of the error ended.

        note: A remark for readers.
    """

    situation: str
    server: str
    version: str
    raw: list[dict[str, Any]]
    took_effect: bool | None = None
    same_again: bool | None = None
    after_waiting: bool | None = None
    after_healing: bool | None = None
    after_step: dict[str, bool] = field(default_factory=dict)
    connection_over: bool | None = None
    note: str = ""

    def record(self) -> dict[str, Any]:
        """Return the result as JSON."""
        return asdict(self)


def carry_out(situation: Situation, place: Place, version: str) -> Result:
    """
    Provoke the fault, repeat the operation in every way that the situation defines, and return the result.

    Raises:
        NotProvokedError: If the operation did not fail.
    """
    situation.provoke(place)
    before = situation.state(place) if situation.state else None
    came = list(situation.operate(place))
    if not came:
        raise NotProvokedError(situation.name)
    result = Result(situation.name, situation.by or situation.ground.server, version, list(_inputs(came)), note=situation.note)
    result.took_effect = situation.state(place) != before if situation.state else None
    result.connection_over = _over(came)
    _repeat(situation, place, result)
    return result


def _repeat(situation: Situation, place: Place, result: Result) -> None:
    result.same_again = _succeeds(situation.operate, place)
    time.sleep(situation.pause)
    result.after_waiting = _succeeds(situation.operate, place)
    if situation.heal is None:
        result.after_step["reconnect"] = _renewed(situation, place)
    for step, operation in situation.steps.items():
        result.after_step[step] = _succeeds(operation, place)
    if situation.heal is not None:
        situation.heal(place)
        result.after_healing = _succeeds(situation.operate, place)
        result.after_step["reconnect"] = _renewed(situation, place)
    if not result.connection_over:
        result.after_step["wait"] = bool(result.after_waiting or result.after_healing)
    result.after_step = dict(sorted(result.after_step.items()))


def _renewed(situation: Situation, place: Place) -> bool:
    place.renew()
    return _succeeds(situation.operate, place)


def _succeeds(operation: Any, place: Place) -> bool:
    return not list(operation(place))


def _inputs(came: Iterable[Seen]) -> Iterable[dict[str, Any]]:
    seen = [{"protocol": one.protocol, one.form: _timeless(steady(one.value))} for one in came]
    return [one for number, one in enumerate(seen) if one not in seen[:number]]


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(item) for key, item in value.items()}
    if isinstance(value, str):
        for pattern, stand_in in _TIMES:
            value = pattern.sub(stand_in, value)
    return value


def _over(came: Iterable[Seen]) -> bool | None:
    known = [one.closed for one in came if one.closed is not None]
    return any(known) if known else None
