"""
Write summaries before SIGTERM ends the process.

A handler in Python would not do: it runs when the main thread gets to it, and a worker of a pool that the signal reaches just
before it waits would never get there, and hang. The interpreter itself writes the number of a signal into a file descriptor at
once, whatever the main thread does (`signal.set_wakeup_fd`), and a thread waits for that. A handler that is there already still
runs: an application that ends in its own way only has its last summaries written meanwhile.
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
    Have something called before SIGTERM ends the process. Does nothing outside of the main thread, or if it is done already.

    Args:
        flush: Writes what is still counted.
    """
    global _writer  # noqa: PLW0603 - signals belong to the process
    if _writer is not None or os.name != "posix" or threading.current_thread() is not threading.main_thread():
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    if not _is_noticed(writer):
        os.close(reader)
        os.close(writer)
        return
    _writer = writer
    threading.Thread(target=_listen, args=(reader, flush), name="errnorm-signals", daemon=True).start()


def _is_noticed(writer: int) -> bool:
    """See to it that SIGTERM is written into a descriptor; return whether that can be done without harm to anybody."""
    handler = signal.getsignal(signal.SIGTERM)
    former = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    if former == -1:
        if handler is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _noted)
        return True
    signal.set_wakeup_fd(former)
    if not callable(handler):
        return False
    # The loop uses the descriptor, and the server has a handler of its own: that one is called as before.
    signal.signal(signal.SIGTERM, _before(handler))
    return True


def _before(handler: Callable[[int, Any], Any]) -> Callable[[int, Any], Any]:
    def noted(number: int, frame: object) -> object:
        _noted(number, frame)
        return handler(number, frame)

    return noted


def _noted(number: int, _frame: object) -> None:
    """Pass a signal on that reaches Python because somebody else has taken the file descriptor since."""
    if _writer is not None:
        with suppress(OSError):
            os.write(_writer, bytes([number]))


def _listen(reader: int, flush: Callable[[], object]) -> None:
    with suppress(OSError):
        while signal.SIGTERM not in os.read(reader, 64):
            pass
    if signal.getsignal(signal.SIGTERM) is not _noted:
        # The application ends in its own way, and may have more to say until then.
        while True:
            flush()
            time.sleep(_WRITE_EVERY)
    # Whatever a log handler waits for, the signal must end the process.
    writing = threading.Thread(target=flush, daemon=True)
    writing.start()
    writing.join(_WRITE_WITHIN)
    _end()


def _end() -> None:
    """End the process by the signal, as it would have been without us."""
    import ctypes  # noqa: PLC0415 - needed once, at the end

    # The function that `signal.signal` uses; that one can be called only in the main thread, which may be waiting.
    set_handler: Any = ctypes.pythonapi.PyOS_setsig
    set_handler.argtypes, set_handler.restype = [ctypes.c_int, ctypes.c_void_p], ctypes.c_void_p
    set_handler(int(signal.SIGTERM), None)
    os.kill(os.getpid(), signal.SIGTERM)


def forget() -> None:
    """Take it off again in a forked child, which shares the descriptor with its parent and has not got the thread."""
    global _writer  # noqa: PLW0603 - as above
    if _writer is None:
        return
    with suppress(ValueError, OSError):
        if (current := signal.set_wakeup_fd(-1)) != _writer:
            signal.set_wakeup_fd(current)
        if signal.getsignal(signal.SIGTERM) is _noted:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _writer = None
