"""All tables together: they agree with themselves, and one fault has one reason however it shows itself."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest

import errnorm
from errnorm import Normalizer
from errnorm.cli.normalize import normalize_line
from errnorm.plugins import load_table
from errnorm.tables.file import read
from errnorm.tables.pattern import Template, values_of
from errnorm.tables.source import TableError
from errnorm.taxonomy import Category, Reason, Recovery
from tests.each import each
from tests.mappings import rows

if TYPE_CHECKING:
    from pathlib import Path

    from errnorm.error import NormalizedError
    from errnorm.tables import Entry

PROTOCOLS = ("nats", "xmpp", "transport")
NORMALIZER = Normalizer([])


# Which steps can help against which reason. A step that is missing here contradicts what the reason means.
NONE, WAIT, RECONNECT, REDIRECT = Recovery.NONE, Recovery.WAIT, Recovery.RECONNECT, Recovery.REDIRECT
REAUTHENTICATE, MODIFY, ABANDON = Recovery.REAUTHENTICATE, Recovery.MODIFY, Recovery.ABANDON
COMPATIBLE: dict[Reason, set[Recovery]] = {
    Reason.AUTH_REJECTED: {REAUTHENTICATE, MODIFY, ABANDON},
    Reason.AUTH_EXPIRED: {REAUTHENTICATE},
    Reason.AUTH_REVOKED: {REAUTHENTICATE},
    Reason.AUTH_TIMEOUT: {RECONNECT},
    Reason.AUTH_REQUIRED: {REAUTHENTICATE, MODIFY, ABANDON},
    Reason.AUTH_FORBIDDEN: {REAUTHENTICATE, MODIFY, ABANDON},
    Reason.AUTH_MECHANISM: {MODIFY, ABANDON},
    Reason.AUTH_UNTRUSTED: {REAUTHENTICATE, ABANDON},
    Reason.AUTH_ACCOUNT: {REAUTHENTICATE, MODIFY, ABANDON},
    Reason.LIMITS_CONNECTIONS: {RECONNECT},
    Reason.LIMITS_SUBSCRIPTIONS: {MODIFY},
    Reason.LIMITS_SIZE: {MODIFY},
    Reason.LIMITS_RATE: {WAIT},
    Reason.LIMITS_SLOW_CONSUMER: {WAIT, RECONNECT},
    Reason.LIMITS_STORAGE: {WAIT, MODIFY, ABANDON},
    Reason.LIMITS_RESOURCES: {WAIT, RECONNECT, MODIFY, ABANDON},
    Reason.LIMITS_POLICY: {MODIFY, ABANDON},
    Reason.PROTOCOL_MALFORMED: {MODIFY, ABANDON},
    Reason.PROTOCOL_UNSUPPORTED: {MODIFY, ABANDON},
    Reason.PROTOCOL_MISADDRESSED: {MODIFY, ABANDON},
    Reason.PROTOCOL_NOT_FOUND: {MODIFY, ABANDON},
    Reason.PROTOCOL_CONFLICT: {MODIFY, ABANDON, WAIT},
    Reason.PROTOCOL_UNEXPECTED: {MODIFY, ABANDON, WAIT},
    Reason.PROTOCOL_REJECTED: {MODIFY, ABANDON},
    Reason.PROTOCOL_CONFIGURATION: {MODIFY, ABANDON},
    Reason.PROTOCOL_NOTICE: {NONE},
    Reason.TRANSPORT_DNS: {WAIT, RECONNECT},
    Reason.TRANSPORT_REFUSED: {RECONNECT, ABANDON},
    Reason.TRANSPORT_TIMEOUT: {WAIT, RECONNECT},
    Reason.TRANSPORT_STALE: {RECONNECT},
    Reason.TRANSPORT_LOST: {RECONNECT, ABANDON},
    Reason.TRANSPORT_TLS: {MODIFY, ABANDON},
    Reason.TRANSPORT_REMOTE: {WAIT, RECONNECT},
    Reason.TRANSPORT_UNAVAILABLE: {WAIT, RECONNECT, ABANDON},
    Reason.TRANSPORT_INTERNAL: {WAIT, RECONNECT, ABANDON},
    Reason.SHUTDOWN_SERVER: {WAIT, RECONNECT, ABANDON},
    Reason.SHUTDOWN_CLIENT: {NONE, RECONNECT, ABANDON},
    Reason.SHUTDOWN_KICKED: {RECONNECT, ABANDON},
    Reason.SHUTDOWN_REPLACED: {MODIFY},
    Reason.SHUTDOWN_MOVED: {REDIRECT, MODIFY, ABANDON},
    Reason.SHUTDOWN_RESET: {RECONNECT},
    Reason.UNKNOWN: {ABANDON},
}
_MANGLED = "What came could not be read; a new connection begins afresh."
# Rows that step out of line, by section and key, and why they are right.
RIGHT = {
    ("client", "aioxmpp.errors.XMPPWaitError"): "The class is the type of the stanza error, which decides.",
    ("error", "account resolver no new claims"): "Nothing is wrong: there was nothing to update.",
    ("error", "Account Authentication Expired"): "An operator must renew the account.",
    ("close", "TLS Handshake Failure"): "It is also what a handshake that takes too long ends with.",
    ("log", "Outside connect times"): "The time comes.",
    ("log", "Readloop processing time: {delay}"): "A warning; the work went on.",
    ("log", 'Internal subscription on "{subject}" took too long: {delay}'): "A warning; the work went on.",
    ("log", "Failed to receive a stream close response, closing connection anyway..."): "The stream had ended already.",
    ("http", "429"): "The next handshake may come after a pause.",
    ("python", "asyncio.exceptions.LimitOverrunError"): "The peer sent too much: the reader cannot change it.",
    ("python", "websockets.exceptions.SecurityError"): "The peer sent too much: the reader cannot change it.",
    ("app", "http://jabber.org/protocol/pubsub#errors too-many-subscriptions"): "It counts all subscribers, and others leave.",
    ("status", "404 No Messages"): "Nothing is wrong: messages come later.",
    ("advisory", "io.nats.jetstream.advisory.v1.nak"): "The message comes again by itself.",
    ("type", "wait"): "The type is that word.",
    ("bosh", "terminate"): "A session that ended in order.",
    ("stanza", "remote-server-not-found"): "RFC 6120 8.3.3.16 says cancel; a type on the wire that says wait wins.",
    ("log", "({socket}) Closing c2s session for {jid}: TLS failed: {text}"): "The server gives no cause, and closes.",
    ("tls", "X509_V_ERR_CERT_NOT_YET_VALID"): "It becomes valid by itself, or the clock is set.",
    ("tls", "bad_record_mac"): "Bytes that were damaged on the way.",
    ("tls", "decryption_failed"): "Bytes that were damaged on the way.",
    ("os", "EPROTO"): _MANGLED,
    ("python", "websockets.exceptions.ProtocolError"): _MANGLED,
    ("python", "aiohttp._websocket.models.WebSocketError"): _MANGLED,
    ("client", "nats.client.protocol.message.ParseError"): _MANGLED,
    ("client", "nats.protocol.parser.ErrProtocol"): _MANGLED,
    ("client", "nats.errors.ProtocolError"): _MANGLED,
    ("client", "natsio.errors.ProtocolError"): _MANGLED,
    ("client", "natsio.errors.ParserError"): _MANGLED,
    ("client", "natsio.errors.MaxControlLineExceededError"): _MANGLED,
    ("client", "natsio.errors.WebsocketError"): _MANGLED,
    ("sm", "service-unavailable"): "A session without stream management can be opened.",
}


def in_line(row: Entry) -> bool:
    if row.section == "service":
        # It happened to the service, on connections of its own: whoever asks it waits, where the service would connect again.
        return not {row.row.recovery} - COMPATIBLE[row.row.reason] - {Recovery.WAIT, Recovery.ABANDON}
    return row.row.recovery in COMPATIBLE[row.row.reason]


def test_every_reason_says_which_steps_can_help() -> None:
    assert COMPATIBLE.keys() == set(Reason)


@each(("protocol", "row"), rows.every, ids=rows.named)
def test_the_step_of_a_row_can_help_against_its_reason(protocol: str, row: Entry) -> None:
    assert in_line(row) or (row.section, row.key) in RIGHT, f"{protocol}: {row.row.reason} and {row.row.recovery}"


def test_no_exception_is_kept_that_is_none() -> None:
    odd = {(row.section, row.key) for _, row in rows.every() if not in_line(row)}
    assert RIGHT.keys() - odd == set()


@each(("protocol", "row"), rows.every, ids=rows.named)
def test_a_row_is_retryable_exactly_if_its_step_is_one_of_the_three(protocol: str, row: Entry) -> None:
    assert row.to_dict(protocol)["retryable"] is (row.row.recovery in {WAIT, RECONNECT, REDIRECT})


@each(("protocol", "row"), rows.every, ids=rows.named)
def test_the_category_of_a_row_is_the_first_word_of_its_reason(protocol: str, row: Entry) -> None:
    assert Category(str(row.row.reason).partition(".")[0]).value == row.to_dict(protocol)["category"]


@each(
    ("protocol", "row", "spelling"),
    lambda: [(protocol, row, spelling) for protocol, row in rows.every() for spelling in row.templates()],
    ids=rows.named,
)
def test_a_template_finds_its_row_and_takes_out_every_place_it_names(protocol: str, row: Entry, spelling: str) -> None:
    table = rows.table(protocol)
    template = Template(spelling, table.kinds, row, ignore_case=table.sections[row.section].head.ignore_case)
    found = table.find(row.section, template.sample())

    assert found is not None
    placed, reading = found
    assert placed is row
    assert reading is not None
    assert values_of(reading).keys() == template.kinds.keys()


def sections() -> list[tuple[str, str]]:
    return [
        (protocol, name) for protocol in PROTOCOLS for name, head in rows.table(protocol).sections.items() if len(head.exact) > 1
    ]


@each(("protocol", "section"), sections)
def test_a_second_row_for_the_same_text_is_refused(protocol: str, section: str, tmp_path: Path) -> None:
    victim = next(row for row in rows.of(protocol, section)() if not Template.has_places(row.key))
    overlay = tmp_path / "twin.toml"
    overlay.write_text(
        f'protocol = "{protocol}"\nversion = "1"\n[{section}]\n"a row that is new" = {{ reason = "protocol.rejected", '
        'recovery = "abandon", terminal = false, effect = "unknown", reach = "log", evidence = "source", source = "here", '
        f"aliases = [{json.dumps(victim.key)}] }}\n",
        "utf-8",
    )
    with pytest.raises(TableError, match="also matched by"):
        load_table(protocol, [overlay])


@pytest.mark.parametrize("name", ["nats.toml", "jetstream.toml", "xmpp.toml", "transport.toml"])
def test_a_row_that_stands_twice_is_refused_with_its_line(name: str) -> None:
    text = files("errnorm_mappings").joinpath(name).read_text("utf-8")
    lines = text.splitlines()
    header = next(line for line in lines if re.match(r"\[(?!sections)\w+\.", line))
    with pytest.raises(TableError, match=f"{name}:{len(lines) + 1}: not TOML: Cannot declare"):
        read(f"{text}{header}\n", name)


def of_nats(**form: Any) -> NormalizedError:
    return normalize_line(json.dumps({"protocol": "nats", **form}).encode(), NORMALIZER)


def said(text: str) -> NormalizedError:
    return of_nats(raw=f"-ERR '{text}'\r\n")


def closed(reason: str) -> NormalizedError:
    return of_nats(close_reason=reason)


def event(reason: str) -> NormalizedError:
    return of_nats(raw=json.dumps({"type": "io.nats.server.advisory.v1.client_disconnect", "client": {}, "reason": reason}))


def logged(text: str, level: str = "ERR") -> NormalizedError:
    return of_nats(raw=f"[1] 2026/01/01 00:00:00.000000 [{level}] 127.0.0.1:4222 - cid:1 - {text}")


def raised(name: str, text: str = "", **attributes: object) -> NormalizedError:
    module, _, kind = name.rpartition(".")
    return of_nats(exception={"module": module, "class": kind, "str": text, "attrs": attributes})


def refused(code: int, err_code: int, description: str) -> NormalizedError:
    return of_nats(raw=json.dumps({"error": {"code": code, "err_code": err_code, "description": description}}))


# One fault in all the forms in which NATS shows it.
FAULTS = {
    "wrong credentials": (
        said("Authorization Violation"), closed("Authentication Failure"), event("Authentication Failure"),
        raised("nats.errors.AuthorizationError", "nats: authorization failed"),
        raised("nats.errors.Error", "nats: 'Authorization Violation'"), logged('authentication error - User "alice"'),
    ),
    "no login in time": (said("Authentication Timeout"), closed("Authentication Timeout"), event("Authentication Timeout")),
    "credentials expired": (
        said("User Authentication Expired"), closed("Authentication Expired"), event("Authentication Expired"),
        raised("nats.errors.Error", "nats: user authentication expired"),
    ),
    "credentials revoked": (said("User Authentication Revoked"), closed("Credentials Revoked"), event("Credentials Revoked")),
    "publish denied": (
        said('Permissions Violation for Publish to "a"'), logged('Publish Violation - Subject "a"'),
        raised("nats.errors.Error", 'nats: permissions violation for publish to "a"'),
    ),
    "subscription denied": (
        said('Permissions Violation for Subscription to "a"'), logged('Subscription Violation - Subject "a", SID 1'),
        raised("nats.errors.Error", 'nats: permissions violation for subscription to "a"'),
    ),
    "payload too large": (
        said("Maximum Payload Violation"), closed("Maximum Message Payload Exceeded"),
        raised("nats.errors.MaxPayloadError", "nats: maximum payload exceeded"), logged("maximum payload exceeded: 20 vs 10"),
    ),
    "control line too long": (said("maximum control line exceeded"), closed("Maximum Control Line Exceeded")),
    "too many connections": (said("maximum connections exceeded"), closed("Maximum Connections Exceeded")),
    "too many connections of an account": (
        said("maximum account active connections exceeded"), closed("Maximum Account Connections Exceeded"),
    ),
    "too many subscriptions": (said("maximum subscriptions exceeded"), closed("Maximum Subscriptions Exceeded")),
    "stale": (
        said("Stale Connection"), closed("Stale Connection"),
        raised("nats.errors.StaleConnectionError", "nats: stale connection"),
        logged("Stale Client Connection - Closing", "DBG"),
    ),
    "slow consumer": (
        closed("Slow Consumer (Pending Bytes)"), closed("Slow Consumer (Write Deadline)"), event("Slow Consumer (Pending Bytes)"),
        raised("nats.errors.SlowConsumerError", "nats: slow consumer, messages dropped subject: a, sid: 1, sub: x"),
        logged("Slow Consumer Detected: MaxPending of 200000 Exceeded", "INF"),
    ),
    "protocol of the future": (said("invalid client protocol"), closed("Bad Client Protocol Version")),
    "no responders without headers": (
        said("no responders requires headers support"), closed("No Responders Requires Headers"),
    ),
    "nobody listens": (
        of_nats(raw="NATS/1.0 503\r\n\r\n"), raised("nats.errors.NoRespondersError", "nats: no responders available for request"),
    ),
    "no stream": (
        refused(404, 10059, "stream not found"),
        raised("nats.js.errors.NotFoundError", "", code=404, err_code=10059, description="stream not found"),
    ),
    "wrong last sequence": (
        refused(400, 10071, "wrong last sequence: 5"),
        raised("nats.js.errors.KeyWrongLastSequenceError", "nats: wrong last sequence: 5"),
    ),
    "JetStream is not on for the account": (
        refused(503, 10039, "JetStream not enabled for account"), refused(503, 10035, "JetStream not enabled for account"),
        raised("nats.jetstream.errors.JetStreamNotEnabledForAccountError"),
    ),
    "a server out of resources": (
        refused(503, 10023, "insufficient resources"), logged("JetStream memory resource limits exceeded for server", "WRN"),
    ),
    "a fault inside JetStream": (
        of_nats(raw="NATS/1.0 500 something broke\r\n\r\n"), refused(500, 0, "something broke"),
        raised("nats.js.errors.ServerError", code=500),
    ),
    "the server stops": (
        closed("Server Shutdown"), event("Server Shutdown"), of_nats(raw="NATS/1.0 409 Server Shutdown\r\n\r\n"),
    ),
    "a broken mapping": (
        of_nats(raw='nats-server: Error adding mapping for "a" to "b..c" : invalid mapping destination: invalid transform'),
        said("invalid mapping destination: invalid transform"),
    ),
}  # fmt: skip
# Faults whose forms differ in whether a retry can help, and why that is right.
RETRIED_DIFFERENTLY: dict[str, str] = {}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_nats_has_one_reason_in_all_its_forms(fault: str) -> None:
    assert len({form.reason for form in FAULTS[fault]}) == 1, [(form.code, str(form.reason)) for form in FAULTS[fault]]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_nats_can_be_retried_in_all_its_forms_or_in_none(fault: str) -> None:
    assert (len({form.retryable for form in FAULTS[fault]}) > 1) is (fault in RETRIED_DIFFERENTLY)


def conditions() -> list[tuple[Entry, str]]:
    named = [row for row in rows.of("xmpp", "stanza")() if row.row.source.startswith("RFC 6120")]
    return [(row, kind) for row in named for kind in ("auth", "cancel", "modify", "wait")]


def stanza(condition: str, kind: str) -> NormalizedError:
    inside = f"<{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
    return errnorm.normalize(f"<iq xmlns='jabber:client' type='error' id='1'><error type='{kind}'>{inside}</error></iq>", "xmpp")


def of_slixmpp(condition: str, kind: str) -> NormalizedError:
    form = {"module": "slixmpp.exceptions", "class": "IqError", "condition": condition, "etype": kind, "text": ""}
    return normalize_line(json.dumps({"protocol": "xmpp", "exception": form}).encode(), NORMALIZER)


def judgement(error: NormalizedError) -> tuple[object, ...]:
    return (error.code, error.reason, error.recovery, error.terminal, error.effect)


@each(("row", "kind"), conditions, ids=rows.named)
def test_a_condition_means_the_same_on_the_wire_and_from_slixmpp(row: Entry, kind: str) -> None:
    assert judgement(of_slixmpp(row.key, kind)) == judgement(stanza(row.key, kind))


@each(("row", "kind"), conditions, ids=rows.named)
def test_a_condition_means_the_same_on_the_wire_and_from_aioxmpp(row: Entry, kind: str) -> None:
    aioxmpp = pytest.importorskip("aioxmpp.errors", reason="aioxmpp needs a Python before 3.13", exc_type=ImportError)
    known = {condition.value[1]: condition for condition in aioxmpp.ErrorCondition}
    if row.key not in known:
        pytest.skip("aioxmpp does not know this condition")
    error = getattr(aioxmpp, f"XMPP{kind.capitalize()}Error")(known[row.key])

    assert judgement(errnorm.normalize(error, "xmpp")) == judgement(stanza(row.key, kind))


def stream(condition: str) -> NormalizedError:
    inside = f"<{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
    return errnorm.normalize(f"<stream:error xmlns:stream='http://etherx.jabber.org/streams'>{inside}</stream:error>", "xmpp")


def sasl(condition: str) -> NormalizedError:
    return errnorm.normalize(f"<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><{condition}/></failure>", "xmpp")


SISTERS = {
    "may not do this": (said('Permissions Violation for Publish to "a"'), stanza("forbidden", "auth")),
    "wrong credentials": (said("Authorization Violation"), sasl("not-authorized")),
    "credentials expired": (said("User Authentication Expired"), sasl("credentials-expired")),
    "the account is not usable": (of_nats(raw="account missing"), sasl("account-disabled")),
    "nobody answers pings": (said("Stale Connection"), stream("connection-timeout")),
    "the server stops": (closed("Server Shutdown"), stream("system-shutdown")),
    "the same identity again": (closed("Duplicate Client ID"), stream("conflict")),
    "not this protocol": (said("Unknown Protocol Operation"), stream("not-well-formed")),
    "another version": (said("invalid client protocol"), stream("unsupported-version")),
    "nobody is there": (of_nats(raw="NATS/1.0 503\r\n\r\n"), stanza("service-unavailable", "wait")),
    "no such thing": (refused(404, 10059, "stream not found"), stanza("item-not-found", "cancel")),
    "already there": (refused(400, 10058, "stream name already in use"), stanza("conflict", "cancel")),
    "a broken address": (said("Invalid Subject"), stanza("jid-malformed", "modify")),
    "a fault inside": (refused(500, 0, "something broke"), stanza("internal-server-error", "cancel")),
    "malformed request": (refused(400, 10003, "bad request"), stanza("bad-request", "modify")),
}


@pytest.mark.parametrize("meaning", SISTERS)
def test_sister_errors_of_the_two_protocols_have_one_reason(meaning: str) -> None:
    of_one, of_other = SISTERS[meaning]
    assert of_one.reason is of_other.reason


@pytest.mark.parametrize("meaning", SISTERS)
def test_sister_errors_of_the_two_protocols_are_retried_alike(meaning: str) -> None:
    of_one, of_other = SISTERS[meaning]
    assert of_one.retryable is of_other.retryable


# Errors that look alike and differ, and why that is right.
NO_SISTERS = {
    "thrown out by an administrator": (
        closed("Kicked"), stream("policy-violation"), "NATS has a word for it; XMPP servers use one word for six causes.",
    ),
    "too many sessions": (
        closed("Maximum Connections Exceeded"), stream("resource-constraint"),
        "The XMPP condition does not say of what there is too little.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("meaning", NO_SISTERS)
def test_what_looks_alike_and_differs_still_does(meaning: str) -> None:
    of_one, of_other, why = NO_SISTERS[meaning]
    assert of_one.reason is not of_other.reason, why
