"""What the JavaScript of the catalogue reads: the rows and the forms, as Python reads them too."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import tomli

from errnorm import plugins
from errnorm.finding.names import BUILTINS
from errnorm.tables.kind import KINDS
from errnorm.tables.pattern import Template, words_of
from errnorm.taxonomy import Effect, Reason, Recovery
from errnorm_docs.entries import Article, entries_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from errnorm.tables.row import Entry
    from errnorm.tables.table import Table

__all__ = ["finding_data", "in_script"]

_WRAPS, _SAYS_LITTLE, _REFINED, _DEFERS, _TERMINAL, _MAY_HAVE_BEEN_DONE = 1, 2, 4, 8, 16, 32
_REASONS, _RECOVERIES, _EFFECTS = list(Reason), list(Recovery), list(Effect)


def in_script(data: object) -> str:
    """Return data as JSON that can stand in a script element."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/").replace("<!--", "<\\!--")


def finding_data(tables: Sequence[Table]) -> dict[str, Any]:
    """
    Return what `finding.js` needs: the forms, the heads of the tables, and for each row what it is found by.

    Args:
        tables: The tables, in the order in which their rows are listed.
    """
    by_name = {table.protocol: table for table in tables}
    # The order in which they are asked, which decides where two rows have one name.
    asked = [by_name[name] for name in plugins.protocols() if name in by_name]
    return {
        "reasons": _REASONS,
        "recoveries": _RECOVERIES,
        "effects": _EFFECTS,
        "builtins": sorted(BUILTINS),
        "kinds": dict(KINDS),
        "params": {table.protocol: dict(table.kinds) for table in asked},
        "tables": {table.protocol: _heads(table) for table in asked},
        "columns": _columns(entries_of(tables)),
        "forms": _forms(),
    }


def _heads(table: Table) -> dict[str, Any]:
    sections = {
        name: {
            "folds": section.head.ignore_case,
            "inside": section.head.inside,
            **({"override": section.head.retry_override} if section.head.retry_override else {}),
        }
        for name, section in table.sections.items()
    }
    return {"underlies": table.underlies, "sections": sections}


def _columns(entries: Sequence[Article]) -> dict[str, list[Any]]:
    """
    Return what the rows are found by, column by column: values that are alike stand together, which halves them when compressed.

    The list of the page has the rest, and the script reads it there: protocol, section, key, reason and recovery.
    """
    return {
        "texts": [list(entry.placed.texts())[1:] for entry in entries],
        "codes": [_code(entry.placed) for entry in entries],
        "flags": [_flags(entry.placed) for entry in entries],
    }


def _flags(entry: Entry) -> int:
    row = entry.row
    return (
        (_WRAPS if row.wraps else 0)
        | (_SAYS_LITTLE if row.reason is Reason.PROTOCOL_REJECTED else 0)
        | (_REFINED if row.refined else 0)
        | (_DEFERS if row.defers else 0)
        | (_TERMINAL if row.terminal else 0)
        | (_MAY_HAVE_BEEN_DONE if row.effect is Effect.UNKNOWN else 0)
    )


def _code(entry: Entry) -> str | int:
    # Most codes are the key, or its words without the parameters: the script knows that too.
    return 0 if entry.code == (words_of(entry.key) if Template.has_places(entry.key) else entry.key) else entry.code


def _forms() -> dict[str, Any]:
    points = plugins.forms()
    read = [tomli.loads(files(point.module).joinpath(point.attr).read_text("utf-8")) for point in points]
    merged: dict[str, Any] = {}
    for file in read:
        for name, value in file.items():
            if isinstance(value, list):
                # The names of the forms are for people who read the file.
                merged.setdefault(name, []).extend({key: one[key] for key in one if key != "name"} for one in value)
            elif isinstance(value, dict):
                merged.setdefault(name, {}).update(value)
    return merged
