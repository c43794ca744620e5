"""Three nats-servers that know each other, and watchers of their events as people run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from errnorm_adapters.tools.watch.watcher import QUEUE
from tests.servers.nats import NatsServer
from tests.servers.ports import HOST, reserve
from tests.servers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from pathlib import Path

__all__ = ["WatchProcess", "clustered", "watching"]


@contextmanager
def clustered(place: Path, config: Mapping[str, Any]) -> Generator[list[NatsServer]]:
    """Start three servers with a configuration, and wait until each has a route to the others."""
    owner = type("Owner", (), {})()
    routes = [reserve(owner) for _ in range(3)]
    servers = []
    for number, port in enumerate(routes):
        others = [f"nats://{HOST}:{other}" for other in routes if other != port]
        folder = place / str(number)
        folder.mkdir()
        cluster = {"name": "c", "host": HOST, "port": port, "routes": others}
        servers.append(NatsServer(folder, {**config, "server_name": f"n{number}", "cluster": cluster}))
    try:
        for server in servers:
            server.start()
        for server in servers:
            wait_until(partial(_routed, server), what="the cluster")
        yield servers
    finally:
        for server in servers:
            server.stop()


def _routed(server: NatsServer) -> bool:
    return len({route["remote_id"] for route in server.monitoring("routez")["routes"]}) == 2


class WatchProcess:
    """A process of `errnorm watch`."""

    def __init__(
        self,
        server: NatsServer,
        place: Path,
        number: int,
        under: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it for a user `sys` of the system account; under another program and with more variables if given."""
        self.out = place / f"watcher{number}.jsonl"
        with self.out.open("w") as out, (place / f"watcher{number}.err").open("w") as err:
            self.process = subprocess.Popen(
                [*under, sys.executable, "-m", "errnorm", "watch", f"nats://sys:sys@{HOST}:{server.port}", "--format", "jsonl"],
                env={**os.environ, **(environment or {})},
                stdout=out,
                stderr=err,
            )

    def lines(self) -> list[dict[str, Any]]:
        """
        Return what it has written, without a line that a kill has cut, and without lines about watchers: the connection of one
        that was killed counts as an error if the server finds it broken and not closed.
        """
        whole = [line for line in self.out.read_text("utf-8").splitlines(keepends=True) if line.endswith("\n")]
        return [told for line in whole if (told := json.loads(line))["client"] != QUEUE]


def watching(servers: list[NatsServer], subject: str) -> int:
    """Return how many watchers the servers know."""
    found = [
        subscription
        for server in servers
        for connection in server.monitoring("connz?subs=detail&acc=SYS")["connections"]
        for subscription in connection.get("subscriptions_list_detail", [])
        if subscription["subject"].endswith(subject)
    ]
    return len(found)
