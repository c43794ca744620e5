"""The places for situations of XMPP: a user on a shared server, or a whole server."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from tests.capture.scenarios.xmpp_seeing import USERS, answered, bind, failures, header, plain, session
from tests.capture.scenarios.xmpp_stanzas import EJABBERD_MODULES, PROSODY_HOSTS, PROSODY_MODULES
from tests.experiments.situation import Ground, Place, situation
from tests.servers.certificates import issue
from tests.servers.ejabberd import EjabberdServer
from tests.servers.prosody import ProsodyServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.capture.recording import Seen
    from tests.experiments.situation import Act, Operation, Situation
    from tests.servers.wire import Wire

PASSWORD = "secret"  # noqa: S105 - of the tests


def account(name: str) -> str:
    """Return the user that one situation uses alone."""
    return re.sub(r"[^a-z]+", "", name.removeprefix("xmpp"))[:60]


class StreamPlace(Place):
    """A session that is opened when it is needed, and opened again after it has ended."""

    resource = "here"

    def __init__(self, server: Any, name: str) -> None:
        super().__init__(server, name)
        self.user = account(name)
        self._wire: Wire | None = None

    @property
    def address(self) -> str:
        """The address of the user."""
        return f"{self.user}@localhost"

    @property
    def wire(self) -> Wire:
        """The session of the operation."""
        if self._wire is None or self._wire.closed:
            self._wire = self.open()
        return self._wire

    def open(self) -> Wire:
        """Log in and bind a resource."""
        return session(self.server, self.user, self.resource)

    def enter(self, *attempts: bytes) -> Iterator[Seen]:
        """Open a stream and log in; yield the errors of the server, or keep the session for the operation."""
        wire = self.server.dial()
        wire.send(header())
        read_until(wire, b"</stream:features>")
        for attempt in (attempts or (plain(self.user, PASSWORD),)) if not wire.closed else ():
            wire.send(attempt)
        read_until(wire, b"<success", b"<failure")
        wire.until_closed(0.1)
        found = list(failures(wire.read, closed=wire.closed))
        if not found and not attempts:
            wire.send(header())
            wire.until(b"</stream:features>")
            bind(wire, self.resource)
            self._wire = wire
        yield from found

    @property
    def is_open(self) -> bool:
        """Whether there is a session."""
        return self._wire is not None and not self._wire.closed

    def renew(self) -> None:
        """Close the session of the operation."""
        if self._wire is not None:
            self._wire.close()
        self._wire = None

    def other(self, user: str) -> Wire:
        """Return the session of another user, opened once; its resource has the name of this situation's user."""
        if user not in self.kept:
            self.kept[user] = session(self.server, user, self.user)
        wire: Wire = self.kept[user]
        return wire

    def fill(self, text: str) -> str:
        """Insert the names into a stanza."""
        for name, value in {"{me}": self.address, "{own}": self.user}.items():
            text = text.replace(name, value)
        return text

    def ask(self, *stanzas: str, patience: float = 0.3) -> list[Seen]:
        """Send stanzas, and return the errors in the answers, including late ones: a room may answer late."""
        found: list[Seen] = []
        for stanza in stanzas:
            came = answered(self.wire, self.fill(stanza))
            if not list(failures(came, closed=None)):
                came += self.wire.until_closed(patience)
            found += failures(came, closed=self.wire.closed)
        return found


def read_until(wire: Wire, *marks: bytes, seconds: float = 3.0, start: int = 0) -> None:
    """Read until one of the marks has come, the other side has closed, or the time is over."""
    deadline = time.monotonic() + seconds
    while not wire.closed and time.monotonic() < deadline and not any(mark in wire.read[start:] for mark in marks):
        wire.until_closed(0.1)


def asking(*stanzas: str, patience: float = 0.3) -> Operation:
    """Return the operation that sends stanzas; `{me}` is the address of the user, `{own}` a name that only this user has."""
    return lambda place: place.ask(*stanzas, patience=patience)


def by_other(user: str, *stanzas: str) -> Act:
    """Return the action in which another user sends stanzas."""

    def act(place: StreamPlace) -> None:
        for stanza in stanzas:
            for _ in range(5):  # a busy server may refuse a request that it accepts a moment later
                wire = place.other(user)
                start = len(wire.read)
                answered(wire, place.fill(stanza))
                if stanza.startswith("<iq"):
                    read_until(wire, b"id='1'", start=start)
                if not list(failures(wire.read[start:], closed=None)):
                    break
                time.sleep(0.3)
        time.sleep(0.2)  # rooms take their time

    return act


def leaving(user: str) -> Act:
    """Return the action in which another user leaves."""

    def leave(place: StreamPlace) -> None:
        wire: Wire = place.kept.pop(user)
        wire.send(b"</stream:stream>")
        wire.until_closed(1)
        wire.close()

    return leave


def witnessed(user: str, mark: str) -> Callable[[StreamPlace], int]:
    """Return a function that counts the stanzas that another user received from the operation."""

    def count(place: StreamPlace) -> int:
        wire = place.other(user)
        answered(wire, "")
        return wire.read.count(place.fill(mark).encode())

    return count


def _users(situations: Sequence[Situation]) -> dict[str, str]:
    return USERS | {account(one.name): PASSWORD for one in situations}


def prosody_with(place: type[Place] = StreamPlace, *, shared: bool = False, tls: bool = False, **options: Any) -> Ground:
    """Return a ground with a Prosody of these options; each situation has a user of its own."""

    def build(directory: Path, _: Path | None, situations: Sequence[Situation]) -> ProsodyServer:
        certificates = issue(directory / "certificates") if tls else None
        return ProsodyServer(directory, users=_users(situations), tls=certificates, **options)

    return Ground("prosody", build, place, shared=shared)


def ejabberd_with(
    config: Mapping[str, Any] | None = None, place: type[Place] = StreamPlace, *, shared: bool = False, **options: Any
) -> Ground:
    """Return a ground with an ejabberd of this configuration; each situation has a user of its own."""

    def build(directory: Path, _: Path | None, situations: Sequence[Situation]) -> EjabberdServer:
        return EjabberdServer(directory, config, users=_users(situations), **options)

    return Ground("ejabberd", build, place, shared=shared)


PROSODY = prosody_with(
    shared=True, hosts=PROSODY_HOSTS, modules=PROSODY_MODULES, settings='allow_registration = true\nadmins = { "bob@localhost" }'
)
EJABBERD = ejabberd_with({"modules": EJABBERD_MODULES, "shaper_rules": {"few": 1}}, shared=True)
BOTH = (PROSODY, EJABBERD)


def met(name: str, operate: Operation, on: Sequence[Ground] = BOTH, **how: Any) -> None:
    """Register a situation on each of these grounds."""
    for ground in on:
        situation(f"xmpp {name}", ground, operate, **how)
