"""What the JavaScript of the catalogue reads: the rows and the forms, as Python reads them too."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import tomli

from errnorm import plugins
from errnorm.tables.kind import KINDS
from errnorm.taxonomy import Reason
from errnorm_docs.entries import Article, entries_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from errnorm.tables.table import Table

__all__ = ["finding_data", "in_script"]

_WRAPS, _SAYS_LITTLE, _NOTICE = 1, 2, 4


def in_script(data: object) -> str:
    """Return data as JSON that can stand in a script element."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/").replace("<!--", "<\\!--")


def finding_data(tables: Iterable[Table]) -> dict[str, Any]:
    """
    Return what `finding.js` needs: the forms, the heads of the tables, and for each row what it is found by.

    Args:
        tables: The tables, in any order.
    """
    by_name = {table.protocol: table for table in tables}
    # The order in which they are asked, which decides where two rows have one name.
    ordered = [by_name[name] for name in plugins.protocols() if name in by_name]
    return {
        "kinds": dict(KINDS),
        "params": {table.protocol: dict(table.kinds) for table in ordered},
        "tables": {table.protocol: _heads(table) for table in ordered},
        "rows": [_row(entry) for entry in entries_of(ordered)],
        "forms": _forms(),
    }


def _heads(table: Table) -> dict[str, Any]:
    sections = {
        name: {"folds": section.head.ignore_case, "inside": section.head.inside} for name, section in table.sections.items()
    }
    return {"underlies": table.underlies, "sections": sections}


def _row(entry: Article) -> dict[str, Any]:
    row = entry.placed
    flags = (
        (_WRAPS if row.row.wraps else 0)
        | (_SAYS_LITTLE if row.row.reason is Reason.PROTOCOL_REJECTED else 0)
        | (_NOTICE if row.row.reason is Reason.PROTOCOL_NOTICE else 0)
    )
    return {
        "slug": entry.slug,
        "protocol": entry.protocol,
        "section": row.section,
        "code": row.code,
        "texts": list(row.texts()),
        "flags": flags,
    }


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
