"""
Write the summaries that no further error brings about: when their time has come, and at exit.

A thread sleeps until then, and only while something is counted. At exit everything that is still counted is written;
a forked child starts with nothing counted, because its parent will sum up what was before.
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
    """Writes the summaries of one guard in time."""

    def __init__(
        self,
        guard: StormGuard[Any, Any],
        write: Callable[[Summary[Any, Any]], None],
        ledger: Ledger,
        schedule: Callable[[float, Callable[[], None]], None] | None = None,
    ) -> None:
        """
        Write what a guard has counted.

        Args:
            guard: Who counts.
            write: Writes one summary.
            ledger: Where a failure to write is counted.
            schedule: Calls something after some seconds; a thread that sleeps if not given.
        """
        self._guard = guard
        self._write_one = write
        self._ledger = ledger
        self._schedule = schedule or _in_a_thread
        self._armed = False
        _live.add(self)
        signals.watch(_flush_all)

    def arm(self) -> None:
        """See to it that what is counted now will be summed up, even if nothing more happens."""
        if self._armed:
            return
        self._armed = True
        _flush_at_exit()
        signals.watch(_flush_all)
        wait = self._guard.wait()
        try:
            self._schedule(self._guard.interval if wait is None else wait, self._over)
        except RuntimeError:
            # No thread can be started any more; exit or the next error will do it.
            self._armed = False

    def _over(self) -> None:
        self._armed = False
        self.write(self._guard.due())
        if self._guard.counted:
            self.arm()

    def flush(self) -> None:
        """Write the summaries of everything that is counted."""
        self.write(self._guard.flush())

    def write(self, summaries: Sequence[Summary[Any, Any]]) -> None:
        """Write summaries; one that cannot be written does not stop the others."""
        for summary in summaries:
            try:
                self._write_one(summary)
            except Exception:  # noqa: BLE001 - nobody is there to catch it
                self._ledger.failed("log")

    def forget(self) -> None:
        """Start anew in a forked child."""
        self._armed = False
        self._guard.forget()


def _in_a_thread(seconds: float, call: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.name = "errnorm-summaries"
    timer.start()


def _flush_at_exit() -> None:
    # Last in, first out: what was set up before this storm, like an exporter, is still there when it is summed up.
    atexit.unregister(_flush_all)
    atexit.register(_flush_all)
    # A worker of `multiprocessing` ends without the exit handlers of Python, and has some of its own.
    workers: Any = sys.modules.get("multiprocessing.util")
    if workers is not None and os.getpid() not in _workers:
        _workers.add(os.getpid())
        workers.Finalize(None, _flush_all, exitpriority=0)


def _flush_all() -> None:
    # A thread that is writing has taken the counts with it; whoever ends the process now must wait for it, but not for ever.
    taken = _flushing.acquire(timeout=_WAIT)
    try:
        for summaries in list(_live):
            summaries.flush()
    finally:
        if taken:
            _flushing.release()


def _flush_last() -> None:
    # What fails while the application ends is counted after the first flush. Registered when this is imported, so it runs after
    # nearly everything else.
    _flush_all()


atexit.register(_flush_last)


def _forget_all() -> None:
    global _flushing  # noqa: PLW0603 - another thread of the parent may have held it
    _flushing = threading.RLock()
    signals.forget()
    _workers.clear()
    for summaries in list(_live):
        summaries.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
