"""The blocks of code of a page, and whether what they print is what the page shows."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Block", "blocks", "commands", "file_of", "matches"]

_FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>`{3,})(?P<language>[\w{}-]*)[^\n]*\n(?P<code>.*?)^(?P=indent)(?P=fence)$", re.MULTILINE | re.DOTALL
)
_FILE = re.compile(r"(?:#|--) (\S+\.(?:py|conf|lua))\n")

_NUMBER = r"[0-9][0-9A-Za-z.+-]*"
_VARYING = rf"(?:…|{_NUMBER}(?:, {_NUMBER})*)"


class Block(NamedTuple):
    """A block of code: its language, its text, its line in the page, and what the page says that it prints."""

    language: str
    code: str
    line: int
    prints: str | None


def blocks(page: Path) -> Iterator[Block]:
    """Yield the blocks of a page in their order; a `text` block right below a block is what that one prints."""
    text = page.read_text("utf-8")
    found = list(_FENCE.finditer(text))
    for at, match in enumerate(found):
        following = found[at + 1] if at + 1 < len(found) else None
        told = following is not None and following["language"] == "text" and not text[match.end() : following.start()].strip()
        prints = textwrap.dedent(following["code"]) if following is not None and told else None
        yield Block(match["language"], textwrap.dedent(match["code"]), text[: match.start()].count("\n") + 1, prints)


def file_of(code: str) -> str | None:
    """Return the name of the file that a block shows."""
    match = _FILE.match(code)
    return match[1] if match else None


def commands(code: str) -> list[str]:
    """Return the commands of a block for a shell."""
    return [line.removeprefix("$ ") for line in code.replace("\\\n", " ").splitlines() if line.startswith("$ ")]


def matches(expected: str, actual: str) -> bool:
    """
    Return whether a text is what a page shows.

    An ellipsis stands only for what varies from one run or version to another: a number, or versions separated by commas. So it
    cannot hide a word. It also stands for itself, where the program has cut a line.
    """
    parts = (re.escape(part) for part in expected.strip().split("…"))
    return re.fullmatch(_VARYING.join(parts), actual.strip()) is not None
