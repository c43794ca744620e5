"""Errors on the ports for routes, gateways and leaf nodes: for wrong clients, and for real peers."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tests.capture.recording import Seen, Station, after
from tests.capture.scenarios.nats_seeing import errors
from tests.servers.nats import NatsServer
from tests.servers.ports import reserve
from tests.servers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.wire import Wire

_KINDS = {"cluster": "Router", "gateway": "Gateway", "leafnodes": "Leafnode"}
CLIENT = {"lang": "python", "version": "1", "verbose": False}


class PeeredServer(NatsServer):
    """A server with ports for routes, gateways and leaf nodes."""

    def __init__(self, directory: Path, program: Path | None, **leaf: object) -> None:
        self.ports_of_peers = {kind: reserve(self) for kind in ("cluster", "gateway", "leafnodes")}
        listeners = {kind: {"host": "127.0.0.1", "port": port} for kind, port in self.ports_of_peers.items()}
        config = {
            "server_name": "one",
            "debug": True,
            "accounts": {"SYS": {}},
            "system_account": "SYS",
            "cluster": {"name": "east", **listeners["cluster"]},
            "gateway": {"name": "east", "reject_unknown": True, **listeners["gateway"]},
            "leafnodes": {**listeners["leafnodes"], **leaf},
        }
        super().__init__(directory, config, program=program)


def peered(**leaf: object) -> Station:
    """Return a server with the three ports."""
    return Station("nats-server", lambda directory, program: PeeredServer(directory, program, **leaf))


some_peer = peered()


def knock(server: PeeredServer, kind: str, connect: dict[str, object], more: bytes = b"", seconds: float = 2) -> Iterator[Seen]:
    """Connect to a port as a peer would, and yield the errors of the server and its reason for closing."""
    before = len(reasons(server, kind))
    wire = _connected(server, kind, connect)
    wire.send(more + b"PING\r\n")
    wire.until_closed(seconds)
    yield from errors(wire, closed=wire.closed)
    if wire.closed:
        wait_until(lambda: len(reasons(server, kind)) > before, what="the log")
        yield Seen("nats", "close_reason", reasons(server, kind)[-1], closed=True)


def _connected(server: PeeredServer, kind: str, connect: dict[str, object]) -> Wire:
    wire = server.dial(server.ports_of_peers[kind])
    wire.until(b"\r\n")
    wire.send(b"CONNECT " + json.dumps(connect).encode() + b"\r\n")
    return wire


def reasons(server: NatsServer, kind: str) -> list[str]:
    """Return the close reasons of peers of a kind in a server's log."""
    return re.findall(rf"{_KINDS[kind]} connection closed: ([A-Z][\w ()]*?)(?: (?:-|account:) .*)?$", server.log(), re.MULTILINE)


def info(**fields: object) -> bytes:
    """Return an INFO of a peer."""
    return b"INFO " + json.dumps({"server_id": "N" + "A" * 55, "server_name": "two", **fields}).encode() + b"\r\n"


@after("attempted to connect to route port", some_peer)
def client_on_the_route_port(server: PeeredServer) -> Iterator[Seen]:
    yield from knock(server, "cluster", dict(CLIENT))


@after("attempted to connect to gateway port", some_peer)
def client_on_the_gateway_port(server: PeeredServer) -> Iterator[Seen]:
    yield from knock(server, "gateway", dict(CLIENT))


@after("attempted to connect to leaf node port", some_peer)
def client_on_the_leaf_node_port(server: PeeredServer) -> Iterator[Seen]:
    yield from knock(server, "leafnodes", dict(CLIENT))


@after("Rejecting connection from gateway on the Route port", some_peer)
def gateway_on_the_route_port(server: PeeredServer) -> Iterator[Seen]:
    yield from knock(server, "cluster", {"gateway": "west", "name": "two"})


@after("Rejecting connection from gateway on the leafnode port", some_peer)
def gateway_on_the_leaf_node_port(server: PeeredServer) -> Iterator[Seen]:
    yield from knock(server, "leafnodes", {"gateway": "west", "name": "two"})


@after("Connection to Gateway Rejected", some_peer)
def unknown_gateway(server: PeeredServer) -> Iterator[Seen]:
    yield from knock(server, "gateway", {"gateway": "west", "name": "two"})


