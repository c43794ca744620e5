"""Each server starts, sends a real error over the wire, and leaves no process behind."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.servers import nats, process
from tests.servers.credentials import Operator

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.servers.certificates import Certificates
    from tests.servers.credentials import User
    from tests.servers.ejabberd import EjabberdServer
    from tests.servers.nats import NatsServer
    from tests.servers.process import Server
    from tests.servers.prosody import ProsodyServer
    from tests.servers.wire import Wire

OPEN = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='%s' version='1.0'>"
AUTH = b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>%s</auth>"
WRONG = AUTH % b"AGFsaWNlAHdyb25n"
RIGHT = AUTH % b"AGFsaWNlAHNlY3JldA=="
USERS = {"alice": "secret"}
ALICE = {"user": "alice", "host": "localhost", "password": "secret"}
REFUSED = "authorization: {user: alice, password: secret}"


def is_gone(server: Server) -> bool:
    """Return whether no process of the server's group runs; a defunct process does not count."""
    with suppress(ProcessLookupError, psutil.NoSuchProcess):
        group = [each for each in psutil.process_iter() if os.getpgid(each.pid) == server.process.pid]
        return all(each.status() == psutil.STATUS_ZOMBIE for each in group) and not process.answers(server.port)
    return is_gone(server)


def open_stream(server: Server, host: bytes = b"localhost") -> Wire:
    wire = server.dial()
    wire.send(OPEN % host)
    return wire


def log_in(server: NatsServer, user: User) -> Wire:
    wire = server.dial()
    nonce = wire.until(b"\r\n").split(b'"nonce":"')[1].split(b'"')[0].decode()
    options = ",".join(f'"{key}":"{value}"' for key, value in user.options(nonce).items())
    wire.send(b"CONNECT {" + options.encode() + b"}\r\nPING\r\n")
    return wire


def test_nats_server_refuses_a_wrong_password_and_monitoring_tells_why(start_nats: Callable[..., NatsServer]) -> None:
    server = start_nats(REFUSED)
    wire, info = server.login(user="alice", **{"pass": "wrong"})
    assert b"-ERR 'Authorization Violation'" in wire.until_closed()
    assert wire.closed
    assert server.closed_reason(info["client_id"]) == "Authentication Failure"


def test_the_older_nats_server_refuses_a_wrong_password(start_old_nats: Callable[..., NatsServer]) -> None:
    server = start_old_nats(REFUSED)
    wire, _ = server.login(user="alice", **{"pass": "wrong"})
    assert b"-ERR 'Authorization Violation'" in wire.until_closed()
    assert nats.version(server.program) != nats.version(nats.CURRENT)


def test_a_reload_of_nats_server_cuts_off_without_a_word_who_is_gone(start_nats: Callable[..., NatsServer]) -> None:
    server = start_nats({"authorization": {"users": [{"user": "alice", "password": "secret"}]}})
    wire, info = server.login(user="alice", **{"pass": "secret"})
    wire.until(b"PONG")
    server.reload({"authorization": {"users": [{"user": "bob", "password": "secret"}]}})
    assert b"-ERR" not in wire.until_closed()
    assert wire.closed
    assert server.closed_reason(info["client_id"]) == "Client Closed"


def test_nats_server_says_why_it_refuses_a_reload(start_nats: Callable[..., NatsServer]) -> None:
    server = start_nats()
    with pytest.raises(process.ServerError, match="Failed to reload"):
        server.reload('max_payload: "a lot"')


def test_nats_server_comes_back_on_the_same_port_after_a_kill(start_nats: Callable[..., NatsServer]) -> None:
    server = start_nats()
    wire, _ = server.login()
    wire.until(b"PONG")
    server.kill()
    assert wire.until_closed() == b""
    server.start()
    server.login()[0].until(b"PONG")


def test_nats_server_in_lame_duck_mode_tells_its_clients_then_ends(start_nats: Callable[..., NatsServer]) -> None:
    server = start_nats({"lame_duck_duration": "30s", "lame_duck_grace_period": "1s"})
    wire, _ = server.login()
    wire.until(b"PONG")
    server.lame_duck()
    assert b'"ldm":true' in wire.until_closed()
    process.wait_until(lambda: not server.is_running)


def test_the_system_account_sees_who_was_refused(start_nats: Callable[..., NatsServer]) -> None:
    people = {"APP": {"users": [{"user": "a", "password": "a"}]}, "SYS": {"users": [{"user": "s", "password": "s"}]}}
    server = start_nats({"accounts": people, "system_account": "SYS"})
    events = server.watch_system(user="s", **{"pass": "s"})
    server.login(user="a", **{"pass": "wrong"})[0].until_closed()
    assert b'"reason":"Authentication Failure"' in events.until(b'"reason":"Authentication Failure"')


def test_jetstream_answers_for_a_stream_that_does_not_exist(start_nats: Callable[..., NatsServer]) -> None:
    wire, _ = start_nats(jetstream=True).login()
    wire.send(b"SUB reply 1\r\nPUB $JS.API.STREAM.INFO.NONE reply 0\r\n\r\n")
    assert b'"err_code":10059' in wire.until(b'"err_code"')


