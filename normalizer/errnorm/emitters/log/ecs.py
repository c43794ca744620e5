"""
Rename fields to those of the Elastic Common Schema: a structlog processor and a filter for the standard library.

    structlog.configure(processors=[..., processor, ecs.processor, StructlogFormatter()])
    handler.addFilter(Fields()); handler.addFilter(ecs.Names())

`error.type` has the same name in both. A field for which the schema has a name gets that name; all other fields keep ours,
because the schema allows custom fields.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from errnorm.emitters.counts import LEDGER

if TYPE_CHECKING:
    from collections.abc import MutableMapping

__all__ = ["ECS_NAMES", "Names", "processor", "renamed"]

# The schema has no other name for the class of the exception (`error.type` is the reason). It must not be under `exception`,
# because the formatter for structlog treats everything there as a stack trace.
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
    Rename the fields of one event to those of the Elastic Common Schema.

    The value of a field `error` is moved to `error.message`, or to one field for each of its keys: formatters that turn dotted
    names into objects fail if there is both `error` and `error.type`.
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
    # An end that was intended is neither a success nor a failure.
    fields.setdefault("event.outcome", "unknown" if fields.get("errnorm.recovery") == "none" else "failure")


def processor(_logger: object, _name: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Rename the fields of a structlog event. Put it after the processor that adds the fields."""
    try:
        renamed(event_dict)
        # A string under `exception` is a stack trace that a renderer has made. The formatter expects an object there.
        if "error.type" in event_dict and isinstance(trace := event_dict.get("exception"), str):
            event_dict.setdefault("error.stack_trace", trace)
            del event_dict["exception"]
    except Exception:  # noqa: BLE001 - the application's line must be written in any case
        LEDGER.failed("ecs")
    return event_dict


class Names(logging.Filter):
    """A logging filter that renames the fields of each record, and rejects no record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rename the fields of a record. Add this filter after the one that adds the fields."""
        try:
            renamed(record.__dict__)
        except Exception:  # noqa: BLE001 - the application's record must be written in any case
            LEDGER.failed("ecs")
        return True
