"""
Write the summaries before SIGTERM ends the process.

A signal handler in Python is not enough: the main thread runs it later, and a worker of a pool that receives the signal just
before it blocks would never run it, and hang. The interpreter itself writes the number of a signal to a file descriptor at once,
whatever the main thread does (`signal.set_wakeup_fd`), and a thread of this module waits for that. An existing handler still
runs: if the application shuts down by itself, the last summaries are written meanwhile.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["forget", "watch"]

_WRITE_WITHIN: Final = 2.0
_WRITE_EVERY: Final = 0.1
_writer: int | None = None


def watch(flush: Callable[[], object]) -> None:
    """
    Call a function before SIGTERM ends the process. Has no effect outside of the main thread, or on a second call.

    Args:
        flush: Writes the summaries of all counted lines.
    """
    global _writer  # noqa: PLW0603 - signals belong to the process
    if _writer is not None or os.name != "posix" or threading.current_thread() is not threading.main_thread():
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        # Before the handler is replaced: without the thread, nothing would end the process.
        threading.Thread(target=_listen, args=(reader, flush), name="errnorm-signals", daemon=True).start()
    except RuntimeError:  # the process has as many threads as it may have, or its platform has none
        os.close(reader)
        os.close(writer)
        return
    if not _is_noticed(writer):
        os.close(writer)  # this ends the thread
        return
    _writer = writer


def _is_noticed(writer: int) -> bool:
    """Make the interpreter write SIGTERM to a descriptor; return false if that would disturb other code."""
    handler = signal.getsignal(signal.SIGTERM)
    former = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    if former == -1:
        if handler is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _noted)
        return True
    signal.set_wakeup_fd(former)
    if not callable(handler):
        return False
    # The event loop uses the wake-up descriptor, and there is a handler. The handler is wrapped, and still called.
    signal.signal(signal.SIGTERM, _before(handler))
    return True


def _before(handler: Callable[[int, Any], Any]) -> Callable[[int, Any], Any]:
    def noted(number: int, frame: object) -> object:
        _noted(number, frame)
        return handler(number, frame)

    return noted


def _noted(number: int, _frame: object) -> None:
    """Write the number of a signal to our descriptor, because other code has replaced the wake-up descriptor."""
    if _writer is not None:
        with suppress(OSError):
            os.write(_writer, bytes([number]))


def _listen(reader: int, flush: Callable[[], object]) -> None:
    with suppress(OSError):
        while signal.SIGTERM not in (numbers := os.read(reader, 64)):
            if not numbers:
                os.close(reader)
                return
    if signal.getsignal(signal.SIGTERM) is not _noted:
        # The application shuts down by itself, and may log more lines until then.
        while True:
            flush()
            time.sleep(_WRITE_EVERY)
    # The signal must end the process even if a log handler blocks, so the summaries are written in a thread.
    writing = threading.Thread(target=flush, daemon=True)
    with suppress(RuntimeError):  # no thread can be started any more
        writing.start()
        writing.join(_WRITE_WITHIN)
    _end()


def _end() -> None:
    """End the process by the signal, as it would have ended without this module."""
    import ctypes  # noqa: PLC0415 - needed once, at the end

    # `signal.signal` calls this function too, but works only in the main thread, which may be blocked.
    set_handler: Any = ctypes.pythonapi.PyOS_setsig
    set_handler.argtypes, set_handler.restype = [ctypes.c_int, ctypes.c_void_p], ctypes.c_void_p
    set_handler(int(signal.SIGTERM), None)
    os.kill(os.getpid(), signal.SIGTERM)


def forget() -> None:
    """Remove the descriptor in a forked child, which shares it with its parent and does not have the thread."""
    global _writer  # noqa: PLW0603 - as above
    if _writer is None:
        return
    with suppress(ValueError, OSError):
        if (current := signal.set_wakeup_fd(-1)) != _writer:
            signal.set_wakeup_fd(current)
        if signal.getsignal(signal.SIGTERM) is _noted:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _writer = None
