"""What a client meets: a running server, and the variables that tell the client how to reach it."""

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
    What a situation is made of while it lasts.

    Attributes:
        environment: Variables for the client: `SERVER_URL`, `NATS_LOGIN`, `CA` and the like.

        server: The server, where one runs.

        relay: What stands between client and server, where something does.
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
    """Make a certificate for this machine that ended at a time in the past."""
    files = issue(directory)
    authority = trustme.CA()
    issued = authority.issue_cert("localhost", "127.0.0.1", not_after=ended)
    authority.cert_pem.write_to_path(files.authority)
    issued.private_key_pem.write_to_path(files.key)
    files.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_and_cert_chain_pem.write_to_path(files.both)
    return files
