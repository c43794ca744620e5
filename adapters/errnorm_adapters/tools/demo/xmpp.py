"""
The demonstration of XMPP: provoke errors with slixmpp on a Prosody, or on a pyjabber if Prosody is not installed.

slixmpp raises an exception for a failed request and reports all other faults with events. `attach` reads these events. Each scene
reads them too, to show the message of slixmpp.

pyjabber differs from the standard, which limits the scenes. It gives every session a resource of its own choice, so two sessions
cannot conflict. It answers a request for an unknown namespace with an `<error/>` without the `<iq/>`, so the client waits until
the time-out. It stops without a stream error. It correctly refuses a stanza that is sent before the login.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, tostring

from errnorm_adapters.tools.demo.servers import HOST, Prosody, xmpp_server
from errnorm_adapters.tools.demo.stage import need
from errnorm_adapters.xmpp import attach

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from slixmpp import ClientXMPP

    from errnorm_adapters.tools.demo.servers import Server
    from errnorm_adapters.tools.demo.stage import Stage

__all__ = ["run"]

_PATIENCE = 4.0
_TRIES = 3
_EVENTS = ("session_start", "failed_auth", "failed_all_auth", "stream_error", "connection_failed", "disconnected")
# Namespaces and prefixes make the XML of an error long, and are not needed to understand it.
_NAMESPACES = re.compile(r'\s*(?:xmlns(?::\w+)?="[^"]*"|(?<=<)\w+:|(?<=</)\w+:)|\s(?=/>)')


async def run(stage: Stage, server: Server | None = None) -> None:
    """
    Show four errors of XMPP on a stage.

    Args:
        stage: The stage.
        server: A Prosody or a pyjabber that is not running yet; by default the one that is installed.
    """
    need("slixmpp", "slixmpp")
    async with server or xmpp_server() as running:
        stage.client, stage.server = "slixmpp", running.name
        proper = isinstance(running, Prosody)
        for scene in (_wrong_credentials, _unknown_service, _same_resource if proper else _too_early, _going_away):
            await _played(scene, stage, running)


async def _played(scene: Callable[[Stage, Server], Awaitable[None]], stage: Stage, server: Server) -> None:
    # A server can lose data that arrives right after STARTTLS and then wait for ever (seen with pyjabber). A new session helps.
    for _ in range(_TRIES - 1):
        try:
            return await scene(stage, server)
        except TimeoutError:
            stage.clear()
    return await scene(stage, server)


class _Session:
    """A client of slixmpp with an attached middleware, and its events with their data."""

    def __init__(self, stage: Stage, password: str, *, abort: bool) -> None:
        from slixmpp import ClientXMPP  # noqa: PLC0415 - installed only for the demonstration

        self.client: ClientXMPP = ClientXMPP("demo@localhost/desk", password)
        self.client.ssl_context = _trusting()
        self.client.plugin["feature_mechanisms"].unencrypted_plain = True
        self.happened = 0
        self.attachment = attach(stage.errors, self.client, abort=abort)
        self._events: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        for name in _EVENTS:
            self.client.add_event_handler(name, lambda data, name=name: self._happened(name, data))

    def _happened(self, name: str, data: object) -> None:
        self.happened += 1
        self._events.put_nowait((name, data))

    def write(self, data: bytes) -> None:
        """Write to the socket without slixmpp's queue, if the client is connected."""
        if self.client.transport is not None:
            self.client.transport.write(data)

    async def wait_for(self, *names: str) -> str:
        """Wait for one of these events, and return its name and data as a program would log them."""
        async with asyncio.timeout(_PATIENCE):
            while True:
                name, data = await self._events.get()
                if name in names:
                    return f"{name}: {_brief(data)}"


def _trusting() -> ssl.SSLContext:
    # pyjabber has just created this certificate on this machine, so nothing can verify it.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@asynccontextmanager
async def _session(
    stage: Stage,
    server: Server,
    password: str = "secret",  # noqa: S107 - for a server that runs for seconds
    *,
    tls: bool = True,
    abort: bool = False,
) -> AsyncGenerator[_Session]:
    session = _Session(stage, password, abort=abort)
    session.client.enable_direct_tls = False
    session.client.enable_starttls = tls
    session.client.enable_plaintext = True
    session.client.connect(HOST, server.port)
    try:
        yield session
    finally:
        session.attachment.detach()
        session.client.abort()
        # abort() cancels tasks, which need a moment to end.
        await asyncio.sleep(0.1)


def _brief(data: object) -> str:
    """Return the text of an event or an exception: XML without namespaces, and only the error element of a stanza."""
    if isinstance(data, BaseException):
        stanza = getattr(data, "iq", None)
        return f"{type(data).__name__}: {data if stanza is None else _brief(stanza)}"
    element = getattr(data, "xml", None)
    if element is None:
        return str(data)
    inner = next((child for child in element if child.tag.endswith("}error")), element)
    return _NAMESPACES.sub("", tostring(inner, "unicode"))


async def _wrong_credentials(stage: Stage, server: Server) -> None:
    async with _session(stage, server, "wrong", abort=True) as session:
        said = await session.wait_for("failed_auth")
        await session.wait_for("disconnected")
        await stage.caught(_PATIENCE)
        told = f"get other credentials ({session.happened} events, {stage.count} report)"
    stage.close("log in with a wrong password", ["auth.rejected"], said, told)


async def _unknown_service(stage: Stage, server: Server) -> None:
    said = ""
    async with _session(stage, server) as session:
        await session.wait_for("session_start")
        request = session.client.make_iq_set(ito="localhost")
        request.append(Element("{urn:example:weather}query"))
        try:
            async with stage.errors.guard("xmpp", operation="request"):
                await request.send(timeout=3)  # type: ignore[no-untyped-call]
        except Exception as error:  # noqa: BLE001 - any exception is shown
            said = _brief(error)
    stage.close("ask for a service that is not there", ["transport.unavailable", "transport.timeout"], said)


async def _same_resource(stage: Stage, server: Server) -> None:
    async with _session(stage, server) as first:
        await first.wait_for("session_start")
        async with _session(stage, server) as second:
            await second.wait_for("session_start")
            said = await first.wait_for("stream_error")
            await stage.caught(_PATIENCE)
    stage.close("log in twice with the same name", ["shutdown.replaced"], said, "use another name for the second client")


async def _too_early(stage: Stage, server: Server) -> None:
    async with _session(stage, server, tls=False) as session:
        # The stanza is sent in place of the first step after the stream's features. If the client went on by itself, chance would
        # decide which fault comes first. slixmpp's send_raw() holds data back until the login, so the scene writes to the socket.
        def instead(_: object) -> bool:
            session.write(b"<presence/>")
            return True

        session.client.register_feature("starttls", instead, restart=True, order=0)
        said = await session.wait_for("stream_error")
        await stage.caught(_PATIENCE)
    stage.close("send a stanza before the login", ["auth.required", "auth.rejected"], said)


async def _going_away(stage: Stage, server: Server) -> None:
    async with _session(stage, server) as session:
        await session.wait_for("session_start")
        await server.stop()
        said = await session.wait_for("stream_error", "disconnected")
        await stage.caught(_PATIENCE)
        decision = session.attachment.health().decision
    pause = "" if decision is None or decision.delay is None else f"in {decision.delay:.1f} s, because all clients come back"
    stage.close("stop the server", ["shutdown.server", "transport.refused", "transport.lost"], said, pause)
