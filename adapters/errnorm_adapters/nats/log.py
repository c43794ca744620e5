"""
Observe lines of nats-server's log: remove the frame, and use the rest as the code to look up.

    [123] 2026/11/22 22:30:48.190000 [ERR] 127.0.0.1:49092 - cid:7 - "v1:python:app" - authentication error - User "a"

This module also reads the lines that the server prints when it refuses its configuration, before its log is open.

The frame consists of the parts that logger/log.go and client.go add to a text: process, time and level; the connection with its
number and the name that the client chose; and, at the end of rate-limited lines, the account and the user.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from errnorm.error import Signal
from errnorm.regex import regex
from errnorm_adapters.nats.wire import unquoted

if TYPE_CHECKING:
    from errnorm.error import Params

__all__ = ["observe_line"]

_LONGEST_TEXT = 4096

# A collector may have put its own time, host and program before the line. Only known prefixes are
# accepted: text further on that looks like a level may have been written by a peer.
_COLLECTOR = (
    r"(?:[A-Z][a-z]{2} [ \d]\d [\d:]{8} \S{1,99} \S{1,99}: "
    r"|\d{4}-\d\d-\d\d[T ]\S{1,40} (?:\S{1,99} ){0,3}?"
    r"|\S{1,64} {1,10}\| )?"
)
_TIME = r"(?:\[\d{1,10}\] )?(?:\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d{1,9})? )?"
_LEVEL = r"\[(?:\x1b\[[\d;]{1,9}m)?(?:INF|DBG|WRN|ERR|FTL|TRC)(?:\x1b\[0m)?\] "
_FRAME = regex(_COLLECTOR + _TIME + _LEVEL)

# client.go initClient and processConnect: address, number, then up to two quoted names that the client itself may choose.
_CONNECTION = regex(
    r'(?P<address>\S{1,256}) - (?:cid|wid|mid|mid_ws|rid|gid|lid|lid_ws):(?P<cid>\d{1,20})(?: - "(?:[^"\\]|\\.)*"){0,3} - '
)
_INTERNAL = regex(r"(?:SYSTEM|JETSTREAM|ACCOUNT) - ")

# client.go formatNoClientInfo and formatClientSuffix. No double quote in them: a name inside a quoted value ends with one.
_ACCOUNT = regex(r' - Account:(?P<account>[^"]+?)(?: - (?:(?:user|nkey|jwt):(?P<user>[^"]+)|token))?')
_USER = regex(r' - (?:(?:user|nkey|jwt):(?P<user>[^"]+)|token)')

# The line that the server prints when it refuses its configuration: file, line and column, and the item that it was adding.
_REFUSED = regex(
    r"nats-server: (?P<place>\S{1,256}:\d{1,9}:\d{1,9})?(?:: )?"
    r'(?:Error adding (?:stream|service) (?:im|ex)port "(?:[^"\\]|\\.)*": )?'
    r'(?:Error adding mapping for "(?:[^"\\]|\\.)*" to "(?:[^"\\]|\\.)*" : )?'
)

_Family = tuple[tuple[str, str], ...]
# The longest level, with the codes for its colour.
_LEVELS = 24
# After a line at level FTL the server exits before it has started, whatever the text of the line is.
_NOT_STARTED = (("log", "nats-server:"),)
_FATAL = (("log", "[FTL]"),)

_KINDS = {"Client", "Router", "Gateway", "Leafnode", "JetStream", "Account", "System"}
_PEERS = {"Client", "Route", "Gateway", "Leafnode", "JetStream"}


def observe_line(text: str) -> Signal | None:
    """
    Observe a line of the server's log, with the whole frame or at least the part that names the connection.

    Returns:
        The signal, with the connection's number and address, account and user as parameters; `None` if the line has neither
        part of the frame.
    """
    if (refused := _REFUSED.match(text)) is not None:
        return _observe_refused(text[refused.end() :], refused["place"])
    start = 0
    if (frame := _FRAME.match(text)) is not None:
        start = frame.end()
    connection = _CONNECTION.match(text, start) or _INTERNAL.match(text, start)
    if frame is None and connection is None:
        return None
    params: Params = {}
    if connection is not None:
        start = connection.end()
        params |= _numbered(connection.groupdict())
    fatal = frame is not None and "FTL" in frame[0][-_LEVELS:]
    return _observe_body(text[start:].strip(), params, _FATAL if fatal else ())


def _observe_refused(rest: str, place: str | None) -> Signal:
    said = rest.partition("\n")[0].strip()
    return Signal("nats", None, said, said[:_LONGEST_TEXT], family=_NOT_STARTED, params={"place": place} if place else None)


def _numbered(values: dict[str, str]) -> Params:
    return {name: int(value) if name == "cid" else value for name, value in values.items()}


def _observe_body(body: str, params: Params, family: _Family) -> Signal:
    head, _, rest = body.partition(" connection closed: ")
    if rest and head in _KINDS:
        return _observe_close(rest, params)
    head, _, rest = body.partition(" Error ")
    if rest and head in _PEERS:
        return _observe_peer(unquoted(rest), params, head)
    if body.endswith("]") and body.startswith(("->> [-ERR ", "<<- [-ERR ")):
        return _observe_peer(unquoted(body[len("->> [-ERR ") : -1]), params)
    said, named = _split_suffix(body)
    return Signal("nats", None, said, said[:_LONGEST_TEXT], family=family, params={**params, **named} or None)


def _observe_close(rest: str, params: Params) -> Signal:
    reason, _, remote = rest.partition(" - Remote: ")
    if remote:
        params["remote"] = remote
    return Signal("nats", "close", reason, reason[:_LONGEST_TEXT], params=params or None, closed=True)


def _observe_peer(said: str, params: Params, peer: str = "") -> Signal:
    family = (("log", f"{peer} Error"),) if peer else ()
    return Signal("nats", "error", said, said[:_LONGEST_TEXT], family=family, params=params or None)


def _split_suffix(body: str) -> tuple[str, Params]:
    at = body.rfind(" - Account:")
    found = _ACCOUNT.fullmatch(body, at) if at > 0 else None
    if found is None:
        at = body.rfind(" - ")
        found = _USER.fullmatch(body, at) if at > 0 else None
    if found is None:
        return body, {}
    return body[:at], {name: value for name, value in found.groupdict().items() if value is not None}
