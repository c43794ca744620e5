"""
The emitters: who is told of a fault. Logs, spans and metrics, and any function of one's own.

Neither structlog nor OpenTelemetry is imported before `default_emitters` is called, and then only what the settings name.
"""

from __future__ import annotations

import logging
import sys
import threading
from typing import TYPE_CHECKING

from errnorm.emitters.counts import LEDGER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from errnorm.emitters.counts import Ledger
    from errnorm.model import Emitter, Fault
    from errnorm.settings import Settings

__all__ = ["Teller", "default_emitters"]


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
    return tuple(_made(name, settings) for name in settings.emitters)


def _made(name: str, settings: Settings) -> Emitter:
    if name == "log":
        from errnorm.emitters.log import LogEmitter  # noqa: PLC0415 - imported by who uses it

        return LogEmitter(settings)
    if name == "span":
        from errnorm.emitters import span  # noqa: PLC0415 - imported by who uses it

        return span.emitter(settings)
    from errnorm.emitters import metric  # noqa: PLC0415 - imported by who uses it

    return metric.emitter()


class Teller:
    """
    Tells each emitter of a fault, and never gets in the way.

    What an emitter raises is counted and said once for each emitter and class of exception; then the next one is told. An
    emitter that is telling already, on the same thread, is left out: a log handler that sends its lines over the very
    connection that failed would otherwise never come to an end. What is no `Exception`, like a keyboard interrupt, passes.
    """

    __slots__ = ("_busy", "_emitters", "_ledger", "_names", "_said")

    def __init__(self, emitters: Iterable[Emitter], ledger: Ledger = LEDGER) -> None:
        """
        Tell these emitters, in their order.

        Args:
            emitters: Functions that take a fault.
            ledger: Where failures are counted.
        """
        self._emitters = tuple(emitters)
        self._names = tuple(_name(emitter) for emitter in self._emitters)
        self._ledger = ledger
        self._busy = threading.local()
        self._said: set[tuple[str, str]] = set()

    def __call__(self, fault: Fault) -> None:
        """Tell all of them."""
        busy: set[int] | None = getattr(self._busy, "at", None)
        if busy is None:
            busy = self._busy.at = set()
        for index, emitter in enumerate(self._emitters):
            if index in busy:
                self._ledger.failed(f"{self._names[index]} (re-entered)")
                continue
            busy.add(index)
            try:
                emitter(fault)
            except Exception as error:  # noqa: BLE001 - what it raises must not take the place of the error being told
                self._failed(index, error)
            finally:
                busy.discard(index)

    def _failed(self, index: int, error: Exception) -> None:
        name, kind = self._names[index], type(error).__name__
        self._ledger.failed(name)
        if (name, kind) not in self._said:
            self._said.add((name, kind))
            _say(f"errnorm: the emitter {name} failed with {kind}; this is said once, and counted from now on")

    def flush(self) -> None:
        """Have everything written that emitters still hold back, like the summary of a storm."""
        for index, emitter in enumerate(self._emitters):
            try:
                getattr(emitter, "flush", _nothing)()
            except Exception as error:  # noqa: BLE001 - as above
                self._failed(index, error)


def _nothing() -> None:
    """Do nothing: most emitters hold nothing back."""


def _name(emitter: Emitter) -> str:
    named = emitter if hasattr(emitter, "__qualname__") else type(emitter)
    module = str(getattr(named, "__module__", "")).removeprefix("errnorm.emitters.")
    if module in {"log", "span", "metric"}:
        return module
    return f"{module}.{getattr(named, '__qualname__', 'emitter')}"


def _say(message: str) -> None:
    # Logging may be the very thing that fails; then standard error, and if that is gone too, nobody.
    try:
        logging.getLogger("errnorm").error(message)
    except Exception:  # noqa: BLE001 - see above
        try:
            sys.stderr.write(message + "\n")
        except Exception:  # noqa: BLE001, S110 - see above
            pass
