"""Start the servers, run the experiments in parallel, and report the progress. Each server is stopped by its process id."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING

from tests.capture.running import installations
from tests.experiments import situations
from tests.experiments.experiment import NotProvokedError, carry_out
from tests.experiments.situation import SITUATIONS
from tests.servers import nats

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.experiments.results import Record
    from tests.experiments.situation import Ground, Situation

SERVERS_AT_ONCE = 4
SITUATIONS_AT_ONCE = 12


def load_situations() -> dict[tuple[str, str], Situation]:
    """Import all modules of situations, and return the registered situations, by server and name."""
    for module in pkgutil.iter_modules(situations.__path__):
        importlib.import_module(f"{situations.__name__}.{module.name}")
    return SITUATIONS


@dataclass(frozen=True)
class Round:
    """Situations that run on the same server."""

    ground: Ground
    version: str
    program: Path | None
    situations: Sequence[Situation]


def rounds(only: str = "", server: str = "") -> Iterator[Round]:
    """Yield the rounds: situations whose name contains `only`, on servers whose name and version contain `server`."""
    known = load_situations().values()
    for name, version, program in installations():
        mine = [one for one in known if one.ground.server == name and only in one.name and _suits(one, version)]
        if program not in {None, nats.current()}:
            mine = [one for one in mine if one.by is None]  # a client produces the same error with every version of the server
        mine = mine if server in f"{name} {version}" else []
        for ground in dict.fromkeys(one.ground for one in mine):
            here = [one for one in mine if one.ground is ground]
            for group in [here] if ground.shared else [[one] for one in here]:
                yield Round(ground, version, program, group)


def _suits(situation: Situation, version: str) -> bool:
    return _number(situation.since) <= _number(version) < _number(situation.until)


def _number(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdigit()]


def known() -> set[tuple[str, str]]:
    """Return the producer and name of each situation."""
    return {(one.by or one.ground.server, one.name) for one in load_situations().values()}


class Progress:
    """Reports after each experiment how many are done, and an estimate of the remaining time."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._started = time.monotonic()
        self._lock = threading.Lock()

    def tell(self, name: str, outcome: str) -> None:
        """Report the outcome of one experiment."""
        with self._lock:
            self._done += 1
            passed = time.monotonic() - self._started
            left = passed / self._done * (self._total - self._done)
            print(f"[{self._done}/{self._total}, {left:.0f} s left] {name}: {outcome}", file=sys.stderr, flush=True)  # noqa: T201


def run(todo: Sequence[Round]) -> list[Record]:
    """Run all experiments, and return the results, by name."""
    progress = Progress(sum(len(one.situations) for one in todo))
    with ThreadPoolExecutor(SERVERS_AT_ONCE) as servers:
        found = list(servers.map(lambda one: _run(one, progress), todo))
    return sorted((record for records in found for record in records), key=lambda record: str(record["situation"]))


def _run(one: Round, progress: Progress) -> list[Record]:
    with tempfile.TemporaryDirectory(prefix="x") as directory:
        try:
            building = one.ground.build(Path(directory) / "s", one.program, one.situations)
            with building as server, ThreadPoolExecutor(SITUATIONS_AT_ONCE) as pool:
                found = list(pool.map(lambda each: _carried_out(each, server, one.version, progress), one.situations))
        except Exception as error:  # noqa: BLE001 - the run continues if one server does not start
            progress.tell(one.situations[0].name, _first_line(error))
            return []
    return [record for record in found if record is not None]


def _carried_out(situation: Situation, server: object, version: str, progress: Progress) -> Record | None:
    started = time.monotonic()
    try:
        place = situation.ground.place(server, situation.name)
        with closing(place):
            result = carry_out(situation, place, installed(situation.by) if situation.by else version)
    except NotProvokedError:
        progress.tell(situation.name, f"did not fail on {version}")
        return None
    except Exception as error:  # noqa: BLE001 - an older server may answer differently; this is reported, and the run continues
        progress.tell(situation.name, _first_line(error))
        return None
    progress.tell(situation.name, f"ok ({time.monotonic() - started:.1f} s)")
    return result.record()


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0][:300]
