"""
Run a pyjabber on 127.0.0.1: `python -m errnorm_adapters.tools.demo.pyjabber CLIENT_PORT SERVER_PORT DIRECTORY`.

Its own command line serves HTTP on a fixed port, listens on the address of the machine too, keeps its certificate in
site-packages, and has no way to make a user. So it is started from here.
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
_ITEMS: Any = {"pubsub.$": _PUBSUB}  # pyjabber declares less than it takes


def main(client_port: int, server_port: int, directory: Path) -> None:
    """
    Serve until the process is told to stop.

    Args:
        client_port: Where clients connect.
        server_port: Where other servers would.
        directory: For its certificate.
    """
    # The authority that signs the certificate comes with the package, and is looked for where the certificate goes.
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
        # It has no parameter to listen on one address only.
        server._public_ip = None  # noqa: SLF001
        serving = asyncio.create_task(server.start())
        await server.ready.wait()
        await _add_user("demo", "secret")
        await serving

    # It is made for uvloop: with asyncio's own loop it loses what comes right after STARTTLS.
    uvloop.run(serve())


async def _add_user(name: str, password: str) -> None:
    # In the form in which its SASL module stores and reads it.
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
