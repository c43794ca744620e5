"""The rows of NATS: complete against the server's list and the installed client, reachable, and as the rulings say."""

from __future__ import annotations

import importlib
import inspect
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from errnorm.engine import Engine
from errnorm.error import NormalizedError, Signal
from errnorm.taxonomy import Category, Reason, Recovery
from tests.each import each
from tests.mappings import rows

if TYPE_CHECKING:
    from errnorm.tables.row import Entry

SEED: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "data" / "nats_seed.json").read_text("utf-8"))
ERRORS = [row for row in SEED if row["kind"] == "error"]
CLOSES = [row for row in SEED if row["kind"] == "close"]
OF_ITS_OWN = ("error", "close", "status", "log", "client", "advisory")

CLIENT_MODULES = [
    "nats.aio.errors",
    "nats.client.errors",
    "nats.client.protocol.message",
    "nats.errors",
    "nats.jetstream.errors",
    "nats.js.errors",
    "nats.key_value.errors",
    "nats.micro.request",
    "nats.protocol.parser",
    "natsio.errors",
    "natsio.jetstream.context",
    "natsio.jetstream.errors",
    "natsio.jetstream.message",
    "natsio.kv.errors",
    "natsio.micro.errors",
    "natsio.objectstore.errors",
    "natsrpy.exceptions",
]
STATUSES = [
    "100 FlowControl Request",
    "100 Idle Heartbeat",
    "204",
    "204 EOB",
    "400 Bad Request - Priority Group missing",
    "404 Message Not Found",
    "404 No Messages",
    "404 No Results",
    "408 Bad Request",
    "408 Empty Request",
    "408 Interest Expired",
    "408 Malformed Request",
    "408 No Flow Response",
    "408 No Interest",
    "408 Request Timeout",
    "408 Requests Pending",
    "409 Batch Completed",
    "409 Consumer Deleted",
    "409 Consumer is push based",
    "409 Exceeded MaxRequestBatch of 5",
    "409 Exceeded MaxRequestExpires of 1m0s",
    "409 Exceeded MaxRequestMaxBytes of 1024",
    "409 Exceeded MaxWaiting",
    "409 Leadership Change",
    "409 Message Size Exceeds MaxBytes",
    "409 Server Shutdown",
    "412 Required Api Level",
    "413 Too Many Results",
    "423 Nats-Pin-Id mismatch",
    "423 Nats-Wrong-Pin-Id",
    "429 Too Many Requests",
    "500",
    "503",
]
# Server texts with their places filled, which the seed list has only as a beginning or not at all.
FILLED = {
    'Permissions Violation for Publish to "a.b"': "auth.forbidden",
    'Permissions Violation for Publish with Reply of "_R_.x"': "auth.forbidden",
    'Permissions Violation for Subscription to "a.b"': "auth.forbidden",
    'Permissions Violation for Subscription to "a.b" using queue "q"': "auth.forbidden",
    'Permissions Violation for Subscription to "a.b" (sid "7")': "auth.forbidden",
    'Permissions Violation for Subscription to "a.b" using queue "q" (sid "7")': "auth.forbidden",
    'Permissions Violation for Subscription to "a.b", too many tokens': "limits.size",
    "Unknown Protocol Operation": "protocol.malformed",
    "Stale Leaf Node Connection - Closing": "transport.stale",
    'Loop detected for leafnode account="A". Delaying attempt to reconnect for 30s': "protocol.configuration",
    "Duplicate Remote LeafNode Connection": "protocol.conflict",
    'Rejecting connection from gateway "G" on the leafnode port': "protocol.misaddressed",
    'Rejecting connection from gateway "G" on the Route port': "protocol.misaddressed",
    'Rejecting connection, cluster name "x" does not match "y"': "protocol.configuration",
    'Connection to gateway "G" rejected': "protocol.configuration",
    'Attempt to connect to gateway "G" using wrong port': "protocol.misaddressed",
    'Connection from "A" rejected, wanted to connect to "B", this is "C"': "protocol.misaddressed",
    "Account absent from receive-all-subscriptions-start command": "protocol.malformed",
    'Unable to lookup account "A": account missing': "protocol.configuration",
    'No route for account "A"': "protocol.configuration",
    'Not possible to have a dedicated route for account "A" between those servers': "protocol.configuration",
    "Route pool index should not be set but is set to 2": "protocol.configuration",
    "Invalid route pool index: 3 - pool size is 3": "protocol.configuration",
    'unsupported route compression mode "x"': "protocol.unsupported",
    'connection rejected since minimum version required is "2.9.0"': "protocol.unsupported",
    "invalid mapping destination: unknown function in {{foo(1)}}": "protocol.configuration",
    "invalid mapping destination: wildcard index out of range in {{wildcard(3)}}: [3]": "protocol.configuration",
}


@cache
def engine() -> Engine:
    return Engine(rows.table("nats"))


def judged(section: str, code: str) -> NormalizedError:
    return engine().judge(Signal("nats", section, code))


def spellings(rows: list[dict[str, Any]]) -> list[tuple[dict[str, Any], str]]:
    return [(row, spelling) for row in rows for spelling in dict.fromkeys([row["id"], *row["texts"]])]


def exceptions(module: str) -> list[str]:
    try:
        loaded = importlib.import_module(module)
    except ImportError:
        return []
    raised = [kind for _, kind in inspect.getmembers(loaded, inspect.isclass) if issubclass(kind, BaseException)]
    return [f"{kind.__module__}.{kind.__qualname__}" for kind in raised if kind.__module__ == module]


