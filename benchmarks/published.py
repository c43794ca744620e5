"""
The figures that are published, measured by pyperf: many processes, calibrated, with their spread.

    python -m benchmarks.published -o FILE.json
    python -m pyperf compare_to OLD.json FILE.json
"""

from __future__ import annotations

import pyperf

from benchmarks.paths import FLOOR, bare_parse, paths

__all__ = ["main"]


def main() -> None:
    """Run the floor, the bare parse, and every path that has a bound."""
    runner = pyperf.Runner()
    runner.bench_func(FLOOR.name, FLOOR.run)
    runner.bench_func("bare parse", bare_parse)
    for case in paths():
        if case.target is not None or case.name.startswith("raw XML"):
            runner.bench_func(case.name, case.run)


if __name__ == "__main__":
    main()
