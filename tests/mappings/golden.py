"""
The generated files that show what a change of a table does: the evidence beside the tables, and the golden table.

`tests/data/table.csv` is what `errnorm table --format csv` prints. It is committed, so that a review shows every judgement that
changes, and a test compares it. `make golden` writes both files again.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from errnorm.cli import main
from tests.capture import evidence

TABLE = Path(__file__).parents[1] / "data" / "table.csv"


def table() -> str:
    """Return the golden table as it is now."""
    written = io.StringIO()
    with contextlib.redirect_stdout(written):
        main(["table", "--format", "csv"])
    return written.getvalue()


def write() -> None:
    """Write the evidence, then the table, which shows it."""
    evidence.PATH.write_text(evidence.document(), "utf-8")
    TABLE.write_text(table(), "utf-8")


if __name__ == "__main__":
    write()
