"""
Write the summaries in time even if no further error happens, and at exit.

A timer thread sleeps until the next summary is due, and exists only while lines are counted. At exit all counted lines are
summarized. A forked child starts without counts, because its parent summarizes what was counted before the fork.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from errnorm.emitters.log import signals

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from errnorm.emitters.counts import Ledger
    from errnorm.emitters.log.storm import StormGuard, Summary

__all__ = ["Summaries"]

_live: WeakSet[Summaries] = WeakSet()
_workers: set[int] = set()
_flushing = threading.RLock()
_WAIT = 2.0


class Summaries:
    """Writes the summaries of one storm guard when they are due."""

    def __init__(
        self,
        guard: StormGuard[Any, Any],
        write: Callable[[Summary[Any, Any]], None],
        ledger: Ledger,
        schedule: Callable[[float, Callable[[], None]], None] | None = None,
    ) -> None:
        """
        Store the arguments, and watch for SIGTERM.

        Args:
            guard: The storm guard.
            write: Writes one summary.
            ledger: Counts failures to write.
            schedule: Calls a function after some seconds; a timer thread if not given.
        """
        self._guard = guard
        self._write_one = write
        self._ledger = ledger
        self._schedule = schedule or _in_a_thread
        self._armed = False
        _live.add(self)
        signals.watch(_flush_all)

    def arm(self) -> None:
        """Schedule a summary of what is counted now, in case no further error happens."""
        if self._armed:
            return
        self._armed = True
        _flush_at_exit()
        signals.watch(_flush_all)
        wait = self._guard.wait()
        try:
            self._schedule(self._guard.interval if wait is None else wait, self._over)
        except RuntimeError:
            # No thread can be started any more. The summary is written at exit or with the next error.
            self._armed = False

    def _over(self) -> None:
        self._armed = False
        self.write(self._guard.due())
        if self._guard.counted:
            self.arm()

    def flush(self) -> None:
        """Write the summaries of all counted lines."""
        self.write(self._guard.flush())

    def write(self, summaries: Sequence[Summary[Any, Any]]) -> None:
        """Write summaries; one that cannot be written does not stop the others."""
        for summary in summaries:
            try:
                self._write_one(summary)
            except Exception:  # noqa: BLE001 - no code is left that could catch it
                self._ledger.failed("log")

    def forget(self) -> None:
        """Reset the counts in a forked child."""
        self._armed = False
        self._guard.forget()


def _in_a_thread(seconds: float, call: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.name = "errnorm-summaries"
    timer.start()


def _flush_at_exit() -> None:
    # Exit handlers run in reverse order. What was set up before this storm, such as an exporter, still works at that time.
    atexit.unregister(_flush_all)
    atexit.register(_flush_all)
    # A worker of `multiprocessing` ends without Python's exit handlers, and has exit handlers of its own.
    workers: Any = sys.modules.get("multiprocessing.util")
    if workers is not None and os.getpid() not in _workers:
        _workers.add(os.getpid())
        workers.Finalize(None, _flush_all, exitpriority=0)


def _flush_all() -> None:
    # Another thread may already be writing the counts. The thread that ends the process must wait for it, but not for ever.
    taken = _flushing.acquire(timeout=_WAIT)
    try:
        for summaries in list(_live):
            summaries.flush()
    finally:
        if taken:
            _flushing.release()


def _flush_last() -> None:
    # Errors while the application shuts down are counted after the first flush. This handler is registered on import, so it runs
    # after nearly all others.
    _flush_all()


atexit.register(_flush_last)


def _forget_all() -> None:
    global _flushing  # noqa: PLW0603 - a thread of the parent may have held the lock
    _flushing = threading.RLock()
    signals.forget()
    _workers.clear()
    for summaries in list(_live):
        summaries.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
