"""Run the experiments, and report the differences from the known results: `python -m tests.experiments [TEXT] [--write]`."""

from __future__ import annotations

import argparse
import sys

from tests.experiments import results, running


def main() -> int:
    """Run, report, and write if asked; 1 if something differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.experiments")
    parser.add_argument("only", nargs="?", default="", help="a part of the names of situations")
    parser.add_argument("--server", default="", help="a part of a server's name and version")
    parser.add_argument("--write", action="store_true", help="write tests/data/experiments")
    asked = parser.parse_args()
    found = running.run(list(running.rounds(asked.only, asked.server)))
    told = list(results.differences(found))
    for line in told:
        print(line)  # noqa: T201
    if asked.write:
        results.write(found, running.known())
    print(f"{len(found)} results, {len(told)} new or changed", file=sys.stderr)  # noqa: T201
    return 1 if told and not asked.write else 0


if __name__ == "__main__":
    sys.exit(main())
