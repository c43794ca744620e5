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

    from errnorm.tables.table import Table

__all__ = ["finding_data", "in_script"]

_WRAPS, _SAYS_LITTLE, _REFINED, _DEFERS = 1, 2, 4, 8
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
        "rows": [_row(entry) for entry in entries_of(tables)],
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


def _row(entry: Article) -> dict[str, Any]:
    row = entry.placed
    flags = (
        (_WRAPS if row.row.wraps else 0)
        | (_SAYS_LITTLE if row.row.reason is Reason.PROTOCOL_REJECTED else 0)
        | (_REFINED if row.row.refined else 0)
        | (_DEFERS if row.row.defers else 0)
    )
    found: dict[str, Any] = {
        "protocol": entry.protocol,
        "section": row.section,
        "texts": list(row.texts()),
        "flags": flags,
        "judged": [
            _REASONS.index(row.row.reason),
            _RECOVERIES.index(row.row.recovery),
            int(row.row.terminal),
            _EFFECTS.index(row.row.effect),
        ],
    }
    # Most codes are the key, or its words without the parameters: the script knows that too.
    return found if row.code == (words_of(row.key) if Template.has_places(row.key) else row.key) else {**found, "code": row.code}


def _forms() -> dict[str, Any]:
    points = plugins.forms()
    read = [tomli.loads(files(point.module).joinpath(point.attr).read_text("utf-8")) for point in points]
    merged: dict[str, Any] = {}
    for file in read:
        for name, value in file.items():
            if isinstance(value, list):
                merged.setdefault(name, []).extend(value)
            elif isinstance(value, dict):
                merged.setdefault(name, {}).update(value)
    return merged
