"""
Regular expressions that are compiled when they are first used.

The library has about a hundred of them, and to compile all takes a third of the time of its import. Most programs use few.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast

__all__ = ["regex"]


def regex(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return an object that can do what a compiled pattern can. It is compiled when one of its methods is first read."""
    return cast("re.Pattern[AnyStr]", _Regex(text, flags))


class _Regex:
    # A method costs as much as that of the pattern itself, because it is stored here after the first use.
    __slots__ = (
        "_flags",
        "_text",
        "findall",
        "finditer",
        "flags",
        "fullmatch",
        "match",
        "pattern",
        "search",
        "split",
        "sub",
        "subn",
    )

    def __init__(self, text: str | bytes, flags: int) -> None:
        self._text = text
        self._flags = flags

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - a method of the pattern
        """Compile the pattern. Python calls this method if an attribute is not set."""
        if name not in self.__slots__:
            raise AttributeError(name)
        compiled = re.compile(self._text, self._flags)
        for one in self.__slots__[2:]:
            setattr(self, one, getattr(compiled, one))
        return getattr(compiled, name)
