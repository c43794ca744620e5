"""The names that the author of an adapter needs: the type of an adapter function, and the types that it takes and returns."""

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
    """
    The type of an adapter: one pure function for each protocol that turns a raw error into a `Signal`.

    It returns `None` for anything that does not belong to its protocol.
    """

    def __call__(self, error: object, /) -> Signal | None:
        """Return the facts in one raw error. An adapter never raises, never classifies the error and never logs."""
        ...
