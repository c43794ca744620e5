"""XMPP servers for the situations. Each station is a context manager that takes a directory."""

from __future__ import annotations

import socket
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.capture.scenarios.xmpp_seeing import answered, iq, join, session
from tests.clients.relay import Relay
from tests.clients.stations import Place, issue_expired
from tests.servers.certificates import issue
from tests.servers.ejabberd import EjabberdServer
from tests.servers.ports import HOST
from tests.servers.prosody import ProsodyServer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.servers.certificates import Certificates

USERS = {"alice": "secret", "bob": "secret"}
_ROOMS = 'Component "rooms.localhost" "muc"\nComponent "nodes.localhost" "pubsub"\n'
_SECURE = 'consider_websocket_secure = true\nmodules_disabled = { "tls" }'
_OWNER = "http://jabber.org/protocol/muc#owner"
_ADMIN = "http://jabber.org/protocol/muc#admin"


def _alice(port: int, **more: str) -> dict[str, str]:
    account = {"XMPP_USER": "alice", "XMPP_PASS": "secret", "XMPP_DOMAIN": "localhost", "XMPP_TLS": "off"}
    return {"XMPP_HOST": HOST, "XMPP_PORT": str(port), "XMPP_WS": f"ws://{HOST}:{port}/ws", **account, **more}


@contextmanager
def nobody(_: Path) -> Generator[Place]:
    """Hold a port on which nothing listens."""
    with closing(socket.socket()) as held:
        held.bind((HOST, 0))
        yield Place(_alice(held.getsockname()[1]))


@contextmanager
def nowhere(_: Path) -> Generator[Place]:
    """Use a host name that no name server knows (RFC 2606, 2)."""
    yield Place(_alice(5222, XMPP_HOST="xmpp.invalid", XMPP_DOMAIN="xmpp.invalid"))


@contextmanager
def mute(_: Path) -> Generator[Place]:
    """Accept connections and never send data."""
    with closing(socket.create_server((HOST, 0))) as listening:
        yield Place(_alice(listening.getsockname()[1]))


def prosody(settings: str = "", hosts: str = "", **environment: str) -> Callable[[Path], AbstractContextManager[Place]]:
    """Return a station with a Prosody of these settings, and variables for its clients."""

    @contextmanager
    def station(directory: Path) -> Generator[Place]:
        modules = ("register_ibr", "register_limits", "websocket")
        with ProsodyServer(directory, settings=f"{_SECURE}\n{settings}", hosts=hosts, users=USERS, modules=modules) as server:
            yield Place(_alice(server.port, XMPP_WS=f"ws://{HOST}:{server.http}/xmpp-websocket", **environment), server)

    return station


def ejabberd(config: dict[str, Any] | None = None, **options: Any) -> Callable[[Path], AbstractContextManager[Place]]:
    """Return a station with an ejabberd of this configuration."""

    @contextmanager
    def station(directory: Path) -> Generator[Place]:
        with EjabberdServer(directory, config, users=USERS, **options) as server:
            yield Place(_alice(server.port, XMPP_WS=f"ws://{HOST}:{server.http}/ws"), server)

    return station


some = prosody(hosts=_ROOMS)
no_mechanisms = prosody(
    'allow_unencrypted_plain_auth = false\ndisable_sasl_mechanisms = { "SCRAM-SHA-1", "SCRAM-SHA-256", "DIGEST-MD5" }'
)
registering = prosody('allow_registration = true\nblocklisted_ips = { "127.0.0.1" }')
small = ejabberd(c2s={"max_stanza_size": 3000})
other = ejabberd(
    {"modules": {"mod_muc": {"host": "rooms.localhost"}, "mod_pubsub": {"host": "nodes.localhost", "access_createnode": "none"}}}
)


def encrypted(directory: Path, trusted: Certificates, shown: Certificates, settings: str = "") -> AbstractContextManager[Place]:
    """Serve with STARTTLS and a certificate; clients trust an authority."""

    @contextmanager
    def serving() -> Generator[Place]:
        with ProsodyServer(directory, settings=settings, users=USERS, tls=shown) as server:
            yield Place(
                _alice(server.port, XMPP_TLS="on", CA=str(trusted.authority), NODE_EXTRA_CA_CERTS=str(trusted.authority)), server
            )

    return serving()


@contextmanager
def tls_required(directory: Path) -> Generator[Place]:
    """Require TLS from a client that is configured to use none."""
    own = issue(directory / "own")
    with encrypted(directory, own, own, "c2s_require_encryption = true") as place:
        yield Place({**place.environment, "XMPP_TLS": "off"}, place.server)


@contextmanager
def unknown_authority(directory: Path) -> Generator[Place]:
    """Present a certificate of an authority that the client does not trust."""
    with encrypted(directory, issue(directory / "other"), issue(directory / "own")) as place:
        yield place


@contextmanager
def expired_certificate(directory: Path) -> Generator[Place]:
    """Present a certificate that has expired."""
    shown = issue_expired(directory / "own", datetime(2020, 1, 1, tzinfo=UTC))
    with encrypted(directory, shown, shown) as place:
        yield place


@contextmanager
def other_host(directory: Path) -> Generator[Place]:
    """Present a certificate for another host."""
    shown = issue(directory / "own", "xmpp.example.com")
    with encrypted(directory, shown, shown) as place:
        yield place


@contextmanager
def plain(directory: Path) -> Generator[Place]:
    """Offer no TLS to a client that requires it."""
    with some(directory) as place:
        yield Place({**place.environment, "XMPP_TLS": "on", "CA": str(issue(directory / "own").authority)}, place.server)


@contextmanager
def relayed(directory: Path) -> Generator[Place]:
    """Put a relay before a server."""
    with some(directory) as place, Relay(place.server.port) as relay:
        yield Place({**place.environment, "XMPP_PORT": str(relay.port)}, place.server, relay)


@contextmanager
def rooms(directory: Path) -> Generator[Place]:
    """Serve rooms that refuse some users; bob owns them, and is in one of them with the nickname `taken`."""
    with some(directory) as place:
        bob = session(place.server, "bob", "owner")
        for room, form in (
            ("members", "muc#roomconfig_membersonly"),
            ("secret", "muc#roomconfig_passwordprotectedroom"),
            ("banned", ""),
        ):
            fields = "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>"
            if form:
                fields += (
                    f"<field var='{form}'><value>1</value></field><field var='muc#roomconfig_roomsecret'><value>x</value></field>"
                )
            address = f"{room}@rooms.localhost"
            setup = f"<query xmlns='{_OWNER}'><x xmlns='jabber:x:data' type='submit'>{fields}</x></query>"
            answered(bob, join(address, "taken"), iq("set", setup, address))
        ban = f"<query xmlns='{_ADMIN}'><item affiliation='outcast' jid='alice@localhost'/></query>"
        answered(bob, iq("set", ban, "banned@rooms.localhost"), join("open@rooms.localhost", "taken"))
        answered(
            bob, iq("set", f"<query xmlns='{_OWNER}'><x xmlns='jabber:x:data' type='submit'/></query>", "open@rooms.localhost")
        )
        yield place
        bob.send(b"</stream:stream>")


@contextmanager
def deaf_peer(directory: Path) -> Generator[Place]:
    """Log bob in with the resource `deaf`, which answers no requests."""
    with some(directory) as place:
        bob = session(place.server, "bob", "deaf")
        answered(bob, "<presence/>")
        yield place
        bob.send(b"</stream:stream>")
