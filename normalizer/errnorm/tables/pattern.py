"""
Templates, which are texts with parameters: `Permissions Violation for Publish to "{subject}"`.

A template matches a whole text, never a part of it: otherwise a peer could write a value that looks like another error. A
parameter in double quotes is read as Go's %q writes it (a quote inside is escaped), so a subject cannot end its own quotation.
Templates are found by the first letters of their literal head, so the cost does not grow with the table. Values are read from a
match only when they are needed.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Generic, TypeVar

from errnorm.regex import regex
from errnorm.tables.kind import KINDS, SAMPLES, value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from errnorm.tables.kind import Params

__all__ = ["Captures", "Template", "TemplateIndex", "last_of", "values_of", "words_of"]

T = TypeVar("T")

_PLACE = regex(r'(?P<quote>"?)\{(?P<name>[a-z_]+)\}(?P=quote)')
# To cut parameters out of a text: a parameter with its quotes, several that are separated only by punctuation, parameters in
# brackets, and the spaces that remain before punctuation.
_CUT = regex(r"[\"'`]?\{[a-z_]+\}[\"'`]?")
_CUTS = regex(r"\0(?:[^\w\0]*\0)+")
_BRACKETED = regex(r"[\[(]\0(?:[^\w\0\[\]()]*\0)*[\])]")
_LEFT = regex(r"\s+(?=[,:;])")
_QUOTED = r'"(?P<{name}>[^"\\]*(?:\\.[^"\\]*)*)"'
_START = 6

# The match of a text, and the kind of each parameter. It is a plain tuple, because one is made for every such error.
Captures = tuple["re.Match[str]", "Mapping[str, str]"]


def values_of(captures: Captures) -> Params:
    """Return the values of the parameters by name, numbers as integers."""
    match, kinds = captures
    return {name: value_of(kind, match[name]) for name, kind in kinds.items()}


def last_of(captures: Captures) -> str:
    """Return the original value of the last parameter."""
    match, kinds = captures
    return match[list(kinds)[-1]]


def words_of(text: str) -> str:
    """Return a code for a template: its words without parameters and the punctuation between them; empty if there are none."""
    cut = _CUTS.sub("\0", _BRACKETED.sub("\0", _CUT.sub("\0", text))).replace("\0", " ")
    return _LEFT.sub("", " ".join(cut.split())).strip(" :,;-")


class Template(Generic[T]):
    """
    One text with named parameters, and the value that it is mapped to.

    Attributes:
        text: The text.

        value: The value, for example a row.

        kinds: The kind of each parameter, by name.

        head: The literal text before the first parameter; in lower case if case is ignored, as `inside` and `end` are.

        inside: The longest literal part after the first parameter.

        end: The literal text after the last parameter.
    """

    __slots__ = ("_ignore_case", "end", "head", "inside", "kinds", "match", "text", "value")

    def __init__(self, text: str, kinds: Mapping[str, str], value: T, *, ignore_case: bool) -> None:
        """
        Parse a text with parameters.

        Args:
            text: The text. `{name}` is a parameter, and `"{name}"` one that the peer writes as Go's %q does.
            kinds: The kind of each parameter, by name; a key of `KINDS`.
            value: The value that is returned for a match.
            ignore_case: Whether upper and lower case are the same.

        Raises:
            ValueError: If a parameter has no declared kind, or occurs twice in the text.
        """
        self.value = value
        self.text = text
        self._ignore_case = ignore_case
        self.kinds: dict[str, str] = {}
        literals, end = [], 0
        for place in _PLACE.finditer(text):
            name = place["name"]
            if name not in kinds:
                message = f"the parameter {{{name}}} is not declared under [params]"
                raise ValueError(message)
            if name in self.kinds:
                message = f"the parameter {{{name}}} occurs twice"
                raise ValueError(message)
            self.kinds[name] = kinds[name]
            literals.append(text[end : place.start()])
            end = place.end()
        # The literal parts of a text are compared first, because that is faster than the regular expression.
        self.head = self._folded(literals[0])
        self.inside = self._folded(max(literals[1:], key=len, default=""))
        self.end = self._folded(text[end:])
        self.match: Callable[[str, int], re.Match[str] | None] = self._first_match

    @property
    def folded(self) -> str:
        """The text in the form that is compared: in lower case if case is ignored."""
        return self._folded(self.text)

    def _folded(self, text: str) -> str:
        return text.lower() if self._ignore_case else text

    def _first_match(self, text: str, start: int) -> re.Match[str] | None:
        # Compiled on first use: compiling all templates would take most of the loading time, and most are never used.
        self.match = re.compile(self._tail(), re.DOTALL | (re.IGNORECASE if self._ignore_case else 0)).fullmatch
        return self.match(text, start)

    def _tail(self) -> str:
        """Return the regular expression for the text after the head. The caller has compared the head."""
        places = list(_PLACE.finditer(self.text))
        pattern, end = "", places[0].start()
        for place in places:
            name = place["name"]
            pattern += re.escape(self.text[end : place.start()])
            pattern += _QUOTED.format(name=name) if place["quote"] else f"(?P<{name}>{KINDS[self.kinds[name]]})"
            end = place.end()
        return pattern + re.escape(self.text[end:])

    def read(self, text: str) -> Captures | None:
        """Return the captures of a text that matches as a whole; `None` if it does not match."""
        found = self.match(text, len(self.head)) if text.startswith(self.head) else None
        return None if found is None else (found, self.kinds)

    @staticmethod
    def has_places(text: str) -> bool:
        """Return whether a text has parameters."""
        return "{" in text and _PLACE.search(text) is not None

    def sample(self) -> str:
        """Return a text that this template matches."""
        return _PLACE.sub(
            lambda place: place[0].replace(f"{{{place['name']}}}", SAMPLES.get(self.kinds[place["name"]], "word")), self.text
        )


_Group = tuple[str, int, tuple[Template[T], ...]]


class TemplateIndex(Generic[T]):
    """
    All templates of a section, indexed by their first letters.

    Attributes:
        templates: The templates.
    """

    __slots__ = ("_by_start", "_short", "templates")

    def __init__(self, templates: list[Template[T]]) -> None:
        """Index the templates by head. The longest head is compared first, because it is the most specific one."""
        self.templates = templates
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
            text: The original text.
            folded: The same text, in lower case if the section ignores case.

        Returns:
            The value of the template, and the captures; `None` if no template matches.
        """
        for head, length, templates in chain(self._by_start.get(folded[:_START], ()), self._short):
            if not folded.startswith(head):
                continue
            for template in templates:
                if template.inside in folded and (match := template.match(text, length)):
                    return template.value, (match, template.kinds)
        return None

    def others(self, text: str, folded: str, own: Template[T] | None = None) -> list[T]:
        """Return the values of all templates that match a whole text, except `own`. A valid table has none."""
        nearby = (*self._by_start.get(folded[:_START], ()), *self._short)
        return [
            template.value
            for head, length, templates in nearby
            if folded.startswith(head)
            for template in templates
            # The literal parts differ in nearly all templates, so most need not be compiled.
            if template is not own
            and folded.endswith(template.end)
            and template.inside in folded
            and template.match(text, length)
        ]
