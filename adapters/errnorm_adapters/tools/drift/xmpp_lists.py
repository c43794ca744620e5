"""Read the conditions of XMPP from the registrar's registry and from the schemas of RFCs and XEPs."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from errnorm_adapters.tools.drift.reading import Comparison, Reading

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["read"]

# The sections of the table for the conditions of these namespaces. The section for all other namespaces of errors is `app`.
_SECTIONS = {
    "urn:ietf:params:xml:ns:xmpp-stanzas": "stanza",
    "urn:ietf:params:xml:ns:xmpp-streams": "stream",
    "urn:ietf:params:xml:ns:xmpp-sasl": "sasl",
    "http://jabber.org/protocol/httpbind": "bosh",
}
_FILES = ("*.xml", "*.txt", "*.html", "*.xsd")
_FOLDERS = ("", "registry", "xeps", "rfcs")

_SCHEMA = re.compile(r"<xs:schema\b.*?</xs:schema>", re.DOTALL)
_NAMESPACE = re.compile(r"""targetNamespace=['"]([^'"]+)['"]""")
_TAG = re.compile(r"<(/?)xs:(\w+)([^>]*?)(/?)>", re.DOTALL)
_ELEMENT = re.compile(r"""<xs:element\s+name=['"]([\w-]+)['"]""")
_NAME = re.compile(r"""\bname=['"]([\w-]+)['"]""")
_REFERENCE = re.compile(r"""\bref=['"]([\w-]+)['"]""")
_FAILURE = re.compile(r"""<xs:element\s+name=['"]failure['"].*?</xs:complexType>""", re.DOTALL)
_TERMINATE = re.compile(r"""<xs:attribute\s+name=['"]condition['"].*?</xs:attribute>""", re.DOTALL)
_VALUE = re.compile(r"""<xs:enumeration\s+value=['"]([\w-]+)['"]""")
_REGISTERED = re.compile(r"<condition>\s*<ns>\s*([^<\s]+)\s*</ns>\s*<element>\s*([\w-]+)\s*</element>")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_SHELVED = re.compile(r"<status>\s*(?:Deferred|Obsolete|Rejected|Retracted)\s*</status>")
_RFC = re.compile(r"<rfc\b|Request for Comments:\s*6120|RFC 6120")
_NOT_CONDITIONS = frozenset({"text", "error", "errors"})


def read(path: Path) -> Reading | None:
    """
    Compare the conditions that a file or checkout lists with the table of XMPP.

    Deferred, rejected, retracted and obsolete XEPs are skipped.

    Returns:
        The reading; `None` if no file lists conditions.
    """
    texts = {file.name: text for file in _files(path) if not _SHELVED.search(text := _text(file))}
    listed = {name: set(_listed(text)) for name, text in texts.items()}
    found = {one: name for name, ones in listed.items() for one in sorted(ones)}
    if not found:
        return None
    comparison = Comparison("xmpp")
    reading = Reading("XMPP conditions", path, None, comparison.table.version)
    for (namespace, name), file in found.items():
        section = _SECTIONS.get(namespace, "app")
        reading.counts[section] = reading.counts.get(section, 0) + 1
        if not _has_row(comparison, section, namespace, name):
            comparison.miss(section, name if section != "app" else f"{namespace} {name}", where=file)
    for name, ones in listed.items():
        _lose(comparison, {namespace for namespace, _ in ones}, texts[name])
    reading.findings = comparison.settled()
    return reading


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if any(path.match(pattern) for pattern in _FILES) else []
    return sorted(file for folder in _FOLDERS for pattern in _FILES for file in (path / folder).glob(pattern) if file.is_file())


def _text(file: Path) -> str:
    text = _COMMENT.sub("", file.read_text("utf-8", "replace"))
    return html.unescape(text) if "&lt;xs:schema" in text else text


def _listed(text: str) -> Iterator[tuple[str, str]]:
    """Yield the namespace and name of every condition that a document lists."""
    yield from _REGISTERED.findall(text)
    for schema in _SCHEMA.findall(text):
        named = _NAMESPACE.search(schema)
        if named is not None:
            yield from ((named[1], name) for name in _in_schema(named[1], schema) if name not in _NOT_CONDITIONS)


def _in_schema(namespace: str, schema: str) -> list[str]:
    if namespace.endswith(":xmpp-sasl"):
        return [name for block in _FAILURE.findall(schema) for name in _ELEMENT.findall(block) if name != "failure"]
    if namespace.endswith("/httpbind"):
        return [name for block in _TERMINATE.findall(schema) for name in _VALUE.findall(block)]
    if namespace in _SECTIONS or re.search(r"[:#/]errors\b", namespace):
        return _declared(schema)
    return []


def _declared(schema: str) -> list[str]:
    """Return the elements that a schema declares at its top level, without those that are parts of another element."""
    declared: list[str] = []
    parts: set[str] = set()
    depth, top = 0, ""
    for closing, kind, attributes, empty in _TAG.findall(schema):
        depth -= bool(closing)
        if not closing and depth == 1:
            top = kind
            declared += _NAME.findall(attributes)[:1] if kind == "element" else []
        elif not closing and top == "element":
            parts |= set(_REFERENCE.findall(attributes))
        depth += not closing and not empty
    return [name for name in declared if name not in parts]


def _key(namespace: str, name: str) -> str:
    return f"{namespace} {name}"


def _has_row(comparison: Comparison, section: str, namespace: str, name: str) -> bool:
    return comparison.table.get(section, _key(namespace, name) if section == "app" else name) is not None


def _lose(comparison: Comparison, namespaces: set[str], text: str) -> None:
    # A row has lost its source if the document that lists its kind no longer contains its name.
    sections = {section for name in namespaces if (section := _SECTIONS.get(name))}
    if not _RFC.search(text):
        sections -= {"stanza", "stream", "sasl"}  # several XEPs contain old copies of these
    for entry in comparison.table.rows.values():
        namespace, _, name = entry.key.rpartition(" ")
        judged = entry.section in sections and entry.row.source.startswith(("RFC 6120", "XEP-0124"))
        judged |= entry.section == "app" and namespace in namespaces and "<registry>" in text
        if judged and not _mentions(text, re.escape(name)):
            comparison.lose(entry)


def _mentions(text: str, name: str) -> bool:
    """Return whether a document has a name as an element, as a value, as an anchor, or as the title of a section."""
    return re.search(rf"""(?:<|&lt;){name}[\s/>&]|['">]\s*{name}\s*['"<]|-{name}['"]|[0-9]\.\s+{name}\s""", text) is not None
