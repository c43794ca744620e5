"""Refusals of JetStream's special options: limits of a stream or an account, mirrors, schedules, resets, batches."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tests.capture.recording import Seen, after
from tests.capture.scenarios.nats_jetstream import (
    EXPLICIT,
    api,
    ask,
    asked,
    bare,
    consumer,
    create,
    listening,
    message,
    named,
    short,
    stream,
    streams,
)  # fmt: skip
from tests.capture.scenarios.nats_seeing import configured

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.nats import NatsServer
    from tests.servers.wire import Wire

SECOND = 10**9
# Since 2.15 a consumer can acknowledge by flow control.
FLOWING: dict[str, Any] = {
    "deliver_subject": "d", "ack_policy": "flow_control",
    "flow_control": True, "idle_heartbeat": 5 * SECOND, "max_ack_pending": 5,
}  # fmt: skip
BOUNDED = {"max_mem": 100_000, "mem_max_stream_bytes": 1000, "max_bytes_required": True, "max_ack_pending": 5}


@after("limits of a stream on its consumers", streams, many=True, since="2.10")
def consumers_bounded(server: NatsServer) -> Iterator[Seen]:
    yield from asked(
        server,
        create("CL", consumer_limits={"inactive_threshold": SECOND, "max_ack_pending": 5}),
        consumer("CL", inactive_threshold=100 * SECOND, **EXPLICIT),
        consumer("CL", max_ack_pending=50, inactive_threshold=SECOND // 2, **EXPLICIT),
    )


_ACCOUNT = {"users": [{"user": "a", "password": "b"}], "jetstream": BOUNDED}


@after("limits of an account", configured({"accounts": {"A": _ACCOUNT}}, jetstream=True), many=True)
def streams_bounded(server: NatsServer) -> Iterator[Seen]:
    requests = create("Q"), create("Q", max_bytes=5000), create("Q", max_bytes=500), consumer("Q", max_ack_pending=50, **EXPLICIT)
    yield from asked(server, *requests, user="a", **{"pass": "b"})


@after("mirrors and sources in detail", streams, many=True)
def mirrors_in_detail(server: NatsServer) -> Iterator[Seen]:
    several = [{"src": "MO.>", "dest": "x.>"}, {"src": "MO.a", "dest": "y"}]
    yield from asked(
        server,
        create("MO", max_msg_size=100),
        bare("MB", mirror={"name": "MO"}, max_msg_size=10),
        bare("SB", sources=[{"name": "MO"}], max_msg_size=10),
        bare("SX", sources=[{"name": "MO", "filter_subject": "a b"}]),
        bare("SY", sources=[{"name": "MO", "subject_transforms": several}]),
    )


@after("mirrors and sources with consumers", streams, many=True, since="2.15")
def mirrors_with_consumers(server: NatsServer) -> Iterator[Seen]:
    named_only = {"name": "MC", "consumer": {"name": "c"}}
    yield from asked(server, create("MC"), bare("M1", mirror={"name": "MC", "consumer": {}}), bare("S1", sources=[named_only]))


@after("pedantic requests", streams, many=True, since="2.11")
def pedantic(server: NatsServer) -> Iterator[Seen]:
    yield from asked(server, api("STREAM.CREATE.PE", {**stream("PE"), "pedantic": True, "max_msg_size": -5}))


@after("consumers that flow", streams, many=True, since="2.15")
def flowing(server: NatsServer) -> Iterator[Seen]:
    options: tuple[dict[str, Any], ...] = {"ack_wait": SECOND}, {"max_deliver": 3}
    yield from asked(server, create("FL"), *(consumer("FL", **FLOWING, **one) for one in options))


@after("consumers that are direct", streams, many=True)
def direct(server: NatsServer) -> Iterator[Seen]:
    options: dict[str, Any] = {"direct": True, "ack_policy": "none", "deliver_subject": "d"}
    yield from asked(server, create("DI"), consumer("DI.c", name="c", durable_name="c", **options))


@after("consumers that are reset", streams, many=True, since="2.14")
def resets(server: NatsServer) -> Iterator[Seen]:
    yield from asked(
        server,
        create("RS"),
        message("RS.x"),
        message("RS.y"),
        named("RS.late", deliver_policy="by_start_sequence", opt_start_seq=2),
        api("CONSUMER.RESET.RS.late", {"seq": 1}),
    )


@after("headers that are refused", streams, many=True)
def headers_refused(server: NatsServer) -> Iterator[Seen]:
    yield from asked(
        server,
        create("HD"),
        message("HD.x", A="x" * 70_000),
        message("HD.x", Nats_Stream_Source="x"),
        create("SS", allow_msg_schedules=True, sources=[{"name": "HD"}]),
        create("SC", allow_msg_schedules=True),
        message("SC.x", Nats_Scheduler="x"),
        message("SC.x", Nats_Schedule="0 0 * * * *", Nats_Schedule_Time_Zone="Nope", Nats_Schedule_Target="SC.y"),
    )


@after("a message twice in a batch", streams, many=True, since="2.12")
def batched_twice(server: NatsServer) -> Iterator[Seen]:
    yield from asked(
        server,
        create("BT", allow_atomic=True),
        message("BT.x", Nats_Batch_Id="d", Nats_Batch_Sequence="1", Nats_Msg_Id="m"),
        message("BT.x", Nats_Batch_Id="d", Nats_Batch_Sequence="2", Nats_Msg_Id="m", Nats_Batch_Commit="1"),
    )


@after("batches that do not wait", streams, many=True, since="2.14")
def fast_batches(server: NatsServer) -> Iterator[Seen]:
    """Send batches whose reply subject contains the parameters: id, flow, handling of gaps, sequence, operation."""
    wire = listening(server)
    for request in (create("FA"), create("FB", allow_batched=True)):
        for _ in asked(server, request):
            pass
    wire.send(b"SUB inbox.> 2\r\n")
    for subject, batch in (("FA", "u.10.ok.1.0"), ("FB", "u.10.bad.1.0"), ("FB", "u.10.ok.7.1"), ("FB", "x" * 80 + ".10.ok.1.0")):
        wire.send(f"PUB {subject}.x inbox.{batch}.$FI 1\r\nx\r\n".encode())
        wire.until_closed(0.3)
    for found in re.finditer(rb'\{"error":.*\}', wire.read):
        yield Seen("nats", "raw", short(json.loads(found[0])), wire.closed)


@after("events of JetStream", configured({}, jetstream=True), many=True)
def events(server: NatsServer) -> Iterator[Seen]:
    """Watch the events that the server publishes about a consumer's messages."""
    watching, _ = server.login()
    watching.send(b"SUB $JS.EVENT.> 3\r\nPING\r\n")
    watching.until(b"PONG\r\n")
    wire = listening(server)
    pause = api("CONSUMER.PAUSE.EV.c", {"pause_until": "2100-01-01T00:00:00Z"})
    for request in (create("EV"), named("EV.c", max_deliver=1, ack_wait=SECOND // 10), message("EV.x"), message("EV.y"), pause):
        ask(wire, request)
    ask(wire, api("CONSUMER.PAUSE.EV.c", {}))
    wire.send(b"SUB got 5\r\nPUB $JS.API.CONSUMER.MSG.NEXT.EV.c got 1\r\n2\r\n")
    wire.until(b"$JS.ACK", 2)
    wire.until_closed(0.3)
    first, second = re.findall(rb"\$JS\.ACK\S+", wire.read)
    wire.send(b"PUB %s 4\r\n-NAK\r\nPUB %s 5\r\n+TERM\r\n" % (first, second))
    wire.until_closed(0.3)
    for request in (api("STREAM.SNAPSHOT.EV", {"deliver_subject": "there"}), api("STREAM.DELETE.EV")):
        ask(wire, request)
    watching.until_closed(0.5)
    yield from told(watching)


_STEADY = ("type", "stream", "consumer", "action", "reason", "deliveries")


def told(watching: Wire) -> Iterator[Seen]:
    """Yield each kind of event once, without the parts that differ between events."""
    seen: set[str] = set()
    for found in re.finditer(rb"^\{.*\}\r$", watching.read, re.MULTILINE):
        event = json.loads(found[0])
        if event["type"] not in seen:
            seen.add(event["type"])
            kept = {name: event[name] for name in _STEADY if name in event}
            yield Seen("nats", "raw", json.dumps(kept, separators=(",", ":")))
