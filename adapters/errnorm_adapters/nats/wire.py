"""
Observe NATS on the wire: `-ERR` lines, header blocks, close frames, and the texts that client libraries make of an `-ERR`.

Only text in double quotes is escaped on the wire, so the text of an `-ERR` is everything between the first and the last single
quote.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from errnorm.error import Signal
from errnorm.regex import regex

if TYPE_CHECKING:
    from errnorm.error import Params

__all__ = [
    "observe_api_text",
    "observe_close_frame",
    "observe_error",
    "observe_headers",
    "observe_packet",
    "observe_said",
    "observe_service",
    "observe_status",
    "unquoted",
]

# Twice the longest subject that a server takes by default (max_control_line): no -ERR is longer.
_LONGEST_LINE = 8192
_LONGEST_TEXT = 4096
_PREFIX = len("nats: ")

# Lines that a server sends before an -ERR in the same packet. Not MSG, because a peer controls its payload.
_BEFORE = ("INFO ", "PING", "PONG", "+OK")
_MOST_LINES = 16

# RFC 6455 7.4.1: the codes an endpoint may send are two bytes, 1000 to 1015; then comes the reason.
_CLOSE_CODE = regex(r"10(?:0\d|1[0-5])(?: |: ?)(.+)", re.DOTALL)
_CLOSE_RECEIVED = regex(r"received 10(?:0\d|1[0-5]) \([a-z ]+\) ([^;]+)(?:; .*)?")

# The text of a JetStream API error in nats-py (js/errors.py) and in nats.go (jserrors.go), which adds no quotes.
_API_ERROR = regex(r"nats: (\w+|API error): code=(\d{3}|None) err_code=(\d{5}|None) description='?(.*?)'?", re.DOTALL)

# The text of nats-py's other JetStream errors.
_NAMED = regex(r"nats: JetStream\.(\w+)")

# nats.go names the kind before the text of a permissions violation.
_GO_KIND = "permissions violation: "

_REASON = regex(r"[a-z]{1,16}\.[a-z_]{1,24}")


def unquoted(text: str) -> str:
    """Return a text without the single quotes around it, if it has both."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == "'" else text


def observe_error(raw: str) -> Signal:
    """Observe a packet that begins with `-ERR`. Only its first line is read."""
    end = raw.find("\n", 0, _LONGEST_LINE)
    said = unquoted(raw[4 : end if end > 0 else _LONGEST_LINE].strip())
    return Signal("nats", "error", said, said[:_LONGEST_TEXT], alike=True)


def observe_packet(text: str) -> Signal | None:
    """
    Observe the first `-ERR` of a packet that may begin with other lines of the server, or a close frame written as text.

    Returns:
        The signal; `None` if the packet has no `-ERR`.
    """
    if text[:4].upper() == "-ERR":
        return observe_error(text)
    if text.startswith(_BEFORE):
        for line in text.split("\n", _MOST_LINES)[:_MOST_LINES]:
            if line.startswith("-ERR"):
                return observe_error(line)
            if not line.startswith(_BEFORE):
                return None
    closed = _CLOSE_CODE.fullmatch(text) or _CLOSE_RECEIVED.fullmatch(text)
    return None if closed is None else _closed(closed[1])


def observe_close_frame(raw: bytes) -> Signal | None:
    """Observe the payload of a WebSocket close frame: a code of two bytes, then the server's close reason."""
    if len(raw) < 3 or raw[0] != 3 or not 0xE8 <= raw[1] <= 0xF7:  # noqa: PLR2004 - 1000 is 03 E8
        return None
    return _closed(raw[2:].decode("utf-8", "backslashreplace"))


def _closed(reason: str) -> Signal:
    return Signal("nats", "close", reason.strip(), reason[:_LONGEST_TEXT], closed=True)


