"""
Ports that stay reserved, because a socket of this process is bound to them for as long as they are needed.

A port that was free a moment ago may be taken before a server binds it: by another server, or as the local port of somebody's
connection. A socket that is bound with `SO_REUSEADDR` and does not listen prevents both. Linux never gives its port to anyone who
asks for any port, and refuses connections to it; a server that names the port, and sets `SO_REUSEADDR` as they all do, can still
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
    """Return a port that is reserved until its owner, a server that will listen there, is garbage."""
    holder = _bound()
    weakref.finalize(owner, holder.close)
    port: int = holder.getsockname()[1]
    return port


@contextmanager
def reserved_port() -> Generator[int]:
    """Yield a port that is reserved inside the block, and that refuses every connection until somebody listens there."""
    with _bound() as holder:
        yield holder.getsockname()[1]


def _bound() -> socket.socket:
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind((HOST, 0))
    return holder
