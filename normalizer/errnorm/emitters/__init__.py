"""
The emitters, which write faults to logs, spans and metrics. Any function that takes a fault can be an emitter.

structlog and OpenTelemetry are not imported here: the application imports the one that it logs with, the API of traces if it has
spans, and the API of metrics if it has metrics.
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

# The names under which failures of the built-in emitters are counted, by module.
_OWN = {"log.emitter": "log", "otel.span": "span", "otel.metric": "metric", "operations": "metric"}
_LONGEST_NAME = 128
_MOST_SAID = 32


def __getattr__(name: str) -> object:
    """Import a package of emitters on first access."""
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
        SettingsError: If a setting of the environment is not valid.
    """
    from errnorm.settings import Settings  # noqa: PLC0415 - emitters of the application need no settings

    settings = settings or Settings.load()
    return tuple(emitter for name in settings.emitters for emitter in _made(name, settings))


def _made(name: str, settings: Settings) -> tuple[Emitter, ...]:
    if name == "log":
        from errnorm.emitters.log.emitter import LogEmitter  # noqa: PLC0415 - imported only if it is used

        return (LogEmitter(settings),)
    if name == "span":
        from errnorm.emitters.otel import span  # noqa: PLC0415 - imported only if it is used

        return (span.emitter(settings),)
    from errnorm.emitters.otel import metric  # noqa: PLC0415 - imported only if it is used

    return metric.emitter(), LEDGER.operations


class Teller:
    """
    Passes each fault to all emitters, and never raises into the application.

    If an emitter raises, the failure is counted, and logged once for each emitter and class of exception; the other emitters
    still receive the fault. A fault that happens on the same thread while another one is being emitted (for example in a log
    handler that sends its lines over the connection that failed) is only counted, because emitting it could go on for ever. An
    exception that is not an `Exception`, such as a keyboard interrupt, is not caught.
    """

    __slots__ = ("_busy", "_emitters", "_ledger", "_said")

    def __init__(self, emitters: Iterable[Emitter], ledger: Ledger = LEDGER) -> None:
        """
        Store the emitters, in the order in which they receive faults.

        Args:
            emitters: Functions that take a fault. If an emitter has a true attribute `reentrant`, it also receives faults that
                happen while another fault is being emitted. If it has a true attribute `of_operations`, it also receives an
                operation that has failed because of a fault that its connection has already emitted.
            ledger: Counts the failures of emitters.
        """
        self._emitters = tuple(emitters)
        self._ledger = ledger
        self._busy = _Busy()
        self._said: set[tuple[str, str]] = set()

    def __call__(self, fault: Fault) -> None:
        """Pass a fault to all emitters; in an empty context if its outcome is `background`, so that no span is changed."""
        if fault.outcome == "background":
            Context().run(self._tell_all, fault, self._emitters)
        else:
            self._tell_all(fault, self._emitters)

    def operation(self, fault: Fault) -> None:
        """Pass an operation that has failed because of a fault that was already emitted to the emitters with `of_operations`."""
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
            except Exception as error:  # noqa: BLE001 - an exception of an emitter must not replace the error at hand
                self._failed(emitter, error)

    def _failed(self, emitter: Emitter, error: Exception) -> None:
        name, kind = _name(emitter), escaped(type(error).__name__, _LONGEST_NAME)
        self._ledger.failed(name)
        # The number of messages is limited, because an emitter could raise an exception of a new class each time.
        if (name, kind) not in self._said and len(self._said) < _MOST_SAID:
            self._said.add((name, kind))
            _say(f"errnorm: the emitter {name} failed with {kind}; this is logged once, and further failures are only counted")

    def saw(self, exception: BaseException, error: NormalizedError) -> None:
        """Pass the error of an exception group, whose members were emitted, to the emitters that have a method `saw`."""
        self._each("saw", exception, error)

    def recovered(self, protocol: str, operation: str | None, peer: str | None, seconds: float) -> None:
        """Pass the recovery of a connection to the emitters that have a method `recovered`."""
        self._each("recovered", protocol, operation, peer, seconds)

    def settled(self, settlement: str, protocol: str, operation: str | None, error: NormalizedError | None) -> None:
        """Pass the settlement of a message to the emitters that have a method `settled`."""
        self._each("settled", settlement, protocol, operation, error)

    def flush(self) -> None:
        """Write what the emitters still hold back, such as the summary of a storm."""
        self._each("flush")

    def _each(self, name: str, *arguments: object) -> None:
        for emitter in self._emitters:
            try:
                getattr(emitter, name, _nothing)(*arguments)
            except Exception as error:  # noqa: BLE001 - as above
                self._failed(emitter, error)


class _Busy(threading.local):
    """Whether this thread is emitting a fault."""

    now = False


def _nothing(*_: object) -> None:
    """Do nothing, in the place of an optional method that an emitter does not have."""


def _attribute(emitter: object, name: str) -> object:
    try:
        return getattr(emitter, name, None)
    except Exception:  # noqa: BLE001 - an emitter whose attributes cannot be read must not stop the others
        return None


def _name(emitter: Emitter) -> str:
    named = emitter if isinstance(_attribute(emitter, "__qualname__"), str) else type(emitter)
    module = str(_attribute(named, "__module__")).removeprefix("errnorm.emitters.")
    if module in _OWN:
        return _OWN[module]
    return escaped(f"{module}.{_attribute(named, '__qualname__')}", _LONGEST_NAME)


def _say(message: str) -> None:
    # If logging fails too, write to standard error; if that also fails, give up.
    try:
        logging.getLogger("errnorm").error(message)
    except Exception:  # noqa: BLE001 - see above
        with suppress(Exception):
            sys.stderr.write(message + "\n")
