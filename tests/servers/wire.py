"""A raw connection: what really stands on the wire, without a client library that would hide some of it."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl


class Wire:
    """
    A connection that remembers everything it has read; a context manager.

    Attributes:
        read: All bytes that came so far.

        closed: Whether the other side has closed, or reset, the connection.
    """

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), timeout=30)
        self.read = b""
        self.closed = False

    def secure(self, context: ssl.SSLContext, name: str = "localhost") -> None:
        """Go on under TLS."""
        self._socket = context.wrap_socket(self._socket, server_hostname=name)

    def send(self, data: bytes) -> None:
        """Send bytes; a connection that is closed already is noticed when reading."""
        try:
            self._socket.sendall(data)
        except OSError:
            self.closed = True

    def until(self, mark: bytes, seconds: float = 120.0) -> bytes:
        """
        Read until a mark has come, counted from the last call.

        Raises:
            AssertionError: If the time is over or the connection closed before it came.
        """
        start, deadline = len(self.read), time.monotonic() + seconds
        while mark not in self.read[start:]:
            if not self._receive(deadline):
                message = f"{mark!r} did not come (closed: {self.closed}); all that did: {self.read!r}"
                raise AssertionError(message)
        return self.read[start:]

    def until_closed(self, seconds: float = 120.0) -> bytes:
        """Read until the other side closes, or the time is over: `closed` tells which; return what came in this call."""
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
