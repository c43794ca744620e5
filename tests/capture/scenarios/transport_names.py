"""Errors of resolvers: the resolver of the system, and c-ares through aiodns."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import aiodns

from tests.capture.recording import Seen, after
from tests.capture.scenarios.transport_sockets import here, raised
from tests.servers.ports import HOST

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

# RFC 1035 4.1.1: the codes with which a name server answers instead of a record.
RCODES = {"ARES_EFORMERR": 1, "ARES_ESERVFAIL": 2, "ARES_ENOTFOUND": 3, "ARES_ENOTIMP": 4, "ARES_EREFUSED": 5, "ARES_ENODATA": 0}


@after("names", here, many=True)
def names(_: Path) -> Iterator[Seen]:
    ask = socket.getaddrinfo
    yield from raised(
        lambda: ask("no number", 1, flags=socket.AI_NUMERICHOST),
        lambda: ask(HOST, "no-such-service"),
        lambda: ask(HOST, 1, family=socket.AF_UNIX),
        lambda: ask(HOST, 1, type=99),
        lambda: ask(HOST, 1, flags=-1),
        lambda: ask("::1", 1, family=socket.AF_INET, flags=socket.AI_NUMERICHOST),
    )


@contextmanager
def _name_server(rcode: int) -> Generator[int]:
    """Run a name server that answers every question with a code; yield its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((HOST, 0))
        server.settimeout(0.1)
        over = threading.Event()

        def answer() -> None:
            while not over.is_set():
                try:
                    question, peer = server.recvfrom(4096)
                except TimeoutError:
                    continue
                # The header says one question and no additional record: EDNS is left out of what comes back.
                end = question.index(b"\0", 12) + 5
                server.sendto(question[:2] + struct.pack(">HHHHH", 0x8180 | rcode, 1, 0, 0, 0) + question[12:end], peer)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join()


def _ask(port: int, name: str = "example.invalid") -> None:
    asyncio.run(_resolve(name, port))


async def _resolve(name: str, port: int) -> None:
    resolver = aiodns.DNSResolver(nameservers=[f"{HOST}:{port}"], timeout=0.2, tries=1)
    try:
        await resolver.query(name, "A")
    finally:
        await resolver.close()


@after("answers of name servers", here, by="aiodns", many=True)
def answers(_: Path) -> Iterator[Seen]:
    for rcode in RCODES.values():
        with _name_server(rcode) as port:
            yield from raised(partial(_ask, port))


@after("no name server", here, by="aiodns", many=True)
def no_name_server(_: Path) -> Iterator[Seen]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind((HOST, 0))
        yield from raised(partial(_ask, deaf.getsockname()[1]))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reserved:
        reserved.bind((HOST, 0))
        reserved.connect((HOST, 1))  # so the system refuses what anybody else sends to its port
        port = reserved.getsockname()[1]
        yield from raised(partial(_ask, port), partial(_ask, port, "a..b"))
