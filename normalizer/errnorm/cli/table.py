"""`errnorm table`: the catalogue, filtered, as text, JSON, CSV or Markdown."""

from __future__ import annotations

import csv
import json
import sys
from typing import TYPE_CHECKING, Any

from errnorm import plugins
from errnorm.cli.arguments import check_protocol, known_protocols
from errnorm.cli.style import Style
from errnorm.tables.provenance import Evidence, Reach
from errnorm.taxonomy import Category, Recovery

if TYPE_CHECKING:
    import argparse

__all__ = ["COLUMNS", "add_to", "rows"]

COLUMNS = (
    "protocol",
    "section",
    "key",
    "code",
    "category",
    "reason",
    "retryable",
    "terminal",
    "recovery",
    "effect",
    "reach",
    "evidence",
    "source",
)
_SHORT = ("protocol", "section", "key", "reason", "retryable", "terminal", "recovery", "evidence")
_WIDEST = 60
_FILTERS = ("protocol", "section", "category", "reason", "recovery", "reach")


def add_to(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser("table", help="print the catalogue of errors", description="Print the catalogue of errors.")
    parser.add_argument("--protocol")
    parser.add_argument("--section")
    parser.add_argument("--category", choices=[category.value for category in Category])
    parser.add_argument("--reason", help="a reason, auth.forbidden")
    parser.add_argument("--recovery", choices=[recovery.value for recovery in Recovery])
    parser.add_argument("--reach", choices=[reach.value for reach in Reach])
    parser.add_argument("--evidence", choices=[evidence.value for evidence in Evidence])
    retryable = parser.add_mutually_exclusive_group()
    retryable.add_argument("--retryable", action="store_const", const=True)
    retryable.add_argument("--not-retryable", dest="retryable", action="store_const", const=False)
    terminal = parser.add_mutually_exclusive_group()
    terminal.add_argument("--terminal", action="store_const", const=True)
    terminal.add_argument("--not-terminal", dest="terminal", action="store_const", const=False)
    parser.add_argument("--tables", action="append", metavar="FILE", help="a file with rows of your own; may be repeated")
    parser.add_argument("--format", choices=("text", "json", "csv", "markdown"), default="text")
    parser.set_defaults(run=_run)


def rows(protocol: str | None = None, overlays: list[str] | None = None) -> list[dict[str, Any]]:
    """
    Return the rows of all tables, or of one, in their order.

    Raises:
        TableError: If a table or an overlay cannot be used.
    """
    paths = plugins.overlay_paths(overlays)
    names = known_protocols(paths) if protocol is None else [protocol]
    tables = [plugins.load_table(name, paths) for name in names]
    return [row.to_dict(table.protocol) for table in tables for row in table.rows.values()]


def _run(arguments: argparse.Namespace) -> int:
    check_protocol(arguments.protocol, plugins.overlay_paths(arguments.tables))
    wanted = {name: value for name in _FILTERS if (value := getattr(arguments, name)) is not None}
    wanted |= {name: value for name in ("retryable", "terminal") if (value := getattr(arguments, name)) is not None}
    found = [
        row
        for row in rows(arguments.protocol, arguments.tables)
        if all(row[name] == value for name, value in wanted.items())
        and (arguments.evidence is None or row["evidence"].startswith(arguments.evidence))
    ]
    _WRITERS[arguments.format](found)
    return 0


def _json(found: list[dict[str, Any]]) -> None:
    json.dump(found, sys.stdout, indent=1)
    print()


def _csv(found: list[dict[str, Any]]) -> None:
    writer: csv.DictWriter[str] = csv.DictWriter(sys.stdout, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)


def _markdown(found: list[dict[str, Any]]) -> None:
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + " --- |" * len(COLUMNS))
    for row in found:
        print("| " + " | ".join(str(row[name]).replace("\\", "\\\\").replace("|", "\\|") for name in COLUMNS) + " |")


def _text(found: list[dict[str, Any]]) -> None:
    style = Style()
    cells = [[_short(row[name]) for name in _SHORT] for row in found]
    widths = [max([len(name), *(len(line[column]) for line in cells)]) for column, name in enumerate(_SHORT)]
    print(style.strong("  ".join(name.ljust(width) for name, width in zip(_SHORT, widths, strict=True)).rstrip()))
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    print(f"{len(found)} rows", file=sys.stderr)


def _short(value: object) -> str:
    text = {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


_WRITERS = {"text": _text, "json": _json, "csv": _csv, "markdown": _markdown}
