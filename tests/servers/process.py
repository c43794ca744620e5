"""The base class of all servers: a process with a directory, ports and a log."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, Self

from tests.servers.ports import HOST, reserve
from tests.servers.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"))
STARTED: list[Server] = []
"""The servers that the current test has started. A failing test prints their logs."""


class ServerError(Exception):
    """A server did not start, stop or execute a command. The message contains the end of its log."""


def wait_until(happened: Callable[[], object], seconds: float = 120.0, *, what: str = "it") -> None:
    """Check repeatedly whether a condition holds; raise if it does not within the given time."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            message = f"{what} did not happen within {seconds} s"
            raise ServerError(message)
        time.sleep(0.02)


class Server:
    """A process of a server; a context manager."""

    name: ClassVar[str]
    patience: ClassVar[float] = 60.0

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.port = reserve(self)
        self.log_path = directory / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._wires: list[Wire] = []

    def command(self) -> list[str]:
        """Return the program and its arguments."""
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        """Return additional environment variables for the process."""
        return {}

    def ports(self) -> tuple[int, ...]:
        """Return the ports that must answer before the server counts as ready."""
        return (self.port,)

    def prepare(self) -> None:
        """Write the files that the server reads when it starts."""

    def settle(self) -> None:
        """Do the work that needs a running server, such as creating users; called after each start."""

    def start(self) -> Self:
        """Start the server, and wait until it answers. After `stop` or `kill` it uses the same ports and data again."""
        self.prepare()
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.directory,
                env={**os.environ, "PATH": PATH, **self.environment()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if self not in STARTED:
            STARTED.append(self)
        try:
            self._await_ports()
            self.settle()
        except BaseException:
            self.kill()
            raise
        return self

    def _await_ports(self) -> None:
        try:
            wait_until(self._is_ready, self.patience, what="the start")
        except ServerError as error:
            message = f"{self.name}: {error}\n{self.log(40)}"
            raise ServerError(message) from None

    def _is_ready(self) -> bool:
        if not self.is_running:
            message = f"it ended with exit code {self.process.returncode}"
            raise ServerError(message)
        return all(answers(port) for port in self.ports())

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process, running or not."""
        if self._process is None:
            message = f"{self.name} was never started"
            raise ServerError(message)
        return self._process

    @property
    def is_running(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self.process.send_signal(number)

    def stop(self, seconds: float = 10.0) -> None:
        """Stop the server as an operator would; kill it if it does not stop within the given time."""
        if self.is_running:
            self.signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """Kill the server and its child processes (`kill -9`)."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(self.patience)

    def restart(self) -> None:
        """Stop the server and start it again on the same ports."""
        self.stop()
        self.start()

    def log(self, lines: int | None = None) -> str:
        """Return the log of the server, or its last lines."""
        text = self.log_path.read_text("utf-8", "replace") if self.log_path.exists() else ""
        return text if lines is None else "\n".join(text.splitlines()[-lines:])

    def wait_for_log(self, text: str, count: int = 1, seconds: float = 120.0) -> None:
        """Wait until the log contains a text the given number of times."""
        wait_until(lambda: self.log().count(text) >= count, seconds, what=f"{text!r} in the log of {self.name}")

    def dial(self, port: int | None = None) -> Wire:
        """Open a raw connection. It is closed together with the server, unless the test closes it before."""
        self._wires.append(Wire(HOST, port or self.port))
        return self._wires[-1]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        for wire in self._wires:
            wire.close()
        self.stop()


def answers(port: int) -> bool:
    """Return whether a process listens on a port of this machine."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True
