"""A JetStream cluster of three servers: leaders that change, servers that are down, and placements that no server fits."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import nats.js.errors

from tests.capture.recording import Seen
from tests.capture.scenarios.nats_cluster import Cluster
from tests.capture.scenarios.nats_jetstream import Request, api, ask, create, message, named
from tests.experiments.situation import Ground, situation
from tests.experiments.situations.client_place import ClientPlace, calling
from tests.experiments.situations.jetstream_pulls import STATUS, pulling, sent
from tests.experiments.situations.nats_places import PASSWORD, NatsPlace, accounts_of, asking, given, own
from tests.servers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from nats.aio.client import Client

    from tests.experiments.situation import Situation


class ClusterPlace(NatsPlace):
    """A connection to the first server of a cluster."""

    def __init__(self, server: Cluster, name: str) -> None:
        super().__init__(server, name)
        self.login = {"user": name, "pass": PASSWORD}

    def made(self, *requests: Request) -> None:
        """Send requests until they succeed: a cluster is not ready at once."""
        for request in requests:
            wait_until(lambda request=request: self._succeeds(request), 25, what=request[0])  # type: ignore[misc]

    def _succeeds(self, request: Request) -> bool:
        answer = ask(self.wire, request)
        return bool(answer) and '"error"' not in answer and not answer.startswith("NATS/1.0")


class ClusterClientPlace(ClientPlace):
    """A client of nats-py at the first server of a cluster."""

    def login(self) -> dict[str, Any]:
        """Return the options to connect with."""
        return {"user": self.name, "password": PASSWORD, **super().login()}


def _cluster(directory: Path, program: Path | None, situations: Sequence[Situation]) -> Cluster:
    cluster = Cluster(directory, program)
    for server in (cluster, *cluster.others):
        config: Any = server._config
        config["accounts"] |= accounts_of(situations)
    return cluster


shared = Ground("nats-server", _cluster, ClusterPlace, shared=True)
alone = Ground("nats-server", _cluster, ClusterPlace)
clients = Ground("nats-server", _cluster, ClusterClientPlace)


# Placements that fit nowhere; put right they say nothing of it.
for _name, _options in (
    ("by tags that nobody has", {"placement": {"tags": ["none"]}}),
    ("in a cluster that is not there", {"placement": {"cluster": "nowhere"}}),
    ("on more servers than there are", {"num_replicas": 5}),
    ("with more room than there is", {"num_replicas": 2, "storage": "file", "max_bytes": 10**15}),
):
    situation(
        f"cluster places a stream {_name}",
        shared,
        asking(create("P" + _name[-5:].strip().replace(" ", ""), **_options)),
        provoke=lambda place: place.made(create("ready")),
        steps={"modify": asking(create("Q" + _name[-5:].strip().replace(" ", "")))},
    )
situation(
    "cluster consumer with more replicas than its stream",
    shared,
    asking(named("CR.c", num_replicas=5)),
    provoke=lambda place: place.made(create("CR")),
    steps={"modify": asking(named("CR.c"))},
)
situation(
    "cluster peer removed that is not there",
    shared,
    asking(api("STREAM.PEER.REMOVE.PR", {"peer": "nobody"})),
    provoke=lambda place: place.made(create("PR", num_replicas=3)),
)
situation(
    "cluster leader that nobody is",
    shared,
    asking(api("STREAM.LEADER.STEPDOWN.LN", {"placement": {"preferred": "nobody"}})),
    provoke=lambda place: place.made(create("LN", num_replicas=3)),
    steps={"modify": asking(api("STREAM.LEADER.STEPDOWN.LN"))},
    since="2.11",
)


def _waiting(place: ClusterPlace) -> Iterator[Seen]:
    """Wait for a message; the first time the leader of the consumer steps down meanwhile."""
    if place.kept.get("changed"):
        return pulling('{"batch":1,"expires":1000000000}', "LC.c")(place)  # type: ignore[return-value]
    place.kept["changed"] = True
    wire, other = place.wire, place.open()
    other.send(b"UNSUB 1\r\nSUB elsewhere 2\r\n")
    start = len(wire.read)
    for _ in range(6):  # a pull that reaches a leader which is still settling down is forgotten in silence
        wire.send(b'PUB $JS.API.CONSUMER.MSG.NEXT.LC.c answer 22\r\n{"expires":9000000000}\r\nPING\r\n')
        wire.until(b"PONG\r\n")
        time.sleep(0.3)
        other.send(b"PUB $JS.API.CONSUMER.LEADER.STEPDOWN.LC.c elsewhere 0\r\n\r\n")
        wire.until_closed(1.5)
        if found := STATUS.search(wire.read[start:]):
            return iter([Seen("nats", "raw", found[1].decode(), wire.closed)])
    return iter(())


def _message_comes(place: ClusterPlace) -> None:
    time.sleep(2)
    place.made(message("LC.x"), message("LC.x"), message("LC.x"))


situation(
    "cluster leader changes while somebody waits",
    shared,
    _waiting,
    provoke=lambda place: place.made(create("LC", num_replicas=3), named("LC.c")),
    heal=_message_comes,
    note="there is a leader, and a message has come",
)


# Servers that are away.
def _alone(place: ClusterPlace) -> None:
    for other in place.server.others:
        other.stop()
    wait_until(lambda: "10008" in ask(place.wire, api("INFO")), 40, what="the loss of the majority")


def _all_back(place: ClusterPlace) -> None:
    for other in place.server.others:
        if not other.is_running:
            other.start()
    wait_until(lambda: '"error"' not in (ask(place.wire, api("INFO")) or '"error"'), 40, what="a leader")


situation("cluster without a majority", alone, asking(create("Y")), provoke=_alone, heal=_all_back, note="the others are back")


def _one_away(place: ClusterPlace) -> None:
    place.made(create("ready"))
    place.server.others[1].stop()
    numbers = iter(range(1000))

    def missed() -> bool:
        time.sleep(0.5)
        return "no suitable peers" in ask(place.wire, create(f"Z{next(numbers)}", num_replicas=3))

    wait_until(missed, 60, what="that it is missed")


def _back_again(place: ClusterPlace) -> None:
    _all_back(place)
    time.sleep(3)


situation(
    "cluster with a server away",
    alone,
    asking(create("W", num_replicas=3)),
    provoke=_one_away,
    heal=_back_again,
    until="2.11",  # a newer server places the stream nevertheless
    note="the server is back",
)


async def _stored(client: Client) -> None:
    await client.jetstream().publish("KL.x", b"x", timeout=0.7)


async def _made_elsewhere(place: ClusterClientPlace) -> str:
    """Make a stream with one replica on a server that is not the client's, and return the name of that server."""
    client = await place.connected()
    for _ in range(40):
        try:
            made = await client.jetstream(timeout=5).add_stream(name="KL", subjects=["KL.>"])
        except nats.js.errors.APIError:  # the three servers do not start at the same time
            await asyncio.sleep(0.5)
            continue
        leader: str = (made.cluster and made.cluster.leader) or "n0"
        if leader != "n0":
            return leader
        await client.jetstream(timeout=5).delete_stream("KL")
    raise AssertionError(place.name)


