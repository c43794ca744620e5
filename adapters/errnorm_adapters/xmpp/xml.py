"""
Read XML that came from anybody: refuse what XMPP forbids and what is too much, before or instead of building it.

The parser is the one of the standard library in C, which knows no document type hook. None is needed: the text is decoded as
UTF-8 first, and in such a text `<!` and `<?` outside of CDATA can be nothing but a comment, a document type declaration or a
processing instruction, none of which XMPP allows (RFC 6120 11.1). So no entity is ever declared, and what is parsed is as
large as what came in.

Fragments come as they stand in a log or on the wire, without the stream around them that declares `stream:` and the default
namespace, with its end but not its beginning, or the other way round. They are put back into a stream.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol, overload
from xml.etree.ElementTree import Element, ParseError, XMLParser

if TYPE_CHECKING:
    from collections.abc import Iterator

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

_DECLARATION = re.compile(r"<\?xml\s[^<>]{0,128}\?>\s*")
_ENCODING = re.compile(r"encoding\s*=\s*[\"'](?!utf-8[\"'])", re.IGNORECASE)
_OURS = re.compile(
    r"<(?:\?xml\b|!DOCTYPE\s+(?!html)|(?:stream:)?(?:stream|error|features)\b"
    r"|(?:iq|message|presence|failure|failed|body|close)(?=[\s/>]|$))",
    re.IGNORECASE,
)
# One tag too full of attributes, declarations of namespaces among them. Each step begins where the last one ended: linear.
_CROWDED = re.compile(rf"(?:[^<>\"'=]*=\s*(?:\"[^\"]*\"|'[^']*')){{{MOST_ATTRIBUTES + 1}}}")
_NAMESPACES = ("jabber:", "urn:ietf:params:xml:ns:xmpp-", STREAMS, "http://jabber.org/protocol/", "urn:xmpp:")
_FIRST = 2048


class Node(Protocol):
    """What is asked of an element; those of the standard library and of lxml have it."""

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
    """Decode bytes as UTF-8; `None` if they are anything else."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def resembles_xmpp(text: str) -> bool:
    """Tell whether a text that could not be read as XML was meant to be of XMPP."""
    return _OURS.match(text) is not None or any(name in text[:_FIRST] for name in _NAMESPACES)


def parse(text: str) -> Element | str:
    """
    Read one or more elements, or a piece of a stream.

    Args:
        text: XML, from its first `<`.

    Returns:
        The root, which is a stream if it was one, or if more than one element came; or the code of what is wrong with it.
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
    # No element has more tags than two, nor fewer equals signs than attributes: bounds without parsing.
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
        # A section that opens after something forbidden is not reached: the piece before it is refused first.
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


def _fed(text: str) -> Element | str | None:
    parser = XMLParser()  # noqa: S314 - what makes XML dangerous was refused before: see the head of this module
    try:
        # The encoding of a str is known: what a declaration says about it is no longer asked.
        parser.feed(text)
        root: Element = parser.close()
    except ParseError:
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
