"""Stanza errors of Prosody and ejabberd: requests, rooms, nodes of publish-subscribe, addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.capture.recording import Seen, after
from tests.capture.scenarios.xmpp_seeing import answered, asked, ejabberd, failures, iq, join, opened, prosody, session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.process import Server

DISCO = "<query xmlns='http://jabber.org/protocol/disco#info'{}/>"
ITEMS = "<query xmlns='http://jabber.org/protocol/disco#items' node='nope'/>"
COMMANDS = "http://jabber.org/protocol/commands"
PUBSUB = "http://jabber.org/protocol/pubsub"
OWNER = f"{PUBSUB}#owner"
ROOMS = "rooms.localhost"
NODES = "nodes.localhost"

PROSODY_HOSTS = """
Component "rooms.localhost" "muc"
  muc_tombstones = true
Component "nodes.localhost" "pubsub"
  autocreate_on_publish = false
Component "part.localhost"
  component_secret = "secret"
"""
PROSODY_MODULES = (
    "blocklist", "carbons", "mam", "private", "register", "register_ibr", "register_limits", "time", "vcard_legacy", "version",
    "adhoc", "admin_adhoc", "announce", "offline",
)  # fmt: skip
EJABBERD_MODULES = {
    "mod_muc": {"host": ROOMS, "max_users": 5, "default_room_options": {"max_users": 5}},
    "mod_pubsub": {"host": NODES, "access_createnode": "everyone", "plugins": ["flat", "pep"]},
    "mod_caps": {},
    "mod_mam": {},
    "mod_blocking": {},
    "mod_privacy": {},
    "mod_private": {},
    "mod_register": {"ip_access": "all", "password_strength": 0},
    "mod_vcard": {},
    "mod_last": {},
    "mod_offline": {"access_max_user_messages": "few"},
    "mod_adhoc": {},
    "mod_configure": {},
    "mod_announce": {},
    "mod_time": {},
    "mod_version": {},
    "mod_roster": {"versioning": True},
    "mod_carboncopy": {},
    "mod_push": {},
    "mod_http_upload": {"host": "upload.localhost", "max_size": 1000, "put_url": "http://localhost/upload"},
}
some_prosody = prosody(hosts=PROSODY_HOSTS, modules=PROSODY_MODULES, settings="allow_registration = true")
some_ejabberd = ejabberd({"modules": EJABBERD_MODULES, "shaper_rules": {"few": 1}})


def of_server(payload: str, kind: str = "get") -> str:
    """Return a request to the server."""
    return iq(kind, payload, "localhost")


REQUESTS = (
    of_server("<query xmlns='urn:example'/>"),
    iq("get", "<query xmlns='urn:example'/>"),
    of_server(""),
    of_server("<a xmlns='urn:example'/><b xmlns='urn:example'/>"),
    of_server(DISCO.format(" node='nope'")),
    of_server(ITEMS),
    iq("get", "<query xmlns='urn:example'/>", "bob@localhost/gone"),
    iq("get", "<vCard xmlns='vcard-temp'/>", "nobody@localhost"),
    iq("set", "<vCard xmlns='vcard-temp'><FN>x</FN></vCard>", "bob@localhost"),
    iq("get", "<query xmlns='jabber:iq:roster'/>", "bob@localhost"),
    iq("set", "<query xmlns='jabber:iq:roster'/>"),
    iq("set", "<query xmlns='jabber:iq:roster'><item jid='@@'/></query>"),
    iq("set", "<query xmlns='jabber:iq:roster'><item jid='a@b'/><item jid='c@d'/></query>"),
    iq("set", "<query xmlns='jabber:iq:roster'><item jid='ghost@localhost' subscription='remove'/></query>"),
    iq("get", "<query xmlns='jabber:iq:private'/>"),
    iq("get", "<query xmlns='jabber:iq:private'><a xmlns='urn:a'/><b xmlns='urn:b'/></query>"),
    iq("get", "<query xmlns='jabber:iq:last'/>", "bob@localhost"),
    iq("get", "<query xmlns='jabber:iq:last'/>", "nobody@localhost"),
    iq("set", "<query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><after>nope</after></set></query>"),
    iq("set", "<query xmlns='urn:xmpp:mam:2' node='nope'/>"),
    iq("get", "<query xmlns='urn:xmpp:mam:2'/>", "bob@localhost"),
    iq("set", "<block xmlns='urn:xmpp:blocking'/>"),
    iq("set", "<block xmlns='urn:xmpp:blocking'><item jid='@@'/></block>"),
    iq("get", "<query xmlns='jabber:iq:privacy'><list name='nope'/></query>"),
    iq("set", "<query xmlns='jabber:iq:privacy'><active name='nope'/></query>"),
    iq("set", "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"),
    iq("set", "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>", "bob@localhost"),
    iq("get", "<ping xmlns='urn:xmpp:ping'/>", "nobody@localhost/x"),
    iq("set", "<ping xmlns='urn:xmpp:ping'/>", "localhost"),
    iq("get", "<query xmlns='jabber:iq:version'/>", "part.localhost"),
    iq("get", "<query xmlns='jabber:iq:version'/>", "a@@b"),
    iq("get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", "bob@localhost"),
    iq("get", "<query xmlns='http://jabber.org/protocol/disco#items'/>", "nobody@localhost"),
    iq("set", "<command xmlns='http://jabber.org/protocol/commands' node='nope' action='execute'/>", "localhost"),
    iq("set", f"<command xmlns='{COMMANDS}' node='http://jabber.org/protocol/admin#add-user'/>", "localhost"),
    iq("set", "<command xmlns='http://jabber.org/protocol/commands' node='ping' sessionid='nope' action='next'/>", "localhost"),
    iq("set", "<query xmlns='jabber:iq:register'><username>alice</username></query>"),
    iq("set", "<query xmlns='jabber:iq:register'><username>bob</username><password>x</password></query>"),
    iq("set", "<enable xmlns='urn:xmpp:push:0' jid='push.localhost'/>"),
    iq("set", "<enable xmlns='urn:xmpp:carbons:1'/>"),
    iq("get", "<request xmlns='urn:xmpp:http:upload:0' filename='a' size='9999999'/>", "upload.localhost"),
    iq("get", "<request xmlns='urn:xmpp:http:upload:0' filename='' size='1'/>", "upload.localhost"),
    iq("get", "<request xmlns='urn:xmpp:http:upload:0' size='-1'/>", "upload.localhost"),
    "<iq type='bogus' id='1' to='localhost'/>",
    "<message to='nobody@localhost' id='1'><body>hi</body></message>",
    "<message to='localhost/announce/all' id='1'><body>hi</body></message>",
    "<message to='localhost/announce/online' id='1'><body>hi</body></message>",
    "<message to='bob@localhost/gone' type='groupchat' id='1'><body>hi</body></message>",
    "<message to='a@@b' id='1'><body>hi</body></message>",
    "<presence to='nobody@localhost' type='probe' id='1'/>",
    "<presence to='localhost' type='bogus' id='1'/>",
)


@after("requests", some_prosody, many=True)
@after("requests", some_ejabberd, many=True)
def requests_refused(server: Server) -> Iterator[Seen]:
    yield from asked(session(server, "alice", "asking"), *REQUESTS)


@after("blocked contacts", some_prosody, many=True)
@after("blocked contacts", some_ejabberd, many=True)
def blocked(server: Server) -> Iterator[Seen]:
    bob, carol = session(server, "bob", "blocking"), session(server, "carol", "blocked")
    answered(bob, iq("set", "<block xmlns='urn:xmpp:blocking'><item jid='carol@localhost'/></block>"), "<presence/>")
    yield from asked(bob, "<message to='carol@localhost' id='1'><body>hi</body></message>")
    yield from asked(carol, "<message to='bob@localhost' id='1' type='chat'><body>hi</body></message>")
    yield from asked(carol, iq("get", "<query xmlns='jabber:iq:version'/>", "bob@localhost/blocking"))
    answered(bob, iq("set", "<unblock xmlns='urn:xmpp:blocking'/>"))


def configure(room: str, **fields: str) -> str:
    """Return a form that configures a room."""
    inside = "".join(f"<field var='muc#roomconfig_{name}'><value>{value}</value></field>" for name, value in fields.items())
    kind = "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>"
    form = f"<x xmlns='jabber:x:data' type='submit'>{kind}{inside}</x>"
    return iq("set", f"<query xmlns='http://jabber.org/protocol/muc#owner'>{form}</query>", room)


def administer(room: str, item: str) -> str:
    """Return a request of a room's administrator."""
    return iq("set", f"<query xmlns='http://jabber.org/protocol/muc#admin'>{item}</query>", room)


