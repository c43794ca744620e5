"""The places for situations of NATS: an account on a shared server, or a whole server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.capture.recording import Seen
from tests.capture.scenarios.nats_jetstream import Request, ask, listening, short
from tests.experiments.situation import Ground, Place
from tests.servers.nats import NatsServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.experiments.situation import Act, Situation
    from tests.servers.wire import Wire

PASSWORD = "b"  # noqa: S105 - of the tests


class NatsPlace(Place):
    """A connection to a nats-server that is opened when it is needed, and opened again after it has ended."""

    login: Mapping[str, object] = {}
    account = "$G"

    def __init__(self, server: NatsServer, name: str) -> None:
        super().__init__(server, name)
        self._wire: Wire | None = None

    @property
    def wire(self) -> Wire:
        """The connection of the operation."""
        if self._wire is None or self._wire.closed:
            self._wire = self.open()
        return self._wire

    def open(self) -> Wire:
        """Log in and subscribe to the answers."""
        return listening(self.server, no_responders=True, **self.login)

    def renew(self) -> None:
        """Close the connection of the operation."""
        if self._wire is not None:
            self._wire.close()
        self._wire = None

    def ask(self, *requests: Request) -> Iterator[Seen]:
        """Send requests, and yield each answer that is an error."""
        for request in requests:
            answer = ask(self.wire, request)
            if answer.startswith("NATS/1.0"):
                yield Seen("nats", "raw", answer, self.wire.closed)
            elif '"error"' in answer:
                yield Seen("nats", "raw", short(json.loads(answer)), self.wire.closed)
            elif not answer:
                message = f"{request[0]}: no answer"
                raise AssertionError(message)

    def prepare(self, *requests: Request) -> None:
        """Send requests that must succeed."""
        for seen in self.ask(*requests):
            message = f"{self.name} cannot be prepared: {seen.value}"
            raise AssertionError(message)


class AccountPlace(NatsPlace):
    """An account for one situation, with JetStream."""

    def __init__(self, server: NatsServer, name: str) -> None:
        super().__init__(server, name)
        self.login = {"user": name, "pass": PASSWORD}
        self.account = _account(name)


def _account(name: str) -> str:
    return name.replace(" ", "_")


def accounts_of(situations: Sequence[Situation]) -> dict[str, Any]:
    """Return the accounts of these situations for the configuration of a server; each has a user with the same name."""
    return {
        _account(one.name): {
            "users": [{"user": one.name, "password": PASSWORD}],
            "jetstream": one.options.get("jetstream", "enabled"),
        }
        for one in situations
    }


def _with_accounts(directory: Path, program: Path | None, situations: Sequence[Situation]) -> NatsServer:
    config = {"accounts": accounts_of(situations), "max_payload": 1_000_000}
    return NatsServer(directory, config, program=program, jetstream=True)


accounts = Ground("nats-server", _with_accounts, AccountPlace, shared=True)


def own(config: Mapping[str, Any] | None = None, *, jetstream: bool = False) -> Ground:
    """Return a ground with a separate server for each situation."""
    return Ground(
        "nats-server",
        lambda directory, program, _: NatsServer(directory, config or {}, program=program, jetstream=jetstream),
        NatsPlace,
    )


def asking(*requests: Request) -> Callable[[NatsPlace], Iterable[Seen]]:
    """Return the operation that sends requests: it fails if one answer is an error."""
    return lambda place: place.ask(*requests)


def given(*requests: Request) -> Act:
    """Return the action that sends requests, which must succeed."""
    return lambda place: place.prepare(*requests)


def stored(place: NatsPlace) -> object:
    """Return the state of JetStream in the account: streams, their messages, and consumers."""
    said = place.server.monitoring(f"jsz?acc={quote(place.account)}&streams=1&consumers=1&config=1")
    details = said.get("account_details") or [{}]
    return {one["name"]: _settled(one) for one in details[0].get("stream_detail") or []}


def _settled(one: Mapping[str, Any]) -> object:
    state = {name: one["state"].get(name) for name in ("messages", "bytes", "num_subjects")}
    consumers = sorted((each["name"], json.dumps(each.get("config"))) for each in one.get("consumer_detail") or [])
    return one.get("config"), state, consumers
