"""
The message of a log line: one sentence that says what happened, the same for all logging libraries.

    nats publish failed: limits.size: maximum payload exceeded (abort: change the request)
    nats request to orders failed: transport.unavailable (attempt 2, again in 0.2 s)
    nats connection error: transport.stale: Stale Connection (the client reconnects)
    nats request failed: transport.stale (already reported; it may succeed on a new connection)

The template of the sentence is constant for one kind of error, so people and programs can group lines by it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from errnorm.decision import Verdict
from errnorm.emitters.severity import orderly
from errnorm.escape import escaped
from errnorm.privacy import peer_name, phrase
from errnorm.taxonomy import Category, Recovery

if TYPE_CHECKING:
    from collections.abc import Mapping

    from errnorm.error import NormalizedError
    from errnorm.fault import Fault
    from errnorm.settings import Settings

__all__ = ["Message", "advised", "message", "recovered", "suppressed"]

_LONGEST_WORDS = 72
_LONGEST_NAME = 48
# The end of a connection that was up, as the sessions name it.
_OF_CONNECTION: Final = frozenset({None, "serve"})
_ABORT: Final = Verdict.ABORT
_SHUTDOWN: Final = Category.SHUTDOWN

_STEPS: Final[Mapping[Recovery, str]] = {
    Recovery.NONE: "there is nothing to recover",
    Recovery.WAIT: "it may succeed later",
    Recovery.RECONNECT: "it may succeed on a new connection",
    Recovery.REDIRECT: "it may succeed at another address",
    Recovery.REAUTHENTICATE: "get other credentials",
    Recovery.MODIFY: "change the request",
    Recovery.ABANDON: "the answer is final",
}
_CLIENTS: Final[Mapping[str, str]] = {
    "reconnecting": "the client reconnects",
    "closed": "the client is closed",
    "nothing": "the connection goes on",
}


class Message(str):
    """
    A sentence, with the template and the values from which it was made.

    Attributes:
        template: The sentence with `%s` for each value: constant for one kind of error.

        values: The values.

        name: The name of the event, `nats.error`.
    """

    __slots__ = ("name", "template", "values")

    template: str
    values: tuple[str, ...]
    name: str


def _made(template: str, values: tuple[str, ...], name: str) -> Message:
    said = Message(template % values)
    said.template, said.values, said.name = template, values, name
    return said


def message(fault: Fault, settings: Settings, name: str) -> Message:
    """
    Return the message for a fault.

    Args:
        fault: The fault.
        settings: The settings, which decide how much of the text is emitted.
        name: The name of the event.
    """
    head, values = _head(fault)
    if fault.outcome == "retried":
        again, pause = _again(fault)
        return _made(head + again, (*values, *pause), name)
    if fault.reported:
        return _made(f"{head} (already reported; {_advice(fault)})", values, name)
    words, more = _words(fault.error, settings)
    return _made(f"{head}{words} ({_advice(fault)})", (*values, *more), name)


def suppressed(fault: Fault, count: int, seconds: float, name: str) -> Message:
    """Return the message of a summary of lines that were counted instead of written."""
    head, values = _head(fault)
    return _made(f"{head}: %s more in %s s", (*values, str(count), _rounded(seconds)), name)


def recovered(protocol: str, operation: str | None, peer: str | None, seconds: float) -> Message:
    """Return the message for a connection, or for an operation, that works again."""
    to, values = ("", ()) if peer is None else (" to %s", (_short(peer),))
    what = "connected" if operation is None else "works"
    template = f"{_plain(protocol)} {_plain(operation or 'connection')}{to}: {what} again after %s s"
    return _made(template, (*values, _rounded(seconds)), f"{_plain(protocol)}.recovered")


def _head(fault: Fault) -> tuple[str, tuple[str, ...]]:
    what = "ended" if orderly(fault) else "error" if fault.outcome == "background" else "failed"
    operation = fault.operation
    if fault.outcome == "background" and operation in _OF_CONNECTION:
        operation = "connection"
    places = () if fault.peer is None else (_short(fault.peer),)
    if fault.server and not any(_short(fault.server) in place for place in places):
        places = (*places, _short(fault.server))
    head = _start(fault.error.protocol, operation or "operation", what, str(fault.error.judgement.reason), len(places))
    return head, places


@lru_cache(1024)
def _start(protocol: str | None, operation: str, what: str, reason: str, places: int) -> str:
    to = ("", " to %s", " to %s (%s)")[places]
    return f"{_plain(protocol) + ' ' if protocol else ''}{_plain(operation)}{to} {what}: {reason}"


def _plain(word: str) -> str:
    return _doubled(escaped(str(word), _LONGEST_NAME))


def _doubled(text: str) -> str:
    return text.replace("%", "%%")


@lru_cache(1024)
def _short(peer: object) -> str:
    return escaped(peer_name(peer), _LONGEST_NAME)


def _again(fault: Fault) -> tuple[str, tuple[str, ...]]:
    decision = fault.decision
    attempt = () if fault.attempt is None else (str(fault.attempt),)
    said = "attempt %s, " if attempt else ""
    if decision is None or decision.delay is None:
        return f" ({said}again)", attempt
    return f" ({said}again in %s s)", (*attempt, _rounded(decision.delay))


def _rounded(seconds: float) -> str:
    return f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}" if seconds >= 0.1 else f"{seconds:.2g}"  # noqa: PLR2004


def _words(error: NormalizedError, settings: Settings) -> tuple[str, tuple[str, ...]]:
    if settings.log_text == "none":
        return "", ()
    if settings.log_text == "raw" and error.text:
        return ": %s", (escaped(error.text, _LONGEST_WORDS),)
    template, names = phrase(error)
    if not names:
        return f": {template}", ()
    params = settings.privacy.params(error)
    limit = _LONGEST_WORDS // len(names)
    return f": {template}", tuple(escaped(str(params[name]), limit) if name in params else f"<{name}>" for name in names)


def advised(error: NormalizedError) -> str:
    """Return the step that an error asks for, in a few words: `"get other credentials"`."""
    return _STEPS[error.judgement.recovery] if error.judgement.row is not None else "no table knows it"


def _advice(fault: Fault) -> str:
    if fault.outcome == "handled":
        return "handled"
    decision, judgement = fault.decision, fault.error.judgement
    step = advised(fault.error)
    if decision is not None and decision.verdict is _ABORT:
        # For a retryable error the decision has a reason of its own (the operation is not idempotent, no attempt is left). For an
        # unknown error there is no step to name.
        own = judgement.retryable or judgement.row is None
        step = f"abort: {_doubled(escaped(decision.why.partition(',')[0], _LONGEST_WORDS)) if own else step}"
    client = fault.client and _CLIENTS.get(fault.client, "")
    if not client:
        return step
    return f"{client}; {step}" if step.startswith("abort") else client