@after("rooms", some_prosody, many=True)
@after("rooms", some_ejabberd, many=True)
def rooms_refused(server: Server) -> Iterator[Seen]:
    alice, bob = session(server, "alice", "owner"), session(server, "bob", "guest")
    room = f"hall@{ROOMS}"
    answered(alice, join(room, "alice"), configure(room, persistentroom="1"))
    yield from asked(
        bob,
        join(room, "alice"),
        join(room, ""),
        f"<message to='{room}' type='groupchat' id='1'><body>hi</body></message>",
        iq("get", "<query xmlns='http://jabber.org/protocol/muc#owner'/>", room),
        join(room, "bob"),
        administer(room, "<item nick='alice' role='none'/>"),
        administer(room, "<item jid='carol@localhost' affiliation='owner'/>"),
        administer(room, "<item nick='ghost' role='none'/>"),
        administer(room, "<item nick='alice' role='bogus'/>"),
        administer(room, "<item/>"),
        configure(room, roomname="mine"),
        iq("get", "<query xmlns='urn:example'/>", room),
        iq("get", "<query xmlns='urn:example'/>", f"{room}/ghost"),
        f"<message to='{room}/ghost' type='chat' id='1'><body>hi</body></message>",
        f"<message to='{room}' type='groupchat' id='1'><subject>mine</subject></message>",
        f"<message to='{room}' type='chat' id='1'><body>hi</body></message>",
        iq("set", "<query xmlns='jabber:iq:register'/>", room),
    )
    yield from asked(alice, administer(room, "<item nick='bob' role='bogus'/>"))
    yield from asked(alice, administer(room, "<item jid='alice@localhost' affiliation='none'/>"))
    answered(bob, f"<presence to='{room}/bob' type='unavailable'/>")
    for fields in ({"membersonly": "1"}, {"membersonly": "0", "passwordprotectedroom": "1", "roomsecret": "x"}):
        answered(alice, configure(room, **fields))
        yield from asked(bob, join(room, "bob"), join(room, "bob", "<password>y</password>"))
    open_again = {"passwordprotectedroom": "0", "roomsecret": "", "maxusers": "1", "moderatedroom": "1", "persistentroom": "1"}
    answered(alice, configure(room, **open_again))
    answered(alice, administer(room, "<item jid='carol@localhost' affiliation='outcast'/>"))
    yield from asked(session(server, "carol", "outcast"), join(room, "carol"))
    yield from asked(bob, join(room, "bob"), f"<message to='{room}' type='groupchat' id='1'><body>hi</body></message>")
    destroy = "<query xmlns='http://jabber.org/protocol/muc#owner'><destroy jid='other@rooms.localhost'/></query>"
    answered(alice, iq("set", destroy, room))
    yield from asked(bob, join(room, "bob"), iq("get", DISCO.format(""), f"never@{ROOMS}"), iq("get", DISCO.format(""), room))


