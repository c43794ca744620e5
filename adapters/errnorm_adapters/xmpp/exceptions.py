"""
Observe exceptions of slixmpp, aioxmpp, aiosasl, nbxmpp, Twisted and xmpppy. Their classes are recognised by their dotted names.

The stanza that an exception holds counts first, then the attributes made from the stanza, then the class. slixmpp's `IqTimeout`
is recognised by its class alone, because it holds a condition that no peer sent. `str()` of slixmpp's stanza exceptions is never
read: it is the whole stanza, including private content.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, cast

from errnorm.error import Signal
from errnorm.exceptions import attribute, class_names, message_of
from errnorm.regex import regex
from errnorm_adapters import transport
from errnorm_adapters.http import REQUESTS, observe_request
from errnorm_adapters.xmpp.elements import application, of_element, stanza_signal

if TYPE_CHECKING:
    from errnorm.error import Params
    from errnorm_adapters.xmpp.xml import Node

__all__ = ["of_exception"]

_FORKS = ("sleekxmpp.", "sleekxmppfs.")
_MODULES = ("slixmpp.", "aioxmpp.", "aiosasl.", "nbxmpp.", "twisted.words.protocols.jabber.", "xmpp.protocol.")
# xmpppy has one class for each condition of a stream error; its text is a pair of the condition and of the words of the server.
_XMPPPY = "xmpp.protocol."
_STANZA = frozenset(
    {
        "slixmpp.exceptions.XMPPError",
        "slixmpp.exceptions.IqError",
        "slixmpp.exceptions.PresenceError",
        "aioxmpp.errors.XMPPError",
        "nbxmpp.errors.StanzaError",
        "twisted.words.protocols.jabber.error.StanzaError",
    }
)
# The class is more precise than the condition that aioxmpp invents for these exceptions.
_SECURITY = frozenset({"aioxmpp.errors.SASLUnavailable", "aioxmpp.errors.TLSFailure", "aioxmpp.errors.TLSUnavailable"})
_STREAM = frozenset({"aioxmpp.errors.StreamError", "twisted.words.protocols.jabber.error.StreamError"})
_SASL = frozenset(
    {
        "aioxmpp.errors.SecurityNegotiationFailure",
        "aiosasl.SASLError",
        "aiosasl.SASLFailure",
        "aiosasl.AuthenticationFailure",
        "aiosasl.common.SASLError",
        "aiosasl.common.SASLFailure",
        "aiosasl.common.AuthenticationFailure",
        "twisted.words.protocols.jabber.sasl.SASLAuthError",
    }
)
_TYPE_OF_CLASS = {
    "aioxmpp.errors.XMPPAuthError": "auth",
    "aioxmpp.errors.XMPPCancelError": "cancel",
    "aioxmpp.errors.XMPPContinueError": "continue",
    "aioxmpp.errors.XMPPModifyError": "modify",
    "aioxmpp.errors.XMPPWaitError": "wait",
}
_SEVERAL = frozenset({"aioxmpp.errors.MultiOSError", "aioxmpp.errors.GatherError"})
_FIRST_MEMBER = regex(
    r"failed to connect to XMPP domain '[^']{1,1023}': multiple errors: stream error: "
    r"\{urn:ietf:params:xml:ns:xmpp-streams\}(?P<condition>[a-z-]{1,64})"
)
# How the text of an exception begins that is reported without its attributes. What a peer has written comes later.
_CONDITION = regex(
    r"(?:(?:stream error: )?\{urn:ietf:params:xml:ns:xmpp-(?:streams|stanzas|sasl)\}|"
    r"(?:StanzaError|StreamError|SASLAuthError) with condition u?'|\(u?'(?=[a-z-]{1,64}', u?['\"]))(?P<condition>[a-z-]{1,64})"
)
_MOST_MEMBERS = 64
_TELLING = frozenset({"tls", "dns"})
_LONGEST_TEXT = 4096
_LONGEST_JID = 3071
_LONGEST_ADDRESS = 2048
_REFUSED_BY_SLIXMPP = "This is not a valid condition type"

_Family = tuple[tuple[str, str], ...]


def of_exception(error: object) -> Signal | None:
    """
    Observe an exception.

    Args:
        error: An exception, live or reported.

    Returns:
        The signal; `None` if it is not an exception of an XMPP client.
    """
    names = class_names(error)
    known = _kind(names)
    if known is None:
        return _refused(error) if names[0] == "builtins.ValueError" else None
    kind, family = known
    if kind == "timeout":
        return Signal("xmpp", "client", "slixmpp.exceptions.IqTimeout")
    if kind == "upload":
        upload = observe_request(error, family, message_of(error)) or _of_class(error, names, family)
        upload.closed = False  # the upload has a connection of its own
        return upload
    if kind == "several":
        return _of_members(error) or _of_class(error, names, family)
    signal = _of_stanza(error, names) if kind == "stanza" else _of_condition(error, kind)
    if signal is None:
        return _of_class(error, names, family)
    return signal


@lru_cache(maxsize=512)
def _kind(names: tuple[str, ...]) -> tuple[str, _Family] | None:
    # slixmpp and sleekxmppfs are forks of sleekxmpp, and raise the same classes.
    renamed = (f"slixmpp.{name.partition('.')[2]}" if name.startswith(_FORKS) else name for name in names)
    ours = tuple(name for name in renamed if name.startswith(_MODULES))
    if not ours:
        return None
    family = tuple(("client", name) for name in ours)
    if "slixmpp.exceptions.IqTimeout" in ours:
        return "timeout", family
    if ours[0].startswith(_XMPPPY):
        return "stream", family
    for kind, classes in (
        ("class", _SECURITY),
        ("stanza", _STANZA | _TYPE_OF_CLASS.keys()),
        ("stream", _STREAM),
        ("sasl", _SASL),
        ("several", _SEVERAL),
        ("upload", REQUESTS),
    ):
        if not classes.isdisjoint(ours):
            return kind, family
    return "class", family


def _of_class(error: object, names: tuple[str, ...], family: _Family) -> Signal:
    # Of slixmpp's exceptions, only those that hold a stanza have private text.
    text = None if not _STANZA.isdisjoint(names) else message_of(error) or None
    return Signal("xmpp", "client", family[0][1], text, family=family)


def _of_members(error: object) -> Signal | None:
    members = attribute(error, "exceptions")
    if not isinstance(members, list | tuple):
        # A reported exception without its members still has the first member at the beginning of its text.
        first = _FIRST_MEMBER.match(message_of(error))
        return (
            None if first is None else Signal("xmpp", "stream", first["condition"], family=(("stream", "undefined-condition"),))
        )
    raised = [member for member in members[:_MOST_MEMBERS] if isinstance(member, BaseException)]
    said = next((signal for member in raised if (signal := of_exception(member)) is not None), None)
    # Among errors of the network, a certificate or a name that failed is more precise than a refused connection.
    under = (signal for member in raised if (signal := transport.observe(member)) is not None and signal.section in _TELLING)
    return said or next(under, None)


def _of_stanza(error: object, names: tuple[str, ...]) -> Signal | None:
    for holder in ("iq", "presence"):
        element = getattr(attribute(error, holder), "xml", None)
        if element is not None and (signal := of_element(cast("Node", element))) is not None:
            return signal
    kind = next((_TYPE_OF_CLASS[name] for name in names if name in _TYPE_OF_CLASS), None)
    kind = kind or _word(attribute(error, "etype")) or _word(attribute(error, "type"))
    condition = _word(attribute(error, "condition")) or _told(error, names)
    if condition is None and kind is None:
        return None
    signal = stanza_signal(condition, kind, _word(attribute(error, "code")), _said(attribute(error, "text")))
    return _refined(signal, error)


def _refined(signal: Signal, error: object) -> Signal:
    by = attribute(error, "by")
    if by:
        params: Params = {"by": str(by)[:_LONGEST_JID]}
        signal.params = params
    name, namespace = attribute(error, "extension"), attribute(error, "extension_ns")
    if isinstance(name, str) and isinstance(namespace, str):
        signal.details = (application(namespace, name),)
    tag = getattr(attribute(error, "application_defined_condition"), "TAG", None)
    if isinstance(tag, tuple) and len(tag) == 2 and tag[0]:  # noqa: PLR2004 - namespace and name
        signal.details = (application(str(tag[0]), str(tag[1])),)
    address = getattr(attribute(error, "condition_obj"), "new_address", None)
    signal.address = None if address is None else str(address)[:_LONGEST_ADDRESS]
    return signal


def _of_condition(error: object, kind: str) -> Signal | None:
    if kind == "class":
        return None
    held = ("condition",) if kind == "stream" else ("opaque_error", "xmpp_error", "condition")
    condition = next((word for name in held if (word := _word(attribute(error, name)))), None) or _told(error, ())
    otherwise = "undefined-condition" if kind == "stream" else "not-authorized"
    if condition is None:
        return None
    return Signal("xmpp", kind, condition, _said(attribute(error, "text")), family=((kind, otherwise),))


def _told(error: object, names: tuple[str, ...]) -> str | None:
    # The text of slixmpp's exceptions is the stanza, which is private.
    if any(name.startswith(("slixmpp.", *_FORKS)) for name in names):
        return None
    begun = _CONDITION.match(message_of(error))
    return None if begun is None else begun["condition"]


def _said(text: object) -> str | None:
    return text[:_LONGEST_TEXT] if isinstance(text, str) and text else None


def _word(value: object) -> str | None:
    """Return a name from any form that clients use: a text, or an enum of texts or of pairs of namespace and name."""
    value = getattr(value, "value", value)
    if isinstance(value, list | tuple) and value:
        value = value[-1]
    if not isinstance(value, str) or not value:
        return None
    word = value.rpartition("}")[2]
    # str() of an enum member: ErrorCondition.ITEM_NOT_FOUND.
    return word.rpartition(".")[2].lower().replace("_", "-") if "." in word else word


def _refused(error: object) -> Signal | None:
    """Read the ValueError that slixmpp 1.17 raises instead of an error whose condition it does not know."""
    arguments = attribute(error, "args")
    if not isinstance(arguments, list | tuple) or len(arguments) != 2 or arguments[0] != _REFUSED_BY_SLIXMPP:  # noqa: PLR2004
        return None
    return stanza_signal(_word(arguments[1]), None, None, None)
