"""A raw connection, which shows the data on the wire that a client library would hide."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl


class Wire:
    """
    A connection that keeps everything it has read; a context manager.

    Attributes:
        read: All bytes that were received so far.

        closed: Whether the other side has closed, or reset, the connection.
    """

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), timeout=30)
        self.read = b""
        self.closed = False

    def secure(self, context: ssl.SSLContext, name: str = "localhost") -> None:
        """Switch the connection to TLS."""
        self._socket = context.wrap_socket(self._socket, server_hostname=name)

    def send(self, data: bytes) -> None:
        """Send bytes. If the connection is closed, this does not raise; the next read shows it."""
        try:
            self._socket.sendall(data)
        except OSError:
            self.closed = True

    def until(self, mark: bytes, seconds: float = 120.0) -> bytes:
        """
        Read until a mark arrives in the data after the last call.

        Raises:
            AssertionError: If the mark has not arrived in time, or before the connection closed.
        """
        start, deadline = len(self.read), time.monotonic() + seconds
        while mark not in self.read[start:]:
            if not self._receive(deadline):
                message = f"{mark!r} did not come (closed: {self.closed}); all that did: {self.read!r}"
                raise AssertionError(message)
        return self.read[start:]

    def until_closed(self, seconds: float = 120.0) -> bytes:
        """Read until the other side closes or the time is over (`closed` shows which); return the data of this call."""
        start, deadline = len(self.read), time.monotonic() + seconds
        while self._receive(deadline):
            pass
        return self.read[start:]

    def _receive(self, deadline: float) -> bool:
        left = deadline - time.monotonic()
        if self.closed or left <= 0:
            return False
        self._socket.settimeout(left)
        try:
            data = self._socket.recv(65536)
        except TimeoutError:
            return False
        except OSError:
            data = b""
        self.read += data
        self.closed = not data
        return bool(data)

    def close(self) -> None:
        """Close this side."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
