"""
Exact counters that cost a quarter of a microsecond for each addition. The metrics read them.

An addition to a counter of the OpenTelemetry SDK takes several microseconds, which is more than a suppressed line may cost
altogether. Additions therefore go into these counters, and the SDK reads them when it collects. The number of series is bounded:
beyond the bound, series are no longer distinguished by operation, because an operation may contain an id by mistake; beyond twice
the bound, they are distinguished only by what alerts use. The sum is always right.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeVar

from errnorm.emitters.operations import Operations

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

__all__ = ["LEDGER", "Counts", "Ledger"]

T = TypeVar("T")
Values = Mapping[str, "str | bool | int | float"]
Series = tuple[Values, int]

_MOST_SERIES = 2000
_REST: Final = object()
_FIRST_TO_GO: Final = "errnorm.operation"
# The name OpenTelemetry gives to the series that takes what is too many: specification/metrics/sdk.md, "overflow attribute".
_OVERFLOW: Final = "otel.metric.overflow"
# The attributes that the rest keeps, because alerts use them.
_KEPT: Final = ("error.type", "errnorm.protocol", "errnorm.outcome", "errnorm.decision")


class Counts:
    """One number for each set of attributes."""

    def __init__(self, most: int = _MOST_SERIES) -> None:
        """Start without counts, with room for `most` series."""
        self._most = most
        self._counts: dict[Hashable, list[int]] = {}  # one number in each list
        self._attributes: dict[Hashable, Values] = {}
        self._lock = threading.RLock()

    def add(self, key: Hashable, describe: Callable[[T], Values], of: T) -> None:
        """
        Add one to a series.

        Args:
            key: The key of the series.
            describe: Returns the attributes of the series; called once for each key.
            of: The argument of `describe`.
        """
        with self._lock:
            # A signal handler or a finalizer on the same thread may count too, and the lock is re-entrant. It can only run where
            # Python code runs, such as in the hash of a key, and never during the addition to a number in a list.
            number = self._counts.get(key) or self._new(key, describe(of))
            number[0] += 1

    def expect(self, attributes: Values) -> None:
        """Start a series at zero, so that its first count is an increase."""
        with self._lock:
            key = (_REST, *sorted(attributes.items()))
            self._attributes[key] = attributes
            self._counts.setdefault(key, [0])

    def _new(self, key: Hashable, attributes: Values) -> list[int]:
        if len(self._counts) >= self._most:
            key, attributes = self._rest(attributes)
        self._attributes[key] = attributes
        return self._counts.setdefault(key, [0])

    def _rest(self, attributes: Values) -> tuple[Hashable, Values]:
        kept: Values = {name: value for name, value in attributes.items() if name != _FIRST_TO_GO}
        key: Hashable = (_REST, *sorted(kept.items()))
        if key not in self._counts and len(self._counts) >= 2 * self._most:
            kept = {_OVERFLOW: True} | {name: attributes[name] for name in _KEPT if name in attributes}
            key = (_REST, *sorted(kept.items()))
        return key, kept

    def read(self) -> list[Series]:
        """Return each set of attributes once, with its number."""
        with self._lock:
            found = [(self._attributes[key], number[0]) for key, number in self._counts.items()]
        merged: dict[Hashable, Series] = {}
        for attributes, count in found:
            names = tuple(sorted(attributes.items()))
            merged[names] = (attributes, merged[names][1] + count if names in merged else count)
        return list(merged.values())

    @property
    def total(self) -> int:
        """The sum of all series."""
        with self._lock:
            return sum(number[0] for number in self._counts.values())

    def forget(self) -> None:
        """Reset all series in a forked child, because the parent has counted what happened before the fork."""
        self._lock = threading.RLock()
        expected: dict[Hashable, Values] = {
            key: attributes for key, attributes in self._attributes.items() if isinstance(key, tuple) and key[0] is _REST
        }
        self._counts, self._attributes = {key: [0] for key in expected}, expected


def _emitter(name: str) -> Values:
    return {"errnorm.emitter": name}


class Ledger:
    """
    All counters of this process.

    Attributes:
        errors: Every error, with the outcome of the operation.

        suppressed: Every log line that was not written.

        failures: Every failure of an emitter, by the name of the emitter.

        operations: Every operation of a guard that has a name, with its outcome.

        settlements: Every message whose handler has ended, by the answer that was sent to the server.
    """

    def __init__(self) -> None:
        """Start without counts."""
        self.errors = Counts()
        self.suppressed = Counts()
        self.failures = Counts()
        self.operations = Operations()
        self.settlements = Counts()

    def failed(self, emitter: str) -> None:
        """Count a failure of an emitter."""
        self.failures.add(emitter, _emitter, emitter)

    def forget(self) -> None:
        """Reset all counters in a forked child."""
        for counts in (self.errors, self.suppressed, self.failures, self.operations, self.settlements):
            counts.forget()


LEDGER = Ledger()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=LEDGER.forget)
