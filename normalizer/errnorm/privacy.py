"""
Redaction: the rules that decide which values are emitted.

The original text of a peer is never emitted by default. A value that a template reads from a text has a declared kind, and each
kind has a rule: keep the value, replace it by a keyed hash, or drop it. The emitted text is the template, filled with the values
that these rules allow. Passwords in free text need not be found, because free text is not emitted.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from errnorm.bounded import BoundedCache
from errnorm.escape import escaped
from errnorm.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from errnorm.error import NormalizedError, Params
    from errnorm.tables.row import Entry

__all__ = ["DEFAULT_RULES", "Privacy", "Rule", "peer_name", "phrase", "without_credentials"]


class Rule(StrEnum):
    """What happens to a value before it is emitted."""

    KEEP = "keep"
    HASH = "hash"
    DROP = "drop"


# Kinds that are not listed are dropped, so a kind that a new table declares is private until a user allows it.
DEFAULT_RULES: Mapping[str, Rule] = {
    "account": Rule.HASH,
    "address": Rule.HASH,
    "duration": Rule.KEEP,
    "host": Rule.KEEP,
    "id": Rule.HASH,
    "jid": Rule.HASH,
    "name": Rule.KEEP,
    "number": Rule.KEEP,
    "queue": Rule.KEEP,
    "subject": Rule.KEEP,
    "text": Rule.DROP,
    "user": Rule.HASH,
    "version": Rule.KEEP,
}

_PLACE = regex(r"\{([a-z_]+)\}")
# A password can contain characters that end an address, so everything before the last `@` is removed, up to the next address.
_USERINFO = regex(
    r"([a-z][a-z0-9+.-]{0,15}://)(?:(?![a-z][a-z0-9+.-]{0,15}://).)*@|(?<![^\s,])[^\s,]*@", re.IGNORECASE | re.DOTALL
)
_CREDENTIALS = regex(r"([a-z][a-z0-9+.-]{0,15}://)[^\s/?#]*@", re.IGNORECASE)
_QUERY = regex(r"[?#][^\s,]*")
# Kinds that are emitted by default, although their values can be private: an IP address or a JID in the place of a host.
_PUBLIC = frozenset({"host", "name"})
# Kinds of names that users choose, and that can contain an address or a JID.
_NAMES = frozenset({"subject", "queue"})
_INSIDE_JID = regex(r"[^\s@./%]+(?:@|%40)[\w.-]+")
# `10.0.0.7`, `ip-10-0-0-7`, and an IPv6 address, which has two colons at least.
_INSIDE_ADDRESS = regex(
    r"(?<!\d)\d{1,3}(?:\.\d{1,3}){3}(?!\d)|(?<!\d)\d{1,3}(?:([-_])\d{1,3})(?:\1\d{1,3}){2}(?!\d)"
    r"|(?<![\w:])(?=[0-9A-Fa-f]*:[0-9A-Fa-f]*:)[0-9A-Fa-f:]{3,39}(?![\w:])"
)
_ADDRESS = regex(
    r"\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?|\[?[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:[0-9.]*)(?:%\w+)?(?:\](?::\d+)?)?"
)
# `nats: ` before the text of an exception.
_PREFIX = regex(r"^[a-z]+: ")
_HIDDEN = "its text matches no row and is not shown"
_PLACEHOLDER = regex(r"<[a-z]+>")
_WORD = regex(r"[^\W\d_]{2}")
# Fewer words, such as `timeout`, say less than the meaning of the reason.
_FEWEST_SPACES = 2
# The second part of a meaning: with it, a line is too long for a terminal.
_SECOND_PART = regex(r"(?:, or |, and no |: |\. ).*")
_LONGEST_MEANING = 48
_LARGEST = 2**63 - 1
_LONGEST_NAME = 128
_LONGEST_PEER = 1024
_LONGEST_PHRASE = 72
_MOST_ROWS = 4096


@lru_cache(1024)
def peer_name(peer: object) -> str:
    """Return the name of a peer without credentials, as one line of at most 128 characters, so that it can be emitted."""
    named = str(peer)[:_LONGEST_PEER]
    return escaped(_QUERY.sub("", _USERINFO.sub(lambda found: found[1] or "", named)), _LONGEST_NAME)


@lru_cache(_MOST_ROWS)
def _phrase(words: str, about: str) -> tuple[str, tuple[str, ...]]:
    if " " not in words:
        # An abbreviation such as `TLS` keeps its capitals.
        if len(about) > _LONGEST_MEANING:
            about = _SECOND_PART.sub("", about)
        first = about[:1] if about[1:2].isupper() else about[:1].lower()
        return (first + about[1:].rstrip(".")).replace("%", "%%"), ()
    pieces = _PLACE.split(words)
    return "%s".join(escaped(piece, _LONGEST_PHRASE).replace("%", "%%") for piece in pieces[::2]), tuple(pieces[1::2])


def phrase(error: NormalizedError) -> tuple[str, tuple[str, ...]]:
    """
    Return the text of an error's row as a template with `%s` in the places of its parameters, and the names of the parameters.

    Returns:
        The template and the names. For an unknown error the template is its fingerprint. The template contains no value of a
        parameter.
    """
    entry = error.judgement.row
    if entry is None:
        return _phrase_of_unknown(error).replace("%", "%%"), ()
    return _phrase(entry.row.text or _constant(entry), entry.row.reason.about)


def _phrase_of_unknown(error: NormalizedError) -> str:
    fingerprint = escaped(error.fingerprint or "", _LONGEST_PHRASE)
    # A fingerprint that consists of placeholders only, such as `<quoted>`, says nothing.
    return fingerprint if _WORD.search(_PLACEHOLDER.sub("", fingerprint)) else _HIDDEN


def _constant(entry: Entry) -> str:
    """Return the constant text of a client's exception, by which people know the error; without one, the key of the row."""
    if entry.row.text is None and "." in entry.key:
        for alias in entry.row.aliases:
            words = _PREFIX.sub("", alias)
            if words != alias and words.count(" ") >= _FEWEST_SPACES and "{" not in words:
                return words
    return entry.key


