"""
Tables: all rows of a protocol, indexed so that finding one costs the same in a small table and in a large one.

A section looks an exact spelling up first, then tries its templates. No text can match two rows: a table in which one could
is refused when it is loaded, so the order of the rows means nothing.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from errnorm.tables.pattern import Template, TemplateIndex
from errnorm.tables.row import Entry, Row, SectionHead, TableError, TableFile, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from errnorm.tables.pattern import Captures

__all__ = ["Entry", "Row", "Section", "Table", "TableError", "TableFile", "read"]

Found = tuple[Entry, "Captures | None"]


class _RowError(Exception):
    """A row that cannot stand where it stands."""

    def __init__(self, placed: Entry, problem: str) -> None:
        super().__init__(problem)
        self.placed = placed
        self.problem = problem


class Section:
    """
    The rows of one section, indexed.

    Attributes:
        name: Its name.

        head: What the table says of it.

        exact: The rows by every spelling without places, as it stands in the table and folded.
    """

    __slots__ = ("_templates", "exact", "head", "name")

    def __init__(self, name: str, head: SectionHead, rows: Iterable[Entry], kinds: Mapping[str, str]) -> None:
        """
        Index the rows.

        Raises:
            _RowError: If two rows match the same text, or a place is not declared.
        """
        self.name = name
        self.head = head
        self.exact: dict[str, Entry] = {}
        templates: list[Template[Entry]] = []
        for placed in rows:
            for spelling in placed.spellings():
                self._claim(spelling, placed)
            templates.extend(self._template(spelling, placed, kinds) for spelling in placed.templates())
        self._templates = TemplateIndex(templates)
        for text, placed in self.exact.items() if templates else ():
            self._refuse_others(text, placed, self._templates.others(text, self.fold(text)))
        for template in templates:
            text = template.sample()
            folded = self.fold(text)
            others = self._templates.others(text, folded, template)
            self._refuse_others(text, template.value, [*others, self.exact.get(folded, template.value)])

    def _template(self, spelling: str, placed: Entry, kinds: Mapping[str, str]) -> Template[Entry]:
        try:
            return Template(spelling, kinds, placed, ignore_case=self.head.ignore_case)
        except ValueError as error:
            raise _RowError(placed, str(error)) from error

    def _claim(self, spelling: str, placed: Entry) -> None:
        # Both spellings: most texts come in the letters of the table, and are then found without folding them first.
        for text in (spelling, self.fold(spelling)):
            other = self.exact.setdefault(text, placed)
            if other is not placed:
                self._refuse(text, placed, other)

    def _refuse_others(self, text: str, placed: Entry, others: Iterable[Entry]) -> None:
        for other in others:
            if other is not placed:
                self._refuse(text, placed, other)

    def _refuse(self, text: str, placed: Entry, other: Entry) -> None:
        raise _RowError(placed, f"{text!r} is also matched by {other.key!r} of {other.origin}")

    def fold(self, text: str) -> str:
        """Return a text in the case in which this section compares."""
        return text.lower() if self.head.ignore_case else text

    def find(self, code: str) -> Found | None:
        """
        Find the row of a code or text: exact first, then as a template.

        Returns:
            The row, and the reading of its places if it has any; `None` if no row matches.
        """
        placed = self.exact.get(code)
        if placed is not None:
            return placed, None
        folded = code
        if self.head.ignore_case:
            folded = code.lower()
            placed = self.exact.get(folded)
            if placed is not None:
                return placed, None
        return self._templates.find(code, folded)

    def get(self, code: str) -> Entry | None:
        """Find the row of an exact code."""
        return self.exact.get(self.fold(code))


class Table:
    """
    Everything known of one protocol: the rows of all its files, overlays last.

    Attributes:
        protocol: The protocol.

        version: Name and version, `"nats 1.0.0"`, and `+` with the names and versions of the overlays.

        underlies: Whether its errors can happen under every protocol.

        sections: The sections by name, in the order in which they are asked.

        rows: All rows by section and key.

        kinds: The kind of each parameter, by name.
    """

    __slots__ = ("kinds", "protocol", "rows", "sections", "underlies", "version")

    def __init__(self, files: list[TableFile], overlays: Iterable[tuple[str, str]] = ()) -> None:
        """
        Put the files of one protocol together.

        Args:
            files: The built-in files, checked; at least one.
            overlays: Text and name of each overlay, in the order in which they are laid over.

        Raises:
            TableError: If an overlay is broken, two rows match the same text, or two files disagree.
        """
        self.protocol = files[0].head.protocol
        self.underlies = any(file.head.underlies for file in files)
        self.version = f"{self.protocol} {files[0].head.version}"
        self.rows: dict[tuple[str, str], Entry] = {}
        self.kinds: dict[str, str] = {}
        heads: dict[str, SectionHead] = {}
        read_files: list[TableFile] = []
        for file in self._with_overlays(files, overlays):
            heads |= file.head.sections
            self._declare(file, read_files)
            read_files.append(file)
        by_section: dict[str, list[Entry]] = {name: [] for name in heads}
        for (section, _), placed in self.rows.items():
            by_section[section].append(placed)
        try:
            self.sections = {name: Section(name, head, by_section[name], self.kinds) for name, head in heads.items()}
        except _RowError as error:
            placed = error.placed
            next(file for file in read_files if file.origin == placed.origin).refuse((placed.section, placed.key), error.problem)

    def _declare(self, file: TableFile, before: list[TableFile]) -> None:
        if file.head.protocol != self.protocol:
            file.refuse(("protocol",), f"it is {file.head.protocol} here, and {self.protocol} in {before[0].origin}")
        # One name is one kind in the whole protocol: what may be told of a value depends on it.
        for name, kind in file.head.params.items():
            if self.kinds.setdefault(name, kind) != kind:
                other = next(one for one in before if name in one.head.params)
                file.refuse(("params", name), f"its kind is {kind} here, and {self.kinds[name]} in {other.origin}")

    def _with_overlays(self, files: list[TableFile], overlays: Iterable[tuple[str, str]]) -> Iterator[TableFile]:
        for file in files:
            if twice := next((place for place in file.rows if place in self.rows), None):
                file.refuse(twice, f"there is such a row in {self.rows[twice].origin} already; only an overlay may change it")
            self.rows |= file.rows
            yield file
        for text, origin in overlays:
            file = read(text, origin, self.rows)
            self.version += f"+{Path(origin).stem} {file.head.version}"
            self.rows |= {place: replace(row, version=self.version) for place, row in file.rows.items()}
            yield file

    def find(self, section: str | None, code: str) -> Found | None:
        """
        Find the row of a code or text in one section, or in all of them in their order, the same letters before the same words.

        Returns:
            The row and the reading of its places; `None` if no row matches.
        """
        if section is not None:
            indexed = self.sections.get(section)
            return None if indexed is None else indexed.find(code)
        # A section that has the text letter by letter knows it better than one that has it in another case.
        for indexed in self.sections.values():
            if (placed := indexed.exact.get(code)) is not None:
                return placed, None
        return next((found for indexed in self.sections.values() if (found := indexed.find(code)) is not None), None)

    def get(self, section: str, code: str) -> Entry | None:
        """Find the row of an exact code in one section."""
        indexed = self.sections.get(section)
        return None if indexed is None else indexed.get(code)