def _killed(place: ClusterClientPlace) -> None:
    leader = place.run(_made_elsewhere(place))
    place.kept["killed"] = place.server.others[int(leader[1:]) - 1]
    place.kept["killed"].kill()
    time.sleep(0.5)


def _restarted(place: ClusterClientPlace) -> None:
    place.kept["killed"].start()
    time.sleep(4)


situation(
    "cluster server of a stream killed",
    clients,
    calling(_stored),
    provoke=_killed,
    heal=_restarted,
    by="nats-py",
    note="the server is back, and leads the stream",
)


def _stopped(place: NatsPlace) -> Iterator[Seen]:
    """Wait for a message; the first time the server is stopped meanwhile, and comes back at once."""
    if place.kept.get("stopped"):
        return pulling('{"batch":1,"expires":1000000000}')(place)  # type: ignore[return-value]
    place.kept["stopped"] = True
    wire = place.wire
    start = len(wire.read)
    wire.send(b'PUB $JS.API.CONSUMER.MSG.NEXT.S.c answer 22\r\n{"expires":5000000000}\r\nPING\r\n')
    wire.until(b"PONG\r\n")
    place.server.stop()
    wire.until_closed(2)
    place.server.start()
    found = STATUS.search(wire.read[start:])
    return iter([Seen("nats", "raw", found[1].decode(), None)] if found else [])


situation(
    "jetstream server stops while somebody waits",
    own(jetstream=True),
    _stopped,
    provoke=given(create("S", storage="file"), named("S.c")),
    heal=sent,
    note="the server is back, and a message has come",
)
situation(
    "jetstream account without it",
    own({"accounts": {"A": {"users": [{"user": "a", "password": "b"}]}}, "no_auth_user": "a"}, jetstream=True),
    asking(api("INFO")),
    note="an operator must give it to the account",
)
