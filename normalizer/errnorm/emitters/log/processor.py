"""
A structlog processor that adds the fields of an error to the lines that the application itself writes.

    structlog.configure(processors=[..., errors.processor, ..., structlog.processors.JSONRenderer()])   # of a middleware
    structlog.configure(processors=[..., errnorm.emitters.log.processor, ...])   # with the settings of the environment

Put it before any processor that renders exceptions. Fields that the application has set are not changed.
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
from errnorm.privacy import without_credentials
from errnorm.settings import Settings, SettingsError

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from errnorm.emitters.attributes import Attributes
    from errnorm.normalizer import Normalizer

__all__ = ["Processor", "processor"]


# The fields for a line on a console. With all fields a line would be too long to read.
_ON_A_CONSOLE = ("error.type", "errnorm.recovery", "errnorm.text")
_LONGEST_ON_A_CONSOLE = 72


class Processor:
    """A structlog processor that adds the fields to every line with an error that an adapter recognises."""

    def __init__(self, settings: Settings | None = None, normalizer: Normalizer | None = None) -> None:
        """
        Create a processor.

        Args:
            settings: The settings; those of the environment if not given.
            normalizer: A normalizer with tables of your own; the one with the installed tables if not given.
        """
        self._reader = Reader(settings or Settings.load(), normalizer or default_normalizer())

    def __call__(self, _logger: object, _name: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """
        Add the fields of the first recognised error in a line: first under `error`, `exception` and `exc_info`, then elsewhere.

        An error under one of those three keys is removed. An error under another key, also inside a list or dictionary, is
        replaced by its redacted text.
        """
        try:
            told, watched = self._reader.read(event_dict)
            # A later renderer would print the error again with its original text. And some renderers fail if there is both
            # `error` and `error.type`.
            for key in watched:
                del event_dict[key]
            if "error.type" in told and isinstance(event_dict.get("error"), str):
                event_dict.setdefault("error.message", event_dict.pop("error"))
            if told and isinstance(said := event_dict.get("event"), str):
                event_dict["event"] = without_credentials(said)  # `log.exception(f"failed: {error}")`
            for name, value in (_for_people(told) if told and is_console() else told).items():
                event_dict.setdefault(name, value)
        except Exception:  # noqa: BLE001 - the application's line must be written in any case
            LEDGER.failed("processor")
        return event_dict


def _for_people(told: Attributes) -> Attributes:
    few: Attributes = {name: escaped(str(told[name]), _LONGEST_ON_A_CONSOLE) for name in _ON_A_CONSOLE if name in told}
    if (trace := told.get("exception.stacktrace")) is not None:
        # structlog prints the value of `exception` below the line.
        few["exception"] = trace
    return few


@cache
def _default() -> Processor:
    try:
        return Processor()
    except SettingsError as error:
        # This runs when the application writes a line and must not raise. Making a middleware raises this error.
        logging.getLogger("errnorm").error("errnorm: %s; the processor uses the defaults", error)  # noqa: TRY400 - the message is enough
        return Processor(Settings())


def processor(logger: object, name: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the fields to a structlog event with an error in it, with the settings of the environment."""
    return _default()(logger, name, event_dict)
