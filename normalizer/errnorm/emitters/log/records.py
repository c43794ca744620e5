"""
The same fields for applications that use nothing but the standard library's `logging`.

    handler.addFilter(errnorm.emitters.log.records.Fields())

Every record with an exception of ours in it gets the fields as attributes. JSON formatters write them by themselves; one that
names them needs to know what the other records have there: `Formatter("… %(error.type)s", defaults={"error.type": ""})`. On a
handler the filter sees the records of all loggers; on a logger only its own.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from errnorm.emitters.counts import LEDGER
from errnorm.emitters.log.lines import Reader
from errnorm.normalizer import default_normalizer
from errnorm.settings import Settings

if TYPE_CHECKING:
    from errnorm.normalizer import Normalizer

__all__ = ["Fields", "taken_out_of"]

# What looks at a record after the handlers, as the SDK of Sentry does, still needs the exception that formatters must not print.
_TAKEN: WeakKeyDictionary[logging.LogRecord, Any] = WeakKeyDictionary()


def taken_out_of(record: logging.LogRecord) -> Any:  # noqa: ANN401 - whatever stood in `exc_info`
    """Return the `exc_info` that the filter took out of a record; `None` if it took none."""
    return _TAKEN.get(record)


class Fields(logging.Filter):
    """A filter that lets everything through and adds the fields to records with an error of ours in them."""

    def __init__(self, settings: Settings | None = None, normalizer: Normalizer | None = None) -> None:
        """
        Tell what the settings allow.

        Args:
            settings: The settings; those of the environment if not given.
            normalizer: With tables of your own; otherwise the installed ones.
        """
        super().__init__()
        self._reader = Reader(settings or Settings.load(), normalizer or default_normalizer())

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the fields. The exceptions' own words are taken out, the stack trace stays if the settings have it."""
        try:
            self._add(record, record.__dict__)
        except Exception:  # noqa: BLE001 - the record is the application's, and has to be written whatever happens here
            LEDGER.failed("records")
        return True

    def _add(self, record: logging.LogRecord, fields: dict[str, Any]) -> None:
        # The message and its arguments stand among the others.
        told, watched = self._reader.read(fields)
        for name, value in told.items():
            fields.setdefault(name, value)
        for name in watched:
            if name == "exc_info":
                # Formatters print what stands in `exc_text`, and would otherwise render the exception with its own words.
                _TAKEN[record] = fields["exc_info"]
                fields["exc_info"], fields["exc_text"] = None, fields.get("exception.stacktrace")
            else:
                del fields[name]
