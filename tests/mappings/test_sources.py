"""Where rows are known from: the place in a standard that speaks of them, else a file of a program. The evidence says which."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.capture.evidence import STANDARD
from tests.each import each
from tests.mappings import rows

if TYPE_CHECKING:
    from errnorm.tables.row import Entry

PROTOCOLS = ("nats", "xmpp", "transport")
FILE = re.compile(
    r"((server|logger|conf)/)?\w+\.go:?( [\w…, .]+)?|main\.go|errors\.json \([0-9]{3}\)|errors\.json, field code(: none yet)?|"
    r"the status 408 of a pull request|gnatsd of BOSH directors|"
    r"(nats-(py|core|jetstream|key-value)|natsio|natsrpy|slixmpp|aioxmpp|"
    r"aiosasl|nbxmpp|aiohttp|tornado|websockets|pyOpenSSL|aiodns|dnspython) "
    r"\S+\.py( \w+)?|"
    r"Prosody \S+\.lua|ejabberd \w+\.erl|processone xmpp, sasl_failure codec|this library's own limit: .+|"
    r"server/\w+\.go up to 2\.\d+|server/parser.go up to 1\.4|pkix src/pkix\.erl|"
    r"(nats-(go|js|java|rs|c|net)|natscli|Smack|xmpp\.js|strophe\.js|go-xmpp|mellium|libstrophe|libpurple|sendxmpp|Net::XMPP|rustls)"
    r" \S+\.(go|ts|java|rs|c|cs|js|pm|pl)( \w+)?|"
    r"(nats-streaming-server|prometheus-nats-exporter|stan\.go|stan\.net|stan\.js|jsm\.go|nack|nats-queue-worker|hashicorp/raft|sleekxmpp|spade|"
    r"lib-jitsi-meet|lager) \S+\.\w+|"
    r"(nats-pure|nats-rs|nats-rb|nats-swift|dart-nats|profanity|dino|converse\.js|XMPPFramework|CocoaAsyncSocket|Sharp\.Xmpp|jicofo|"
    r"jitsi|irssi|Spectrum|xmpppy|twisted|jsxc|ws|blather|xmpp4r|XMPPHP|fabiang/xmpp|php|Chromium|Firefox|Qt|romeo|"
    r"agl/xmpp-client|Psi|loudmouth|Licq|pyxmpp|yowsup|cloud-print-connector|ha-nefiteasy|Camel|QuickBlox|Apprise) \S+\.\w+|"
    r"(ejabberd|MongooseIM|OTP) \w+\.erl( up to \d+)?|OTP erl_alloc\.c|"
    r"(jabberd2|Openfire|Tigase|jicoco|Conversations) \S+\.(c|java|xml)|Docker \S+\.go|"
    r"OpenJDK [\w.]+|Node\.js tls|rustls|SChannel sspi\.h|Apple SecureTransport\.h|\.NET [\w.]+|GLib|"
    r"OpenSSL (sslerr|x509_vfy|x509err)\.h|c-ares ares\.h|Go (\w+/\w+(\.go)?|\w+ \w+\.go|\w+\.\w+)|"
    r"Python (ssl(\.\w+Error)?|socket|_ssl\.c(, asyncio/sslproto\.py)?)|"
    r"Python library: (asyncio(, socket| streams)?|built-in exceptions)"
)

# RFC 6120 has its conditions in the order of the alphabet, each in a section of its own.
IN_ORDER = {"stanza": ("RFC 6120 8.3.3", 22), "stream": ("RFC 6120 4.9.3", 25), "sasl": ("RFC 6120 6.5", 11)}
# Where the other conditions stand, and those that stand elsewhere.
PLACES: dict[str, tuple[str, dict[str, str]]] = {
    "type": ("RFC 6120 8.3.2", {}),
    "starttls": ("RFC 6120 5.4.2.2", {}),
    "compress": ("XEP-0138 3", {}),
    "legacy": ("XEP-0086", {}),
    "bosh": (
        "XEP-0124 17.2",
        {"error": "XEP-0124 17.3", "terminate": "XEP-0124 13", "remote-stream-error": "XEP-0124 17.2; XEP-0206 6"},
    ),
    "websocket": (
        "RFC 6455 7.4.1",
        {
            "close": "RFC 7395 3.6",
            "see-other-uri": "RFC 7395 3.6.1",
            **dict.fromkeys(("1012", "1013", "1014"), "IANA WebSocket close codes"),
        },
    ),
    "sm": (
        "XEP-0198 5",
        {
            "failed": "XEP-0198 3",
            "unexpected-request": "XEP-0198 3, 6",
            "internal-server-error": "XEP-0198 9",
            **dict.fromkeys(("bad-request", "not-authorized"), "ejabberd mod_stream_mgmt.erl"),
            **dict.fromkeys(("resource-constraint", "service-unavailable"), "Prosody plugins/mod_smacks.lua"),
        },
    ),
    "xml": (
        "RFC 6120 11.1",
        {
            "not-well-formed": "XML 1.0 2.1; XML Namespaces 3",
            "not-utf-8": "RFC 6120 11.6",
            "too-large": "this library's own limit: 512 KiB",
            "too-deep": "this library's own limit: 256 levels",
            "too-many-nodes": "this library's own limit: 4096 elements, 256 attributes on one",
        },
    ),
}
# Which document defines the conditions of a namespace.
DEFINED_BY = {
    "http://jabber.org/protocol/amp#errors": "XEP-0079",
    "http://jabber.org/protocol/commands": "XEP-0050",
    "http://jabber.org/protocol/compress": "XEP-0138 3",
    "http://jabber.org/protocol/muc#user": "XEP-0045",
    "http://jabber.org/protocol/pubsub#errors": "XEP-0060",
    "urn:xmpp:blocking:errors": "XEP-0191",
    "urn:xmpp:errors": "XEP-0205",
    "urn:xmpp:http:upload:0": "XEP-0363",
    "urn:xmpp:jingle:errors:1": "XEP-0166",
    "urn:xmpp:jingle:apps:rtp:errors:1": "XEP-0167",
    "urn:xmpp:sm:3": "XEP-0198 6",
    "xmpp:prosody.im/protocol/component": "Prosody plugins/mod_component.lua",
}
# What a source says behind the document.
BESIDE = {
    "resource-limit-exceeded": "; XEP-0182",
    "stanza-too-big": "; RFC 6120 4.9.3.14",
    "too-many-stanzas": "; RFC 6120 13.12",
    "node-full": " (an example, not its schema)",
}
# Alerts of TLS that are not in RFC 8446, section 6.2.
ALERTS_ELSEWHERE = {
    "RFC 8446 6.1": ["close_notify", "user_canceled"],
    "RFC 5246 7.2.2": ["decryption_failed", "decompression_failure", "no_renegotiation"],
    "RFC 6101 5.4.2": ["no_certificate"],
    "RFC 2246 7.2.2": ["export_restriction"],
    "RFC 7507 3": ["inappropriate_fallback"],
    "RFC 6066 9": ["certificate_unobtainable", "bad_certificate_hash_value"],
    "RFC 7301 3.2": ["no_application_protocol"],
}
RESOLVER_ELSEWHERE = {
    "RFC 2553 6.4": ["EAI_NODATA", "EAI_ADDRFAMILY"],
    "RFC 3493 6.2": ["EAI_OVERFLOW"],
    "BSD netdb.h": ["EAI_PROTOCOL", "EAI_BADHINTS"],
    "glibc netdb.h": ["EAI_CANCELED"],
}


def first_source(placed: Entry) -> str:
    return re.split("[;,]", placed.row.source)[0]


def otherwise(listed: dict[str, list[str]], key: str, usual: str) -> str:
    return next((source for source, keys in listed.items() if key in keys), usual)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_source_is_a_place_in_a_standard_or_a_file_of_a_program(protocol: str) -> None:
    sources = {source for placed in rows.of(protocol)() for source in placed.row.source.split("; ")}

    assert [source for source in sources if not STANDARD.match(source) and not FILE.fullmatch(source)] == []


@pytest.mark.parametrize("section", IN_ORDER)
def test_a_condition_names_its_section_of_rfc_6120(section: str) -> None:
    chapter, count = IN_ORDER[section]
    named = {placed.key: first_source(placed) for placed in rows.of("xmpp", section)() if f"{chapter}." in placed.row.source}

    assert len(named) == count
    assert named == {key: f"{chapter}.{number}" for number, key in enumerate(sorted(named), 1)}


@pytest.mark.parametrize("section", PLACES)
def test_a_condition_names_where_it_stands(section: str) -> None:
    usual, elsewhere = PLACES[section]
    found = {placed.key: placed.row.source for placed in rows.of("xmpp", section)()}

    assert elsewhere.keys() <= found.keys()
    assert found == {key: elsewhere.get(key, usual) for key in found}


def test_an_application_condition_names_the_document_of_its_namespace() -> None:
    for placed in rows.of("xmpp", "app")():
        namespace, _, name = placed.key.partition(" ")
        assert placed.row.source == DEFINED_BY[namespace] + BESIDE.get(name, "")


def test_an_alert_names_the_section_that_defines_it() -> None:
    alerts = [placed for placed in rows.of("transport", "tls")() if re.fullmatch("[a-z_]+", placed.key)]

    assert len(alerts) > 30
    assert {placed.key: first_source(placed) for placed in alerts} == {
        placed.key: otherwise(ALERTS_ELSEWHERE, placed.key, "RFC 8446 6.2") for placed in alerts
    }


@pytest.mark.parametrize(
    ("section", "names", "header"),
    [("tls", "X509_V_ERR_", "OpenSSL x509_vfy.h"), ("dns", "ARES_", "c-ares ares.h")],
)
def test_a_number_names_the_header_that_defines_it(section: str, names: str, header: str) -> None:
    found = [placed for placed in rows.of("transport", section)() if placed.key.startswith(names)]

    assert len(found) > 20
    assert {first_source(placed) for placed in found} == {header}


def test_a_code_of_getaddrinfo_names_the_section_that_defines_it() -> None:
    codes = [placed for placed in rows.of("transport", "dns")() if placed.key.startswith("EAI_")]

    assert {placed.key: first_source(placed) for placed in codes} == {
        placed.key: otherwise(RESOLVER_ELSEWHERE, placed.key, "RFC 3493 6.1") for placed in codes
    }


def test_a_reason_of_openssl_names_the_header_that_defines_it() -> None:
    names = [placed for placed in rows.of("transport", "tls")() if re.fullmatch("(?!X509_V)[A-Z_]+", placed.key)]
    elsewhere = {"OpenSSL x509err.h": ["KEY_VALUES_MISMATCH"], "Python ssl": ["APPLICATION_DATA_AFTER_CLOSE_NOTIFY"]}

    assert {placed.key: first_source(placed) for placed in names} == {
        placed.key: otherwise(elsewhere, placed.key, "OpenSSL sslerr.h") for placed in names
    }


@each("placed", rows.of("nats", "api"), ids=rows.named)
def test_a_family_of_the_api_names_the_field_that_holds_it(placed: Entry) -> None:
    assert placed.row.source.startswith("errors.json, field code")


def test_an_advisory_names_the_file_that_defines_it() -> None:
    files = {"io.nats.server.": "server/events.go", "io.nats.jetstream.": "server/jetstream_events.go"}
    for placed in rows.of("nats", "advisory")():
        assert placed.row.source == next(file for prefix, file in files.items() if placed.key.startswith(prefix))
