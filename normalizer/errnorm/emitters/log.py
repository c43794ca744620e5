"""
The log: one event for each fault, and the same fields on the application's own lines.

The emitter writes `nats.error` or `xmpp.error` through structlog if the application has configured it, else through the
logger `errnorm` of the standard library. The processor adds the fields to lines the application writes itself:

    structlog.configure(processors=[..., errnorm.emitters.log.processor, ..., structlog.processors.JSONRenderer()])

It stands before anything that renders exceptions. All fields are flat and have dotted names; one that the application has set
itself stays as it is.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from errnorm.emitters.attributes import Attributes, attributes, circumstances, event_name, judgement
from errnorm.emitters.counts import LEDGER
from errnorm.emitters.exceptions import exception_attributes, stacktrace
from errnorm.emitters.privacy import escaped, peer_name
from errnorm.emitters.recognition import recognized
from errnorm.emitters.severity import Severity, severity
from errnorm.emitters.storm import Guard, Summary
from errnorm.emitters.summaries import Summaries
from errnorm.emitters.writers import writer
from errnorm.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from errnorm.emitters.counts import Ledger
    from errnorm.emitters.privacy import Privacy
    from errnorm.emitters.writers import Write
    from errnorm.model import Fault, NormalizedError

__all__ = ["LogEmitter", "Processor", "line", "processor"]

_Example = tuple["NormalizedError", "str | None", Severity]


def line(error: NormalizedError, settings: Settings, exception: BaseException | None = None, *, trace: bool = False) -> Attributes:
    """
    Return the fields that a log line about an error has.

    Args:
        error: The error.
        settings: What may be told.
        exception: The exception it arrived as.
        trace: Whether to add a stack trace.
    """
    privacy = settings.privacy
    told = attributes(error, privacy)
    text = _text(error, settings, privacy)
    if text:
        told["errnorm.text"] = text
    if exception is not None:
        told |= exception_attributes(exception, text)
        if trace:
            told["exception.stacktrace"] = stacktrace(exception, text)
    return told


def _text(error: NormalizedError, settings: Settings, privacy: Privacy) -> str | None:
    if settings.log_text == "none":
        return None
    if settings.log_text == "raw":
        return escaped(error.text or "", settings.limit) or None
    return privacy.text(error)


class LogEmitter:
    """
    Writes one line for each fault, and one for each storm.

    Attributes:
        guard: Decides which lines are written.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        ledger: Ledger = LEDGER,
        guard: Guard[_Example] | None = None,
        write: Write | None = None,
        schedule: Callable[[float, Callable[[], None]], None] | None = None,
    ) -> None:
        """
        Write as the settings say.

        Args:
            settings: What is told, and where.
            ledger: Where suppressed lines are counted.
            guard: The storm guard; made by the settings if not given.
            write: Writes one line; chosen by the settings if not given.
            schedule: Calls something after some seconds; a thread that sleeps if not given.
        """
        self._settings = settings
        self._ledger = ledger
        self._write = write or writer(settings.log_with)
        self._trace = settings.traceback == "always"
        self.guard = guard or Guard(settings.storm_burst, settings.storm_interval, settings.storm_keys)
        self._summaries = Summaries(self.guard, self._sum_up, ledger, schedule)

    def __call__(self, fault: Fault) -> None:
        """Write the line of a fault, or count it."""
        error, level = fault.error, severity(fault)
        verdict = error.verdict
        key = (verdict.code, verdict.section, error.protocol, fault.peer, level)
        admitted, due = self.guard.admit(key, level, (error, fault.peer, level))
        for summary in due:
            self._sum_up(summary)
        if admitted:
            told = line(error, self._settings, fault.exception, trace=self._trace)
            self._write(level, event_name(error), told | circumstances(fault))
        else:
            self._ledger.suppressed.add((key[:3], level), lambda: _counted(error))
            self._summaries.arm()

    def _sum_up(self, summary: Summary[_Example]) -> None:
        error, peer, level = summary.example
        told = dict(judgement(error))
        if peer is not None:
            told["errnorm.peer"] = peer_name(peer)
        told["errnorm.suppressed"] = summary.count
        told["errnorm.period"] = round(summary.seconds, 3)
        told["errnorm.text"] = f"{summary.count} more like this in {summary.seconds:.1f} s"
        self._write(level, event_name(error), told)

    def flush(self) -> None:
        """Write the summaries of everything that is counted."""
        self._summaries.flush()


def _counted(error: NormalizedError) -> Attributes:
    return {key: value for key, value in judgement(error).items() if key != "errnorm.tables.version"}


class Processor:
    """A structlog processor: adds the fields to every line that has an error of ours in it."""

    def __init__(self, settings: Settings | None = None) -> None:
        """Tell what the settings allow; those of the environment if not given."""
        self._settings = settings or Settings.load()

    def __call__(self, logger: object, name: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Look for an exception or a normalized error under `exc_info`, `error` and `exception`, and add the fields."""
        try:
            self._add(event_dict)
        except Exception:  # noqa: BLE001 - the line is the application's, and has to be written whatever happens here
            LEDGER.failed("processor")
        return event_dict

    def _add(self, event_dict: MutableMapping[str, Any]) -> None:
        for key in ("error", "exception", "exc_info"):
            found = recognized(event_dict.get(key))
            if found is None:
                continue
            error, exception = found
            asked = bool(event_dict.get("exc_info")) and self._settings.traceback == "asked"
            trace = self._settings.traceback == "always" or asked
            for name, value in line(error, self._settings, exception, trace=trace).items():
                event_dict.setdefault(name, value)
            self._take_out(event_dict, exception)
            return

    @staticmethod
    def _take_out(event_dict: MutableMapping[str, Any], exception: BaseException | None) -> None:
        # What was told must not be told again, in the peer's words, by a renderer that comes later; and a bare `error` next
        # to `error.type` is more than some of them can bear.
        for key in ("error", "exception"):
            if recognized(event_dict.get(key)) is not None:
                del event_dict[key]
        if exception is not None and event_dict.get("exc_info"):
            given = event_dict["exc_info"]
            same = given is True or given is exception or (isinstance(given, tuple) and exception in given)
            if same or recognized(given) is not None:
                del event_dict["exc_info"]


@cache
def _default() -> Processor:
    return Processor()


def processor(logger: object, name: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the fields to a structlog event that has an error in it, as the settings of the environment say."""
    return _default()(logger, name, event_dict)
