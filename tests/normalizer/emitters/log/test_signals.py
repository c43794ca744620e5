"""Nothing that was counted is lost when a signal ends the process, and nothing hangs because of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest

from errnorm.emitters.log import signals
from tests.servers.ports import reserved_port

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")

STORM = """
import logging, multiprocessing, os, signal, sys, threading, time
logging.basicConfig(handlers=[logging.FileHandler({log!r})], format="%(process)d %(message)s", level=20)
import errnorm, nats.errors
errors = errnorm.Middleware()
def storm(_=None, times=100):
    for _ in range(times):
        try:
            with errors.guard("nats", operation="x"):
                raise nats.errors.NoRespondersError
        except nats.errors.NoRespondersError:
            pass
"""
SERVED = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"].endswith("shutdown"):
                return
    if scope["path"] == "/storm":
        storm()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})

def wsgi(environ, start):
    if environ["PATH_INFO"] == "/storm":
        storm()
    start("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""


def counted(log: Path) -> int:
    """Return how many errors a log tells of."""
    lines = log.read_text("utf-8").splitlines()
    summed = [int(found[1]) for line in lines if (found := re.search(r": (\d+) more in ", line))]
    return sum(summed) + len(lines) - len(summed)


def run(tmp_path: Path, end: str, begin: str = "") -> tuple[int, int]:
    log, program = tmp_path / "log", tmp_path / "program.py"
    program.write_text(textwrap.dedent(begin) + STORM.format(log=str(log)) + textwrap.dedent(end), "utf-8")
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, counted(log)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("storm(); os.kill(os.getpid(), signal.SIGTERM); time.sleep(30)", -signal.SIGTERM),
        ("storm(); os.kill(os.getpid(), signal.SIGTERM); threading.Lock().acquire(); signal.pause()", -signal.SIGTERM),
        ("signal.signal(signal.SIGTERM, lambda *_: sys.exit(3)); storm(); os.kill(os.getpid(), signal.SIGTERM)", 3),
        ("threading.Thread(target=storm).start(); time.sleep(1); os.kill(os.getpid(), signal.SIGTERM); time.sleep(30)", -15),
    ],
    ids=["the default", "waiting", "a handler of its own", "counted in a thread"],
)
def test_what_was_counted_is_written_and_the_process_ends_as_it_would_have(tmp_path: Path, end: str, code: int) -> None:
    assert run(tmp_path, end) == (code, 100)


def test_a_log_that_is_stuck_does_not_keep_the_process_alive(tmp_path: Path) -> None:
    stuck = """
        storm()
        logging.getLogger().handlers[0].acquire()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)
    """
    assert run(tmp_path, stuck)[0] == -signal.SIGTERM


NO_THREADS = """
import threading
def refuse(_):
    raise RuntimeError("can't start new thread")
threading.Thread.start = refuse
"""


@pytest.mark.parametrize(("begin", "end"), [(NO_THREADS, ""), ("", NO_THREADS)], ids=["ever", "any more"])
def test_where_no_thread_can_be_started_all_is_told_and_a_signal_ends_the_process(tmp_path: Path, begin: str, end: str) -> None:
    end += """
storm()
logging.info("on it went")
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(30)
"""
    # Five errors of the storm and the line after it; nobody is left who could write the summary.
    assert run(tmp_path, end, begin) == (-signal.SIGTERM, 6)


@pytest.mark.parametrize("worker", ["Pool(2)", "get_context('fork').Pool(2)", "get_context('spawn').Pool(2)"])
def test_the_workers_of_a_pool_that_is_terminated_lose_nothing(tmp_path: Path, worker: str) -> None:
    end = f"""
        if __name__ == "__main__":
            with multiprocessing.{worker} as pool:
                pool.map(storm, range(4))
            pool.join()
    """
    assert run(tmp_path, end) == (0, 400)


def test_a_forked_child_does_not_end_its_parent(tmp_path: Path) -> None:
    end = """
        child = os.fork()
        if not child:
            storm()
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(30)
        os.waitpid(child, 0)
        storm()
    """
    assert run(tmp_path, end) == (0, 200)


def test_where_somebody_else_uses_the_descriptor_nothing_is_changed(tmp_path: Path) -> None:
    end = """
        import socket
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL  # ours
        errnorm.emitters.log.signals.forget()
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        signal.set_wakeup_fd(theirs.fileno())
        again = errnorm.Middleware()
        assert signal.set_wakeup_fd(-1) == theirs.fileno()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        storm()
    """
    assert run(tmp_path, end) == (0, 100)


def test_where_somebody_uses_the_descriptor_and_handles_the_signal_the_handler_runs_as_before(tmp_path: Path) -> None:
    end = """
        import socket
        errnorm.emitters.log.signals.forget()
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        signal.set_wakeup_fd(theirs.fileno())
        signal.signal(signal.SIGTERM, lambda *_: (time.sleep(1), os._exit(7)))
        again = errnorm.Middleware()
        storm()
        os.kill(os.getpid(), signal.SIGTERM)
    """
    assert run(tmp_path, end) == (7, 100)


# Otherwise uvicorn kills a worker that a busy machine keeps from answering for five seconds.
PATIENT = ["--timeout-worker-healthcheck", "60"]
SERVERS = {
    "uvicorn": ["uvicorn", "served:app", "--app-dir", "{folder}", "--port", "{port}"],
    "uvicorn with two workers": [
        "uvicorn",
        "served:app",
        "--app-dir",
        "{folder}",
        "--port",
        "{port}",
        "--workers",
        "2",
        *PATIENT,
    ],
    "gunicorn": ["gunicorn", "served:wsgi", "--chdir", "{folder}", "-b", "127.0.0.1:{port}", "--workers", "2"],
}


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_that_is_terminated_loses_nothing(tmp_path: Path, server: str) -> None:
    pytest.importorskip(SERVERS[server][0])
    log = tmp_path / "log"
    (tmp_path / "served.py").write_text(STORM.format(log=str(log)) + SERVED, "utf-8")
    with reserved_port() as port:
        command = [sys.executable, "-m", *(word.format(folder=tmp_path, port=port) for word in SERVERS[server])]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not asked(port, "ready"):
                assert process.poll() is None
                time.sleep(0.2)
            answered = sum(asked(port, "storm") for _ in range(4))
        finally:
            process.terminate()
            process.wait(timeout=300)
    assert answered == 4
    assert counted(log) == 400


def asked(port: int, path: str) -> bool:
    """Ask the server; return whether it answered."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=30) as answer:
            return bool(answer.read() == b"ok")
    except OSError:
        return False


def test_outside_of_the_main_thread_nothing_is_set() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            (
                "import threading, signal; from errnorm.emitters.log import signals\n"
                "t = threading.Thread(target=signals.watch, args=(print,)); t.start(); t.join()\n"
                "print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)"
            ),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert done.stdout.strip() == "True"
    assert signals.watch.__module__ == "errnorm.emitters.log.signals"
