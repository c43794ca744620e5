"""
Every path an error can take through the library, with the bound it is held to.

The floor is what any answer costs in Python: one dictionary hit, and one slotted object of six fields.

A storm repeats itself, and the library remembers texts that repeat; so where it matters a path stands here twice, once with
the same text again and again, and once with a text that has never been seen.
"""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, TypeVar

import errnorm
from benchmarks.measure import Case
from errnorm.exceptions import ReportedException
from errnorm.normalizer import Normalizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["FLOOR", "bare_parse", "paths", "raw_xml"]

T = TypeVar("T")

_MANY = 5000

EXACT = "-ERR 'Authorization Violation'\r\n"
PERMISSIONS = "-ERR 'Permissions Violation for Publish to \"orders.%d\"'\r\n"
UNKNOWN = "-ERR 'Something \"new\" from 10.0.0.%d took 3s'\r\n"
STANZA = (
    "<iq xmlns='jabber:client' type='error' id='7' from='room@conference.example' to='ann@example/phone'>"
    "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
    "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no such room</text></error></iq>"
)


class _Six:
    """A slotted object of six fields."""

    __slots__ = ("a", "b", "c", "d", "e", "f")

    def __init__(self, a: object, b: object, c: object, d: object, e: object, f: object) -> None:
        self.a = a
        self.b = b
        self.c = c
        self.d = d
        self.e = e
        self.f = f


_TABLE = {EXACT: "row"}


def _floor() -> object:
    row = _TABLE[EXACT]
    return _Six(row, EXACT, None, None, None, None)


FLOOR = Case("floor: one dict hit, one object of six fields", _floor)


def bare_parse() -> object:
    """Parse the bytes of the stanza, and nothing else: what raw XML is measured against."""
    return ET.fromstring(STANZA)  # noqa: S314 - our own text


def raw_xml() -> Case:
    """Return the case that is held against the bare parse."""
    return next(Case(case.name, case.run, 1.5) for case in paths() if case.name == "raw XML, new each time")


def _cycle(texts: Iterable[T], run: Callable[[T], object]) -> Callable[[], object]:
    following = itertools.cycle(texts).__next__
    return lambda: run(following())


def _texts(template: str) -> list[str]:
    return [template % number for number in range(_MANY)]


def paths() -> list[Case]:
    """Return the cases of classification, with their bounds as multiples of the floor."""
    normalize = Normalizer([]).normalize
    element = ET.fromstring(STANZA)  # noqa: S314 - our own text
    return [
        Case("exact text", lambda: normalize(EXACT, "nats"), 2),
        Case("text with parameters, repeated", lambda: normalize(PERMISSIONS % 1, "nats"), 4),
        Case("text with parameters, new each time", _cycle(_texts(PERMISSIONS), lambda text: normalize(text, "nats")), 8),
        Case(
            "text with parameters, new each time, and read",
            _cycle(_texts(PERMISSIONS.replace("orders", "parts")), lambda text: normalize(text, "nats").params),
        ),
        Case("close reason", lambda: normalize("Slow Consumer (Pending Bytes)", "nats"), 2),
        Case("JetStream code", lambda: normalize({"error": {"code": 404, "err_code": 10059}}, "nats")),
        *_exceptions(normalize),
        Case("parsed XMPP element", lambda: normalize(element, "xmpp"), 6),
        Case("raw XML, repeated", lambda: normalize(STANZA, "xmpp")),
        Case(
            "raw XML, new each time",
            _cycle([STANZA.replace("'7'", f"'{n}'") for n in range(_MANY)], lambda t: normalize(t, "xmpp")),
        ),
        Case("unknown with its fingerprint, repeated", lambda: normalize(UNKNOWN % 1, "nats").fingerprint, 8),
        Case(
            "unknown with its fingerprint, new each time",
            _cycle(_texts(UNKNOWN), lambda text: normalize(text, "nats").fingerprint),
            20,
        ),
        Case("decide", _decide(normalize(EXACT, "nats"))),
    ]


def _exceptions(normalize: Callable[[object, str], object]) -> list[Case]:
    # The client's own class, by its name: the library knows it by nothing else.
    timeout = type("TimeoutError", (Exception,), {"__module__": "nats.errors", "__str__": lambda _: "nats: timeout"})()
    spoken = type("Error", (Exception,), {"__module__": "nats.errors"})
    coded = ReportedException(("nats.js.errors.NotFoundError", "nats.js.errors.APIError"), "", {"code": 404, "err_code": 10059})
    refused = ConnectionRefusedError(111, "Connection refused")
    wrapped = RuntimeError("while publishing")
    wrapped.__cause__ = refused
    return [
        Case("exception by class", lambda: normalize(timeout, "nats"), 3),
        Case("exception of the operating system", lambda: normalize(refused, "nats"), 3),
        Case(
            "exception with arguments", _cycle([spoken("nats: timeout") for _ in range(_MANY)], lambda e: normalize(e, "nats")), 4
        ),
        Case("exception with a JetStream code", lambda: normalize(coded, "nats"), 5),
        Case("wrapped exception", lambda: normalize(wrapped, "nats"), 8),
    ]


def _decide(error: errnorm.NormalizedError) -> Callable[[], object]:
    return lambda: errnorm.decide(error, idempotent=True, attempt=2)
