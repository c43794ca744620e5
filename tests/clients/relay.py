"""A TCP relay on loopback that can delay or stop data, to simulate a bad network."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self

from tests.servers.ports import HOST


class Relay:
    """
    A context manager that relays each connection to a port of this machine.

    Attributes:
        port: The port for clients.

        upstream: If cleared, the relay holds back data of the clients.

        downstream: If cleared, the relay holds back data of the server.
    """

    def __init__(self, target: int) -> None:
        self.upstream = threading.Event()
        self.downstream = threading.Event()
        self.upstream.set()
        self.downstream.set()
        self._target = target
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection((HOST, self._target), timeout=30)
                self._sockets += [client, server]
                for source, sink, gate in ((client, server, self.upstream), (server, client, self.downstream)):
                    threading.Thread(target=_copy, args=(source, sink, gate), daemon=True).start()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for one in self._sockets:
            one.close()


def _copy(source: socket.socket, sink: socket.socket, gate: threading.Event) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            gate.wait(30)
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
