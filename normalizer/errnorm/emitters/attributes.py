"""
The closed list of all attributes that are emitted, and the function that fills them.

Logs, spans and metrics use the same names. They are public API: new names may be added, existing ones never change. The reference
page and the tests are generated from the list. No name is a prefix of another one, because some backends turn dotted names into
nested objects.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from errnorm.bounded import BoundedCache
from errnorm.decision import Verdict as Decided
from errnorm.escape import escaped
from errnorm.privacy import Privacy, peer_name
from errnorm.taxonomy import Reason

if TYPE_CHECKING:
    from errnorm.error import NormalizedError
    from errnorm.fault import Fault
    from errnorm.judgement import Judgement

__all__ = [
    "ATTRIBUTES",
    "OTHER",
    "PARAM",
    "TEMPLATE",
    "Attribute",
    "Attributes",
    "attributes",
    "circumstances",
    "error_type",
    "event_name",
]

Attributes = dict[str, "str | bool | int | float"]
Signal = Literal["log", "span", "metric"]
Type = Literal["string", "boolean", "int", "double"]

OTHER: Final = "_OTHER"
PARAM: Final = "errnorm.param."
TEMPLATE: Final = "errnorm.template"


class Attribute(NamedTuple):
    """
    One attribute that can be emitted.

    Attributes:
        key: The name. A name that ends in `.*` stands for all names with that prefix.

        type: The type of the value, as OpenTelemetry names it.

        cardinality: `low` if the vocabulary, the tables or the caller's code bound the number of values; `high` if nothing does.

        signals: The signals that may have the attribute.

        about: The meaning.
    """

    key: str
    type: Type
    cardinality: Literal["low", "high"]
    signals: tuple[Signal, ...]
    about: str


_RECORDS: Final[tuple[Signal, ...]] = ("log", "span")
_LOG: Final[tuple[Signal, ...]] = ("log",)


def _low(key: str, about: str, of: Type = "string", *, on: tuple[Signal, ...] = ("log", "span", "metric")) -> Attribute:
    return Attribute(key, of, "low", on, about)


def _high(key: str, about: str, of: Type = "string", *, on: tuple[Signal, ...] = ("log", "span")) -> Attribute:
    return Attribute(key, of, "high", on, about)


ATTRIBUTES: Final[tuple[Attribute, ...]] = (
    _low("error.type", "The reason, `auth.forbidden`; `_OTHER` for an unknown error."),
    _low("errnorm.protocol", "The protocol under which the error happened, `nats`."),
    _low("errnorm.category", "The category, `auth`."),
    _low("errnorm.code", "The native code of the row; absent for an unknown error."),
    _low("errnorm.retryable", "Whether the same operation may succeed later without any change to it.", "boolean"),
    _low("errnorm.terminal", "Whether the error has ended the connection or stream.", "boolean"),
    _low("errnorm.recovery", "The step that must come first, `reauthenticate`."),
    _low("errnorm.effect", "Whether the operation may have taken effect: `not_applied` or `unknown`."),
    _low("errnorm.tables.version", "Name and version of the table that has the row.", on=_RECORDS),
    _high("errnorm.fingerprint", "Only for an unknown error: its text without the variable parts."),
    _high("errnorm.param.*", "A value from the text, redacted by the rule of its kind; numbers and flags keep their type."),
    _low("errnorm.operation", "The caller's name of the operation."),
    _low("errnorm.outcome", "The outcome of the operation: `failed`, `retried`, `handled` or `background`."),
    _low("errnorm.decision", "The decision: `abort`, or `retry` if the operation will really be retried."),
    _high("errnorm.delay", "Seconds until the next attempt.", "double"),
    _low("errnorm.attempt", "The number of the attempt that failed, from 1.", "int", on=_RECORDS),
    _low("errnorm.peer", "The caller's name of the server or cluster, without credentials.", on=_RECORDS),
    _low("server.address", "The host of the server that the client was connected to or dialled.", on=_LOG),
    _low("server.port", "The port of that server.", "int", on=_LOG),
    _low("errnorm.client", "What the client library does next by itself, `reconnecting`.", on=_RECORDS),
    _high("errnorm.text", "What happened, in one line: the text of the row, with the values that may be emitted.", on=_LOG),
    _low(TEMPLATE, "The message without its values: the same for all lines of one kind.", on=_LOG),
    _high("trace_id", "The id of the trace whose span was recording, in hexadecimal digits.", on=_LOG),
    _high("span_id", "The id of that span, in hexadecimal digits.", on=_LOG),
    _high("errnorm.suppressed", "In a summary: the number of lines like this one that were not written.", "int", on=_LOG),
    _high("errnorm.period", "In a summary: the number of seconds in which they were counted.", "double", on=_LOG),
    _low(
        "errnorm.settlement",
        "How a message was settled: `ack`, `nak`, `term`, or `leave` if no answer was sent to the server.",
        on=("metric",),
    ),
    _low("errnorm.emitter", "The emitter that failed.", on=("metric",)),
    _low("exception.type", "The dotted name of the exception's class.", on=_RECORDS),
    _high("exception.message", "The text of the row, because the exception's own text can contain anything.", on=("span",)),
    _high("exception.stacktrace", "The stack trace, without the texts of peers; only if the settings ask for it."),
)

_DEFAULT = Privacy()
_ABORT: Final = Decided.ABORT
_LONGEST_WORD = 128
_LONGEST_PORT = 5
_MOST_REMEMBERED = 4096
_remembered: BoundedCache[Judgement, Attributes] = BoundedCache(_MOST_REMEMBERED)


def error_type(reason: Reason) -> str:
    """Return the value of `error.type`: the reason, or the `_OTHER` that OpenTelemetry reserves."""
    return OTHER if reason is Reason.UNKNOWN else reason.value


def event_name(error: NormalizedError) -> str:
    """Return the name of the event, `nats.error`; `errnorm.error` if the protocol is not known."""
    return f"{_word(error.protocol) if error.protocol else 'errnorm'}.error"


def attributes(error: NormalizedError, privacy: Privacy = _DEFAULT) -> Attributes:
    """
    Return all attributes of an error, by name.

    Args:
        error: The error.
        privacy: The redaction rules for its parameters.

    Returns:
        Flat names and simple values. An attribute that is not known is absent.
    """
    told = judgement(error).copy()
    if params := privacy.params(error):
        for name, value in params.items():
            told[PARAM + name] = value
    if error.judgement.row is None and (fingerprint := error.fingerprint):
        told["errnorm.fingerprint"] = escaped(fingerprint, 2 * privacy.limit)
    return told


def judgement(error: NormalizedError) -> Attributes:
    """Return the attributes that the tables determine. They have low cardinality. The caller must not change the result."""
    judgement = error.judgement
    told = _remembered.get(judgement)
    if told is None:
        told = _judgement(judgement)
        # Only judgements with a row are cached: without a row, each judgement can be a new object.
        if judgement.row is not None:
            _remembered.remember(judgement, told)
    if error.protocol != judgement.protocol and error.protocol is not None:
        return told | {"errnorm.protocol": _word(error.protocol)}
    return told


def _judgement(judgement: Judgement) -> Attributes:
    told: dict[str, str | bool | None] = {
        "error.type": error_type(judgement.reason),
        "errnorm.protocol": judgement.protocol or None,
        "errnorm.category": str(judgement.category),
        "errnorm.code": judgement.code,
        "errnorm.retryable": judgement.retryable,
        "errnorm.terminal": judgement.terminal,
        "errnorm.recovery": str(judgement.recovery),
        "errnorm.effect": str(judgement.effect),
        "errnorm.tables.version": judgement.tables_version or None,
    }
    return {key: value for key, value in told.items() if value is not None}


def circumstances(fault: Fault) -> Attributes:
    """Return the attributes of the operation rather than of the error: its outcome, its name, the decision, the peer."""
    told: Attributes = {"errnorm.outcome": fault.outcome}
    if fault.operation is not None:
        told["errnorm.operation"] = _word(fault.operation)
    if fault.peer is not None:
        told["errnorm.peer"] = peer_name(fault.peer)
    if fault.server:
        told |= _server(fault.server)
    if fault.client is not None and fault.client != "nothing":
        told["errnorm.client"] = _word(fault.client)
    if (decision := fault.decision) is not None:
        if decision.verdict is _ABORT:
            told["errnorm.decision"] = "abort"
        # If the operation failed and will not be retried, `retry` would mislead the reader.
        elif fault.outcome != "failed":
            told["errnorm.decision"] = "retry"
            if fault.outcome == "retried" and decision.delay is not None:
                told["errnorm.delay"] = round(float(decision.delay), 3)  # a backend keeps the type it sees first
    if fault.attempt is not None:
        told["errnorm.attempt"] = fault.attempt
    return told


@lru_cache(1024)
def _server(server: str) -> Attributes:
    """Return the host and the port of an address."""
    named = peer_name(server).rpartition("://")[2].partition("/")[0]
    host, _, port = named.rpartition(":")
    if not (host and port.isdecimal() and len(port) <= _LONGEST_PORT):
        return {"server.address": named.strip("[]")}
    return {"server.address": host.strip("[]"), "server.port": int(port)}


@lru_cache(1024)
def _word(word: object) -> str:
    return escaped(str(word), _LONGEST_WORD)
