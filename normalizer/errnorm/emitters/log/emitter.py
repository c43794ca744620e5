"""
The log: one event for each fault, and the same fields on the application's own lines.

The emitter writes `nats.error` or `xmpp.error` through structlog if the application has configured it, else through the
logger `errnorm` of the standard library. The processor adds the fields to lines the application writes itself:

    structlog.configure(processors=[..., errnorm.emitters.log.emitter.processor, ..., structlog.processors.JSONRenderer()])

It stands before anything that renders exceptions. All fields are flat and have dotted names; one that the application has set
itself stays as it is.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from errnorm.emitters.attributes import Attributes, circumstances, event_name, judgement
from errnorm.emitters.counts import LEDGER
from errnorm.emitters.log.lines import add_fields, line
from errnorm.emitters.log.storm import StormGuard, Summary
from errnorm.emitters.log.summaries import Summaries
from errnorm.emitters.log.writers import writer
from errnorm.emitters.severity import SEVERITIES, level_of
from errnorm.privacy import peer_name
from errnorm.settings import Settings, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from errnorm.emitters.counts import Ledger
    from errnorm.emitters.log.writers import Write
    from errnorm.error import Judgement, NormalizedError
    from errnorm.fault import Fault

__all__ = ["LogEmitter", "Processor", "processor"]


_MOST_ALIKE = 1024


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
        guard: StormGuard[NormalizedError] | None = None,
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
        self._template = settings.log_text == "template"
        self._trace = settings.traceback == "always"
        # Lines of known errors without parameters are all alike but for what happened around them.
        self._alike: dict[Judgement, Attributes] = {}
        self.guard = guard or StormGuard(settings.storm_burst, settings.storm_interval, settings.storm_keys)
        self._summaries = Summaries(self.guard, self._sum_up, ledger, schedule)

    def __call__(self, fault: Fault) -> None:
        """Write the line of a fault, or count it."""
        error, level = fault.error, level_of(fault)
        judgement = error.judgement
        code = judgement.code
        admitted, due = self.guard.admit((code, fault.peer, level, judgement.section, error.protocol), level, error)
        if due:
            self._summaries.write(due)
        if admitted:
            told = self._line(error, fault.exception)
            told.update(circumstances(fault))
            self._write(SEVERITIES[level], event_name(error), told)
        else:
            self._ledger.suppressed.add((code, judgement.section, error.protocol), _counted, error)
            self._summaries.arm()

    def _line(self, error: NormalizedError, exception: BaseException | None) -> Attributes:
        judgement = error.judgement
        alike = self._template and exception is None and not error.params and error.protocol == judgement.protocol
        if alike and (known := self._alike.get(judgement)) is not None:
            return known.copy()
        told = line(error, self._settings, exception, trace=self._trace)
        if alike and judgement.row is not None and len(self._alike) < _MOST_ALIKE:
            self._alike[judgement] = told.copy()
        return told

    def _sum_up(self, summary: Summary[NormalizedError]) -> None:
        told: Attributes = {}
        number, peer = summary.key, None
        if isinstance(summary.key, tuple):
            told = dict(judgement(summary.example))
            _, peer, number, *_ = summary.key
        if peer is not None:
            told["errnorm.peer"] = peer_name(peer)
        told["errnorm.suppressed"] = summary.suppressed
        told["errnorm.period"] = round(summary.seconds, 3)
        told["errnorm.text"] = f"{summary.suppressed} more {'like this' if 'error.type' in told else 'of many kinds'}"
        self._write(SEVERITIES[cast("int", number)], event_name(summary.example), told)

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

    def __call__(self, _logger: object, _name: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """
        Look for errors of ours and add the fields of the first, those under `error`, `exception` and `exc_info` before others.

        Those three keys are taken away; an error under another key, or in a list there, becomes the text that may be told.
        """
        try:
            # What was told must not be told again, in the peer's words, by a renderer that comes later; and a bare `error`
            # next to `error.type` is more than some of them can bear.
            for key in add_fields(event_dict, self._settings):
                del event_dict[key]
        except Exception:  # noqa: BLE001 - the line is the application's, and has to be written whatever happens here
            LEDGER.failed("processor")
        return event_dict


@cache
def _default() -> Processor:
    try:
        return Processor()
    except SettingsError as error:
        # Made when the application writes a line, which is no time to raise: whoever makes a middleware has been told.
        logging.getLogger("errnorm").error("errnorm: %s; the processor goes by the defaults", error)  # noqa: TRY400 - its message says it all
        return Processor(Settings())


def processor(logger: object, name: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the fields to a structlog event that has an error in it, as the settings of the environment say."""
    return _default()(logger, name, event_dict)
