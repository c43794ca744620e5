"""One vocabulary for the errors of NATS and XMPP: what happened, may I retry, what must come first."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from errnorm.decision import Decision, RetryPolicy, RetryState, Verdict, decide
from errnorm.error import Adapter, NormalizedError, Record, Signal
from errnorm.exceptions import ReportedException
from errnorm.marks import known as _known
from errnorm.marks import of
from errnorm.normalizer import Normalizer
from errnorm.normalizer import unjudged as _unjudged
from errnorm.taxonomy import Category, Effect, Evidence, Reach, Reason, Recovery

if TYPE_CHECKING:
    from errnorm.finding import Finder, Finding
    from errnorm.middleware import Guard, Middleware
    from errnorm.settings import Settings
    from errnorm.supervisor import StoppedError, supervise
    from errnorm.tables.row import Row
    from errnorm.tables.source import TableError

__all__ = [
    "Adapter",
    "Category",
    "Decision",
    "Effect",
    "Evidence",
    "Guard",
    "Middleware",
    "NormalizedError",
    "Normalizer",
    "Reach",
    "Reason",
    "Record",
    "Recovery",
    "ReportedException",
    "RetryPolicy",
    "RetryState",
    "Row",
    "Settings",
    "Signal",
    "StoppedError",
    "TableError",
    "Verdict",
    "decide",
    "default_normalizer",
    "find",
    "is_retryable",
    "is_terminal",
    "normalize",
    "of",
    "supervise",
]

# Imported when they are first asked for: who only normalizes pays for nothing else.
_LAZY = {
    "Guard": "errnorm.middleware",
    "Middleware": "errnorm.middleware",
    "Row": "errnorm.tables.row",
    "Settings": "errnorm.settings",
    "StoppedError": "errnorm.supervisor",
    "TableError": "errnorm.tables.source",
    "supervise": "errnorm.supervisor",
}
_LAZY_MODULES = {"emitters", "retry"}


def __getattr__(name: str) -> object:
    """Import what is asked for only now."""
    if name in _LAZY_MODULES:
        return import_module(f"errnorm.{name}")
    module = _LAZY.get(name)
    if module is None:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value: object = getattr(import_module(module), name)
    globals()[name] = value
    return value


@cache
def default_normalizer() -> Normalizer:
    """Return the normalizer of this module's functions: the installed tables, and the overlays of `ERRNORM_TABLES`."""
    return Normalizer()


def normalize(raw: object, protocol: str | None = None) -> NormalizedError:
    """
    Say what an error means, with the installed adapters and tables. Pure, and never raises.

    Args:
        raw: An exception, text or bytes from the wire or a log, a parsed XML element, or a decoded JSON document.
        protocol: `"nats"` or `"xmpp"` where the caller knows it: a bare text can be right in one and wrong in another.

    Returns:
        The error; its category is `unknown` if nothing knows it.
    """
    try:
        return default_normalizer().normalize(raw, protocol)
    except RecursionError:
        return _unjudged(protocol)  # not even what is installed could be looked up


@cache
def _finder() -> Finder:
    from errnorm.finding import Finder  # noqa: PLC0415 - callers that only normalize pay nothing for it

    return Finder(default_normalizer())


def find(text: str) -> list[Finding]:
    """
    Find the errors in a text that people have: a traceback, lines of a log, a report. Never raises.

    Args:
        text: The text.

    Returns:
        What was found, in the order of the text.
    """
    return _finder().find(text)


def is_retryable(error: object) -> bool:
    """Tell whether the same operation may succeed later, nobody changing anything. A predicate for any retry library."""
    return _known(error).retryable


def is_terminal(error: object) -> bool:
    """Tell whether the connection or stream it happened on is over because of it."""
    return _known(error).terminal
