"""
Read an element: stanza errors, stream errors, and failures of the negotiations (SASL, TLS, compression, stream management).

A child is identified by its namespace, never by its position: the condition is the first child in the right namespace that is not
the text. A stream error counts only at the level of the stream: an `<error/>` inside another element is not an error of the
stream.

RFC 6120 4.9, 5.4, 6.5, 8.3; RFC 7395; XEP-0086, 0124, 0138, 0198, 0206, 0388.
"""

from __future__ import annotations

import re
from functools import lru_cache, partial
from itertools import islice
from typing import TYPE_CHECKING, cast

from errnorm.error import Params, Signal
from errnorm_adapters.xmpp.rooms import removal_of
from errnorm_adapters.xmpp.xml import CLIENT, STREAMS, Node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["DEFINED", "TYPES", "application", "of_element", "stanza_signal"]

_STANZA_CONDITIONS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
_STREAM_CONDITIONS = "{urn:ietf:params:xml:ns:xmpp-streams}"
_SASL = "{urn:ietf:params:xml:ns:xmpp-sasl}"
_SASL2 = "{urn:xmpp:sasl:2}"
_COMPRESS = "{http://jabber.org/protocol/compress}"
_DIALBACK = "{jabber:server:dialback}"
_RETRY = ("app", "urn:xmpp:http:upload:0 retry")
_BOSH = "{http://jabber.org/protocol/httpbind}"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
# A stanza has no namespace if the stream that declared it is missing from the text.
_CONTENTS = ("", f"{{{CLIENT}}}", "{jabber:server}", "{jabber:component:accept}", "{jabber:component:connect}")
_ERRORS = frozenset(f"{content}error" for content in _CONTENTS)
_STREAM_ERROR = f"{{{STREAMS}}}error"
_STANZAS = ("iq", "message", "presence")
_LONGEST_TEXT = 4096
_LONGEST_REPEATED = 256
_LONGEST_ADDRESS = 2048
_LONGEST_JID = 3071
_LONGEST_PAUSE = 86_400.0
_MOST_CHILDREN = 256
_MOST_APPLICATIONS = 4
_NAME = re.compile(r"[a-z0-9-]{1,64}").fullmatch
_CODE = re.compile(r"[1-9][0-9]{2}").fullmatch
_NUMBER = re.compile(r"[0-9]{1,18}").fullmatch
_STAMP = re.compile(r"[0-9TZ:.+-]{1,40}").fullmatch

_Family = tuple[tuple[str, str], ...]

_UNDEFINED: _Family = (("stanza", "undefined-condition"),)
# The five types of RFC 6120 8.3.2. Any other value is treated as missing.
TYPES: dict[str, _Family] = {kind: (*_UNDEFINED, ("type", kind)) for kind in ("auth", "cancel", "continue", "modify", "wait")}

# The conditions of RFC 6120 8.3.3.
DEFINED = frozenset({
    "bad-request", "conflict", "feature-not-implemented", "forbidden", "gone", "internal-server-error", "item-not-found",
    "jid-malformed", "not-acceptable", "not-allowed", "not-authorized", "policy-violation", "recipient-unavailable",
    "redirect", "registration-required", "remote-server-not-found", "remote-server-timeout", "resource-constraint",
    "service-unavailable", "subscription-required", "undefined-condition", "unexpected-request",
})  # fmt: skip
# The values of `feature` in an `<unsupported/>` condition: XEP-0060, 18.4. Any other value is a peer's own word.
_FEATURES = frozenset({
    "access-authorize", "access-open", "access-presence", "access-roster", "access-whitelist", "auto-create",
    "auto-subscribe", "collections", "config-node", "create-and-configure", "create-nodes", "delete-items",
    "delete-nodes", "filtered-notifications", "get-pending", "instant-nodes", "item-ids", "last-published",
    "leased-subscription", "manage-subscriptions", "member-affiliation", "meta-data", "modify-affiliations",
    "multi-collection", "multi-subscribe", "outcast-affiliation", "persistent-items", "presence-notifications",
    "presence-subscribe", "publish", "publish-only-affiliation", "publish-options", "publisher-affiliation",
    "purge-nodes", "retract-items", "retrieve-affiliations", "retrieve-default", "retrieve-default-sub",
    "retrieve-items", "retrieve-subscriptions", "subscribe", "subscription-notifications", "subscription-options",
})  # fmt: skip
# RFC 6120 4.9.3.19, 8.3.3.5, 8.3.3.14: the conditions that hold an address; text inside any other condition is ignored.
_ADDRESSED = frozenset({"gone", "redirect", "see-other-host"})


