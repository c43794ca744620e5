"""Errors of TLS: certificates that are not trusted, incompatible versions and ciphers, and each alert of OpenSSL."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import trustme

from tests.capture.recording import Seen, after
from tests.capture.scenarios.transport_sockets import connected, here, raised
from tests.servers.ports import HOST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAST = datetime(2020, 1, 1, tzinfo=UTC)
LONG_PAST = datetime(2019, 1, 1, tzinfo=UTC)
FUTURE = datetime(2090, 1, 1, tzinfo=UTC)
FAR_FUTURE = datetime(2091, 1, 1, tzinfo=UTC)


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """Return a TLS context for a client that trusts an authority."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def serving(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """Return a TLS context for a server with a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def both(client: ssl.SSLContext, server: ssl.SSLContext, name: str = "localhost") -> Iterator[Seen]:
    """Do a handshake, continue to read, and yield the exceptions of the client and of the server."""
    one, other = connected()
    found: list[Seen] = []

    def serve() -> None:
        server.wrap_socket(other, server_side=True).close()

    def call() -> None:
        with client.wrap_socket(one, server_hostname=name) as secured:
            secured.recv(1)  # what a server thinks of a certificate comes after the handshake of TLS 1.3

    def answer() -> None:
        found.extend(raised(serve))

    one.settimeout(5)
    other.settimeout(5)
    thread = threading.Thread(target=answer)
    thread.start()
    yield from raised(call)
    one.close()
    thread.join()
    other.close()
    yield from found


@after("CERTIFICATE_VERIFY_FAILED", here, many=True)
def not_believed(_: Path) -> Iterator[Seen]:
    authority, other = trustme.CA(), trustme.CA()
    issue = authority.issue_cert
    yield from both(trusting(authority), serving(issue("localhost", not_before=LONG_PAST, not_after=PAST)))
    yield from both(trusting(authority), serving(issue("localhost", not_before=FUTURE, not_after=FAR_FUTURE)))
    yield from both(trusting(authority), serving(issue("elsewhere.example")))
    yield from both(trusting(authority), serving(issue("localhost")), HOST)
    yield from both(trusting(other), serving(issue("localhost")))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with authority.private_key_pem.tempfile() as key, authority.cert_pem.tempfile() as certificate:
        context.load_cert_chain(certificate, key)
    yield from both(trusting(other), context)


@after("client certificates", here, many=True)
def client_certificates(_: Path) -> Iterator[Seen]:
    authority, other = trustme.CA(), trustme.CA()
    server = serving(authority.issue_cert("localhost"))
    server.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(server)
    yield from both(trusting(authority), server)
    known = trusting(authority)
    other.issue_cert("me").configure_cert(known)
    yield from both(known, server)
    late = trusting(authority)
    authority.issue_cert("me", not_before=LONG_PAST, not_after=PAST).configure_cert(late)
    yield from both(late, server)


@after("versions and ciphers", here, many=True)
def nothing_in_common(_: Path) -> Iterator[Seen]:
    authority = trustme.CA()
    client, server = trusting(authority), serving(authority.issue_cert("localhost"))
    client.minimum_version, server.maximum_version = ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2
    yield from both(client, server)
    client, server = trusting(authority), serving(authority.issue_cert("localhost"))
    client.maximum_version = server.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384")
    server.set_ciphers("ECDHE-ECDSA-CHACHA20-POLY1305")
    yield from both(client, server)


@after("no TLS", here, many=True)
def no_tls(_: Path) -> Iterator[Seen]:
    authority = trustme.CA()
    server = serving(authority.issue_cert("localhost"))
    for greeting in (b"INFO {}\r\n" * 4, b"GET / HTTP/1.1\r\n\r\n"):
        one, other = connected()
        with one, other:
            other.sendall(greeting)
            yield from raised(partial(trusting(authority).wrap_socket, one, server_hostname="localhost"))
        one, other = connected()
        with one, other:
            one.sendall(greeting)
            yield from raised(partial(server.wrap_socket, other, server_side=True))


@after("ends", here, many=True)
def ends(_: Path) -> Iterator[Seen]:
    authority = trustme.CA()
    one, other = connected()
    other.close()
    with one:
        yield from raised(lambda: trusting(authority).wrap_socket(one, server_hostname="localhost"))
    one, other = connected()
    with one, other:
        one.setblocking(False)  # noqa: FBT003 - the signature is Python's
        secured = trusting(authority).wrap_socket(one, server_hostname="localhost", do_handshake_on_connect=False)
        yield from raised(secured.do_handshake)
        secured.close()

    async def slow(port: int) -> None:
        await asyncio.open_connection(HOST, port, ssl=trusting(authority), server_hostname="localhost", ssl_handshake_timeout=0.2)

    with socket.create_server((HOST, 0)) as deaf:
        yield from raised(lambda: asyncio.run(slow(deaf.getsockname()[1])))


@after("alerts", here, many=True)
def alerts(_: Path) -> Iterator[Seen]:
    """Send each alert: OpenSSL sends the alert that the callback for the server's name returns."""
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    for alert in ssl.AlertDescription:
        server = serving(certificate)
        server.sni_callback = lambda *_, alert=alert: alert
        yield from (one for one in both(trusting(authority), server) if "alert" in str(one.value).lower())
