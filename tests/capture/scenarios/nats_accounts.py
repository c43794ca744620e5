"""Errors of nats-server about identity: accounts, JWT, permissions that change, kicks and proxies."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tests.capture.recording import Seen, Station, after
from tests.capture.scenarios.nats_seeing import configured, dialled, ended, errors, lives
from tests.servers.credentials import Operator
from tests.servers.nats import NatsServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.servers.credentials import User
    from tests.servers.wire import Wire

SYSTEM = {"user": "system", "pass": "secret"}
ALICE = {"user": "alice", "pass": "secret"}
ACCOUNTS = {
    "accounts": {
        "SYS": {"users": [{"user": "system", "password": "secret"}]},
        "A": {"users": [{"user": "alice", "password": "secret"}]},
    },
    "system_account": "SYS",
}


class OperatedServer(NatsServer):
    """A server that trusts an operator; its account expires in `expires` seconds from now."""

    def __init__(self, directory: Path, program: Path | None, **limits: object) -> None:
        self.operator = Operator()
        self.account = self.operator.account("A", **limits)
        super().__init__(directory, self.operator.config(), program=program)

    def enter(self, user: User) -> tuple[Wire, dict[str, Any]]:
        """Log in with a JWT; the answer is not read."""
        wire, info = dialled(self)
        options = {"protocol": 1, "headers": True, **user.options(info["nonce"])}
        wire.send(b"CONNECT " + json.dumps(options).encode() + b"\r\nPING\r\n")
        return wire, info


def operated(**limits: object) -> Station:
    """Return a server with an operator and an account that has these limits."""
    return Station("nats-server", lambda directory, program: OperatedServer(directory, program, **limits))


some_operator = operated()


@after("User Authentication Expired", some_operator)
def credentials_expire(server: OperatedServer) -> Iterator[Seen]:
    wire, info = server.enter(server.account.user(expires=time.time() + 2))
    wire.until(b"PONG\r\n")
    yield from ended(server, wire, info)


@after("Authorization Violation", some_operator)
def expired_before_login(server: OperatedServer) -> Iterator[Seen]:
    yield from ended(server, *server.enter(server.account.user(expires=time.time() - 60)))


@after("User Authentication Revoked", operated())
def credentials_revoked(server: OperatedServer) -> Iterator[Seen]:
    user = server.account.user()
    wire, info = server.enter(user)
    wire.until(b"PONG\r\n")
    server.account.revoke(user)
    server.reload(server.operator.config())
    yield from ended(server, wire, info)


@after("maximum account active connections exceeded", operated(conn=1))
def one_connection_of_the_account_too_many(server: OperatedServer) -> Iterator[Seen]:
    first, _ = server.enter(server.account.user())
    first.until(b"PONG\r\n")
    yield from ended(server, *server.enter(server.account.user()))


@after("Maximum Subscriptions Exceeded", operated())
def limit_of_subscriptions_lowered(server: OperatedServer) -> Iterator[Seen]:
    wire, info = server.enter(server.account.user())
    wire.until(b"PONG\r\n")
    wire.send(b"SUB a 1\r\nSUB b 2\r\nSUB c 3\r\nPING\r\n")
    wire.until(b"PONG\r\n")
    server.account._limits["subs"] = 1
    server.reload(server.operator.config())
    yield from ended(server, wire, info)


@after("Account Authentication Expired", operated())
def account_expires(server: OperatedServer) -> Iterator[Seen]:
    wire, info = server.enter(server.account.user())
    wire.until(b"PONG\r\n")
    config = server.operator.config()
    account = server.account
    claim = {"type": "account", "version": 2, "limits": account._limits, "revocations": {}}
    config["resolver_preload"][account.key.public] = server.operator.key.claim(account.key.public, claim, "A", time.time() + 2)
    server.reload(config)
    yield from ended(server, wire, info, 8)


@after("Kicked", configured(ACCOUNTS), since="2.10")
def kicked(server: NatsServer) -> Iterator[Seen]:
    wire, info = server.login(**ALICE)
    wire.until(b"PONG\r\n")
    system, _ = server.login(**SYSTEM)
    system.until(b"PONG\r\n")
    body = json.dumps({"cid": info["client_id"]}).encode()
    subject = f"$SYS.REQ.SERVER.{info['server_id']}.KICK"
    system.send(f"SUB answer 1\r\nPUB {subject} answer {len(body)}\r\n".encode() + body + b"\r\nPING\r\n")
    yield from ended(server, wire, info, 2)


@after("Authorization Violation", configured({"authorization": {"token": "one"}}))
def token_changed(server: NatsServer) -> Iterator[Seen]:
    wire, info = server.login(auth_token="one")  # noqa: S106 - of the test
    wire.until(b"PONG\r\n")
    server.reload({"authorization": {"token": "two"}})
    yield from ended(server, wire, info)


def _with(permissions: object) -> dict[str, object]:
    return {"authorization": {"users": [{"user": "alice", "password": "secret", "permissions": permissions}]}}


@after("Permissions Violation for Subscription (sid)", configured(_with({"subscribe": "news.>"})))
def permission_taken_away(server: NatsServer) -> Iterator[Seen]:
    wire, _ = server.login(**ALICE)
    wire.until(b"PONG\r\n")
    wire.send(b"SUB news.today 7\r\nPING\r\n")
    wire.until(b"PONG\r\n")
    server.reload(_with({"subscribe": "other.>"}))
    with suppress(AssertionError):
        wire.until(b"-ERR", 2)
        wire.until_closed(0.3)
    yield from errors(wire, closed=wire.closed)


@after("Permissions Violation for Subscription", configured(_with({"subscribe": {"allow": "*.> v1", "deny": "*.> v2"}})))
def queue_denied(server: NatsServer) -> Iterator[Seen]:
    yield from lives(server, b"SUB a.b v2 1\r\n", **ALICE)


PROXIED = {"user": "alice", "password": "secret", "proxy_required": True}


@after("Proxy Required", configured({"authorization": {"users": [PROXIED]}}), since="2.12")
def without_its_proxy(server: NatsServer) -> Iterator[Seen]:
    yield from ended(server, *server.login(**ALICE))


@after("Proxy Not Trusted", configured({"proxies": {"trusted": [{"key": Operator().key.public}]}}), since="2.12")
def through_another_proxy(server: NatsServer) -> Iterator[Seen]:
    yield from ended(server, *server.login(proxy_sig="bm9ib2R5"))


@after("Duplicate Client ID", configured({"server_name": "one", "mqtt": {"host": "127.0.0.1", "port": -1}}, jetstream=True))
def the_same_mqtt_client_again(server: NatsServer) -> Iterator[Seen]:
    port = int(server.log().partition("Listening for MQTT clients on mqtt://127.0.0.1:")[2].split()[0])
    connect = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04same"
    wires = [server.dial(port), server.dial(port)]
    for wire in wires:
        wire.send(connect)
        wire.until(b"\x20\x02")
    wires[0].until_closed()
    closed = server.monitoring("connz?state=closed&mqtt_client=same")["connections"]
    for reason in {each["reason"] for each in closed} or {"none"}:
        yield Seen("nats", "close_reason", reason, wires[0].closed)
