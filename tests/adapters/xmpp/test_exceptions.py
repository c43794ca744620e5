"""Exceptions of the XMPP clients are known by their classes and by what they carry, without the client installed."""

# ruff: noqa: E501 - vectors stay as they stood on the wire, one a line where that can be

from __future__ import annotations

import enum

import pytest
from slixmpp.exceptions import IqError, IqTimeout, PresenceError, XMPPError
from slixmpp.stanza import Iq, Presence
from slixmpp.xmlstream import ET
from slixmpp.xmlstream.xmlstream import InvalidCABundle, NotConnectedError

import errnorm
from errnorm.exceptions import ReportedException
from errnorm_adapters.xmpp import observe

# mypy: disable-error-code="no-untyped-call"

STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"


def iq(condition: str, kind: str = "cancel", rest: str = "") -> Iq:
    raw = f"<iq xmlns='jabber:client' type='error'><error type='{kind}' by='a@b'><{condition} xmlns='{STANZAS}'/>{rest}</error></iq>"
    return Iq(xml=ET.fromstring(raw))


def reported(*names: str, text: str = "", **attributes: object) -> ReportedException:
    return ReportedException(names, text, attributes)


def test_an_answer_that_never_came_is_a_timeout_whatever_slixmpp_fills_in() -> None:
    error = errnorm.normalize(IqTimeout(Iq()))
    assert (error.reason, error.recovery, error.effect) == ("transport.timeout", "wait", "unknown")


def test_a_real_remote_timeout_is_not_the_local_one() -> None:
    assert errnorm.normalize(IqError(iq("remote-server-timeout", "wait"))).reason == "transport.remote"


def test_an_iq_error_is_read_from_its_stanza() -> None:
    error = errnorm.normalize(IqError(iq("not-allowed", rest="<closed-node xmlns='http://jabber.org/protocol/pubsub#errors'/>")))
    assert (error.section, error.code, error.params) == ("stanza", "not-allowed", {"by": "a@b", "application": "closed-node"})


def test_a_presence_error_is_read_from_its_stanza() -> None:
    raw = f"<presence xmlns='jabber:client' type='error'><error type='auth'><registration-required xmlns='{STANZAS}'/></error></presence>"
    presence = Presence(xml=ET.fromstring(raw))
    assert errnorm.normalize(PresenceError(presence)).code == "registration-required"


def test_an_error_made_by_hand_is_read_from_its_attributes() -> None:
    made = XMPPError("policy-violation", "slow down", "wait", "too-many-stanzas", "urn:xmpp:errors", by="a@b")
    error = errnorm.normalize(made)
    assert (error.code, error.reason, error.retryable, error.text) == ("policy-violation", "limits.rate", True, "slow down")


def test_the_whole_stanza_never_becomes_the_text() -> None:
    answer = iq("forbidden", "auth")
    answer["from"] = "secret@example.org"
    assert "secret" not in str(errnorm.normalize(IqError(answer)).to_record())


@pytest.mark.parametrize(
    ("exception", "reason"),
    [
        (NotConnectedError(), "transport.unavailable"),
        (InvalidCABundle(None), "protocol.configuration"),
        (ValueError("This is not a valid condition type", "made-up"), "protocol.rejected"),
        (ValueError("This is not a valid condition type", ""), "protocol.rejected"),
    ],
)
def test_what_slixmpp_raises_by_itself_has_its_own_rows(exception: Exception, reason: str) -> None:
    assert errnorm.normalize(exception, "xmpp").reason == reason


def test_any_other_value_error_is_nobody_s() -> None:
    assert observe(ValueError("conflict")) is None