@after("Cluster Name Conflict", some_peer)
def route_of_another_cluster(server: PeeredServer) -> Iterator[Seen]:
    yield from knock(server, "cluster", {"cluster": "west", "name": "two"})


@after("Cluster Names Identical", some_peer)
def leaf_node_of_the_same_cluster(server: PeeredServer) -> Iterator[Seen]:
    yield from knock(server, "leafnodes", {"cluster": "east", "name": "two"})


@after("cluster name cannot contain spaces", some_peer, since="2.11")
def leaf_node_of_a_cluster_with_a_space(server: PeeredServer) -> Iterator[Seen]:
    yield from knock(server, "leafnodes", {"cluster": "far west", "name": "two"})


@after("Minimum Version Required", peered(min_version="2.9.0"))
def leaf_node_too_old(server: PeeredServer) -> Iterator[Seen]:
    yield from knock(server, "leafnodes", {"name": "two", "version": "2.8.0"}, seconds=8)


@after("Duplicate Remote LeafNode Connection", some_peer)
def the_same_leaf_node_again(server: PeeredServer) -> Iterator[Seen]:
    leaf: dict[str, object] = {"name": "twin", "remote_account": "A", "version": "2.15.0"}
    first = _connected(server, "leafnodes", leaf)
    first.until_closed(0.5)
    _second = _connected(server, "leafnodes", leaf)
    first.until_closed(2)
    yield from errors(first, closed=first.closed)
    yield Seen("nats", "close_reason", reasons(server, "leafnodes")[-1], first.closed)


@after("Duplicate Server Name", some_peer)
def route_of_the_same_name(server: PeeredServer) -> Iterator[Seen]:
    yield from knock(server, "cluster", {"cluster": "east", "name": "x"}, info(server_name="one", cluster="east"))


@after("Duplicate Route", some_peer)
def route_to_itself(server: PeeredServer) -> Iterator[Seen]:
    own = server.monitoring("varz")["server_id"]
    yield from knock(server, "cluster", {"cluster": "east", "name": own}, info(server_id=own, cluster="east"))


@after("Missing Account", some_peer, since="2.10")
def route_of_an_account_that_is_not_there(server: PeeredServer) -> Iterator[Seen]:
    said = info(cluster="east", route_account="NOPE", route_pool_size=3, proto=1)
    yield from knock(server, "cluster", {"cluster": "east", "name": "two"}, said)


@after("Invalid route pool index", some_peer, since="2.10")
def route_of_a_wrong_pool(server: PeeredServer) -> Iterator[Seen]:
    said = info(cluster="east", route_pool_size=3, route_pool_idx=77, proto=1)
    yield from knock(server, "cluster", {"cluster": "east", "name": "two"}, said)


@after("Invalid Subscription", some_peer, since="2.10")
def invalid_subscription_of_a_route(server: PeeredServer) -> Iterator[Seen]:
    said = info(cluster="east", proto=1)
    yield from knock(server, "cluster", {"cluster": "east", "name": "two"}, said + b"RS+ $G a..b\r\n")


class RoutingServer(NatsServer):
    """A server that dials a route, a gateway and a leaf node at the ports given."""

    def __init__(self, directory: Path, program: Path | None) -> None:
        self.away = PeeredServer(directory / "away", program)
        ports = self.away.ports_of_peers
        own = reserve(self)
        config: dict[str, Any] = {
            "server_name": "home",
            "debug": True,
            "cluster": {"name": "east", "host": "127.0.0.1", "port": own, "routes": [f"nats://127.0.0.1:{ports['cluster']}"]},
        }
        self.config = config
        super().__init__(directory, config, program=program)

    def settle(self) -> None:
        """Start the other server as well."""
        self.away.start()

    def __exit__(self, *_: object) -> None:
        self.away.stop()
        super().__exit__()


@after("Route Removed", Station("nats-server", RoutingServer))
def route_removed(server: RoutingServer) -> Iterator[Seen]:
    wait_until(lambda: server.monitoring("routez")["num_routes"], 10, what="the route")
    cluster: dict[str, Any] = {**server.config["cluster"], "routes": []}
    server.reload({**server.config, "cluster": cluster})
    wait_until(lambda: "Route Removed" in reasons(server, "cluster"), 5, what="the end of the route")
    yield Seen("nats", "close_reason", "Route Removed", closed=True)
