"""One vocabulary for the errors of NATS and XMPP: what happened, whether a retry can help, and what must be done first."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from errnorm.error import NormalizedError
from errnorm.normalizer import Normalizer, default_normalizer
from errnorm.taxonomy import Category, Effect, Reason, Recovery

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from errnorm.decision import Circumstances, Decision, RetryPolicy, RetryState, Verdict
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

# Imported on first access, so that a program that only normalizes errors does not pay for the import of the rest.
_LAZY = {
    "Decision": "errnorm.decision",
    "Guard": "errnorm.middleware",
    "Middleware": "errnorm.middleware",
    "RetryPolicy": "errnorm.decision",
    "RetryState": "errnorm.decision",
    "Settings": "errnorm.settings",
    "StoppedError": "errnorm.supervisor",
    "TableError": "errnorm.tables.source",
    "Verdict": "errnorm.decision",
    "supervise": "errnorm.supervisor",
}
_LAZY_MODULES = {"hooks", "adapters", "emitters", "retry", "tables"}


def __getattr__(name: str) -> object:
    """Import a lazy name of the package on first access."""
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
    Return what an error means according to the installed adapters and tables. This function is pure and never raises.

    Args:
        raw: An exception, text or bytes from the wire or a log, a parsed XML element, or a decoded JSON document. A
            `NormalizedError` is returned unchanged; for an exception that a guard has seen, the result is the error that the
            guard has made of it.
        protocol: `"nats"` or `"xmpp"` if the caller knows it: the same text can mean different things in the two protocols.

    Returns:
        The normalized error. Its category is `unknown` if no row of the tables matches. For an exception group, the result is
        the error of the member whose retry is the most restricted.
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
    Decide whether to retry the operation that failed, or to stop. Never raises.

    `errnorm.decision.decide` lists the cases in which the answer is to stop.

    Args:
        error: A `NormalizedError`, or anything that `normalize` takes.
        protocol: The protocol of a raw error, if the caller knows it.
        previous: The error of the previous attempt, if that failed too; raw or normalized.
        circumstances: `idempotent` (whether executing the operation twice is safe; default `False`), `attempt` (the number of
            this attempt; default 1), `policy` (how often and how long to retry), `redirects` (whether the caller agrees to
            connect to the `address` of the error; default `False`), `fresh_credentials` (whether the caller will use other
            credentials for the next attempt; default `False`), `random` (a function that returns a number from 0 up to 1).

    Returns:
        The verdict, the step that must come first, the pause in seconds, and the reason for the verdict.
    """
    from errnorm.decision import decide as decided  # noqa: PLC0415 - as above

    before = None if previous is None else normalize(previous, protocol)
    return decided(normalize(error, protocol), previous=before, **circumstances)


@cache
def _finder() -> Finder:
    from errnorm.finding import Finder  # noqa: PLC0415 - callers that only normalize do not pay for this import

    return Finder(default_normalizer())


def find(text: str) -> list[Finding]:
    """
    Find the errors in a text of any kind: a traceback, lines of a log, a bug report. Never raises.

    Args:
        text: The text.

    Returns:
        The errors that were found, in the order of the text. None, with a warning in the log, if the forms cannot be read.
    """
    try:
        finder = _finder()
    except Exception as failure:  # noqa: BLE001 - its files may not be readable, for example without a file descriptor
        import logging  # noqa: PLC0415 - as above

        logging.getLogger("errnorm").warning("errnorm: texts cannot be searched: %s", type(failure).__name__)
        return []
    return finder.find(text)


def is_retryable(error: object) -> bool:
    """Return whether the same operation may succeed later without any change to it. Use it as a predicate of a retry library."""
    return normalize(error).retryable


def is_terminal(error: object) -> bool:
    """Return whether the error has ended the connection or stream on which it happened."""
    return normalize(error).terminal
