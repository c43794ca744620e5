"""
Observe texts that are not XML: names of conditions, and log lines of servers and clients.

The frame of a log line (date, source, level) is removed; the rest is looked up as a key of the table. In three forms of lines the
server writes a condition before or after a text that a peer may have written. In these, the condition is read only from its fixed
place.
"""

from __future__ import annotations

import re

from errnorm.error import Signal
from errnorm.regex import regex
from errnorm_adapters.xmpp.elements import DEFINED, TYPES, stanza_signal

__all__ = ["before_xml", "of_text"]

# Texts that do not belong to XMPP: replies and logs of NATS, JSON.
_FOREIGN = ("-ERR", "nats: ", "NATS/", "{", "[")

_NAME = r"[a-z]{1,32}(?:-[a-z]{1,32}){0,6}"
# ejabberd: 2026-01-31 12:00:00.000000+00:00 [warning] <0.531.0>@ejabberd_c2s:process_auth_result/3:312 (tls|<0.531.0>) Failed …
_EJABBERD = regex(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9:.+Z-]{8,32} \[[a-z]{4,10}\] (?:<[0-9.]{5,20}>(?:@\S{1,128})? )?(?P<rest>\S.*)", re.DOTALL
)
# Prosody: Jan 31 12:00:00 c2s55d0f0a0b2c0<tab>info<tab>Client disconnected: connection closed
_PROSODY = regex(
    r"(?:[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8}[ \t]+\S{1,128}"
    r"|(?:c2s|s2sin|s2sout|jcp|ws|bosh)[0-9a-f]{5,16}|stanzarouter|[\w.-]{1,64}\.[\w.-]{1,64}:\w{1,32})"
    r"[ \t]+(?:debug|info|warn|error)[ \t]+(?P<rest>\S.*)",
    re.DOTALL,
)
# slixmpp's debug log, the text of its exceptions (the whole stanza), and Prosody's log of a stream error that it sends.
_BEFORE_XML = regex(
    r"[^<]{0,160}(?:\bRECV: |\bslixmpp\.exceptions\.(?:IqError|PresenceError|XMPPError): "
    r"|\bDisconnecting [^<]{1,64}, <stream:error> is: )(?=<)"
)
_TIMED_OUT = regex(r"slixmpp\.exceptions\.IqTimeout(?:: .*)?", re.DOTALL)

_ENDED = ": Stream closed by "
_ENDED_BY = regex(rf"(?:peer|local host): (?:.* \((?P<behind>{_NAME})\)|(?P<alone>{_NAME}))", re.DOTALL)
_REMOTE = regex(rf"Session closed by remote with error: (?P<condition>{_NAME})(?: \(.*\))?", re.DOTALL)
_CLOSED = regex(rf"c2s stream for .{{1,3100}} closed: (?P<condition>{_NAME})", re.DOTALL)
# slixmpp: XMPPError.format(), and its log line for an IqError that the application did not catch.
_FORMATTED = regex(rf"(?:(?P<type>auth|cancel|continue|modify|wait): )?(?P<condition>{_NAME})(?:: (?P<text>.*))?", re.DOTALL)

_UNDEFINED = (("stream", "undefined-condition"),)


def before_xml(text: str) -> int | None:
    """Return where the XML begins in a line that is known to end with XML; `None` for any other line."""
    found = _BEFORE_XML.match(text)
    return None if found is None else found.end()


def of_text(text: str) -> Signal | None:
    """
    Observe a text.

    Args:
        text: A condition, a log line, or any other text; already cut to a bounded length, and stripped.

    Returns:
        The signal. If no form matches, the text itself is the code to look up. `None` if the text belongs to another protocol.
    """
    if not text or text.startswith(_FOREIGN):
        return None
    if " " not in text:
        return Signal("xmpp", None, text, text)
    framed = _EJABBERD.fullmatch(text) or _PROSODY.fullmatch(text)
    line = text if framed is None else framed["rest"]
    return _with_condition(line) or Signal("xmpp", None if framed is None else "log", line, line)


def _with_condition(line: str) -> Signal | None:
    _, ended, rest = line.rpartition(_ENDED)
    if ended and (found := _ENDED_BY.fullmatch(rest)):
        return Signal("xmpp", "stream", found["behind"] or found["alone"], line, family=_UNDEFINED)
    for form in (_REMOTE, _CLOSED):
        if found := form.fullmatch(line):
            return Signal("xmpp", "stream", found["condition"], line, family=_UNDEFINED)
    if _TIMED_OUT.fullmatch(line):
        return Signal("xmpp", "client", "slixmpp.exceptions.IqTimeout", line)
    found = _FORMATTED.fullmatch(line)
    if found is not None and found["condition"] in DEFINED and (found["type"] is None or found["type"] in TYPES):
        return stanza_signal(found["condition"], found["type"], None, found["text"])
    return None
