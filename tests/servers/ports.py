"""
Reserve ports: a socket of this process stays bound to each of them for as long as it is needed.

Another process can take a free port before a server binds it: for another server, or as the local port of a connection. A socket
that is bound with `SO_REUSEADDR` and does not listen prevents both. Linux never assigns its port to a process that asks for any
free port, and refuses connections to it. A server that asks for this very port, with `SO_REUSEADDR` as all of them do, can still
bind it and listen.
"""

from __future__ import annotations

import socket
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

HOST = "127.0.0.1"


def reserve(owner: object) -> int:
    """Return a port that is reserved until its owner, a server that will listen on it, is garbage-collected."""
    holder = _bound()
    weakref.finalize(owner, holder.close)
    port: int = holder.getsockname()[1]
    return port


@contextmanager
def reserved_port() -> Generator[int]:
    """Yield a port that is reserved inside the block. It refuses connections until a server listens on it."""
    with _bound() as holder:
        yield holder.getsockname()[1]


def _bound() -> socket.socket:
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind((HOST, 0))
    return holder
