"""The recipes for frameworks of XMPP, each with its framework on a real Prosody, where it is installed: `make frameworks`."""

from __future__ import annotations

import asyncio
import importlib.util
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import errnorm
from errnorm import Middleware
from errnorm.session import Status
from tests.servers.ports import HOST

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.fault import Fault
    from tests.servers.certificates import Certificates
    from tests.servers.prosody import ProsodyServer

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "frameworks"
OTHERS = "it asks for other versions than the other tests do: make frameworks"
pytestmark = [
    pytest.mark.filterwarnings("default"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"),
]


def example(name: str, told: list[Fault]) -> Any:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.errors = Middleware(emitters=[told.append])  # type: ignore[attr-defined]
    return module


def rows(told: list[Fault]) -> list[tuple[str | None, str]]:
    return [(fault.operation, str(fault.error.reason)) for fault in told]


async def test_an_agent_of_spade_is_watched(start_prosody: Callable[..., ProsodyServer], issued: Certificates) -> None:
    agents: Any = pytest.importorskip("spade.agent", reason=f"SPADE is not installed; {OTHERS}")
    server = start_prosody(users={"alice": "secret"}, tls=issued)
    told: list[Fault] = []
    recipe = example("with_spade", told)
    agent = recipe.WatchedAgent("alice@localhost", "secret", port=server.port)
    await agent.start(auto_register=False)
    assert agent.session.health().status is Status.UP
    await agent.stop()
    assert told == []
    stranger = recipe.WatchedAgent("alice@localhost", "wrong", port=server.port)
    with pytest.raises((agents.AuthenticationFailure, agents.DisconnectedException)):
        await stranger.start(auto_register=False)
    await asyncio.sleep(1)
    assert rows(told) == [("connect", "auth.rejected")]


async def test_a_gateway_of_slidge_is_watched(start_prosody: Callable[..., ProsodyServer], tmp_path: Path) -> None:
    slidge: Any = pytest.importorskip("slidge", reason=f"slidge is not installed; {OTHERS}")
    config, models, store = (import_module(f"slidge.{name}") for name in ("core.config", "db.models", "db.store"))
    server = start_prosody(hosts='Component "legacy.localhost"\ncomponent_secret = "right"')
    settings = {"jid": "legacy.localhost", "secret": "wrong", "server": HOST, "port": server.component, "home_dir": tmp_path}
    for name, value in {**settings, "user_jid_validator": ".*", "admins": [], "upload_service": None}.items():
        setattr(config, name.upper(), value)
    engine = import_module("sqlalchemy").create_engine("sqlite+pysqlite:///:memory:")
    models.Base.metadata.create_all(engine)
    slidge.BaseGateway.store = store.SlidgeStore(engine)
    told: list[Fault] = []
    recipe = example("with_slidge", told)

    class Session(slidge.BaseSession):  # type: ignore[misc]
        """A session that does nothing."""

    class Gateway(recipe.Watched, slidge.BaseGateway[Session]):  # type: ignore[misc, name-defined]
        """A gateway that does nothing."""

        COMPONENT_NAME = "legacy"

    Session.__abstractmethods__ = Gateway.__abstractmethods__ = frozenset()
    gateway = Gateway()
    gateway.connect(HOST, server.component)
    async with asyncio.timeout(60):
        while not told:  # noqa: ASYNC110 - an emitter is not a coroutine
            await asyncio.sleep(0.05)
    gateway.abort()
    assert rows(told) == [("connect", "auth.rejected")]
    raised = recipe.refused(ConnectionRefusedError(111, "the network"))
    assert (raised.condition, raised.etype, raised.text) == ("service-unavailable", "wait", "transport.refused")
    assert errnorm.normalize(raised).retryable


async def test_the_backend_of_errbot_is_watched(start_prosody: Callable[..., ProsodyServer], issued: Certificates) -> None:
    pytest.importorskip("errbot.backends.xmpp", reason=f"errbot is not installed; {OTHERS}")
    server = start_prosody(users={"alice": "secret"}, tls=issued)
    told: list[Fault] = []
    backend = object.__new__(example("with_errbot", told).WatchedXMPPBackend)
    values = {"jid": "alice@localhost/bot", "password": "wrong", "feature": {}, "ca_cert": str(issued.authority)}
    for name, value in {**values, "keepalive": None, "server": None, "use_ipv6": None}.items():
        setattr(backend, name, value)
    connection = backend.create_connection()
    connection.client.enable_direct_tls = False
    connection.client.connect(HOST, server.port)
    async with asyncio.timeout(60):
        while not told:  # noqa: ASYNC110 - an emitter is not a coroutine
            await asyncio.sleep(0.05)
    await asyncio.sleep(1)
    connection.client.abort()
    await asyncio.sleep(0.1)
    assert rows(told) == [("connect", "auth.rejected")]
    assert not backend.session.health().up