def observe_said(text: str, *, raised: bool = False) -> Signal:
    """
    Observe a text that a client library has prefixed with `nats: `.

    A text in single quotes is an unchanged `-ERR` (nats-py, while connecting). A text without quotes may be an `-ERR` in lower
    case (nats-py, after connecting), an unchanged `-ERR` (nats.go), or a text of the library itself.

    Args:
        text: The text, including the prefix `nats: `.
        raised: Whether the text comes from nats-py's base class, which carries texts of the server. Then the texts of the server
            are looked up before the texts of the library.
    """
    if (error := observe_api_text(text)) is not None:
        return error
    said = text[_PREFIX:].strip()
    if said.startswith("'"):
        said = unquoted(said)
        return Signal("nats", "error", said, said[:_LONGEST_TEXT], alike=True)
    lossy = said.islower()
    said = said.removeprefix(_GO_KIND)
    words = text[:_LONGEST_TEXT]
    if raised or '"' in said:
        return Signal("nats", "error", said, words, family=(("client", text),), lossy=lossy)
    # nats-py and nats.go both prefix their texts with `nats: `, so the section is not known. The library writes no full stop at
    # the end, but the program that logged the text may have added one. Some texts of the server do end with a full stop.
    return Signal("nats", None, text.removesuffix("."), words, family=(("error", said), *_named(text)))


def _named(text: str) -> tuple[tuple[str, str], ...]:
    found = _NAMED.match(text)
    return () if found is None else (("client", f"nats.js.errors.{found[1]}"),)


def observe_api_text(text: str) -> Signal | None:
    """Observe `str()` of a JetStream API error of nats-py; `None` if the text has another form."""
    found = _API_ERROR.fullmatch(text)
    if found is None:
        return None
    name, code, err_code, description = found.groups()
    known = (("client", f"nats.js.errors.{name}"),)
    if err_code != "None":
        return Signal("nats", "jetstream", err_code, description[:_LONGEST_TEXT], family=(("api", code), *known))
    if code != "None":
        return observe_status(code, description, known)
    return Signal("nats", *known[0], text[:_LONGEST_TEXT])


def observe_status(code: str, description: str, family: tuple[tuple[str, str], ...] = (), params: Params | None = None) -> Signal:
    """
    Observe a status with its description.

    Args:
        code: The three digits.
        description: The text after the digits; may be empty.
        family: The sections and codes to look up after the bare status.
        params: Values from other headers.
    """
    # If the description is empty, clients append the next header to it. Text after a line end is not part of the description.
    first = "" if description[:1] in {"\r", "\n"} else description.strip()
    words = f"{code} {first}" if first else code
    return Signal("nats", "status", words, words[:_LONGEST_TEXT], family=(("status", code), *family), params=params)


def observe_headers(text: str) -> Signal:
    """Observe a header block, `NATS/1.0 409 Consumer Deleted` and the lines below it."""
    line, _, rest = text[len("NATS/1.0") :].partition("\n")
    headers = _headers(rest)
    code, _, description = line.strip().partition(" ")
    if len(code) == 3 and code.isascii() and code.isdigit():  # noqa: PLR2004 - a status has three digits
        subject = headers.get("nats-subject")
        return observe_status(code, description, params={"subject": subject} if subject else None)
    if "nats-service-error" in headers or "nats-service-error-code" in headers:
        return observe_service(headers.get("nats-service-error-code", ""), headers.get("nats-service-error", ""))
    return Signal("nats", "status", None, text[:_LONGEST_TEXT])


def observe_service(code: str, text: str, family: tuple[tuple[str, str], ...] = ()) -> Signal:
    """
    Observe the error that a service of the NATS micro protocol answered (ADR-32): a code like an HTTP status, and a text.

    Args:
        code: The header `Nats-Service-Error-Code`; a service may send any text.
        text: The header `Nats-Service-Error`.
        family: The sections and codes to look up if the code has no row.
    """
    known = code if len(code) == 3 and code.isascii() and code.isdigit() else None  # noqa: PLR2004 - as a status of HTTP
    kinds = (("service", f"{known[0]}xx"),) if known else ()
    fallback = family or (("client", "nats.micro.request.ServiceError"),)
    # A service that uses errnorm answers with the reason as its text, and nothing else.
    details = (("service", text),) if known and _REASON.fullmatch(text) else ()
    return Signal("nats", "service", known, text[:_LONGEST_TEXT], family=(*kinds, *fallback), details=details)


def _headers(lines: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in lines.split("\n", _MOST_LINES)[:_MOST_LINES])
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
