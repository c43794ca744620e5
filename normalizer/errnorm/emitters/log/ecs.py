"""
Rename fields to those of the Elastic Common Schema: a structlog processor and a filter for the standard library.

    structlog.configure(processors=[..., processor, ecs.processor, StructlogFormatter()])
    handler.addFilter(Fields()); handler.addFilter(ecs.Names())

`error.type` is the same in both worlds. What has a name there gets it, everything else keeps ours: the schema leaves names
outside its own to whoever brings them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from errnorm.emitters.counts import LEDGER

if TYPE_CHECKING:
    from collections.abc import MutableMapping

__all__ = ["ECS_NAMES", "Names", "processor", "renamed"]

# The class of the exception has no name there (`error.type` is the reason), and must not stay under `exception`: the formatter
# for structlog takes all that stands there for a stack trace.
# Elastic Common Schema, fields of `error` and `event`: https://www.elastic.co/docs/reference/ecs/ecs-error
ECS_NAMES: Final[Mapping[str, str]] = {
    "errnorm.code": "error.code",
    "errnorm.text": "error.message",
    "exception.message": "error.message",
    "exception.stacktrace": "error.stack_trace",
    "exception.type": "errnorm.exception",
    "errnorm.category": "event.reason",
    "trace_id": "trace.id",
    "span_id": "span.id",
}
# Allowed values: https://www.elastic.co/docs/reference/ecs/ecs-allowed-values-event-category and …-event-type
_EVENTS: Final[Mapping[str, tuple[str, str]]] = {
    "auth": ("authentication", "info"),
    "auth.forbidden": ("api", "denied"),
    "limits": ("api", "denied"),
    "protocol": ("api", "info"),
    "protocol.configuration": ("configuration", "info"),
    "transport": ("network", "connection"),
    "shutdown": ("session", "end"),
}


def renamed(fields: MutableMapping[str, Any]) -> None:
    """
    Give the fields of one event their names in the Elastic Common Schema.

    Whatever stands under a bare `error` goes to `error.message` or is spread out: next to `error.type`, formatters that make
    objects of the dots cannot bear it.
    """
    if not fields.get("error.type"):
        return
    bare = fields.pop("error", None)
    if isinstance(bare, Mapping):
        for name, value in bare.items():
            fields.setdefault(f"error.{name}", value)
    elif bare is not None:
        fields.setdefault("error.message", str(bare))
    for ours, theirs in ECS_NAMES.items():
        value = fields.pop(ours, None)
        if value is not None:
            fields.setdefault(theirs, value)
    _classify(fields)


def _classify(fields: MutableMapping[str, Any]) -> None:
    reason = str(fields["error.type"])
    event = _EVENTS.get(reason) or _EVENTS.get(reason.partition(".")[0])
    fields.setdefault("event.kind", "event")
    if event is not None:
        fields.setdefault("event.category", [event[0]])
        fields.setdefault("event.type", [event[1]])
    # What ended as it should is neither a success nor a failure of anything.
    fields.setdefault("event.outcome", "unknown" if fields.get("errnorm.recovery") == "none" else "failure")


def processor(_logger: object, _name: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Rename the fields of a structlog event. Stands after the processor that adds them."""
    try:
        renamed(event_dict)
        # The formatter would put it where an object is: what a renderer has made of an exception is a stack trace.
        if "error.type" in event_dict and isinstance(trace := event_dict.get("exception"), str):
            event_dict.setdefault("error.stack_trace", trace)
            del event_dict["exception"]
    except Exception:  # noqa: BLE001 - the line is the application's, and has to be written whatever happens here
        LEDGER.failed("ecs")
    return event_dict


class Names(logging.Filter):
    """A filter that lets everything through and renames the fields of a record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rename the fields. Stands after the filter that adds them."""
        try:
            renamed(record.__dict__)
        except Exception:  # noqa: BLE001 - the record is the application's, and has to be written whatever happens here
            LEDGER.failed("ecs")
        return True