class _Known:
    """The expected children of one kind of error, looked up by their whole tag."""

    __slots__ = ("conditions", "names")

    def __init__(self, conditions: str, names: Iterable[str] = (), texts: str | None = None) -> None:
        self.conditions = conditions
        self.names = {f"{conditions}{name}": name for name in names}
        self.names[f"{texts or conditions}text"] = "text"


_IN_STANZA = _Known(_STANZA_CONDITIONS, DEFINED)
_STANZA_TEXT = f"{_STANZA_CONDITIONS}text"
_PLAIN = {f"{_STANZA_CONDITIONS}{name}": name for name in DEFINED - _ADDRESSED}
_IN_STREAM = _Known(_STREAM_CONDITIONS)
_IN_SASL = _Known(_SASL)
# The text is in the namespace of the wrapper, the condition is not (XEP-0388 2.6.2).
_IN_SASL2 = _Known(_SASL, (), _SASL2)
_IN_COMPRESS = _Known(_COMPRESS)


class _Said:
    """The facts in the children of an error, sorted by namespace."""

    __slots__ = ("address", "applications", "condition", "params", "text")

    def __init__(self, error: Node, known: _Known) -> None:
        self.condition: str | None = None
        self.address: str | None = None
        self.text: str | None = None
        self.applications: tuple[tuple[str, str], ...] = ()
        self.params: Params | None = None
        rank, names = 0, known.names
        for child in error if len(error) <= _MOST_CHILDREN else islice(error, _MOST_CHILDREN):
            name = names.get(child.tag)
            if name is None:
                self._take_stranger(child, known)
            elif name == "text":
                rank = self._take_text(child, rank)
            elif self.condition is None:
                self._take_condition(child, name)

    def _take_condition(self, child: Node, name: str) -> None:
        self.condition = name
        if name in _ADDRESSED:
            self.address = _stripped(child.text)

    def add(self, name: str, value: str) -> None:
        if self.params is None:
            self.params = {}
        self.params[name] = value

    def _take_text(self, child: Node, rank: int) -> int:
        # The text may come in several languages: English is preferred, then one without a language, then the first.
        lang = child.get(_LANG)
        better = 2 if lang is None else 3 if lang[:2].lower() == "en" else 1
        if better > rank:
            self.text = (child.text or "")[:_LONGEST_TEXT]
            return better
        return rank

    def _take_stranger(self, child: Node, known: _Known) -> None:
        tag = cast("object", child.tag)  # the tag of an lxml comment is a function
        if not isinstance(tag, str) or tag[:1] != "{":
            return
        if tag.startswith(known.conditions):
            if self.condition is None:
                self._take_condition(child, tag[len(known.conditions) :])
        elif not tag.startswith(_CONTENTS[1:]):
            self._take_application(child, tag)

    def _take_application(self, child: Node, tag: str) -> None:
        namespace, _, name = tag[1:].partition("}")
        if len(self.applications) < _MOST_APPLICATIONS:
            self.applications += (application(namespace, name),)
        params = _details(child)
        if _NAME(name) and not (self.params and "application" in self.params):
            params["application"] = name
        if params:
            self.params = params | (self.params or {})


def application(namespace: str, name: str) -> tuple[str, str]:
    """Return the section and code under which the table lists an application condition."""
    return "app", f"{namespace} {name}"


def _details(child: Node) -> Params:
    """Return the attributes of an application condition: XEP-0060 `unsupported`, XEP-0363 `retry`, XEP-0198 `h`."""
    params: Params = {}
    if (feature := child.get("feature")) in _FEATURES:
        params["feature"] = feature
    if _STAMP(stamp := child.get("stamp") or ""):
        params["stamp"] = stamp
    if _NUMBER(handled := child.get("h") or ""):
        params["h"] = int(handled)
    largest = next((inner.text for inner in islice(child, _MOST_CHILDREN) if str(inner.tag).endswith("}max-file-size")), None)
    if _NUMBER((largest or "").strip()):
        params["max_file_size"] = int(str(largest))
    return params


