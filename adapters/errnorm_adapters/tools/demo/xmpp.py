"""
What goes wrong with XMPP: things that are made to happen between slixmpp and a Prosody, or a pyjabber where that is missing.

slixmpp raises for a request that failed; everything else it tells by events, which are collected here.

pyjabber differs from the standard in ways that decide what can be shown with it. It gives every session a resource of its own
choice, so that no two can collide; a request for a namespace it does not know gets an `<error/>` without its `<iq/>`, so that the
client waits in vain; and it stops without a word. What it does refuse properly is a stanza that comes too early.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element

from errnorm_adapters.tools.demo.servers import HOST, Prosody, xmpp_server

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from slixmpp import ClientXMPP

    from errnorm_adapters.tools.demo.servers import Server
    from errnorm_adapters.tools.demo.stage import Stage

__all__ = ["run"]

_PATIENCE = 4.0
_TRIES = 3
_EVENTS = ("session_start", "failed_auth", "failed_all_auth", "stream_error", "connection_failed", "disconnected")


async def run(stage: Stage, server: Server | None = None) -> None:
    """
    Show four errors of XMPP on a stage.

    Args:
        stage: The stage.
        server: A Prosody or a pyjabber that is not running yet; whichever is installed if not given.
    """
    async with server or xmpp_server() as running:
        proper = isinstance(running, Prosody)
        for scene in (_wrong_credentials, _unknown_service, _same_resource if proper else _too_early, _going_away):
            await _played(scene, stage, running)


async def _played(scene: Callable[[Stage, Server], Awaitable[None]], stage: Stage, server: Server) -> None:
    # A server can lose what comes right after STARTTLS, as pyjabber was seen to do, and wait for ever: a new session mends it.
    for _ in range(_TRIES - 1):
        try:
            return await scene(stage, server)
        except TimeoutError:
            continue
    return await scene(stage, server)


class _Session:
    """A client of slixmpp, and the events it had, each with what came with it."""

    def __init__(self, password: str) -> None:
        from slixmpp import ClientXMPP  # noqa: PLC0415 - installed only for the demonstration

        self.client: ClientXMPP = ClientXMPP("demo@localhost/desk", password)
        self.client.ssl_context = _trusting()
        self.client.plugin["feature_mechanisms"].unencrypted_plain = True
        self._events: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        for name in _EVENTS:
            self.client.add_event_handler(name, lambda data, name=name: self._events.put_nowait((name, data)))

    def write(self, data: bytes) -> None:
        """Write past the client, if it is connected."""
        if self.client.transport is not None:
            self.client.transport.write(data)

    async def wait_for(self, *names: str) -> Any:  # noqa: ANN401 - what slixmpp passes differs with the event
        """Wait until one of these events has come, and return what came with it."""
        async with asyncio.timeout(_PATIENCE):
            while True:
                name, data = await self._events.get()
                if name in names:
                    return data


def _trusting() -> ssl.SSLContext:
    # The certificate is pyjabber's own, made a second ago on this machine.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@asynccontextmanager
async def _session(server: Server, password: str = "secret", *, tls: bool = True) -> AsyncGenerator[_Session]:  # noqa: S107
    session = _Session(password)
    session.client.enable_direct_tls = False
    session.client.enable_starttls = tls
    session.client.enable_plaintext = True
    session.client.connect(HOST, server.port)
    try:
        yield session
    finally:
        session.client.abort()
        # abort() cancels tasks, and they want a moment to notice.
        await asyncio.sleep(0.1)


def _said(event: str, data: object) -> str:
    return f"{event}: {data if not isinstance(data, BaseException) else f'{type(data).__name__}: {data}'}"


async def _wrong_credentials(stage: Stage, server: Server) -> None:
    async with _session(server, "wrong") as session:
        failure = await session.wait_for("failed_auth")
        stage.errors.report(failure.xml, "xmpp", operation="connect", client="tries the next mechanism")
        await session.wait_for("failed_all_auth")
    stage.close("log in with a wrong password", ["auth.rejected"], _said("failed_auth", failure))


async def _asked(stage: Stage, server: Server, to: str, payload: Element) -> object:
    async with _session(server) as session:
        await session.wait_for("session_start")
        request = session.client.make_iq_set(ito=to)
        request.append(payload)
        try:
            async with stage.errors.guard("xmpp", operation="request"):
                await request.send(timeout=3)  # type: ignore[no-untyped-call]
        except Exception as error:  # noqa: BLE001 - whatever it is, it is shown
            return error
    return None


async def _unknown_service(stage: Stage, server: Server) -> None:
    said = await _asked(stage, server, "localhost", Element("{urn:example:weather}query"))
    stage.close("ask for a service that is not there", ["transport.unavailable", "transport.timeout"], said)


async def _same_resource(stage: Stage, server: Server) -> None:
    async with _session(server) as first:
        await first.wait_for("session_start")
        async with _session(server) as second:
            await second.wait_for("session_start")
            error = await first.wait_for("stream_error")
            stage.errors.report(error.xml, "xmpp", operation="stream", client="closed")
    stage.close("log in twice as the same resource", ["shutdown.replaced"], _said("stream_error", error))


async def _too_early(stage: Stage, server: Server) -> None:
    async with _session(server, tls=False) as session:
        # send_raw() keeps it back until the login is done, so it is written past slixmpp, after its stream header.
        loop = asyncio.get_running_loop()
        session.client.add_event_handler("connected", lambda _: loop.call_soon(session.write, b"<presence/>"))
        error = await session.wait_for("stream_error")
        stage.errors.report(error.xml, "xmpp", operation="stream", client="closed")
    stage.close("send a stanza before the login", ["auth.required", "auth.rejected"], _said("stream_error", error))


async def _going_away(stage: Stage, server: Server) -> None:
    async with _session(server) as session:
        await session.wait_for("session_start")
        await server.stop()
        seen = await session.wait_for("stream_error", "disconnected")
        event = "stream_error"
        if not hasattr(seen, "xml"):
            # It went without a word; the next attempt to connect says more.
            session.client.connect(HOST, server.port)
            seen, event = await session.wait_for("connection_failed"), "connection_failed"
        raw = getattr(seen, "xml", seen)
        stage.errors.report(raw, "xmpp", operation="stream", client="closed", idempotent=True)
    stage.close("stop the server", ["shutdown.server", "transport.refused", "transport.lost"], _said(event, seen))
