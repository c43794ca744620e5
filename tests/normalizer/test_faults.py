"""
When what stands around an error fails too: emitters, handlers, disks, overlays, threads, forks, the interpreter itself.

The application gets its own exception back and nothing else, and every error is counted once.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nats.errors
import pytest

from errnorm.emitters.counts import Ledger
from errnorm.emitters.log.emitter import LogEmitter, kinds_of
from errnorm.emitters.log.storm import StormGuard
from errnorm.emitters.otel.metric import emitter as metric_emitter
from errnorm.middleware import Middleware
from errnorm.normalizer import Normalizer
from errnorm.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from errnorm.emitters.attributes import Attributes
    from errnorm.emitters.severity import Severity
    from errnorm.fault import Emitter, Fault

NORMALIZER = Normalizer([])


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def counting(ledger: Ledger) -> Callable[..., Middleware]:
    """A middleware that counts, with other emitters before and after the one that does."""

    def make(*others: Emitter) -> Middleware:
        middleware = Middleware(NORMALIZER, emitters=[*others, metric_emitter(ledger), *others])
        middleware._tell._ledger = ledger
        return middleware

    return make


def fail(middleware: Middleware, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(nats.errors.NoRespondersError), middleware.guard("nats", operation="request"):
            raise nats.errors.NoRespondersError


RAISED = [RuntimeError(), OSError(28, "No space left"), RecursionError(), MemoryError(), nats.errors.NoRespondersError()]


@pytest.mark.parametrize("raised", RAISED, ids=lambda error: type(error).__name__)
def test_an_emitter_that_raises_costs_no_count(raised: Exception, counting: Callable[..., Middleware], ledger: Ledger) -> None:
    def emit(_fault: Fault) -> None:
        raise raised

    fail(counting(emit), 10)
    assert (ledger.errors.total, ledger.failures.total) == (10, 20)


def test_an_emitter_that_calls_itself_comes_to_an_end(counting: Callable[..., Middleware], ledger: Ledger) -> None:
    def emit(fault: Fault) -> None:
        emit(fault)

    fail(counting(emit), 3)
    assert (ledger.errors.total, ledger.failures.total) == (3, 6)


def test_an_emitter_that_fails_and_tells_so_is_counted_each_time(ledger: Ledger) -> None:
    def emit(_fault: Fault) -> None:
        fail(middleware)

    middleware = Middleware(NORMALIZER, emitters=[emit, metric_emitter(ledger)])
    middleware._tell._ledger = ledger
    fail(middleware, 5)
    assert ledger.errors.total == 10


def test_a_log_handler_that_fails_with_an_error_of_the_same_connection_comes_to_an_end(ledger: Ledger) -> None:
    failures: list[int] = []

    class Shipping(logging.Handler):
        """Sends its lines over the connection that has just failed."""

        def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002 - it cannot be written
            failures.append(1)
            fail(middleware)
            raise nats.errors.ConnectionClosedError

    log = LogEmitter(Settings.load({}, log_with="logging", storm_burst=0), ledger=ledger)
    middleware = Middleware(NORMALIZER, emitters=[log, metric_emitter(ledger)])
    middleware._tell._ledger = ledger
    logger, handler = logging.getLogger("errnorm"), Shipping()
    logger.addHandler(handler)
    try:
        fail(middleware, 5)
    finally:
        logger.removeHandler(handler)
    assert ledger.errors.total == 5 + len(failures)


def test_an_emitter_that_blocks_holds_up_nobody_else(counting: Callable[..., Middleware], ledger: Ledger) -> None:
    release, entered = threading.Event(), threading.Event()

    def emit(_fault: Fault) -> None:
        if threading.current_thread() is blocked:
            entered.set()
            release.wait(100)

    middleware = counting(emit)
    blocked = threading.Thread(target=fail, args=(middleware,))
    blocked.start()
    assert entered.wait(100)
    fail(middleware, 100)
    assert blocked.is_alive()
    release.set()
    blocked.join(100)
    assert ledger.errors.total == 101


def test_a_log_that_blocks_one_thread_for_ever_holds_no_lock_of_ours(ledger: Ledger) -> None:
    release, entered = threading.Event(), threading.Event()
    written: list[str] = []

    def write(_level: Severity, event: str, _fields: Attributes) -> None:
        if threading.current_thread() is blocked:
            entered.set()
            release.wait(100)
        written.append(event)

    log = LogEmitter(Settings.load({}), ledger=ledger, write=write, schedule=lambda _seconds, _call: None)
    middleware = Middleware(NORMALIZER, emitters=[log, metric_emitter(ledger)])
    middleware._tell._ledger = ledger
    blocked = threading.Thread(target=fail, args=(middleware,))
    blocked.start()
    assert entered.wait(100)
    others = [threading.Thread(target=fail, args=(middleware, 50)) for _ in range(3)]
    for thread in [*others, flushing := threading.Thread(target=middleware.flush)]:
        thread.start()
    for thread in [*others, flushing]:
        thread.join(100)
    free = [not thread.is_alive() for thread in [*others, flushing]]
    release.set()
    blocked.join(100)
    middleware.flush()
    assert all(free)
    assert ledger.errors.total == 151
    assert written


def test_threads_lose_and_double_nothing(counting: Callable[..., Middleware], ledger: Ledger) -> None:
    middleware = counting()
    threads = [threading.Thread(target=fail, args=(middleware, 500)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.errors.total == 4000


def test_several_event_loops_share_one_middleware(counting: Callable[..., Middleware], ledger: Ledger) -> None:
    middleware = counting()

    async def request() -> None:
        with pytest.raises(nats.errors.TimeoutError):
            async with middleware.guard("nats"):
                await asyncio.sleep(0)
                raise nats.errors.TimeoutError

    async def loop() -> None:
        await asyncio.gather(*(request() for _ in range(200)))

    threads = [threading.Thread(target=lambda: asyncio.run(loop())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.errors.total == 800


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers")
def test_a_signal_handler_may_fail_while_a_fault_is_told(counting: Callable[..., Middleware], ledger: Ledger) -> None:
    handled = 0

    def handle(_number: int, _frame: object) -> None:
        nonlocal handled
        middleware.report("-ERR 'Stale Connection'", "nats")
        handled += 1
        # One after the other: on a slow machine they would interrupt each other until the stack is full.
        signal.setitimer(signal.ITIMER_REAL, 0.001)

    middleware = counting()
    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    try:
        fail(middleware, 3000)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert handled > 0
    assert ledger.errors.total == 3000 + handled


def test_a_finalizer_may_fail_while_a_fault_is_told(counting: Callable[..., Middleware], ledger: Ledger) -> None:
    class Leaving:
        """Fails when nobody needs it any more, which is while a fault is told."""

        def __del__(self) -> None:
            middleware.report("-ERR 'Stale Connection'", "nats")

    def emit(_fault: Fault) -> None:
        one = Leaving()
        vars(one)["itself"] = one
        del one
        gc.collect()

    middleware = counting(emit)
    fail(middleware, 5)
    assert ledger.errors.total == 15


def test_what_a_log_suppresses_is_summed_up_or_still_counted(ledger: Ledger) -> None:
    lines: list[Attributes] = []

    def write(_level: Severity, _event: str, fields: Attributes) -> None:
        lines.append(fields)

    guard: StormGuard[Any, Any] = StormGuard(burst=3, kinds_of=kinds_of)
    log = LogEmitter(Settings.load({}), ledger=ledger, guard=guard, write=write, schedule=lambda _seconds, _call: None)
    middleware = Middleware(NORMALIZER, emitters=[log, metric_emitter(ledger)])
    threads = [threading.Thread(target=fail, args=(middleware, 250)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    middleware.flush()
    told = sum(1 for line in lines if "errnorm.suppressed" not in line)
    summed = sum(int(line["errnorm.suppressed"]) for line in lines if "errnorm.suppressed" in line)
    assert (told + summed, ledger.errors.total, ledger.suppressed.total) == (1000, 1000, 1000 - told)


class Said(logging.Handler):
    """What the library says about itself."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def said() -> Iterator[list[str]]:
    handler = Said()
    logging.getLogger("errnorm").addHandler(handler)
    yield handler.lines
    logging.getLogger("errnorm").removeHandler(handler)


