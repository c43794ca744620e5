"""
Let the search of the site find single errors.

Sphinx searches pages, and a page of a table holds hundreds of rows. It also searches the names of the objects of a domain.
Here each row is such an object, and a result of the search leads to its line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sphinx.domains import Domain, ObjType

from errnorm_docs.entries import entries_of, tables

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ErrorDomain", "anchor"]


def anchor(slug: str) -> str:
    """Return the id of the line of a row in the page of its table."""
    return "row-" + slug.replace("/", "-")


class ErrorDomain(Domain):
    """The rows of all tables, by what people call them."""

    name = "error"
    label = "Error"
    object_types = {"row": ObjType("error", searchprio=1)}  # noqa: RUF012 - how Sphinx declares it

    def get_type_name(self, type: ObjType, primary: bool = False) -> str:  # noqa: A002, FBT001, FBT002 - as Sphinx has it
        """Return what a result is called."""
        del primary
        return type.lname

    def get_objects(self) -> Iterator[tuple[str, str, str, str, str, int]]:
        """Yield each row: its name, the name that is shown, the kind, the page, the line, and its rank in the results."""
        for entry in entries_of(tables()):
            row = entry.placed.row
            names = [entry.placed.key, *(one for one in (row.text, row.constant) if one and one != entry.placed.key)]
            # Sphinx takes what stands before the last full stop for a module.
            name = " / ".join(names).replace(".", "\u2024") if len(names) > 1 else names[0]
            yield name, name, "row", f"_generated/table-{entry.protocol}", anchor(entry.slug), 1
