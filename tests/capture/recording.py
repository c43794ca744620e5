"""Scenarios and their observations, and how an observation becomes a vector that is the same in every run."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from errnorm import Normalizer
from errnorm.cli.normalize import normalize_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from errnorm.error import NormalizedError

EXPECTED = ("section", "code", "category", "reason", "retryable", "terminal", "recovery")
FORMS = ("raw", "close_reason", "exception")

# The parts that differ between runs, and their replacements, which have the same form.
_VARIABLE = (
    (re.compile(r"(127\.0\.0\.1|localhost|\[::1\]):\d+"), r"\1:4222"),
    (re.compile(r"('127\.0\.0\.1', )\d+"), r"\g<1>4222"),
    (re.compile(r"\b([NAUOC])[A-Z2-7]{55}\b"), lambda found: found[1] + "A" * 55),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "2026-01-01T00:00:00Z"),
    (re.compile(r"^\[\d+\] \d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d+"), "[1] 2026/01/01 00:00:00.000000"),
    (re.compile(r"\bwith \d+ chunks of \d+ total"), "with 15 chunks of 900020 total"),
    (re.compile(r"\b([cglmrw]id):\d+"), r"\1:1"),
    (re.compile(r"Testing cert #[\w-]{16}"), "Testing cert #0000000000000000"),
    (re.compile(r"SHA-256: [0-9a-f]{64}"), "SHA-256: " + 64 * "0"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "00000000-0000-4000-8000-000000000000"),
    (re.compile(r"(\$JS\.FC\.\w+\.\w+)\.\w+"), r"\1.AAAA"),
    # It is random whether the server reads the end or the reset first.
    (re.compile(r"(?<=TLS handshake error: )read tcp \S+: read: connection reset by peer"), "EOF"),
    (re.compile(r"0x[0-9a-f]{6,}"), "0x7f0000000000"),
    (re.compile(r"(/[\w.+-]+){2,}/(?=jetstream|server\.conf|[\w.]+\.pem)"), "/srv/"),
)
# Each process of Prosody writes the attributes of an element in another order.
_ATTRIBUTE = re.compile(r"\s+[\w:.-]+=(?:'[^']*'|\"[^\"]*\")")
_TAG = re.compile(r"(?P<name><[\w:.-]+)(?P<attributes>(?:\s+[\w:.-]+=(?:'[^']*'|\"[^\"]*\"))+)(?P<end>\s*/?>)")


@dataclass(frozen=True)
class Seen:
    """
    One observation of a scenario.

    Attributes:
        protocol: The protocol of the error.

        form: The form of the error: `raw`, `close_reason` or `exception`.

        value: The text, or the exception in its JSON form.

        closed: Whether the connection of the error ended; `None` if there is no connection, or the scenario did not check.
    """

    protocol: str
    form: str
    value: str | dict[str, Any]
    closed: bool | None = None


@dataclass(frozen=True, eq=False)
class Station:
    """
    A configured server for some scenarios. Scenarios with the same station share one process.

    Attributes:
        server: The name of the server: `nats-server`, `prosody`, `ejabberd`, or `CPython` if no server is needed.

        make: Creates the server, from a directory and the options of the run.
    """

    server: str
    make: Callable[..., AbstractContextManager[Any]]


@dataclass(frozen=True)
class Scenario:
    """
    A way to produce an error.

    Attributes:
        aim: The error to produce: its code in the table, or the name of a subject if the scenario produces many errors.

        station: The server that the scenario needs.

        run: Yields the observations.

        by: The producer, if it is a client library and not the server.

        many: Whether `aim` is the name of a subject.

        since: The first version of the server that has the error; older versions are skipped.
    """

    aim: str
    station: Station
    run: Callable[[Any], Iterator[Seen]]
    by: str | None = None
    many: bool = False
    since: str = ""

    def suits(self, version: str) -> bool:
        """Return whether a version of the server, such as `"2.9.10"`, has the error of the scenario."""
        return _number(version) >= _number(self.since)


def _number(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdigit()]


_NORMALIZER = Normalizer([])

SCENARIOS: list[Scenario] = []


def after(
    aim: str, on: Station, *, by: str | None = None, many: bool = False, since: str = ""
) -> Callable[[Callable[[Any], Iterator[Seen]]], Callable[[Any], Iterator[Seen]]]:
    """Register a scenario for one error, or for many of a kind, on a station; `by` names a client that produces the error."""

    def register(run: Callable[[Any], Iterator[Seen]]) -> Callable[[Any], Iterator[Seen]]:
        SCENARIOS.append(Scenario(aim, on, run, by, many, since))
        return run

    return register


def steady(value: Any) -> Any:
    """Return a text, or all texts of an exception, with the parts replaced that differ between runs."""
    if isinstance(value, dict):
        return {key: steady(item) for key, item in value.items()}
    if isinstance(value, list):
        return [steady(item) for item in value]
    if isinstance(value, str):
        for pattern, stand_in in _VARIABLE:
            value = pattern.sub(stand_in, value)
        if value.startswith("<"):
            value = _TAG.sub(_sorted_attributes, value)
    return value


def _sorted_attributes(tag: re.Match[str]) -> str:
    return tag["name"] + "".join(sorted(_ATTRIBUTE.findall(tag["attributes"]))) + tag["end"]


def judged(vector: Mapping[str, Any]) -> NormalizedError:
    """Normalize the error of a vector, as `errnorm normalize` does with a line."""
    return normalize_line(json.dumps(vector).encode(), _NORMALIZER)


def expectation(error: NormalizedError) -> dict[str, Any]:
    """Return the part of a judgement that a vector states."""
    record: Mapping[str, Any] = error.to_record()
    return {name: record[name] for name in EXPECTED}


def as_vector(seen: Seen, server: str, version: str, scenario: str) -> dict[str, Any]:
    """Return an observation as a vector, with the expected judgement."""
    head = {"server": server, "version": version, "scenario": scenario, "protocol": seen.protocol}
    vector = {**head, seen.form: steady(seen.value), "closed": seen.closed}
    return {**vector, "expected": expectation(judged(vector))}


def exception_form(error: BaseException, **attributes: object) -> dict[str, Any]:
    """Return an exception as JSON: class, text, base classes, simple public attributes, and cause."""
    kind = type(error)
    form: dict[str, Any] = {"module": kind.__module__, "class": kind.__qualname__, "str": str(error)}
    form["mro"] = [f"{each.__module__}.{each.__qualname__}" for each in kind.__mro__[1:-2]]
    plain = {name: value for name, value in vars(error).items() if isinstance(value, str | int) and not name.startswith("_")}
    if isinstance(error, OSError) and error.errno is not None:
        plain["errno"] = error.errno
    if plain | attributes:
        form["attrs"] = plain | attributes
    if isinstance(error.__cause__, BaseException):
        form["cause"] = exception_form(error.__cause__)
    return form
