"""The demonstrations for real: their servers, their clients, and what has to come out."""

from __future__ import annotations

import gc
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from errnorm import normalize
from errnorm.fault import Fault
from errnorm_adapters.tools.demo import nats, xmpp
from errnorm_adapters.tools.demo.servers import NatsServer, NoServerError, Prosody, PyJabber, Server, _program
from errnorm_adapters.tools.demo.stage import Case, Stage
from errnorm_adapters.tools.demo.table import Printer

if TYPE_CHECKING:
    from collections.abc import Iterator

# nats-py and slixmpp leave sockets open that never got to a session; they are collected here, and not the matter of these tests.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]

NEEDS_PROSODY = pytest.mark.skipif(_program("prosody") is None, reason="Prosody is not installed")


def processes() -> set[str]:
    # Everything of ours runs in a directory of its own, which its command line names.
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
        if "/errnorm" in command and any(name in command for name in ("nats-server", "prosody", "pyjabber")):
            found.add(entry.name)
    return found


@pytest.fixture
def nothing_stays() -> Iterator[None]:
    before = processes()
    yield
    gc.collect()
    assert processes() <= before


def reasons(stage: Stage) -> dict[str, str]:
    return {case.what: "" if case.fault is None else str(case.fault.error.reason) for case in stage.cases}


@pytest.mark.usefixtures("nothing_stays")
async def test_six_errors_of_a_nats_server_happen_and_are_caught() -> None:
    stage = Stage("nats")
    await nats.run(stage)
    assert reasons(stage) == {
        "log in with a wrong password": "auth.rejected",
        "publish where that is not allowed": "auth.forbidden",
        "publish more than the server takes": "limits.size",
        "ask where nobody listens": "transport.unavailable",
        "stop the server, start it again": "transport.lost",
        "freeze the server": "transport.stale",
    }
    assert stage.succeeded


@NEEDS_PROSODY
@pytest.mark.usefixtures("nothing_stays")
async def test_four_errors_of_prosody_happen_and_are_caught() -> None:
    stage = Stage("xmpp")
    await xmpp.run(stage, Prosody())
    assert reasons(stage) == {
        "log in with a wrong password": "auth.rejected",
        "ask for a service that is not there": "transport.unavailable",
        "log in twice as the same resource": "shutdown.replaced",
        "stop the server": "shutdown.server",
    }
    assert stage.succeeded


@pytest.mark.usefixtures("nothing_stays")
async def test_four_errors_of_pyjabber_happen_and_are_caught() -> None:
    stage = Stage("xmpp")
    await xmpp.run(stage, PyJabber())
    assert list(reasons(stage).values()) == ["auth.rejected", "transport.timeout", "auth.rejected", "transport.refused"]
    assert stage.succeeded


@pytest.mark.usefixtures("nothing_stays")
def test_the_command_shows_everything_without_colour_and_ends_well() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"}
    done = subprocess.run(
        [sys.executable, "-m", "errnorm", "demo"], capture_output=True, text=True, timeout=300, check=False, env=environment
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert done.stdout.count("] nats ") + done.stdout.count("] xmpp ") == 10
    assert "what the client library said" in done.stdout


@pytest.mark.usefixtures("nothing_stays")
async def test_a_server_and_its_files_are_gone_when_the_block_fails() -> None:
    server = NatsServer()
    with pytest.raises(ZeroDivisionError):
        async with server:
            assert processes()
            raise ZeroDivisionError
    assert not server.directory.exists()


@pytest.mark.usefixtures("nothing_stays")
async def test_a_server_that_ends_at_once_says_why() -> None:
    class Broken(Server):
        name = "broken"

        def command(self) -> list[str]:
            return [sys.executable, "-c", "raise SystemExit('no port left')"]

    server = Broken()
    with pytest.raises(NoServerError, match="broken ended at once: no port left"):
        async with server:
            pytest.fail("it must not start")
    assert not server.directory.exists()


def test_a_case_in_which_nothing_was_caught_did_not_succeed() -> None:
    stage = Stage("nats")
    stage.close("nothing", ["auth.rejected"], "nothing")
    assert not stage.succeeded


def test_a_stage_without_cases_did_not_succeed() -> None:
    assert not Stage("nats").succeeded


def test_a_case_that_means_something_else_did_not_succeed_and_is_shown_so() -> None:
    fault = Fault(normalize("-ERR 'Stale Connection'", "nats"))
    case = Case("nats", "log in", ("auth.rejected",), "\x1b[31mtext of a peer", fault)
    stream = io.StringIO()
    Printer(stream).side_by_side([case])
    shown = " ".join(stream.getvalue().split())
    assert not case.succeeded
    assert "transport.stale" in shown
    assert "(expected:" in shown
    assert "\x1b" not in shown
