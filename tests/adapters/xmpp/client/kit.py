"""What the tests of XMPP clients share: clients of slixmpp, an emitter that remembers, and a server that follows a script."""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import slixmpp
from slixmpp.plugins.xep_0045 import XEP_0045

from errnorm import Middleware, RetryPolicy
from errnorm_adapters.xmpp import attach
from tests.servers.ports import HOST

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from errnorm.fault import Fault
    from errnorm_adapters.xmpp.client import XmppAttachment

PATIENCE = 120.0
QUIET = 0.3
HEADER = (
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "
    "id='1' from='localhost' version='1.0'>"
)
MECHANISMS = (
    "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"
    "<mechanism>PLAIN</mechanism></mechanisms></stream:features>"
)
SUCCESS = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
BIND = "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>"
BOUND = "<iq type='result' id='{id}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>alice@localhost/desk</jid></bind></iq>"
LOGIN = (
    ("<stream:stream", HEADER + MECHANISMS),
    ("<auth", SUCCESS),
    ("<stream:stream", HEADER + BIND),
    ("<iq", BOUND),
)
"""What a server answers until a session has started: what it waits for, and what it says then."""


class Memory:
    """An emitter that remembers."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def __call__(self, fault: Fault) -> None:
        self.faults.append(fault)

    @property
    def rows(self) -> list[tuple[str | None, str, str, str | None]]:
        """Everything that was told: the operation, the row, the verdict, and what the client does."""
        return [
            (one.operation, f"{one.error.section}:{one.error.code}", str(one.decision and one.decision.verdict), one.client)
            for one in self.faults
        ]

    @property
    def reasons(self) -> list[str]:
        """The reason of everything that was told."""
        return [str(fault.error.reason) for fault in self.faults]


class Desk:
    """A client under a middleware whose only emitter remembers."""

    def __init__(self, port: int, jid: str = "alice@localhost/desk", password: str = "secret", **options: Any) -> None:  # noqa: S107
        self.port = port
        self.memory = Memory()
        self.errors = Middleware(emitters=[self.memory], policy=RetryPolicy(attempts=None))
        self.client = slixmpp.ClientXMPP(jid, password)
        self.client.enable_direct_tls = False
        self.client.enable_starttls = False
        self.client.enable_plaintext = True
        self.client.plugin["feature_mechanisms"].unencrypted_plain = True
        self.client.whitespace_keepalive = False
        self.attachment: XmppAttachment = attach(self.errors, self.client, **options)
        self.starts = 0
        self.client.add_event_handler("connecting", self._count)

    def _count(self, _: object) -> None:
        self.starts += 1

    def connect(self) -> None:
        """Begin to connect."""
        self.client.connect(HOST, self.port)

    async def start(self) -> None:
        """Connect, and wait until the session has started."""
        self.connect()
        async with asyncio.timeout(PATIENCE):
            await self.attachment.started()

    async def end(self) -> object:
        """Wait until the client is neither connected nor about to be, and a little longer for what may still be told."""
        async with asyncio.timeout(PATIENCE):
            while self.attachment.is_busy:  # noqa: ASYNC110 - no event says that nothing more will come
                await asyncio.sleep(0.01)
        await asyncio.sleep(QUIET)
        return self.attachment.end

    async def told(self, count: int = 1) -> None:
        """Wait until so many faults were told, and a little longer for what may still be."""
        async with asyncio.timeout(PATIENCE):
            while len(self.memory.faults) < count:  # noqa: ASYNC110 - an emitter is no coroutine
                await asyncio.sleep(0.01)
        await asyncio.sleep(QUIET)

    @property
    def rows(self) -> list[tuple[str | None, str, str, str | None]]:
        """Everything that was told: the operation, the row, the verdict, and what the client does."""
        return self.memory.rows

    def rooms(self) -> XEP_0045:
        """Return the plugin for rooms."""
        self.client.register_plugin("xep_0045")
        plugin = self.client.plugin["xep_0045"]
        assert isinstance(plugin, XEP_0045)
        return plugin


@asynccontextmanager
async def desk(port: int, jid: str = "alice@localhost/desk", password: str = "secret", **options: Any) -> AsyncGenerator[Desk]:  # noqa: S107
    """Open a desk, and close it in the end."""
    one = Desk(port, jid, password, **options)
    try:
        yield one
    finally:
        one.client.cancel_connection_attempt()
        one.client.abort()
        if one.client._run_out_filters is not None:
            one.client._run_out_filters.cancel()
        # What was cancelled wants a moment to notice.
        await asyncio.sleep(0.05)


def trusting(authority: str | None = None) -> ssl.SSLContext:
    """Return a context that trusts one authority, or nobody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authority is not None:
        context.load_verify_locations(authority)
    return context


@asynccontextmanager
async def scripted(*script: tuple[str, str], close: bool = False) -> AsyncGenerator[int]:
    """
    Run a server that waits for a text and answers it, one step after the other, for each connection anew; it yields its port.

    In an answer `{id}` stands for the id of the stanza that it answers. A text that is empty is not waited for.
    """
    open_ones: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(writer)
        seen = ""
        try:
            for awaited, answer in script:
                while awaited and awaited not in seen:
                    data = await reader.read(65536)
                    if not data:
                        return
                    seen += data.decode()
                found = re.search(r"""id=["']([^"']*)""", seen)
                identity, seen = found[1] if found else "", ""
                writer.write(answer.replace("{id}", identity).encode())
                await writer.drain()
            if not close:
                while await reader.read(65536):
                    pass
        except ConnectionError:
            pass
        finally:
            writer.close()
            open_ones.discard(writer)

    server = await asyncio.start_server(serve, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in list(open_ones):
            writer.close()
        await asyncio.sleep(0.02)
