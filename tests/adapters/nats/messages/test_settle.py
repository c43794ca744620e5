"""What the server does with a message whose handler failed: counted on a real one."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import nats
import nats.errors
import pytest

from errnorm import RetryPolicy
from errnorm_adapters.nats import settle, settled
from errnorm_adapters.nats.messages import Settlement
from tests.adapters.nats.client.kit import until
from tests.adapters.nats.messages.kit import ACCOUNTS, fails, working

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers.nats import NatsServer


@pytest.fixture
def server(start_nats: Callable[..., NatsServer]) -> NatsServer:
    return start_nats(ACCOUNTS, jetstream=True)


async def test_a_message_that_is_handled_is_acknowledged(server: NatsServer) -> None:
    async with working(server, b"a", b"b") as worker:
        await worker.work(lambda _: None, until=lambda: len(worker.deliveries) == 2)
        assert await worker.left(0)
        assert worker.told == []


async def test_poison_is_delivered_once_and_the_reason_is_in_the_advisory(server: NatsServer) -> None:
    async with working(server, b"a") as worker:
        system = await nats.connect(server.url, user="app", password="app")  # noqa: S106 - of the tests
        advisories = await system.subscribe("$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>")
        await system.flush()
        await worker.work(fails(ValueError("no amount")), until=lambda: worker.told, poison=(ValueError,))
        advisory = json.loads((await advisories.next_msg(10)).data)
        assert advisory["reason"] == "ValueError: the message is bad"
        assert await worker.left(0)
        assert worker.deliveries == [b"a"]
        assert worker.outcomes == [("failed", "term")]
        await system.close()


async def test_what_is_down_has_the_message_delivered_again_after_growing_pauses(server: NatsServer) -> None:
    down = [ConnectionRefusedError(111, "the database"), TimeoutError(), nats.errors.NoRespondersError()]
    async with working(server, b"a") as worker:
        await worker.work(fails(*down), until=lambda: len(worker.deliveries) == 4)
        assert await worker.left(0)
        assert worker.outcomes == [("retried", "nak")] * 3
        assert [fault.attempt for fault in worker.told] == [1, 2, 3]
        assert {fault.peer for fault in worker.told} == {"ORDERS/worker"}
        delays = [fault.decision.delay or 0.0 for fault in worker.told if fault.decision]
        assert 0.05 <= delays[0] <= 0.1 <= delays[1] <= 0.2


async def test_the_pause_is_kept_by_the_server(server: NatsServer) -> None:
    async with working(server, b"a") as worker:
        await worker.work(
            fails(*[TimeoutError() for _ in range(9)]), until=lambda: worker.told, policy=RetryPolicy(base=600, cap=600)
        )
        assert await worker.left(1)
        with pytest.raises(nats.errors.TimeoutError):
            await worker.subscription.fetch(1, timeout=0.5)


async def test_a_request_that_must_change_gives_the_message_up(server: NatsServer) -> None:
    async with working(server, b"a") as worker:
        await worker.work(fails(nats.errors.MaxPayloadError()), until=lambda: worker.told)
        assert await worker.left(0)
        assert worker.outcomes == [("failed", "term")]


async def test_an_error_that_nobody_knows_is_given_up_only_at_the_last_delivery(server: NatsServer) -> None:
    async with working(server, b"a", max_deliver=3) as worker:
        bugs = fails(*[KeyError("order") for _ in range(9)])
        await worker.work(bugs, until=lambda: len(worker.told) == 3, consumer=worker.subscription)
        assert worker.outcomes == [("retried", "nak"), ("retried", "nak"), ("failed", "term")]
        assert await worker.left(0)


async def test_without_a_limit_an_error_that_nobody_knows_is_never_given_up(server: NatsServer) -> None:
    async with working(server, b"a") as worker:
        await worker.work(
            fails(*[KeyError("order") for _ in range(9)]), until=lambda: len(worker.deliveries) == 5, consumer=worker.subscription
        )
        assert set(worker.outcomes) == {("retried", "nak")}


async def test_what_breaks_the_consumer_is_raised_and_settles_nothing(server: NatsServer) -> None:
    stopped: list[Exception] = []
    async with working(server, b"a") as worker:
        denied = nats.errors.Error('nats: permissions violation for publish to "out"')
        with pytest.raises(nats.errors.Error, match="permissions violation"):
            await worker.work(fails(denied), until=lambda: False, stop=stopped.append)
        assert stopped == [denied]
        assert await worker.left(1)
        assert worker.outcomes == [("failed", "leave")]


async def test_credentials_that_somebody_else_refuses_do_not_break_the_consumer(server: NatsServer) -> None:
    from slixmpp.exceptions import XMPPError  # noqa: PLC0415 - of this test alone

    async with working(server, b"a") as worker:
        await worker.work(fails(XMPPError("not-authorized")), until=lambda: len(worker.deliveries) == 2)
        assert worker.outcomes == [("retried", "nak")]


async def test_a_handler_that_is_cancelled_leaves_its_message(server: NatsServer) -> None:
    async with working(server, b"a") as worker:
        (msg,) = await worker.subscription.fetch(1)
        block = settle(worker.errors, msg)

        async def handle() -> None:
            async with block:
                await asyncio.Event().wait()

        task = asyncio.create_task(handle())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert block.fate is not None
        assert block.fate.settlement is Settlement.LEAVE
        assert await worker.left(1)
        assert worker.told == []


async def test_a_long_handler_keeps_its_message(server: NatsServer) -> None:
    async with working(server, b"a", ack_wait=0.5) as worker:
        (msg,) = await worker.subscription.fetch(1)
        async with settle(worker.errors, msg, progress=0.1):
            with pytest.raises(nats.errors.TimeoutError):  # nobody else is given it meanwhile
                await worker.subscription.fetch(1, timeout=1.5)
        assert await worker.left(0)


async def test_a_caller_classifies_exceptions_of_its_own(server: NatsServer) -> None:
    async with working(server, b"a", b"b") as worker:
        answers = {"done": Settlement.ACK, "bad": Settlement.TERM}
        await worker.work(
            fails(RuntimeError("done"), RuntimeError("bad")),
            until=lambda: len(worker.told) == 2,
            classify=lambda error: answers[str(error)],
        )
        assert worker.outcomes == [("handled", "ack"), ("failed", "term")]
        assert await worker.left(0)


async def test_a_message_that_its_handler_has_settled_is_left_alone(server: NatsServer) -> None:
    async with working(server, b"a") as worker:
        (msg,) = await worker.subscription.fetch(1)
        async with settle(worker.errors, msg, poison=(ValueError,)):
            await msg.ack()
            raise ValueError
        assert await worker.left(0)


async def test_the_handler_is_told_once_with_the_delivery_although_a_guard_inside_saw_it(server: NatsServer) -> None:
    async with working(server, b"a") as worker:
        tries: list[bytes] = []

        def handle(data: bytes) -> None:
            tries.append(data)
            if len(tries) == 1:
                with worker.errors.guard("nats", operation="publish"):
                    raise nats.errors.NoRespondersError

        await worker.work(handle, until=lambda: len(worker.deliveries) == 2)
        told = [(fault.outcome, fault.operation, fault.attempt, fault.peer) for fault in worker.told]
        assert told == [("retried", "process", 1, "ORDERS/worker")]


async def test_what_a_handler_has_handled_by_itself_is_told_as_that(server: NatsServer) -> None:
    async with working(server, b"a") as worker:
        (msg,) = await worker.subscription.fetch(1)
        async with settle(worker.errors, msg):
            with pytest.raises(nats.errors.NoRespondersError), worker.errors.guard("nats", operation="publish"):
                raise nats.errors.NoRespondersError
        assert [(fault.outcome, fault.operation) for fault in worker.told] == [("failed", "publish")]
        assert await worker.left(0)


async def test_a_message_that_could_not_be_asked_for_again_does_not_end_the_consumer(server: NatsServer) -> None:
    async with working(server, b"a", b"b") as worker:
        (msg,) = await worker.subscription.fetch(1)

        async def full(*, delay: float) -> None:  # noqa: ARG001 - as nats-py calls it
            raise nats.errors.OutboundBufferLimitError

        msg.nak = full
        async with settle(worker.errors, msg):
            raise TimeoutError
        assert [fault.decision.why for fault in worker.told if fault.decision] == [
            "leave: transport.timeout; the server did not receive it"
        ]
        del msg.nak
        await worker.client.close()
        with pytest.raises(TimeoutError):
            async with settle(worker.errors, msg):
                raise TimeoutError


async def test_an_acknowledgement_that_must_arrive_is_waited_for(server: NatsServer) -> None:
    async with working(server, b"a") as worker:
        (msg,) = await worker.subscription.fetch(1)
        async with settle(worker.errors, msg, confirm=True):
            pass
        assert (await worker.js.consumer_info("ORDERS", "worker")).num_ack_pending == 0
        msg._ackd = False
        await worker.client.close()
        with pytest.raises(nats.errors.ConnectionClosedError):
            async with settle(worker.errors, msg, confirm=True):
                pass
        assert worker.outcomes == [("failed", "leave")]


async def test_a_whole_callback_is_settled(server: NatsServer) -> None:
    async with working(server) as worker:
        seen: list[bytes] = []

        @settled(worker.errors, poison=(ValueError,))
        async def on_message(msg: Any) -> None:
            seen.append(msg.data)
            if msg.data == b"bad":
                raise ValueError

        subscription = await worker.js.subscribe("orders", cb=on_message, manual_ack=True, durable="pushed")
        for payload in (b"good", b"bad"):
            await worker.js.publish("orders", payload)
        await until(lambda: len(worker.told) == 1)
        worker.subscription = subscription
        assert await worker.left(0)
        assert seen == [b"good", b"bad"]
        assert worker.outcomes == [("failed", "term")]


async def test_misuse_is_refused_at_once(server: NatsServer) -> None:
    async with working(server) as worker:
        with pytest.raises(TypeError, match="posion"):
            settled(worker.errors, posion=(ValueError,))
        inbox = await worker.client.subscribe("plain")
        await worker.client.publish("plain", b"x")
        with pytest.raises(TypeError, match="JetStream"):
            settle(worker.errors, await inbox.next_msg(10))
