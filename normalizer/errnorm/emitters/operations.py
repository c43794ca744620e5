"""
Count operations by their outcome, so that error ratios can be computed.

A successful operation costs one addition here. The counts are passed to the counter of the SDK when the SDK collects. Only the
first failure of each kind since the last collection is passed on at once, in the context of its span, so that the SDK can keep it
as an exemplar.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final, Protocol

from errnorm.emitters.attributes import error_type

if TYPE_CHECKING:
    from errnorm.error import NormalizedError
    from errnorm.fault import Fault, Outcome

__all__ = ["Operations"]

_MOST_OPERATIONS: Final = 1000

# Protocol, operation, `error.type` and outcome; the last two are `None` for an operation that succeeded.
Key = tuple["str | None", "str | None", "str | None", "str | None"]


class Passing(Protocol):
    """The attributes of a guard that are needed to count its operations."""

    protocol: str | None
    operation: str | None
    passed: int


class Operations:
    """Counts operations by their outcome. It is thread-safe."""

    of_operations = True
    reentrant = True

    def __init__(self) -> None:
        """Start without counts."""
        self._pending: dict[Key, int] = {}
        self._shown: set[Key] = set()
        self._names: set[str | None] = {None}
        self._counters: list[Any] = []
        self._watched: list[list[Any]] = []
        self._lock = threading.RLock()

    def show(self, counter: Any) -> None:  # noqa: ANN401 - a type of the API, which is imported only if it is used
        """Add a counter of OpenTelemetry that receives the counts."""
        self._counters.append(counter)

    def watch(self, guard: Passing) -> None:
        """Read the number of successful operations from a guard at each collection."""
        with self._lock:
            self._watched.append([guard, 0])

    def passed(self, protocol: str | None, operation: str | None) -> None:
        """Count an operation that succeeded."""
        key = (protocol, operation, None, None)
        with self._lock:
            if key in self._pending:
                self._pending[key] += 1
            else:
                self._add(key)

    def __call__(self, fault: Fault) -> None:
        """Count an operation that did not succeed. A fault with the outcome `background` has no operation."""
        if fault.outcome == "background" or fault.operation is None:
            return
        key: Key = (fault.error.protocol, fault.operation, *_ended(fault.error, fault.outcome))
        with self._lock:
            key = self._add(key)
            # A failure before there is a counter waits for it.
            is_first = bool(self._counters) and key not in self._shown
            if is_first:
                self._shown.add(key)
                self._pending[key] -= 1
        if is_first:
            self._tell(key, 1)

    def _add(self, key: Key) -> Key:
        key = self._key(key)
        self._pending[key] = self._pending.get(key, 0) + 1
        return key

    def _key(self, key: Key) -> Key:
        operation = key[1]
        if operation not in self._names:
            if len(self._names) < _MOST_OPERATIONS:
                self._names.add(operation)
            else:
                # The names probably contain ids: count the further ones in one series, so that the sum stays right.
                key = (key[0], None, *key[2:])
        return key

    def collect(self) -> None:
        """Pass the counts since the last collection to the counters."""
        with self._lock:
            for watched in self._watched:
                guard, seen = watched
                watched[1] = now = guard.passed
                if now > seen:
                    key = self._key((guard.protocol, guard.operation, None, None))
                    self._pending[key] = self._pending.get(key, 0) + now - seen
            pending = {key: count for key, count in self._pending.items() if count}
            self._pending.clear()
            self._shown.clear()
        for key, count in pending.items():
            self._tell(key, count)

    def _tell(self, key: Key, count: int) -> None:
        names = ("errnorm.protocol", "errnorm.operation", "error.type", "errnorm.outcome")
        attributes = {name: value for name, value in zip(names, key, strict=True) if value is not None}
        for counter in self._counters:
            counter.add(count, attributes)

    def forget(self) -> None:
        """Reset the counts in a forked child, because the parent has counted what happened before the fork."""
        self._lock = threading.RLock()
        self._pending, self._shown = {}, set()
        for watched in self._watched:
            watched[1] = watched[0].passed


def _ended(error: NormalizedError, outcome: Outcome) -> tuple[str, str]:
    return error_type(error.judgement.reason), outcome
