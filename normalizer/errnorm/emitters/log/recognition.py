"""Which of the things that stand in a log line is an error of ours."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from errnorm.error import NormalizedError
from errnorm.exceptions import is_a
from errnorm.normalizer import default_normalizer

if TYPE_CHECKING:
    from collections.abc import MutableMapping

__all__ = ["Recognized", "errors_in", "recognized", "replaced"]

Recognized = tuple[NormalizedError, BaseException | None]
Say = Callable[[NormalizedError], str]

# Where a line holds its error. A normalized error is worth more than an exception: somebody has looked at it.
_WATCHED: Final = ("error", "exception", "exc_info")
# What most values of a line are: none of them can hold an error.
_PLAIN: Final = frozenset({str, int, bool, float, bytes, type(None)})


def recognized(value: object) -> Recognized | None:
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
    error = default_normalizer().normalize(exception)
    return (error, exception) if error.known or error.protocol is not None else None


def _exception(value: object) -> BaseException | None:
    if value is True:
        return sys.exc_info()[1]
    if type(value) is tuple and len(value) == 3:  # noqa: PLR2004 - class, exception, traceback
        value = value[1]
    return value if is_a(value, BaseException) else None


def errors_in(fields: MutableMapping[str, Any], say: Say) -> tuple[list[Recognized], list[str]]:
    """
    Find the errors of ours in a line, and put words that may be told where a formatter would print their own.

    Args:
        fields: The line; of what stands under other keys than `error`, `exception` and `exc_info`, errors are replaced.
        say: Gives the words for an error.

    Returns:
        The errors, those under the three keys first, and which of these keys hold one.
    """
    found = {key: one for key in _WATCHED if (one := recognized(fields.get(key))) is not None}
    others: list[Recognized] = []
    for key, value in fields.items():
        if type(value) not in _PLAIN and key not in _WATCHED:
            fields[key] = replaced(value, say, others)
    return [*found.values(), *others], list(found)


def replaced(value: object, say: Say, found: list[Recognized], depth: int = 3) -> object:
    """
    Return a value with every error of ours in words that may be told; also those in lists, tuples and dictionaries.

    Args:
        value: Any value of a line.
        say: Gives the words for an error.
        found: Where what was found is added.
        depth: How deep to look: they can hold each other.

    Returns:
        The same object if there is no error of ours in it.
    """
    if type(value) in _PLAIN or not depth:
        return value
    before = len(found)
    if type(value) is list or type(value) is tuple:
        members = type(value)(replaced(member, say, found, depth - 1) for member in value)
        return members if len(found) > before else value
    if type(value) is dict:
        told = {name: replaced(member, say, found, depth - 1) for name, member in value.items()}
        return told if len(found) > before else value
    one = recognized(value)
    if one is None:
        return value
    found.append(one)
    return say(one[0])
