"""
Emit uncaught errors: those that end the program or a thread, those of a finalizer, and those of a task that is never awaited.

    errors = errnorm.Middleware()
    errnorm.hooks.install(errors)     # inside a running event loop it also sets the exception handler of the loop

The hooks that were set before still run. If that is Python's own hook, which would print the original text of the exception, an
error of NATS or XMPP is printed with the text of its row instead, also if it is the cause or the context of an exception of the
application, or a member of a group. Other exceptions are passed on unchanged.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from typing import TYPE_CHECKING, Any

from errnorm.emitters.stacktrace import Words, stacktrace
from errnorm.exceptions import is_a
from errnorm.guard import Guard

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from types import TracebackType

    from errnorm.middleware import Middleware

__all__ = ["Hooks", "install"]

_log = logging.getLogger("errnorm")
_default_unraisable = sys.unraisablehook


def install(errors: Middleware, loop: AbstractEventLoop | None = None) -> Hooks:
    """
    Set the hooks of this process, and replace the exception handler of an event loop that has one.

    Args:
        errors: The middleware that emits uncaught errors.
        loop: The event loop; the running one if not given. A loop without an exception handler of its own logs through the
            logger `asyncio`, whose records are handled for all loops.

    Returns:
        The hooks; call `remove` to remove them.
    """
    if loop is None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
    return Hooks(errors, loop)


class Hooks:
    """The hooks that `install` has set."""

    def __init__(self, errors: Middleware, loop: AbstractEventLoop | None) -> None:
        """Set the hooks; `install` describes the arguments."""
        self._errors = errors
        self._words = Words(errors.privacy, errors.normalizer)
        self._excepthook, sys.excepthook = sys.excepthook, self._on_exception
        self._threadhook, threading.excepthook = threading.excepthook, self._on_thread
        self._unraisable, sys.unraisablehook = sys.unraisablehook, self._on_unraisable
        self._loop = loop
        self._handler = None if loop is None else loop.get_exception_handler()
        if loop is not None and self._handler is not None:
            loop.set_exception_handler(self._on_loop)
        logging.getLogger("asyncio").addFilter(self._on_record)

    def remove(self) -> None:
        """Restore the previous hooks, except where other code has replaced a hook since."""
        if sys.excepthook == self._on_exception:
            sys.excepthook = self._excepthook
        if threading.excepthook == self._on_thread:
            threading.excepthook = self._threadhook
        if sys.unraisablehook == self._on_unraisable:
            sys.unraisablehook = self._unraisable
        if self._loop is not None and self._loop.get_exception_handler() == self._on_loop:
            self._loop.set_exception_handler(self._handler)
        logging.getLogger("asyncio").removeFilter(self._on_record)

    def _on_exception(self, kind: type[BaseException], exception: BaseException, trace: TracebackType | None) -> None:
        self._tell(exception, "program")
        if self._excepthook is sys.__excepthook__ and self._hides(exception):
            _print(stacktrace(exception, self._words))
        else:
            self._excepthook(kind, exception, trace)

    def _on_thread(self, args: threading.ExceptHookArgs) -> None:
        exception = args.exc_value
        self._tell(exception, "thread")
        if exception is not None and self._threadhook is threading.__excepthook__ and self._hides(exception):
            name = "" if args.thread is None else args.thread.name
            _print(f"Exception in thread {name}:\n{stacktrace(exception, self._words)}")
        else:
            self._threadhook(args)

    def _on_unraisable(self, args: sys.UnraisableHookArgs) -> None:
        exception = args.exc_value
        self._tell(exception, "finalizer")
        if exception is not None and self._unraisable is _default_unraisable and self._hides(exception):
            # The name and not the representation, which can contain anything.
            name = getattr(args.object, "__qualname__", None) or type(args.object).__name__
            _print(f"Exception ignored in {name}:\n{stacktrace(exception, self._words)}")
        else:
            self._unraisable(args)

    def _on_loop(self, loop: AbstractEventLoop, context: dict[str, Any]) -> None:
        self._tell(context.get("exception"), "task")
        if self._handler is not None:
            self._handler(loop, context)

    def _on_record(self, record: logging.LogRecord) -> bool:
        """Remove the text of an error from a record of asyncio, which repeats it in the representation of a task."""
        exception = record.exc_info[1] if record.exc_info else None
        if exception is not None:
            self._tell(exception, "task")
            if self._hides(exception):
                if self._words.recognises(exception) or is_a(exception, BaseExceptionGroup):
                    record.msg, record.args = str(record.getMessage()).partition("\n")[0], ()
                record.exc_info, record.exc_text = None, stacktrace(exception, self._words)
        return True

    def _tell(self, exception: object, operation: str) -> None:
        """Emit an exception if it is an error of a protocol, or the members of a group that are. Never raises."""
        if is_a(exception, BaseException):
            self._errors.saw(exception, Guard(self._errors, None, operation, outcome="failed"))

    def _hides(self, exception: BaseException) -> bool:
        """Return whether Python would print text from a peer. Never raises."""
        try:
            return self._words.hides(exception)
        except Exception as failure:  # noqa: BLE001 - no code is left that could catch it
            _log.debug("errnorm: an uncaught exception could not be read: %s", type(failure).__name__)
            return False


def _print(text: str) -> None:
    stream = sys.stderr
    # `sys.stderr` is `None` in a program without a console, and when the interpreter shuts down.
    if stream is not None:
        stream.write(f"{text}\n")
