"""slixmpp against a server that follows a script: what real servers do too rarely to wait for."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import pytest
from slixmpp.exceptions import IqError
from slixmpp.util.sasl import SASLMutualAuthFailed

import errnorm
from errnorm import RetryPolicy
from errnorm.error import Signal
from errnorm_adapters.xmpp import SessionError
from tests.adapters.xmpp.client.kit import HEADER, LOGIN, MECHANISMS, PATIENCE, QUIET, desk, scripted

SASL = "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"
STANZAS = "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'"
STREAMS = "xmlns='urn:ietf:params:xml:ns:xmpp-streams'"
TLS = "xmlns='urn:ietf:params:xml:ns:xmpp-tls'"
CLOSE = "</stream:stream>"
MANAGED = (
    "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>"  # XEP-0198
)
PLAIN_AND_SCRAM = MECHANISMS.replace("<mechanism>", "<mechanism>SCRAM-SHA-1</mechanism><mechanism>", 1)
MOVED = f"<stream:error><see-other-host {STREAMS}>127.0.0.2:9</see-other-host></stream:error>{CLOSE}"


def failing(condition: str) -> tuple[str, str]:
    return ("<auth", f"<failure {SASL}><{condition}/></failure>")


@pytest.mark.parametrize(
    ("condition", "reason", "verdict"),
    [
        ("not-authorized", "auth.rejected", "abort"),
        ("account-disabled", "auth.account", "abort"),
        ("credentials-expired", "auth.expired", "abort"),
        ("temporary-auth-failure", "transport.internal", "retry"),
        ("mechanism-too-weak", "auth.mechanism", "abort"),
        ("encryption-required", "auth.mechanism", "abort"),
        ("invalid-authzid", "auth.rejected", "abort"),
        ("malformed-request", "protocol.malformed", "abort"),
        ("never-heard-of", "auth.rejected", "abort"),
    ],
)
async def test_each_failure_of_a_login_is_told_once_as_what_it_is_and_as_the_end(
    condition: str, reason: str, verdict: str
) -> None:
    script = (("<stream:stream", HEADER + MECHANISMS), failing(condition), ("</stream:stream", CLOSE))
    async with scripted(*script) as port, desk(port) as one:
        one.connect()
        await one.end()
        assert one.memory.reasons == [reason]
        assert one.rows[0][2:] == (verdict, "closed")
        assert one.memory.faults[0].error.terminal


async def test_a_mechanism_that_fails_before_another_succeeds_is_told_as_survived() -> None:
    script = (("<stream:stream", HEADER + PLAIN_AND_SCRAM), failing("mechanism-too-weak"), *LOGIN[1:])
    async with scripted(*script) as port, desk(port) as one:
        one.client.plugin["feature_mechanisms"].unencrypted_scram = True
        await one.start()
        await one.told()
        assert one.rows == [("login", "sasl:mechanism-too-weak", "abort", "nothing")]
        assert one.memory.faults[0].outcome == "background"


async def test_starttls_that_is_refused_is_told_and_not_merely_the_end_of_the_stream() -> None:
    offer = f"{HEADER}<stream:features><starttls {TLS}><required/></starttls></stream:features>"
    async with scripted(("<stream:stream", offer), ("<starttls", f"<failure {TLS}/>{CLOSE}")) as port, desk(port) as one:
        one.client.enable_starttls = True
        one.connect()
        await one.end()
        assert one.rows == [("connect", "starttls:failure", "abort", "closed")]


async def test_what_is_no_xml_is_told_once_although_slixmpp_tells_nobody() -> None:
    async with scripted(*LOGIN, ("", "<message><body></message>")) as port, desk(port) as one:
        await one.start()
        await one.end()
        assert one.rows == [("serve", "xml:not-well-formed", "abort", "closed")]
        assert one.memory.faults[0].error.terminal


@pytest.mark.parametrize("last", [CLOSE, ""], ids=["closed", "cut"])
async def test_a_stream_that_ends_without_a_word_is_lost(last: str) -> None:
    async with scripted(*LOGIN, ("", last), close=True) as port, desk(port) as one:
        await one.start()
        await one.end()
        assert one.memory.reasons == ["transport.lost"]
        assert one.rows[0][2:] == ("retry", "closed")


@pytest.mark.parametrize("condition", ["unexpected-request", "internal-server-error", "feature-not-implemented"])
async def test_stream_management_that_is_refused_is_told_as_that_and_the_session_goes_on(condition: str) -> None:
    refused = f"<failed xmlns='urn:xmpp:sm:3'><{condition} {STANZAS}/></failed>"
    script = (*LOGIN[:2], ("<stream:stream", HEADER + MANAGED), LOGIN[3], ("<enable", refused))
    async with scripted(*script) as port, desk(port, abort=True) as one:
        one.client.register_plugin("xep_0198")
        await one.start()
        await one.told()
        assert [(row[0], row[1], row[3]) for row in one.rows] == [("enable", f"sm:{condition}", "nothing")]
        assert not one.memory.faults[0].error.terminal
        assert one.attachment.health().up
        assert one.client.is_connected()


@pytest.mark.parametrize(
    ("condition", "verdict", "abort"),
    [
        ("conflict", "abort", True),
        ("conflict", "abort", False),
        ("system-shutdown", "retry", True),
        ("policy-violation", "abort", False),
    ],
)
async def test_a_stream_error_ends_the_session_also_where_the_server_does_not_close(
    condition: str, verdict: str, *, abort: bool
) -> None:
    async with (
        scripted(*LOGIN, ("", f"<stream:error><{condition} {STREAMS}/></stream:error>")) as port,
        desk(port, abort=abort) as one,
    ):
        await one.start()
        await one.end()
        assert one.rows == [("serve", f"stream:{condition}", verdict, "closed")]
        assert one.memory.faults[0].error.terminal
        assert not one.client.is_connected()


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ({"abort": True}, [("serve", "stream:see-other-host", "abort", "closed")]),
        # slixmpp would go to the address that the application gave, which is where it comes from.
        ({"abort": True, "redirect": lambda _: True}, [("serve", "stream:see-other-host", "abort", "closed")]),
        ({"redirect": lambda _: False}, [("serve", "stream:see-other-host", "abort", "closed")]),
        ({"redirect": lambda address: address.no_such_thing}, [("serve", "stream:see-other-host", "abort", "closed")]),
        ({"supervised": True}, []),
    ],
    ids=["abort", "consent to what is not followed", "no consent", "no answer", "supervised"],
)
async def test_a_redirect_to_the_same_server_is_not_followed(
    options: dict[str, Any], rows: list[tuple[str, str, str, str]]
) -> None:
    async with scripted(*LOGIN, ("", MOVED)) as port, desk(port, **options) as one:
        await one.start()
        await one.end()
        assert one.starts == 1
        assert one.rows == rows


async def test_a_redirect_that_slixmpp_follows_to_where_it_comes_from_is_told_as_what_it_is() -> None:
    hurried = RetryPolicy(base=0.01, cap=0.01)
    async with scripted(*LOGIN, ("", MOVED)) as port, desk(port, policy=hurried) as one:
        await one.start()
        await one.told(4)
        assert set(one.rows) == {("serve", "stream:see-other-host", "abort", "reconnecting")}
        assert [fault.attempt for fault in one.memory.faults[:4]] == [1, 2, 3, 4]


async def test_a_redirect_that_leads_in_a_circle_is_slowed_down_and_can_be_left() -> None:
    slow = RetryPolicy(base=100_000.0, cap=100_000.0)
    async with scripted(*LOGIN, ("", MOVED)) as port, desk(port, policy=slow) as one:
        await one.start()
        await one.told(2)
        assert (one.starts, len(one.rows)) == (2, 2)
        waited = one.attachment.is_busy
        one.client.disconnect()
        await asyncio.sleep(QUIET)
        assert (waited, one.attachment.is_busy, one.starts) == (True, False, 2)


async def test_a_redirect_that_leads_elsewhere_is_followed_with_consent() -> None:
    async with scripted(*LOGIN) as there, scripted(*LOGIN, ("", MOVED)) as port:
        consent: list[str] = []

        def agree(address: str) -> bool:
            consent.append(address)
            return True

        async with desk(port, abort=True, redirect=agree) as one:

            async def records(domain: str, **_: Any) -> list[tuple[str, str, str, int]]:
                return [("", domain, "127.0.0.1", there if domain == "127.0.0.2" else port)]

            one.client.get_dns_records = records  # type: ignore[method-assign, assignment]
            one.client.default_port = 9
            one.client.connect()
            await one.attachment.started()
            await one.told()
            await one.attachment.started(within=PATIENCE)
            assert one.rows == [("serve", "stream:see-other-host", "retry", "reconnecting")]
            assert one.memory.faults[0].decision is not None
            assert one.memory.faults[0].decision.step == "redirect"
            assert consent == ["127.0.0.2:9"]


async def test_a_condition_that_slixmpp_refuses_reaches_the_caller_at_once_and_as_it_was() -> None:
    answer = f"<iq type='error' id='{{id}}'><error type='modify'><policy-violation {STANZAS}/></error></iq>"
    async with scripted(*LOGIN, ("<iq", answer)) as port, desk(port) as one:
        await one.start()
        with pytest.raises(IqError) as caught:
            await one.client.make_iq_get("urn:example:weather").send(timeout=5)  # type: ignore[no-untyped-call]
        assert errnorm.normalize(caught.value).reason == "limits.policy"


async def test_an_error_without_an_error_in_it_is_no_unknown_feature() -> None:
    async with scripted(*LOGIN, ("<iq", "<iq type='error' id='{id}'/>")) as port, desk(port) as one:
        await one.start()
        with pytest.raises(IqError) as caught:
            await one.client.make_iq_get("urn:example:weather").send(timeout=5)  # type: ignore[no-untyped-call]
        assert errnorm.normalize(caught.value).code == "undefined-condition"


@pytest.mark.parametrize("code", ["400", "403", "404", "405", "409", "500", "501", "503", "504", "999"])
async def test_the_code_of_an_old_server_means_the_same_to_the_caller_as_it_does_raw(code: str) -> None:
    answer = f"<iq type='error' id='{{id}}'><error code='{code}' type='wait'/></iq>"
    raw = errnorm.normalize(answer.replace("<iq ", "<iq xmlns='jabber:client' "))
    async with scripted(*LOGIN, ("<iq", answer)) as port, desk(port) as one:
        await one.start()
        with pytest.raises(IqError) as caught:
            await one.client.make_iq_get("urn:example:weather").send(timeout=5)  # type: ignore[no-untyped-call]
        error = errnorm.normalize(caught.value)
        assert (error.reason, error.recovery) == (raw.reason, raw.recovery)


async def test_a_resource_that_could_not_be_bound_starts_no_session() -> None:
    refusal = f"<iq type='error' id='{{id}}'><error type='wait'><resource-constraint {STANZAS}/></error></iq>"
    async with scripted(*LOGIN[:3], ("<iq", refusal)) as port, desk(port) as one:
        one.connect()
        await one.end()
        assert one.rows == [("connect", "stanza:resource-constraint", "retry", "closed")]
        assert not one.client.is_connected()


async def test_a_ping_that_nobody_answers_is_told_and_slixmpp_connects_again() -> None:
    async with scripted(*LOGIN) as port, desk(port) as one:
        await one.start()
        one.client.reconnect(0.0, "Ping timeout after 30s")
        await one.told()
        assert one.rows == [("serve", "client:ping-timeout", "retry", "reconnecting")]


async def test_who_attaches_to_a_server_that_only_fails_is_told_each_session_once() -> None:
    async with scripted(("<stream:stream", HEADER + MECHANISMS), failing("not-authorized")) as port, desk(port) as one:
        one.client.add_event_handler("disconnected", lambda _: one.connect())
        one.connect()
        await one.told(3)
        rows = one.rows
        assert set(rows) == {("connect", "sasl:not-authorized", "abort", "closed")}
        assert abs(len(rows) - one.starts) <= 1


@pytest.mark.parametrize("condition", ["xml-not-well-formed", "never-heard-of"])
async def test_a_stream_error_that_slixmpp_does_not_know_is_told_by_its_name(condition: str) -> None:
    error = f"<stream:error><{condition} {STREAMS}/></stream:error>{CLOSE}"
    async with scripted(*LOGIN, ("", error)) as port, desk(port) as one:
        await one.start()
        await one.end()
        assert len(one.rows) == 1
        assert one.memory.faults[0].error.section == "stream"
        assert one.memory.faults[0].error.signal.code == condition


async def test_starting_can_be_waited_for_with_a_limit() -> None:
    async with scripted(("never", "")) as port, desk(port, supervised=True) as one:
        one.connect()
        with pytest.raises(TimeoutError):
            await one.attachment.started(within=0.1)
        await asyncio.sleep(0.05)
        assert not one.client.is_connecting()


async def test_a_server_that_cannot_prove_that_it_knows_the_password_is_told_although_slixmpp_only_logs_it() -> None:
    async with scripted(("<stream:stream", HEADER), ("</stream:stream>", CLOSE)) as port, desk(port) as one:
        one.connect()
        await one.client.wait_until("connected", 5)
        await asyncio.sleep(0.05)
        try:
            raise SASLMutualAuthFailed  # what slixmpp does where the signature is wrong: catch it, log it, disconnect
        except SASLMutualAuthFailed:
            one.client.disconnect()
        await one.end()
        assert isinstance(one.memory.faults[0].exception, SASLMutualAuthFailed)
        assert [row[2:] for row in one.rows] == [("abort", "closed")]


async def test_no_login_that_the_client_can_make_is_told_when_the_stream_ends() -> None:
    async with scripted(("<stream:stream", HEADER + MECHANISMS), ("<auth", CLOSE)) as port, desk(port) as one:
        one.connect()
        one.client.add_event_handler("connected", lambda _: None)
        await one.client.wait_until("connected", 5)
        one.client.event("failed_all_auth")
        await one.end()
        assert one.rows == [("connect", "sasl:all-mechanisms-failed", "abort", "closed")]


def test_how_a_session_ended_can_travel_and_takes_nothing_along() -> None:
    error = SessionError(Signal("xmpp", "stream", "gone\x1b[2J", "a secret"))
    travelled = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert str(travelled) == str(error) == "the XMPP session ended: stream error"
