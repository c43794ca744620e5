"""
Observe HTTP answers and ends of WebSocket connections, from the exceptions of HTTP and WebSocket clients.

Both protocols use HTTP in some places: the handshake of a WebSocket, a request of BOSH, an upload. The status code of the answer
decides what it means (RFC 9110 15), and the close code decides why a WebSocket ended (RFC 6455 7.4.1). Texts beside these numbers
never decide.
"""

from __future__ import annotations

from errnorm.error import Signal
from errnorm.exceptions import attribute
from errnorm.regex import regex

__all__ = ["CLOSED", "HANDSHAKES", "REQUESTS", "observe_close", "observe_handshake", "observe_request"]

# A refused handshake carries no request, so the server has executed nothing.
HANDSHAKES = frozenset(
    {
        "aiohttp.client_exceptions.WSServerHandshakeError",
        "websockets.exceptions.InvalidStatus",
        "websockets.exceptions.InvalidStatusCode",
        "websockets.legacy.exceptions.InvalidStatusCode",
    }
)
REQUESTS = frozenset(
    {
        "aiohttp.client_exceptions.ClientResponseError",
        "slixmpp.plugins.xep_0363.http_upload.HTTPError",
        "urllib.error.HTTPError",
    }
)
CLOSED = frozenset(
    {
        "websockets.exceptions.ConnectionClosed",
        "websockets.exceptions.ConnectionClosedError",
        "websockets.exceptions.ConnectionClosedOK",
    }
)

_STATUS = regex(
    r"(?:(?P<aiohttp>[1-5]\d\d), message=|server rejected WebSocket connection: HTTP (?P<websockets>[1-5]\d\d)$"
    r"|HTTP Error (?P<urllib>[1-5]\d\d): |Could not upload file: (?P<slixmpp>[1-5]\d\d) \()"
)
# The close code of the other side counts; the code that this side sent only repeats or interprets it.
_CODE = regex(r"(?:sent .{1,300}; then )?received (?P<code>1\d\d\d|[34]\d\d\d) \(")

_Family = tuple[tuple[str, str], ...]


def observe_handshake(error: object, family: _Family, text: str) -> Signal | None:
    """
    Observe the exception for a refused WebSocket handshake.

    Args:
        error: The exception, live or reported.
        family: The sections and codes to look up if the status has no row.
        text: The text of the exception.

    Returns:
        The signal, with the status as its code; `None` if the exception has no status.
    """
    return _answered(error, family, text, "connect: ")


def observe_request(error: object, family: _Family, text: str) -> Signal | None:
    """
    Observe the exception for an HTTP answer that is an error.

    Args:
        error: The exception, live or reported.
        family: The sections and codes to look up if the status has no row.
        text: The text of the exception.

    Returns:
        The signal, with the status as its code; `None` if the exception has no status.
    """
    return _answered(error, family, text)


def _answered(error: object, family: _Family, text: str, while_: str = "") -> Signal | None:
    status = _status(error, text)
    if status is None:
        return None
    return Signal("transport", "http", str(status), text, family=(("http", f"{while_}{status // 100}xx"), *family))


def _status(error: object, text: str) -> int | None:
    arguments = attribute(error, "args")
    held = [attribute(error, name) for name in ("status", "status_code", "code")]
    held.append(attribute(attribute(error, "response"), "status_code"))
    held.extend(arguments[:1] if isinstance(arguments, tuple) else ())
    found = next((value for value in held if isinstance(value, int) and 100 <= value < 600), None)  # noqa: PLR2004 - RFC 9110 15
    if found is not None:
        return int(found)
    said = _STATUS.match(text)
    return None if said is None else int(said[said.lastgroup or 0])


def observe_close(error: object, family: _Family, text: str) -> Signal | None:
    """
    Observe the exception for the end of a WebSocket connection.

    Args:
        error: The exception, live or reported.
        family: The sections and codes to look up if the close code has no row.
        text: The text of the exception.

    Returns:
        The signal, with the close code of the other side as its code; `None` if the exception has none.
    """
    code = attribute(attribute(error, "rcvd"), "code")
    if not isinstance(code, int):
        said = _CODE.match(text)
        if said is None:
            return None
        code = int(said["code"])
    return Signal("transport", "websocket", str(int(code)), text, family=family, closed=True)
