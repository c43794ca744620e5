"""Which of the things that stand in a log line is an error of ours."""

from __future__ import annotations

import sys

from errnorm.causes import is_a
from errnorm.marks import known
from errnorm.model import NormalizedError

__all__ = ["recognized"]


def recognized(value: object) -> tuple[NormalizedError, BaseException | None] | None:
    """
    Look whether a value is, or holds, an error of a protocol that is known.

    Args:
        value: A normalized error, an exception, what `sys.exc_info()` gives, or True for the exception being handled.

    Returns:
        The error and the exception it arrived as; `None` if it is nothing of ours, like a plain `KeyError`.
    """
    if is_a(value, NormalizedError):
        return value, None
    exception = _exception(value)
    if exception is None:
        return None
    # What a guard has made of it knows the protocol it happened under; anything else is looked at now.
    error = known(exception)
    return (error, exception) if error.known or error.protocol is not None else None


def _exception(value: object) -> BaseException | None:
    if value is True:
        return sys.exc_info()[1]
    if type(value) is tuple and len(value) == 3:  # noqa: PLR2004 - class, exception, traceback
        value = value[1]
    return value if is_a(value, BaseException) else None
