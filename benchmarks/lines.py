"""
Lines of logs: what columns and `scan` cost beside a loop that reads the lines and matches one compiled expression.

The lines are those that real servers wrote (the vectors), each time with other numbers. Processor time counts, of this process
and of those that it starts, because others may use the machine.
"""

from __future__ import annotations

import json
import random
import re
import resource
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from errnorm.batch import Batch
from errnorm.finding import Finder, Stream
from errnorm.normalizer import Normalizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["lines"]

_VECTORS = Path(__file__).parents[1] / "tests" / "data" / "vectors"
_CHUNK = 16_384
_ONE = "authentication error|maximum payload exceeded|Publish Violation|Stale Connection"


def _written(count: int) -> Iterator[str]:
    said = [
        raw
        for file in sorted(_VECTORS.glob("nats-server*.jsonl"))
        for line in file.read_text("utf-8").splitlines()
        if isinstance(raw := json.loads(line).get("raw"), str) and raw.startswith("[1] 2026") and "\n" not in raw.strip()
    ]
    chance = random.Random(7)  # noqa: S311 - no secret
    for _ in range(count):
        number = chance.randrange(10, 60_000)
        line = chance.choice(said).strip().replace("127.0.0.1:4222", f"10.0.{number % 256}.7:{number}")
        time = f"10:{number % 60:02}:{number % 59:02}.{number:06}"
        yield line.replace("cid:1 ", f"cid:{number} ").replace("00:00:00.000000", time)


def lines(count: int = 200_000) -> dict[str, dict[str, float]]:
    """Return lines a second and the multiple of the loop, by name."""
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "server.log"
        file.write_text("\n".join(_written(count)) + "\n", "utf-8")
        runs = _runs(file)
        spent = {name: min(_timed(run) for _ in range(3)) for name, run in runs.items()}
    loop = spent["a loop with one compiled expression"]
    return {name: {"lines a second": round(count / one), "beside the loop": round(one / loop, 2)} for name, one in spent.items()}


def _timed(run: Callable[[], object]) -> float:
    before = _used()
    run()
    return _used() - before


def _used() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def _runs(file: Path) -> dict[str, Callable[[], object]]:
    normalizer = Normalizer([])
    normalizer.load()
    finder = Finder(normalizer, logs=True)
    finder.line("nats: timeout")  # what is indexed once
    seen = Batch(normalizer)
    one = re.compile(_ONE)
    runs: dict[str, Callable[[], object]] = {
        "a loop with one compiled expression": lambda: _matched(file, one),
        "a loop of json.dumps and json.loads": lambda: [json.loads(json.dumps({"line": line})) for line in _read(file)],
        "normalize_batch, nothing seen before": lambda: _columns(file, Batch(normalizer)),
        "normalize_batch, the shapes seen before": lambda: _columns(file, seen),
        "the stream under errnorm scan": lambda: sum(1 for _ in Stream(finder).read(_read(file), exact=False)),
    }
    return runs | {name: partial(subprocess.run, command, **options) for name, command, options in _programs(file)}


def _programs(file: Path) -> Iterator[tuple[str, list[str | Path], dict[str, Any]]]:
    """Yield the programs that are installed, with their arguments and the options of `subprocess.run`."""
    options: dict[str, Any] = {"check": False, "capture_output": True}
    if grep := shutil.which("grep"):
        yield "grep -E, one expression", [grep, "-cE", _ONE, file], options
    if lnav := shutil.which("lnav"):
        yield "lnav, one expression", [lnav, "-n", "-c", f":filter-in {_ONE}", file], options


def _read(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8", errors="replace") as text:
        yield from text


def _matched(file: Path, expression: re.Pattern[str]) -> int:
    return sum(1 for line in _read(file) if expression.search(line))


def _columns(file: Path, batch: Batch) -> None:
    chunk: list[str] = []
    for line in _read(file):
        chunk.append(line)
        if len(chunk) == _CHUNK:
            batch.normalize(pa.array(chunk))
            chunk = []
    batch.normalize(pa.array(chunk, pa.string()))
