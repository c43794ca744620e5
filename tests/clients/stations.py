"""The surroundings of a client: a running server, and the environment variables with its address."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import trustme

from tests.clients.relay import Relay
from tests.servers.certificates import Certificates, issue

if TYPE_CHECKING:
    from collections.abc import Generator
    from datetime import datetime
    from pathlib import Path


@dataclass
class Place:
    """
    The parts of a running situation.

    Attributes:
        environment: Environment variables for the client: `SERVER_URL`, `NATS_LOGIN`, `CA` and so on.

        server: The server; `None` if the situation has none.

        relay: The relay between client and server; `None` if the situation has none.
    """

    environment: dict[str, str] = field(default_factory=dict)
    server: Any = None
    relay: Any = None


@contextmanager
def relayed(place: Place, url: str) -> Generator[Place]:
    """Put a relay before a server; `url` has a place for the port, `nats://127.0.0.1:{port}`."""
    with Relay(place.server.port) as relay:
        environment = {**place.environment, "SERVER_URL": url.format(port=relay.port)}
        yield Place(environment, place.server, relay)


def issue_expired(directory: Path, ended: datetime) -> Certificates:
    """Create a certificate for this machine that has already expired."""
    files = issue(directory)
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1", not_after=ended)
    authority.cert_pem.write_to_path(files.authority)
    issued.private_key_pem.write_to_path(files.key)
    files.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_and_cert_chain_pem.write_to_path(files.both)
    return files
