"""
Observe errors of XMPP: errors of stanzas, streams and negotiations, as text, bytes, elements, and exceptions of XMPP clients.

This module detects the form of the raw error and calls the module that reads it: `xml` parses XML from an untrusted peer,
`elements` reads an element by its namespaces, `exceptions` reads an exception, `text` reads names of conditions and log lines.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

from errnorm.bounded import BoundedCache
from errnorm.error import Signal
from errnorm.exceptions import ReportedException
from errnorm_adapters.xmpp.elements import of_element
from errnorm_adapters.xmpp.exceptions import of_exception
from errnorm_adapters.xmpp.session_error import SessionError
from errnorm_adapters.xmpp.text import before_xml, of_text
from errnorm_adapters.xmpp.xml import decoded, parse, resembles_xmpp

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm_adapters.xmpp.client import attach
    from errnorm_adapters.xmpp.xml import Node

__all__ = ["SessionError", "attach", "observe"]

# A tuple, because Python would rebuild a union for each error.
_EXCEPTIONS = (BaseException, ReportedException)
_LONGEST_TEXT = 4096
# The closing tag with which a side ends a stream on purpose (RFC 6120 4.4).
_END = "</stream:stream>"
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"<\x00", b"\x00<", b"\x00\x00\x00<")


def observe(error: object) -> Signal | None:
    """
    Observe one error of XMPP.

    Args:
        error: Text or bytes from the wire or a log, a parsed element, a stanza of slixmpp, or an exception, live or reported.

    Returns:
        The signal; `None` if the error is not an error of XMPP.
    """
    try:
        kind = type(error)
        return (_readers.get(kind) or _readers.remember(kind, _reader(kind)))(error)
    except Exception:  # noqa: BLE001 - a foreign element, stanza or exception can raise anything
        return None


def _reader(kind: type) -> Callable[[Any], Signal | None]:
    if kind is str:
        return _of_text
    if issubclass(kind, str):
        return lambda error: _of_text(str.__str__(error))
    if issubclass(kind, SessionError):
        return attrgetter("signal")
    if issubclass(kind, _EXCEPTIONS):
        return of_exception
    if issubclass(kind, (bytes, bytearray, memoryview)):
        return lambda error: _of_bytes(bytes(error))
    # An element is known by its tag, not by its class: lxml has its own, and a program that never uses XMPP need not import that
    # of the standard library. Stanza objects of slixmpp hold their element as `xml`.
    return of_element if hasattr(kind, "tag") and not hasattr(kind, "xml") else _of_object


_readers: BoundedCache[type, Callable[[Any], Signal | None]] = BoundedCache(256)


def _of_object(error: object) -> Signal | None:
    element = getattr(error, "xml", error)
    return of_element(cast("Node", element)) if isinstance(getattr(element, "tag", None), str) else None


def _of_bytes(raw: bytes) -> Signal | None:
    text = decoded(raw)
    if text is not None and not raw.startswith(_WIDE):
        return _of_text(text)
    shown = raw[:_LONGEST_TEXT].decode("utf-8", "replace")
    wide = raw.startswith(_WIDE)
    if wide or (shown.lstrip().startswith("<") and resembles_xmpp(shown.lstrip())):
        return Signal("xmpp", "xml", "not-utf-8", shown)
    return of_text(shown.strip())


def _of_text(text: str) -> Signal | None:
    text = text.lstrip("\ufeff \t\r\n")
    if not text.startswith("<"):
        start = before_xml(text)
        if start is None:
            return of_text(text[:_LONGEST_TEXT].strip())
        text = text[start:]
    if text.startswith(_END):
        return Signal("xmpp", "client", _END, _END, closed=True)
    root = parse(text.rstrip())
    if not isinstance(root, str):
        return of_element(cast("Node", root))
    return Signal("xmpp", "xml", root, text[:_LONGEST_TEXT]) if resembles_xmpp(text) else None


def __getattr__(name: str) -> object:
    """Import the drivers of clients when they are first used: `observe` does not need asyncio."""
    if name != "attach":
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from errnorm_adapters.xmpp import client  # noqa: PLC0415 - see above

    return client.attach
