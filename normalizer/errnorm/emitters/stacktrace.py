"""
Render an exception without text from a peer: its class, its traceback, and a redacted message.

If an adapter recognises an exception, its message and those of its causes can contain text from a peer, so the text of the row
replaces them. The messages of the application's own exceptions are kept, also if such an error is their cause; only credentials
in addresses are removed.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from errnorm.escape import escaped
from errnorm.exceptions import ReportedException, attribute, causes, class_names, is_a, members_of, message_of, traceback_of
from errnorm.marks import mark_of
from errnorm.privacy import without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from errnorm.emitters.attributes import Attributes
    from errnorm.error import NormalizedError
    from errnorm.normalizer import Normalizer
    from errnorm.privacy import Privacy

__all__ = ["Words", "exception_attributes", "stacktrace"]

_MOST_FRAMES = 64
_MOST_LINKS = 16
_MOST_MEMBERS = 8
_LONGEST_NAME = 256
_LONGEST_LINE = 1024
# The lines that Python prints between two exceptions: Lib/traceback.py.
_CAUSE = "The above exception was the direct cause of the following exception:"
_CONTEXT = "During handling of the above exception, another exception occurred:"


class Words:
    """Returns the messages of exceptions that may be emitted."""

    __slots__ = ("_normalizer", "_privacy")

    def __init__(self, privacy: Privacy, normalizer: Normalizer) -> None:
        """Use these redaction rules and the tables of this normalizer."""
        self._privacy = privacy
        self._normalizer = normalizer

    def recognises(self, exception: BaseException) -> bool:
        """Return whether an adapter recognises the exception itself, regardless of its cause."""
        mark = mark_of(exception)
        if mark is not None and not self._wraps(exception, mark.error):
            return mark.error.claimed
        return self._normalizer.normalize(ReportedException(class_names(exception), message_of(exception))).claimed

    def hides(self, exception: BaseException) -> bool:
        """Return whether Python would print text from a peer for an exception: from it, its members, causes or contexts."""
        return any(is_a(link, BaseException) and self.recognises(link) for link in causes(exception, contexts=True))

    def _wraps(self, exception: BaseException, error: NormalizedError) -> bool:
        cause = attribute(exception, "__cause__")
        return is_a(cause, BaseException) and self._normalizer.normalize(cause).judgement is error.judgement

    def of(self, exception: BaseException) -> str:
        """Return the message of an exception: its own if it belongs to the application, else the text of its row."""
        if self.recognises(exception):
            return self._privacy.text(self._normalizer.normalize(exception))
        return escaped(without_credentials(message_of(exception)), 4 * self._privacy.limit)


def class_of(exception: BaseException) -> str:
    """Return the dotted name of an exception's class, in the form of OpenTelemetry and of Python's tracebacks."""
    return escaped(class_names(exception)[0].removeprefix("builtins."), _LONGEST_NAME)


def exception_attributes(exception: BaseException, text: str | None) -> Attributes:
    """
    Return `exception.type` and `exception.message`.

    Args:
        exception: The exception.
        text: The redacted message; `None` for no message.
    """
    told: Attributes = {"exception.type": class_of(exception)}
    if text:
        told["exception.message"] = text
    return told


def stacktrace(exception: BaseException, words: Words) -> str:
    """
    Return an exception and its causes as Python prints them, with redacted messages.

    Args:
        exception: The exception.
        words: Returns the redacted messages.
    """
    return "\n".join(_rendered(exception, words, _MOST_LINKS, is_own=True))


def _rendered(exception: BaseException, words: Words, links: int, *, is_own: bool) -> Iterator[str]:
    """Yield the lines of an exception. `is_own` is true if the application raised it, not a client library."""
    recognised = words.recognises(exception)
    before, said = _before(exception)
    if before is not None and links > 1:
        yield from _rendered(before, words, links - 1, is_own=is_own and not recognised)
        yield from ("", said, "")
    group = "Exception Group " if is_a(exception, BaseExceptionGroup) else ""
    yield f"{group}Traceback (most recent call last):"
    # File names and source lines can contain characters that break an encoder or change the direction of a terminal's text.
    frames = "".join(traceback.format_tb(traceback_of(exception), -_MOST_FRAMES))
    yield from (escaped(line, _LONGEST_LINE) for line in frames.split("\n")[:-1])
    name, text = class_of(exception), words.of(exception) if recognised or is_own else ""
    yield f"{name}: {text}" if text else name
    if links > 1:
        yield from _members(exception, words, links - 1, is_own=is_own)


def _members(group: BaseException, words: Words, links: int, *, is_own: bool) -> Iterator[str]:
    for number, member in enumerate(members_of(group)[:_MOST_MEMBERS], 1):
        yield f"  {'+-' if number == 1 else '  '}+---------------- {number} ----------------"
        yield from (f"    | {line}" for line in _rendered(member, words, links, is_own=is_own))


def _before(exception: BaseException) -> tuple[BaseException | None, str]:
    cause, context = attribute(exception, "__cause__"), attribute(exception, "__context__")
    if is_a(cause, BaseException):
        return cause, _CAUSE
    if is_a(context, BaseException) and not attribute(exception, "__suppress_context__"):
        return context, _CONTEXT
    return None, ""
