"""
Escape a text to one line of printable characters, for a log, a terminal or an attribute.

All outputs use this function, so that they all escape the same characters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from errnorm.regex import regex

if TYPE_CHECKING:
    import re

__all__ = ["escaped"]

# Characters that can forge a line, hide in a line or break an encoder: C0 and C1 controls, characters that change the direction
# of a line or have no width, line and paragraph separators, lone surrogates, language tags and noncharacters.
_UNSAFE = regex(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def escaped(text: str, limit: int) -> str:
    r"""
    Return a text as one line without unprintable characters.

    Args:
        text: Any text.
        limit: The number of characters after which the text is cut; the cut is marked by `…`.

    Returns:
        The text, with unprintable and misleading characters written as `\x1b` or `\u202e`.
    """
    cut = text if len(text) <= limit else text[:limit] + "…"
    return cut if cut.isascii() and cut.isprintable() else _UNSAFE.sub(_written, cut)


def _written(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code > 0xFFFF:  # noqa: PLR2004 - the last code point of four hexadecimal digits
        return f"\\U{code:08x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - the first code point that needs more than two digits
