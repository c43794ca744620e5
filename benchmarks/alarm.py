"""
`make bench-alarm`: name every path that costs more than twice its bound, and end with 1 if there is one.

Only ratios of one run are looked at, and the best of three counts: a neighbour on the machine can spoil one run, a regression
spoils all.
"""

from __future__ import annotations

import sys

from benchmarks.measure import Case, fastest
from benchmarks.paths import FLOOR, bare_parse, paths, raw_xml
from benchmarks.telling import guards, telling


def _pairs() -> list[tuple[Case, Case]]:
    """Return every case that has a bound, each with what it is measured against."""
    bound = [case for case in (*paths(), *guards()) if case.target is not None]
    return [*((case, FLOOR) for case in bound), (raw_xml(), Case("bare parse", bare_parse)), *telling()]


def _ratio(case: Case, floor: Case) -> float:
    return min(fastest(floor, [case], repeats=36)[1].ratio for _ in range(3))


def main() -> int:
    """Measure, print, and return the exit code."""
    measured = [(case, _ratio(case, floor)) for case, floor in _pairs()]
    for case, ratio in measured:
        print(f"{case.name:<55}{ratio:>8.2f} x, at most {case.alarm:g}{'' if ratio <= case.alarm else '  TOO SLOW'}")
    return int(any(ratio > case.alarm for case, ratio in measured))


if __name__ == "__main__":
    sys.exit(main())
