"""
Parse XML from an untrusted peer: refuse XML that XMPP forbids, and XML that is too large or too deep.

The parser is the C parser of the standard library, which has no hook for document types. None is needed: the text is decoded as
UTF-8 first, and in decoded text `<!` and `<?` outside of CDATA can only begin a comment, a document type declaration or a
processing instruction. XMPP allows none of these (RFC 6120 11.1), so this module refuses them before it calls the parser. The
text can therefore declare no entity, and the tree is never larger than the text.

A fragment from a log or the wire may lack the stream element that declares `stream:` and the default namespace, or may have only
its start tag or end tag. This module adds the missing tags before it parses a fragment.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Protocol, overload

from errnorm.regex import regex

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.etree.ElementTree import Element, XMLParser

__all__ = ["CLIENT", "STREAMS", "Node", "decoded", "parse", "resembles_xmpp"]

CLIENT = "jabber:client"
STREAMS = "http://etherx.jabber.org/streams"

_OPEN = f"<stream:stream xmlns='{CLIENT}' xmlns:stream='{STREAMS}'>"
_CLOSE = "</stream:stream>"

# The largest stanza a server takes by default is 512 KiB (Prosody, between servers).
MOST_CHARACTERS = 512 * 1024
MOST_LEVELS = 256
MOST_ELEMENTS = 4096
MOST_ATTRIBUTES = 256

_DECLARATION = regex(r"<\?xml\s[^<>]{0,128}\?>\s*")
_ENCODING = regex(r"encoding\s*=\s*[\"'](?!utf-8[\"'])", re.IGNORECASE)
_OURS = regex(
    r"<(?:\?xml\b|!DOCTYPE\s+(?!html)|(?:stream:)?(?:stream|error|features)\b"
    r"|(?:iq|message|presence|failure|failed|body|close)(?=[\s/>]|$))",
    re.IGNORECASE,
)
# A tag with too many attributes, including namespace declarations. Each step begins where the last one ended: linear time.
_CROWDED = regex(rf"(?:[^<>\"'=]*=\s*(?:\"[^\"]*\"|'[^']*')){{{MOST_ATTRIBUTES + 1}}}")
_NAMESPACES = ("jabber:", "urn:ietf:params:xml:ns:xmpp-", STREAMS, "http://jabber.org/protocol/", "urn:xmpp:")
_FIRST = 2048


class Node(Protocol):
    """The part of an element's interface that is used here; elements of the standard library and of lxml have it."""

    tag: str
    text: str | None

    @overload
    def get(self, key: str, /) -> str | None: ...
    @overload
    def get(self, key: str, default: str, /) -> str: ...
    def get(self, key: str, default: str | None = None, /) -> str | None:
        """Return an attribute."""
        ...

    def __getitem__(self, index: int, /) -> Node:
        """Return a child."""
        ...

    def __iter__(self) -> Iterator[Node]:
        """Return the children."""
        ...

    def __len__(self) -> int:
        """Return the number of children."""
        ...


def decoded(raw: bytes) -> str | None:
    """Decode bytes as UTF-8; return `None` if they are not UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def resembles_xmpp(text: str) -> bool:
    """Return whether a text that the parser refused looks like XMPP."""
    return _OURS.match(text) is not None or any(name in text[:_FIRST] for name in _NAMESPACES)


def parse(text: str) -> Element | str:
    """
    Read one or more elements, or a piece of a stream.

    Args:
        text: XML, from its first `<`.

    Returns:
        The root: the only element of the text, or a stream, if the text has a stream tag or several elements. If the text was
        refused, the code of the reason, for example `not-well-formed`.
    """
    if len(text) > MOST_CHARACTERS:
        return "too-large"
    if text.startswith("<?"):
        declaration = _DECLARATION.match(text)
        if declaration is None:
            return "restricted-xml" if "?>" in text else "not-well-formed"
        if _ENCODING.search(declaration[0]):
            return "not-utf-8"
        text = text[declaration.end() :]
    return _forbidden(text) or _read(text)


def _read(text: str) -> Element | str:
    # An element has at most two tags, and each attribute has an equals sign: these counts bound the tree without parsing.
    tags, attributes = text.count("<"), text.count("=")
    if tags > 2 * MOST_ELEMENTS or (attributes > MOST_ATTRIBUTES and _crowded(text)):
        return "too-many-nodes"
    root = _built(text)
    if isinstance(root, str):
        return root
    # A level takes two tags: fewer cannot be too deep.
    if tags > 2 * MOST_LEVELS and _deeper(root):
        return "too-deep"
    if attributes > MOST_ATTRIBUTES and any(len(element.attrib) > MOST_ATTRIBUTES for element in root.iter()):
        return "too-many-nodes"
    return root


def _forbidden(text: str) -> str | None:
    if "<!" not in text and "<?" not in text:
        return None
    for piece in _outside_cdata(text):
        if "<!DOCTYPE" in piece:
            return "doctype-refused"
        if "<!--" in piece or "<?" in piece:
            return "restricted-xml"
        if "<!" in piece:
            return "not-well-formed"
    return None


def _outside_cdata(text: str) -> Iterator[str]:
    end = 0
    while (start := text.find("<![CDATA[", end)) >= 0:
        # A section after a forbidden construct is never reached: the piece before it is refused first.
        yield text[end:start]
        end = text.find("]]>", start)
        if end < 0:
            return
    yield text[end:]


def _crowded(text: str) -> bool:
    return any(_CROWDED.match(piece) for piece in text.split("<") if piece.count("=") > MOST_ATTRIBUTES)


def _built(text: str) -> Element | str:
    framed = _framed(text)
    root = _fed(framed)
    if root is None and framed is text:
        root = _fed(f"{_OPEN}{text}{_CLOSE}")
    return "not-well-formed" if root is None else root


def _framed(text: str) -> str:
    if "stream:" not in text:
        return text
    opened, closed = "<stream:stream" in text, _CLOSE in text
    if not opened and not closed and "xmlns:stream=" in text:
        return text
    if opened and closed:
        return text
    return f"{'' if opened else _OPEN}{text}{'' if closed else _CLOSE}"


@cache
def _parsing() -> tuple[type[XMLParser], type[Exception]]:
    # Imported when the first XML comes: a program that only uses NATS never needs it.
    from xml.etree.ElementTree import ParseError, XMLParser  # noqa: PLC0415 - see above, and `_fed`

    return XMLParser, ParseError


def _fed(text: str) -> Element | str | None:
    parser_of, refused = _parsing()
    # This parser is safe here: `parse` has refused all dangerous XML; see the top of this module.
    parser = parser_of()
    try:
        # The text is decoded already, so an encoding in the XML declaration is ignored.
        parser.feed(text)
        root: Element = parser.close()
    except refused:
        return None
    except UnicodeEncodeError:
        return "not-utf-8"
    return root


def _deeper(root: Element) -> bool:
    level: list[Element] = [root]
    for _ in range(MOST_LEVELS):
        level = [child for element in level if len(element) for child in element]
        if not level:
            return False
    return True
