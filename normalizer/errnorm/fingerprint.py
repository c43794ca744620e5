"""
A stable name for a text that no row knows: the text with everything that varies cut out.

Two occurrences of one fault must get one fingerprint, two faults must get two; what varies are the quoted names, addresses,
ids and numbers. A bounded prefix is looked at, word by word: most words are plain and stay as they are, so the expression
meets only those that are not, and never more than a few letters of one.
"""

from __future__ import annotations

import re

__all__ = ["fingerprint_of"]

_LONGEST = 512
_LONGEST_WORD = 80
_MOST_TAGS = 8

_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|(?<![A-Za-z])'[^']*'")

# The widest first, so that a number inside a UUID is not cut before the UUID. An id of digits alone cannot be told from a
# number, so the two share one name.
_VARIABLE = re.compile(
    r"""
      (?P<url>[a-z][a-z0-9+.]{1,9}://.+)
    | (?P<uuid>[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})
    | (?P<time>\d{4}[-/]\d\d[-/]\d\d(?:T\d\d:\d\d:\d\d[.\d]*(?:Z|[+-]\d\d:?\d\d)?)?|(?<!\d)\d\d:\d\d:\d\d(?:\.\d+)?)
    | (?P<jid>[^@"'<>/:;,(){}=]+@[^"'<>,;(){}]+)
    | (?P<address>\[[0-9A-Fa-f:.]+\](?::\d+)?|(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?)
    | (?P<duration>(?<![\w.])\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h)(?:\d+(?:\.\d+)?(?:ms|s|m))*(?!\w))
    | (?P<id>(?<!\w)(?:(?=[A-Za-z]*\d)[A-Za-z0-9]{20,}|[A-Z2-7]{56}|0x[0-9A-Fa-f]+|(?=[a-f]*\d)[0-9a-f]{8,})(?!\w))
    | (?P<number>(?<![\w.])[-+]?\d+(?:\.\d+)*|(?<=\D)\d+)
    """,
    re.VERBOSE,
)
_LABELS = {name: f"<{'n' if name in {'id', 'number'} else name}>" for name in _VARIABLE.groupindex}
_TAG = re.compile(r"<([A-Za-z_][\w.:-]{0,63})")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


def fingerprint_of(text: str) -> str:
    """
    Return the text with its variables cut out: `no such thing <quoted> on <address>`.

    Args:
        text: Any text, of any length; only its first 512 characters count.

    Returns:
        Printable ASCII of at most 512 characters or a little over; `""` for an empty text.
    """
    text = text[:_LONGEST]
    if text.lstrip().startswith("<") and (tags := _TAG.findall(text)):
        # What stands in an element is somebody's message: only the elements themselves are named.
        return _UNPRINTABLE.sub("?", "".join(f"<{tag}>" for tag in tags[:_MOST_TAGS]))
    if '"' in text or "'" in text:
        text = _QUOTED.sub("<quoted>", text)
    words = [word if word.isalpha() and len(word) <= _LONGEST_WORD else _without_variables(word) for word in text.split()]
    template = " ".join(words)
    return template if template.isascii() and template.isprintable() else _UNPRINTABLE.sub("?", template)


def _without_variables(word: str) -> str:
    if word == "<quoted>" or len(word) > _LONGEST_WORD:
        return word if word == "<quoted>" else "<long>"  # a word of that length is an encoding of something
    return _VARIABLE.sub(_label, word)


def _label(found: re.Match[str]) -> str:
    return _LABELS[found.lastgroup or ""]
