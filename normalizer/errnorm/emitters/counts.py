"""
Exact counts that cost a quarter of a microsecond: what the metrics are read from.

A counter of the OpenTelemetry SDK costs several microseconds an addition, more than a suppressed line may cost in all. So
additions go into these, and the SDK (or who else wants them) reads them when it collects. The series are bounded: past the
bound, one more series takes the rest, and the sum stays right.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["LEDGER", "Counts", "Ledger"]

T = TypeVar("T")
Values = Mapping[str, "str | bool | int | float"]
Series = tuple[Values, int]

_MOST_SERIES = 2000
_REST: Final = object()
# The name OpenTelemetry gives to the series that takes what is too many: specification/metrics/sdk.md, "overflow attribute".
_OVERFLOW: Final = "otel.metric.overflow"
# What the rest is still told apart by, so that the sums of what failed stay right too.
_KEPT: Final = ("errnorm.decision", "errnorm.outcome")


class Counts:
    """One number for each set of attributes."""

    def __init__(self, most: int = _MOST_SERIES) -> None:
        """Start at nothing; tell `most` series apart."""
        self._most = most
        self._counts: dict[Hashable, int] = {}
        self._attributes: dict[Hashable, Values] = {}
        self._lock = threading.RLock()

    def add(self, key: Hashable, describe: Callable[[T], Values], of: T) -> None:
        """
        Count one.

        Args:
            key: Stands for its attributes.
            describe: Gives the attributes; called once for a key.
            of: What it gives them of.
        """
        with self._lock:
            if key in self._counts:
                self._counts[key] += 1
            elif len(self._counts) < self._most:
                self._attributes[key] = describe(of)
                self._counts[key] = 1
            else:
                self._add_to_the_rest(describe(of))

    def _add_to_the_rest(self, attributes: Values) -> None:
        kept = {name: attributes[name] for name in _KEPT if name in attributes}
        key = (_REST, *kept.items())
        self._attributes[key] = {_OVERFLOW: True} | kept
        self._counts[key] = self._counts.get(key, 0) + 1

    def read(self) -> list[Series]:
        """Return each set of attributes once, with its number."""
        with self._lock:
            found = [(self._attributes[key], count) for key, count in self._counts.items()]
        merged: dict[Hashable, Series] = {}
        for attributes, count in found:
            names = tuple(sorted(attributes.items()))
            merged[names] = (attributes, merged[names][1] + count if names in merged else count)
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


def _emitter(name: str) -> Values:
    return {"errnorm.emitter": name}


class Ledger:
    """
    All that is counted in this process.

    Attributes:
        errors: Every error, with what became of the operation.

        suppressed: Every log line that was not written.

        failures: Every failure of an emitter, by its name.
    """

    def __init__(self) -> None:
        """Start at nothing."""
        self.errors = Counts()
        self.suppressed = Counts()
        self.failures = Counts()

    def failed(self, emitter: str) -> None:
        """Count a failure of an emitter."""
        self.failures.add(emitter, _emitter, emitter)

    def forget(self) -> None:
        """Start all of them anew."""
        for counts in (self.errors, self.suppressed, self.failures):
            counts.forget()


LEDGER = Ledger()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=LEDGER.forget)
