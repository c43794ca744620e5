"""Why rows that can reach a client were not provoked on the servers that are captured. What is not listed was not tried yet."""

from __future__ import annotations

import re

import pytest

from errnorm.plugins import protocols
from errnorm.tables.provenance import Reach
from tests.each import each
from tests.mappings import rows

_FAMILY = "The bare number, for descriptions that are not listed: no server sends it alone."
_NOBODY = "In the standard; nothing in Prosody 0.12 or ejabberd 23 sends it."
_NAMED = "Prosody 0.12 knows the name to read it from other servers; neither it nor ejabberd 23 sends it."
_INSIDE = "Sent when the server's own code or its store fails: that takes a broken server."
_BACKEND = "Needs a backend of authentication (LDAP, SQL, certificates) that says so."
# By protocol, section and key.
WHY: dict[tuple[str, str], dict[str, str]] = {
    ("nats", "error"): {"Failed Account Registration": _INSIDE},
    ("nats", "close"): {"Internal Client": "A client inside the server, which monitoring does not list."},
    ("nats", "status"): {
        **dict.fromkeys(("100", "400", "404", "408", "409", "412", "413", "423", "429", "500"), _FAMILY),
        "408 Interest Expired": "Only where the subject of the reply is imported from another account.",
        "408 No Interest": "Sent to a subject that nobody listens to, which is its cause.",
        "429 Too Many Requests": "Needs a stream that stores more slowly than a client can send.",
    },
    ("xmpp", "stanza"): {
        "internal-server-error": _INSIDE,
        "recipient-unavailable": "Needs a session that dies while it waits to be resumed, or an occupant who just leaves.",
        "redirect": _NOBODY,
        "undefined-condition": "Needs a component, or a stored vCard that cannot be read.",
        "payment-required": _NOBODY,
    },
    ("xmpp", "stream"): {
        **dict.fromkeys(("bad-format", "bad-namespace-prefix", "see-other-host", "unsupported-encoding"), _NAMED),
        **dict.fromkeys(("unsupported-feature", "remote-connection-failed"), _NAMED),
        "internal-server-error": _INSIDE,
        "restricted-xml": "Prosody 0.12 notices it, and closes with not-well-formed.",
    },
    ("xmpp", "sasl"): {
        **dict.fromkeys(("account-disabled", "credentials-expired", "invalid-authzid", "temporary-auth-failure"), _BACKEND),
        "mechanism-too-weak": _NOBODY,
        "bad-protocol": "Only a word of ejabberd's own decoder; the wire says malformed-request.",
        "continue": "Of SASL 2, which neither speaks in these versions.",
        "all-mechanisms-failed": "The client's word, when the last of its mechanisms has failed.",
        "no-common-mechanism": "The client's word, before it has tried any.",
    },
}
# Of sections in which many rows share their reason: which those are, by key, constant and source. The first that fits counts.
_CLASS = "A class of a client, known by its name: which of them the servers cause is captured, not each by itself."
_ELSEWHERE = "Needs another system, library or version than the capture has, or a certificate or resolver it does not make."
_OTHERS = "Of versions and programs that are not captured, as they stand in public reports."
_SEARCHED = "Nothing was found yet that makes the servers that are captured say so."
_OTHER_CLIENTS = "A text of a client in another language that no situation of tests/clients provokes: known from its source."
GROUPS: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {
    ("nats", "client"): ((r"", _CLASS),),
    ("nats", "advisory"): ((r"", _SEARCHED),),
    ("nats", "api"): ((r"", "The bare number, for replies without err_code: of servers before 2.7."),),
    ("nats", "jetstream"): (
        (r"up to 2\.", "Of versions before those that are captured, or between them."),
        (r"Cluster|Peer|Raft|Offline|Move|Reconfigure|Replica|jetstream_cluster", "Needs a cluster, or one that loses members."),
        (r"Failed|CreateErr|DeleteErr|UpdateErr|GeneralErr|Snapshot|Restore|LimitsErrF|Temp|StreamInvalid|Broken", _INSIDE),
        (r"", _SEARCHED),
    ),
    ("nats", "words"): ((r"", _INSIDE),),
    ("nats", "service"): ((r"", "A service chooses it: no server sends it by itself."),),
    ("transport", "http"): ((r"", "A proxy or a web server says it: none is among those that are captured."),),
    ("transport", "websocket"): ((r"", "The code in an exception of a client; servers are captured on the wire."),),
    ("xmpp", "sm"): ((r"", _SEARCHED),),
    ("xmpp", "bosh"): ((r"", _SEARCHED),),
    ("xmpp", "websocket"): ((r"", "Close codes of RFC 6455: the capture reads what a stream says, not the frame after it."),),
    ("xmpp", "compress"): ((r"", _SEARCHED),),
    ("xmpp", "app"): ((r"", _SEARCHED),),
    ("xmpp", "client"): ((r"", _CLASS),),
    ("xmpp", "xml"): ((r"", "This library's own refusal to read something; no peer says it."),),
    ("xmpp", "type"): ((r"", _NOBODY),),
    ("xmpp", "legacy"): ((r"", "The number beside a condition, or in its place: of servers before RFC 3920."),),
    **{
        ("nats", f"client_{name}"): ((r"", _OTHER_CLIENTS),)
        for name in ("go", "cli", "js", "java", "rust", "c", "dotnet", "ruby", "more")
    },
    **{
        ("xmpp", f"client_{name}"): ((r"", _OTHER_CLIENTS),)
        for name in ("java", "js", "go", "c", "apple", "dotnet", "perl", "php", "ruby")
    },
    ("nats", "said"): ((r"", "A sentence of an application: each writes its own."),),
    ("xmpp", "said"): ((r"", "A sentence of an application: each writes its own."),),
    ("xmpp", "spoken"): ((r"", _OTHER_CLIENTS),),
    ("nats", "older"): ((r"", _OTHERS),),
    ("transport", "runtime"): ((r"", "The words of other runtimes: what they call an error that another row has provoked."),),
    ("transport", "os"): ((r"", "Needs another system or a broken one: a network that is down, no memory, no buffers."),),
    ("transport", "tls"): ((r"", _ELSEWHERE),),
    ("transport", "dns"): ((r"", _ELSEWHERE),),
    ("transport", "python"): ((r"", _CLASS),),
}
_NOT_OURS = {Reach.NEVER, Reach.LOG, Reach.CONFIGURATION, Reach.INTERNAL, Reach.PEER_WIRE}


def unprovoked(protocol: str, section: str) -> set[str]:
    return {
        entry.key for entry in rows.of(protocol, section)() if entry.row.reach not in _NOT_OURS and not rows.is_provoked(entry)
    }


@each("place", WHY)
def test_no_reason_is_kept_for_what_was_provoked(place: tuple[str, str]) -> None:
    assert WHY[place].keys() <= unprovoked(*place)


@pytest.mark.parametrize("protocol", protocols())
def test_no_section_is_without_reasons(protocol: str) -> None:
    spoken_of = {section for known in (WHY, GROUPS) for name, section in known if name == protocol}
    assert {section for section in rows.table(protocol).sections if unprovoked(protocol, section)} <= spoken_of


@each("place", GROUPS)
def test_each_group_is_the_reason_of_some_row(place: tuple[str, str]) -> None:
    entries = [rows.table(place[0]).rows[place[1], key] for key in unprovoked(*place)]
    words = [f"{entry.key} {entry.row.constant} {entry.row.source}" for entry in entries]
    reasons = [next(why for pattern, why in GROUPS[place] if re.search(pattern, each)) for each in words]
    assert {why for _, why in GROUPS[place]} == set(reasons)
