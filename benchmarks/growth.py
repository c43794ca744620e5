"""What must not grow: with the table, with the text, with the storm, with threads; and what starting costs."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import threading
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Case, fastest
from benchmarks.paths import FLOOR
from errnorm.emitters.log.emitter import LogEmitter
from errnorm.engine import Engine
from errnorm.error import Signal
from errnorm.fault import Fault
from errnorm.normalizer import Normalizer
from errnorm.settings import Settings
from errnorm.tables.file import read
from errnorm.tables.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["growth", "table"]

_ROW = (
    'reason = "limits.size", recovery = "modify", terminal = false, effect = "not_applied", '
    'reach = "log", evidence = "source", source = "made up"'
)


def growth() -> dict[str, dict[str, Any]]:
    """Return every measure by name: seconds, nanoseconds, bytes or a count, as the name says."""
    return {
        "look-up, in nanoseconds, by rows of the table": dict(_tables()),
        "text, in nanoseconds, by its length": dict(_texts()),
        "storm of a million": _storm(1_000_000),
        "errors a second, by threads": dict(_threads()),
        "starting": _starting(),
    }


def table(size: int) -> Table:
    """Return a table of so many rows, every tenth with a place for a name."""
    lines = [f'"text number {n}" = {{ {_ROW} }}' for n in range(size - size // 10)]
    lines += [f'"place {n} of {{name}} here" = {{ {_ROW}, code = "place {n}" }}' for n in range(size // 10)]
    head = 'protocol = "p"\nversion = "1"\n[sections]\ns = { about = "x", ignore_case = true }\n[params]\nname = "name"\n[s]\n'
    return Table([read(head + "\n".join(lines), "p.toml")])


def _tables() -> Iterator[tuple[str, float]]:
    for size in (200, 2_000, 20_000):
        engine = Engine(table(size))
        exact, template = Signal("p", "s", f"text number {size // 2}"), Signal("p", "s", f"place {size // 20} of that here")
        timings = fastest(FLOOR, [Case("", lambda: engine.judge(exact)), Case("", lambda: engine.judge(template))], 9)  # noqa: B023
        yield f"{size} exact", timings[1].nanoseconds
        yield f"{size} template", timings[2].nanoseconds


def _texts() -> Iterator[tuple[str, float]]:
    normalize = Normalizer([]).normalize
    for length in (10, 1_000, 10_000, 100_000, 1_000_000):
        text = "-ERR 'Never Heard Of " + "x" * (length - 10) + "'\r\n"
        yield str(length), fastest(FLOOR, [Case("", lambda: normalize(text, "nats").fingerprint)], 5)[1].nanoseconds  # noqa: B023


def _storm(count: int) -> dict[str, float]:
    lines: list[object] = []
    emitter = LogEmitter(Settings(storm_interval=3600), write=lambda *line, **fields: lines.append((line, fields)))
    fault = Fault(Normalizer([]).normalize("-ERR 'Stale Connection'\r\n", "nats"), operation="publish")
    emitter(fault)
    tracemalloc.start()
    start = time.perf_counter()
    for _ in range(count - 1):
        emitter(fault)
    spent = time.perf_counter() - start
    grown = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    emitter.flush()
    return {"lines": len(lines), "bytes grown": grown, "seconds, memory traced": spent}


def _threads() -> Iterator[tuple[str, float]]:
    normalize = Normalizer([]).normalize
    text = "-ERR 'Authorization Violation'\r\n"
    normalize(text, "nats")
    for threads in (1, 2, 4):
        each = 200_000 // threads

        def run(each: int = each) -> None:
            for _ in range(each):
                normalize(text, "nats")

        running = [threading.Thread(target=run) for _ in range(threads)]
        start = time.perf_counter()
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        yield str(threads), each * threads / (time.perf_counter() - start)


_PROBE = """
import json, time
nothing = time.process_time()
import errnorm
imported = time.process_time()
errnorm.Middleware()
made = time.process_time()
print(json.dumps([nothing * 1e3, (imported - nothing) * 1e3, (made - imported) * 1e3]))
"""
_STARTS = 21


def _starting() -> dict[str, dict[str, float]]:
    """Return the processor time of new processes in milliseconds: the median, and the fastest and slowest start."""
    runs: list[list[float]] = [
        json.loads(subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, check=True).stdout)  # noqa: S603 - ourselves
        for _ in range(_STARTS)
    ]
    names = ("Python itself", "import errnorm (bound 40)", "Middleware() (bound 60)")
    return {
        name: {"median": round(statistics.median(spent), 1), "from": round(min(spent), 1), "to": round(max(spent), 1)}
        for name, spent in zip(names, zip(*runs, strict=True), strict=True)
    }
