"""slixmpp on a real Prosody: for each thing that goes wrong, what is told (once), what is decided, what the client does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import slixmpp
from slixmpp.exceptions import IqError, IqTimeout, PresenceError

import errnorm
from errnorm import RetryPolicy
from tests.adapters.xmpp.client.kit import desk, trusting

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers.certificates import Certificates
    from tests.servers.prosody import ProsodyServer

    Start = Callable[..., ProsodyServer]

WRONG = "wrong"
USERS = {"alice": "secret", "bob": "secret"}
ROOMS = 'Component "rooms.localhost" "muc"\nmuc_room_locking = false'
ROOM = slixmpp.JID("hall@rooms.localhost")


@pytest.fixture
def start(start_prosody: Callable[..., ProsodyServer]) -> Callable[..., ProsodyServer]:
    """Start a Prosody that knows Alice and Bob."""
    return lambda **options: start_prosody(users=USERS, **options)


async def test_a_wrong_password_is_told_once_whatever_number_of_mechanisms_refused_it(start: Start) -> None:
    async with desk(start().port, password=WRONG) as one:
        one.connect()
        await one.end()
        assert one.rows == [("connect", "sasl:not-authorized", "abort", "closed")]
        assert one.memory.faults[0].error.terminal


async def test_without_a_common_mechanism_it_is_told_that_there_is_none(start: Start) -> None:
    async with desk(start().port) as one:
        one.client.plugin["feature_mechanisms"].use_mech = "EXTERNAL"
        one.connect()
        await one.end()
        assert one.rows == [("connect", "sasl:no-common-mechanism", "abort", "closed")]


async def test_an_unknown_host_is_told_once(start: Start) -> None:
    async with desk(start().port, "alice@nowhere.example/desk") as one:
        one.connect()
        await one.end()
        assert one.rows == [("connect", "stream:host-unknown", "abort", "closed")]


async def test_a_stanza_before_the_login_comes_back_and_the_login_goes_on(start: Start) -> None:
    async with desk(start().port) as one:
        early = b"<message to='bob@localhost'><body>early</body></message>"
        loop = asyncio.get_running_loop()
        one.client.add_event_handler("connected", lambda _: loop.call_soon(lambda: one.client.transport.write(early)))  # type: ignore[union-attr]
        await one.start()
        await one.told()
        assert one.rows == [("message", "stanza:service-unavailable", "abort", "nothing")]


async def test_a_stanza_that_is_too_big_ends_the_session_and_is_no_matter_of_policy(start: Start) -> None:
    async with desk(start().port) as one:
        await one.start()
        one.client.send_message(slixmpp.JID("bob@localhost"), "x" * 400_000)
        await one.end()
        assert len(one.rows) == 1
        assert one.memory.reasons in (["limits.size"], ["transport.lost"])  # the reset may overtake the error


async def test_who_is_replaced_is_told_so_once_and_does_not_fight(start: Start) -> None:
    port = start().port
    async with desk(port, abort=True) as old, desk(port) as new:
        old.client.add_event_handler("disconnected", lambda _: old.connect())
        await old.start()
        await new.start()
        await old.end()
        assert old.rows == [("serve", "stream:conflict", "abort", "closed")]
        assert not new.rows
        assert not old.client.is_connecting()


async def test_a_resource_that_is_taken_is_told_although_slixmpp_starts_a_session_all_the_same(start: Start) -> None:
    port = start(settings='conflict_resolve = "kick_new"').port
    async with desk(port) as old, desk(port, abort=True) as new:
        await old.start()
        new.connect()
        await new.end()
        assert new.rows == [("connect", "stanza:conflict", "abort", "closed")]
        assert not old.rows
        assert not new.client.is_connected()


async def test_a_kick_by_an_administrator_is_told_once(start: Start) -> None:
    server = start()
    async with desk(server.port) as one:
        await one.start()
        await asyncio.to_thread(server.shell, 'c2s:close("alice@localhost", "away", "policy-violation")')
        await one.end()
        assert one.rows == [("serve", "stream:policy-violation", "abort", "closed")]


async def test_a_changed_password_resets_the_session_and_the_old_one_stops_the_client_at_once(start: Start) -> None:
    server = start()
    async with desk(server.port, abort=True, policy=RetryPolicy(base=0.01, spread=0.01)) as one:
        one.client.add_event_handler("disconnected", lambda _: one.connect())
        await one.start()
        await asyncio.to_thread(server.shell, 'user:password("alice@localhost", "other")')
        await one.told(2)
        assert one.rows == [
            ("serve", "stream:reset", "retry", "closed"),
            ("connect", "sasl:not-authorized", "abort", "closed"),
        ]
        assert one.starts <= 3  # the first, the one that was refused, and one that was called off
        assert not one.client.is_connected()
        assert not one.client.is_connecting()


async def test_a_removed_account_is_told_once(start: Start) -> None:
    server = start()
    async with desk(server.port) as one:
        await one.start()
        await asyncio.to_thread(server.shell, 'user:delete("alice@localhost")')
        await one.end()
        assert one.rows == [("serve", "stream:not-authorized", "abort", "closed")]


async def test_a_server_that_shuts_down_says_so_and_it_is_told_once(start: Start) -> None:
    server = start()
    async with desk(server.port) as one:
        await one.start()
        await asyncio.to_thread(server.stop)
        await one.end()
        # One time in ten Prosody has ended before its last words are on the wire.
        assert one.memory.reasons in (["shutdown.server"], ["transport.lost"])


async def test_a_server_that_dies_is_a_lost_connection(start: Start) -> None:
    server = start()
    async with desk(server.port) as one:
        await one.start()
        await asyncio.to_thread(server.kill)
        await one.end()
        assert one.memory.reasons == ["transport.lost"]
        assert one.rows[0][2:] == ("retry", "closed")


@pytest.mark.parametrize(
    ("settings", "nick", "row"),
    [
        ("", "alice", "stanza:conflict"),
        ("muc_room_default_members_only = true", "bob", "stanza:registration-required"),
    ],
    ids=["nickname", "members"],
)
async def test_a_room_refuses_each_thing_once_and_who_waits_to_join_is_told_where_it_waits(
    start: Start, settings: str, nick: str, row: str
) -> None:
    port = start(hosts=f"{ROOMS}\n{settings}").port
    async with desk(port) as alice, desk(port, "bob@localhost/desk") as bob:
        await alice.start()
        await bob.start()
        await alice.rooms().join_muc_wait(ROOM, "alice", timeout=5)
        bob.client.send_message(ROOM, "knock", mtype="groupchat")
        await bob.told()
        with pytest.raises(PresenceError) as caught:
            async with bob.errors.guard("xmpp", operation="join"):
                await bob.rooms().join_muc_wait(ROOM, nick, timeout=5)
        assert bob.rows == [
            ("message", "stanza:not-acceptable", "abort", "nothing"),
            ("join", row, "abort", None),
        ]
        assert errnorm.normalize(caught.value).code == row.removeprefix("stanza:")
        assert [fault.outcome for fault in bob.memory.faults] == ["background", "failed"]


@pytest.mark.parametrize(
    ("options", "row", "verdict"),
    [
        ({"settings": 'modules_disabled = { "s2s" }'}, "stanza:not-allowed", "abort"),
        ({"hosts": 'Component "missing.invalid"\ncomponent_secret = "x"'}, "stanza:remote-server-timeout", "abort"),
    ],
    ids=["no other servers", "not connected"],
)
async def test_a_message_for_a_server_that_is_not_there_comes_back(
    start: Start, options: dict[str, str], row: str, verdict: str
) -> None:
    async with desk(start(**options).port) as one:
        await one.start()
        one.client.send_message(slixmpp.JID("eve@missing.invalid"), "hello")
        await one.told()
        assert one.rows == [("message", row, verdict, "nothing")]


async def test_a_session_that_cannot_be_resumed_is_told_and_another_begins(start: Start) -> None:
    async with desk(start().port) as one:
        one.client.register_plugin("xep_0198")
        await one.start()
        await one.client.wait_until("sm_enabled", 5)
        one.client.abort()
        await one.end()
        one.client.plugin["xep_0198"].sm_id = "never given"
        await one.start()
        await one.told()
        assert one.rows == [("resume", "sm:item-not-found", "abort", "nothing")]
        assert one.client.is_connected()


async def test_a_session_that_this_side_ends_is_no_fault(start: Start) -> None:
    async with desk(start().port) as one:
        await one.start()
        one.client.disconnect()
        assert await one.end() is None
        assert not one.rows


async def test_a_refused_request_is_left_to_whoever_made_it(start: Start) -> None:
    async with desk(start().port) as one:
        await one.start()
        with pytest.raises(IqError):
            async with one.errors.guard("xmpp", operation="ask"):
                await one.client.make_iq_get("urn:example:weather", slixmpp.JID("localhost")).send()  # type: ignore[no-untyped-call]
        assert one.rows == [("ask", "stanza:service-unavailable", "abort", None)]


async def test_a_condition_slixmpp_does_not_know_reaches_the_caller_at_once(start: Start) -> None:
    async with desk(start(modules=["private"]).port) as one:
        await one.start()
        with pytest.raises(IqError) as caught:
            await one.client.make_iq_get("jabber:iq:private").send(timeout=5)  # type: ignore[no-untyped-call]
        assert errnorm.normalize(caught.value).code == "bad-format"


async def test_a_request_that_nobody_answers_is_a_time_out_and_not_one_of_a_server(start: Start) -> None:
    async with desk(start().port) as one:
        await one.start()
        request: Any = one.client.make_iq_result("nobody", slixmpp.JID("localhost"))
        request["type"] = "get"
        one.client.add_filter("out", lambda stanza: None if stanza["id"] == "nobody" else stanza)
        with pytest.raises(IqTimeout) as caught:
            await request.send(timeout=0.2)
        assert caught.value.condition == "remote-server-timeout"
        assert errnorm.normalize(caught.value).reason == "transport.timeout"


async def test_a_server_that_is_not_there_is_told_once_each_time_every_way_was_tried(reserved_port: int) -> None:
    async with desk(reserved_port, policy=RetryPolicy(attempts=2)) as one:
        one.client.enable_direct_tls = one.client.enable_starttls = True
        one.connect()
        await one.told()
        assert one.rows == [("connect", "os:ECONNREFUSED", "retry", "reconnecting")]
        assert one.memory.faults[0].outcome == "background"


async def test_a_server_that_is_away_is_waited_for_however_often_it_was_tried(reserved_port: int) -> None:
    async with desk(reserved_port, abort=True, policy=RetryPolicy(attempts=1)) as one:
        one.connect()
        await one.told()
        assert one.rows == [("connect", "os:ECONNREFUSED", "retry", "reconnecting")]
        assert one.client.is_connecting()
        assert one.attachment.health().alive


@pytest.mark.parametrize("direct", [False, True], ids=["STARTTLS", "direct TLS"])
async def test_an_untrusted_certificate_is_told_once_and_stops_the_client(
    start: Start, issued: Certificates, reserved_port: int, direct: bool
) -> None:
    server = start(tls=issued, settings=f"c2s_direct_tls_ports = {{ {reserved_port} }}")
    async with desk(reserved_port if direct else server.port, abort=True) as one:
        one.client.enable_plaintext = False
        one.client.enable_direct_tls, one.client.enable_starttls = direct, not direct
        one.client.ssl_context = trusting()
        one.connect()
        await one.end()
        assert one.memory.reasons == ["auth.untrusted"]
        assert one.rows[0][2:] == ("abort", "closed")
        assert not one.client.is_connecting()


async def test_one_way_to_connect_that_fails_before_another_succeeds_is_no_fault(start: Start, issued: Certificates) -> None:
    async with desk(start(tls=issued).port) as one:
        one.client.enable_direct_tls = one.client.enable_starttls = True
        one.client.ssl_context = trusting(str(issued.authority))
        await one.start()
        assert not one.rows


async def test_a_supervised_session_leaves_telling_to_whoever_decides(start: Start) -> None:
    server = start()
    async with desk(server.port, supervised=True) as one:
        await one.start()
        await asyncio.to_thread(server.shell, 'c2s:close("alice@localhost", "over", "system-shutdown")')
        ended = await one.end()
        assert not one.rows
        assert errnorm.normalize(ended).reason == "shutdown.server"


async def test_a_supervised_client_raises_what_it_cannot_connect_for_and_does_not_try_again(reserved_port: int) -> None:
    async with desk(reserved_port, supervised=True) as one:
        with pytest.raises(ConnectionRefusedError):
            await one.start()
        assert not one.client.is_connecting()
        assert not one.rows


async def test_after_it_is_detached_nothing_is_told_and_nothing_of_it_is_left(start: Start) -> None:
    server = start()
    async with desk(server.port) as one:
        await one.start()
        one.attachment.detach()
        one.attachment.detach()
        await asyncio.to_thread(server.stop)
        await asyncio.sleep(0.3)
        assert not one.rows
        assert "disconnect" not in vars(one.client)


async def test_handlers_of_the_application_are_called_as_ever(start: Start) -> None:
    called: list[str] = []
    async with desk(start().port, password=WRONG, abort=True) as one:
        for name in ("failed_auth", "failed_all_auth", "disconnected"):
            one.client.add_event_handler(name, lambda _, name=name: called.append(name))
        one.connect()
        await one.end()
    assert called[-2:] == ["failed_all_auth", "disconnected"]
    assert "failed_auth" in called


async def test_closing_the_attachment_closes_the_client(start: Start) -> None:
    async with desk(start().port) as one:
        await one.start()
        await one.attachment.close()
        assert not one.client.is_connected()
        assert not one.rows
