"""Create a certificate authority for one test, and a certificate of it for this machine."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Certificates:
    """
    Paths of PEM files.

    Attributes:
        authority: The certificate of the authority, which a client trusts.

        certificate: The chain of the server.

        key: The key of the server.

        both: Key and chain in one file, as ejabberd wants them.
    """

    authority: Path
    certificate: Path
    key: Path
    both: Path

    def client_context(self) -> ssl.SSLContext:
        """Return a TLS context for a client that trusts the authority."""
        return ssl.create_default_context(cafile=str(self.authority))


def issue(directory: Path, *names: str) -> Certificates:
    """Create an authority and one certificate for the given names; without names for `localhost` and `127.0.0.1`."""
    directory.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    # Not the 3000 of trustme: ejabberd sets a timer for the end of each certificate, and cannot set one for so long.
    issued = authority.issue_cert(*(names or ("localhost", "127.0.0.1")), not_after=datetime.now(UTC) + timedelta(days=30))
    files = Certificates(*(directory / name for name in ("ca.pem", "server.pem", "server.key", "both.pem")))
    authority.cert_pem.write_to_path(files.authority)
    issued.private_key_pem.write_to_path(files.key)
    files.key.chmod(0o600)
    files.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_and_cert_chain_pem.write_to_path(files.both)
    return files
