"""
Tables: the errors of each protocol, and what they mean in the common vocabulary.

The names here are for authors of tables and of tools that read tables. `errnorm.plugins.load_table` loads a table. The names are
imported on first use, because they need pydantic, whose import costs more than that of the rest of the library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from errnorm.tables.provenance import Evidence, Reach
    from errnorm.tables.row import Entry, Row
    from errnorm.tables.source import TableError
    from errnorm.tables.table import Table

__all__ = ["Entry", "Evidence", "Reach", "Row", "Table", "TableError"]

_HOMES = {
    "Entry": "errnorm.tables.row",
    "Evidence": "errnorm.tables.provenance",
    "Reach": "errnorm.tables.provenance",
    "Row": "errnorm.tables.row",
    "Table": "errnorm.tables.table",
    "TableError": "errnorm.tables.source",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module  # noqa: PLC0415 - see the docstring of the module

    return getattr(import_module(_HOMES[name]), name)
