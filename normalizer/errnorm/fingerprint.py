"""
Give a text that no row knows a stable name: the words of its sentence, with everything else cut out.

Two occurrences of one fault must have the same fingerprint, and two faults must have different ones. Fingerprints are logged and
exported, so they must not reveal names or secrets. A word is kept only if it looks like a word of a sentence. These are cut out:
quotations, elements, data, addresses, names with dots, paths, values, ids and numbers, and whatever follows a word like
`password` or `user` up to the next ordinary word. A name that consists of letters alone and follows no such word is kept, because
it cannot be distinguished from a word.

Only a bounded prefix is read, word by word. Most words are plain and are checked without a regular expression.
"""

from __future__ import annotations

import re

from errnorm.regex import regex

__all__ = ["fingerprint_of"]

_LONGEST = 512
_LONGEST_WORD = 28
_LONGEST_PIECE = 96
_MOST_TAGS = 8

# A quotation without an end extends to the end of the text, which may have been cut. An apostrophe follows a letter.
_QUOTED = regex(
    r"""
    (?=["'`\u201c\u201e\u2018\u00ab])  # one check where no quotation begins, instead of six
    (?:
      "(?:[^"\\]|\\.)*(?:"|\\?\Z)
    | (?<![A-Za-z])'(?:[^']|'(?=[A-Za-z]))*(?:'|\Z)
    | `[^`]*(?:`|\Z)
    | [\u201c\u201e][^\u201c\u201d]*(?:[\u201c\u201d]|\Z)
    | \u2018[^\u2019]*(?:\u2019|\Z)
    | \u00ab[^\u00bb]*(?:\u00bb|\Z)
    )
    """,
    re.VERBOSE | re.DOTALL,
)
_QUOTES = frozenset("\"'`\u201c\u201e\u2018\u00ab")
_DATA = regex(r"\{.*(?:\}|\Z)", re.DOTALL)
_TAG = regex(r"<(?!quoted>)([A-Za-z_][\w.:-]{0,63})(?=\s|/?>|\Z)")
_PLAIN_TAG = regex(r"[A-Za-z]{1,28}(?:[-:][A-Za-z]{1,28}){0,3}")
# Text that a user wrote follows these words.
_WRITTEN = regex(r"(?i)\b(body|content|payload|stanza)(\s*[:=]).+", re.DOTALL)
# The class of an exception, before its text.
_CLASS = regex(r"(?:[a-z_][a-z0-9_]{0,31}\.){1,8}_?[A-Z][A-Za-z_]{0,63}(?::(?=\s)|:?\Z)")

# The widest first, so that a number inside a UUID is not cut before the UUID.
_VARIABLE = regex(
    r"""
      (?P<url>[A-Za-z][A-Za-z0-9+.-]{0,15}://.+)
    | (?P<jid>[^=(<]*@.*)
    | (?P<uuid>[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12})
    | (?P<time>\d{4}[-/]\d\d[-/]\d\d(?:T\d\d:\d\d:\d\d[.\d]*(?:Z|[+-]\d\d:?\d\d)?)?|(?<![\w:])\d\d:\d\d:\d\d(?:\.\d+)?(?![\w:]))
    | (?P<address>\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%\w+)?\](?::\d+)?
        | (?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d+|/\d+)?(?![\w])
        | (?<![\w:])(?=[0-9A-Fa-f]*:[0-9A-Fa-f]*:)[0-9A-Fa-f:]{2,39}(?:%\w+)?(?:/\d+)?(?![\w:]))
    | (?P<duration>(?<![\w.])\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h)(?:\d+(?:\.\d+)?(?:ms|s|m))*(?!\w))
    """,
    re.VERBOSE,
)
# A word without one of these characters has no such part.
_MARKS = frozenset("0123456789:@[")
# Written out, because to ask the pattern for them would compile it.
_LABELS = {name: f"<{name}>" for name in ("url", "jid", "uuid", "time", "address", "duration")}
_WHOLE = frozenset(_LABELS.values())
_AROUND = ".,;:!?()[]="
# Labels are kept; pieces between brackets and commas are judged separately.
_PIECE = regex(r"<[a-z]+>|[^\s()\[\]{}<>,;!?]+")
_EDGES = regex(r"^([^\w=]*)(.*?)([^\w=]*)$", re.DOTALL)
_WORD = regex(r"(?:[A-Z]{0,8}[a-z]*|[A-Z]{0,4}(?:[a-z]{2,}[A-Z]{1,4}){1,6}[a-z]*)(?:['\u2019][a-z]{1,2})?")
_LAST = regex(r"(?<=[^a-z])[a-z]+\Z")
_NUMBER = regex(r"[-+]?\d+(?:[.,]\d+)*")
_UNPRINTABLE = regex(r"[^\x20-\x7e]")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# A name or a secret follows these words, unless an ordinary word does.
_TELLING = _words("""
    account apikey authorization basic bearer cookie credential credentials domain host hostname jid jwt login nick nickname
    nkey otp pass passcode passphrase passwd password pin pwd secret seed session token uid user userid username
""")
_ORDINARY = _words("""
    a about accepted access active after all allowed already an and any are at authenticated authentication authorization
    authorized bad be because been before but can cannot certificate change changed client closed connection connect connected
    could deleted denied did disabled does empty error exceeded exists expired expiry failed failure file format found from
    gone had has have id in incorrect info invalid is it its key kind length level limit list locked lookup mechanism method
    mismatch missing must name needed no none not now of off offline on or out over part permission permissions policy provided
    reached refused rejected removed renamed required reset resolved revoked server signature stream string subject suspended
    taken than that the this time timeout to too type unable unauthorized unavailable unexpected unknown unreachable
    unresolved unset unsupported url usage valid value verification violation was were when which wrong
""")
# After one of these words the name may still follow: `password of … is …`.
_LINKS = _words("a an and are as at by for from has id in is its name named not of on or the to value was with")
# A number after one of these words is a count or an id; after any other word it is a port.
_COUNTERS = _words("""
    attempt cid code col column count errno gid id len length lid limit line max mid min n pid rid seq sid size status tid wid
""")


