"""Status lines: JetStream's answers to pull requests and direct gets."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tests.capture.recording import Seen, Station, after
from tests.capture.scenarios.nats_jetstream import api, ask, create, listening, message, named
from tests.capture.scenarios.nats_seeing import configured, errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.capture.scenarios.nats_jetstream import Request
    from tests.servers.nats import NatsServer
    from tests.servers.wire import Wire


def jetstream() -> Station:
    """Return a server for one scenario, so that requests that still wait do not reach another scenario."""
    return configured({}, jetstream=True)


def pulled(wire: Wire, subject: str, *bodies: str, seconds: float = 0.6) -> Iterator[Seen]:
    """Send requests for messages, and yield the status lines that arrive within the given time."""
    start = len(wire.read)
    for body in bodies:
        wire.send(f"PUB {subject} answer {len(body)}\r\n{body}\r\n".encode())
    with suppress(AssertionError):
        wire.until(b"no such mark", seconds)
    said = Read(wire.read[start:])
    yield from errors(said, closed=wire.closed)


class Read:
    """A part of the data that a connection has received."""

    def __init__(self, read: bytes) -> None:
        self.read = read


def prepared(server: NatsServer, *requests: Request) -> Wire:
    """Log in and send some requests whose answers do not matter."""
    wire = listening(server)
    for request in requests:
        ask(wire, request)
    return wire


PULL = "$JS.API.CONSUMER.MSG.NEXT.{}"


@after("pulling", jetstream(), many=True)
def pulling(server: NatsServer) -> Iterator[Seen]:
    limits: dict[str, Any] = {"max_batch": 5, "max_expires": 2_000_000_000, "max_bytes": 500}
    wire = prepared(server, create("K"), named("K.c"), named("K.l", **limits), message("K.x", b"x" * 100))
    yield from pulled(wire, PULL.format("K.l"), '{"batch":50}', '{"expires":9000000000}', '{"max_bytes":9000,"batch":1}')
    yield from pulled(wire, PULL.format("K.c"), '{"batch":1,"max_bytes":20}', '{"batch":-1}', "{bad", '{"expires":-1}')
    yield from pulled(wire, PULL.format("K.c"), '{"batch":5,"no_wait":true}')
    yield from pulled(wire, PULL.format("K.c"), '{"no_wait":true}', '{"batch":2,"expires":300000000}', seconds=1)
    yield from pulled(wire, PULL.format("K.c"), '{"expires":2000000000,"idle_heartbeat":200000000}', seconds=0.8)
    yield from pulled(wire, PULL.format("K.c"), '{"expires":200000000,"idle_heartbeat":200000000}')


@after("409 Consumer Deleted", jetstream())
def consumer_deleted(server: NatsServer) -> Iterator[Seen]:
    wire = prepared(server, create("KD"), named("KD.c"))
    wire.send(b'PUB $JS.API.CONSUMER.MSG.NEXT.KD.c answer 22\r\n{"expires":5000000000}\r\n')
    other = listening(server)
    ask(other, api("CONSUMER.DELETE.KD.c"))
    wire.until_closed(0.6)
    yield from errors(wire, closed=wire.closed)


@after("409 Consumer is push based", jetstream())
def pull_from_a_push_consumer(server: NatsServer) -> Iterator[Seen]:
    wire = prepared(server, create("KP"), named("KP.p", deliver_subject="there"))
    yield from pulled(wire, PULL.format("KP.p"), "1")


@after("100 Idle Heartbeat", jetstream())
def heartbeats(server: NatsServer) -> Iterator[Seen]:
    options: dict[str, Any] = {"deliver_subject": "answer", "idle_heartbeat": 200_000_000, "flow_control": True}
    wire = prepared(server, create("KH"), named("KH.p", **options))
    yield from pulled(wire, "nowhere", seconds=1)


@after("getting directly", jetstream(), many=True)
def getting_directly(server: NatsServer) -> Iterator[Seen]:
    wire = prepared(server, create("KG", allow_direct=True), message("KG.x"), message("KG.y"))
    subject = "$JS.API.DIRECT.GET.KG"
    bodies = ("", "{bad", '{"seq":99}', '{"last_by_subj":"KG.none"}', '{"seq":1,"last_by_subj":"KG.x"}')
    yield from pulled(wire, subject, *bodies)
    yield from pulled(wire, subject, '{"batch":5,"seq":1}', '{"multi_last":["KG.none"]}', '{"multi_last":["KG.>"],"batch":5}')
    both = '{"multi_last":["KG.>"],"up_to_seq":1,"up_to_time":"2026-01-01T00:00:00Z"}'
    yield from pulled(wire, subject, '{"batch":5,"seq":99}', both)


@after("413 Too Many Results", jetstream(), since="2.11")
def too_many_subjects(server: NatsServer) -> Iterator[Seen]:
    wire = prepared(server, create("KM", allow_direct=True))
    wire.send(b"".join(b"PUB KM.%d 0\r\n\r\n" % number for number in range(1100)) + b"PING\r\n")
    wire.until(b"PONG\r\n")
    time.sleep(0.3)
    yield from pulled(wire, "$JS.API.DIRECT.GET.KM", '{"multi_last":["KM.>"]}')


@after("423 Nats-Pin-Id mismatch", jetstream(), since="2.11")
def pinned_to_another(server: NatsServer) -> Iterator[Seen]:
    options: dict[str, Any] = {"priority_policy": "pinned_client", "priority_groups": ["a"], "priority_timeout": 5_000_000_000}
    wire = prepared(server, create("KQ"), named("KQ.c", **options), message("KQ.x"), message("KQ.x"))
    body = '{"batch":1,"group":"a","expires":500000000}'
    yield from pulled(wire, PULL.format("KQ.c"), body, '{"batch":1,"group":"a","id":"nope","expires":500000000}')


@after("Consumer pulls without a group", jetstream(), many=True, since="2.11")
def pull_without_the_group(server: NatsServer) -> Iterator[Seen]:
    options: dict[str, Any] = {"priority_policy": "overflow", "priority_groups": ["a"]}
    wire = prepared(server, create("KO"), named("KO.c", **options))
    bodies = ('{"batch":1}', '{"batch":1,"group":"b"}', '{"batch":1,"group":"a","priority":99}')
    yield from pulled(wire, PULL.format("KO.c"), *bodies)


@after("409 Exceeded MaxWaiting", jetstream())
def too_many_pulls(server: NatsServer) -> Iterator[Seen]:
    wire = prepared(server, create("KW"), named("KW.c", max_waiting=1))
    waiting = '{"expires":2000000000}'
    yield from pulled(wire, PULL.format("KW.c"), waiting, waiting, seconds=0.4)


@after("409 Batch Completed", jetstream(), since="2.10")
def bytes_left_over(server: NatsServer) -> Iterator[Seen]:
    wire = prepared(server, create("KB"), named("KB.c"), message("KB.x", b"x" * 100))
    yield from pulled(wire, PULL.format("KB.c"), '{"batch":1,"max_bytes":9000}')


@after("408 Requests Pending", jetstream())
def others_wait_for_more(server: NatsServer) -> Iterator[Seen]:
    """Pull while messages exist but cannot be delivered: the maximum of unacknowledged messages is reached."""
    wire = prepared(server, create("KR"), named("KR.c", max_ack_pending=1), message("KR.x"), message("KR.x"))
    yield from pulled(wire, PULL.format("KR.c"), "1", '{"batch":5,"expires":3000000000}', '{"batch":1,"no_wait":true}')


@after("423 Nats-Wrong-Pin-Id", jetstream(), since="2.11")
def no_longer_pinned(server: NatsServer) -> Iterator[Seen]:
    options: dict[str, Any] = {"priority_policy": "pinned_client", "priority_groups": ["a"], "priority_timeout": 5_000_000_000}
    wire = prepared(server, create("KU"), named("KU.c", **options), message("KU.x"))
    first = '{"batch":1,"group":"a","expires":900000000}'
    for _ in pulled(wire, PULL.format("KU.c"), first):
        pass
    pinned = re.findall(rb"Nats-Pin-Id: (\S+)", wire.read)[-1].decode()
    again = f'{{"batch":1,"group":"a","id":"{pinned}","expires":900000000}}'
    start = len(wire.read)
    wire.send(f"PUB {PULL.format('KU.c')} answer {len(again)}\r\n{again}\r\n".encode())
    ask(wire, api("CONSUMER.UNPIN.KU.c", {"group": "a"}))
    ask(wire, message("KU.x"))
    wire.until_closed(0.6)
    yield from errors(Read(wire.read[start:]), closed=wire.closed)


@after("412 Required Api Level", jetstream(), since="2.12")
def a_server_too_old(server: NatsServer) -> Iterator[Seen]:
    wire = prepared(server, create("KV", allow_direct=True), named("KV.c"))
    start = len(wire.read)
    ask(wire, (PULL.format("KV.c"), b"1", {"Nats-Required-Api-Level": "99"}))
    yield from errors(Read(wire.read[start:]), closed=wire.closed)


@after("100 FlowControl Request", jetstream())
def flow_control(server: NatsServer) -> Iterator[Seen]:
    options: dict[str, Any] = {"deliver_subject": "answer", "idle_heartbeat": 500_000_000, "flow_control": True}
    wire = prepared(server, create("KF"), named("KF.p", ack_policy="none", **options))
    wire.send(b"".join(b"PUB KF.x 65536\r\n" + b"x" * 65536 + b"\r\n" for _ in range(60)))
    yield from pulled(wire, "nowhere", seconds=1)


def snapshot(server: NatsServer, name: str, **options: object) -> Wire:
    """Request a snapshot of a file stream of half a megabyte; the connection that receives it need not acknowledge."""
    wire = prepared(server, create(name, storage="file"))
    wire.send(b"".join(b"PUB %s.x 65536\r\n" % name.encode() + os.urandom(65536) + b"\r\n" for _ in range(8)))
    ask(wire, message(f"{name}.x"))
    wire.send(b"SUB copy 9\r\n")
    ask(wire, api(f"STREAM.SNAPSHOT.{name}", {"deliver_subject": "copy", **options}))
    return wire


@after("204", jetstream(), since="2.11")
def the_copy_is_whole(server: NatsServer) -> Iterator[Seen]:
    wire = snapshot(server, "KY")
    yield from pulled(wire, "nowhere", seconds=2)


@after("408 No Flow Response", jetstream(), since="2.11")
def the_copy_is_not_acknowledged(server: NatsServer) -> Iterator[Seen]:
    wire = snapshot(server, "KZ", chunk_size=4096, window_size=8192)
    yield from pulled(wire, "nowhere", seconds=8)


@after("409 Server Shutdown", jetstream())
def shutdown_while_waiting(server: NatsServer) -> Iterator[Seen]:
    wire = prepared(server, create("KS"), named("KS.c"))
    wire.send(b'PUB $JS.API.CONSUMER.MSG.NEXT.KS.c answer 22\r\n{"expires":5000000000}\r\nPING\r\n')
    wire.until(b"PONG\r\n")
    server.stop()
    wire.until_closed(2)
    yield from errors(wire, closed=None)


@after("10039", configured({"accounts": {"A": {"users": [{"user": "a", "password": "b"}]}}}, jetstream=True))
def account_without_jetstream(server: NatsServer) -> Iterator[Seen]:
    wire = listening(server, user="a", **{"pass": "b"})
    answer = ask(wire, api("INFO"))
    if answer.startswith("{"):
        yield Seen("nats", "raw", answer, wire.closed)


LIMITS = {"max_memory": 5000, "max_streams": 2, "max_consumers": 1, "max_bytes_required": True, "memory_max_stream_bytes": 3000}
LIMITED = {
    "jetstream": {"max_memory_store": 1_000_000, "max_file_store": 1_000_000, "store_dir": "jetstream"},
    "accounts": {"A": {"users": [{"user": "a", "password": "b"}], "jetstream": LIMITS}},
}


@after("an account with limits", configured(LIMITED), many=True)
def account_with_limits(server: NatsServer) -> Iterator[Seen]:
    wire = listening(server, user="a", **{"pass": "b"})
    requests = (
        create("L1"),
        create("L1", max_bytes=9000),
        create("L1", max_bytes=2500),
        create("L2", max_bytes=2900),
        create("L2", max_bytes=2000),
        create("L3", max_bytes=100),
        create("L4", storage="file", max_bytes=100),
        named("L1.a"),
        named("L1.b"),
        message("L1.x", b"x" * 9000),
    )
    for request in requests:
        answer = ask(wire, request)
        if '"error"' in answer:
            yield Seen("nats", "raw", answer, wire.closed)
