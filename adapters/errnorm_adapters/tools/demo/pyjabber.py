"""
Run a pyjabber on 127.0.0.1: `python -m errnorm_adapters.tools.demo.pyjabber CLIENT_PORT SERVER_PORT DIRECTORY`.

This module starts pyjabber, because its own command line serves HTTP on a fixed port, also listens on the public address of the
machine, writes its certificate into site-packages, and cannot create a user.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

__all__ = ["main"]

_ROUNDS = 10_000
_PLUGINS = ["http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/pubsub", "jabber:iq:register"]
_PUBSUB = {"name": "", "category": "pubsub", "type": "service", "var": "http://jabber.org/protocol/pubsub", "extra": {}}
_ITEMS: Any = {"pubsub.$": _PUBSUB}  # pyjabber accepts more than its annotation allows


def main(client_port: int, server_port: int, directory: Path) -> None:
    """
    Serve until the process is terminated.

    Args:
        client_port: The port for clients.
        server_port: The port for other servers.
        directory: The directory for the certificate.
    """
    # The package contains the authority that signs the certificate, but pyjabber looks for it in the certificate's directory.
    for name in ("ca_cert.pem", "ca_key.pem"):
        (directory / name).write_bytes((files("pyjabber") / "network" / "certs" / name).read_bytes())

    import uvloop  # noqa: PLC0415 - installed only for the demonstration
    from pyjabber.server import Server  # noqa: PLC0415
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
        # pyjabber has no parameter for listening on one address only.
        server._public_ip = None  # noqa: SLF001
        serving = asyncio.create_task(server.start())
        await server.ready.wait()
        await _add_user("demo", "secret")
        await serving

    # pyjabber is written for uvloop: with asyncio's own event loop it loses data that arrives right after STARTTLS.
    uvloop.run(serve())


async def _add_user(name: str, password: str) -> None:
    # The hash has the form that pyjabber's SASL module stores and reads.
    from pyjabber.db.database import DB  # noqa: PLC0415
    from pyjabber.db.model import Model  # noqa: PLC0415
    from sqlalchemy import insert  # noqa: PLC0415

    salt = os.urandom(16)
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ROUNDS)
    stored = f"sha256${_ROUNDS}${salt.hex()}${digest.hex()}"
    async with await DB.connection_async() as connection, connection.begin():
        await connection.execute(insert(Model.Credentials).values({"jid": name, "hash_pwd": stored}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
