"""
Thousands of clients that fail on a cluster of three servers, and three watchers, of which one is killed in the middle.

    python tests/soak/watch.py [CLIENTS]

A third of the clients are refused, a third are kicked, and a third send too much; twenty more read too slowly, and some are
denied a publish, of which servers publish no event. Each error has to be told exactly once, except what the killed watcher held.
The report has the events that were told a second while the clients failed, and the memory and processor time of the watchers.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.servers.cluster import WatchProcess, clustered, watching
from tests.servers.process import wait_until

if TYPE_CHECKING:
    from tests.servers.nats import NatsServer
    from tests.servers.wire import Wire

_SUBJECT = "SERVER.*.CLIENT.AUTH.ERR"
_SLOW = 20
_EXPECTED = ("auth.rejected", "limits.size", "shutdown.kicked")
_CONFIG = {
    "accounts": {
        "SYS": {"users": [{"user": "sys", "password": "sys"}]},
        "A": {"users": [{"user": "a", "password": "a", "permissions": {"publish": {"deny": ["secret"]}}}]},
    },
    "system_account": "SYS",
    "max_payload": 65536,
    "max_pending": 65536,
    "write_deadline": "200ms",
}


class Burst:
    """Clients that fail, each under a name of its own."""

    def __init__(self, servers: list[NatsServer]) -> None:
        self.names: Counter[str] = Counter()
        self._servers = servers
        self._system = [server.login(user="sys", **{"pass": "sys"})[0] for server in servers]

    def run(self, first: int, last: int) -> None:
        """Let the clients with these numbers fail."""
        for number in range(first, last):
            kind = (self._refused, self._kicked, self._too_large)[number % 3]
            kind(number % len(self._servers), f"client-{number}")
            self.names[f"client-{number}"] += 1

    def _refused(self, server: int, name: str) -> None:
        wire, _ = self._servers[server].login(user="a", name=name, **{"pass": "wrong"})
        wire.until_closed()
        wire.close()

    def _kicked(self, server: int, name: str) -> None:
        wire, info = self._joined(server, name)
        wire.send(b"PUB secret 1\r\nx\r\nPING\r\n")
        wire.until(b"PONG\r\n")  # denied, and the connection goes on
        order = json.dumps({"cid": info["client_id"]}).encode()
        subject = f"$SYS.REQ.SERVER.{info['server_id']}.KICK".encode()
        # The server ignores an order without a subject for the answer.
        self._system[server].send(b"PUB " + subject + b" answer " + str(len(order)).encode() + b"\r\n" + order + b"\r\n")
        wire.until_closed()
        wire.close()

    def _too_large(self, server: int, name: str) -> None:
        wire, _ = self._joined(server, name)
        wire.send(b"PUB x 99999\r\n" + b"x" * 99_999 + b"\r\n")
        wire.until_closed()
        wire.close()

    def slow(self) -> None:
        """Let clients subscribe to more than they read."""
        readers = [self._joined(number % len(self._servers), f"slow-{number}")[0] for number in range(_SLOW)]
        for reader in readers:
            reader.send(b"SUB flood 1\r\nPING\r\n")
            reader.until(b"PONG\r\n")
        writer, _ = self._joined(0, "writer")
        for _ in range(400):
            writer.send(b"PUB flood 60000\r\n" + b"x" * 60_000 + b"\r\n")
        writer.send(b"PING\r\n")
        writer.until(b"PONG\r\n")
        self.names.update(f"slow-{number}" for number in range(_SLOW))
        self._kept = [*readers, writer]  # until the end, so that they end for one reason only

    def _joined(self, server: int, name: str) -> tuple[Wire, dict[str, Any]]:
        wire, info = self._servers[server].login(user="a", name=name, **{"pass": "a"})
        wire.until(b"PONG\r\n")
        return wire, info


def run(place: Path, clients: int) -> dict[str, Any]:
    """Let the clients fail, and return what was told of them."""
    with clustered(place, _CONFIG) as servers:
        watchers = [WatchProcess(server, place, number) for number, server in enumerate(servers)]
        try:
            return _watched(servers, watchers, clients)
        finally:
            for watcher in watchers:
                watcher.process.terminate()
                watcher.process.wait(30)


def _watched(servers: list[NatsServer], watchers: list[WatchProcess], clients: int) -> dict[str, Any]:
    wait_until(lambda: watching(servers, _SUBJECT) == len(watchers), 60, what="the watchers")
    burst = Burst(servers)
    seen = [psutil.Process(watcher.process.pid) for watcher in watchers]
    before = [one.memory_info().rss for one in seen[1:]]
    start = time.monotonic()
    burst.run(0, clients // 2)
    watchers[0].process.kill()
    watchers[0].process.wait()
    burst.run(clients // 2, clients)
    seconds = time.monotonic() - start
    burst.slow()
    _settled(watchers)
    # The connection of the watcher that was killed is lost too, and that is told.
    lines = [line for watcher in watchers for line in watcher.lines()]
    told = Counter(line["client"] for line in lines)
    return {
        "clients": clients,
        "failed": sum(burst.names.values()),
        "told": sum(told.values()),
        "told twice": sorted(name for name, count in told.items() if count > burst.names[name]),
        "lost with the watcher that was killed": sum((burst.names - told).values()),
        "by reason": dict(Counter(line["reason"] for line in lines).most_common()),
        "by watcher": [len(watcher.lines()) for watcher in watchers],
        "clients that failed a second": round(clients / seconds),
        "processor seconds of the two watchers": [round(sum(one.cpu_times()[:2]), 1) for one in seen[1:]],
        "megabytes that they grew": [
            round((one.memory_info().rss - rss) / 1e6, 1) for one, rss in zip(seen[1:], before, strict=True)
        ],
    }


def _settled(watchers: list[WatchProcess], quiet: float = 3.0) -> None:
    """Wait until nothing more is told."""
    count, since = -1, time.monotonic()
    while time.monotonic() - since < quiet:
        now = sum(watcher.out.stat().st_size for watcher in watchers)
        if now != count:
            count, since = now, time.monotonic()
        time.sleep(0.2)


def main(arguments: list[str]) -> int:
    """Run, print the report, and say by the exit code whether each error was told once."""
    with tempfile.TemporaryDirectory() as place:
        report = run(Path(place), int(arguments[0]) if arguments else 3000)
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    # What a client wrote is with the watcher for milliseconds, so it can have held few.
    return int(bool(report["told twice"]) or report["lost with the watcher that was killed"] > report["clients"] // 100)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
