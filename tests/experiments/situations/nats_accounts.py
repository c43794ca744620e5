"""Accounts, JWT, permissions that change, kicks and proxies: whether reconnecting helps, and with which credentials."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from tests.capture.recording import Seen
from tests.capture.scenarios.nats_accounts import OperatedServer
from tests.capture.scenarios.nats_seeing import errors
from tests.experiments.situation import alone, situation
from tests.experiments.situations.nats_wire import WirePlace, interrupted, introduced, own, saying
from tests.servers.credentials import Operator
from tests.servers.nats import NatsServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.experiments.situation import Operation
    from tests.servers.credentials import User
    from tests.servers.wire import Wire

SYSTEM: dict[str, Any] = {"user": "system", "pass": "secret"}
BOB: dict[str, Any] = {"user": "bob", "pass": "secret"}
ALICE: dict[str, Any] = {"user": "alice", "pass": "secret"}
USER: dict[str, Any] = {"user": "alice", "password": "secret"}
ACCOUNTS = {
    "accounts": {"SYS": {"users": [{"user": "system", "password": "secret"}]}, "A": {"users": [USER]}},
    "system_account": "SYS",
}


class UserPlace(WirePlace):
    """A connection of the user in `kept`, who proves a key with a signature."""

    def connected(self, login: Any, pause: float) -> Wire:
        """Return a connection that has sent its login; the previous one if it is still open."""
        if self.wire is None or self.wire.closed:
            user: User = self.kept["user"]
            wire: Wire = self.server.dial()
            self.info = json.loads(wire.until(b"\r\n").removeprefix(b"INFO ").partition(b"\r\n")[0])
            if pause:
                wire.until_closed(pause)
            options = {"protocol": 1, "headers": True, **login, **user.options(self.info["nonce"])}
            wire.send(b"CONNECT " + json.dumps(options).encode() + b"\r\n")
            self.wire = wire
            return wire
        return self.wire


def operated(**limits: object) -> Any:
    """Return a ground with an operator and an account that has these limits."""

    def make(directory: Path, program: Path | None) -> OperatedServer:
        return OperatedServer(directory, program, **limits)

    return alone("nats-server", make, UserPlace)


def as_somebody_new(place: UserPlace) -> Iterator[Seen]:
    """Reconnect with new credentials."""
    place.kept["user"] = place.server.account.user()
    place.renew()
    yield from saying()(place)


def user(**claims: Any) -> Callable[[UserPlace], None]:
    """Return the action that sets the user for the next login."""
    return lambda place: place.kept.update(user=place.server.account.user(**claims))


def _account_claim(server: OperatedServer, expires: float | None) -> None:
    config = server.operator.config()
    account = server.account
    claim = {"type": "account", "version": 2, "limits": account._limits, "revocations": account.revoked}
    config["resolver_preload"][account.key.public] = server.operator.key.claim(account.key.public, claim, "A", expires)
    server.reload(config)


def _revoke(place: UserPlace) -> None:
    place.server.account.revoke(place.kept["user"])
    place.server.reload(place.server.operator.config())
    time.sleep(1.1)


def _lower(place: UserPlace) -> None:
    place.server.account._limits["subs"] = 1
    place.server.reload(place.server.operator.config())


def _renewed_account(place: UserPlace) -> Iterator[Seen]:
    """Reconnect after the operator has renewed the account."""
    _account_claim(place.server, time.time() + 60)
    yield from saying()(place)


def _about_to_expire(place: UserPlace) -> None:
    user(expires=time.time() + 2)(place)


situation(
    "nats user expired",
    operated(),
    saying(),
    provoke=user(expires=time.time() - 60),
    steps={"reauthenticate": as_somebody_new},
)
situation(
    "nats user expires",
    operated(),
    interrupted(lambda _: None, 6),
    provoke=_about_to_expire,
    steps={"reauthenticate": as_somebody_new},
)
situation(
    "nats user revoked",
    operated(),
    interrupted(_revoke),
    provoke=user(),
    steps={"reauthenticate": as_somebody_new},
)
situation(
    "nats account expires",
    operated(),
    interrupted(lambda place: _account_claim(place.server, time.time() + 2), 8),
    provoke=user(),
    steps={"reauthenticate": as_somebody_new, "operator": _renewed_account},
    note="a new user of the account does not help; somebody must renew the account",
)
situation(
    "nats limit of subscriptions lowered",
    operated(),
    interrupted(_lower, data=b"SUB a 1\r\nSUB b 2\r\nSUB c 3\r\n"),
    provoke=user(),
    steps={"modify": saying(b"UNSUB 1\r\nSUB d 4\r\n")},
)


def _other_user(place: UserPlace) -> None:
    mine = place.server.account.user()
    other = UserPlace(place.server, place.name)
    other.kept["user"] = place.server.account.user()
    list(saying()(other))
    place.kept.update(user=mine, other=other)


def _other_leaves(place: UserPlace) -> None:
    place.kept["other"].renew()


situation(
    "nats one connection of the account too many",
    operated(conn=1),
    saying(),
    provoke=_other_user,
    heal=_other_leaves,
    note="somebody else has left",
)


def _kick(place: WirePlace) -> None:
    system, _ = introduced(place.server, SYSTEM)
    system.send(b"PING\r\n")
    system.until(b"PONG\r\n")
    body = json.dumps({"cid": place.info["client_id"]}).encode()
    subject = f"$SYS.REQ.SERVER.{place.info['server_id']}.KICK"
    system.send(f"SUB answer 1\r\nPUB {subject} answer {len(body)}\r\n".encode() + body + b"\r\nPING\r\n")


situation(
    "nats kicked", own(ACCOUNTS), interrupted(_kick, **ALICE), since="2.10", note="nothing keeps the client from coming back"
)


def _token(place: WirePlace) -> None:
    place.server.reload({"authorization": {"token": "two"}})


situation(
    "nats token changed",
    own({"authorization": {"token": "one"}}),
    interrupted(_token, auth_token="one"),  # noqa: S106 - of the test
    steps={"reauthenticate": saying(auth_token="two")},  # noqa: S106 - of the test
)


def _removed(place: WirePlace) -> None:
    place.server.reload({"authorization": {"users": [{"user": "bob", "password": "secret"}]}})


situation(
    "nats user removed",
    own({"authorization": {"users": [USER, {"user": "bob", "password": "secret"}]}}),
    interrupted(_removed, **ALICE),
    steps={"reauthenticate": saying(**BOB)},
)


def _with(permissions: object) -> dict[str, object]:
    return {"authorization": {"users": [{**USER, "permissions": permissions}]}}


def _narrowed(place: WirePlace) -> Iterator[Seen]:
    """Subscribe; the first time, the permission is removed a moment later."""
    failed = list(saying(b"SUB news.today 7\r\n", **ALICE)(place))
    if failed or place.kept.get("narrowed"):
        yield from failed
        return
    place.kept["narrowed"] = True
    place.server.reload(_with({"subscribe": "other.>"}))
    time.sleep(0.3)
    yield from saying(**ALICE)(place)


situation("nats permission taken away", own(_with({"subscribe": "news.>"})), _narrowed)
PROXY = Operator().key


def _through_the_proxy(place: WirePlace) -> Iterator[Seen]:
    """Connect through a proxy that the server trusts: the proxy signs the nonce of the server."""
    place.renew()
    wire = place.server.dial()
    nonce = json.loads(wire.until(b"\r\n").removeprefix(b"INFO ").partition(b"\r\n")[0])["nonce"]
    login = {"verbose": False, **ALICE, "proxy_sig": PROXY.sign(nonce.encode()).decode()}
    wire.send(b"CONNECT " + json.dumps(login).encode() + b"\r\nPING\r\n")
    with suppress(AssertionError):
        wire.until(b"PONG\r\n")
    yield from errors(wire, closed=wire.closed)


_PROXIED = {"proxies": {"trusted": [{"key": PROXY.public}]}, "authorization": {"users": [{**USER, "proxy_required": True}]}}
situation(
    "nats user without its proxy",
    own(_PROXIED),
    saying(**ALICE),
    steps={"modify": _through_the_proxy},
    since="2.12",
)
situation(
    "nats proxy that is not trusted",
    own(_PROXIED),
    saying(proxy_sig="bm9ib2R5", **ALICE),
    steps={"modify": _through_the_proxy},
    since="2.12",
)


class MqttPlace(WirePlace):
    """A client of MQTT."""

    def enter(self, name: bytes) -> Wire:
        """Open a session."""
        port = int(self.server.log().partition("Listening for MQTT clients on mqtt://127.0.0.1:")[2].split()[0])
        wire: Wire = self.server.dial(port)
        wire.send(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04" + name)
        wire.until(b"\x20\x02")
        return wire


def _mqtt(name: bytes) -> Operation:
    def operate(place: MqttPlace) -> Iterator[Seen]:
        wire = place.enter(name)
        if not place.kept.get("rival"):
            place.kept["rival"] = place.enter(b"same")
        wire.until_closed(0.5)
        if wire.closed:
            closed = place.server.monitoring("connz?state=closed&mqtt_client=same")["connections"]
            yield from (Seen("nats", "close_reason", reason, closed=True) for reason in {each["reason"] for each in closed})
        time.sleep(1.2)  # the server refuses a client for a second after quick reconnects

    return operate


def _mqtt_server(directory: Path, program: Path | None) -> NatsServer:
    config = {"server_name": "one", "mqtt": {"host": "127.0.0.1", "port": -1}}
    return NatsServer(directory, config, program=program, jetstream=True)


situation(
    "nats same mqtt client again",
    alone("nats-server", _mqtt_server, MqttPlace),
    _mqtt(b"same"),
    steps={"modify": _mqtt(b"mine")},
    note="whoever comes last has the session: coming back puts the other out",
)
