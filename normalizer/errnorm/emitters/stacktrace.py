"""What is told of an exception: its class, our words for it, and where it was raised. Never its own words."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from errnorm.escape import escaped
from errnorm.exceptions import class_names, traceback_of

if TYPE_CHECKING:
    from errnorm.emitters.attributes import Attributes

__all__ = ["exception_attributes", "stacktrace"]

_MOST_FRAMES = 64
_LONGEST_NAME = 256
_LONGEST_LINE = 1024


def exception_attributes(exception: BaseException, text: str | None) -> Attributes:
    """
    Return `exception.type` and `exception.message`.

    Args:
        exception: The exception.
        text: What may be told of the error; `None` for nothing.
    """
    told: Attributes = {"exception.type": escaped(class_names(exception)[0].removeprefix("builtins."), _LONGEST_NAME)}
    if text:
        told["exception.message"] = text
    return told


def stacktrace(exception: BaseException, text: str | None) -> str:
    """
    Return the frames of an exception as Python prints them, the most recent 64, and its class.

    The messages of the exception and of those it was raised from do not appear: they are what a stack trace usually leaks.

    Args:
        exception: The exception.
        text: What may be told of the error; `None` for nothing.
    """
    frames = "".join(traceback.format_tb(traceback_of(exception), -_MOST_FRAMES))
    named = exception_attributes(exception, text)
    last = ": ".join(str(value) for value in named.values())
    # The name of a file can hold what no encoder takes, and its lines what turns the direction of a terminal's.
    lines = [escaped(line, _LONGEST_LINE) for line in frames.split("\n")[:-1]]
    return "\n".join(["Traceback (most recent call last):", *lines, last])
