"""
XML elements in a text: where an element begins and ends, and which error a damaged element contains.

The adapter reads an intact element. An element that was cut, was wrapped inside a tag, or has lost a bracket is read tag by tag
here: the first child counts whose namespace or parent is known to contain conditions. Such a result is for people.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from errnorm.error import Signal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Markup"]

_LONGEST = 65536
_MOST_TAGS = 512
_TAG = re.compile(r"<(?P<close>/?)(?P<name>[A-Za-z_][\w.:-]{0,63})(?P<rest>(?:[^<>\"']|\"[^\"<]*\"|'[^'<]*')*)>", re.ASCII)
# The quotes of an element inside a quoted text have a backslash before them.
_ATTRIBUTE = re.compile(r"([A-Za-z_][\w.:-]{0,63})=\\?(?:\"([^\"]*?)\\?\"|'([^']*?)\\?')", re.ASCII)
_ENTITIES = (
    *(("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&#39;", "'"), ("&#x27;", "'"), ("&#34;", '"')),
    *(("&nbsp;", " "), ("&amp;", "&")),
)


class _Tag(NamedTuple):
    name: str
    attributes: dict[str, str]
    namespace: str
    parents: tuple[str, ...]


class Markup:
    """Finds and reads elements according to the table `markup` of the forms."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        """Compile the patterns of the table."""
        self._begins = re.compile(given.get("begins", r"(?!)"), re.ASCII)
        self._errors = re.compile(given.get("errors", r"(?!)"), re.ASCII)
        self._escaped = re.compile(given.get("escaped", r"(?!)"), re.ASCII)
        self._entities = re.compile(given.get("entities", r"(?!)"), re.ASCII)
        self._broken: str | None = given.get("broken")
        self._vague: str | None = given.get("vague")
        self._spaces: Mapping[str, str] = given.get("namespaces", {})
        self._parents: Mapping[str, str] = given.get("parents", {})

    def unescaped(self, text: str) -> str:
        """Return a text with its HTML entities decoded, if all its elements were escaped for a web page, or if it has none."""
        if "&" not in text:
            return text
        escaped = self._escaped.search(text)
        if escaped is None:
            # A mark that is not escaped may belong to an element, in which the entities are those of XML.
            escaped = None if "<" in text else self._entities.search(text)
        if escaped is None or self._begins.search(text, 0, escaped.start()):
            return text
        for entity, letter in _ENTITIES:
            text = text.replace(entity, letter)
        return text

    def holds_error(self, text: str) -> bool:
        """Return whether an element in a text contains an error."""
        return "<" in text and self._errors.search(text) is not None

    def is_broken(self, section: str | None) -> bool:
        """Return whether a section is the one for text that could not be parsed."""
        return section is not None and section == self._broken

    def is_vague(self, code: str | None) -> bool:
        """Return whether a code is the one for an error without a condition."""
        return code == self._vague

    def begin(self, text: str) -> int | None:
        """Return the position of the first element; `None` if there is none."""
        found = self._begins.search(text) or self._errors.search(text)
        return None if found is None else found.start()

    @staticmethod
    def end(text: str, start: int) -> int | None:
        """Return the end of the element that begins at `start`; `None` if the element was cut."""
        depth = 0
        for count, tag in enumerate(_TAG.finditer(text, start, start + _LONGEST)):
            if count >= _MOST_TAGS:
                return None
            depth += -1 if tag["close"] else 0 if tag["rest"].endswith("/") else 1
            if depth <= 0:
                return tag.end()
        return None

    def signals(self, text: str) -> Iterator[Signal]:
        """Yield signals for the errors that a damaged element may contain, the most likely one first."""
        kind: tuple[tuple[str, str], ...] = ()
        for tag in _tags(text):
            if tag.name == "error" and "type" in tag.attributes:
                kind = (("type", tag.attributes["type"]),)
            if tag.name == "body" and tag.attributes.get("type", "").startswith("termin"):
                yield Signal("xmpp", "bosh", tag.attributes.get("condition", "terminate"), text[:4096])
                yield Signal("xmpp", "stream", tag.attributes.get("condition", ""), text[:4096])
            place = self._spaces.get(tag.namespace) or (self._parents.get(tag.parents[-1]) if tag.parents else None)
            if place is None or tag.name == "text":
                continue
            protocol, _, section = place.partition("/")
            if section == "stanza" and "failed" in tag.parents:
                yield Signal(protocol, "sm", tag.name, text[:4096])
            yield Signal(protocol, section, tag.name, text[:4096], kind if section == "stanza" else ())


def _tags(text: str) -> Iterator[_Tag]:
    """Yield the start tags, each with its namespace."""
    around: list[tuple[str, str]] = []
    for count, found in enumerate(_TAG.finditer(text, 0, _LONGEST)):
        if count >= _MOST_TAGS:
            return
        if found["close"]:
            if around:
                around.pop()
            continue
        attributes = {name: double or single for name, double, single in _ATTRIBUTE.findall(found["rest"])}
        # A terminal or a mail may have wrapped the name of a namespace.
        namespace = "".join(attributes.get("xmlns", "").split()) or (around[-1][1] if around else "")
        yield _Tag(found["name"], attributes, namespace, tuple(name for name, _ in around))
        if not found["rest"].endswith("/"):
            around.append((found["name"], namespace))
