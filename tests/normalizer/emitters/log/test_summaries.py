"""Summaries that no further error brings about: in time, at exit, and in one process only."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from errnorm.emitters.log.emitter import LogEmitter
from tests.servers.process import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from errnorm.emitters.attributes import Attributes
    from errnorm.emitters.counts import Ledger
    from errnorm.fault import Fault
    from errnorm.settings import Settings
    from tests.normalizer.emitters.wire import Lines

PROGRAM = """
    import os, sys
    import structlog
    from errnorm.emitters import Teller, default_emitters
    from errnorm.emitters.counts import LEDGER
    from errnorm.error import NormalizedError, Signal
    from errnorm.fault import Fault
    import errnorm
    structlog.configure(processors=[structlog.processors.JSONRenderer()], cache_logger_on_first_use=True)
    tell = Teller(default_emitters())
    case = Fault(errnorm.normalize("never heard of", "wire"), peer="a")
    for _ in range(100):
        tell(case)
"""


def run(program: str) -> list[dict[str, object]]:
    code = textwrap.dedent(PROGRAM) + textwrap.dedent(program)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    assert not done.stderr.strip() or "cannot be used" in done.stderr or "failed: Module" in done.stderr, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_is_counted_is_summed_up_at_exit() -> None:
    lines = run("")
    assert len(lines) == 6
    assert lines[-1]["errnorm.suppressed"] == 95


@pytest.mark.parametrize(
    "end",
    [
        "sys.exit(3)",
        "raise LookupError",
        "import asyncio\nasync def main(): raise SystemExit(2)\nasyncio.run(main())",
        "import signal; os.kill(os.getpid(), signal.SIGINT)\nfor _ in range(10**8): pass",
        "import signal; signal.signal(signal.SIGTERM, lambda *_: sys.exit())\nos.kill(os.getpid(), signal.SIGTERM)",
        "import threading, time\ndef late():\n    time.sleep(0.2)\n    tell(case)\nthreading.Thread(target=late).start()",
    ],
    ids=["exit", "uncaught", "asyncio", "interrupt", "terminate", "thread"],
)
def test_it_is_summed_up_whatever_ends_the_process(end: str) -> None:
    code = textwrap.dedent(PROGRAM) + end
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert sum(line.get("errnorm.suppressed", 1) for line in lines) == 100 + end.count("tell(case)")


@pytest.mark.parametrize("method", sorted({"fork", "spawn"} & set(multiprocessing.get_all_start_methods())))
def test_a_worker_of_multiprocessing_sums_up_what_is_its_own(method: str, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    main = f"""
        if __name__ == "__main__":
            import multiprocessing
            worker = multiprocessing.get_context("{method}").Process(target=work)
            sys.stdout.flush()
            worker.start()
            worker.join()
    """
    program.write_text(textwrap.dedent(PROGRAM).replace("for _", "def work():\n  for _") + textwrap.dedent(main), "utf-8")
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=True, timeout=300)
    assert [json.loads(line).get("errnorm.suppressed") for line in done.stdout.splitlines()] == [None] * 5 + [95]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_sums_up_only_what_is_its_own() -> None:
    lines = run("""
        import warnings
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)  # Python 3.12 and later
        sys.stdout.flush()
        child = os.fork()
        if not child:
            assert LEDGER.errors.total == 0
            for _ in range(10):
                tell(case)
            sys.exit(0)
        os.waitpid(child, 0)
    """)
    assert sorted(int(str(line["errnorm.suppressed"])) for line in lines if "errnorm.suppressed" in line) == [5, 95]


def test_a_burst_that_ends_is_summed_up_though_nothing_more_happens(
    lines: Lines, ledger: Ledger, fault: Callable[..., Fault], settings: Callable[..., Settings]
) -> None:
    tell = LogEmitter(settings(storm_burst=1, storm_interval=0.05), write=lines, ledger=ledger)
    for _ in range(4):
        tell(fault())
    # On a busy machine the burst may end more than once: each error is written, or counted by a line that follows.
    wait_until(lambda: sum(int(str(fields.get("errnorm.suppressed", 1))) for fields in list(lines.fields)) == 4)


def test_one_alarm_is_set_for_a_storm_and_the_next_one_when_it_goes_on(
    lines: Lines, ledger: Ledger, fault: Callable[..., Fault], settings: Callable[..., Settings]
) -> None:
    alarms: list[Callable[[], None]] = []
    tell = LogEmitter(
        settings(storm_burst=1, storm_interval=3600), write=lines, ledger=ledger, schedule=lambda _, call: alarms.append(call)
    )
    for _ in range(10):
        tell(fault())
    assert len(alarms) == 1
    alarms[0]()
    assert len(alarms) == 2
    tell.flush()
    alarms[1]()
    assert len(alarms) == 2


def test_where_no_thread_can_be_started_the_count_is_kept(
    lines: Lines, ledger: Ledger, fault: Callable[..., Fault], settings: Callable[..., Settings]
) -> None:
    def refuse(_seconds: float, _call: Callable[[], None]) -> None:
        message = "can't start new thread"
        raise RuntimeError(message)

    tell = LogEmitter(settings(storm_burst=1), write=lines, ledger=ledger, schedule=refuse)
    for _ in range(4):
        tell(fault())
    tell.flush()
    assert lines.fields[-1]["errnorm.suppressed"] == 3


def test_a_summary_that_cannot_be_written_does_not_stop_the_others(
    ledger: Ledger, fault: Callable[..., Fault], settings: Callable[..., Settings]
) -> None:
    written: list[object] = []

    def write(_level: object, _event: str, fields: Attributes) -> None:
        if "errnorm.suppressed" in fields and fields["errnorm.peer"] == "a":
            raise OSError
        written.append(fields.get("errnorm.suppressed"))

    tell = LogEmitter(settings(storm_burst=1), write=write, ledger=ledger, schedule=lambda _seconds, _call: None)
    for peer in "aabb":
        tell(fault(peer=peer))
    tell.flush()
    assert written == [None, None, 1]
    assert ledger.failures.total == 1
