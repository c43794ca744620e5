"""Socket errors of the operating system, as Python raises them. These scenarios need no NATS or XMPP server."""

from __future__ import annotations

import asyncio
import resource
import socket
import tempfile
from contextlib import nullcontext
from typing import TYPE_CHECKING

from tests.capture.recording import Seen, Station, after, exception_form
from tests.servers.ports import HOST, reserved_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

here = Station("CPython", lambda directory, _: nullcontext(directory))


def raised(*steps: Callable[[], object], closed: bool | None = None) -> Iterator[Seen]:
    """Take each step, and yield its exception; `closed` is the state of the connection, if there is one."""
    for step in steps:
        try:
            step()
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - what is looked for
            yield Seen("transport", "exception", exception_form(error), closed)


def connected() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a connection over TCP."""
    with socket.create_server((HOST, 0)) as listener:
        one = socket.create_connection(listener.getsockname())
        other, _ = listener.accept()
    return one, other


def _reset(end: socket.socket) -> None:
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    end.close()


@after("ECONNREFUSED", here)
def nothing_listens(_: Path) -> Iterator[Seen]:
    with reserved_port() as port:
        yield from raised(lambda: socket.create_connection((HOST, port)), lambda: asyncio.run(_opening(port)))


async def _opening(port: int) -> None:
    await asyncio.open_connection(HOST, port)


@after("ECONNRESET", here)
def the_other_side_resets(_: Path) -> Iterator[Seen]:
    one, other = connected()
    _reset(other)
    with one:
        yield from raised(lambda: one.recv(1), closed=True)


@after("EPIPE", here)
def written_to_nobody(_: Path) -> Iterator[Seen]:
    one, other = connected()
    with one, other:
        one.shutdown(socket.SHUT_WR)
        yield from raised(lambda: one.send(b"x"), closed=True)


@after("ENOTCONN", here)
def nothing_was_connected(_: Path) -> Iterator[Seen]:
    with socket.socket() as one:
        yield from raised(lambda: one.shutdown(socket.SHUT_WR))


def _full(listener: socket.socket) -> list[socket.socket]:
    """Fill the queue of a listener that accepts no connection, so that the next connection gets no answer."""
    waiting = [socket.socket() for _ in range(4)]
    for each in waiting:
        each.setblocking(False)  # noqa: FBT003 - the signature is Python's
        each.connect_ex(listener.getsockname())
    return waiting


@after("ETIMEDOUT", here)
def nobody_answers(_: Path) -> Iterator[Seen]:
    listener = socket.create_server((HOST, 0), backlog=0)
    waiting = _full(listener)
    one = socket.socket()
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 300)
    yield from raised(lambda: one.connect(listener.getsockname()))
    for each in (one, listener, *waiting):
        each.close()


@after("builtins.TimeoutError", here)
def patience_ends(_: Path) -> Iterator[Seen]:
    one, other = connected()
    with one, other:
        one.settimeout(0.1)
        yield from raised(lambda: one.recv(1), closed=None)


@after("EADDRINUSE", here)
def the_port_is_taken(_: Path) -> Iterator[Seen]:
    with socket.create_server((HOST, 0)) as listener, socket.socket() as one:
        yield from raised(lambda: one.bind(listener.getsockname()), lambda: asyncio.run(_serving(listener.getsockname()[1])))


async def _serving(port: int) -> None:
    await asyncio.start_server(lambda *_: None, HOST, port)


@after("EADDRNOTAVAIL", here)
def an_address_of_somebody_else(_: Path) -> Iterator[Seen]:
    with socket.socket() as one:
        yield from raised(lambda: one.bind(("192.0.2.1", 0)))


@after("what a socket cannot do", here, many=True)
def what_cannot_be_done(_: Path) -> Iterator[Seen]:
    inet, stream, datagram = socket.AF_INET, socket.SOCK_STREAM, socket.SOCK_DGRAM
    with socket.socket(inet, datagram) as one, socket.socket() as other:
        yield from raised(
            lambda: one.send(b"x"),
            lambda: one.sendto(b"x" * 70_000, (HOST, 9)),
            lambda: one.sendto(b"x", ("255.255.255.255", 9)),
            one.listen,
            lambda: other.setsockopt(socket.IPPROTO_TCP, 9999, 1),
            other.accept,
            lambda: socket.socket(12345),
            lambda: socket.socket(inet, stream, socket.IPPROTO_UDP),
            lambda: socket.socket(inet, socket.SOCK_RDM),
        )


@after("EPROTOTYPE", here)
def a_socket_of_another_type(_: Path) -> Iterator[Seen]:
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.bind(f"{short}/s")
        with socket.socket(socket.AF_UNIX) as other:
            yield from raised(lambda: other.connect(f"{short}/s"))


@after("waiting", here, many=True)
def not_yet(_: Path) -> Iterator[Seen]:
    one, other = connected()
    listener = socket.create_server((HOST, 0), backlog=0)
    waiting = _full(listener)
    with one, other, listener, socket.socket() as slow:
        one.setblocking(False)  # noqa: FBT003 - the signature is Python's
        slow.setblocking(False)  # noqa: FBT003 - the same
        place = listener.getsockname()
        yield from raised(lambda: one.recv(1), lambda: slow.connect(place), lambda: slow.connect(place), closed=False)
        yield from raised(lambda: one.connect(place), closed=False)
    for each in waiting:
        each.close()


@after("EBADF", here)
def used_after_closing(_: Path) -> Iterator[Seen]:
    one = socket.socket()
    one.close()
    yield from raised(lambda: one.send(b"x"), closed=True)


@after("ENOTSOCK", here)
def no_socket_at_all(_: Path) -> Iterator[Seen]:
    with tempfile.TemporaryFile() as file:
        yield from raised(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 0, file.fileno()))


@after("EMFILE", here)
def too_many_open_files(_: Path) -> Iterator[Seen]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        kept = list(raised(socket.socket))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    yield from kept


@after("what streams raise", here, many=True)
def streams(_: Path) -> Iterator[Seen]:
    def reading(data: bytes, limit: int = 64) -> asyncio.StreamReader:
        reader = asyncio.StreamReader(limit)
        reader.feed_data(data)
        reader.feed_eof()
        return reader

    async def incomplete() -> None:
        await reading(b"INFO").readuntil(b"\r\n")

    async def too_long() -> None:
        await reading(b"x" * 200).readuntil(b"\r\n")

    async def late() -> None:
        await asyncio.wait_for(asyncio.sleep(9), 0.05)

    async def cancelled() -> None:
        task = asyncio.ensure_future(asyncio.sleep(9))
        task.cancel()
        await task

    yield from raised(*(lambda made=made: asyncio.run(made()) for made in (incomplete, too_long, late, cancelled)))
