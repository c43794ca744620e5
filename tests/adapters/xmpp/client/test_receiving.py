"""Nothing that is put on a client of slixmpp can raise where it receives: asyncio would close the connection."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast
from xml.etree.ElementTree import Element, SubElement

import pytest
import slixmpp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from errnorm import Middleware
from errnorm_adapters.xmpp import attach
from tests.adapters.xmpp.client.kit import LOGIN, Desk, Memory, desk, scripted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
NAMESPACES = [
    "", "jabber:client", "jabber:component:accept", STANZAS, "http://etherx.jabber.org/streams", "http://jabber.org/protocol/muc",
    "urn:ietf:params:xml:ns:xmpp-sasl", "urn:ietf:params:xml:ns:xmpp-tls", "urn:xmpp:sm:3", "urn:xmpp:sm:2",
    "http://jabber.org/protocol/muc#user", "urn:ietf:params:xml:ns:xmpp-streams", "urn:ietf:params:xml:ns:xmpp-bind",
]  # fmt: skip
NAMES = [
    "message", "presence", "iq", "error", "failure", "failed", "features", "x", "status", "destroy", "text",
    "forbidden", "policy-violation", "see-other-host", "mechanisms", "bind", "proceed", "not-authorized", "item",
]  # fmt: skip
ATTRIBUTES = ["type", "from", "to", "id", "code", "by", "jid", "nick"]
VALUES = [
    "error", "unavailable", "result", "110", "307", "cancel", "wait", "bad@@jid@x", "a b@localhost", "-.x..y",
    "hall@rooms.localhost/bob",
    "chan%irc@gw.localhost/bob\U0001f600", "x" * 4000, "\ud7ff",
]  # fmt: skip


@st.composite
def elements(draw: st.DrawFn, depth: int = 3) -> Element:
    """Return an element that a peer may send."""
    namespace = draw(st.sampled_from(NAMESPACES))
    name = draw(st.sampled_from(NAMES))
    chosen = draw(st.dictionaries(st.sampled_from(ATTRIBUTES), st.sampled_from(VALUES) | st.text(max_size=8), max_size=4))
    element = Element(f"{{{namespace}}}{name}" if namespace else name, chosen)
    element.text = draw(st.none() | st.text(max_size=8))
    if depth:
        element.extend(draw(st.lists(elements(depth=depth - 1), max_size=3)))
    return element


class Component:
    """A client or component whose receiving can be called, and what came of it."""

    def __init__(self, client: Any) -> None:
        client.register_plugin("xep_0045")
        self.memory = Memory()
        self.client = client
        self.attachment = attach(Middleware(emitters=[self.memory]), client)
        cast("list[str]", vars(self.attachment)["_joins"].rooms).append("hall@rooms.localhost")


@pytest.fixture
async def receivers() -> AsyncIterator[list[Component]]:
    """A client, and components with each namespace, made in a loop as slixmpp 1.10 requires."""
    logging.getLogger("slixmpp").setLevel(logging.CRITICAL)
    component: Any = slixmpp.ComponentXMPP
    components = [component("gw.localhost", "secret", "localhost", 1, use_jc_ns=own) for own in (False, True)]
    yield [Component(each) for each in (slixmpp.ClientXMPP("alice@localhost", "secret"), *components)]
    logging.getLogger("slixmpp").setLevel(logging.NOTSET)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None, max_examples=200)
@given(xml=elements())
async def test_whatever_a_peer_sends_is_read_and_nothing_raises(
    receivers: list[Component], xml: Element, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()
    for one in receivers:
        stanza = type("Stanza", (), {"xml": one.client.incoming_filter(xml)})()
        for each in vars(one.attachment)["_passing"]._incoming, vars(one.attachment)["_passing"]._outgoing:
            assert each(stanza) is stanza
    # What would have raised is logged; so nothing would have.
    assert "could not be processed" not in caplog.text


E = f"<error type='cancel'><forbidden xmlns='{STANZAS}'/></error>"


@pytest.mark.parametrize(
    "xml",
    [
        f"<message type='error' from='bad@@jid@x' to='alice@localhost/desk'>{E}</message>",
        f"<message type='error' from='chan%irc@gw.localhost/bob\U0001f600'>{E}</message>",
        f"<iq type='error' id='1' from='-.x..y' to='alice@localhost/desk'>{E}</iq>",
        f"<presence type='error' from='room name@conf.x/nick' to='alice@localhost/desk'>{E}</presence>",
        "<foo xmlns='urn:x' type='error'/>",
        f"<iq type='error' id='2' from='hall@rooms.localhost'>{E}</iq>",
    ],
)
async def test_a_stanza_with_an_address_that_slixmpp_refuses_does_not_end_the_session(xml: str) -> None:
    async with (
        scripted(*LOGIN, ("<presence", xml + "<message from='localhost'><body>after</body></message>")) as port,
        desk(port) as one,
    ):
        await one.start()
        joining(one)
        heard = one.client.wait_until("message", 10)
        one.client.send_presence()
        assert (await heard)["body"] == "after"
        assert one.client.is_connected()


def joining(one: Desk) -> None:
    """Have somebody listen for the refusal of a room, as slixmpp's own plugin does."""
    one.client.add_event_handler("muc::hall@rooms.localhost::presence-error", lambda _: None)


async def test_a_component_gets_the_condition_that_came(receivers: list[Component]) -> None:
    for one in receivers[1:]:
        answer = Element("{jabber:component:accept}iq", {"type": "error", "id": "1"})
        error = SubElement(answer, "{jabber:component:accept}error", {"type": "wait"})
        SubElement(error, f"{{{STANZAS}}}resource-constraint")
        iq = slixmpp.Iq(one.client, one.client.incoming_filter(answer))  # type: ignore[no-untyped-call]
        assert iq["error"]["condition"] == "resource-constraint"
