"""Judge an exception of which only the class and the message were recorded, as in a span or in an event for Sentry."""

from __future__ import annotations

from typing import TYPE_CHECKING

from errnorm.exceptions import ReportedException
from errnorm.regex import regex

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.error import NormalizedError

__all__ = ["recorded"]

# `err_code=10059 description='stream not found'`: attributes that a library writes into the message of its exception.
_PAIR = regex(r"\b([a-z_]{1,32})=(?:(\d{1,9})\b|'([^']{0,256})')")


def recorded(normalize: Callable[[object], NormalizedError], kind: str, words: str) -> NormalizedError | None:
    """
    Return what a recorded exception means; `None` if it belongs to the application.

    Args:
        normalize: Returns what an exception means.
        kind: The dotted name of its class. The module of a built-in exception may be missing.
        words: Its message.
    """
    if words.startswith("<"):
        # The message of an exception can be the XML element from which it was made.
        error = normalize(words)
        if error.known:
            return error
    pairs: dict[str, object] = {}
    for name, number, text in _PAIR.findall(words):
        pairs.setdefault(name, int(number) if number else text)
    error = normalize(ReportedException((kind if "." in kind else f"builtins.{kind}",), words, pairs))
    return error if error.claimed else None
