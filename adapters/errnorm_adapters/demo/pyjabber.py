"""
Run a pyjabber on 127.0.0.1: `python -m errnorm_adapters.demo.pyjabber CLIENT_PORT SERVER_PORT DIRECTORY`.

Its own command line serves HTTP on a fixed port, listens on the address of the machine too, keeps its certificate in
site-packages, and has no way to make a user. So it is started from here.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

__all__ = ["main"]

_PLUGINS = ["http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/pubsub", "jabber:iq:register"]
_ITEMS = {"pubsub.$": {"name": "", "category": "pubsub", "type": "service", "var": "http://jabber.org/protocol/pubsub", "extra": {}}}


def main(client_port: int, server_port: int, directory: Path) -> None:
    """
    Serve until the process is told to stop.

    Args:
        client_port: Where clients connect.
        server_port: Where other servers would.
        directory: For its certificate.
    """
    from pyjabber.server import Server  # noqa: PLC0415 - installed only for the demonstration
    from pyjabber.server_parameters import Parameters  # noqa: PLC0415

    async def serve() -> None:
        server = Server(
            Parameters(
                host="localhost",
                client_port=client_port,
                server_port=server_port,
                database_in_memory=True,
                cert_path=str(directory),
                plugins=_PLUGINS,
                items=_ITEMS,
            )
        )
        # It has no parameter to listen on one address only.
        server._public_ip = None  # noqa: SLF001
        await server.start()

    asyncio.run(serve())


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
