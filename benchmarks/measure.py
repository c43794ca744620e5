"""
Times small functions against a floor, in one process.

Absolute times mean little on a shared machine, and two runs cannot be compared. So everything that is compared runs
interleaved: one slice of each function, then the next slice of each, forwards and backwards in turn, and of all its slices a
function's fastest counts.
"""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Case", "Timing", "fastest"]

_SLICE = 0.001


@dataclass(frozen=True)
class Case:
    """
    One thing to time.

    Attributes:
        name: What it is called in the table.

        run: The function; it takes nothing, and what it returns is dropped.

        target: The bound, as a multiple of the floor; `None` if there is none.

        says: What it answers, where that is less than a normalized error.
    """

    name: str
    run: Callable[[], object]
    target: float | None = None
    says: str = ""

    @property
    def alarm(self) -> float:
        """The multiple of the floor that is a regression of kind and no noise: twice the bound."""
        return 2 * (self.target or 0.0)


@dataclass(frozen=True)
class Timing:
    """A case with its time in nanoseconds a call, and as a multiple of the floor."""

    case: Case
    nanoseconds: float
    ratio: float


def _number(run: Callable[[], object]) -> int:
    """Return how often a function runs in one slice."""
    run()  # the first call may load a table, and says nothing about the others
    number = 1
    while True:
        start = time.perf_counter()
        for _ in range(number):
            run()
        if (spent := time.perf_counter() - start) > _SLICE / 4:
            return max(1, int(number * _SLICE / spent))
        number *= 4


def fastest(floor: Case, cases: Sequence[Case], repeats: int = 100) -> list[Timing]:
    """
    Time a floor and other cases, interleaved.

    Args:
        floor: What the others are multiples of.
        cases: The others.
        repeats: How many slices each gets.

    Returns:
        The floor first, then the others in their order.
    """
    everything = [floor, *cases]
    numbers = [_number(case.run) for case in everything]
    best = [float("inf")] * len(everything)
    gc.collect()
    gc.disable()
    try:
        for repeat in range(repeats):
            order = range(len(everything)) if repeat % 2 else range(len(everything) - 1, -1, -1)
            for index in order:
                best[index] = min(best[index], _slice(everything[index].run, numbers[index]))
    finally:
        gc.enable()
    return [Timing(case, spent * 1e9, spent / best[0]) for case, spent in zip(everything, best, strict=True)]


def _slice(run: Callable[[], object], number: int) -> float:
    start = time.perf_counter()
    for _ in range(number):
        run()
    return (time.perf_counter() - start) / number
