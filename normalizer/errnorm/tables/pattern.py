"""
Texts with parameters: `Permissions Violation for Publish to "{subject}"`.

A template is matched whole, from its first letter to its last, never somewhere inside: what a peer can write into a
parameter must not be able to look like another error. A parameter in double quotes is read as Go's %q writes it (a quote
inside is escaped), so no subject can end its own quotation. The alternatives are found by the first letters of the literal
head, so the cost does not grow with the table; values are taken out of a match only when somebody asks for them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from errnorm.error import Params

__all__ = ["KINDS", "Captures", "Template", "TemplateIndex", "values_of"]

T = TypeVar("T")

# What a value of each declared kind looks like where it is not in quotes. Each is linear and none can match a line end,
# but `text`, which is free text and may stand only once in a template.
KINDS: Mapping[str, str] = {
    "account": r"\S+",
    "address": r"\S+",
    "duration": r"[0-9][0-9a-zµ.]*",
    "host": r"\S+",
    "id": r"\S+",
    "jid": r"\S+",
    "name": r"\S+",
    "number": r"-?[0-9]+",
    "queue": r"\S+",
    "subject": r"\S+",
    "text": r".*",
    "user": r"\S+",
    "version": r"\S+",
}

# One value of each kind, for checking that no two templates accept the same text.
_SAMPLES = {"number": "7", "duration": "7s", "text": "some words"}

_PLACE = re.compile(r'(?P<quote>"?)\{(?P<name>[a-z_]+)\}(?P=quote)')
_QUOTED = r'"(?P<{name}>[^"\\]*(?:\\.[^"\\]*)*)"'
_START = 6
_MOST_DIGITS = 18
_LARGEST = 2**63 - 1


# A text that matched: the match, and the kind of each place. A plain pair, because one is made for every such error.
Captures = tuple["re.Match[str]", "Mapping[str, str]"]


def values_of(reading: Captures) -> Params:
    """Return the values of a text that matched, by name, numbers as integers."""
    match, kinds = reading
    return {name: _value(kind, match[name]) for name, kind in kinds.items()}


class Template(Generic[T]):
    """One text with named places, and what it stands for."""

    __slots__ = ("_flags", "_tail", "_text", "end", "head", "kinds", "match", "value")

    def __init__(self, text: str, kinds: Mapping[str, str], value: T, *, ignore_case: bool) -> None:
        """
        Compile a text with places.

        Args:
            text: The text; `{name}` is a place, `"{name}"` a place that the peer writes as Go's %q does.
            kinds: The kind of each place, by name; a key of `KINDS`.
            value: What is returned for a match.
            ignore_case: Whether upper and lower case are the same.

        Raises:
            ValueError: If a place has no declared kind or stands in the text twice.
        """
        self.value = value
        self._text = text
        self.kinds: dict[str, str] = {}
        pattern, end = "", 0
        for place in _PLACE.finditer(text):
            name = place["name"]
            if name not in kinds:
                message = f"the place {{{name}}} is not declared under [params]"
                raise ValueError(message)
            if name in self.kinds:
                message = f"the place {{{name}}} stands twice"
                raise ValueError(message)
            self.kinds[name] = kinds[name]
            value_pattern = _QUOTED.format(name=name) if place["quote"] else f"(?P<{name}>{KINDS[kinds[name]]})"
            pattern += re.escape(text[end : place.start()]) + value_pattern
            end = place.end()
        pattern += re.escape(text[end:])
        head = text[: text.index("{")].removesuffix('"')
        self.head = head.lower() if ignore_case else head
        self.end = text[end:].lower() if ignore_case else text[end:]
        # The head is compared by whoever asks; only what comes behind it is left to the expression.
        self._tail = pattern[len(re.escape(head)) :]
        self._flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
        self.match: Callable[[str, int], re.Match[str] | None] = self._first_match

    def _first_match(self, text: str, start: int) -> re.Match[str] | None:
        # Most templates of a table never meet a text, and compiling them all is most of the time that loading would take.
        self.match = re.compile(self._tail, self._flags).fullmatch
        return self.match(text, start)

    def read(self, text: str) -> Captures | None:
        """Read a whole text; `None` if it does not match."""
        found = self.match(text, len(self.head)) if text.startswith(self.head) else None
        return None if found is None else (found, self.kinds)

    @staticmethod
    def has_places(text: str) -> bool:
        """Tell whether a text has places at all."""
        return "{" in text and _PLACE.search(text) is not None

    def sample(self) -> str:
        """Return a text that this template matches."""
        return _PLACE.sub(
            lambda place: place[0].replace(f"{{{place['name']}}}", _SAMPLES.get(self.kinds[place["name"]], "word")), self._text
        )


def _value(kind: str, text: str) -> str | int:
    if kind != "number":
        return text
    # No counter is larger, and int() of a huge number is slow, and refused from 4300 digits on.
    if len(text) > _MOST_DIGITS:
        return -_LARGEST if text.startswith("-") else _LARGEST
    return int(text)


_Group = tuple[str, int, tuple[Template[T], ...]]


class TemplateIndex(Generic[T]):
    """All templates of a section, found by their first letters."""

    __slots__ = ("_by_start", "_short")

    def __init__(self, templates: list[Template[T]]) -> None:
        """Sort the templates by head, the longest first: it says the most."""
        by_head: dict[str, list[Template[T]]] = {}
        for template in sorted(templates, key=lambda one: -len(one.head)):
            by_head.setdefault(template.head, []).append(template)
        self._by_start: dict[str, list[_Group[T]]] = {}
        self._short: list[_Group[T]] = []
        for head, same in by_head.items():
            groups = self._short if len(head) < _START else self._by_start.setdefault(head[:_START], [])
            groups.append((head, len(head), tuple(same)))

    def find(self, text: str, folded: str) -> tuple[T, Captures] | None:
        """
        Find the template that matches a whole text.

        Args:
            text: The text as it came.
            folded: The same text in the case of the heads.

        Returns:
            What the template stands for, and the reading; `None` if none matches.
        """
        for groups in (self._by_start.get(folded[:_START]), self._short):
            for head, length, templates in groups or ():
                if folded.startswith(head):
                    for template in templates:
                        if match := template.match(text, length):
                            return template.value, (match, template.kinds)
        return None

    def others(self, text: str, folded: str, own: Template[T] | None = None) -> list[T]:
        """Return what every template but one's own that matches a whole text stands for: one is one too many."""
        return [
            template.value
            for groups in (self._by_start.get(folded[:_START], ()), self._short)
            for head, length, templates in groups
            if folded.startswith(head)
            for template in templates
            # Nearly all differ in their literal end, and need not be compiled to tell.
            if template is not own and folded.endswith(template.end) and template.match(text, length)
        ]
