"""Stanza errors of Prosody and ejabberd for requests, rooms, nodes and messages, and what makes the same stanza succeed."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from tests.capture.scenarios.xmpp_seeing import failures, header, iq, join, opened
from tests.capture.scenarios.xmpp_stanzas import (
    DISCO,
    ITEMS,
    OWNER,
    ROOMS,
    administer,
    configure,
    of_server,
    options,
    pubsub,
)
from tests.experiments.situation import after
from tests.experiments.situations.xmpp_places import (
    BOTH,
    EJABBERD,
    PROSODY,
    StreamPlace,
    asking,
    by_other,
    ejabberd_with,
    leaving,
    met,
    prosody_with,
    witnessed,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.capture.recording import Seen
    from tests.experiments.situation import Ground, Operation
    from tests.servers.wire import Wire

PING = iq("get", "<ping xmlns='urn:xmpp:ping'/>", "localhost")


def refused(name: str, stanza: str, right: str | None = PING, on: Sequence[Ground] = BOTH, **how: Any) -> None:
    """Register a stanza that is refused, and the corrected stanza."""
    met(name, asking(stanza), on, steps={"modify": asking(right)} if right else {}, **how)


# Requests.
refused("namespace unknown to the server", of_server("<query xmlns='urn:example'/>"), of_server(DISCO.format("")))
refused("namespace unknown to the account", iq("get", "<query xmlns='urn:example'/>"))
refused("request without a payload", of_server(""))
refused("request with two payloads", of_server("<a xmlns='urn:example'/><b xmlns='urn:example'/>"))
refused("node unknown to the server", of_server(DISCO.format(" node='nope'")), of_server(DISCO.format("")))
refused("items of an unknown node", of_server(ITEMS), of_server(ITEMS.replace(" node='nope'", "")))
refused("card of another changed", iq("set", "<vCard xmlns='vcard-temp'><FN>x</FN></vCard>", "bob@localhost"))
refused(
    "roster of another",
    iq("get", "<query xmlns='jabber:iq:roster'/>", "bob@localhost"),
    iq("get", "<query xmlns='jabber:iq:roster'/>"),
)
refused(
    "roster entry without an address",
    iq("set", "<query xmlns='jabber:iq:roster'><item jid='@@'/></query>"),
    iq("set", "<query xmlns='jabber:iq:roster'><item jid='a@localhost'/></query>"),
)
refused(
    "two roster entries at once",
    iq("set", "<query xmlns='jabber:iq:roster'><item jid='a@b'/><item jid='c@d'/></query>"),
    iq("set", "<query xmlns='jabber:iq:roster'><item jid='a@b'/></query>"),
)
refused(
    "private storage of nothing",
    iq("get", "<query xmlns='jabber:iq:private'/>"),
    iq("get", "<query xmlns='jabber:iq:private'><a xmlns='urn:a'/></query>"),
)
BEFRIEND = "<presence to='bob@localhost' type='subscribe'/>"
ALLOW = "<presence to='{me}' type='subscribed'/>"


def befriended(*then: str) -> dict[str, Operation]:
    """Return the step of becoming a contact of bob before the next try."""

    def operate(place: StreamPlace) -> list[Seen]:
        place.ask(BEFRIEND)
        by_other("bob", ALLOW)(place)
        return place.ask(*then)

    return {"reauthenticate": operate}


ACTIVITY = iq("get", "<query xmlns='jabber:iq:last'/>", "bob@localhost")
met("activity of another", asking(ACTIVITY), steps=befriended(ACTIVITY), note="he has become a contact")
refused(
    "archive after a message that is not there",
    iq("set", "<query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><after>nope</after></set></query>"),
    iq("set", "<query xmlns='urn:xmpp:mam:2'/>"),
    on=(PROSODY,),
)
refused("archive of another", iq("set", "<query xmlns='urn:xmpp:mam:2'/>", "bob@localhost"), None)
refused(
    "nobody blocked",
    iq("set", "<block xmlns='urn:xmpp:blocking'/>"),
    iq("set", "<block xmlns='urn:xmpp:blocking'><item jid='a@b'/></block>"),
)
refused("unknown privacy list", iq("get", "<query xmlns='jabber:iq:privacy'><list name='nope'/></query>"), on=(EJABBERD,))
refused("second resource", iq("set", "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"))
refused("address that is none", iq("get", "<query xmlns='jabber:iq:version'/>", "a@@b"), on=(EJABBERD,))
refused(
    "unknown command",
    iq("set", "<command xmlns='http://jabber.org/protocol/commands' node='nope' action='execute'/>", "localhost"),
)
refused(
    "command of an administrator",
    iq(
        "set",
        "<command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/admin#add-user'/>",
        "localhost",
    ),
    None,
)
refused(
    "old version of carbons", iq("set", "<enable xmlns='urn:xmpp:carbons:1'/>"), iq("set", "<enable xmlns='urn:xmpp:carbons:2'/>")
)
refused(
    "upload too large",
    iq("get", "<request xmlns='urn:xmpp:http:upload:0' filename='a' size='9999999'/>", "upload.localhost"),
    iq("get", "<request xmlns='urn:xmpp:http:upload:0' filename='a' size='9'/>", "upload.localhost"),
    on=(EJABBERD,),
)
refused(
    "upload without a name",
    iq("get", "<request xmlns='urn:xmpp:http:upload:0' filename='' size='1'/>", "upload.localhost"),
    iq("get", "<request xmlns='urn:xmpp:http:upload:0' filename='a' size='9'/>", "upload.localhost"),
    on=(EJABBERD,),
)
refused("request of an unknown type", "<iq type='bogus' id='1' to='localhost'/>")
refused("announcement to all", "<message to='localhost/announce/all' id='1'><body>hi</body></message>", None)


def _abroad(place: StreamPlace) -> Iterator[Seen]:
    """Send a request to a domain without a server; the server needs a while to notice."""
    start = len(place.wire.read)
    place.wire.send(iq("get", "<query xmlns='jabber:iq:version'/>", "nope.example").encode())
    place.wire.until(b"</iq>", 15)
    return failures(place.wire.read[start:], closed=place.wire.closed)


met("domain that nobody serves", _abroad, steps={"modify": asking(PING)})


# Users who are offline, and users who block others.
CHAT = "<message to='bob@localhost/{own}' id='1' type='chat'><body>hi</body></message>"
QUESTION = iq("get", "<query xmlns='jabber:iq:version'/>", "bob@localhost/{own}")
met(
    "question to somebody who is away",
    asking(QUESTION),
    heal=lambda place: place.other("bob"),
    note="he has come; the server says cancel all the same",
)
refused("message to nobody", "<message to='nobody@localhost' id='1'><body>hi</body></message>", None)
met(
    "message of a room to a user",
    asking("<message to='bob@localhost/{own}' type='groupchat' id='1'><body>hi</body></message>"),
    steps={"modify": asking("<message to='bob@localhost' type='chat' id='1'><body>hi</body></message>")},
)
BLOCK = iq("set", "<block xmlns='urn:xmpp:blocking'><item jid='{me}'/></block>")
UNBLOCK = iq("set", "<unblock xmlns='urn:xmpp:blocking'><item jid='{me}'/></unblock>")
met(
    "message to somebody who blocks me",
    asking("<message to='bob@localhost' id='1' type='chat'><body>hi</body></message>"),
    provoke=by_other("bob", "<presence/>", BLOCK),
    state=witnessed("bob", "from='{me}"),
    steps={
        "operator": lambda place: (
            by_other("bob", UNBLOCK)(place),
            list(place.ask("<message to='bob@localhost' id='1' type='chat'><body>hi</body></message>")),
        )[1]
    },
    note="he has taken the block away",
)
BLOCK_CAROL = iq("set", "<block xmlns='urn:xmpp:blocking'><item jid='carol@localhost'/></block>")
TO_CAROL = "<message to='carol@localhost' id='1'><body>hi</body></message>"
met(
    "message to somebody whom I block",
    asking(TO_CAROL),
    provoke=lambda place: list(place.ask(BLOCK_CAROL)),
    steps={"modify": asking(iq("set", "<unblock xmlns='urn:xmpp:blocking'/>"), TO_CAROL)},
)
LETTER = "<message to='{me}x@localhost' type='chat' id='1'><body>hi</body></message>"


def _reads(place: StreamPlace) -> None:
    """Let the user who was offline log in, read, and stay online."""
    wire = place.other("carol")
    wire.send(b"<presence/>")
    wire.until_closed(0.5)


met(
    "message to a full store",
    asking("<message to='carol@localhost' type='chat' id='1'><body>hi</body></message>"),
    (ejabberd_with({"modules": {"mod_offline": {"access_max_user_messages": "few"}}, "shaper_rules": {"few": 1}}),),
    provoke=lambda place: list(place.ask(*["<message to='carol@localhost' type='chat' id='1'><body>hi</body></message>"] * 2)),
    heal=_reads,
    note="she has come and read",
)


# A component that is not connected yet.
def _component(place: StreamPlace) -> None:
    wire = place.server.dial(place.server.component)
    wire.send(header("part.localhost", content="jabber:component:accept"))
    read = wire.until(b">", 3)
    while b" id=" not in read:
        read += wire.until(b">", 3)
    number = re.search(rb"<stream:stream[^>]*\bid=['\"]([^'\"]+)", wire.read)
    assert number
    digest = hashlib.sha1(number[1] + b"secret").hexdigest()  # noqa: S324 - XEP-0114 wants it
    wire.send(f"<handshake>{digest}</handshake>".encode())
    wire.until(b"<handshake")
    place.kept["component"] = wire


met(
    "question to a part that is down",
    asking(iq("get", "<query xmlns='jabber:iq:version'/>", "part.localhost")),
    (prosody_with(hosts='Component "part.localhost"\n component_secret = "secret"'), ejabberd_with()),
    heal=_component,
    note="the component has connected",
)

# Rooms.
ROOM = f"{{own}}@{ROOMS}"
MINE = join(ROOM, "mine")


def room(name: str, *stanzas: str, fields: dict[str, str] | None = None, prepare: Sequence[str] = (), **how: Any) -> None:
    """Register a request that a room of bob refuses."""
    ready = by_other("bob", join(ROOM, "bob"), configure(ROOM, persistentroom="1", **(fields or {})), *prepare)
    met(f"room {name}", asking(*stanzas), provoke=ready, state=witnessed("bob", f"from='{ROOM}/mine'"), **how)


def bob_then(*first: str, then: str = join(ROOM, "mine"), word: str = "operator") -> dict[str, Operation]:
    """Return the step that the owner of the room takes before the next try."""
    return {word: lambda place: (by_other("bob", *first)(place), list(place.ask(then)))[1]}


room(
    "with a name that is taken",
    join(ROOM, "bob"),
    steps={"modify": asking(join(ROOM, "mine"))},
    heal=leaving("bob"),
    note="whoever had the name has left; the servers say cancel all the same",
)
room("joined without a name", join(ROOM, ""), steps={"modify": asking(join(ROOM, "mine"))})
room(
    "of members alone",
    join(ROOM, "mine"),
    fields={"membersonly": "1"},
    steps=bob_then(administer(ROOM, "<item jid='{me}' affiliation='member'/>"), word="reauthenticate"),
    note="the owner has made him a member",
)
room(
    "with a password",
    join(ROOM, "mine"),
    fields={"passwordprotectedroom": "1", "roomsecret": "x"},
    steps={"reauthenticate": asking(join(ROOM, "mine", "<password>x</password>"))},
)
room(
    "that has put me out",
    join(ROOM, "mine"),
    prepare=(administer(ROOM, "<item jid='{me}' affiliation='outcast'/>"),),
    steps=bob_then(administer(ROOM, "<item jid='{me}' affiliation='none'/>")),
    note="the owner has let him in again",
)
GROUP = f"<message to='{ROOM}' type='groupchat' id='1'><body>hi</body></message>"
room("that I am not in", GROUP, steps={"modify": asking(join(ROOM, "mine"), GROUP)})
room("of another configured", configure(ROOM, roomname="mine"))
room("of another administered", administer(ROOM, "<item jid='carol@localhost' affiliation='owner'/>"))
room(
    "whose guest is not there",
    f"<message to='{ROOM}/ghost' type='chat' id='1'><body>hi</body></message>",
    steps={"modify": asking(join(ROOM, "mine"), f"<message to='{ROOM}/bob' type='chat' id='1'><body>hi</body></message>")},
)


def _mute(place: StreamPlace) -> None:
    by_other("bob", join(ROOM, "bob"), configure(ROOM, persistentroom="1", moderatedroom="1"))(place)
    place.ask(join(ROOM, "mine"))


met(
    "room where I may not speak",
    asking(GROUP),
    (PROSODY,),
    provoke=_mute,
    state=witnessed("bob", "<body>hi</body>"),
    steps=bob_then(administer(ROOM, "<item nick='mine' role='participant'/>"), then=GROUP),
    pause=0.2,
    note="the owner has given him a voice; who comes again must join first",
)
room("with an unknown role", administer(ROOM, "<item nick='bob' role='bogus'/>"), steps={"modify": asking(join(ROOM, "mine"))})

_DESTROY = "<query xmlns='http://jabber.org/protocol/muc#owner'><destroy jid='other@rooms.localhost'/></query>"
room(
    "that has moved",
    join(ROOM, "mine"),
    prepare=(iq("set", _DESTROY, ROOM),),
    steps={"modify": asking(join(f"{{own}}2@{ROOMS}", "mine"))},
    on=(PROSODY,),
)


def _second(place: StreamPlace) -> None:
    by_other("bob", join(ROOM, "bob"), configure(ROOM, persistentroom="1", maxusers="2", membersonly="0"))(place)
    by_other("carol", join(ROOM, "carol"))(place)


met(
    "room that is full",
    asking(join(ROOM, "mine")),
    (EJABBERD,),
    provoke=_second,
    state=witnessed("bob", f"from='{ROOM}/mine'"),
    heal=leaving("carol"),
    note="somebody has left",
)

# Nodes of publish-subscribe.
ITEM = "<publish node='{own}'><item id='1'><a xmlns='urn:a'/></item></publish>"


def node(name: str, *stanzas: str, prepare: Sequence[str] = (), right: str | None = None, **how: Any) -> None:
    """Register a request that a node of bob refuses."""
    ready = by_other("bob", pubsub("<create node='{own}'/>"), *prepare)
    steps = {"modify": asking(right)} if right else {}
    met(f"node {name}", asking(*stanzas), provoke=ready, steps=steps, **how)


node("that exists", pubsub("<create node='{own}'/>"), right=pubsub("<create node='{own}2'/>"), on=(EJABBERD,))
node("that is not there", pubsub("<items node='nope'/>", "get"), right=pubsub("<items node='{own}'/>", "get"))
node("without a name", pubsub("<items/>", "get"), right=pubsub("<items node='{own}'/>", "get"))
node("of another published to", pubsub(ITEM))
node("of another deleted", pubsub("<delete node='{own}'/>", namespace=OWNER))
node("of another configured", pubsub("<configure node='{own}'/>", "get", OWNER))
SUBSCRIBE = pubsub("<subscribe node='{own}' jid='{me}'/>")
node("subscribed for another", pubsub("<subscribe node='{own}' jid='carol@localhost'/>"), right=SUBSCRIBE)
node("left without a subscription", pubsub("<unsubscribe node='{own}' jid='{me}'/>"), right=SUBSCRIBE)
node("of invited alone", SUBSCRIBE, prepare=(options("{own}", access_model="whitelist"),))
met(
    "node of contacts alone",
    asking(SUBSCRIBE),
    (EJABBERD,),
    provoke=by_other("bob", pubsub("<create node='{own}'/>"), options("{own}", access_model="presence")),
    steps=befriended(SUBSCRIBE),
    note="he has become a contact",
)
node("whose options nobody keeps", pubsub("<default/>", "get"), right=SUBSCRIBE, on=(EJABBERD,))
node("with an unknown request", pubsub("<bogus/>"), right=SUBSCRIBE)
node("with an empty request", pubsub(""), right=SUBSCRIBE)


# Registration, which has a rate limit.
def registering(name: str) -> str:
    """Return a request to register another user."""
    return iq(
        "set", f"<query xmlns='jabber:iq:register'><username>{name}</username><password>secret</password></query>", "localhost"
    )


class NewcomerPlace(StreamPlace):
    """A stream without a login."""

    def open(self) -> Wire:
        """Open a stream."""
        return opened(self.server)

    def register(self, name: str) -> Iterator[Seen]:
        """Register a user, and yield the errors of the server."""
        start = len(self.wire.read)
        self.wire.send(registering(name).encode())
        self.wire.until_closed(0.4)
        return failures(self.wire.read[start:], closed=self.wire.closed)


def _newcomer(place: NewcomerPlace) -> Iterator[Seen]:
    place.kept["number"] = number = place.kept.get("number", 0) + 1
    return place.register(f"new{number}")


met(
    "registrations too fast",
    _newcomer,
    (
        prosody_with(
            NewcomerPlace,
            modules=("register_ibr", "register_limits"),
            settings="allow_registration = true\nmin_seconds_between_registrations = 4\nregistration_allowlist = {}",
        ),
        ejabberd_with({"registration_timeout": 4, "modules": {"mod_register": {"ip_access": "all"}}}, NewcomerPlace),
    ),
    provoke=_newcomer,
    heal=after(6),
    note="the time between two registrations has passed",
)
met(
    "registration of a name that is taken",
    lambda place: place.register("alice"),
    (
        prosody_with(NewcomerPlace, modules=("register_ibr",), settings="allow_registration = true"),
        ejabberd_with({"registration_timeout": "infinity", "modules": {"mod_register": {"ip_access": "all"}}}, NewcomerPlace),
    ),
    steps={"modify": lambda place: place.register("dora")},
)
