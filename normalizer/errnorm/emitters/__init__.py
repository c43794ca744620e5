"""
The emitters: who is told of a fault. Logs, spans and metrics, and any function of one's own.

Neither structlog nor OpenTelemetry is imported before `default_emitters` is called, and then only what the settings name.
"""

from __future__ import annotations

import logging
import sys
import threading
from contextlib import suppress
from contextvars import Context
from importlib import import_module
from typing import TYPE_CHECKING

from errnorm.emitters.counts import LEDGER
from errnorm.escape import escaped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from errnorm.emitters.counts import Ledger
    from errnorm.error import NormalizedError
    from errnorm.fault import Emitter, Fault
    from errnorm.settings import Settings

__all__ = ["Teller", "default_emitters"]

# What a built-in emitter is called where its failures are counted, by its module.
_OWN = {"log.emitter": "log", "otel.span": "span", "otel.metric": "metric", "operations": "metric"}
_LONGEST_NAME = 128
_MOST_SAID = 32


def __getattr__(name: str) -> object:
    """Import a family of emitters when it is first asked for."""
    if name in {"log", "otel", "sentry"}:
        return import_module(f"errnorm.emitters.{name}")
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)


def default_emitters(settings: Settings | None = None) -> tuple[Emitter, ...]:
    """
    Return the emitters that the settings name.

    Args:
        settings: The settings; those of the environment if not given.

    Raises:
        SettingsError: If a setting of the environment cannot be used.
    """
    from errnorm.settings import Settings  # noqa: PLC0415 - pydantic is needed only here

    settings = settings or Settings.load()
    return tuple(emitter for name in settings.emitters for emitter in _made(name, settings))


def _made(name: str, settings: Settings) -> tuple[Emitter, ...]:
    if name == "log":
        from errnorm.emitters.log.emitter import LogEmitter  # noqa: PLC0415 - imported by who uses it

        return (LogEmitter(settings),)
    if name == "span":
        from errnorm.emitters.otel import span  # noqa: PLC0415 - imported by who uses it

        return (span.emitter(settings),)
    from errnorm.emitters.otel import metric  # noqa: PLC0415 - imported by who uses it

    return metric.emitter(), LEDGER.operations


class Teller:
    """
    Tells each emitter of a fault, and never gets in the way.

    What an emitter raises is counted and said once for each emitter and class of exception; then the next one is told. A
    fault that comes up on the same thread while one is being told (a log handler that sends its lines over the very
    connection that failed) is only counted, or it would never come to an end. What is no `Exception`, like a keyboard
    interrupt, passes.
    """

    __slots__ = ("_busy", "_emitters", "_ledger", "_said")

    def __init__(self, emitters: Iterable[Emitter], ledger: Ledger = LEDGER) -> None:
        """
        Tell these emitters, in their order.

        Args:
            emitters: Functions that take a fault. One with an attribute `reentrant` that is true is also told what comes up
                while another fault is being told; one with `of_operations` also that an operation failed of a fault that a
                connection has told already.
            ledger: Where failures are counted.
        """
        self._emitters = tuple(emitters)
        self._ledger = ledger
        self._busy = _Busy()
        self._said: set[tuple[str, str]] = set()

    def __call__(self, fault: Fault) -> None:
        """Tell all of them; what happened in the background is told in an empty context, because it belongs to nobody's."""
        if fault.outcome == "background":
            Context().run(self._tell_all, fault, self._emitters)
        else:
            self._tell_all(fault, self._emitters)

    def operation(self, fault: Fault) -> None:
        """Tell that an operation failed of a fault that was told before: those who tell of operations, not of faults."""
        self._tell_all(fault, [emitter for emitter in self._emitters if _attribute(emitter, "of_operations") is True])

    def _tell_all(self, fault: Fault, emitters: Iterable[Emitter]) -> None:
        if self._busy.now:
            self._tell(fault, [emitter for emitter in emitters if _attribute(emitter, "reentrant") is True])
            self._ledger.failed("re-entered")
            return
        self._busy.now = True
        try:
            self._tell(fault, emitters)
        finally:
            self._busy.now = False

    def _tell(self, fault: Fault, emitters: Iterable[Emitter]) -> None:
        for emitter in emitters:
            try:
                emitter(fault)
            except Exception as error:  # noqa: BLE001 - what it raises must not take the place of the error being told
                self._failed(emitter, error)

    def _failed(self, emitter: Emitter, error: Exception) -> None:
        name, kind = _name(emitter), escaped(type(error).__name__, _LONGEST_NAME)
        self._ledger.failed(name)
        # Classes can be made by the thousand, and somebody may fail with a new one each time.
        if (name, kind) not in self._said and len(self._said) < _MOST_SAID:
            self._said.add((name, kind))
            _say(f"errnorm: the emitter {name} failed with {kind}; this is said once, and counted from now on")

    def saw(self, exception: BaseException, error: NormalizedError) -> None:
        """Tell the emitters that want to know what was made of a group, whose members were told."""
        for emitter in self._emitters:
            try:
                getattr(emitter, "saw", _nothing)(exception, error)
            except Exception as failure:  # noqa: BLE001 - as above
                self._failed(emitter, failure)

    def recovered(self, protocol: str, operation: str | None, peer: str | None, seconds: float) -> None:
        """Tell the emitters that have a line for it that a connection works again."""
        for emitter in self._emitters:
            try:
                getattr(emitter, "recovered", _nothing)(protocol, operation, peer, seconds)
            except Exception as error:  # noqa: BLE001 - as above
                self._failed(emitter, error)

    def flush(self) -> None:
        """Have everything written that emitters still hold back, like the summary of a storm."""
        for emitter in self._emitters:
            try:
                getattr(emitter, "flush", _nothing)()
            except Exception as error:  # noqa: BLE001 - as above
                self._failed(emitter, error)


class _Busy(threading.local):
    """Whether this thread is telling a fault."""

    now = False


def _nothing(*_: object) -> None:
    """Do nothing: most emitters hold nothing back."""


def _attribute(emitter: object, name: str) -> object:
    try:
        return getattr(emitter, name, None)
    except Exception:  # noqa: BLE001 - an emitter that cannot even be asked still must not keep the others from being told
        return None


def _name(emitter: Emitter) -> str:
    named = emitter if isinstance(_attribute(emitter, "__qualname__"), str) else type(emitter)
    module = str(_attribute(named, "__module__")).removeprefix("errnorm.emitters.")
    if module in _OWN:
        return _OWN[module]
    return escaped(f"{module}.{_attribute(named, '__qualname__')}", _LONGEST_NAME)


def _say(message: str) -> None:
    # Logging may be the very thing that fails; then standard error, and if that is gone too, nobody.
    try:
        logging.getLogger("errnorm").error(message)
    except Exception:  # noqa: BLE001 - see above
        with suppress(Exception):
            sys.stderr.write(message + "\n")
