"""Find the errors in the values of a log line, and replace them by their redacted texts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from errnorm.emitters.stacktrace import Words
from errnorm.error import NormalizedError
from errnorm.exceptions import is_a

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from errnorm.normalizer import Normalizer
    from errnorm.privacy import Privacy

__all__ = ["WATCHED", "Recognizer", "exception_in"]

Recognized = tuple[NormalizedError, "BaseException | None"]

# The keys under which a line usually has its error, in order of preference.
WATCHED: Final = ("error", "exception", "exc_info")
# The types of most values. A value of these types cannot contain an error.
_PLAIN: Final = frozenset({str, int, bool, float, bytes, type(None)})
_DEEPEST: Final = 3


def exception_in(value: object) -> BaseException | None:
    """Return the exception in a value: an exception, the result of `sys.exc_info()`, or True for the one being handled."""
    if value is True:
        return sys.exc_info()[1]
    if type(value) is tuple and len(value) == 3:  # noqa: PLR2004 - class, exception, traceback
        value = value[1]
    return value if is_a(value, BaseException) else None


class Recognizer:
    """
    Recognizes errors with the adapters and tables of a normalizer.

    Attributes:
        words: Returns the redacted messages of exceptions.
    """

    __slots__ = ("_normalizer", "_say", "words")

    def __init__(self, privacy: Privacy, normalizer: Normalizer, say: Callable[[NormalizedError], str]) -> None:
        """
        Create a recognizer.

        Args:
            privacy: The redaction rules.
            normalizer: The normalizer.
            say: Returns the text that replaces an error.
        """
        self._say = say
        self._normalizer = normalizer
        self.words = Words(privacy, normalizer)

    def recognized(self, value: object) -> Recognized | None:
        """
        Return the error in a value, and the exception as which it arrived; `None` if no adapter recognises the value.

        Args:
            value: A normalized error, an exception, the result of `sys.exc_info()`, or True for the exception being handled.
        """
        if is_a(value, NormalizedError):
            return value, None
        exception = exception_in(value)
        if exception is None:
            return None
        # For an exception that a guard has seen, `normalize` returns the error of the guard, which knows the protocol.
        error = self._normalizer.normalize(exception)
        return (error, exception) if error.claimed else None

    def errors_in(self, fields: MutableMapping[str, Any]) -> tuple[list[Recognized], list[str]]:
        """
        Find the errors in a line. Errors under other keys than `error`, `exception` and `exc_info` are replaced by their texts.

        Returns:
            The errors, those under the three keys first, and the keys among these three that have an error.
        """
        found = {key: one for key in WATCHED if (one := self.recognized(fields.get(key))) is not None}
        others: list[Recognized] = []
        for key, value in fields.items():
            if type(value) not in _PLAIN and key not in WATCHED:
                fields[key] = self.replaced(value, others)
        return [*found.values(), *others], list(found)

    def replaced(self, value: object, found: list[Recognized], depth: int = _DEEPEST) -> object:
        """
        Return a value in which every error is replaced by its redacted text, also in lists, tuples and dictionaries.

        Args:
            value: Any value of a line.
            found: The list to which the errors are added.
            depth: How many levels of nesting are searched.

        Returns:
            The same object if there is no error in it.
        """
        if type(value) in _PLAIN or not depth:
            return value
        before = len(found)
        if type(value) is list or type(value) is tuple:
            members = type(value)(self.replaced(member, found, depth - 1) for member in value)
            return members if len(found) > before else value
        if type(value) is dict:
            told = {name: self.replaced(member, found, depth - 1) for name, member in value.items()}
            return told if len(found) > before else value
        one = self.recognized(value)
        if one is None:
            return value
        found.append(one)
        return self._say(one[0]) if one[1] is None or self.words.recognises(one[1]) else self.words.of(one[1])
