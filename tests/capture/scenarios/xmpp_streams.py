"""Stream errors, and refusals of SASL, stream management and other negotiations, by Prosody and ejabberd."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.capture.recording import Seen, after
from tests.capture.scenarios.xmpp_seeing import (
    DONE,
    SASL,
    asked,
    auth,
    bind,
    ejabberd,
    ended,
    failures,
    header,
    login,
    opened,
    plain,
    prosody,
    refused,
    session,
)  # fmt: skip
from tests.servers.process import ServerError, answers, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.ejabberd import EjabberdServer
    from tests.servers.process import Server
    from tests.servers.prosody import ProsodyServer

SM = "urn:xmpp:sm:3"
COMPRESS = "http://jabber.org/protocol/compress"
some_prosody = prosody()
some_ejabberd = ejabberd()


@after("host-unknown", some_prosody)
@after("host-unknown", some_ejabberd)
def another_domain(server: Server) -> Iterator[Seen]:
    yield from refused(server, header("nope.example"))


@after("improper-addressing", some_prosody)
@after("improper-addressing", some_ejabberd)
def no_domain(server: Server) -> Iterator[Seen]:
    yield from refused(server, header(None), header("@@"))


@after("invalid-namespace", some_prosody)
@after("invalid-namespace", some_ejabberd)
def another_namespace(server: Server) -> Iterator[Seen]:
    yield from refused(server, header(streams="urn:example"), header(content="urn:example"))


@after("unsupported-version", some_ejabberd)
def version_of_the_future(server: Server) -> Iterator[Seen]:
    yield from refused(server, header(version="11.0"))


@after("not-well-formed", some_prosody)
@after("not-well-formed", some_ejabberd)
def broken_xml(server: Server) -> Iterator[Seen]:
    yield from refused(server, header() + b"<a></b>", header() + b"<!DOCTYPE x>")


@after("invalid-xml", some_ejabberd)
def stanza_against_the_schema(server: Server) -> Iterator[Seen]:
    yield from refused(server, header("@@"))


@after("invalid-from", some_ejabberd)
def under_another_name(server: Server) -> Iterator[Seen]:
    wire = session(server)
    wire.send(b"<message from='bob@localhost' to='carol@localhost'><body>hi</body></message>")
    yield from ended(wire, 3)


@after("not-authorized", some_ejabberd)
def a_stanza_before_login(server: Server) -> Iterator[Seen]:
    wire = opened(server)
    wire.send(b"<message to='bob@localhost'><body>hi</body></message>")
    yield from ended(wire)


@after("service-unavailable", some_prosody)
def a_stanza_before_login_at_prosody(server: Server) -> Iterator[Seen]:
    wire = opened(server)
    wire.send(b"<iq type='get' id='1' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
    wire.until(b"</iq>")
    yield from failures(wire.read, closed=wire.closed)


@after("unsupported-stanza-type", some_prosody)
def an_unknown_element(server: Server) -> Iterator[Seen]:
    wire = session(server)
    wire.send(b"<letter to='bob@localhost'/>")
    yield from ended(wire, 2)


@after("conflict", some_prosody)
@after("conflict", some_ejabberd)
def the_same_resource_again(server: Server) -> Iterator[Seen]:
    first = session(server)
    session(server)
    yield from ended(first)


@after("policy-violation", prosody(settings="c2s_stanza_size_limit = 20000"))
@after("policy-violation", ejabberd(c2s={"max_stanza_size": 20_000}))
def a_stanza_too_big(server: Server) -> Iterator[Seen]:
    wire = session(server)
    wire.send(b"<message to='bob@localhost'><body>" + b"x" * 30_000)
    yield from ended(wire)


@after("policy-violation", prosody(settings='c2s_stanza_size_limit = 20000; limits = { c2s = { rate = "1mb/s" } }'))
def a_stanza_too_big_before_login(server: Server) -> Iterator[Seen]:
    wire = opened(server)
    wire.send(b"<message to='bob@localhost'><body>" + b"x" * 10_500)
    yield from ended(wire)


@after("connection-timeout", prosody(settings="c2s_timeout = 1"))
@after("connection-timeout", ejabberd({"negotiation_timeout": 1}))
def no_login(server: Server) -> Iterator[Seen]:
    yield from ended(opened(server), 10)


@after("undefined-condition", some_prosody)
@after("undefined-condition", some_ejabberd)
def more_acknowledged_than_sent(server: Server) -> Iterator[Seen]:
    wire = session(server)
    wire.send(f"<enable xmlns='{SM}'/>".encode())
    wire.until(b"<enabled")
    wire.send(f"<a xmlns='{SM}' h='500'/>".encode())
    yield from ended(wire)


@after("system-shutdown", prosody())
@after("system-shutdown", ejabberd())
def the_server_stops(server: Server) -> Iterator[Seen]:
    wire = session(server)
    time.sleep(0.5)  # Prosody opens its ports before it listens to signals
    server.signal(signal.SIGTERM)  # read while it ends: a reset at the end throws away what was not read yet
    yield from ended(wire, 10)


@after("reset", prosody())
def password_changed(server: ProsodyServer) -> Iterator[Seen]:
    wire = session(server)
    server.shell('user:password("alice@localhost", "other")')
    yield from ended(wire)


@after("not-authorized", prosody())
def account_deleted(server: ProsodyServer) -> Iterator[Seen]:
    wire = session(server, "carol")
    server.shell('user:delete("carol@localhost")')
    yield from ended(wire)


@after("host-gone", prosody())
def host_deactivated(server: ProsodyServer) -> Iterator[Seen]:
    wire = session(server)
    with suppress(ServerError):  # its answer is no OK
        server.shell('host:deactivate("localhost")')
    yield from ended(wire)


@after("conflict", ejabberd())
def account_removed(server: EjabberdServer) -> Iterator[Seen]:
    wire = session(server, "carol")
    server.call("unregister", user="carol", host="localhost")
    yield from ended(wire)


@after("policy-violation", some_ejabberd)
def kicked(server: EjabberdServer) -> Iterator[Seen]:
    wire = session(server, "bob")
    server.call("kick_user", user="bob", host="localhost")
    yield from ended(wire)
    wire = session(server, "bob")
    server.call("kick_session", user="bob", host="localhost", resource="here", reason="Enough")
    yield from ended(wire)


@after("conflict", ejabberd())
def banned(server: EjabberdServer) -> Iterator[Seen]:
    wire = session(server, "carol")
    server.call("ban_account", user="carol", host="localhost", reason="Spam")
    yield from ended(wire)
    yield from logins(server, plain("carol"))


@after("policy-violation", ejabberd({"modules": {"mod_fail2ban": {"c2s_max_auth_failures": 1}}}))
def too_many_failures(server: EjabberdServer) -> Iterator[Seen]:
    yield from logins(server, plain("alice", "wrong"))
    yield from refused(server, header())


@after("conflict", prosody(settings='conflict_resolve = "kick_new"'))
@after("conflict", ejabberd({"resource_conflict": "closenew"}))
def a_resource_that_is_taken(server: Server) -> Iterator[Seen]:
    _first = session(server)
    wire = login(server)
    bind(wire, "here")
    yield from failures(wire.read, closed=wire.closed)


def logins(server: Server, *attempts: bytes) -> Iterator[Seen]:
    """Try each login on a new stream, and yield its failure, and whether the stream survived it."""
    for attempt in attempts:
        wire = opened(server)
        wire.send(attempt)
        with suppress(AssertionError):
            wire.until(b"</failure>", 2)
        wire.until_closed(0.2)
        yield from failures(wire.read, closed=wire.closed)


@after("not-authorized", some_prosody)
@after("not-authorized", some_ejabberd)
def wrong_password(server: Server) -> Iterator[Seen]:
    yield from logins(server, plain("alice", "wrong"), plain("nobody"))


@after("invalid-mechanism", some_prosody)
@after("invalid-mechanism", some_ejabberd)
def unknown_mechanism(server: Server) -> Iterator[Seen]:
    yield from logins(server, auth("NONSENSE", ""))


@after("incorrect-encoding", some_prosody)
def no_base64(server: Server) -> Iterator[Seen]:
    yield from logins(server, auth("PLAIN", "!!!"), auth("PLAIN", "="))


@after("malformed-request", some_prosody)
def half_a_login(server: Server) -> Iterator[Seen]:
    yield from logins(server, auth("PLAIN", "YWxpY2U="), auth("SCRAM-SHA-1", "YWxpY2U="), auth("SCRAM-SHA-1", "eHh4"))


@after("malformed-request", some_prosody)
def on_behalf_of_another(server: Server) -> Iterator[Seen]:
    yield from logins(server, plain("alice", authzid="bob@localhost"), plain("a@b@c"), plain("alice", authzid="@@"))


@after("malformed-request", some_ejabberd)
def no_mechanism_named(server: Server) -> Iterator[Seen]:
    yield from logins(server, f"<auth xmlns='{SASL}'/>".encode())


@after("aborted", some_prosody)
@after("aborted", some_ejabberd)
def aborted(server: Server) -> Iterator[Seen]:
    yield from logins(server, auth("SCRAM-SHA-1", "biwsbj1hbGljZSxyPWFiYw==") + f"<abort xmlns='{SASL}'/>".encode())


@after("encryption-required", prosody(settings="allow_unencrypted_plain_auth = false"))
def plain_without_tls(server: Server) -> Iterator[Seen]:
    yield from logins(server, plain("alice"))


@after("stream management", some_prosody, many=True)
@after("stream management", some_ejabberd, many=True)
def management_refused(server: Server) -> Iterator[Seen]:
    yield from asked(login(server), f"<resume xmlns='{SM}' h='0' previd='nope'/>")
    yield from asked(session(server), f"<resume xmlns='{SM}' h='0' previd='nope'/>")
    yield from asked(session(server), f"<enable xmlns='{SM}'/><enable xmlns='{SM}'/>")
    wire = login(server)
    wire.send(f"<enable xmlns='{SM}'/>".encode() + DONE)
    wire.until_closed(0.5)
    yield from failures(wire.read, closed=wire.closed)


@after("not-authorized", some_ejabberd)
@after("host-unknown", prosody(hosts='Component "part.localhost"\n component_secret = "secret"'))
def components(server: ProsodyServer | EjabberdServer) -> Iterator[Seen]:
    wait_until(lambda: answers(server.component))
    for name in ("nope.example", "part.localhost"):
        wire = server.dial(server.component)
        wire.send(header(name, content="jabber:component:accept"))
        wire.until_closed(0.5)
        wire.send(b"<handshake>no</handshake>")
        yield from ended(wire, 2)


@after("encryption and compression", some_ejabberd, many=True)
@after("encryption and compression", ejabberd(c2s={"zlib": True}), many=True)
def negotiations_refused(server: EjabberdServer) -> Iterator[Seen]:
    for wire, said in (
        (opened(server), b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
        (opened(server), f"<compress xmlns='{COMPRESS}'><method>zlib</method></compress>".encode()),
        (login(server), f"<compress xmlns='{COMPRESS}'><method>nope</method></compress>".encode()),
        (login(server), f"<compress xmlns='{COMPRESS}'/>".encode()),
    ):
        wire.send(said)
        wire.until_closed(1)
        yield from failures(wire.read, closed=wire.closed)
