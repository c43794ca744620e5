"""The storm guard: told + suppressed = happened, at every moment, whatever comes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errnorm.emitters.log.storm import StormGuard

if TYPE_CHECKING:
    from collections.abc import Iterable

    from errnorm.emitters.log.storm import Summary


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def summed(summaries: Iterable[Summary[str]]) -> int:
    return sum(summary.suppressed for summary in summaries)


def test_the_first_few_are_let_through_and_the_rest_is_counted() -> None:
    guard: StormGuard[str] = StormGuard(burst=3, interval=10, clock=Clock())
    assert [guard.admit("k", 0, "x")[0] for _ in range(5)] == [True, True, True, False, False]
    assert guard.counted == 2


def test_an_interval_that_is_over_is_summed_up_by_the_next_one() -> None:
    clock = Clock()
    guard: StormGuard[str] = StormGuard(burst=1, interval=10, clock=clock)
    for _ in range(4):
        guard.admit("k", 0, "x")
    clock.now = 10.0
    admitted, due = guard.admit("k", 0, "y")
    assert admitted
    assert [(one.key, one.example, one.suppressed, one.seconds) for one in due] == [("k", "x", 3, 10.0)]


def test_nothing_is_summed_up_where_nothing_was_suppressed() -> None:
    clock = Clock()
    guard: StormGuard[str] = StormGuard(burst=2, interval=1, clock=clock)
    guard.admit("k", 0, "x")
    clock.now = 5.0
    assert guard.admit("k", 0, "x") == (True, [])
    assert guard.flush() == []


def test_what_is_flushed_is_not_summed_up_twice_and_the_interval_goes_on() -> None:
    guard: StormGuard[str] = StormGuard(burst=1, interval=10, clock=Clock())
    for _ in range(3):
        guard.admit("k", 0, "x")
    assert (summed(guard.flush()), summed(guard.flush())) == (2, 0)
    assert guard.admit("k", 0, "x")[0] is False


def test_each_summary_says_over_how_long_it_counted() -> None:
    clock = Clock()
    guard: StormGuard[str] = StormGuard(burst=1, interval=10, clock=clock)
    periods = []
    for _ in range(2):
        for _ in range(3):
            guard.admit("k", 0, "x")
        clock.now += 4.0
        periods += [one.seconds for one in guard.flush()]
    assert periods == [4.0, 4.0]


def test_only_intervals_that_are_over_are_due() -> None:
    clock = Clock()
    guard: StormGuard[str] = StormGuard(burst=1, interval=10, clock=clock)
    guard.admit("old", 0, "x")
    guard.admit("old", 0, "x")
    clock.now = 6.0
    guard.admit("new", 0, "x")
    guard.admit("new", 0, "x")
    clock.now = 12.0
    assert [one.key for one in guard.due()] == ["old"]


def test_too_many_kinds_share_one_count() -> None:
    guard: StormGuard[str] = StormGuard(burst=1, interval=10, keys=2, clock=Clock())
    assert [guard.admit(key, "rest", key)[0] for key in "abcdef"] == [True, True, True, False, False, False]
    assert [(one.key, one.suppressed) for one in guard.flush()] == [("rest", 3)]


def test_kinds_that_are_over_make_room() -> None:
    clock = Clock()
    guard: StormGuard[str] = StormGuard(burst=1, interval=10, keys=2, clock=clock)
    for key in "aab":
        guard.admit(key, "rest", key)
    clock.now = 20.0
    admitted, due = guard.admit("c", "rest", "c")
    assert (admitted, [(one.key, one.suppressed) for one in due]) == (True, [("a", 1)])
    assert guard.admit("d", "rest", "d")[0]


def test_memory_is_bounded_whatever_a_peer_invents() -> None:
    guard: StormGuard[str] = StormGuard(burst=1, interval=10, keys=16, clock=Clock())
    for number in range(5000):
        guard.admit(f"peer {number}", number % 4, "x")
    assert len(guard._bursts) <= 16 + 4


def test_a_burst_of_nought_switches_the_guard_off() -> None:
    guard: StormGuard[str] = StormGuard(burst=0)
    assert all(guard.admit("k", 0, "x")[0] for _ in range(100))


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.floats(0, 4), st.sampled_from(["admit", "due", "flush"])), max_size=200),
    st.integers(1, 3),
    st.integers(1, 4),
)
def test_nothing_is_lost_and_nothing_is_counted_twice(steps: list[tuple[str, float, str]], burst: int, keys: int) -> None:
    clock = Clock()
    guard: StormGuard[str] = StormGuard(burst=burst, interval=5, keys=keys, clock=clock)
    happened = told = reported = 0
    for key, passed, step in steps:
        clock.now += passed
        if step == "admit":
            admitted, due = guard.admit(key, "rest", key)
            happened, told, reported = happened + 1, told + admitted, reported + summed(due)
        else:
            reported += summed(guard.due() if step == "due" else guard.flush())
        assert told + reported + guard.counted == happened


@pytest.mark.parametrize("interval", [60.0, 0.0005])
def test_nothing_is_lost_between_threads(interval: float) -> None:
    guard: StormGuard[str] = StormGuard(burst=3, interval=interval, keys=4)
    told, reported = [0] * 8, [0] * 8
    start = threading.Barrier(8)

    def hammer(number: int) -> None:
        start.wait()
        for count in range(3000):
            admitted, due = guard.admit(f"key {(count + number) % 7}", "rest", "x")
            told[number] += admitted
            reported[number] += summed(due)

    threads = [threading.Thread(target=hammer, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(told) + sum(reported) + summed(guard.flush()) == 8 * 3000
    assert guard.counted == 0
