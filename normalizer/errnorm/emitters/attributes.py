"""
The names on the wire: every attribute that leaves, in one closed list, and the one function that fills it.

Logs, spans and metrics use the same names. They are public API: only ever added to. The list is data; the reference page and
the tests come from it. No name is the beginning of another, because some backends make nested objects of the dots.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

from errnorm.bounded import BoundedCache
from errnorm.decision import Verdict as Decided
from errnorm.escape import escaped
from errnorm.privacy import Privacy, peer_name
from errnorm.taxonomy import Reason

if TYPE_CHECKING:
    from errnorm.error import NormalizedError
    from errnorm.fault import Fault
    from errnorm.judgement import Judgement

__all__ = ["ATTRIBUTES", "OTHER", "PARAM", "Attribute", "Attributes", "attributes", "circumstances", "error_type", "event_name"]

Attributes = dict[str, "str | bool | int | float"]
Signal = Literal["log", "span", "metric"]
Type = Literal["string", "boolean", "int", "double"]

OTHER: Final = "_OTHER"
PARAM: Final = "errnorm.param."


@dataclass(frozen=True, slots=True)
class Attribute:
    """
    One name that can leave.

    Attributes:
        key: The name; one that ends in `.*` stands for all names that begin so.

        type: Its type, as OpenTelemetry calls it.

        cardinality: `low`: bounded by the vocabulary, the tables or the caller's code; `high`: by nothing.

        signals: Where it may stand.

        about: What it says.
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
    _low("error.type", "The reason, `auth.forbidden`; `_OTHER` if no table knows the error."),
    _low("errnorm.protocol", "The protocol it happened under, `nats`."),
    _low("errnorm.category", "What it is about, `auth`."),
    _low("errnorm.code", "The native code of the row; absent if no table knows the error."),
    _low("errnorm.retryable", "Whether the same operation may succeed later, nobody changing anything.", "boolean"),
    _low("errnorm.terminal", "Whether the connection or stream is over because of it.", "boolean"),
    _low("errnorm.recovery", "The step that must come first, `reauthenticate`."),
    _low("errnorm.effect", "Whether the operation may have taken effect: `not_applied` or `unknown`."),
    _low("errnorm.tables.version", "Name and version of the table that named it.", on=_RECORDS),
    _high("errnorm.fingerprint", "Only if no table knows it: its text with the variables cut out."),
    _high("errnorm.param.*", "A value taken out of the text, under the rule of its kind; numbers and flags keep their type."),
    _low("errnorm.operation", "What was being done, in the caller's word."),
    _low("errnorm.outcome", "What became of the operation: `failed`, `retried`, `handled` or `background`."),
    _low("errnorm.decision", "The advice, where it is `abort` or somebody follows it: `retry` or `abort`."),
    _high("errnorm.delay", "Seconds until the next attempt.", "double"),
    _low("errnorm.attempt", "Which attempt of the operation failed, from 1.", "int", on=_RECORDS),
    _low("errnorm.peer", "Whom it happened with, in the caller's word, without credentials.", on=_RECORDS),
    _low("errnorm.client", "What the client library did about it by itself, `reconnecting`.", on=_RECORDS),
    _high("errnorm.text", "What happened, in one line: the text of the row with what may be told filled in.", on=_LOG),
    _low("errnorm.template", "The message without its values: the same for all lines of one kind.", on=_LOG),
    _high("trace_id", "The trace whose span was recording, in hexadecimal digits.", on=_LOG),
    _high("span_id", "That span.", on=_LOG),
    _high("errnorm.suppressed", "In a summary: how many lines like this one were not written.", "int", on=_LOG),
    _high("errnorm.period", "In a summary: over how many seconds.", "double", on=_LOG),
    _low("errnorm.emitter", "Which emitter failed.", on=("metric",)),
    _low("exception.type", "The dotted name of the exception's class.", on=_RECORDS),
    _high("exception.message", "The text of the row: an exception's own words can hold anything.", on=("span",)),
    _high("exception.stacktrace", "Where it was raised, without its words; only where asked for."),
)

_DEFAULT = Privacy()
_ABORT: Final = Decided.ABORT
_LONGEST_WORD = 128
_MOST_REMEMBERED = 4096
_remembered: BoundedCache[Judgement, Attributes] = BoundedCache(_MOST_REMEMBERED)


def error_type(reason: Reason) -> str:
    """Return the value of `error.type`: the reason, or the `_OTHER` that OpenTelemetry reserves."""
    return OTHER if reason is Reason.UNKNOWN else reason.value


def event_name(error: NormalizedError) -> str:
    """Return the name of the event, `nats.error`; `errnorm.error` where nothing is known of the protocol."""
    return f"{_word(error.protocol) if error.protocol else 'errnorm'}.error"


def attributes(error: NormalizedError, privacy: Privacy = _DEFAULT) -> Attributes:
    """
    Return everything that is told of an error, by name.

    Args:
        error: The error.
        privacy: What may be told of its parameters.

    Returns:
        Flat names and simple values; what is not known is absent.
    """
    told = judgement(error).copy()
    if params := privacy.params(error):
        for name, value in params.items():
            told[PARAM + name] = value
    if error.judgement.row is None and (fingerprint := error.fingerprint):
        told["errnorm.fingerprint"] = escaped(fingerprint, 2 * privacy.limit)
    return told


def judgement(error: NormalizedError) -> Attributes:
    """Return what the tables say of this kind of error: of low cardinality, shared, not to be changed."""
    judgement = error.judgement
    told = _remembered.get(judgement)
    if told is None:
        told = _judgement(judgement)
        # A verdict that no row made can be new each time: only the others, as many as there are rows, are remembered.
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
    """Return what is told of the case rather than of the error: what became of the operation, its name, the advice, the peer."""
    told: Attributes = {"errnorm.outcome": fault.outcome}
    if fault.operation is not None:
        told["errnorm.operation"] = _word(fault.operation)
    if fault.peer is not None:
        told["errnorm.peer"] = peer_name(fault.peer)
    if fault.client is not None and fault.client != "nothing":
        told["errnorm.client"] = _word(fault.client)
    if (decision := fault.decision) is not None:
        if decision.verdict is _ABORT:
            told["errnorm.decision"] = "abort"
        # Advice that nobody follows is not told: a reader would take it for what will happen.
        elif fault.outcome != "failed":
            told["errnorm.decision"] = "retry"
            if fault.outcome == "retried" and decision.delay is not None:
                told["errnorm.delay"] = round(float(decision.delay), 3)  # a backend keeps the type it sees first
    if fault.attempt is not None:
        told["errnorm.attempt"] = fault.attempt
    return told


@lru_cache(1024)
def _word(word: object) -> str:
    return escaped(str(word), _LONGEST_WORD)