def _pause(stamp: object) -> float | None:
    """Return the seconds until the time that a server names (XEP-0363 7); `None` if the text is not a time."""
    from datetime import UTC, datetime  # noqa: PLC0415 - seldom needed, and its import would delay every start

    try:
        then = datetime.fromisoformat(str(stamp))
    except ValueError:
        return None
    then = then if then.tzinfo is not None else then.replace(tzinfo=UTC)
    return min(max((then - datetime.now(UTC)).total_seconds(), 0.0), _LONGEST_PAUSE)


def _stripped(text: str | None) -> str | None:
    return (text.strip()[:_LONGEST_ADDRESS] or None) if text else None


def of_element(root: Node) -> Signal | None:
    """
    Observe one element.

    Args:
        root: An element at the level of a stream, or a stream.

    Returns:
        The signal; `None` if the element is not an error of XMPP.
    """
    reader = _READERS.get(root.tag)
    return None if reader is None else reader(root)


def stanza_signal(condition: str | None, kind: str | None, code: str | None, text: str | None) -> Signal:
    """
    Return the signal of a stanza error.

    Args:
        condition: The name of the condition.
        kind: The type on the wire.
        code: The numeric code of XEP-0086, used where the condition or the type is missing.
        text: The text of the error.
    """
    family = TYPES.get(kind) if kind else None
    if family is not None and condition is not None:
        return Signal("xmpp", "stanza", condition, text, family)
    legacy: _Family = (("legacy", code),) if code and _CODE(code) else ()
    if legacy and condition == "undefined-condition":
        condition = None
    return Signal("xmpp", "stanza", condition, text, legacy + (family or _UNDEFINED))


def _of_stanza(own: str, stanza: Node) -> Signal | None:
    kind = stanza.get("type")
    if kind is not None and kind != "error":
        return removal_of(stanza) if kind == "unavailable" else None
    # A server may echo the original stanza before the error, and the echo may contain an error too; the last error is the answer.
    # A component may echo a stanza of a client, so an error in the namespace of the stanza counts before others.
    error = stanza[-1] if len(stanza) else None
    if error is not None and error.tag != own:
        children = list(reversed(list(stanza)))
        error = next((child for child in children if child.tag == own), None)
        error = error if error is not None else next((child for child in children if child.tag in _ERRORS), None)
    if error is not None:
        return _plain(error) or _whole(error)
    return stanza_signal(None, "cancel", None, None) if kind == "error" else None


def _of_error(error: Node) -> Signal:
    return _plain(error) or _whole(error)


def _plain(error: Node) -> Signal | None:
    # Nearly every error is a condition of the RFC, a type and a text; reading only these takes a third of the time.
    kind, children = error.get("type"), len(error)
    if kind not in TYPES or not 0 < children < 3 or error.get("by") is not None:  # noqa: PLR2004 - a condition and a text
        return None
    condition = _PLAIN.get(error[0].tag)
    if condition is None:
        return None
    if children == 1:
        return _repeated(condition, kind, None)
    said = error[1]
    text = said.text or ""
    if said.tag != _STANZA_TEXT or len(text) > _LONGEST_REPEATED:
        return None
    return _repeated(condition, kind, text)


@lru_cache(maxsize=1024)
def _repeated(condition: str, kind: str, text: str | None) -> Signal:
    # Cached, because servers send the same error many times.
    return Signal("xmpp", "stanza", condition, text, TYPES[kind], shared=True)


def _whole(error: Node) -> Signal:
    said = _Said(error, _IN_STANZA)
    text = said.text
    if said.condition is None and text is None and error.text:
        text = error.text.strip()[:_LONGEST_TEXT] or None
    signal = stanza_signal(said.condition, error.get("type"), error.get("code"), text)
    if (by := error.get("by")) is not None:
        said.add("by", by[:_LONGEST_JID])
    if said.condition not in DEFINED and said.condition is not None and _NAME(said.condition):
        said.add("condition", said.condition)
    return _completed(signal, said)


def _completed(signal: Signal, said: _Said) -> Signal:
    if said.params and _RETRY in said.applications and "stamp" in said.params:
        signal.retry_after = _pause(said.params["stamp"])
    signal.details = said.applications
    signal.params = said.params
    signal.address = said.address
    return signal