def without_credentials(text: str) -> str:
    """Return a text without the credentials, query and fragment of the addresses in it."""
    return _CREDENTIALS.sub(r"\1", text) if "://" in text else text


class Privacy:
    """
    The redaction rules of one middleware.

    Attributes:
        limit: The number of characters after which a value is cut.
    """

    __slots__ = ("_hashed", "_kept", "_key", "_last", "_pieces", "limit")

    def __init__(
        self,
        *,
        keep: Iterable[str] = (),
        hashed: Iterable[str] = (),
        drop: Iterable[str] = (),
        key: str | bytes = b"",
        limit: int = 256,
    ) -> None:
        """
        Start from `DEFAULT_RULES`, and change the rules of some kinds.

        Args:
            keep: The kinds whose values are emitted unchanged (escaped and cut).
            hashed: The kinds whose values are emitted as a hash.
            drop: The kinds whose values are not emitted. This overrides `keep` and `hashed`.
            key: The key of the hash. Without a key, values are dropped instead of hashed: a hash without a key does not hide
                an address, because there are few enough addresses to try them all.
            limit: The number of characters after which a value is cut.
        """
        rules = {**DEFAULT_RULES, **dict.fromkeys(keep, Rule.KEEP), **dict.fromkeys(hashed, Rule.HASH)}
        rules |= dict.fromkeys(drop, Rule.DROP)
        # blake2b accepts a key of at most 64 bytes; a longer one is hashed to that length.
        raw = key.encode("utf-8", "backslashreplace") if isinstance(key, str) else key
        self._key = raw if len(raw) <= 64 else _digest(raw)  # noqa: PLR2004
        self._kept = frozenset(kind for kind, rule in rules.items() if rule is Rule.KEEP)
        self._hashed = frozenset(kind for kind, rule in rules.items() if rule is Rule.HASH) if raw else frozenset()
        self._pieces: BoundedCache[Entry, list[str]] = BoundedCache(_MOST_ROWS)
        self._last: tuple[NormalizedError, Params, str] | None = None
        self.limit = limit

    def rule(self, kind: str | None) -> Rule:
        """Return the rule for a kind. Without a key, the rule is drop instead of hash."""
        return Rule.KEEP if kind in self._kept else Rule.HASH if kind in self._hashed else Rule.DROP

    def value(self, kind: str | None, value: object) -> str | int | bool | None:
        """
        Apply the rule of a kind to a value.

        Args:
            kind: The declared kind; `None` if there is none, and then only numbers and flags are emitted.
            value: The value.

        Returns:
            The value, a hash of it, or `None` if it must not be emitted.
        """
        if type(value) is str:
            if kind in _PUBLIC and kind in self._kept and (meant := _meant(kind, value)) != kind:
                # Return a placeholder instead of `None`, so that a peer cannot choose which fields a line has.
                return self.value(meant, value) or f"<{meant}>"
            if kind in self._kept:
                return escaped(self._without_people(value) if kind in _NAMES else value, self.limit)
        if kind in self._hashed:
            return self._hash(f"{kind}:{value}")
        return _number(value) if isinstance(value, int) and (kind is None or kind in self._kept) else None

    def _without_people(self, value: str) -> str:
        """Return a name without the addresses and JIDs inside it. Subjects often contain them."""
        if ("@" in value or "%40" in value) and "jid" not in self._kept:
            value = _INSIDE_JID.sub("<jid>", value)
        if "address" not in self._kept:
            value = _INSIDE_ADDRESS.sub("<address>", value)
        return value

    def _hash(self, text: str) -> str:
        digest = _digest(text.encode("utf-8", "backslashreplace"), key=self._key, digest_size=8)
        return f"{text.partition(':')[0]}:{digest.hex()}"

    def params(self, error: NormalizedError) -> Params:
        """Return the parameters of an error that may be emitted, by name. The caller must not change the result."""
        return self._told(error)[1]

    def text(self, error: NormalizedError) -> str:
        """
        Return one line that says what happened, without text from the peer.

        Returns:
            For a known error, the text of its row with the parameters that may be emitted; the others are replaced by their
            names in angle brackets: `<name>`. For an unknown error, its fingerprint.
        """
        return self._told(error)[2]

    def _told(self, error: NormalizedError) -> tuple[NormalizedError, Params, str]:
        # The log and the span need the same result one after the other. The tuple is replaced in one step, which is thread-safe.
        last = self._last
        if last is None or last[0] is not error:
            params = self._params(error)
            last = self._last = (error, params, self._text(error, params))
        return last

    def _params(self, error: NormalizedError) -> Params:
        kinds = error.judgement.kinds
        told: Params = {}
        for name, value in error.params.items():
            safe = self.value(kinds.get(name), value)
            if safe is not None and name.isidentifier():
                told[name] = safe
        return told

    def _text(self, error: NormalizedError, params: Params) -> str:
        entry = error.judgement.row
        if entry is None:
            return escaped(error.fingerprint or "", 2 * self.limit) or error.reason.about
        pieces = self._pieces.get(entry) or self._split(entry)
        return pieces[0] if len(pieces) == 1 else escaped(_filled(pieces, params), 2 * self.limit)

    def _split(self, entry: Entry) -> list[str]:
        """Split the text of a row at its parameters: the result alternates between text and names of parameters."""
        template = entry.row.text or entry.key
        said = template
        if " " not in template:
            # A condition or a number says little to people, and a class name is in another field, so add the meaning.
            said = entry.row.reason.about if "." in template else f"{template}: {entry.row.reason.about}"
        pieces = _PLACE.split(escaped(said, self.limit))
        return self._pieces.remember(entry, pieces)


def _filled(pieces: list[str], params: Params) -> str:
    filled = pieces.copy()
    for index in range(1, len(filled), 2):
        name = filled[index]
        filled[index] = str(params[name]) if name in params else f"<{name}>"
    return "".join(filled)


def _digest(data: bytes, *, key: bytes = b"", digest_size: int = 64) -> bytes:
    from hashlib import blake2b  # noqa: PLC0415 - its import loads OpenSSL, and few programs hash values

    return blake2b(data, key=key, digest_size=digest_size).digest()


def _meant(kind: str | None, value: str) -> str | None:
    # Some logs and peers write an address or a whole JID in the place of a host.
    if "@" in value:
        return "jid"
    return "address" if _ADDRESS.fullmatch(value) else kind


def _number(value: int) -> int:
    # A number beyond the 64 bits of the wire format is replaced by the nearest one, so that the type of a value never changes.
    return min(max(value, -_LARGEST), _LARGEST)
