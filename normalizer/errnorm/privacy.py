"""
What may leave: a rule for each kind of parameter.

The words of a peer are never told as they came. What a template took out of a text has a declared kind, and the kind has a
rule: keep it, put a keyed hash in its place, or drop it. What is told of the text is the template with the values filled in
under these rules. A password in free text is thus no question of finding it: free text does not leave.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING

from errnorm.bounded import BoundedCache
from errnorm.escape import escaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from errnorm.error import NormalizedError, Params
    from errnorm.tables.row import Entry

__all__ = ["DEFAULT_RULES", "Privacy", "Rule", "peer_name", "phrase", "without_credentials"]


class Rule(StrEnum):
    """What happens to a value before it leaves."""

    KEEP = "keep"
    HASH = "hash"
    DROP = "drop"


# What is not here is dropped: a kind that a new table brings is private until somebody says otherwise.
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

_PLACE = re.compile(r"\{([a-z_]+)\}")
# A password can hold what ends an address; so all before the last `@` goes, up to the beginning of the next address.
_USERINFO = re.compile(
    r"([a-z][a-z0-9+.-]{0,15}://)(?:(?![a-z][a-z0-9+.-]{0,15}://).)*@|(?<![^\s,])[^\s,]*@", re.IGNORECASE | re.DOTALL
)
_CREDENTIALS = re.compile(r"([a-z][a-z0-9+.-]{0,15}://)[^\s/?#]*@", re.IGNORECASE)
_QUERY = re.compile(r"[?#][^\s,]*")
# Kinds that are told by default, and under which something private can stand all the same.
_PUBLIC = frozenset({"host", "name"})
# Kinds of names that somebody makes up, and in which an address or a JID can be a part.
_NAMES = frozenset({"subject", "queue"})
_INSIDE_JID = re.compile(r"[^\s@./]+@[\w.-]+")
_INSIDE_ADDRESS = re.compile(r"(?<!\d)(?:\d{1,3}\.){3}\d{1,3}(?!\d)")
_ADDRESS = re.compile(
    r"\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?|\[?[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:[0-9.]*)(?:%\w+)?(?:\](?::\d+)?)?"
)
_LARGEST = 2**63 - 1
_LONGEST_NAME = 128
_LONGEST_PEER = 1024
_LONGEST_PHRASE = 72
_MOST_ROWS = 4096


@lru_cache(1024)
def peer_name(peer: object) -> str:
    """Return the name of a peer as it may be told: without credentials, on one line, at most 128 characters."""
    named = str(peer)[:_LONGEST_PEER]
    return escaped(_QUERY.sub("", _USERINFO.sub(lambda found: found[1] or "", named)), _LONGEST_NAME)


@lru_cache(_MOST_ROWS)
def _phrase(words: str, about: str) -> tuple[str, tuple[str, ...]]:
    if " " not in words:
        return (about[:1].lower() + about[1:].rstrip(".")).replace("%", "%%"), ()
    pieces = _PLACE.split(words)
    return "%s".join(escaped(piece, _LONGEST_PHRASE).replace("%", "%%") for piece in pieces[::2]), tuple(pieces[1::2])


def phrase(error: NormalizedError) -> tuple[str, tuple[str, ...]]:
    """
    Return what an error says in the words of its row: a template with `%s` in the places of its parameters, and their names.

    Returns:
        For an error that no table knows, its fingerprint. Nothing in the template comes from a parameter.
    """
    entry = error.judgement.row
    if entry is None:
        said = escaped(error.fingerprint or "", _LONGEST_PHRASE) or error.reason.about
        return said.replace("%", "%%"), ()
    return _phrase(entry.row.text or entry.key, entry.row.reason.about)


def without_credentials(text: str) -> str:
    """Return a text without the credentials, query and fragment of the addresses in it."""
    return _CREDENTIALS.sub(r"\1", text) if "://" in text else text


class Privacy:
    """
    The rules in force.

    Attributes:
        limit: Characters after which a value is cut.
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
        Start from the defaults and change the rules of some kinds.

        Args:
            keep: Kinds whose values are told as they are (escaped and cut).
            hashed: Kinds whose values are told as a hash.
            drop: Kinds whose values are not told. Stands above the two others.
            key: The key of the hash. Without one nothing is hashed but dropped: a hash without a key is no secret, because
                there are few enough addresses to try them all.
            limit: Characters after which a value is cut.
        """
        rules = {**DEFAULT_RULES, **dict.fromkeys(keep, Rule.KEEP), **dict.fromkeys(hashed, Rule.HASH)}
        rules |= dict.fromkeys(drop, Rule.DROP)
        # blake2b takes 64 bytes of key at most; a longer one is folded into that.
        raw = key.encode("utf-8", "backslashreplace") if isinstance(key, str) else key
        self._key = raw if len(raw) <= 64 else blake2b(raw).digest()  # noqa: PLR2004
        self._kept = frozenset(kind for kind, rule in rules.items() if rule is Rule.KEEP)
        self._hashed = frozenset(kind for kind, rule in rules.items() if rule is Rule.HASH) if raw else frozenset()
        self._pieces: BoundedCache[Entry, list[str]] = BoundedCache(_MOST_ROWS)
        self._last: tuple[NormalizedError, Params, str] | None = None
        self.limit = limit

    def rule(self, kind: str | None) -> Rule:
        """Return what happens to the values of a kind; a hash that has no key is a drop."""
        return Rule.KEEP if kind in self._kept else Rule.HASH if kind in self._hashed else Rule.DROP

    def value(self, kind: str | None, value: object) -> str | int | bool | None:
        """
        Return a value as it may be told.

        Args:
            kind: Its declared kind; `None` if it has none: then only numbers and flags are told.
            value: The value.

        Returns:
            The value, a hash of it, or `None` if it stays here.
        """
        if type(value) is str:
            if kind in _PUBLIC and kind in self._kept and (meant := _meant(kind, value)) != kind:
                # The name stays, whatever the value is: a peer does not decide which fields a line has.
                return self.value(meant, value) or f"<{meant}>"
            if kind in self._kept:
                return escaped(self._without_people(value) if kind in _NAMES else value, self.limit)
        if kind in self._hashed:
            return self._hash(f"{kind}:{value}")
        return _number(value) if isinstance(value, int) and (kind is None or kind in self._kept) else None

    def _without_people(self, value: str) -> str:
        """Return a name without the addresses and JIDs inside it: people put them into subjects."""
        if "@" in value and "jid" not in self._kept:
            value = _INSIDE_JID.sub("<jid>", value)
        if "address" not in self._kept:
            value = _INSIDE_ADDRESS.sub("<address>", value)
        return value

    def _hash(self, text: str) -> str:
        digest = blake2b(text.encode("utf-8", "backslashreplace"), key=self._key, digest_size=8)
        return f"{text.partition(':')[0]}:{digest.hexdigest()}"

    def params(self, error: NormalizedError) -> Params:
        """Return the parameters of an error that may leave, by name. Not to be changed."""
        return self._told(error)[1]

    def text(self, error: NormalizedError) -> str:
        """
        Say in one line what happened, in words that are ours or the table's.

        Returns:
            For a known error the text of its row with the parameters that may leave; `<name>` stands for the others. For an
            unknown error its fingerprint.
        """
        return self._told(error)[2]

    def _told(self, error: NormalizedError) -> tuple[NormalizedError, Params, str]:
        # Log and span ask for the same error one after the other. Replaced in one step, so threads can do no harm here.
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
        """Split the text of a row at its places: words and names take turns."""
        template = entry.row.text or entry.key
        said = template
        if " " not in template:
            # A condition or a number says little to people, and a class stands in a field of its own; what it means says more.
            said = entry.row.reason.about if "." in template else f"{template}: {entry.row.reason.about}"
        pieces = _PLACE.split(escaped(said, self.limit))
        return self._pieces.remember(entry, pieces)


def _filled(pieces: list[str], params: Params) -> str:
    filled = pieces.copy()
    for index in range(1, len(filled), 2):
        name = filled[index]
        filled[index] = str(params[name]) if name in params else f"<{name}>"
    return "".join(filled)


def _meant(kind: str | None, value: str) -> str | None:
    # A log or a peer writes an address, or a whole JID, where others write a host.
    if "@" in value:
        return "jid"
    return "address" if _ADDRESS.fullmatch(value) else kind


def _number(value: int) -> int:
    # What does not fit into the 64 bits of the wire format becomes the nearest that does: the type of a value never changes.
    return min(max(value, -_LARGEST), _LARGEST)
