"""What each path costs in function calls: a step too many on the way of every error is noticed, a busy machine is not."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
import structlog

import errnorm
from benchmarks.growth import table
from benchmarks.paths import paths
from benchmarks.telling import guards, telling
from errnorm.emitters.log import writers
from errnorm.engine import Engine
from errnorm.error import Signal
from errnorm.fingerprint import fingerprint_of
from tests.work import Work, work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# About twice what it takes today.
MOST_CALLS = {
    "exact text": 10,
    "text with parameters, repeated": 10,
    "text with parameters, new each time": 80,
    "close reason": 10,
    "exception by class": 36,
    "exception of the operating system": 20,
    "parsed XMPP element": 60,
    "raw XML, new each time": 100,
    "unknown with its fingerprint, repeated": 12,
    "unknown with its fingerprint, new each time": 330,
    "decide": 50,
    "log line that the storm guard suppresses": 16,
    "guard around a call that succeeds": 12,
}


@pytest.fixture(scope="module")
def cases() -> dict[str, Callable[[], object]]:
    return {case.name: case.run for case in (*paths(), *guards())}


@pytest.fixture
def pairs() -> Iterator[dict[str, tuple[Callable[[], object], Callable[[], object]]]]:
    """What the library tells, and the same by hand."""
    yield {ours.name: (ours.run, by_hand.run) for ours, by_hand in telling()}
    structlog.reset_defaults()
    writers._structlog.cache_clear()  # a logger that was told to remember its configuration


def settled(call: Callable[[], object]) -> int:
    """Return how many calls it takes once everything is loaded."""
    call()
    call()
    return work(call).calls


@pytest.mark.parametrize("name", MOST_CALLS)
def test_no_path_takes_twice_the_calls(name: str, cases: dict[str, Callable[[], object]]) -> None:
    assert settled(cases[name]) <= MOST_CALLS[name]


def test_telling_takes_few_calls_more_than_the_same_by_hand(
    pairs: dict[str, tuple[Callable[[], object], Callable[[], object]]],
) -> None:
    more = {name: settled(ours) - settled(by_hand) for name, (ours, by_hand) in pairs.items()}
    assert all(calls <= 100 for calls in more.values()), more


@pytest.mark.parametrize("code", ["text number {}", "place {} of that here"])
def test_a_large_table_costs_a_look_up_no_more_than_a_small_one(code: str) -> None:
    def looked_up(size: int) -> Work:
        return work(partial(Engine(table(size)).judge, Signal("p", "s", code.format(size // 20))))

    looked_up(20)  # compiles what is compiled once
    small, large = looked_up(200), looked_up(2_000)
    assert large.calls <= small.calls + 2
    assert large.characters <= small.characters + 10


def test_what_expressions_and_parsers_read_is_counted() -> None:
    """Otherwise no bound on it could be missed."""
    stanza = f"<iq type='error'>{'<a/>' * 100}</iq>"
    assert work(partial(fingerprint_of, "never heard of 17 of them")).characters > 0
    assert work(partial(errnorm.normalize, stanza, "xmpp")).characters >= len(stanza)
