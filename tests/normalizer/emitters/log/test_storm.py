"""The storm guard: told + suppressed = happened, at every moment, whatever comes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

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


def shared(kind: str) -> list[str]:
    """Return a kind and what it shares with all others."""
    return [kind, "rest"]


def made(**known: Any) -> StormGuard[str, str]:
    options: dict[str, Any] = {"kinds_of": shared} | known
    return StormGuard(**options)


def summed(summaries: Iterable[Summary[str, str]]) -> int:
    return sum(summary.suppressed for summary in summaries)


def test_the_first_few_are_let_through_and_the_rest_is_counted() -> None:
    guard: StormGuard[str, str] = made(burst=3, interval=10, clock=Clock())
    assert [guard.admit("k", "x")[0] for _ in range(5)] == [True, True, True, False, False]
    assert guard.counted == 2


def test_an_interval_that_is_over_is_summed_up_by_the_next_one() -> None:
    clock = Clock()
    guard: StormGuard[str, str] = made(burst=1, interval=10, clock=clock)
    for _ in range(4):
        guard.admit("k", "x")
    clock.now = 10.0
    admitted, due = guard.admit("k", "y")
    assert admitted
    assert [(one.kind, one.example, one.suppressed, one.seconds) for one in due] == [("k", "x", 3, 10.0)]


def test_nothing_is_summed_up_where_nothing_was_suppressed() -> None:
    clock = Clock()
    guard: StormGuard[str, str] = made(burst=2, interval=1, clock=clock)
    guard.admit("k", "x")
    clock.now = 5.0
    assert guard.admit("k", "x") == (True, [])
    assert guard.flush() == []


def test_what_is_flushed_is_not_summed_up_twice_and_the_interval_goes_on() -> None:
    guard: StormGuard[str, str] = made(burst=1, interval=10, clock=Clock())
    for _ in range(3):
        guard.admit("k", "x")
    assert (summed(guard.flush()), summed(guard.flush())) == (2, 0)
    assert guard.admit("k", "x")[0] is False


def test_each_summary_says_over_how_long_it_counted() -> None:
    clock = Clock()
    guard: StormGuard[str, str] = made(burst=1, interval=10, clock=clock)
    periods = []
    for _ in range(2):
        for _ in range(3):
            guard.admit("k", "x")
        clock.now += 4.0
        periods += [one.seconds for one in guard.flush()]
    assert periods == [4.0, 4.0]


def test_the_first_summary_is_due_within_seconds_and_the_next_one_when_the_interval_is_over() -> None:
    clock = Clock()
    guard = made(burst=1, interval=60, clock=clock)
    due = []
    for second in range(1, 61):
        clock.now = float(second)
        guard.admit("k", "x")
        guard.admit("k", "x")
        due += [(second, one.suppressed) for one in guard.due()]
        assert guard.wait() is None or 0 <= (guard.wait() or 0) <= 60
    assert due == [(6, 11)]
    clock.now = 61.0
    assert [one.suppressed for one in guard.due()] == [108]
    assert guard.wait() is None


def test_only_summaries_whose_time_has_come_are_due() -> None:
    clock = Clock()
    guard = made(burst=1, interval=10, clock=clock)
    guard.admit("old", "x")
    guard.admit("old", "x")
    clock.now = 6.0
    guard.admit("new", "x")
    guard.admit("new", "x")
    assert guard.wait() == 0.0
    assert [one.kind for one in guard.due()] == ["old"]
    assert guard.wait() == 5.0


def test_what_has_no_room_counts_under_what_it_shares_and_the_last_kind_has_always_room() -> None:
    guard = made(burst=1, interval=10, kinds=2, clock=Clock(), kinds_of=lambda kind: [kind, kind[:2], kind[0]])
    admitted = [guard.admit(kind, kind)[0] for kind in ("a1x", "a1y", "a1z", "a1q", "a2q", "b7x", "c8x", "d9x", "d9y")]
    assert admitted == [True, True, True, False, True, True, True, True, False]
    assert [(one.kind, one.suppressed) for one in guard.flush()] == [("a1", 1), ("d", 1)]


def test_too_many_kinds_share_one_count() -> None:
    guard: StormGuard[str, str] = made(burst=1, interval=10, kinds=2, clock=Clock())
    assert [guard.admit(key, key)[0] for key in "abcdef"] == [True, True, True, False, False, False]
    assert [(one.kind, one.suppressed) for one in guard.flush()] == [("rest", 3)]


def test_kinds_that_are_over_make_room() -> None:
    clock = Clock()
    guard: StormGuard[str, str] = made(burst=1, interval=10, kinds=2, clock=clock)
    for key in "aab":
        guard.admit(key, key)
    clock.now = 20.0
    admitted, due = guard.admit("c", "c")
    assert (admitted, [(one.kind, one.suppressed) for one in due]) == (True, [("a", 1)])
    assert guard.admit("d", "d")[0]


def test_memory_is_bounded_whatever_a_peer_invents() -> None:
    guard: StormGuard[str, str] = made(burst=1, interval=10, kinds=16, clock=Clock())
    for number in range(5000):
        guard.admit(f"peer {number}", "x")
    assert len(guard._bursts) <= 16 + 1


def test_a_burst_of_nought_switches_the_guard_off() -> None:
    guard: StormGuard[str, str] = made(burst=0)
    assert all(guard.admit("k", "x")[0] for _ in range(100))


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.floats(0, 4), st.sampled_from(["admit", "due", "flush"])), max_size=200),
    st.integers(1, 3),
    st.integers(1, 4),
)
def test_nothing_is_lost_and_nothing_is_counted_twice(steps: list[tuple[str, float, str]], burst: int, keys: int) -> None:
    clock = Clock()
    guard: StormGuard[str, str] = made(burst=burst, interval=5, kinds=keys, clock=clock)
    happened = told = reported = 0
    for key, passed, step in steps:
        clock.now += passed
        if step == "admit":
            admitted, due = guard.admit(key, key)
            happened, told, reported = happened + 1, told + admitted, reported + summed(due)
        else:
            reported += summed(guard.due() if step == "due" else guard.flush())
        assert told + reported + guard.counted == happened


@pytest.mark.parametrize("interval", [60.0, 0.0005])
def test_nothing_is_lost_between_threads(interval: float) -> None:
    guard: StormGuard[str, str] = made(burst=3, interval=interval, kinds=4)
    told, reported = [0] * 8, [0] * 8
    start = threading.Barrier(8)

    def hammer(number: int) -> None:
        start.wait()
        for count in range(3000):
            admitted, due = guard.admit(f"key {(count + number) % 7}", "x")
            told[number] += admitted
            reported[number] += summed(due)

    threads = [threading.Thread(target=hammer, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(told) + sum(reported) + summed(guard.flush()) == 8 * 3000
    assert guard.counted == 0
