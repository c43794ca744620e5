"""The exceptions that calls of slixmpp raise, and the data of its events."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from slixmpp import ClientXMPP
from slixmpp.exceptions import XMPPError
from slixmpp.xmlstream import tostring

from tests.capture.recording import Seen, after, exception_form
from tests.capture.scenarios.xmpp_seeing import ejabberd, prosody

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.process import Server

some_prosody = prosody(modules=("mam", "register"), hosts='Component "part.localhost"\n component_secret = "secret"')
some_ejabberd = ejabberd()
Step = "Callable[[ClientXMPP], Awaitable[object]]"


def exceptions(errors: list[BaseException]) -> Iterator[Seen]:
    """Yield the exceptions of the client unchanged."""
    for error in errors:
        if isinstance(error, XMPPError):
            # str() of it is the whole stanza; an application reads the attributes.
            form = exception_form(error, condition=error.condition, etype=error.etype, text=error.text)
            form["str"] = ""
            yield Seen("xmpp", "exception", form)
        else:
            yield Seen("xmpp", "exception", exception_form(error))


def meeting(server: Server, *steps: Any, password: str = "secret") -> tuple[list[BaseException], list[str]]:  # noqa: S107 - of the test
    """Connect, take each step, and return the exceptions of the steps and the data of the events about failures."""

    async def meet() -> tuple[list[BaseException], list[str]]:
        client = ClientXMPP("alice@localhost/slix", password)
        found: list[BaseException] = []
        events: list[str] = []
        farewells: list[str] = []
        started, over = asyncio.Event(), asyncio.Event()
        for name in ("xep_0030", "xep_0199", "xep_0077", "xep_0049"):
            client.register_plugin(name)
        mechanisms: Any = client["feature_mechanisms"]
        mechanisms.unencrypted_plain = mechanisms.unencrypted_scram = True
        client.enable_starttls = client.enable_direct_tls = False
        client.enable_plaintext = True
        client.add_event_handler("session_start", lambda _: started.set())
        client.add_event_handler("disconnected", lambda _: over.set())
        client.add_event_handler("disconnected", lambda why: farewells.append(why) if isinstance(why, str) else None)
        for event in ("stream_error", "failed_auth"):
            client.add_event_handler(event, lambda stanza: events.append(tostring(stanza.xml)))
        client.connect("127.0.0.1", server.port)
        waiting = [asyncio.ensure_future(each.wait()) for each in (started, over)]
        await asyncio.wait(waiting, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        for step in steps if started.is_set() else ():
            try:
                await asyncio.wait_for(step(client), 10)
            except Exception as error:  # noqa: BLE001 - what is looked for
                found.append(error)
        client.abort()
        for each in waiting:
            each.cancel()
        await asyncio.sleep(0.1)
        return found, [*events, *farewells]

    logging.disable(logging.CRITICAL)
    try:
        return asyncio.run(meet())
    finally:
        logging.disable(logging.NOTSET)


@after("calls", some_prosody, by="slixmpp", many=True)
@after("calls", some_ejabberd, by="slixmpp", many=True)
def calls(server: Server) -> Iterator[Seen]:
    found, _ = meeting(
        server,
        lambda xmpp: xmpp["xep_0030"].get_info("bob@localhost/away", timeout=3),
        lambda xmpp: xmpp["xep_0030"].get_info("localhost", node="nope", timeout=3),
        lambda xmpp: xmpp["xep_0030"].get_info("part.localhost", timeout=3),
        lambda xmpp: xmpp["xep_0030"].get_info("nope.example", timeout=3),
        lambda xmpp: xmpp["xep_0030"].get_items("nobody@localhost", timeout=3),
        lambda xmpp: xmpp["xep_0199"].send_ping("nobody@localhost/x", timeout=3),
        lambda xmpp: xmpp["xep_0030"].get_info("localhost", timeout=0),
    )
    yield from exceptions(found)


@after("not-authorized", some_prosody, by="slixmpp")
@after("not-authorized", some_ejabberd, by="slixmpp")
def wrong_password(server: Server) -> Iterator[Seen]:
    _, events = meeting(server, password="wrong")  # noqa: S106 - wrong on purpose
    for event in events[:1]:
        yield Seen("xmpp", "raw", event)


@after("system-shutdown", prosody(), by="slixmpp")
def the_server_stops(server: Server) -> Iterator[Seen]:
    async def stop(_: ClientXMPP) -> None:
        await asyncio.sleep(0.5)  # Prosody opens its ports before it listens to signals
        await asyncio.to_thread(server.stop, 5)
        await asyncio.sleep(0.3)

    for event in meeting(server, stop)[1]:
        yield Seen("xmpp", "raw", event, closed=True)