def fingerprint_of(text: str) -> str:
    """
    Return the words of a text with everything else cut out: `no such thing <quoted> on <address>`.

    Args:
        text: Any text, of any length; only its first 512 characters count.

    Returns:
        Printable ASCII of at most 512 characters or a little over; `""` for an empty text.
    """
    text = _without_contents(text[:_LONGEST])
    named = _CLASS.match(text) if "." in text else None
    words = [named[0]] if named else []
    wary = False
    for word in (text[named.end() :] if named else text).split():
        if word.isalpha() and len(word) <= _LONGEST_WORD and not wary:
            kept = word if word.islower() or word.istitle() else _judged_word(word)
            wary = kept.lower() in _TELLING
        else:
            kept, wary = _judged(word, wary=wary)
        words.append(kept)
    template = " ".join(words)
    return template if template.isascii() and template.isprintable() else _UNPRINTABLE.sub("?", template)


def _without_contents(text: str) -> str:
    """Return a text without quotations and user content; of elements only the names are left."""
    first = _TAG.search(text) if "<" in text else None
    if not _QUOTES.isdisjoint(text[: first.start()] if first else text):
        text = _QUOTED.sub("<quoted>", text)
        first = _TAG.search(text)
    tags = ""
    if first:
        # The content of an element is a user's message, and its end cannot be determined.
        tags = " " + "".join(_judged_tag(tag) for tag in _TAG.findall(text)[:_MOST_TAGS])
        text = text[: first.start()]
    if "{" in text:
        text = _DATA.sub("<data>", text)
    if ":" in text or "=" in text:
        text = _WRITTEN.sub(r"\1\2 <text>", text)
    return text + tags


def _judged_tag(tag: str) -> str:
    return f"<{tag}>" if _PLAIN_TAG.fullmatch(tag) else "<element>"


def _judged(word: str, *, wary: bool) -> tuple[str, bool]:
    """Return what may be kept of a word, and whether the next word may be a name or a secret."""
    if word == "<quoted>":
        return word, False
    bare = word.strip(_AROUND).lower()
    if bare in _TELLING:
        return word, True
    if wary and (bare in _ORDINARY or bare in _LINKS):
        return word, bare in _LINKS
    kept = _without_variables(word, bare)
    if wary and "<" not in kept:
        return _EDGES.sub(r"\1<name>\3", word), word[-1].isalnum()
    last = _LAST.search(bare)
    return kept, last is not None and (last[0] in _TELLING or last[0] == "key")


def _without_variables(word: str, bare: str) -> str:
    if len(word) > _LONGEST_PIECE:
        return "<long>"
    if bare.isalpha() and len(bare) <= _LONGEST_WORD and _WORD.fullmatch(word.strip(_AROUND)):
        return word
    if not _MARKS.isdisjoint(word):
        word = _VARIABLE.sub(_label, word)
    return word if word in _WHOLE else _PIECE.sub(_judged_piece, word)


def _judged_piece(found: re.Match[str]) -> str:
    piece = found[0]
    if piece[0] == "<":
        return piece
    before, core, after = _EDGES.match(piece).groups()  # type: ignore[union-attr] # the expression matches every text
    name, sign, value = core.partition("=")
    if sign:
        return f"{before}{_judged_name(name)}={'<value>' if value else ''}{after}"
    return f"{before}{_judged_name(core)}{after}"


def _judged_name(core: str) -> str:
    """Return what may be kept of a piece: words and the hyphens between them."""
    head, colon, rest = core.partition(":")
    if colon:
        number = _NUMBER.fullmatch(rest)
        if number and head.lower() not in _COUNTERS:
            return "<address>"
        return f"{_judged_name(head)}:{'<n>' if number else '<value>'}"
    if "/" in core or "\\" in core:
        return core if core.lower() == "i/o" else "<path>"
    if _NUMBER.fullmatch(core):
        return "<n>"
    if "." in core:
        return "<name>"
    return re.sub(r"[^-_]+", lambda part: _judged_word(part[0]), core)


def _judged_word(word: str) -> str:
    if len(word) > _LONGEST_WORD:
        return "<long>"  # a word of that length is encoded data
    return word if _WORD.fullmatch(word) or (word.isalpha() and not word.isascii()) else "<n>"


def _label(found: re.Match[str]) -> str:
    return _LABELS[found.lastgroup or ""]
