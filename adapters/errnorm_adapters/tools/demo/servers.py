"""
The servers of the demonstrations. Each runs in its own process and temporary directory, on a free port.

The process is always stopped and the directory removed when the `async with` block ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
import sysconfig
import tempfile
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from errnorm_adapters.tools.demo.stage import MissingError, need

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["HOST", "NatsServer", "NoServerError", "Prosody", "PyJabber", "Server", "xmpp_server"]

HOST = "127.0.0.1"
_PATIENCE = 60.0


class NoServerError(RuntimeError):
    """A server is not installed or did not start. The message gives the reason."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def _program(name: str) -> str | None:
    # The scripts directory of this interpreter comes first, so the environment need not be activated.
    scripts = sysconfig.get_path("scripts")
    return shutil.which(name, path=os.pathsep.join((scripts, os.environ.get("PATH", ""), "/usr/local/bin", "/usr/sbin")))


class Server(ABC):
    """
    A server; an asynchronous context manager.

    Attributes:
        port: The port for clients.

        directory: The directory for the files of the server.
    """

    name: ClassVar[str]

    def __init__(self) -> None:
        """Choose a port and a directory. This does not start the server."""
        self.port = _free_port()
        self.directory = Path(tempfile.mkdtemp(prefix="errnorm"))
        self._process: asyncio.subprocess.Process | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """Write the files that the server needs, and return the command that starts it."""

    async def __aenter__(self) -> Self:
        """Start the server, and wait until it answers."""
        try:
            await self.start()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exception: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server in any case, and remove its files."""
        await self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    async def start(self) -> None:
        """
        Start the process and wait until its port is open.

        Raises:
            NoServerError: If the process ends or does not answer in time.
        """
        with (self.directory / "log").open("ab") as log:
            # A new session, so that processes that the server starts can be stopped together with it.
            self._process = await asyncio.create_subprocess_exec(
                *self.command(),
                cwd=self.directory,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(_PATIENCE):
                while not await self._answers():  # noqa: ASYNC110 - another process has no event to wait for
                    await asyncio.sleep(0.05)
        except TimeoutError:
            message = f"{self.name} did not answer within {_PATIENCE:g} s: {self._end_of_log()}"
            raise NoServerError(message) from None

    async def _answers(self) -> bool:
        if self._process is None or self._process.returncode is not None:
            message = f"{self.name} ended at once: {self._end_of_log()}"
            raise NoServerError(message)
        with suppress(OSError):
            _, writer = await asyncio.open_connection(HOST, self.port)
            writer.close()
            await writer.wait_closed()
            return True
        return False

    def _end_of_log(self) -> str:
        return (self.directory / "log").read_text("utf-8", "replace")[-300:]

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop the process and its child processes: with the given signal, and after three seconds with SIGKILL."""
        process, self._process = self._process, None
        if process is None:
            return
        _send(process.pid, signal.SIGCONT)
        _send(process.pid, number)
        with suppress(TimeoutError):
            async with asyncio.timeout(3.0):
                await process.wait()
        _send(process.pid, signal.SIGKILL)
        await process.wait()

    def freeze(self) -> None:
        """Suspend the process, so that it does not answer, like a server behind a network that drops all packets."""
        if self._process is not None:
            _send(self._process.pid, signal.SIGSTOP)


def _send(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)


class NatsServer(Server):
    """A nats-server with JetStream, one user with restricted permissions, and a small limit on the size of messages."""

    name = "nats-server"

    def command(self) -> list[str]:
        """Write the configuration, and return the command."""
        program = _program(self.name)
        if program is None:
            raise MissingError(self.name)
        (self.directory / "nats.conf").write_text(
            f'host: "{HOST}"\nport: {self.port}\nmax_payload: 1024\n'
            f"jetstream {{ store_dir: {json.dumps(str(self.directory / 'jetstream'))} }}\n"
            'authorization { users = [{ user: demo, password: secret, permissions: { publish: { deny: ["private.>"] } } }] }\n',
            "utf-8",
        )
        return [program, "-c", str(self.directory / "nats.conf")]


_PROSODY = """
run_as_root = true
daemonize = false
pidfile = {pidfile}
data_path = {data}
certificates = {certificates}
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
s2s_ports = {{}}
c2s_direct_tls_ports = {{}}
s2s_direct_tls_ports = {{}}
component_ports = {{}}
http_ports = {{}}
https_ports = {{}}
authentication = "internal_plain"
storage = "internal"
c2s_require_encryption = false
s2s_require_encryption = false
allow_unencrypted_plain_auth = true
log = {{ {{ levels = {{ min = "info" }}, to = "console" }} }}
modules_enabled = {{ "disco", "ping", "posix", "roster", "saslauth" }}
modules_disabled = {{ "s2s", "tls" }}
VirtualHost "localhost"
"""


class Prosody(Server):
    """A Prosody that serves `localhost` with one user."""

    name = "prosody"

    def command(self) -> list[str]:
        """Write the configuration and the account, and return the command."""
        accounts = self.directory / "data" / "localhost" / "accounts"
        accounts.mkdir(parents=True, exist_ok=True)
        (self.directory / "certs").mkdir(exist_ok=True)
        (accounts / "demo.dat").write_text('return { ["password"] = "secret" };\n', "utf-8")
        text = _PROSODY.format(
            pidfile=json.dumps(str(self.directory / "prosody.pid")),
            data=json.dumps(str(self.directory / "data")),
            certificates=json.dumps(str(self.directory / "certs")),
            port=self.port,
        )
        (self.directory / "prosody.cfg.lua").write_text(text, "utf-8")
        return [_program(self.name) or self.name, "-F", "--config", str(self.directory / "prosody.cfg.lua")]


class PyJabber(Server):
    """A pyjabber: an XMPP server in Python, which pip can install."""

    name = "pyjabber"

    def command(self) -> list[str]:
        """Return the command. The module that it runs configures the server."""
        return [
            sys.executable,
            "-m",
            "errnorm_adapters.tools.demo.pyjabber",
            str(self.port),
            str(_free_port()),
            str(self.directory),
        ]


def xmpp_server() -> Server:
    """
    Return a Prosody if it is installed, otherwise a pyjabber.

    Raises:
        MissingError: If neither is installed.
    """
    if _program("prosody"):
        return Prosody()
    need("pyjabber", "pyjabber")
    return PyJabber()
