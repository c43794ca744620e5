"""
Exact counts that cost a quarter of a microsecond: what the metrics are read from.

A counter of the OpenTelemetry SDK costs several microseconds an addition, more than a suppressed line may cost in all. So
additions go into these, and the SDK (or who else wants them) reads them when it collects. The series are bounded: past the
bound, one more series takes the rest, and the sum stays right.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

__all__ = ["LEDGER", "Counts", "Ledger"]

_MOST_SERIES = 2000
_OVERFLOW: Mapping[str, str | bool | int | float] = {"otel.metric.overflow": True}


class Counts:
    """
    One number for each set of attributes.

    Attributes:
        name: The name of the metric.
    """

    def __init__(self, name: str, most: int = _MOST_SERIES) -> None:
        """Start at nothing; tell `most` series apart."""
        self.name = name
        self._most = most
        self._counts: dict[Hashable, int] = {}
        self._attributes: dict[Hashable, Mapping[str, str | bool | int | float]] = {}
        self._lock = threading.RLock()

    def add(self, key: Hashable, describe: Callable[[], Mapping[str, str | bool | int | float]]) -> None:
        """
        Count one.

        Args:
            key: Stands for its attributes.
            describe: Gives the attributes; called once for a key.
        """
        with self._lock:
            try:
                self._counts[key] += 1
            except KeyError:
                self._add_new(key, describe)

    def _add_new(self, key: Hashable, describe: Callable[[], Mapping[str, str | bool | int | float]]) -> None:
        if len(self._counts) >= self._most:
            key, describe = None, lambda: _OVERFLOW
        self._attributes.setdefault(key, describe())
        self._counts[key] = self._counts.get(key, 0) + 1

    def read(self) -> list[tuple[dict[str, str | bool | int | float], int]]:
        """Return each set of attributes once, with its number."""
        with self._lock:
            found = [(self._attributes[key], count) for key, count in self._counts.items()]
        merged: dict[Hashable, tuple[dict[str, str | bool | int | float], int]] = {}
        for attributes, count in found:
            names = tuple(sorted(attributes.items()))
            merged[names] = (dict(attributes), merged.get(names, ({}, 0))[1] + count)
        return list(merged.values())

    @property
    def total(self) -> int:
        """The sum over everything."""
        with self._lock:
            return sum(self._counts.values())

    def forget(self) -> None:
        """Start anew: in a forked child, where the parent counts what was before."""
        self._lock = threading.RLock()
        self._counts, self._attributes = {}, {}


class Ledger:
    """
    All that is counted in this process.

    Attributes:
        errors: Every error.

        decisions: Every error about which something was decided.

        suppressed: Every log line that was not written.

        failures: Every failure of an emitter, by its name.
    """

    def __init__(self) -> None:
        """Start at nothing."""
        self.errors = Counts("errnorm.errors")
        self.decisions = Counts("errnorm.decisions")
        self.suppressed = Counts("errnorm.suppressed")
        self.failures = Counts("errnorm.failures")

    @property
    def all(self) -> tuple[Counts, ...]:
        """The four of them."""
        return self.errors, self.decisions, self.suppressed, self.failures

    def failed(self, emitter: str) -> None:
        """Count a failure of an emitter."""
        self.failures.add(emitter, lambda: {"errnorm.emitter": emitter})

    def forget(self) -> None:
        """Start all of them anew."""
        for counts in self.all:
            counts.forget()


LEDGER = Ledger()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=LEDGER.forget)