ROW = 'reason = "limits.rate", recovery = "wait", terminal = false, effect = "not_applied", reach = "client wire"'
OVERLAY = f"""protocol = "nats"
version = "1"
[error]
"Stale Connection" = {{ {ROW}, evidence = "source", source = "here" }}
"""
STALE = "-ERR 'Stale Connection'"


def as_a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def as_a_link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


BROKEN: dict[str, Callable[[Path], object]] = {
    "vanished": Path.unlink,
    "a directory": as_a_directory,
    "empty": lambda path: path.write_bytes(b""),
    "cut off": lambda path: path.write_text(OVERLAY[:-20], "utf-8"),
    "not UTF-8": lambda path: path.write_bytes(b"\xff\xfe\x00"),
    "a row without its columns": lambda path: path.write_text(OVERLAY.replace('recovery = "wait", ', ""), "utf-8"),
    "of no protocol": lambda path: path.write_text(OVERLAY.replace('protocol = "nats"', ""), "utf-8"),
    "a link to itself": as_a_link_to_itself,
}


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(OVERLAY, "utf-8")
    return path


@pytest.mark.parametrize("how", BROKEN)
def test_an_overlay_that_breaks_before_it_is_read_leaves_the_built_in_rows(how: str, overlay: Path, said: list[str]) -> None:
    normalizer = Normalizer([overlay])
    BROKEN[how](overlay)
    errors = [normalizer.normalize(f"{STALE}{' ' * number}", "nats") for number in range(5)]
    assert {str(error.reason) for error in errors} == {"transport.stale"}
    assert all("mine" not in error.tables_version for error in errors)
    assert len([line for line in said if "the table of nats" in line]) == 1


@pytest.mark.parametrize("how", BROKEN)
def test_an_overlay_that_breaks_after_it_was_read_stays_in_force(how: str, overlay: Path, said: list[str]) -> None:
    normalizer = Normalizer([overlay])
    assert normalizer.normalize(STALE, "nats").reason == "limits.rate"
    BROKEN[how](overlay)
    assert normalizer.normalize(STALE + " ", "nats").reason == "limits.rate"
    assert [line for line in said if "the table of nats" in line] == []


