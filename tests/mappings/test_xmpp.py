"""The table of XMPP is complete, against the standards and the installed client, and waits where the wire says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import slixmpp.exceptions
from slixmpp.features.feature_mechanisms.stanza.failure import Failure
from slixmpp.stanza import Error, StreamError

from errnorm.engine import Engine
from errnorm.error import Signal
from errnorm.taxonomy import Category, Recovery
from errnorm_adapters.tools import drift
from tests.each import each
from tests.mappings import rows

SEED = json.loads((Path(__file__).parent.parent / "data" / "xmpp_seed.json").read_text("utf-8"))

# RFC 6120 8.3.3: the type a condition should come with, the first one where the RFC names two.
DEFAULT_TYPES = {
    "bad-request": "modify",
    "conflict": "cancel",
    "feature-not-implemented": "cancel",
    "forbidden": "auth",
    "gone": "cancel",
    "internal-server-error": "cancel",
    "item-not-found": "cancel",
    "jid-malformed": "modify",
    "not-acceptable": "modify",
    "not-allowed": "cancel",
    "not-authorized": "auth",
    "policy-violation": "modify",
    "recipient-unavailable": "wait",
    "redirect": "modify",
    "registration-required": "auth",
    "remote-server-not-found": "cancel",
    "remote-server-timeout": "wait",
    "resource-constraint": "wait",
    "service-unavailable": "cancel",
    "subscription-required": "auth",
    "unexpected-request": "wait",
}
# Classes in the sources of nats-core that its newest release, which Python 3.13 installs, does not have yet.
NEXT_RELEASE = {"nats.client.errors.MaxPayloadError", "nats.client.errors.SecureConnectionRequiredError"}
# What is left of a wait that the wire takes away.
INSTEAD_OF_WAIT = {
    "auth": Recovery.REAUTHENTICATE,
    "cancel": Recovery.ABANDON,
    "continue": Recovery.NONE,
    "modify": Recovery.MODIFY,
}
# XEP-0086: the type of each numeric code.
LEGACY_TYPES = {
    "302": "modify", "400": "modify", "401": "auth", "402": "auth", "403": "auth", "404": "cancel", "405": "cancel",
    "406": "modify", "407": "auth", "408": "wait", "409": "cancel", "500": "wait", "501": "cancel", "502": "wait",
    "503": "cancel", "504": "wait", "510": "cancel",
}  # fmt: skip

REST = {
    "sasl": """aborted account-disabled credentials-expired encryption-required incorrect-encoding invalid-authzid
        invalid-mechanism malformed-request mechanism-too-weak not-authorized temporary-auth-failure bad-protocol continue""",
    "starttls": "failure",
    "compress": "setup-failed processing-failed unsupported-method",
    "stanza": "payment-required bad-format",
    "stream": "xml-not-well-formed invalid-id",
    "sm": """unexpected-request item-not-found feature-not-implemented internal-server-error service-unavailable
        resource-constraint not-authorized bad-request""",
    "bosh": """bad-request host-gone host-unknown improper-addressing internal-server-error item-not-found other-request
        policy-violation remote-connection-failed remote-stream-error see-other-uri system-shutdown undefined-condition
        error terminate""",
    "websocket": "close see-other-uri",
}
PUBSUB = """closed-node configuration-required invalid-jid invalid-options invalid-payload invalid-subid item-forbidden
    item-required jid-required max-items-exceeded max-nodes-exceeded node-full nodeid-required not-in-roster-group
    not-subscribed payload-required payload-too-big pending-subscription precondition-not-met presence-subscription-required
    subid-required too-many-subscriptions unsupported unsupported-access-model"""
APPLICATIONS = {
    "http://jabber.org/protocol/pubsub#errors": PUBSUB,
    "urn:xmpp:errors": "resource-limit-exceeded stanza-too-big too-many-stanzas",
    "urn:xmpp:blocking:errors": "blocked",
    "urn:xmpp:http:upload:0": "file-too-large retry",
    "http://jabber.org/protocol/commands": "malformed-action bad-action bad-locale bad-payload bad-sessionid session-expired",
    "urn:xmpp:jingle:errors:1": "out-of-order tie-break unknown-session unsupported-info security-required",
    "http://jabber.org/protocol/amp#errors": "failed-rules",
    "xmpp:prosody.im/protocol/component": "not-connected",
    "urn:xmpp:sm:3": "handled-count-too-high",
}


def judged(condition: str | None, *family: tuple[str, str]) -> tuple[Category, Recovery, bool]:
    error = Engine(rows.table("xmpp")).judge(Signal("xmpp", "stanza", condition, family=(*family,)))
    return error.category, error.recovery, error.terminal


def by_type(condition: str | None, kind: str) -> tuple[Category, Recovery, bool]:
    return judged(condition, ("stanza", "undefined-condition"), ("type", kind))


@each("row", SEED)
def test_every_seed_row_has_a_row_in_its_section(row: dict[str, str]) -> None:
    placed = rows.table("xmpp").get(row["section"], row["condition"])
    assert placed is not None
    assert placed.code == row["condition"]


@each("row", SEED)
def test_the_name_of_a_seed_row_finds_it_without_a_section(row: dict[str, str]) -> None:
    found = rows.table("xmpp").find(None, row["seed"])
    assert found is not None
    assert (found[0].section, found[0].code) == (row["section"], row["condition"])


def test_the_seed_is_whole() -> None:
    assert len(SEED) == 47


@each(("section", "code"), [(section, code) for section, codes in REST.items() for code in codes.split()])
def test_what_the_standards_name_besides_has_a_row(section: str, code: str) -> None:
    assert rows.table("xmpp").get(section, code) is not None


@each(("namespace", "name"), [(space, name) for space, names in APPLICATIONS.items() for name in names.split()])
def test_every_application_condition_is_found_by_namespace_and_name(namespace: str, name: str) -> None:
    placed = rows.table("xmpp").get("app", f"{namespace} {name}")
    assert placed is not None
    assert placed.code == name


@each("condition", sorted(Error.conditions | slixmpp.exceptions._DEFAULT_ERROR_TYPES.keys()))
def test_every_stanza_condition_of_slixmpp_has_a_row(condition: str) -> None:
    assert rows.table("xmpp").get("stanza", condition) is not None


@each("condition", sorted(StreamError.conditions))
def test_every_stream_condition_of_slixmpp_has_a_row(condition: str) -> None:
    assert rows.table("xmpp").get("stream", condition) is not None


@each("condition", sorted(Failure.conditions))
def test_every_login_failure_of_slixmpp_has_a_row(condition: str) -> None:
    assert rows.table("xmpp").get("sasl", condition) is not None


def test_the_installed_clients_hold_nothing_that_has_no_row() -> None:
    (found,) = drift.read(Path(slixmpp.exceptions.__file__).parents[1])
    assert [one for one in found.findings if one.name not in NEXT_RELEASE] == []


def test_no_stanza_error_ends_the_stream_and_every_stream_error_does() -> None:
    ends = {section: {row.row.terminal for row in rows.of("xmpp", section)()} for section in ("stanza", "stream")}
    assert ends == {"stanza": {False}, "stream": {True}}


def test_one_failed_login_does_not_end_the_stream_and_the_last_one_does() -> None:
    final = {row.key for row in rows.of("xmpp", "sasl")() if row.row.terminal}
    assert final == {"all-mechanisms-failed", "no-common-mechanism"}


@each("condition", DEFAULT_TYPES)
def test_the_type_wait_makes_every_condition_wait(condition: str) -> None:
    category, recovery, terminal = by_type(condition, "wait")
    assert (recovery, terminal) == (Recovery.WAIT, False)
    assert category is judged(condition)[0]


@each(("condition", "kind"), [(condition, kind) for condition in DEFAULT_TYPES for kind in INSTEAD_OF_WAIT])
def test_any_other_type_takes_a_wait_away_and_leaves_the_rest(condition: str, kind: str) -> None:
    category, recovery, _ = judged(condition)
    expected = INSTEAD_OF_WAIT[kind] if recovery is Recovery.WAIT else recovery
    assert by_type(condition, kind) == (category, expected, False)


@each(("condition", "default"), DEFAULT_TYPES.items())
def test_without_a_type_a_condition_waits_where_the_standard_says_so(condition: str, default: str) -> None:
    assert (judged(condition)[1] is Recovery.WAIT) is (default == "wait")


@pytest.mark.parametrize("condition", ["undefined-condition", "made-up-by-somebody"])
@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("auth", (Category.AUTH, Recovery.REAUTHENTICATE, False)),
        ("cancel", (Category.PROTOCOL, Recovery.ABANDON, False)),
        ("continue", (Category.PROTOCOL, Recovery.NONE, False)),
        ("modify", (Category.PROTOCOL, Recovery.MODIFY, False)),
        ("wait", (Category.PROTOCOL, Recovery.WAIT, False)),
    ],
)
def test_the_type_means_all_there_is_where_the_condition_means_nothing(
    condition: str, kind: str, expected: tuple[Category, Recovery, bool]
) -> None:
    assert by_type(condition, kind) == expected


@each(("code", "kind"), LEGACY_TYPES.items())
def test_a_numeric_code_waits_where_its_type_does(code: str, kind: str) -> None:
    assert (judged(None, ("legacy", code), ("stanza", "undefined-condition"))[1] is Recovery.WAIT) is (kind == "wait")


def test_a_stream_error_is_another_error_than_the_stanza_error_of_the_same_name() -> None:
    stream, stanza = rows.table("xmpp").get("stream", "conflict"), rows.table("xmpp").get("stanza", "conflict")
    assert stream is not None
    assert stanza is not None
    assert (stream.row.reason, stanza.row.reason) == ("shutdown.replaced", "protocol.conflict")


@pytest.mark.parametrize(
    ("application", "reason", "recovery"),
    [
        ("urn:xmpp:errors stanza-too-big", "limits.size", Recovery.MODIFY),
        ("urn:xmpp:errors too-many-stanzas", "limits.rate", Recovery.RECONNECT),
        ("urn:nobody stanza-too-big", "limits.policy", Recovery.ABANDON),
    ],
)
def test_a_violated_policy_of_a_stream_is_refined_by_its_application_condition(
    application: str, reason: str, recovery: Recovery
) -> None:
    error = Engine(rows.table("xmpp")).judge(Signal("xmpp", "stream", "policy-violation", details=(("app", application),)))
    assert (error.reason, error.recovery, error.terminal) == (reason, recovery, True)


@pytest.mark.parametrize("section", ["stream", "starttls"])
def test_the_name_of_the_level_in_front_of_a_condition_finds_it(section: str) -> None:
    held = rows.of("xmpp", section)()
    assert [row.key for row in held if rows.table("xmpp").get(section, f"{section}-{row.key}") is not row] == []


def test_an_application_condition_is_also_called_by_its_name_alone() -> None:
    for row in rows.of("xmpp", "app")():
        assert rows.table("xmpp").get("app", row.code) is not None