def test_the_seed_list_is_whole() -> None:
    assert (len(ERRORS), len(CLOSES)) == (92, 37)


@each(("row", "spelling"), spellings(ERRORS))
def test_every_named_error_has_a_row_by_text_and_by_constant(row: dict[str, Any], spelling: str) -> None:
    error = judged("error", spelling)

    assert (error.category, error.terminal, error.retryable) == (row["category"], row["terminal"], row["retryable"])


@each(("row", "spelling"), spellings(CLOSES))
def test_every_close_reason_has_a_row_by_text_and_by_constant(row: dict[str, Any], spelling: str) -> None:
    error = judged("close", spelling)

    assert error.code == row["id"]
    assert (error.category, error.terminal, error.retryable) == (row["category"], row["terminal"], row["retryable"])


@each("row", SEED)
def test_all_spellings_of_an_error_find_one_row(row: dict[str, Any]) -> None:
    found = {judged(row["kind"], spelling).row for spelling in (row["id"], *row["texts"])}

    assert len(found) == 1


@each(("text", "reason"), FILLED.items())
def test_every_text_with_places_finds_its_row_in_any_case(text: str, reason: str) -> None:
    assert judged("error", text).reason == reason
    assert judged("error", text.lower()).row is judged("error", text).row


@each("status", STATUSES)
def test_every_status_has_a_row_and_its_number_is_a_family(status: str) -> None:
    assert judged("status", status).known
    assert judged("status", status[:3]).known


@pytest.mark.parametrize("module", CLIENT_MODULES)
def test_every_exception_of_an_installed_client_has_a_row(module: str) -> None:
    if not (found := exceptions(module)):
        pytest.skip(f"{module} is not installed: its client needs Python 3.13, or has not published it yet")
    missing = [name for name in found if rows.table("nats").get("client", name) is None]

    assert not missing


def test_the_installed_client_was_looked_at() -> None:
    assert len(exceptions("nats.errors")) > 20


@each("placed", rows.of("nats", "close"), ids=rows.named)
def test_every_close_reason_is_terminal_and_goes_by_its_name_in_go(placed: Entry) -> None:
    assert placed.row.terminal
    assert placed.code == placed.row.constant


@each("placed", rows.of("nats", "status", "advisory"), ids=rows.named)
def test_no_status_and_no_advisory_but_a_refused_certificate_ends_the_connection(placed: Entry) -> None:
    assert placed.row.terminal == placed.key.startswith("io.nats.server.advisory.v1.ocsp_peer")


@each("placed", lambda: [row for row in rows.of("nats")() if row.row.reason is Reason.PROTOCOL_NOTICE], ids=rows.named)
def test_a_notice_asks_for_nothing(placed: Entry) -> None:
    assert (placed.row.recovery, placed.row.terminal) == (Recovery.NONE, False)


@pytest.mark.parametrize(
    "words",
    [
        "Authentication Timeout",
        "Stale Connection",
        "Duplicate Remote LeafNode Connection",
        "Duplicate Route",
        "Maximum Connections Exceeded",
        "Maximum Control Line Exceeded",
        "Authentication Expired",
        "Protocol Violation",
        "Wrong Gateway",
        "Minimum Version Required",
        "Duplicate Server Name",
    ],
)
def test_an_error_and_a_close_reason_of_the_same_words_agree(words: str) -> None:
    error, close = judged("error", words), judged("close", words)

    assert (error.reason, error.recovery, error.terminal) == (close.reason, close.recovery, close.terminal)


def test_too_many_subscriptions_end_the_connection_only_as_a_close_reason() -> None:
    assert not judged("error", "maximum subscriptions exceeded").terminal
    assert judged("close", "Maximum Subscriptions Exceeded").terminal


@pytest.mark.parametrize(
    ("text", "section"),
    [("maximum subscriptions exceeded", "error"), ("Maximum Subscriptions Exceeded", "close"), ("Stale Connection", "error")],
)
def test_words_alone_go_to_the_section_that_spells_them_so(text: str, section: str) -> None:
    assert engine().judge(Signal("nats", None, text)).section == section


@pytest.mark.parametrize(
    ("section", "code", "reason", "recovery"),
    [
        ("error", "Authorization Violation", "auth.rejected", "reauthenticate"),
        ("error", "User Authentication Expired", "auth.expired", "reauthenticate"),
        ("error", "User Authentication Revoked", "auth.revoked", "reauthenticate"),
        ("error", "Authentication Timeout", "auth.timeout", "reconnect"),
        ("error", "Maximum Payload Violation", "limits.size", "modify"),
        ("error", "maximum control line exceeded", "limits.size", "modify"),
        ("error", "maximum connections exceeded", "limits.connections", "reconnect"),
        ("error", "Connection throttling is active. Please try again later.", "limits.connections", "reconnect"),
        ("error", "maximum subscriptions exceeded", "limits.subscriptions", "modify"),
        ("status", "503", "transport.unavailable", "wait"),
        ("status", "500", "transport.internal", "abandon"),
        ("client", "nats.errors.NoRespondersError", "transport.unavailable", "wait"),
    ],
)
def test_contested_rows_follow_the_rulings(section: str, code: str, reason: str, recovery: str) -> None:
    error = judged(section, code)

    assert (error.reason, error.recovery) == (reason, recovery)


def test_every_category_is_used() -> None:
    used = {placed.row.reason.category for placed in rows.of("nats", *OF_ITS_OWN)()}
    assert used == set(Category) - {Category.UNKNOWN}