def run(script: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a script in an interpreter of its own: what happens at its end is the point."""
    whole = "import nats.errors, errnorm, os, sys, logging, atexit\n" + script
    # Untraced: a child forked off among threads would wait for ever for a lock that coverage held in one of them.
    untraced = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    command = [sys.executable, *options, "-c", whole]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=untraced)


DYING = """
errors = errnorm.Middleware()
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)

class Late:
    def __del__(self):
        errors.report(nats.errors.NoRespondersError(), "nats")

@atexit.register
def at_the_end():
    errors.report(nats.errors.NoRespondersError(), "nats")

late = Late()
sys.modules["nobody"] = Late()
for _ in range(20):
    errors.report(nats.errors.NoRespondersError(), "nats")
"""


def test_an_interpreter_that_ends_hears_nothing_from_us_but_the_summary() -> None:
    done = run(DYING)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    told = len([line for line in lines if " more in " not in line])
    summed = sum(int(line.split(": ")[2].split()[0]) for line in lines if " more in " in line)
    assert told + summed == 21  # twenty, and the one at the end


DAEMON = """
import threading, time
errors = errnorm.Middleware(emitters=[lambda fault: None])
def work():
    while True:
        try:
            with errors.guard("nats"):
                raise nats.errors.NoRespondersError
        except nats.errors.NoRespondersError:
            pass
for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
time.sleep(0.3)
"""


def test_daemon_threads_that_fail_while_the_interpreter_ends_are_not_heard() -> None:
    done = run(DAEMON)
    assert (done.returncode, done.stderr) == (0, "")


FORKED = """
import threading, time
from errnorm.emitters.counts import LEDGER
errors = errnorm.Middleware()
logging.getLogger("errnorm").addHandler(logging.NullHandler())
stop = False
def fail():
    try:
        with errors.guard("nats"):
            raise nats.errors.NoRespondersError
    except nats.errors.NoRespondersError:
        pass
def work():
    while not stop:
        fail()
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(20):
    child = os.fork()
    if child == 0:
        for _ in range(7):
            fail()
        os._exit(0 if LEDGER.errors.total == 7 else 1)
    for _ in range(1000):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.01)
    else:
        stop = True
        os.kill(child, 9)
        sys.exit("a child hangs")
    if status:
        stop = True
        sys.exit(f"a child ended with {status}")
stop = True
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_that_is_forked_off_amid_failures_fails_and_counts_by_itself() -> None:
    done = run(FORKED, "-W", "ignore::DeprecationWarning")
    assert (done.returncode, done.stderr) == (0, "")


# A thread of the parent is in the middle of the first use of something at the moment of the fork, and the child uses the same.
FORKED_IN_THE_MIDDLE = """
import threading, time
from errnorm.lazy import lazy
from errnorm.settings import Settings
from errnorm.tables.table import Section
reached, parent = threading.Event(), os.getpid()
def waits(compute):
    def waiting(owner):
        if os.getpid() == parent:
            reached.set()
            time.sleep(60)
        return compute(owner)
    return waiting
USED
threading.Thread(target=use, daemon=True).start()
reached.wait(30)
child = os.fork()
if child == 0:
    use()
    os._exit(0)
for _ in range(3000):
    done, status = os.waitpid(child, os.WNOHANG)
    if done:
        os._exit(status and 1)
    time.sleep(0.01)
os.kill(child, 9)
sys.exit("the child hangs")
"""
USES = {
    "the rows of a section": """
Section._index = waits(Section._index)
def use(): errnorm.normalize(nats.errors.NoRespondersError())
""",
    "the redaction rules": """
Settings.privacy._compute = waits(Settings.privacy._compute)
settings = Settings()
def use(): settings.privacy
""",
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("used", USES)
def test_a_child_does_not_wait_for_what_a_thread_of_its_parent_was_computing(used: str) -> None:
    done = run(FORKED_IN_THE_MIDDLE.replace("USED", USES[used]), "-W", "ignore::DeprecationWarning")
    assert (done.returncode, done.stderr) == (0, "")


FULL = """
import structlog
import errnorm.emitters.log
disk = open("/dev/full", "w")
structlog.configure(processors=[errnorm.emitters.log.processor, structlog.processors.JSONRenderer()],
                    logger_factory=structlog.PrintLoggerFactory(disk))
from errnorm.emitters.counts import LEDGER
errors = errnorm.Middleware()
caught = 0
for _ in range(5):
    try:
        with errors.guard("nats"):
            raise nats.errors.NoRespondersError
    except nats.errors.NoRespondersError:
        caught += 1
print(caught, LEDGER.errors.total, LEDGER.failures.total, flush=True)
os._exit(0)  # past the closing of the disk, which would fail too
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full disk")
def test_a_full_disk_under_the_log_is_counted_and_not_felt() -> None:
    done = run(FULL)
    assert done.stdout.split() == ["5", "5", "5"]
    assert done.returncode == 0
