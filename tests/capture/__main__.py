"""`python -m tests.capture [--write] [--only NAME]`: capture, and report or write the differences from the vectors."""

from __future__ import annotations

import argparse
import sys

from tests.capture import running, vectors


def main() -> int:
    """Run; the exit code is 1 if anything differs and nothing was written."""
    parser = argparse.ArgumentParser(prog="capture", description="Let servers and clients fail, and compare with the vectors.")
    parser.add_argument("--write", action="store_true", help="write what was captured")
    parser.add_argument("--only", default="", help="only what has this in '<server> <version>: <scenario>'")
    arguments = parser.parse_args()
    captured = running.run(arguments.only)
    before = vectors.of_the_same(captured, scenarios=bool(arguments.only))
    report = list(vectors.differences(before, captured))
    sys.stdout.writelines(f"{line}\n" for line in report)
    if not arguments.write:
        return 1 if report else 0
    # If only a part of the scenarios ran, only their vectors are replaced.
    kept = [vector for vector in vectors.of_the_same(captured) if vector not in before]
    vectors.write([*kept, *captured])
    return 0


if __name__ == "__main__":
    sys.exit(main())
