"""Which of the things that stand in a log line is an error of ours."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from errnorm.model import NormalizedError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["recognized"]


def recognized(value: object) -> tuple[NormalizedError, BaseException | None] | None:
    """
    Look whether a value is, or holds, an error of a protocol that is known.

    Args:
        value: A normalized error, an exception, what `sys.exc_info()` gives, or True for the exception being handled.

    Returns:
        The error and the exception it arrived as; `None` if it is nothing of ours, like a plain `KeyError`.
    """
    if isinstance(value, NormalizedError):
        return value, None
    exception = _exception(value)
    if exception is None:
        return None
    error = _normalized(exception)
    return None if error is None or (not error.known and error.protocol is None) else (error, exception)


def _exception(value: object) -> BaseException | None:
    if value is True:
        return sys.exc_info()[1]
    if isinstance(value, tuple) and len(value) == 3:  # noqa: PLR2004 - class, exception, traceback
        value = value[1]
    return value if isinstance(value, BaseException) else None


def _normalized(exception: BaseException) -> NormalizedError | None:
    import errnorm  # noqa: PLC0415 - the package is complete only when its parts are loaded

    # What a guard has made of it knows the protocol it happened under; anything else is looked at anew.
    of: Callable[[object], object] | None = getattr(errnorm, "of", None)
    made = None if of is None else of(exception)
    return made if isinstance(made, NormalizedError) else errnorm.normalize(exception)
