"""What may leave, and in which letters."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from errnorm.privacy import DEFAULT_RULES, Privacy, Rule, peer_name
from errnorm.tables.kind import KINDS
from errnorm.taxonomy import Reason
from tests.work import work

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.error import NormalizedError

LOGIN = "Wrong password of juliet, juliet@capulet.lit at 10.1.2.3:4222: my password is hunter2"


def test_every_kind_there_is_has_a_rule() -> None:
    assert set(DEFAULT_RULES) == set(KINDS)


@pytest.mark.parametrize("kind", ["account", "address", "id", "jid", "text", "user"])
def test_what_is_about_a_person_does_not_leave_by_default(kind: str) -> None:
    assert Privacy().value(kind, "juliet") is None


@pytest.mark.parametrize("kind", ["host", "name", "queue", "subject", "version"])
def test_what_is_about_the_service_leaves_by_default(kind: str) -> None:
    assert Privacy().value(kind, "orders.new") == "orders.new"


@pytest.mark.parametrize("value", ["10.1.2.3", "10.1.2.3:4222", "::1", "[fe80::1]:4222", "fe80::1%eth0", "::ffff:10.1.2.3"])
@pytest.mark.parametrize("kind", ["host", "name"])
def test_an_address_is_one_also_where_a_host_is_expected(kind: str, value: str) -> None:
    assert Privacy().value(kind, value) == "<address>"
    assert str(Privacy(key="k").value(kind, value)).startswith("address:")
    assert Privacy(keep=["address"]).value(kind, value) == value


def test_a_jid_is_one_also_where_a_host_is_expected() -> None:
    assert Privacy().value("host", "juliet@capulet.lit/balcony") == "<jid>"
    assert str(Privacy(key="k").value("host", "juliet@capulet.lit")).startswith("jid:")


def test_a_long_peer_costs_no_more_than_others() -> None:
    peer_name("the patterns are compiled when they are first used, those for what is cut too " * 100)
    for piece in ("a", "a://", "@", "a,", "a@", "://"):
        long, longer = (work(partial(peer_name, piece * count)) for count in (10_000, 100_000))
        assert long == longer


def test_a_kind_nobody_has_heard_of_does_not_leave() -> None:
    assert Privacy(key="k").value("iban", "DE12") is None


def test_a_hash_is_stable_keyed_and_says_its_kind() -> None:
    one, same, other = Privacy(key="a"), Privacy(key="a"), Privacy(key="b")
    hashed = one.value("jid", "juliet@capulet.lit")
    assert hashed == same.value("jid", "juliet@capulet.lit")
    assert hashed != other.value("jid", "juliet@capulet.lit")
    assert hashed != one.value("jid", "romeo@montague.lit")
    assert str(hashed).startswith("jid:")
    assert len(str(hashed)) == len("jid:") + 16


def test_the_same_value_in_two_kinds_has_two_hashes() -> None:
    privacy = Privacy(key="a")
    assert str(privacy.value("user", "x"))[5:] != str(privacy.value("account", "x"))[8:]


def test_a_key_may_be_longer_than_the_hash_takes() -> None:
    assert Privacy(key="k" * 500).value("user", "x") != Privacy(key="k" * 501).value("user", "x")


def test_numbers_of_a_private_kind_are_private_too() -> None:
    assert Privacy().value("id", 4711) is None
    assert str(Privacy(key="k").value("id", 4711)).startswith("id:")
    assert Privacy().value("number", 4711) == 4711


def test_rules_can_be_changed_and_to_drop_stands_above() -> None:
    privacy = Privacy(keep=["jid", "subject"], hashed=["host"], drop=["subject"], key="k")
    assert [privacy.rule(kind) for kind in ("jid", "host", "subject")] == [Rule.KEEP, Rule.HASH, Rule.DROP]


def test_the_text_of_a_known_error_is_its_row_with_what_may_be_told(judge: Callable[..., NormalizedError]) -> None:
    assert Privacy().text(judge(LOGIN)) == "Wrong password of <user>, <jid> at <address>: <text>"
    assert Privacy().text(judge('No Publish to "orders.new"')) == 'No Publish to "orders.new"'
    assert Privacy(keep=["user"]).text(judge(LOGIN)).startswith("Wrong password of juliet, <jid>")


def test_the_text_of_a_code_is_the_one_upstream_gives_it(judge: Callable[..., NormalizedError]) -> None:
    assert Privacy().text(judge("10052", "stream SECRET is full", params={"name": "ORDERS"})) == "stream ORDERS is full"
    assert Privacy().text(judge("10052")) == "stream <name> is full"


def test_a_bare_word_is_told_with_its_meaning(judge: Callable[..., NormalizedError]) -> None:
    assert Privacy().text(judge("Stale")) == "Stale: The connection is open but dead: pings went unanswered."


def test_an_unknown_text_is_never_told_as_it_came(judge: Callable[..., NormalizedError]) -> None:
    text = Privacy().text(judge("who is juliet@capulet.lit at 10.1.2.3, token=abcdef, password: rosebud"))
    assert not [word for word in ("juliet", "10.1.2.3", "abcdef", "rosebud") if word in text]


def test_an_unknown_error_without_a_text_is_still_said_to_be_one(judge: Callable[..., NormalizedError]) -> None:
    assert Privacy().text(judge("\n")) == Reason.UNKNOWN.about


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ("nats://bob:s3cret@broker.example:4222", "nats://broker.example:4222"),
        ("nats://token@a:1,nats://b:p@c:2", "nats://a:1,nats://c:2"),
        ("tls://u:p/w@x@broker", "tls://broker"),
        ("bob:s3cret@broker", "broker"),
        ("nats://bob:s3 cret@broker", "nats://broker"),
        ("nats://bob:s3,cret@broker", "nats://broker"),
        ("nats://bob:s3?cr#et@broker", "nats://broker"),
        ("wss://broker/xmpp?token=s3cret#s3cret", "wss://broker/xmpp"),
        ("broker-1", "broker-1"),
        ("a\nb", "a\\x0ab"),
    ],
)
def test_a_peer_is_told_without_its_credentials(named: str, told: str) -> None:
    assert peer_name(named) == told


def test_rows_are_remembered_up_to_a_bound_and_told_beyond_it(
    judge: Callable[..., NormalizedError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("errnorm.privacy._MOST_ROWS", 0)
    privacy = Privacy()
    assert [privacy.text(judge('No Publish to "a"')) for _ in range(2)] == ['No Publish to "a"'] * 2


@pytest.mark.parametrize(
    ("subject", "told"),
    [
        ("users.alice@corp.com", "users.<jid>"),
        ("host.10.1.2.3.cpu", "host.<address>.cpu"),
        ("orders.new.v1", "orders.new.v1"),
    ],
)
@pytest.mark.parametrize("kind", ["subject", "queue"])
def test_an_address_inside_a_subject_does_not_leave(kind: str, subject: str, told: str) -> None:
    assert Privacy().value(kind, subject) == told
    assert Privacy(keep=["jid", "address"]).value(kind, subject) == subject


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        ("host.10.1.2.3.x", "host.<address>.x"),
        ("host.ip-10-1-2-3.x", "host.ip-<address>.x"),
        ("host.10_1_2_3.x", "host.<address>.x"),
        ("host.fe80::1234:77.x", "host.<address>.x"),
        ("host.::1", "host.<address>"),
        ("user.juliet@capulet.lit", "user.<jid>"),
        ("user.juliet%40capulet.lit", "user.<jid>"),
        ("orders.2026-11-30.a-b-c-d", "orders.2026-11-30.a-b-c-d"),
        ("cache::key", "cache::key"),
        ("v1.2.3", "v1.2.3"),
    ],
)
def test_an_address_that_is_written_for_a_subject_does_not_leave(subject: str, shown: str) -> None:
    assert Privacy().value("subject", subject) == shown
