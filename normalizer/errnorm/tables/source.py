"""The text of a table's file: parse it, and name the line of a mistake in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn

from errnorm.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Source", "TableError"]

_LONGEST_MESSAGE = 2000
_PART = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)"""
# The beginning of a line of TOML that declares a table or a key; the key may be dotted.
_DECLARED = regex(rf"(?:\[\s*(?P<table>{_PART}(?:\s*\.\s*{_PART})*)\s*\]|(?P<key>{_PART}(?:\s*\.\s*{_PART})*)\s*=)")


class TableError(ValueError):
    """
    A table or an overlay is not valid.

    The message is always one line: it names the file, the line and the path in the file, and says what is wrong.
    """

    def __init__(self, message: str) -> None:
        """Cut the message to 2000 characters, and escape unprintable characters."""
        cut = message if len(message) <= _LONGEST_MESSAGE else message[:_LONGEST_MESSAGE] + "…"
        super().__init__("".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in cut))


class Source:
    """
    The text of one file.

    Attributes:
        origin: The name of the file, for messages and for `errnorm explain`.

        within: The TOML table to which paths are relative; empty for the whole file.
    """

    __slots__ = ("_text", "origin", "within")

    def __init__(self, text: str | bytes, origin: str, within: tuple[str, ...] = ()) -> None:
        """Store the text without parsing it. Bytes must be UTF-8."""
        self._text = text
        self.origin = origin
        self.within = within

    @property
    def text(self) -> str:
        """The TOML. Bytes are decoded only here, because the text of a compiled table is needed only for messages."""
        return self._text if isinstance(self._text, str) else self._text.decode()

    def parse(self) -> dict[str, Any]:
        """
        Parse the text.

        Raises:
            TableError: If the text is not TOML: `mine.toml:3: not TOML: …`.
        """
        import tomli  # noqa: PLC0415 - compiled tables do not need it

        try:
            return tomli.loads(self.text)
        except RecursionError:
            message = f"{self.origin}:1: not TOML: nested too deep"
            raise TableError(message) from None
        except tomli.TOMLDecodeError as error:
            place = re.search(r" \(at line (\d+), column \d+\)$", str(error))
            line = int(place[1]) if place else self.text.count("\n") + 1
            message = f"{self.origin}:{line}: not TOML: {str(error).partition(' (at ')[0]}"
            raise TableError(message) from error

    def refuse(self, path: tuple[str, ...], problem: str) -> NoReturn:
        """
        Refuse the file because of a mistake at a path in it.

        Args:
            path: The keys that lead to the mistake.
            problem: What is wrong.

        Raises:
            TableError: Always. It names file, line and path: `mine.toml:7: error.Stale Connection.reason: …`.
        """
        path = (*self.within, *path)
        message = f"{self.origin}:{self._line_of(path)}: {'.'.join(path)}: {problem}"
        raise TableError(message)

    def _line_of(self, path: tuple[str, ...]) -> int:
        # The parser does not return positions. The nearest line is the one that declares the longest part of the path.
        line, most = 1, 0
        for number, declared in self._declarations():
            if len(declared) > most and path[: len(declared)] == declared:
                line, most = number, len(declared)
        return line

    def _declarations(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        table: tuple[str, ...] = ()
        for number, line in enumerate(self.text.splitlines(), 1):
            if found := _DECLARED.match(line.strip()):
                if found["table"]:
                    table = _parts(found["table"])
                    yield number, table
                else:
                    yield number, (*table, *_parts(found["key"]))


def _parts(key: str) -> tuple[str, ...]:
    """Return the parts of a dotted key without quotes; an empty tuple if TOML does not accept the key."""
    import tomli  # noqa: PLC0415 - as above

    try:
        value: Any = tomli.loads(f"{key} = 0")
    except tomli.TOMLDecodeError:
        return ()
    parts: list[str] = []
    while isinstance(value, dict):
        ((part, value),) = value.items()
        parts.append(part)
    return tuple(parts)
