"""`python -m tests.clients [--write] [--only NAME]`: let clients fail, and compare their output with the vectors."""

from __future__ import annotations

import argparse
import sys

from tests.clients import capturing, vectors


def main() -> int:
    """Run; the exit code is 1 if anything differs and nothing was written."""
    parser = argparse.ArgumentParser(
        prog="clients", description="Let clients in other languages fail, and compare with the vectors."
    )
    parser.add_argument("--write", action="store_true", help="write what was captured, and keep what only an earlier run saw")
    parser.add_argument("--only", default="", help="only the clients whose '<name> <version>' contains this")
    parser.add_argument("--situation", default="", help="only the situations whose name contains this; nothing is written")
    parser.add_argument("--answers", action="store_true", help="run no client; write what answers.toml says into the vectors")
    arguments = parser.parse_args()
    if arguments.answers:
        vectors.write(vectors.answered(vectors.read()))
        return 0
    captured = capturing.capture(arguments.only, arguments.situation)
    made = {(vector["client"], vector["version"]) for vector in captured}
    situations = {vector["situation"] for vector in captured}
    before = [one for one in vectors.read() if (one["client"], one["version"]) in made]
    if arguments.situation:
        before = [one for one in before if one["situation"] in situations]
    report = list(vectors.differences(before, captured))
    sys.stdout.writelines(f"{line}\n" for line in report)
    if not arguments.write or arguments.situation:
        return 1 if report else 0
    vectors.write(vectors.merged(before, captured))
    return 0


if __name__ == "__main__":
    sys.exit(main())
