"""Errors of a JetStream cluster of three servers: leaders that change during a request, and operations without a majority."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from tests.capture.recording import Seen, Station, after
from tests.capture.scenarios.nats_jetstream import api, ask, asked, create, listening, message, named
from tests.capture.scenarios.nats_seeing import errors
from tests.servers.nats import NatsServer
from tests.servers.ports import HOST, reserve
from tests.servers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Cluster(NatsServer):
    """One of three servers. It starts the two `others` first."""

    def __init__(self, directory: Path, program: Path | None) -> None:
        ports = [reserve(self) for _ in range(3)]
        routes = [f"nats://{HOST}:{port}" for port in ports]

        def config(number: int) -> dict[str, Any]:
            cluster = {"name": "three", "host": HOST, "port": ports[number], "routes": routes}
            accounts = {"SYS": {"users": [{"user": "system", "password": "s"}]}, "A": {"jetstream": True, "users": [_USER]}}
            return {"server_name": f"n{number}", "cluster": cluster, "accounts": accounts, "system_account": "SYS"}

        self.others = [NatsServer(directory / str(one), config(one), program=program, jetstream=True) for one in (1, 2)]
        super().__init__(directory / "0", config(0), program=program, jetstream=True)

    def __enter__(self) -> Self:
        try:
            for other in self.others:
                other.start()
            super().__enter__()
            wait_until(lambda: self.monitoring("jsz").get("meta_cluster", {}).get("leader"), 20, what="a leader")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        for other in self.others:
            other.stop()


_USER = {"user": "a", "password": "b"}
LOGIN = {"user": "a", "pass": "b"}
three = Station("nats-server", Cluster)


def _until_made(server: Cluster, *requests: Any) -> Any:
    wire = listening(server, **LOGIN)
    for request in requests:
        deadline = time.monotonic() + 20
        while '"error"' in (answer := ask(wire, request)) or not answer:
            assert time.monotonic() < deadline, answer
            time.sleep(0.2)
    return wire


@after("409 Leadership Change", three)
def another_leads(server: Cluster) -> Iterator[Seen]:
    wire = _until_made(server, create("R", num_replicas=3), named("R.c"))
    other = listening(server, **LOGIN)
    for _ in range(5):
        # A pull that reaches a leader which is still settling down is forgotten in silence.
        wire.send(b'PUB $JS.API.CONSUMER.MSG.NEXT.R.c answer 22\r\n{"expires":9000000000}\r\nPING\r\n')
        wire.until(b"PONG\r\n")
        time.sleep(0.3)
        ask(other, api("CONSUMER.LEADER.STEPDOWN.R.c"))
        with suppress(AssertionError):
            wire.until(b"Leadership", 2)
            break
    wire.until_closed(0.2)
    yield from errors(wire, closed=wire.closed)


@after("requests to a cluster", three, many=True)
def requests_to_a_cluster(server: Cluster) -> Iterator[Seen]:
    _until_made(server, create("Q", num_replicas=3), message("Q.x"))
    yield from asked(
        server,
        create("X", num_replicas=5),
        create("X", placement={"cluster": "nowhere"}),
        create("X", placement={"tags": ["none"]}),
        create("X", num_replicas=2, max_bytes=10**15),
        api("STREAM.PEER.REMOVE.Q", {"peer": "nobody"}),
        api("STREAM.PEER.REMOVE.Q", b"{bad"),
        api("STREAM.PEER.REMOVE.NOPE", {"peer": "n1"}),
        api("STREAM.LEADER.STEPDOWN.NOPE"),
        api("CONSUMER.LEADER.STEPDOWN.Q.nope"),
        api("STREAM.LEADER.STEPDOWN.Q", {"placement": {"preferred": "nobody"}}),
        api("STREAM.INFO.NOPE"),
        api("CONSUMER.INFO.Q.nope"),
        named("Q.c", num_replicas=5),
        **LOGIN,
    )


@after("10008", three)
def no_majority(server: Cluster) -> Iterator[Seen]:
    for other in server.others:
        other.stop()
    # It takes a while until the one that is left knows that it is alone.
    wire = listening(server, **LOGIN)
    wait_until(lambda: "10008" in ask(wire, api("INFO")), 40, what="the loss of the majority")
    yield from asked(server, create("Y"), **LOGIN)
