"""
A stable name for a text that no row knows: the text with everything that varies cut out.

Two occurrences of one fault must get one fingerprint, two faults must get two; what varies are the quoted names, addresses,
ids and numbers. One expression cuts them all in one pass, over a bounded prefix, so the cost does not grow with the text.
"""

from __future__ import annotations

import re

__all__ = ["fingerprint_of"]

_LONGEST = 512

# Order matters: the widest comes first, so that a number inside a UUID is not cut before the UUID. Every alternative is
# anchored on a class of characters of its own and none repeats a repeat, so the time is linear.
_VARIABLE = re.compile(
    r"""
      (?P<quoted>"(?:[^"\\]|\\.)*"|(?<![A-Za-z])'[^']*')
    | (?P<url>[a-z][a-z0-9+.]{1,9}://\S+)
    | (?P<uuid>[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})
    | (?P<time>\d{4}[-/]\d\d[-/]\d\d(?:[T ]\d\d:\d\d:\d\d[.\d]*(?:Z|[+-]\d\d:?\d\d)?)?)
    | (?P<jid>[^\s@"'<>/]{1,64}@[^\s"'<>,;)]+)
    | (?P<address>\[[0-9A-Fa-f:.]+\](?::\d+)?|(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?)
    | (?P<duration>(?<![\w.])\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h)(?:\d+(?:\.\d+)?(?:ms|s|m))*(?!\w))
    | (?P<id>(?<!\w)(?:(?=[A-Za-z]*\d)[A-Za-z0-9]{20,}|[A-Z2-7]{56}|0x[0-9A-Fa-f]+|(?=[a-f]*\d)[0-9a-f]{8,})(?!\w))
    | (?P<number>(?<![\w.])[-+]?\d+(?:\.\d+)*|(?<=\D)\d+)
    """,
    re.VERBOSE,
)
# An id of digits alone cannot be told from a number, so the two share one name.
_LABELS = {name: f"<{'n' if name in {'id', 'number'} else name}>" for name in _VARIABLE.groupindex}
_SPACE = re.compile(r"\s+")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


def fingerprint_of(text: str) -> str:
    """
    Return the text with its variables cut out: `no such thing <quoted> on <address>`.

    Args:
        text: Any text, of any length; only its first 512 characters count.

    Returns:
        Printable ASCII of at most 512 characters or a little over; `""` for an empty text.
    """
    template = _VARIABLE.sub(lambda found: _LABELS[found.lastgroup or ""], text[:_LONGEST])
    return _UNPRINTABLE.sub("?", _SPACE.sub(" ", template)).strip()
