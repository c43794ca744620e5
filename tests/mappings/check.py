"""
`make row-check`: what is missing of a row that was added or changed, in seconds.

Loads every table, checks the form of the files, writes the generated files again, and prints what changed in them, which is
what a reviewer will see. If a table cannot be used or breaks the form, it writes nothing, and the exit code is 1.
"""

from __future__ import annotations

import difflib
import sys
from typing import TYPE_CHECKING

from errnorm.plugins import load_table, protocols
from errnorm.tables import TableError
from tests.capture import evidence
from tests.mappings import form, golden

if TYPE_CHECKING:
    from collections.abc import Iterator


def main() -> int:
    """Check, write, and print; return the exit code."""
    broken = list(_broken())
    sys.stdout.write("\n".join(broken or ["The tables load, and their form is right."]) + "\n")
    if not broken:
        sys.stdout.writelines(f"{line}\n" for line in _written())
    return 1 if broken else 0


def _broken() -> Iterator[str]:
    try:
        for protocol in protocols():
            load_table(protocol, [])
    except TableError as error:
        yield str(error)
        return
    for name in form.names():
        yield from form.problems(name)


def _written() -> Iterator[str]:
    before = {path: path.read_text("utf-8") if path.exists() else "" for path in (evidence.PATH, golden.TABLE)}
    golden.write()
    for path, old in before.items():
        name = f"{path.parent.name}/{path.name}"
        lines = difflib.unified_diff(old.splitlines(), path.read_text("utf-8").splitlines(), name, name, n=0, lineterm="")
        yield from list(lines) or [f"{name} has not changed."]


if __name__ == "__main__":
    sys.exit(main())