@pytest.mark.parametrize(
    ("exception", "expected"),
    [
        (reported("slixmpp.exceptions.IqTimeout", condition="remote-server-timeout", etype="cancel"),
         ("client", "slixmpp.exceptions.IqTimeout", "transport.timeout", True)),
        (reported("slixmpp.exceptions.IqError", condition="item-not-found", etype="wait", text="later"),
         ("stanza", "item-not-found", "protocol.not_found", True)),
        (reported("slixmpp.exceptions.IqError"), ("client", "slixmpp.exceptions.IqError", "protocol.rejected", False)),
        (reported("aioxmpp.errors.XMPPWaitError", condition="conflict"), ("stanza", "conflict", "protocol.conflict", True)),
        (reported("aioxmpp.errors.XMPPCancelError", "aioxmpp.errors.XMPPError", condition="ErrorCondition.RESOURCE_CONSTRAINT"),
         ("stanza", "resource-constraint", "limits.resources", False)),
        (reported("aioxmpp.errors.XMPPAuthError", condition=[STANZAS, "forbidden"]), ("stanza", "forbidden", "auth.forbidden", False)),
        (reported("aioxmpp.errors.StreamError", condition="{urn:ietf:params:xml:ns:xmpp-streams}conflict"),
         ("stream", "conflict", "shutdown.replaced", False)),
        (reported("aioxmpp.errors.StreamError", condition="news"), ("stream", "undefined-condition", "protocol.rejected", False)),
        (reported("aioxmpp.errors.StreamError", text="stream error: {urn:ietf:params:xml:ns:xmpp-streams}conflict ('host-gone')"),
         ("stream", "conflict", "shutdown.replaced", False)),
        (reported("aioxmpp.errors.XMPPCancelError", text="{urn:ietf:params:xml:ns:xmpp-stanzas}item-not-found ('x')"),
         ("stanza", "item-not-found", "protocol.not_found", False)),
        (reported("slixmpp.exceptions.XMPPError", text="{urn:ietf:params:xml:ns:xmpp-stanzas}item-not-found"),
         ("client", "slixmpp.exceptions.XMPPError", "protocol.rejected", False)),
        (reported("twisted.words.protocols.jabber.error.StanzaError", text="StanzaError with condition u'forbidden'"),
         ("stanza", "forbidden", "auth.forbidden", False)),
        (reported("twisted.words.protocols.jabber.xmlstream.TimeoutError", text="Timeout waiting for response."),
         ("client", "twisted.words.protocols.jabber.xmlstream.TimeoutError", "transport.timeout", True)),
        (reported("xmpp.protocol.HostUnknown", text="(u'host-unknown', '')"),
         ("stream", "host-unknown", "protocol.misaddressed", False)),
        (reported("xmpp.protocol.SeeOtherHost", text="('see-other-host', 'chat.example.org')"),
         ("stream", "see-other-host", "shutdown.moved", True)),
        (reported("aioxmpp.errors.ErroneousStanza"), ("client", "aioxmpp.errors.ErroneousStanza", "protocol.malformed", False)),
        (reported("aiosasl.AuthenticationFailure", opaque_error="temporary-auth-failure"),
         ("sasl", "temporary-auth-failure", "transport.internal", True)),
        (reported("aiosasl.SASLFailure"), ("client", "aiosasl.SASLFailure", "auth.rejected", False)),
        (reported("aioxmpp.errors.TLSUnavailable"), ("client", "aioxmpp.errors.TLSUnavailable", "transport.tls", False)),
        (reported("my.app.Error", "slixmpp.exceptions.IqError", condition="gone", etype="cancel"),
         ("stanza", "gone", "protocol.misaddressed", False)),
    ],
)  # fmt: skip
def test_an_exception_that_was_written_down_finds_its_row(
    exception: ReportedException, expected: tuple[str, str, str, bool]
) -> None:
    error = errnorm.normalize(exception, "xmpp")
    assert (error.section, error.code, error.reason, error.retryable) == expected


class Condition(enum.Enum):
    CONFLICT = ("urn:ietf:params:xml:ns:xmpp-streams", "conflict")


def exception_class(module: str, name: str) -> type[Exception]:
    return type(name, (Exception,), {"__module__": module})


def test_a_live_enum_of_namespace_and_name_is_a_condition() -> None:
    exception = exception_class("aioxmpp.errors", "StreamError")()
    exception.condition = Condition.CONFLICT  # type: ignore[attr-defined]
    assert errnorm.normalize(exception).reason == "shutdown.replaced"


def test_of_several_errors_the_one_of_the_stream_counts() -> None:
    stream_error = exception_class("aioxmpp.errors", "StreamError")()
    stream_error.condition = Condition.CONFLICT  # type: ignore[attr-defined]
    several = exception_class("aioxmpp.errors", "MultiOSError")()
    several.exceptions = [OSError(), stream_error]  # type: ignore[attr-defined]
    assert errnorm.normalize(several).reason == "shutdown.replaced"


def test_an_exception_whose_attributes_fail_is_known_by_its_class() -> None:
    def fail(_self: object) -> None:
        raise RuntimeError

    kind = type(
        "XMPPError", (Exception,), {"__module__": "slixmpp.exceptions", "condition": property(fail), "iq": property(fail)}
    )
    assert errnorm.normalize(kind()).code == "slixmpp.exceptions.XMPPError"


def test_several_errors_that_are_no_list_are_known_by_their_class() -> None:
    error = errnorm.normalize(reported("aioxmpp.errors.MultiOSError", "builtins.OSError", text="several", exceptions="lost"))
    assert (error.protocol, error.code) == ("xmpp", "aioxmpp.errors.MultiOSError")


def test_a_refusal_to_log_in_that_carries_no_condition_is_known_by_its_class() -> None:
    error = errnorm.normalize(reported("aiosasl.common.SASLFailure", "builtins.Exception", text="no"))
    assert (error.protocol, error.section) == ("xmpp", "client")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("aioxmpp.errors.TLSUnavailable", "transport.tls"),
        ("aioxmpp.errors.TLSFailure", "transport.tls"),
        ("aioxmpp.errors.SASLUnavailable", "auth.mechanism"),
    ],
)
def test_what_aioxmpp_cannot_negotiate_is_not_a_wrong_password(name: str, reason: str) -> None:
    raised = reported(name, "aioxmpp.errors.SecurityNegotiationFailure", xmpp_error="policy-violation")
    assert errnorm.normalize(raised, "xmpp").reason == reason
