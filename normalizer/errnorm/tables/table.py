"""
A table has all rows of a protocol. They are indexed, so that a look-up costs the same in a small and in a large table.

A section looks up a text by its exact spelling, then by its templates, then by the codes of the rows. A table in which two rows
match the same text is refused when it is loaded, so the order of the rows does not matter.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from errnorm.frozen import replace
from errnorm.regex import regex
from errnorm.tables.file import read
from errnorm.tables.pattern import Template, TemplateIndex
from errnorm.tables.shape import alike, shapes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from errnorm.tables.file import Place, SectionHead, TableFile
    from errnorm.tables.pattern import Captures
    from errnorm.tables.row import Entry

__all__ = ["Section", "Table"]

Found = tuple["Entry", "Captures | None"]


def _stem(origin: str) -> str:
    from pathlib import Path  # noqa: PLC0415 - its import takes a tenth of the time in which a middleware is made

    return Path(origin).stem


class _RowError(Exception):
    """A row is not valid together with the other rows of its section."""

    def __init__(self, entry: Entry, problem: str) -> None:
        super().__init__(problem)
        self.entry = entry
        self.problem = problem


class Section:
    """
    The rows of one section, indexed.

    Attributes:
        name: The name of the section.

        head: The declaration of the section.

        exact: The rows by each text that matches them: as written in the table, and also in lower case if the section ignores
            case. A template is included as it is written, because people copy it from a table.

        codes: The rows by code. Several rows may share a code. If a code is also the text of another row, that row matches.
    """

    __slots__ = ("_entries", "_kinds", "_spelled", "_templates", "codes", "exact", "head", "name")

    codes: dict[str, Entry]
    exact: dict[str, Entry]
    _templates: TemplateIndex[Entry]

    def __init__(
        self,
        name: str,
        head: SectionHead,
        entries: Callable[[], Iterable[Entry]],
        kinds: Mapping[str, str],
        *,
        is_checked: bool = False,
    ) -> None:
        """
        Check the rows and index them. Rows that were checked before are indexed when the section is first used.

        Args:
            name: The name of the section.
            head: The declaration of the section.
            entries: Returns the rows.
            kinds: The kind of each parameter, by name.
            is_checked: Whether it is known that no two rows match the same text.

        Raises:
            _RowError: If two rows match the same text, or the kind of a parameter is not declared.
        """
        self.name = name
        self.head = head
        self._entries = entries
        self._kinds = kinds
        self._spelled: dict[bytes, set[Entry]] | None = None
        if not is_checked:
            self._check()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - one of the indexes
        """Index the rows. Python calls this method if an attribute is not set."""
        if name not in {"exact", "codes", "_templates"}:
            raise AttributeError(name)
        # Without a lock: two threads may do this at once, with the same result, and a forked child could wait for ever for a lock
        # that a thread of its parent held.
        self._index()
        return object.__getattribute__(self, name)

    def _index(self) -> None:
        exact: dict[str, Entry] = {}
        codes: dict[str, Entry] = {}
        templates: list[Template[Entry]] = []
        for entry in self._entries():
            for text in entry.texts():
                self._claim(exact, text, entry)
                if Template.has_places(text):
                    templates.append(self._template(text, entry, self._kinds))
            codes.setdefault(self.fold(entry.code), entry)
        # Set when all of them are complete, and `exact` last, because other threads may use the section already.
        self.codes, self._templates = codes, TemplateIndex(templates)
        self.exact = exact

    def _check(self) -> None:
        """Refuse a text that two rows match. Each spelling without parameters and one sample of each template is checked."""
        templates = self._templates.templates
        for text, entry in self.exact.items() if templates else ():
            if self.fold(text) == text and not Template.has_places(text):
                self._refuse_others(text, entry, self._templates.others(text, text))
        for template in templates:
            text = template.sample()
            folded = self.fold(text)
            others = self._templates.others(text, folded, template)
            self._refuse_others(text, template.value, [*others, self.exact.get(folded, template.value)])

    def _template(self, text: str, entry: Entry, kinds: Mapping[str, str]) -> Template[Entry]:
        try:
            return Template(text, kinds, entry, ignore_case=self.head.ignore_case)
        except ValueError as error:
            raise _RowError(entry, str(error)) from error

    def _claim(self, exact: dict[str, Entry], text: str, entry: Entry) -> None:
        # Most texts have the same case as the table. Storing that spelling too avoids `lower()` in most look-ups.
        for spelling in (text, self.fold(text)):
            other = exact.setdefault(spelling, entry)
            if other is not entry:
                self._refuse(spelling, entry, other)

    def _refuse_others(self, text: str, entry: Entry, others: Iterable[Entry]) -> None:
        for other in others:
            if other is not entry:
                self._refuse(text, entry, other)

    def _refuse(self, text: str, entry: Entry, other: Entry) -> None:
        raise _RowError(entry, f"{text!r} is also matched by {other.key!r} of {other.origin}")

    def fold(self, text: str) -> str:
        """Return a text in the form that this section compares: in lower case if it ignores case."""
        return text.lower() if self.head.ignore_case else text

    def find(self, text: str) -> Found | None:
        """
        Find the row of a text or code: first by the exact text, then by a template, then by the code.

        Returns:
            The row, and the captures of its parameters if it has any; `None` if no row matches.
        """
        entry = self.exact.get(text)  # `match` does this too; most texts are found here, which saves that call
        if entry is not None:
            return entry, None
        found = self.match(text)
        if found is not None:
            return found
        entry = self.codes.get(self.fold(text))
        return None if entry is None else (entry, None)

    def match(self, text: str) -> Found | None:
        """Find the row of a text as `find` does, but not by the code."""
        entry = self.exact.get(text)
        if entry is not None:
            return entry, None
        folded = text
        if self.head.ignore_case:
            folded = text.lower()
            entry = self.exact.get(folded)
            if entry is not None:
                return entry, None
        return self._templates.find(text, folded)

    def alike(self, text: str, entry: Entry | None) -> bool:
        """
        Return whether all texts of the same shape have the same row.

        Args:
            text: One of the texts.
            entry: The row of that text; `None` if there is none.
        """
        if self._spelled is None:
            self._spelled = shapes_of({**self.codes, **self.exact})
        return alike(self.fold(text), entry, self._templates.templates, self._spelled)

    def get(self, code: str) -> Entry | None:
        """Find the row of an exact text or code."""
        folded = self.fold(code)
        return self.exact.get(folded) or self.codes.get(folded)


class Table:
    """
    The rows of all files of one protocol, with the overlays applied.

    Attributes:
        protocol: The protocol.

        version: The protocol and the version, `"nats 1.0.0"`, followed by `+` and the name and version of each overlay.

        underlies: Whether its errors can happen under every protocol.

        sections: The sections by name, in the order in which they are searched.

        rows: All rows by section and key.

        kinds: The kind of each parameter, by name.
    """

    __slots__ = (
        "_codes",
        "_exact",
        "_files",
        "_inside",
        "_outside",
        "kinds",
        "protocol",
        "rows",
        "sections",
        "underlies",
        "version",
    )

    rows: dict[Place, Entry]
    _codes: dict[str, Entry]
    _exact: dict[str, Entry]

    def __init__(self, files: list[TableFile], overlays: Iterable[tuple[str, str]] = ()) -> None:
        """
        Combine the files of one protocol.

        Args:
            files: The validated built-in files; at least one.
            overlays: The text and the name of each overlay, in the order in which they are applied.

        Raises:
            TableError: If an overlay is not valid, if two rows match the same text, or if two files contradict each other.
        """
        self.protocol = files[0].head.protocol
        self.underlies = any(file.head.underlies for file in files)
        self.version = f"{self.protocol} {files[0].head.version}"
        self.kinds: dict[str, str] = {}
        self._files = files
        overlays = list(overlays)
        is_checked = all(file.is_compiled for file in files) and not overlays
        entries = self._from_files if is_checked else self._from_rows
        heads: dict[str, SectionHead] = {}
        read_files: list[TableFile] = []
        for file in files if is_checked else self._with_overlays(files, overlays, heads):
            heads |= file.head.sections
            self._declare(file, read_files)
            read_files.append(file)
        try:
            self.sections = {
                name: Section(name, head, partial(entries, name), self.kinds, is_checked=is_checked)
                for name, head in heads.items()
            }
        except _RowError as error:
            entry = error.entry
            file = next(file for file in read_files if file.source.origin == entry.origin)
            file.source.refuse((entry.section, entry.key), error.problem)
        self._inside = [one for one in self.sections.values() if one.head.inside]
        self._outside = [one for one in self.sections.values() if not one.head.inside]

    def _from_files(self, section: str) -> list[Entry]:
        return [entry for file in self._files for entry in file.rows.get(section, {}).values()]

    def _from_rows(self, section: str) -> list[Entry]:
        return [entry for (name, _), entry in self.rows.items() if name == section]

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - one of the indexes
        """Merge the rows of all sections. Python calls this method if an attribute is not set."""
        if name not in {"rows", "_exact", "_codes"}:
            raise AttributeError(name)
        # Without a lock, as in a section.
        self._merge(name)
        return object.__getattribute__(self, name)

    def _merge(self, name: str) -> None:
        if name == "rows":
            self.rows = {place: entry for file in self._files for place, entry in file.places()}
        elif name == "_exact":
            # The first section that has a text or code determines its row.
            self._exact = _first(section.exact for section in self._outside)
        else:
            self._codes = _first(section.codes for section in self._outside)

    def _declare(self, file: TableFile, before: list[TableFile]) -> None:
        if file.head.protocol != self.protocol:
            problem = f"it is {file.head.protocol} here, and {self.protocol} in {before[0].source.origin}"
            file.source.refuse(("protocol",), problem)
        # A parameter has one kind in the whole protocol, because the kind decides how its values are redacted.
        for name, kind in file.head.params.items():
            if self.kinds.setdefault(name, kind) != kind:
                other = next(one for one in before if name in one.head.params)
                file.source.refuse(("params", name), f"its kind is {kind} here, and {self.kinds[name]} in {other.source.origin}")

    def _with_overlays(
        self, files: list[TableFile], overlays: Iterable[tuple[str, str]], heads: Mapping[str, SectionHead]
    ) -> Iterator[TableFile]:
        self.rows = {}
        for file in files:
            rows = dict(file.places())
            if twice := next((place for place in rows if place in self.rows), None):
                problem = f"there is such a row in {self.rows[twice].origin} already; only an overlay may change it"
                file.source.refuse(twice, problem)
            self.rows |= rows
            yield file
        for text, origin in overlays:
            file = read(text, origin, self.protocol, over=self.rows, sections=heads)
            self.version += f"+{_stem(origin)} {file.head.version}"
            self.rows |= {place: replace(entry, version=self.version) for place, entry in file.places()}
            yield file

    def find(self, section: str | None, text: str) -> Found | None:
        """
        Find the row of a text or code in one section.

        Args:
            section: The section. If it is `None`, all sections are searched in their order, and the text may have a form in
                which people quote it: in quotes or backticks, with a full stop, or as a constant with its package.
            text: The text or code.

        Returns:
            The row and the captures of its parameters; `None` if no row matches.
        """
        if section is not None:
            indexed = self.sections.get(section)
            return None if indexed is None else indexed.find(text)
        found = self._find_anywhere(text)
        if found is None:
            found = next((found for one in _peeled(text) if (found := self._find_anywhere(one)) is not None), None)
        return found

    def find_inside(self, words: str) -> Entry | None:
        """Find the row of words inside the text of another error, in the sections with `inside`."""
        found = (indexed.match(words) for indexed in self._inside)
        return next((entry for entry, _ in filter(None, found)), None)

    def _find_anywhere(self, text: str) -> Found | None:
        # A section that has the text in the same case is preferred to one that has it in another case.
        entry = self._exact.get(text)
        if entry is not None:
            return entry, None
        for indexed in self._outside:
            if (found := indexed.match(text)) is not None:
                return found
        entry = self._codes.get(text) or self._codes.get(text.lower())
        return None if entry is None else (entry, None)

    def get(self, section: str, code: str) -> Entry | None:
        """Find the row of an exact text or code in one section."""
        indexed = self.sections.get(section)
        return None if indexed is None else indexed.get(code)


def _first(found: Iterable[Mapping[str, Entry]]) -> dict[str, Entry]:
    merged: dict[str, Entry] = {}
    for one in reversed(list(found)):
        merged |= one
    return merged


_QUOTED = regex(r"""(?:"(.+)"|'(.+)'|`(.+)`|“(.+)”)\.?""", re.DOTALL)
_QUALIFIED = regex(r"[a-z]\w*\.([A-Z]\w*)")


def _peeled(text: str) -> Iterator[str]:
    """
    Yield a text without what people add when they quote it: quotes, a full stop, the package of a constant.

    Only characters around the whole text are removed. A part of a text is never looked up.
    """
    if quoted := _QUOTED.fullmatch(text):
        text = quoted[quoted.lastindex or 0]
        yield text
    stopped = text.removesuffix(".")
    if stopped != text:
        yield stopped
    if constant := _QUALIFIED.fullmatch(stopped):
        yield constant[1]
