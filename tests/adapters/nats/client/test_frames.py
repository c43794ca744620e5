"""What is read from the frames and private attributes of nats-py is there, in the installed version."""

from __future__ import annotations

import ast
import asyncio
import inspect
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
from nats.aio import client as module
from nats.aio.client import Client, Srv
from nats.aio.subscription import Subscription

from errnorm_adapters.nats import attach
from errnorm_adapters.nats.client import frames
from errnorm_adapters.nats.client.acks import pending_acks
from tests.adapters.nats.client.kit import connected

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm import Middleware
    from tests.adapters.nats.client.kit import StartNats


def names_in(function: Callable[..., Any]) -> set[str]:
    """Return the names and attributes that a function uses."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | {
        node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)
    }


@pytest.mark.parametrize("method", [frames.CLOSES, frames.CONNECTS, frames.DRAINS, frames.RECONNECTS, frames.READS])
def test_the_methods_that_call_back_have_these_names(method: str) -> None:
    assert inspect.iscoroutinefunction(getattr(Client, method))


@pytest.mark.parametrize(
    "attribute", ["_closed_cb", "_current_server", "_pings_outstanding", "_reading_task", "_server_pool", "options"]
)
def test_a_client_has_these_attributes(attribute: str) -> None:
    assert attribute in vars(Client())


def test_a_handler_that_fails_is_reported_by_this_method_of_its_subscription() -> None:
    used = names_in(getattr(Subscription, frames.HANDLES))
    assert {"error_cb", "_cb"} <= used
    assert {"_conn", "_cb"} <= names_in(Subscription.__init__)


def test_the_server_that_is_dialled_has_this_name_and_counts_like_this() -> None:
    selecting = inspect.getsource(Client._select_next_server)
    assert "s = self._server_pool.pop(0)" in selecting
    assert 's.reconnects > self.options["max_reconnect_attempts"]' in selecting
    assert "s.reconnects += 1" in selecting
    assert "reconnects" in Srv.__dataclass_fields__
    for method in (frames.CONNECTS, frames.RECONNECTS):
        source = inspect.getsource(getattr(Client, method))
        assert source.index("await self._error_cb(e)\n", source.index("asyncio.TimeoutError) as e")) < source.index(
            "self._current_server.reconnects += 1"
        )


def test_connect_raises_what_its_callback_raises() -> None:
    source = inspect.getsource(Client.connect)
    assert "except (OSError, errors.Error, asyncio.TimeoutError) as e:" in source


def test_a_connection_that_is_reset_is_dropped_without_a_word() -> None:
    assert "_error_cb" not in names_in(Client._process_op_err)


def test_only_the_installed_version_decides_what_it_can_call_back() -> None:
    expected = "lame_duck_mode_cb" in inspect.signature(Client.connect).parameters
    assert frames.knows_lame_duck_mode() is expected
    assert module.__name__ in frames.CLIENT


async def test_a_client_that_has_had_nothing_to_say_is_found(start_nats: StartNats, errors: Middleware) -> None:
    session, other = attach(errors), attach(errors)
    client = await connected(start_nats({}).url, session)
    loop = asyncio.get_running_loop()
    assert frames.connected_client(session.callbacks["closed_cb"], loop) is client
    assert frames.connected_client(other.callbacks["closed_cb"], loop) is None
    assert frames.connected_client(session.callbacks["closed_cb"], None) is None
    assert session.health().up
    assert not other.health().up
    await client.close()


async def test_the_futures_of_asynchronous_publishes_are_found(start_nats: StartNats) -> None:
    client = await connected(start_nats({}, jetstream=True).url)
    await client.subscribe("silent")
    futures = [await client.jetstream().publish_async("silent", b"") for _ in range(2)]
    assert list(pending_acks(client)) == futures
    await client.close()


def test_no_password_gets_into_the_name_of_a_server() -> None:
    client = Client()
    client._setup_server_pool("nats://ann:secret@example.org:4222")  # type: ignore[arg-type]
    assert frames.pool_of(client) == {"example.org:4222"}


def test_without_nats_py_the_message_says_what_to_install(errors: Middleware, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nats.aio.client", None)
    with pytest.raises(ImportError, match=r"^attach needs nats-py, .*: pip install 'errnorm\[nats\]'$"):
        attach(errors)
