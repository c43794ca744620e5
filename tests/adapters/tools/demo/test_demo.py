"""The demonstrations for real: their servers, their clients, and what has to come out."""

from __future__ import annotations

import gc
import io
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from errnorm import normalize
from errnorm.fault import Fault
from errnorm_adapters.tools.demo import main, nats, xmpp
from errnorm_adapters.tools.demo.lines import Printer
from errnorm_adapters.tools.demo.servers import NatsServer, NoServerError, Prosody, PyJabber, Server, _program
from errnorm_adapters.tools.demo.stage import Case, MissingError, Stage, need

if TYPE_CHECKING:
    from collections.abc import Iterator

# nats-py and slixmpp leave sockets open that never got to a session; they are collected here, and not the matter of these tests.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]

NEEDS_PROSODY = pytest.mark.skipif(_program("prosody") is None, reason="Prosody is not installed")


def processes(folder: Path) -> set[str]:
    # Everything of ours runs in a directory of its own, which its command line names.
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
        if str(folder) in command:
            found.add(entry.name)
    return found


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the servers of one test have their directories: other tests start servers at the same time."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def nothing_stays(place: Path) -> Iterator[None]:
    yield
    gc.collect()
    assert processes(place) == set()


def reasons(stage: Stage) -> dict[str, str]:
    return {case.what: "" if case.fault is None else str(case.fault.error.reason) for case in stage.cases}


@pytest.mark.usefixtures("nothing_stays")
async def test_seven_errors_of_a_nats_server_happen_and_are_caught() -> None:
    stage = Stage("nats")
    await nats.run(stage)
    assert reasons(stage) == {
        "log in with a wrong password": "auth.rejected",
        "publish to a subject that is not allowed": "auth.forbidden",
        "publish a message that is too large": "limits.size",
        "send a request that no service answers": "transport.unavailable",
        "handle a message whose answer is too large": "limits.size",
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
        "log in twice with the same name": "shutdown.replaced",
        "stop the server": "shutdown.server",
    }
    assert stage.succeeded


@pytest.mark.usefixtures("nothing_stays")
async def test_four_errors_of_pyjabber_happen_and_are_caught() -> None:
    stage = Stage("xmpp")
    await xmpp.run(stage, PyJabber())
    assert list(reasons(stage).values()) == ["auth.rejected", "transport.timeout", "auth.rejected", "transport.lost"]
    assert stage.succeeded


@pytest.mark.usefixtures("nothing_stays")
@pytest.mark.parametrize("columns", [80, 100])
def test_the_command_shows_three_lines_a_case_that_fit_the_terminal(columns: int) -> None:
    done = _demo(columns)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= columns
    cases = re.findall(
        r"^ *\d+  (\S.*)\n    (nats-py|slixmpp) +(\S.*)\n    errnorm  (\S+)  (retry|stop): (.*)$", done.stdout, re.MULTILINE
    )
    assert len(cases) == 11
    assert not [case for case in cases if "…" in case[-1]], "what errnorm says must not be cut"
    assert re.fullmatch(r"11 errors: \d to retry, \d to stop\. Next: errnorm .*", lines[-1])


@pytest.mark.usefixtures("nothing_stays")
def test_log_lines_are_shown_if_asked_for_and_colours_if_wanted() -> None:
    done = _demo(100, "nats", "--log", colour=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b[32mretry: " in done.stdout
    assert "\x1b[31mstop: " in done.stdout
    assert "nats publish failed: limits.size: " in done.stdout


def _demo(columns: int, *arguments: str, colour: bool = False) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in {"FORCE_COLOR", "NO_COLOR"}}
    environment |= {"COLUMNS": str(columns)} | ({"FORCE_COLOR": "1"} if colour else {})
    return subprocess.run(
        [sys.executable, "-m", "errnorm", "demo", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=environment,
    )


def test_where_the_extra_is_missing_that_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("errnorm_adapters.tools.demo.stage.find_spec", lambda _name: None)
    assert main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("errnorm demo: nats-py and slixmpp are not installed; the extra demo installs them: ")
    assert captured.err.endswith(": pip install 'errnorm[demo]'\n")


def test_what_is_installed_is_not_missing() -> None:
    need("nats", "nats-py")
    with pytest.raises(MissingError, match="nats-c is not installed"):
        need("no_module_of_this_name", "nats-c")


@pytest.mark.usefixtures("nothing_stays")
async def test_a_server_and_its_files_are_gone_when_the_block_fails(place: Path) -> None:
    server = NatsServer()
    with pytest.raises(ZeroDivisionError):
        async with server:
            assert processes(place)
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
    case = Case("nats", "nats-py", "log in", ("auth.rejected",), "\x1b[31mtext of a peer", fault)
    stream = io.StringIO()
    stage = Stage("nats")
    stage.cases.append(case)
    printer = Printer(stream)
    printer.case(stage, case)
    printer.end([stage])
    shown = " ".join(stream.getvalue().split())
    assert not case.succeeded
    assert "transport.stale" in shown
    assert "(expected:" in shown
    assert "1 not as expected" in shown
    assert "\x1b" not in shown


def test_a_demonstration_that_breaks_off_says_why() -> None:
    stage = Stage("nats")
    stage.failure = NoServerError("nats-server ended at once: no port left")
    stream = io.StringIO()
    Printer(stream).failure(stage)
    assert "NATS ended early: NoServerError: nats-server ended at once: no port left" in stream.getvalue()
