"""The short form of the capture: one scenario on each installed server gives the same result as the vectors."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest

from tests.capture import running, vectors
from tests.capture.recording import FORMS, Scenario, Seen, Station, as_vector, exception_form, steady

if TYPE_CHECKING:
    from collections.abc import Iterator

# A fast scenario for each server, by the name of the server; it works with every version.
SHORT = {
    "nats-server": "Permissions Violation for Publish",
    "prosody": "improper-addressing",
    "ejabberd": "improper-addressing",
    "CPython": "ECONNREFUSED",
}
INSTALLED = [(name, version) for name, version, _ in running.installations()]


@pytest.mark.server
@pytest.mark.parametrize(("name", "version"), INSTALLED, ids=str)
def test_a_server_still_says_what_the_vectors_say(name: str, version: str, capsys: pytest.CaptureFixture[str]) -> None:
    known = {vectors.identity(vector): vector for vector in vectors.read()}
    if (name, version) not in {(vector["server"], vector["version"]) for vector in known.values()}:
        pytest.skip(f"{name} {version} has not been captured: make capture")

    captured = running.run(f"{name} {version}: {SHORT[name]}")

    assert captured
    assert [vector for vector in captured if known.get(vectors.identity(vector)) != vector] == []
    assert ": ok" in capsys.readouterr().err


def test_every_vector_comes_from_a_scenario() -> None:
    aims = {(scenario.by or scenario.station.server, scenario.aim) for scenario in running.load_scenarios()}

    assert {(vector["server"], vector["scenario"]) for vector in vectors.read()} <= aims


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("127.0.0.1:53112 - cid:17 - no", "127.0.0.1:4222 - cid:1 - no"),
        ("[912] 2026/11/23 05:01:02.123456 [ERR] no", "[1] 2026/01/01 00:00:00.000000 [ERR] no"),
        (f"N{'Q' * 55} is gone", f"N{'A' * 55} is gone"),
        ("at 2026-11-23T05:01:02.5Z", "at 2026-01-01T00:00:00Z"),
        ("<Subscription object at 0x7fb2c8d1e410>", "<Subscription object at 0x7f0000000000>"),
    ],
)
def test_what_differs_between_two_runs_is_cut_out(text: str, same: str) -> None:
    assert steady(text) == same
    assert steady({"str": [text]}) == {"str": [same]}


def test_what_was_seen_becomes_a_vector_with_what_is_expected_of_it() -> None:
    seen = Seen("nats", "raw", "-ERR 'Stale Connection'\r\n", closed=True)
    vector = as_vector(seen, "nats-server", "9.9.9", "Stale Connection")

    assert vector["expected"]["reason"] == "transport.stale"
    assert vector["closed"] is True
    assert vectors.form_of(vector) in FORMS


def test_an_exception_is_written_down_with_its_cause() -> None:
    def fail() -> Iterator[Any]:
        raise TimeoutError("late") from ConnectionResetError(104, "reset")

    with pytest.raises(TimeoutError) as caught:
        fail()
    form = exception_form(caught.value)

    assert (form["class"], form["str"]) == ("TimeoutError", "late")
    assert form["cause"]["attrs"] == {"errno": 104}


@pytest.mark.parametrize(
    ("since", "version", "suits"), [("", "2.9.10", True), ("2.10", "2.9.10", False), ("2.9", "2.15.1", True)]
)
def test_an_older_server_is_not_asked_for_what_it_does_not_have(since: str, version: str, suits: bool) -> None:
    scenario = Scenario("Kicked", Station("nats-server", nullcontext), lambda _: iter(()), since=since)

    assert scenario.suits(version) is suits
