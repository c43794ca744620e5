"""One vocabulary for the errors of NATS and XMPP: what happened, may I retry, what must come first."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from errnorm.decision import Decision, RetryPolicy, RetryState, Verdict
from errnorm.decision import decide as _decide
from errnorm.error import NormalizedError
from errnorm.normalizer import Normalizer, default_normalizer
from errnorm.taxonomy import Category, Effect, Reason, Recovery

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from errnorm.decision import Circumstances
    from errnorm.finding import Finder, Finding
    from errnorm.middleware import Guard, Middleware
    from errnorm.settings import Settings
    from errnorm.supervisor import StoppedError, supervise
    from errnorm.tables.source import TableError

__all__ = [
    "Category",
    "Decision",
    "Effect",
    "Guard",
    "Middleware",
    "NormalizedError",
    "Normalizer",
    "Reason",
    "Recovery",
    "RetryPolicy",
    "RetryState",
    "Settings",
    "StoppedError",
    "TableError",
    "Verdict",
    "decide",
    "default_normalizer",
    "find",
    "is_retryable",
    "is_terminal",
    "normalize",
    "supervise",
]

# Imported when they are first asked for: who only normalizes pays for nothing else.
_LAZY = {
    "Guard": "errnorm.middleware",
    "Middleware": "errnorm.middleware",
    "Settings": "errnorm.settings",
    "StoppedError": "errnorm.supervisor",
    "TableError": "errnorm.tables.source",
    "supervise": "errnorm.supervisor",
}
_LAZY_MODULES = {"hooks", "adapters", "emitters", "retry", "tables"}


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


def normalize(raw: object, protocol: str | None = None) -> NormalizedError:
    """
    Return what an error means, by the installed adapters and tables. Pure; never raises.

    Args:
        raw: An exception, text or bytes from the wire or a log, a parsed XML element, or a decoded JSON document. A
            `NormalizedError`, and an exception that a guard has seen, gives what was made of it before.
        protocol: `"nats"` or `"xmpp"` where the caller knows it: the same text can mean different things in the two.

    Returns:
        The error; its category is `unknown` if no row knows it. Of an exception group, the error of the member that forbids
        most.
    """
    return default_normalizer().normalize(raw, protocol)


def decide(
    error: object,
    *,
    protocol: str | None = None,
    previous: object = None,
    **circumstances: Unpack[Circumstances],
) -> Decision:
    """
    Answer the one question about an error: try again, or stop? Never raises.

    `errnorm.decision.decide` says when the answer is to stop.

    Args:
        error: A `NormalizedError`, or anything raw that `normalize` takes.
        protocol: Where a raw error comes from, if the caller knows.
        previous: The error of the attempt before, if that failed too; raw or normalized.
        circumstances: `idempotent` (whether doing it twice is as good as doing it once; no), `attempt` (which attempt this was;
            1), `policy` (how patient to be), `redirects` (whether the caller agrees to go to the `address` of an error; no),
            `fresh_credentials` (whether the caller will use other credentials next time; no), `random` (returns a number from
            0 up to 1).

    Returns:
        The verdict, the step that comes first, the pause in seconds, and why.
    """
    before = None if previous is None else normalize(previous, protocol)
    return _decide(normalize(error, protocol), previous=before, **circumstances)


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
    """Return whether the same operation may succeed later, nobody changing anything. A predicate for any retry library."""
    return normalize(error).retryable


def is_terminal(error: object) -> bool:
    """Return whether the connection or stream it happened on is over because of it."""
    return normalize(error).terminal