def _of_dialback(element: Node) -> Signal | None:
    """Observe an answer of dialback (XEP-0220 2.4): an error, or `invalid` for a domain that was not verified."""
    kind = element.get("type")
    if kind == "error":
        return _of_stanza(f"{_DIALBACK}error", element)
    return Signal("xmpp", "dialback", "invalid") if kind == "invalid" else None


def _of_stream_error(error: Node) -> Signal:
    said = _Said(error, _IN_STREAM)
    return _completed(_named("stream", said, "undefined-condition"), said)


def _named(section: str, said: _Said, otherwise: str) -> Signal:
    return Signal("xmpp", section, said.condition, said.text, family=((section, otherwise),))


def _of_stream(stream: Node) -> Signal | None:
    first: Signal | None = None
    for child in stream:
        if child.tag == _STREAM_ERROR:
            return _of_stream_error(child)
        if first is None:
            first = of_element(child)
    return first


def _of_sasl(failure: Node) -> Signal:
    said = _Said(failure, _IN_SASL)
    return _completed(_named("sasl", said, "not-authorized"), said)


def _of_sasl2(failure: Node) -> Signal:
    said = _Said(failure, _IN_SASL2)
    return _completed(_named("sasl", said, "not-authorized"), said)


def _of_starttls(_failure: Node) -> Signal:
    return Signal("xmpp", "starttls", "failure")


def _of_compression(failure: Node) -> Signal:
    said = _Said(failure, _IN_COMPRESS)
    return _completed(_named("compress", said, "setup-failed"), said)


def _of_sm(failed: Node) -> Signal:
    said = _Said(failed, _IN_STANZA)
    nested = next((child for child in failed if child.tag in _ERRORS or child.tag == f"{{{_namespace(failed)}}}error"), None)
    if said.condition is None and nested is not None:
        said = _Said(nested, _IN_STANZA)
    said.params = (_details(failed) | (said.params or {})) or None
    return _completed(_named("sm", said, "failed"), said)


def _namespace(node: Node) -> str:
    return node.tag[1:].partition("}")[0]


def _of_body(body: Node) -> Signal | None:
    kind = body.get("type")
    inside = _of_stream(body)
    if inside is not None:
        return inside
    if kind == "error":
        return Signal("xmpp", "bosh", "error")
    if kind != "terminate":
        return None
    said = _Said(body, _IN_STREAM)
    condition = body.get("condition")
    # Old connection managers leave the stream error's children without the stream error around them (XEP-0206 6).
    if condition == "remote-stream-error" and said.condition is not None:
        return _completed(_named("stream", said, "undefined-condition"), said)
    uri = next((child for child in body if child.tag == f"{_BOSH}uri"), None)
    address = None if uri is None else _stripped(uri.text)
    return Signal("xmpp", "bosh", condition or "terminate", family=(("bosh", "undefined-condition"),), address=address)


def _of_close(close: Node) -> Signal:
    address = _stripped(close.get("see-other-uri"))
    return Signal("xmpp", "websocket", "see-other-uri" if address else "close", address=address)


_READERS: dict[str, Callable[[Node], Signal | None]] = {
    # The error of a stanza is in the namespace of the stanza.
    **{f"{content}{name}": partial(_of_stanza, f"{content}error") for content in _CONTENTS for name in _STANZAS},
    **dict.fromkeys(_ERRORS, _of_error),
    _STREAM_ERROR: _of_stream_error,
    f"{_DIALBACK}result": _of_dialback,
    f"{_DIALBACK}verify": _of_dialback,
    f"{{{STREAMS}}}stream": _of_stream,
    f"{_SASL}failure": _of_sasl,
    f"{_SASL2}failure": _of_sasl2,
    "{urn:ietf:params:xml:ns:xmpp-tls}failure": _of_starttls,
    f"{_COMPRESS}failure": _of_compression,
    "{urn:xmpp:sm:3}failed": _of_sm,
    "{urn:xmpp:sm:2}failed": _of_sm,
    f"{_BOSH}body": _of_body,
    "{urn:ietf:params:xml:ns:xmpp-framing}close": _of_close,
}
