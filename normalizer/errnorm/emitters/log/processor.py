"""
Add what is told of an error to the lines that the application writes itself: a processor for structlog.

    structlog.configure(processors=[..., errors.processor, ..., structlog.processors.JSONRenderer()])   # of a middleware
    structlog.configure(processors=[..., errnorm.emitters.log.processor, ...])   # as the settings of the environment say

It stands before anything that renders exceptions. What the application has set itself stays as it is.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING, Any

from errnorm.emitters.counts import LEDGER
from errnorm.emitters.log.lines import Reader
from errnorm.emitters.log.writers import is_console
from errnorm.escape import escaped
from errnorm.normalizer import default_normalizer
from errnorm.settings import Settings, SettingsError

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from errnorm.emitters.attributes import Attributes
    from errnorm.normalizer import Normalizer

__all__ = ["Processor", "processor"]


# What people can read on a line of a console; the rest would make it as long as a page.
_ON_A_CONSOLE = ("error.type", "errnorm.recovery", "errnorm.text")
_LONGEST_ON_A_CONSOLE = 72


class Processor:
    """A structlog processor: adds the fields to every line that has an error of ours in it."""

    def __init__(self, settings: Settings | None = None, normalizer: Normalizer | None = None) -> None:
        """
        Tell what the settings allow.

        Args:
            settings: The settings; those of the environment if not given.
            normalizer: With tables of your own; otherwise the installed ones.
        """
        self._reader = Reader(settings or Settings.load(), normalizer or default_normalizer())

    def __call__(self, _logger: object, _name: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """
        Look for errors of ours and add the fields of the first, those under `error`, `exception` and `exc_info` before others.

        Those three keys are taken away; an error under another key, or in a list there, becomes the text that may be told.
        """
        try:
            told, watched = self._reader.read(event_dict)
            # What was told must not be told again, in the peer's words, by a renderer that comes later; and a bare `error`
            # next to `error.type` is more than some of them can bear.
            for key in watched:
                del event_dict[key]
            if "error.type" in told and isinstance(event_dict.get("error"), str):
                event_dict.setdefault("error.message", event_dict.pop("error"))
            for name, value in (_for_people(told) if told and is_console() else told).items():
                event_dict.setdefault(name, value)
        except Exception:  # noqa: BLE001 - the line is the application's, and has to be written whatever happens here
            LEDGER.failed("processor")
        return event_dict


def _for_people(told: Attributes) -> Attributes:
    few: Attributes = {name: escaped(str(told[name]), _LONGEST_ON_A_CONSOLE) for name in _ON_A_CONSOLE if name in told}
    if (trace := told.get("exception.stacktrace")) is not None:
        # structlog prints what stands there below the line.
        few["exception"] = trace
    return few


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
