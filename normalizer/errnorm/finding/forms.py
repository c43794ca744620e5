"""
The forms of errors in texts: patterns for what precedes, follows and surrounds the text of an error. They are data.

Python and the JavaScript of the catalogue read the same data file. Comments at the beginning of the file describe each of its
tables.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from errnorm.error import Signal
from errnorm.finding.markup import Markup
from errnorm.lazy import lazy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["Form", "Forms", "Place"]

_PART = re.compile(r"%([a-z]+)%")
_MOST_FRAMES = 12
# A text with more words than these is specific enough.
_FEW_WORDS = 4
_WORD = re.compile(r"[A-Za-z]{2,}", re.ASCII)
_PLACE = re.compile(r"\{[a-z_]+\}")
_GROUP = re.compile(r"\{([a-z]+)(:[_-])?\}")
_PART_OF_NAME = re.compile(r"[A-Za-z0-9*.@_/-]", re.ASCII)
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Place:
    """
    A place at which the row for a form is looked up.

    Attributes:
        protocol: The protocol.

        section: The section of its table; `None` for all sections in their order.

        code: The code, with the names of groups of the pattern in braces; in `{name:_}` each blank is replaced by `_`; in
            `{name:-}` the words of the value, `ItemNotFound`, `item_not_found` or `Item Not Found`, become `item-not-found`.
    """

    protocol: str
    section: str | None
    code: str

    @classmethod
    def read(cls, text: str) -> Place:
        """Parse `protocol/section/code`; the section `*` means all sections."""
        protocol, section, code = text.split("/", 2)
        return cls(protocol, None if section == "*" else section, code)

    def signal(self, text: str) -> Signal:
        """Return a signal with exactly this code."""
        return Signal(self.protocol, self.section, self.code, text)

    def filled(self, groups: Mapping[str, str | None]) -> str | None:
        """Return the code with the values of a match; `None` if a group did not take part in the match."""
        if any(groups.get(name) is None for name, _ in _GROUP.findall(self.code)):
            return None
        return _GROUP.sub(lambda found: _spelled(groups[found[1]] or "", found[2]), self.code)


@dataclass(frozen=True)
class Form:
    """
    One way in which an error is written.

    Attributes:
        name: The name of the form, for people.

        has: Words in lower case. A line that the form can match contains at least one of them.

        pattern: The regular expression.

        search: Whether it may match a part of a text; otherwise it must match the whole text.

        early: Whether a form with `search` is tried together with the forms that match a whole text.

        rows: The places at which the row is looked up, the most likely one first.

        family: The family of the signal, such as the type of a stanza error.

        closed: Whether the connection has ended when a line of this form is written; `None` if the row decides.

        last: Less specific rows, which are used if no other row matches.
    """

    name: str
    has: tuple[str, ...]
    pattern: str
    search: bool
    early: bool
    rows: tuple[Place, ...]
    family: tuple[Place, ...]
    last: tuple[Place, ...]
    closed: bool | None = None

    @lazy
    def compiled(self) -> re.Pattern[str]:
        """The regular expression, compiled on first use."""
        return re.compile(self.pattern, re.ASCII | re.DOTALL)

    def match(self, text: str) -> re.Match[str] | None:
        """Match a text."""
        return self.compiled.search(text) if self.search else self.compiled.fullmatch(text)


class Forms:
    """All forms of all files, in their order."""

    def __init__(self, files: Iterable[Mapping[str, Any]]) -> None:
        """
        Combine the files.

        Args:
            files: The parsed files, those of the built-in protocols first.
        """
        read = list(files)
        frames = _merged(read, "frames")
        stamps = {name for file in read for name in file.get("stamps", {}).get("frames", ())}
        self.frame = _named(frames)
        self.stamp = _named({name: pattern for name, pattern in frames.items() if name in stamps})
        margins = _merged(read, "margins")
        self.margin = _named({name: frames[name] for name in margins.get("frames", ()) if name in frames})
        self.documents: tuple[str, ...] = tuple(margins.get("fields", ()))
        self.protocols = {frame: name for file in read for name, some in file.get("protocols", {}).items() for frame in some}
        self.markup = Markup(_merged_markup(read))
        self.tail = re.compile(f"(?:{'|'.join(_merged(read, 'tails').values())})$", re.ASCII | re.DOTALL)
        self.way = re.compile("|".join(_merged(read, "ways").values()), re.ASCII)
        self.skipped = _any(_merged(read, "skipped").values())
        self.fields: tuple[str, ...] = tuple(name for file in read for name in file.get("fields", {}).get("names", ()))
        self.sentences = frozenset(
            one for file in read for kind in ("sections", "codes") for one in file.get("sentences", {}).get(kind, ())
        )
        self.everyday = frozenset(said for file in read for said in file.get("everyday", {}).get("names", ()))
        self.telling = _any(_merged(read, "telling").values())
        self.censored = _any(_merged(read, "censored").values())
        self.hidden = _any(_merged(read, "hidden").values())
        self.quiet = _any(_merged(read, "quiet").values())
        self.spaced = _any(_merged(read, "spaced").values())
        self.unknown = _any(_merged(read, "unknown").values())
        self.synonyms = {said: tuple(map(Place.read, rows)) for said, rows in _merged(read, "synonyms").items()}
        parts = _merged(read, "parts")
        self.forms: tuple[Form, ...] = tuple(_form(one, parts) for file in read for one in file.get("forms", ()))

    def is_listed(self, text: str) -> bool:
        """Return whether a text is one of those that any program may write."""
        return text.lower() in self.everyday

    def is_general(self, text: str) -> bool:
        """Return whether any program may write a text: it is listed, or short and without a word that belongs to a protocol."""
        words = _WORD.findall(_PLACE.sub(" ", text))
        return self.is_listed(text) or (len(words) <= _FEW_WORDS and not self.telling.search(text))

    def shows(self, text: str) -> bool:
        """Return whether a text shows which protocol it is about, by a word that belongs to one."""
        return self.telling.search(text) is not None

    def uncensored(self, line: str) -> str:
        """Return a line, as long as before, in which each name that somebody has hidden is one word: `<MY DOMAIN>`."""
        return self.censored.sub(lambda found: found[0].replace(" ", "_"), line)

    def guessed(self, line: str) -> Iterator[str]:
        """
        Yield a line, as long as before, with other values for those that somebody has hidden: as numbers, and in quotes.

        A number does not decide which error it is, but a text with a place for one does not match `***`.
        """
        if self.hidden.search(line) is None:
            return
        yield self.hidden.sub(_as_number, line)
        quoted = self.hidden.sub(_in_quotes, line)
        if quoted != line:
            yield quoted

    def beginnings(self, line: str) -> Iterator[tuple[int, str | None]]:
        """Yield the positions after no frame, after the first frame, after the second and so on, and the protocol they show."""
        at, protocol = 0, None
        yield at, protocol
        for _ in range(_MOST_FRAMES):
            found = self.frame.match(line, at)
            if found is None or found.end() == at or found.end() >= len(line):
                return
            at = found.end()
            protocol = self.protocols.get(found.lastgroup or "", protocol)
            yield at, protocol

    def stamped(self, line: str) -> int:
        """Return the position in a line after the prefix that a log collector has added."""
        at = 0
        while line[at : at + 1] not in {"", " ", "\t"} and (found := self.stamp.match(line, at)) is not None and found.end() > at:
            at = found.end()
        return at

    def unstamped(self, line: str) -> str:
        """Return a line without the prefix of a log collector, but with its indentation."""
        at = self.stamped(line)
        return line[len(line[:at].rstrip()) + 1 :] if at else line

    def margin_of(self, line: str) -> int:
        """Return the width of what a container or a log collector has put before a line, also before one of a traceback."""
        # An editor may have removed the blank at the end of a line that says nothing.
        found = self.margin.match(f"{line} ")
        return 0 if found is None else min(found.end(), len(line))

    def of(self, folded: str) -> Iterator[Form]:
        """Yield the forms that can match a line, which must be in lower case."""
        for form in self.forms:
            if any(word in folded for word in form.has):
                yield form


def _as_number(found: re.Match[str]) -> str:
    """Return as many zeros as a hidden value has characters, if no letter, digit or mark next to it makes it a part of a name."""
    around = found.string[max(0, found.start() - 1) : found.start()] + found.string[found.end() : found.end() + 1]
    return found[0] if _PART_OF_NAME.search(around) else "0" * len(found[0])


def _in_quotes(found: re.Match[str]) -> str:
    return f'"{found[0][1:-1]}"' if found[0][0] in "<[" else found[0]


def _spelled(value: str, spelling: str | None) -> str:
    if spelling == ":-":
        return _HUMP.sub("-", value).replace("_", "-").replace(" ", "-").lower()
    return value.replace(" ", "_") if spelling else value


def _merged(files: Iterable[Mapping[str, Any]], name: str) -> dict[str, Any]:
    return {key: value for file in files for key, value in file.get(name, {}).items()}


def _any(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns) or "(?!)", re.ASCII | re.DOTALL)


def _named(patterns: Mapping[str, str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in patterns.items()), re.ASCII | re.DOTALL)


def _merged_markup(files: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    return next((file["markup"] for file in files if "markup" in file), {})


def _form(given: Mapping[str, Any], parts: Mapping[str, str]) -> Form:
    return Form(
        name=given["name"],
        has=tuple(given["has"]),
        pattern=_PART.sub(lambda found: parts[found[1]], given["pattern"]),
        search=given.get("search", False),
        early=given.get("early", False),
        rows=tuple(map(Place.read, given.get("rows", ()))),
        family=tuple(map(Place.read, given.get("family", ()))),
        last=tuple(map(Place.read, given.get("last", ()))),
        closed=given.get("closed"),
    )
