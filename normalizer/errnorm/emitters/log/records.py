"""
A logging filter that adds the same fields, for applications that use only the standard library's `logging`.

    handler.addFilter(errnorm.emitters.log.records.Fields())

Every record with an exception that an adapter recognises gets the fields as attributes. JSON formatters write them automatically.
A format string that names a field needs a default for the other records:
`Formatter("… %(error.type)s", defaults={"error.type": ""})`. A filter on a handler sees the records of all loggers; a filter on a
logger sees only the records of that logger.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from errnorm.emitters.counts import LEDGER
from errnorm.emitters.log.lines import Reader
from errnorm.normalizer import default_normalizer
from errnorm.privacy import without_credentials
from errnorm.settings import Settings

if TYPE_CHECKING:
    from errnorm.normalizer import Normalizer

__all__ = ["Fields", "taken_out_of"]

# Code that reads a record after the handlers, such as the SDK of Sentry, still needs the exception that formatters must not
# print.
_TAKEN: WeakKeyDictionary[logging.LogRecord, Any] = WeakKeyDictionary()


def taken_out_of(record: logging.LogRecord) -> Any:  # noqa: ANN401 - the type of `exc_info`
    """Return the `exc_info` that the filter has removed from a record; `None` if it has removed none."""
    return _TAKEN.get(record)


def _remove_credentials(record: logging.LogRecord) -> None:
    """Remove the credentials in addresses from a message: `log.exception(f"failed: {error}")`."""
    if not record.args and isinstance(record.msg, str):
        record.msg = without_credentials(record.msg)
    elif isinstance(record.args, tuple):
        record.args = tuple(without_credentials(value) if isinstance(value, str) else value for value in record.args)


class Fields(logging.Filter):
    """A logging filter that adds the fields to records with an error that an adapter recognises, and rejects no record."""

    def __init__(self, settings: Settings | None = None, normalizer: Normalizer | None = None) -> None:
        """
        Create a filter.

        Args:
            settings: The settings; those of the environment if not given.
            normalizer: A normalizer with tables of your own; the one with the installed tables if not given.
        """
        super().__init__()
        self._reader = Reader(settings or Settings.load(), normalizer or default_normalizer())

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the fields, remove the original messages of exceptions, and keep a stack trace if the settings ask for it."""
        try:
            self._add(record, record.__dict__)
        except Exception:  # noqa: BLE001 - the application's record must be written in any case
            LEDGER.failed("records")
        return True

    def _add(self, record: logging.LogRecord, fields: dict[str, Any]) -> None:
        # The fields of a record include its message and its arguments.
        told, watched = self._reader.read(fields)
        for name, value in told.items():
            fields.setdefault(name, value)
        if told:
            _remove_credentials(record)
        for name in watched:
            if name == "exc_info":
                # Formatters print `exc_text` if it is set. Otherwise they would render the exception with its original message.
                _TAKEN[record] = fields["exc_info"]
                fields["exc_info"], fields["exc_text"] = None, fields.get("exception.stacktrace")
            else:
                del fields[name]
