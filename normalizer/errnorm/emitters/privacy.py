"""
What may leave: a rule for each kind of parameter, and the escaping of every text that does.

The words of a peer are never told as they came. What a template took out of a text has a declared kind, and the kind has a
rule: keep it, put a keyed hash in its place, or drop it. What is told of the text is the template with the values filled in
under these rules. A password in free text is thus no question of finding it: free text does not leave.
"""

from __future__ import annotations

import re
from enum import StrEnum
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from errnorm.model import NormalizedError

__all__ = ["DEFAULT_RULES", "Privacy", "Rule", "escaped", "peer_name", "scrubbed"]


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

# C0 and C1 controls, characters that turn the direction of a line or have no width, line and paragraph separators, lone
# surrogates, language tags and noncharacters: what can forge a line, hide in one, or break an encoder.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_PLACE = re.compile(r"\{([a-z_]+)\}")
_USERINFO = re.compile(r"(?<![^\s,/])[^\s,/@]*@|(?<=//)[^\s,/]*@")
_SECRET = re.compile(
    r"(?i)\b(pass(?:word|wd|phrase)?|pwd|secret|token|api[-_ ]?key|authorization|bearer|basic|jwt|nkey|seed|credentials?|auth[-_]token)"
    r"(?P<link>\s*[=:]\s*|\s+(?:is|was)\s+|\s+)(?!<)(?P<value>(?=\S*[^a-zA-Z\s.,;:!?'\")])\S+|(?<=[=:])\S+|(?<=[=:] )\S+)"
)
_LARGEST = 2**63
_LONGEST_NAME = 128


def escaped(text: str, limit: int) -> str:
    """
    Make a text fit for one line of anything.

    Args:
        text: Any text.
        limit: Characters after which it is cut; the cut is marked by `…`.

    Returns:
        The text, unprintable and misleading characters written as `\\x1b` or `\\u202e`.
    """
    cut = text if len(text) <= limit else text[:limit] + "…"
    return cut if cut.isascii() and cut.isprintable() else _UNSAFE.sub(_written, cut)


def _written(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code > 0xFFFF:  # noqa: PLR2004 - the last code point of four hexadecimal digits
        return f"\\U{code:08x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - of two


def scrubbed(text: str) -> str:
    """Cut out what follows a word like `password` or `token` and is no plain word: for templates of unknown texts."""
    return _SECRET.sub(lambda found: f"{found[1]}{found['link']}<secret>", text)


def peer_name(peer: str) -> str:
    """Return the name of a peer as it may be told: without credentials, on one line, at most 128 characters."""
    return escaped(_USERINFO.sub("", peer), _LONGEST_NAME)


class Privacy:
    """
    The rules in force.

    Attributes:
        limit: Characters after which a value is cut.
    """

    __slots__ = ("_key", "_rules", "limit")

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
        self._rules = {**DEFAULT_RULES, **dict.fromkeys(keep, Rule.KEEP), **dict.fromkeys(hashed, Rule.HASH)}
        self._rules |= dict.fromkeys(drop, Rule.DROP)
        # blake2b takes 64 bytes of key at most; a longer one is folded into that.
        raw = key.encode("utf-8", "backslashreplace") if isinstance(key, str) else key
        self._key = raw if len(raw) <= 64 else blake2b(raw).digest()  # noqa: PLR2004
        self.limit = limit

    def rule(self, kind: str | None) -> Rule:
        """Return what happens to the values of a kind; a hash that has no key is a drop."""
        rule = self._rules.get(kind or "", Rule.DROP)
        return Rule.DROP if rule is Rule.HASH and not self._key else rule

    def value(self, kind: str | None, value: object) -> str | int | bool | None:
        """
        Return a value as it may be told.

        Args:
            kind: Its declared kind; `None` if it has none: then only numbers and flags are told.
            value: The value.

        Returns:
            The value, a hash of it, or `None` if it stays here.
        """
        if kind is None:
            return _number(value) if isinstance(value, int) else None
        rule = self.rule(kind)
        if rule is Rule.DROP:
            return None
        if rule is Rule.HASH:
            return self._hashed(kind, value)
        return _number(value) if isinstance(value, int) else escaped(value, self.limit) if isinstance(value, str) else None

    def _hashed(self, kind: str, value: object) -> str:
        digest = blake2b(f"{kind}:{value}".encode("utf-8", "backslashreplace"), key=self._key, digest_size=8)
        return f"{kind}:{digest.hexdigest()}"

    def params(self, error: NormalizedError) -> dict[str, str | int | bool]:
        """Return the parameters of an error that may leave, by name."""
        kinds = error.verdict.kinds
        told: dict[str, str | int | bool] = {}
        for name, value in error.params.items():
            safe = self.value(kinds.get(name), value)
            if safe is not None and name.isidentifier():
                told[name] = safe
        return told

    def text(self, error: NormalizedError) -> str:
        """
        Say in one line what happened, in words that are ours or the table's.

        Returns:
            For a known error the text of its row with the parameters that may leave; `<name>` stands for the others. For an
            unknown error its fingerprint.
        """
        placed = error.row
        if placed is None:
            return scrubbed(error.fingerprint or "") or error.reason.about
        template = placed.row.text or placed.key
        if "{" not in template:
            return escaped(template, self.limit)
        params = self.params(error)
        return escaped(_PLACE.sub(lambda found: str(params.get(found[1], f"<{found[1]}>")), template), 2 * self.limit)


def _number(value: int) -> int | str:
    # What does not fit into 64 bits has no place in the wire format of telemetry; its exact digits help nobody.
    return value if -_LARGEST <= value < _LARGEST else ("<large number>" if value > 0 else "<small number>")
