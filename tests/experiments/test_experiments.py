"""The short form of the experiments: a few of them give the known results on real servers; and how results are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.capture import running as capture
from tests.capture.recording import Seen
from tests.experiments import results, running
from tests.experiments.experiment import NotProvokedError, carry_out
from tests.experiments.situation import Ground, Place, Situation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Fast experiments for each server, by the name of the server: two seconds together, with every version.
SHORT = {
    "nats-server": ("jetstream stream not found", "jetstream stream full of messages", "jetstream pull finds no message"),
    "prosody": ("xmpp stream to another domain", "xmpp login with a wrong password"),
    "ejabberd": ("xmpp stream to another domain", "xmpp login with a wrong password"),
}
INSTALLED = [(name, version) for name, version, _ in capture.installations() if name in SHORT]
KNOWN = {("nats-server", "a"), ("nats-server", "b")}
NOWHERE = Ground("nowhere", lambda *_: None)
FAILED = Seen("nats", "raw", "-ERR 'Stale Connection'\r\n", closed=True)


@pytest.mark.server
@pytest.mark.parametrize(("name", "version"), INSTALLED, ids=str)
def test_a_server_still_behaves_as_the_results_say(name: str, version: str) -> None:
    todo = [
        running.Round(one.ground, one.version, one.program, chosen)
        for one in running.rounds(server=f"{name} {version}")
        if (chosen := [each for each in one.situations if each.name in SHORT[name]])
    ]

    found = running.run(todo)

    assert found
    assert list(results.differences(found)) == []


def test_every_result_comes_from_a_situation() -> None:
    assert {(record["server"], record["situation"]) for record in results.read()} <= running.known()


def _failing(outcomes: str) -> tuple[Situation, Place]:
    succeed = iter(outcomes)

    def operate(_: Place) -> Iterator[Seen]:
        if next(succeed) == "-":
            yield FAILED

    return Situation("s", NOWHERE, operate, pause=0.0, steps={"modify": lambda _: ()}), Place(None, "s")


def test_an_experiment_repeats_what_failed_and_takes_each_step() -> None:
    result = carry_out(*_failing("--+-"), "1.0")

    assert (result.same_again, result.after_waiting, result.after_healing) == (False, True, None)
    assert result.after_step == {"modify": True, "reconnect": False}
    assert result.connection_over is True
    assert result.raw == [{"protocol": "nats", "raw": "-ERR 'Stale Connection'\r\n"}]


def test_what_does_not_fail_is_no_experiment() -> None:
    with pytest.raises(NotProvokedError):
        carry_out(*_failing("+"), "1.0")


def test_results_replace_those_of_the_same_situation_alone(tmp_path: Path) -> None:
    head = {"server": "nats-server", "version": "9.9"}
    results.write(
        [{"situation": "a", **head, "same_again": True}, {"situation": "b", **head, "same_again": True}], KNOWN, tmp_path
    )
    changed = {"situation": "b", **head, "same_again": False}

    assert list(results.differences([changed], tmp_path)) == ["changed  nats-server 9.9: b: same_again: True -> False"]
    results.write([changed], KNOWN, tmp_path)
    assert [record["same_again"] for record in results.read(tmp_path)] == [True, False]