def pubsub(inside: str, kind: str = "set", namespace: str = PUBSUB) -> str:
    """Return a request of publish-subscribe."""
    return iq(kind, f"<pubsub xmlns='{namespace}'>{inside}</pubsub>", NODES)


def options(node: str, **fields: str) -> str:
    """Return the configuration of a node, to be sent by its owner."""
    inside = "".join(f"<field var='pubsub#{name}'><value>{value}</value></field>" for name, value in fields.items())
    kind = f"<field var='FORM_TYPE'><value>{PUBSUB}#node_config</value></field>"
    form = f"<x xmlns='jabber:x:data' type='submit'>{kind}{inside}</x>"
    return pubsub(f"<configure node='{node}'>{form}</configure>", namespace=OWNER)


def subscribed(state: str) -> str:
    """Return a request of a node's owner that sets a subscription."""
    inside = f"<subscription jid='bob@localhost' subscription='{state}'/>"
    return pubsub(f"<subscriptions node='news'>{inside}</subscriptions>", "set", OWNER)


NOT_MINE = (
    pubsub("<create node='news'/>"),
    pubsub("<items node='nope'/>", "get"),
    pubsub("<items/>", "get"),
    pubsub("<publish node='nope'><item id='1'><a xmlns='urn:a'/></item></publish>"),
    pubsub("<publish node='news'><item id='1'><a xmlns='urn:a'/></item></publish>"),
    pubsub("<publish node='news'/>"),
    pubsub("<publish node='news'><item id='1'/></publish>"),
    pubsub("<publish node='news'><item id='1'><a xmlns='urn:a'/><b xmlns='urn:b'/></item></publish>"),
    pubsub("<publish><item/></publish>"),
    pubsub("<subscribe node='nope' jid='bob@localhost'/>"),
    pubsub("<subscribe node='news' jid='alice@localhost'/>"),
    pubsub("<subscribe node='news'/>"),
    pubsub("<unsubscribe node='news' jid='bob@localhost'/>"),
    pubsub("<unsubscribe node='news' jid='bob@localhost' subid='nope'/>"),
    pubsub("<unsubscribe node='nope' jid='bob@localhost'/>"),
    pubsub("<options node='news' jid='bob@localhost'/>", "get"),
    pubsub("<options node='news'/>", "get"),
    pubsub("<default/>", "get"),
    pubsub("<retract node='news'><item id='nope'/></retract>"),
    pubsub("<retract node='news'/>"),
    pubsub("<retract><item id='nope'/></retract>"),
    pubsub("<affiliations node='news'/>", "get", OWNER),
    pubsub("<subscriptions node='news'/>", "get", OWNER),
    pubsub("<configure node='news'/>", "get", OWNER),
    pubsub("<configure/>", "get", OWNER),
    pubsub("<configure node='nope'/>", "get", OWNER),
    pubsub("<delete node='news'/>", namespace=OWNER),
    pubsub("<delete/>", namespace=OWNER),
    pubsub("<purge node='news'/>", namespace=OWNER),
    pubsub("<create node='c2' type='collection'/>"),
    pubsub("<create/>"),
    pubsub("<bogus/>"),
    pubsub(""),
    iq("get", DISCO.format(" node='nope'"), NODES),
    iq("get", ITEMS, NODES),
)


