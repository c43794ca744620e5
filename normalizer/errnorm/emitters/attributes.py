"""
The names on the wire: every attribute that leaves, in one closed list, and the one function that fills it.

Logs, spans and metrics use the same names. They are public API: only ever added to. The list is data; the reference page and
the tests come from it. No name is the beginning of another, because some backends make nested objects of the dots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from errnorm.emitters.privacy import Privacy, escaped, peer_name, scrubbed
from errnorm.taxonomy import Reason

if TYPE_CHECKING:
    from errnorm.model import Fault, NormalizedError, Verdict

__all__ = ["ATTRIBUTES", "OTHER", "PARAM", "Attribute", "Attributes", "attributes", "circumstances", "error_type", "event_name"]

Attributes = dict[str, "str | bool | int | float"]
Signal = Literal["log", "span", "metric"]

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
    type: Literal["string", "boolean", "int", "double"]
    cardinality: Literal["low", "high"]
    signals: tuple[Signal, ...]
    about: str


_EVERYWHERE: Final = ("log", "span", "metric")
_RECORDS: Final = ("log", "span")

ATTRIBUTES: Final[tuple[Attribute, ...]] = (
    Attribute("error.type", "string", "low", _EVERYWHERE, "The reason, `auth.forbidden`; `_OTHER` if no table knows the error."),
    Attribute("errnorm.protocol", "string", "low", _EVERYWHERE, "The protocol it happened under, `nats`."),
    Attribute("errnorm.category", "string", "low", _EVERYWHERE, "What it is about, `auth`."),
    Attribute("errnorm.code", "string", "low", _EVERYWHERE, "The native code of the row; absent if no table knows the error."),
    Attribute("errnorm.retryable", "boolean", "low", _EVERYWHERE, "Whether the same operation may succeed later, nobody changing anything."),
    Attribute("errnorm.terminal", "boolean", "low", _EVERYWHERE, "Whether the connection or stream is over because of it."),
    Attribute("errnorm.recovery", "string", "low", _EVERYWHERE, "The step that must come first, `reauthenticate`."),
    Attribute("errnorm.effect", "string", "low", _EVERYWHERE, "Whether the operation may have taken effect: `not_applied` or `unknown`."),
    Attribute("errnorm.tables.version", "string", "low", _RECORDS, "Name and version of the table that named it."),
    Attribute("errnorm.fingerprint", "string", "high", _RECORDS, "Only if no table knows it: its text with the variables cut out."),
    Attribute("errnorm.param.*", "string", "high", _RECORDS, "A value taken out of the text, under the rule of its kind; numbers and flags keep their type."),
    Attribute("errnorm.operation", "string", "low", _EVERYWHERE, "What was being done, in the caller's word."),
    Attribute("errnorm.decision", "string", "low", _EVERYWHERE, "What was decided: `retry` or `abort`."),
    Attribute("errnorm.handled", "boolean", "low", _EVERYWHERE, "Whether the operation went on or is tried again."),
    Attribute("errnorm.delay", "double", "high", _RECORDS, "Seconds until the next attempt."),
    Attribute("errnorm.attempt", "int", "low", _RECORDS, "Which attempt of the operation failed, the first being 1."),
    Attribute("errnorm.peer", "string", "low", _RECORDS, "Whom it happened with, in the caller's word, without credentials."),
    Attribute("errnorm.client", "string", "low", _RECORDS, "What the client library did about it by itself, `reconnecting`."),
    Attribute("errnorm.text", "string", "high", ("log",), "What happened, in one line: the text of the row with what may be told filled in."),
    Attribute("errnorm.suppressed", "int", "high", ("log",), "In a summary: how many lines like this one were not written."),
    Attribute("errnorm.period", "double", "high", ("log",), "In a summary: over how many seconds."),
    Attribute("errnorm.emitter", "string", "low", ("metric",), "Which emitter failed."),
    Attribute("exception.type", "string", "low", _RECORDS, "The dotted name of the exception's class."),
    Attribute("exception.message", "string", "high", _RECORDS, "The same as `errnorm.text`: an exception's own words can hold anything."),
    Attribute("exception.stacktrace", "string", "high", _RECORDS, "Where it was raised, without its words; only where asked for."),
)

_DEFAULT = Privacy()
_MOST_REMEMBERED = 4096
_remembered: dict[Verdict, Attributes] = {}


def error_type(reason: Reason) -> str:
    """Return the value of `error.type`: the reason, or the `_OTHER` that OpenTelemetry reserves."""
    return OTHER if reason is Reason.UNKNOWN else reason.value


def event_name(error: NormalizedError) -> str:
    """Return the name of the event, `nats.error`; `errnorm.error` where nothing is known of the protocol."""
    return f"{error.protocol or 'errnorm'}.error"


def attributes(error: NormalizedError, privacy: Privacy = _DEFAULT) -> Attributes:
    """
    Return everything that is told of an error, by name.

    Args:
        error: The error.
        privacy: What may be told of its parameters.

    Returns:
        Flat names and simple values; what is not known is absent.
    """
    told = dict(judgement(error))
    if error.params:
        for name, value in privacy.params(error).items():
            told[PARAM + name] = value
    if error.verdict.row is None and (fingerprint := error.fingerprint):
        told["errnorm.fingerprint"] = escaped(scrubbed(fingerprint), 2 * privacy.limit)
    return told


def judgement(error: NormalizedError) -> Attributes:
    """Return what the tables say of this kind of error: of low cardinality, shared, not to be changed."""
    verdict = error.verdict
    told = _remembered.get(verdict)
    if told is None:
        told = _judgement(verdict)
        # A verdict that no row made can be new each time: only the others, as many as there are rows, are remembered.
        if verdict.row is not None and len(_remembered) < _MOST_REMEMBERED:
            _remembered[verdict] = told
    if error.protocol != verdict.protocol and error.protocol is not None:
        return told | {"errnorm.protocol": error.protocol}
    return told


def _judgement(verdict: Verdict) -> Attributes:
    told: dict[str, str | bool | None] = {
        "error.type": error_type(verdict.reason),
        "errnorm.protocol": verdict.protocol or None,
        "errnorm.category": verdict.category.value,
        "errnorm.code": verdict.code,
        "errnorm.retryable": verdict.retryable,
        "errnorm.terminal": verdict.terminal,
        "errnorm.recovery": verdict.recovery.value,
        "errnorm.effect": verdict.effect.value,
        "errnorm.tables.version": verdict.tables_version or None,
    }
    return {key: value for key, value in told.items() if value is not None}


def circumstances(fault: Fault) -> Attributes:
    """Return what is told of the case rather than of the error: operation, decision, peer."""
    told: Attributes = {"errnorm.handled": fault.handled}
    if fault.operation is not None:
        told["errnorm.operation"] = escaped(fault.operation, 128)
    if fault.peer is not None:
        told["errnorm.peer"] = peer_name(fault.peer)
    if fault.client is not None:
        told["errnorm.client"] = escaped(fault.client, 128)
    if fault.decision is not None:
        told["errnorm.decision"] = str(getattr(fault.decision.verdict, "value", fault.decision.verdict))
        if (delay := fault.decision.delay) is not None:
            told["errnorm.delay"] = float(delay)
    if (attempt := getattr(fault, "attempt", None)) is not None:
        told["errnorm.attempt"] = int(attempt)
    return told
