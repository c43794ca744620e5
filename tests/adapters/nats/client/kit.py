"""What the tests of nats-py share: who remembers what was told, patience, and a client in a hurry."""

from __future__ import annotations

import asyncio
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import nats
import pytest

from errnorm.fault import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from nats.aio.client import Client

    from errnorm import Reason
    from errnorm_adapters.nats.client import NatsAttachment
    from tests.servers.nats import NatsServer

    StartNats = Callable[..., NatsServer]

USERS = {
    "users": [
        {"user": "ann", "password": "good", "permissions": {"publish": "open.>", "subscribe": ["open.>", "_INBOX.>"]}},
        {"user": "deaf", "password": "good", "permissions": {"publish": ">", "subscribe": "open.>"}},
    ]
}
ANN = {"user": "ann", "password": "good"}
DEAF = {"user": "deaf", "password": "good"}
WRONG = {"user": "ann", "password": "bad"}
INSTALLED = tuple(int(part) for part in version("nats-py").split(".")[:2])


class Told(list[Fault]):
    """What was told, in order; and after how many seconds connections worked again."""

    def __init__(self) -> None:
        super().__init__()
        self.outages: list[float] = []

    def __call__(self, fault: Fault) -> None:
        self.append(fault)

    def recovered(self, _protocol: str, _operation: str | None, _peer: str | None, seconds: float) -> None:
        self.outages.append(seconds)

    def reasons(self) -> list[Reason]:
        """Return why, in order."""
        return [fault.error.reason for fault in self]

    def rows(self) -> list[tuple[str, str | None, str | None, bool]]:
        """Return what was told of each: the reason, what was being done, what the client did, and whether to try again."""
        return [
            (str(one.error.reason), one.operation, one.client, one.decision is not None and one.decision.retry) for one in self
        ]


def since(major: int, minor: int, what: str) -> pytest.MarkDecorator:
    """Skip a test where nats-py is older than what is tested."""
    reason = f"nats-py {'.'.join(map(str, INSTALLED))} is installed; since {major}.{minor} it {what}"
    return pytest.mark.skipif((major, minor) > INSTALLED, reason=reason)


async def until(happened: Callable[[], object], seconds: float = 120.0) -> None:
    """Wait until something is the case."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.02)


async def connected(url: str | list[str], session: NatsAttachment | None = None, **options: Any) -> Client:
    """Connect without the patience nats-py has."""
    defaults: dict[str, Any] = {"reconnect_time_wait": 0.1, "max_reconnect_attempts": 20, "connect_timeout": 20}
    callbacks = {} if session is None else session.callbacks
    return await nats.connect(url, **{**defaults, **options}, **callbacks)
