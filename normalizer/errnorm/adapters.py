"""What somebody needs who writes an adapter: the function to write, and what it takes and returns."""

from __future__ import annotations

from typing import Protocol

from errnorm.error import Params, Record, Signal
from errnorm.exceptions import ReportedException, attribute, causes, class_names, message_of

__all__ = [
    "Adapter",
    "Params",
    "Record",
    "ReportedException",
    "Signal",
    "attribute",
    "causes",
    "class_names",
    "message_of",
]


class Adapter(Protocol):
    """One pure function for each protocol: it turns one raw thing into a `Signal`; into `None` if it is not of its protocol."""

    def __call__(self, error: object, /) -> Signal | None:
        """Observe one raw error. Never raises, never judges, never logs."""
        ...
