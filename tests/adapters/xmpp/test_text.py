"""Names of conditions and lines of logs are known as they are pasted; what a peer wrote inside them decides nothing."""

# ruff: noqa: E501, ISC004 - vectors stay as they stood on the wire, one a line where that can be

from __future__ import annotations

from functools import partial

import pytest

import errnorm
from errnorm_adapters.xmpp import observe
from tests.work import work

EJABBERD = "2026-01-31 12:00:00.000000+00:00 [warning] <0.531.0>@ejabberd_c2s:handle/3:312 "
PROSODY = "Jan 31 12:00:00 c2s55d0f0a0b2c0\tinfo\t"


@pytest.mark.parametrize(
    ("text", "section", "code"),
    [
        ("item-not-found", "stanza", "item-not-found"),
        ("stream-conflict", "stream", "conflict"),
        ("temporary-auth-failure", "sasl", "temporary-auth-failure"),
        ("closed-node", "app", "closed-node"),
        ("IqTimeout", "client", "slixmpp.exceptions.IqTimeout"),
        ("No DNS record available for example.org", "client", "no-dns-record"),
        ("End of stream", "client", "end-of-stream"),
        ("cancel: service-unavailable: User session not found", "stanza", "service-unavailable"),
        ("service-unavailable: User session not found", "stanza", "service-unavailable"),
        (PROSODY + "Client disconnected: connection closed", "log", "client-disconnected"),
        ("c2s55d0f0a0b2c0     info  Client disconnected: connection closed", "log", "client-disconnected"),
        (PROSODY + "c2s stream for a@b/c closed: Replaced by new connection", "log", "stream-replaced"),
        (PROSODY + "c2s stream for a@b/c closed: not-well-formed", "stream", "not-well-formed"),
        (PROSODY + "Session closed by remote with error: undefined-condition (conflict)", "stream", "undefined-condition"),
        (EJABBERD + "(tls|<0.531.0>) Failed c2s PLAIN authentication for a@b from ::1: Invalid username or password",
         "log", "c2s-authentication-failed"),
        (EJABBERD + "(tcp|<0.1.0>) Closing c2s session for a@b/c: Stream closed by local host: Replaced by new connection (conflict)",
         "stream", "conflict"),
        (EJABBERD + "(tcp|<0.1.0>) Closing c2s session for a@b/c: Stream closed by peer: reset", "stream", "reset"),
        (EJABBERD + "(tcp|<0.1.0>) Closing c2s session for a@b/c: Connection failed: connection closed", "log", "c2s-connection-failed"),
        ("DEBUG    RECV: <stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>", "stream", "reset"),
        ("slixmpp.exceptions.IqTimeout: <iq type='get'/>", "client", "slixmpp.exceptions.IqTimeout"),
        ("slixmpp.exceptions.IqError: <iq type='error'><error type='auth'>"
         "<forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>", "stanza", "forbidden"),
    ],
)  # fmt: skip
def test_a_pasted_text_finds_its_row(text: str, section: str, code: str) -> None:
    error = errnorm.normalize(text, "xmpp")
    assert (error.section, error.code) == (section, code)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("Closing c2s session for a@b/c: Stream closed by peer: see you (conflict) (reset)", "reset"),
        ("Closing c2s session for a@b/: Stream closed by peer: conflict: Stream closed by peer: reset", "reset"),
        ("Session closed by remote with error: reset (Stream closed by peer: conflict)", "reset"),
    ],
)
def test_a_condition_is_taken_only_from_where_the_server_puts_it(line: str, code: str) -> None:
    error = errnorm.normalize(line, "xmpp")
    assert (error.section, error.code) == ("stream", code)


@pytest.mark.parametrize(
    "text", ["there was a conflict", "conflict of interest", "an 'item-not-found'", "x item-not-found", "error: gone fishing"]
)
def test_a_condition_inside_a_sentence_is_none(text: str) -> None:
    assert not errnorm.normalize(text, "xmpp").known


def test_a_line_of_a_known_log_is_of_that_log_even_if_nobody_knows_it() -> None:
    error = errnorm.normalize(PROSODY + "Something new happened")
    assert (error.protocol, error.section, error.known) == ("xmpp", "log", False)


@pytest.mark.parametrize("unit", ["a ", ": Stream closed by peer: (", "c2s stream for ", " closed: ", "wait: ", "<", "RECV: "])
@pytest.mark.parametrize("before", ["", "c2s stream for "])
def test_a_text_twice_as_long_takes_twice_the_work_at_most(unit: str, before: str) -> None:
    observe(before + unit)
    short, long = (work(partial(observe, before + unit * count)) for count in (2500, 5000))
    assert long.calls <= short.calls + 10
    assert long.characters <= 2 * short.characters


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (
            "stanzarouter                   warn\tReceived stanza with invalid destination JID: room@localhost/",
            "invalid-destination",
        ),
        ("stanzarouter\twarn\tUnhandled c2s stream element or stanza: r; xmlns=urn:xmpp:sm:3: <r/>", "unhandled-element"),
        ("c2s55ef8b09a250 error\tTraceback[c2s]: muc.lib.lua:1112: attempt to index a nil value", "traceback"),
        ("2026-11-23 07:34:53.0+00:00 [warning] a@b/c acknowledged 77 stanzas, but only 0 were sent", "sm-acknowledged-too-much"),
    ],
)
def test_lines_that_real_servers_wrote_when_they_were_sent_nonsense(line: str, code: str) -> None:
    assert errnorm.normalize(line, "xmpp").code == code
