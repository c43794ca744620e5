"""Two incompatible servers: the log lines of each about the other."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from tests.capture.recording import Seen, Station, after
from tests.servers.certificates import issue
from tests.servers.nats import NatsServer
from tests.servers.ports import HOST, reserve, reserved_port
from tests.servers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

LOGIN = {"user": "r", "password": "s", "timeout": 1}


def listening(kind: str, port: int, **options: object) -> dict[str, Any]:
    """Return the part of a configuration that listens for peers."""
    return {kind: {"host": HOST, "port": port, **({"name": "east"} if kind != "leafnodes" else {}), **options}}


def route(port: int, name: str = "east", user: str = "", **options: object) -> dict[str, Any]:
    """Return the part of a configuration that dials a route."""
    return {"cluster": {"name": name, "host": HOST, "port": -1, "routes": [f"nats://{user}{HOST}:{port}"], **options}}


def gateway(port: int, to: str = "east", user: str = "") -> dict[str, Any]:
    """Return the part of a configuration that dials a gateway."""
    remote = {"name": to, "url": f"nats://{user}{HOST}:{port}"}
    return {"gateway": {"name": "west", "host": HOST, "port": -1, "gateways": [remote]}}


def leaf(port: int, user: str = "") -> dict[str, Any]:
    """Return the part of a configuration that dials as a leaf node."""
    return {"leafnodes": {"remotes": [{"url": f"nats-leaf://{user}{HOST}:{port}"}]}}


class Pair(NatsServer):
    """A server that dials another; `SECURED` in the other's configuration stands for TLS that asks for a certificate."""

    def __init__(self, directory: Path, program: Path | None, home: str, options: dict[str, Any], away: Any) -> None:
        port = reserve(self)
        if options.get("tls") == "SECURED":
            made = issue(directory / "certificates")
            files = {"cert_file": str(made.certificate), "key_file": str(made.key), "ca_file": str(made.authority)}
            options = {**options, "tls": {**files, "verify": True, "timeout": 1}}
        said = {"server_name": "home", "debug": True, **listening(home, port, **options)}
        self.home = NatsServer(directory / "home", said, program=program)
        super().__init__(directory / "away", {"server_name": "away", "debug": True, **away(port)}, program=program)

    def prepare(self) -> None:
        """Start the other one first."""
        self.home.start()
        super().prepare()

    def __enter__(self) -> Self:
        try:
            return super().__enter__()
        except BaseException:
            self.home.stop()
            raise

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self.home.stop()


# What does not fit: the kind of port, its options, who dials it, and a text that one of the two then logs.
PAIRS: dict[str, tuple[str, dict[str, Any], Any, str]] = {
    "a route with a wrong password": ("cluster", {"authorization": LOGIN}, partial(route, user="x:y@"), "Route Error"),
    "a route of another cluster": ("cluster", {}, partial(route, name="west"), "Route Error"),
    "a route to a TLS port": ("cluster", {"tls": "SECURED"}, route, "TLS route handshake error"),
    "a route to a gateway": ("gateway", {}, route, "Route Error"),
    "a gateway with a wrong password": ("gateway", {"authorization": LOGIN}, partial(gateway, user="x:y@"), "Gateway Error"),
    "a gateway of another name": ("gateway", {}, partial(gateway, to="north"), "Failing connection to gateway"),
    "a gateway nobody knows": ("gateway", {"reject_unknown_cluster": True}, gateway, "Gateway Error"),
    "a gateway to a route": ("cluster", {}, gateway, "using wrong port"),
    "a leaf node with a wrong password": ("leafnodes", {"authorization": LOGIN}, partial(leaf, user="x:y@"), "Leafnode Error"),
    "a leaf node to a route": ("cluster", {}, leaf, "attempted to connect to wrong port"),
    "a leaf node to a TLS port": ("leafnodes", {"tls": "SECURED"}, leaf, "TLS leafnode handshake error"),
}
_FAULT = re.compile(r"^\[\d+\] \S+ \S+ \[(?:ERR|WRN)\] .*", re.MULTILINE)


def logged(text: str, server: Pair) -> Iterator[Seen]:
    """Yield the first line with the text, from the log of the dialling server if it is there, otherwise from the other log."""
    wait_until(lambda: text in server.log() + server.home.log(), 10, what=text)
    time.sleep(0.3)
    lines = _FAULT.findall(server.log() + server.home.log())
    yield Seen("nats", "raw", next(line for line in lines if text in line))


for _name, (_kind, _options, _away, _text) in PAIRS.items():
    _station = Station("nats-server", partial(Pair, home=_kind, options=_options, away=_away))
    after(f"lines of the log about {_name}", _station, many=True)(partial(logged, _text))


@contextmanager
def nobody(directory: Path, program: Path | None) -> Generator[NatsServer]:
    """Run a server whose peers do not exist."""
    with reserved_port() as port:
        config = {"server_name": "alone", **route(port), **leaf(port)}
        with NatsServer(directory, config, program=program) as server:
            yield server


def _says(server: NatsServer, text: str) -> bool:
    return text in server.log()


@after("lines of the log about peers that are not there", Station("nats-server", nobody), many=True)
def peers_that_are_not_there(server: NatsServer) -> Iterator[Seen]:
    for text in ("Error trying to connect to route", "Error trying to connect as leafnode"):
        wait_until(partial(_says, server, text), 10, what=text)
        line = next(line for line in server.log().splitlines() if text in line)
        yield Seen("nats", "raw", line)
