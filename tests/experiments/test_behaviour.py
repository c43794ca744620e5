"""
The tables agree with the results of the experiments.

A row must be `retryable` exactly if the operation succeeded later without any change; `not_applied` only if the server never
executed the operation; `terminal` if the connection ended; and the step that `recovery` names must have helped at least once. If
a table differs on purpose, `tests/data/experiments/reviewed.toml` gives the reason.
"""

from __future__ import annotations

import tomllib
from functools import cache
from typing import Any

import pytest

from errnorm.tables.provenance import Evidence, Reach
from tests.each import each
from tests.experiments import behaviour, results
from tests.mappings import rows

SHOWABLE = {Reach.CLIENT_WIRE, Reach.MONITORING, Reach.CLIENT}
PROTOCOLS = ("nats", "xmpp")


@cache
def reviewed() -> dict[str, Any]:
    return tomllib.loads((results.FOLDER / "reviewed.toml").read_text("utf-8"))


def differing(case: behaviour.Case) -> list[str]:
    return sorted(case.differences())


@each("case", lambda: list(behaviour.cases().values()), ids=lambda case: case.name)
def test_what_the_tables_say_is_what_happens_next(case: behaviour.Case) -> None:
    known = reviewed()["differences"].get(case.name, {"claims": []})

    assert differing(case) == known["claims"], f"{case.error.reason}, {case.error.recovery}: {', '.join(case.situations())}"


def test_no_difference_is_kept_that_is_none() -> None:
    assert reviewed()["differences"].keys() <= behaviour.cases().keys()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_reason_is_shown_by_an_experiment_or_says_why_not(protocol: str) -> None:
    possible = {str(entry.row.reason) for entry in rows.of(protocol)() if entry.row.reach in SHOWABLE}
    seen = {str(case.error.reason) for case in behaviour.cases().values() if case.name.startswith(protocol)}
    seen |= {str(one.error.reason) for case in behaviour.cases().values() for one in case.seen if _protocol(one) == protocol}

    assert reviewed()["unshown"][protocol].keys() == possible - seen


def _protocol(one: behaviour.Seen) -> str:
    return str(one.record["raw"][0]["protocol"])


# What must at least be shown, so that a result that is lost is noticed: rows by protocol and section.
LEAST = {
    ("nats", "jetstream"): 145,
    ("nats", "error"): 20,
    ("nats", "close"): 18,
    ("nats", "status"): 16,
    ("nats", "client"): 25,
    ("xmpp", "stanza"): 15,
    ("xmpp", "stream"): 14,
    ("xmpp", "sasl"): 6,
}


@pytest.mark.parametrize("place", LEAST)
def test_as_many_rows_are_shown_as_have_been(place: tuple[str, str]) -> None:
    assert len([row for row in behaviour.shown() if row[:2] == place]) >= LEAST[place]


def test_nearly_every_code_of_jetstream_that_was_provoked_is_shown() -> None:
    provoked = {entry.key for entry in rows.of("nats", "jetstream")() if entry.row.evidence.startswith(Evidence.PROVOKED)}

    assert provoked - {key for _, _, key in behaviour.shown()} == set()


def test_enough_situations_are_shown() -> None:
    assert len({record["situation"] for record in results.read()}) >= 300


@each("record", lambda: list(results.read()), ids=lambda record: f"{record['server']} {record['situation']}")
def test_a_result_has_all_that_another_language_needs(record: dict[str, Any]) -> None:
    assert list(record) == [
        "situation", "server", "version", "raw", "took_effect", "same_again", "after_waiting", "after_healing", "after_step",
        "connection_over", "note",
    ]  # fmt: skip
    assert record["raw"]
    assert all(one["protocol"] in PROTOCOLS for one in record["raw"])