@after("nodes of publish-subscribe", some_prosody, many=True)
@after("nodes of publish-subscribe", some_ejabberd, many=True)
def nodes_refused(server: Server) -> Iterator[Seen]:
    alice, bob = session(server, "alice", "publisher"), session(server, "bob", "reader")
    answered(alice, pubsub("<create node='news'/>"))
    yield from asked(bob, *NOT_MINE)
    yield from asked(
        alice,
        pubsub("<retract node='news'><item id='nope'/></retract>"),
        pubsub("<purge node='news'/>", namespace=OWNER),
        pubsub("<affiliations node='news'><affiliation jid='bob@localhost' affiliation='bogus'/></affiliations>", "set", OWNER),
        subscribed("bogus"),
        pubsub("<publish node='news'><item id='1'/></publish>"),
        pubsub("<configure node='news'><x xmlns='jabber:x:data' type='bogus'/></configure>", namespace=OWNER),
        pubsub(
            "<publish node='news'><item id='1'><a xmlns='urn:a'/></item></publish><publish-options><x xmlns='jabber:x:data'"
            f" type='submit'><field var='FORM_TYPE'><value>{PUBSUB}#publish-options</value></field>"
            "<field var='pubsub#access_model'><value>whitelist</value></field></x></publish-options>"
        ),
    )
    for model in ("whitelist", "presence", "roster", "authorize"):
        answered(alice, options("news", access_model=model))
        yield from asked(bob, pubsub("<subscribe node='news' jid='bob@localhost'/>"), pubsub("<items node='news'/>", "get"))
        answered(alice, subscribed("none"))
    answered(alice, options("news", access_model="open", max_payload_size="10", persist_items="0", deliver_payloads="0"))
    long = "<publish node='news'><item id='1'><a xmlns='urn:a'>" + "x" * 200_000 + "</a></item></publish>"
    yield from (seen for seen in asked(alice, pubsub(long)) if len(seen.value) < 2000)
    answered(bob, pubsub("<affiliations node='news'/>", "get"))


@after("messages to somebody who is away", some_ejabberd, many=True)
def away(server: Server) -> Iterator[Seen]:
    alice = session(server, "alice", "writing")
    for number in range(3):
        yield from asked(alice, f"<message to='carol@localhost' type='chat' id='{number}'><body>hi</body></message>")


@after("registration before login", some_prosody, many=True)
@after("registration before login", some_ejabberd, many=True)
def registration(server: Server) -> Iterator[Seen]:
    yield from registered(server, "", "alice", "@@", "new1", "new2", "new3")


def registered(server: Server, *names: str) -> Iterator[Seen]:
    """Register each name, and yield the errors of the server."""
    wire = opened(server)
    for name in names:
        payload = f"<query xmlns='jabber:iq:register'><username>{name}</username><password>secret</password></query>"
        wire.send(iq("set", payload, "localhost").encode())
        wire.until_closed(0.7)
    yield from failures(wire.read, closed=wire.closed)


_ONE_AN_HOUR = prosody(
    modules=("register_ibr", "register_limits"),
    settings="allow_registration = true\nmin_seconds_between_registrations = 3600\nregistration_allowlist = {}",
)


@after("too many registrations", _ONE_AN_HOUR, many=True)
def registered_too_often(server: Server) -> Iterator[Seen]:
    yield from registered(server, "new1", "new2")
