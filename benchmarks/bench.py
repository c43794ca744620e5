"""
`make bench`: everything, in one process, as multiples of the floor; and the same as JSON.

    python -m benchmarks.bench [FILE.json]
"""

from __future__ import annotations

import json
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.growth import growth
from benchmarks.lines import lines
from benchmarks.measure import Case, fastest
from benchmarks.paths import FLOOR, bare_parse, paths, raw_xml
from benchmarks.peers import peers
from benchmarks.pipe import pipe
from benchmarks.telling import guards, telling

if TYPE_CHECKING:
    from benchmarks.measure import Timing

_LINES = 1_000_000
_RUNS = 5


def _rows(title: str, timings: list[Timing]) -> list[dict[str, Any]]:
    print(f"\n{title}\n")
    for timing in timings:
        bound = "" if timing.case.target is None else f"bound {timing.case.target:g}"
        print(f"  {timing.case.name:<55}{timing.nanoseconds:>10,.0f} ns{timing.ratio:>9.2f} x  {bound}{timing.case.says}")
    return [
        {"name": one.case.name, "ns": round(one.nanoseconds, 1), "ratio": round(one.ratio, 3), "bound": one.case.target}
        for one in timings
    ]


def _pairs() -> list[dict[str, Any]]:
    print("\nTelling, beside the same by hand\n")
    rows = []
    for ours, by_hand in telling():
        runs = sorted((fastest(by_hand, [ours]) for _ in range(_RUNS)), key=lambda run: run[1].ratio)
        first, second = runs[_RUNS // 2]
        spread = [round(run[1].ratio, 3) for run in (runs[0], runs[-1])]
        print(
            f"  {ours.name:<55}{second.nanoseconds:>10,.0f} ns{second.ratio:>9.2f} x  bound {ours.target:g}"
            f"  by hand {first.nanoseconds:,.0f} ns; {_RUNS} runs: {spread[0]:.2f} to {spread[1]:.2f} x"
        )
        ratio = round(second.ratio, 3)
        rows.append(
            {"name": ours.name, "ns": round(second.nanoseconds, 1), "ratio": ratio, "spread": spread, "bound": ours.target}
        )
    return rows


def main(file: str | None = None) -> None:
    """Run everything, print it, and write it to a file if one is named."""
    report: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {platform.python_implementation()} {platform.python_version()}",
        "paths": _rows("Paths, as multiples of the floor", fastest(FLOOR, paths())),
        "parse": _rows("Raw XML, as a multiple of the bare parse", fastest(Case("bare parse", bare_parse), [raw_xml()])),
        "telling": _pairs(),
        "guards": _rows("Around calls, as multiples of the floor", fastest(FLOOR, guards())),
        "peers": _rows("Others, as multiples of the same floor", fastest(FLOOR, peers())),
        "growth": growth(),
        "filter": pipe(_LINES),
        "lines": lines(),
    }
    for name in ("growth", "filter", "lines"):
        print(f"\n{name.capitalize()}\n")
        print(json.dumps(report[name], indent=2))
    if file is not None:
        Path(file).write_text(json.dumps(report, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:2])
