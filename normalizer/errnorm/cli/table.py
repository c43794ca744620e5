"""`errnorm table`: the rows of the tables, searched and filtered, as text, JSON, CSV or Markdown."""

from __future__ import annotations

import csv
import json
import re
import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from errnorm import plugins
from errnorm.cli.arguments import OneOf, UnusableError, check_protocol, known_protocols, known_sections, meant
from errnorm.cli.changes import compared, lines, saved_rows
from errnorm.cli.style import Style, counted, fitted, terminal_width
from errnorm.tables.provenance import Evidence, Reach
from errnorm.taxonomy import Category, Reason, Recovery

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
_SHORT: tuple[str, ...] = ("protocol", "section", "key", "reason", "retryable", "terminal", "recovery", "evidence")
_WIDEST = 60
# The columns that are left out first on a narrow terminal: the remaining ones say nearly the same.
_LESS_NEEDED = ("evidence", "terminal", "retryable", "protocol")
_LEAST_KEY = 30
_NAMES = ("key", "code", "text", "constant")
_PARTS = re.compile(r"(?<=[a-z])(?=[A-Z])|[_.-]")
_FILTERS = ("protocol", "section", "category", "reason", "recovery", "reach")


def add_to(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "table",
        help="search the tables of errors, or print them",
        description="Print the rows of the tables: all rows, the rows with certain words, or the rows that match filters.",
    )
    parser.add_argument("word", nargs="*", help="words in the names, the reason or the note of a row: slow consumer")
    parser.add_argument("--protocol", help="rows of nats, xmpp, or transport (the network under both)")
    parser.add_argument("--section", help="rows of one section, such as error or stanza")
    parser.add_argument("--category", type=OneOf("category", Category))
    parser.add_argument(
        "--reason", type=OneOf("reason", Reason), metavar="REASON", help="rows of one reason, such as auth.forbidden"
    )
    parser.add_argument("--recovery", type=OneOf("recovery", Recovery))
    parser.add_argument("--reach", type=OneOf("reach", Reach))
    parser.add_argument("--evidence", type=OneOf("evidence", Evidence))
    for name in ("retryable", "terminal"):
        parser.add_argument(f"--{name}", action="store_const", const=True)
        parser.add_argument(f"--not-{name}", dest=name, action="store_const", const=False)
    parser.add_argument("--tables", action="append", metavar="FILE", help="a file with rows of your own; may be repeated")
    parser.add_argument("--format", type=OneOf("format", _WRITERS), default="text")
    parser.add_argument(
        "--diff",
        nargs="+",
        metavar=("OLD", "NEW"),
        help="compare the tables with the output of --format json of an older version, or compare two such files",
    )
    parser.set_defaults(run=_run)


def rows(protocol: str | None = None, overlays: list[str] | None = None) -> list[dict[str, Any]]:
    """
    Return the rows of all tables, or of one, in their order.

    Raises:
        TableError: If a table or an overlay is not valid.
    """
    paths = plugins.overlay_paths(overlays)
    names = known_protocols(paths) if protocol is None else [protocol]
    tables = [table for name in names if (table := plugins.find_table(name, paths)) is not None]
    return [row.to_dict(table.protocol) for table in tables for row in table.rows.values()]


def _run(arguments: argparse.Namespace) -> int:
    if arguments.diff:
        return _diff(arguments)
    paths = plugins.overlay_paths(arguments.tables)
    check_protocol(arguments.protocol, paths)
    _check_section(arguments.section, known_sections(arguments.protocol, paths))
    wanted = {name: value for name in _FILTERS if (value := getattr(arguments, name)) is not None}
    wanted |= {name: value for name in ("retryable", "terminal") if (value := getattr(arguments, name)) is not None}
    found = [
        row
        for row in rows(arguments.protocol, arguments.tables)
        if all(row[name] == value for name, value in wanted.items())
        and (arguments.evidence is None or row["evidence"].startswith(arguments.evidence))
    ]
    asked = [word for one in arguments.word for word in _words(one)]
    if asked:
        found = _searched(found, asked)
    _WRITERS[arguments.format](found)
    return 0


def _diff(arguments: argparse.Namespace) -> int:
    old, *new = arguments.diff
    if len(new) > 1:
        message = "argument --diff: pass at most two files, the older one first"
        raise UnusableError(message)
    changes = compared(saved_rows(old), saved_rows(new[0]) if new else rows(None, arguments.tables))
    if arguments.format == "json":
        _json(changes)
    else:
        print("\n".join(lines(changes)))
    return 0


def _check_section(section: str | None, known: list[str]) -> None:
    if section is not None and section not in known:
        message = f"argument --section: there is no section {section!a}: {meant(section, known)}"
        raise UnusableError(message)


def _searched(found: list[dict[str, Any]], asked: list[str]) -> list[dict[str, Any]]:
    """
    Return the rows that contain all of these words; first those with the words in a name, then those with the words in a note.

    Raises:
        UnusableError: If one of the words is in no row, because it may be misspelled.
    """
    known = dict.fromkeys(word for row in found for word in _words(_described(row)))
    for one in asked:
        if found and not any(word.startswith(one) for word in known):
            near = get_close_matches(one, known, 1)
            message = f"no row has the word {one!a}{f': did you mean {near[0]}?' if near else ''}"
            raise UnusableError(message)
    places = [[row for row in found if _has(_named(row), asked)], [row for row in found if _has(_described(row), asked)]]
    return list({id(row): row for place in places for row in place}.values())


def _named(row: dict[str, Any]) -> str:
    return " ".join([*(str(row.get(name) or "") for name in _NAMES), *row.get("aliases", ())])


def _described(row: dict[str, Any]) -> str:
    return f"{_named(row)} {row['reason']} {row.get('note', '')}"


def _has(text: str, asked: list[str]) -> bool:
    own = _words(text)
    return all(any(word.startswith(one) for word in own) for one in asked)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", _PARTS.sub(" ", text).lower())


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
    names, room = _fitting(found)
    cells = [[_short(row[name], room if name == "key" else _WIDEST) for name in names] for row in found]
    widths = [max([len(name), *(len(line[column]) for line in cells)]) for column, name in enumerate(names)]
    if found:
        print(style.strong("  ".join(name.ljust(width) for name, width in zip(names, widths, strict=True)).rstrip()))
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    print(counted(len(found), "row") if found else "no row matches", file=sys.stderr)


def _fitting(found: list[dict[str, Any]]) -> tuple[list[str], int]:
    """Return the columns that fit the terminal, and the width of the key. Without a terminal all columns are returned."""
    names = list(_SHORT)
    if not sys.stdout.isatty():
        return names, _WIDEST
    widths = {name: max([len(name), *(len(_short(row[name], _WIDEST)) for row in found)]) for name in names}
    least = min(widths["key"], _LEAST_KEY)
    for name in _LESS_NEEDED:
        if _room(names, widths) >= least:
            break
        names.remove(name)
    return names, max(min(_room(names, widths), _WIDEST), _LEAST_KEY // 2)


def _room(names: list[str], widths: dict[str, int]) -> int:
    return terminal_width(None) - sum(widths[name] + 2 for name in names if name != "key")


def _short(value: object, width: int) -> str:
    return fitted({True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value), width)


_WRITERS = {"text": _text, "json": _json, "csv": _csv, "markdown": _markdown}
