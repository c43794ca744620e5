"""
Work, counted instead of timed: the count is the same on every machine, however busy it is.

A regular expression and an XML parser do their work inside one call, so what counts there is how much they are given to read.
"""

from __future__ import annotations

import gc
import re
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest import mock
from xml.etree.ElementTree import ParseError, XMLParser

from errnorm.regex import _Regex
from errnorm_adapters.xmpp import xml

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import FrameType, ModuleType

PACKAGES = ("errnorm", "errnorm_adapters")
MATCHING = frozenset({"findall", "finditer", "fullmatch", "match", "search", "split", "sub", "subn"})


@dataclass
class Work:
    """
    What a call has cost.

    Attributes:
        calls: How many functions were called, those written in C included.

        characters: How many characters (or bytes) regular expressions and XML parsers were given to read.
    """

    calls: int = 0
    characters: int = 0


def work(call: Callable[[], object]) -> Work:
    """Call a function and return what that cost."""
    done = Work()

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        if event in {"call", "c_call"}:
            done.calls += 1

    with _watched(done):
        before = sys.getprofile()
        gc.disable()  # what others have asked to be called for by the collector is not part of the work
        sys.setprofile(count)
        try:
            call()
        finally:
            sys.setprofile(before)
            gc.enable()
    return done


@contextmanager
def _watched(done: Work) -> Generator[None]:
    """Let every regular expression and XML parser that a module of the library holds say what it is given."""
    with ExitStack() as stack:
        for module, key, value in _held():
            if (watching := _watching(value, done)) is not None:
                stack.enter_context(mock.patch.object(module, key, watching))
        yield


def _held() -> list[tuple[ModuleType, str, object]]:
    """Return what the modules of the library hold: the module, the name and the value."""
    ours = [module for name, module in sys.modules.items() if name.partition(".")[0] in PACKAGES]
    return [(module, key, value) for module in ours for key, value in vars(module).items()]


def _watching(value: object, done: Work) -> object | None:
    """Return what counts in the place of a value, or `None` for a value that reads nothing."""
    if isinstance(value, re.Pattern | _Regex):
        return _Pattern(value, done)
    if isinstance(getattr(value, "__self__", None), re.Pattern) and getattr(value, "__name__", "") in MATCHING:
        return _counting(value, done)
    if value is xml._parsing:
        return lambda: (lambda: _Parser(done), ParseError)
    return None


def _counting(method: Any, done: Work) -> Callable[..., object]:
    def counted(*arguments: Any, **named: Any) -> object:
        done.characters += max(len(each) for each in arguments if isinstance(each, str | bytes))
        return method(*arguments, **named)

    return counted


class _Pattern:
    """A regular expression that counts."""

    def __init__(self, pattern: re.Pattern[Any] | _Regex, done: Work) -> None:
        self._pattern = pattern
        self._done = done

    def __getattr__(self, name: str) -> object:
        value = getattr(self._pattern, name)
        return _counting(value, self._done) if name in MATCHING else value


class _Parser:
    """A parser that counts."""

    def __init__(self, done: Work) -> None:
        self._parser = XMLParser()  # noqa: S314 - it stands for the parser that is tested
        self._done = done

    def feed(self, data: str | bytes) -> None:
        """Read a piece."""
        self._done.characters += len(data)
        self._parser.feed(data)

    def close(self) -> object:
        """Return the root."""
        return self._parser.close()