def test_a_user_of_an_account_expires_and_is_revoked(start_nats: Callable[..., NatsServer]) -> None:
    operator = Operator()
    account = operator.account("APP")
    server = start_nats(operator.config())
    assert b"-ERR 'User Authentication Expired'" in log_in(server, account.user(expires=time.time() + 3)).until_closed()
    user = account.user()
    wire = log_in(server, user)
    wire.until(b"PONG")
    account.revoke(user)
    server.reload(operator.config())
    assert b"-ERR 'User Authentication Revoked'" in wire.until_closed()


def test_nats_server_speaks_tls(start_nats: Callable[..., NatsServer], issued: Certificates) -> None:
    with start_nats(tls=issued).dial() as wire:
        assert b'"tls_required":true' in wire.until(b"\r\n")
        wire.secure(issued.client_context())
        wire.send(b"CONNECT {}\r\nPING\r\n")
        wire.until(b"PONG")


def test_prosody_serves_one_host_and_refuses_another(start_prosody: Callable[..., ProsodyServer]) -> None:
    server = start_prosody(users=USERS)
    assert b"<host-unknown" in open_stream(server, b"nowhere.example").until_closed()
    wire = open_stream(server)
    wire.until(b"</stream:features>")
    wire.send(WRONG)
    assert b"<not-authorized" in wire.until(b"</failure>")
    wire.send(RIGHT)
    wire.until(b"<success")


def test_prosody_says_that_it_is_shut_down(start_prosody: Callable[..., ProsodyServer]) -> None:
    server = start_prosody()
    wire = open_stream(server)
    wire.until(b"</stream:features>")
    server.signal(signal.SIGTERM)
    server.wait_for_log("<system-shutdown")
    wire.until_closed()
    assert wire.closed


def test_an_administrator_of_prosody_makes_and_deletes_users(start_prosody: Callable[..., ProsodyServer]) -> None:
    server = start_prosody()
    server.shell('user:create("carol@localhost", "secret")')
    server.shell('user:delete("carol@localhost")')
    with pytest.raises(process.ServerError, match="user:delete"):
        server.shell('user:delete("carol@localhost")')


def test_prosody_has_rooms_bosh_and_a_component_that_is_away(start_prosody: Callable[..., ProsodyServer]) -> None:
    hosts = 'Component "rooms.localhost" "muc"\nComponent "away.localhost"\n component_secret = "secret"'
    server = start_prosody(users=USERS, hosts=hosts, modules=["bosh", "websocket"])
    with server.dial(server.http) as bosh:
        body = b"<body xmlns='http://jabber.org/protocol/httpbind' to='nowhere.example' rid='1' wait='1' hold='1'/>"
        bosh.send(b"POST /http-bind HTTP/1.0\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        assert b"condition='improper-addressing'" in bosh.until(b"terminate").replace(b'"', b"'") + bosh.until_closed(1)
    with server.dial(server.component) as component:
        component.send(
            b"<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='away.localhost'>"
            b"<handshake>0</handshake>"
        )
        assert b"<not-authorized" in component.until_closed()


def test_prosody_demands_tls_if_told_to(start_prosody: Callable[..., ProsodyServer], issued: Certificates) -> None:
    wire = open_stream(start_prosody(settings="c2s_require_encryption = true", tls=issued))
    wire.until(b"<required/>")
    wire.send(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    wire.until(b"<proceed")
    wire.secure(issued.client_context())
    wire.send(OPEN % b"localhost")
    wire.until(b"</stream:features>")


def test_ejabberd_serves_one_host_and_refuses_another(start_ejabberd: Callable[..., EjabberdServer]) -> None:
    server = start_ejabberd(users=USERS)
    assert b"<host-unknown" in open_stream(server, b"nowhere.example").until_closed()
    wire = open_stream(server)
    wire.until(b"</stream:features>")
    wire.send(WRONG)
    assert b"<not-authorized" in wire.until(b"</failure>")
    wire.send(RIGHT)
    wire.until(b"<success")
    server.stop()
    assert is_gone(server)


def test_ejabberd_takes_commands_options_and_tls(start_ejabberd: Callable[..., EjabberdServer], issued: Certificates) -> None:
    server = start_ejabberd(c2s={"starttls_required": True}, users=USERS, tls=issued)
    with pytest.raises(process.ServerError, match="register"):
        server.call("register", **ALICE)
    wire = open_stream(server)
    wire.until(b"<required/>")
    server.restart()
    assert server.call("registered_users", host="localhost") == ["alice"]


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(process.ServerError, match=r"exit code 1\n.*server\.conf"):
        nats.NatsServer(tmp_path, "max_payload: never").start()


def test_nothing_is_left_of_a_server_that_does_not_listen_to_signals(start_nats: Callable[..., NatsServer]) -> None:
    server = start_nats()
    os.kill(server.process.pid, signal.SIGSTOP)
    server.stop(seconds=0.2)
    assert is_gone(server)
