"""
The same fields for applications that use nothing but the standard library's `logging`.

    handler.addFilter(errnorm.emitters.records.Fields())

Every record with an exception of ours in it gets the fields as attributes: a formatter reaches them as `%(error.type)s`, and
JSON formatters write them by themselves. On a handler the filter sees the records of all loggers; on a logger only its own.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from errnorm.emitters.counts import LEDGER
from errnorm.emitters.lines import line
from errnorm.emitters.recognition import recognized
from errnorm.settings import Settings

if TYPE_CHECKING:
    from errnorm.model import NormalizedError

__all__ = ["Fields"]


class Fields(logging.Filter):
    """A filter that lets everything through and adds the fields to records with an error of ours in them."""

    def __init__(self, settings: Settings | None = None, defaults: tuple[str, ...] = ("error.type",)) -> None:
        """
        Tell what the settings allow.

        Args:
            settings: The settings; those of the environment if not given.
            defaults: Attributes that records without an error of ours get too, empty, so that a format can name them.
        """
        super().__init__()
        self._settings = settings or Settings.load()
        self._defaults = defaults

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the fields. The exception's own words are taken out, the stack trace stays if the settings have it."""
        try:
            self._add(record)
        except Exception:  # noqa: BLE001 - the record is the application's, and has to be written whatever happens here
            LEDGER.failed("records")
        for name in self._defaults:
            record.__dict__.setdefault(name, "")
        return True

    def _add(self, record: logging.LogRecord) -> None:
        for source in (record.exc_info, record.__dict__.get("error"), record.__dict__.get("exception")):
            found = recognized(source)
            if found is not None:
                self._fill(record, *found)
                return

    def _fill(self, record: logging.LogRecord, error: NormalizedError, exception: BaseException | None) -> None:
        fields = record.__dict__
        asked = record.exc_info is not None and self._settings.traceback == "asked"
        told = line(error, self._settings, exception, trace=asked or self._settings.traceback == "always")
        for name, value in told.items():
            fields.setdefault(name, value)
        if record.exc_info is not None:
            # Formatters print what stands in `exc_text`, and would otherwise render the exception with its own words.
            record.exc_info, record.exc_text = None, str(told.get("exception.stacktrace", "")) or None
        for name in ("error", "exception"):
            if recognized(fields.get(name)) is not None:
                del fields[name]
