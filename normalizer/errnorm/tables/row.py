"""
The rows of tables: what each protocol says, and what it means in the common vocabulary. Read from TOML, and checked.

A file looks like this (`docs/reference/tables.md` has every column):

    protocol = "nats"
    version = "1.0.0"

    [sections]                  # in the order in which they are asked for a text that comes without its section
    error = { about = "what stands between the quotes of -ERR", ignore_case = true }

    [params]                    # the kind of every {place} in a key: it decides how a value is read and how it is redacted
    subject = "subject"

    [error]
    "Stale Connection" = { reason = "transport.stale", recovery = "reconnect", terminal = true, … }

Three rules hold for every file, built in or brought by a user, and a file that breaks one is refused with its name, line
and path: no unknown word, no missing column, and (`errnorm.tables.table`) no two rows of a section that match the same text.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import tomli
from pydantic import ConfigDict, Field, StrictBool, StringConstraints, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from errnorm.tables.pattern import KINDS, Template
from errnorm.taxonomy import Effect, Evidence, Reach, Reason, Recovery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["Entry", "Head", "Row", "SectionHead", "TableError", "TableFile", "parse", "read"]

Said = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
_Checked = ConfigDict(extra="forbid")
_LONGEST_MESSAGE = 2000


class TableError(ValueError):
    """A table cannot be used. The message names file, line and path, and says what is wrong, on one line whatever they hold."""

    def __init__(self, message: str) -> None:
        """Say it on one line."""
        cut = message if len(message) <= _LONGEST_MESSAGE else message[:_LONGEST_MESSAGE] + "…"
        super().__init__("".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in cut))


@checked(config=_Checked, frozen=True, slots=True, kw_only=True)
class Row:
    """
    One row: what one native error means.

    Attributes:
        reason: The meaning, `auth.forbidden`; its category comes with it.

        recovery: The step that must come first; `retryable` comes with it.

        terminal: Whether the connection or stream is over because of it, where the signal does not say.

        effect: Whether the operation may have taken effect.

        reach: Where it can appear.

        evidence: How the row is known: `provoked: nats-server 2.15.1`, `source`, `specification`.

        source: Where it is defined: file and function of the server, section of the standard.

        code: The native code on records; the key if not given. Needed where the key has places.

        constant: The name upstream's source gives it; it finds the row too.

        text: Upstream's text, where the key is a code.

        aliases: Other spellings that mean this row.

        wraps: It says little by itself: if it has a cause that a row knows, that cause is the error.

        defers: Its meaning is left to the family: the family's row gives reason and recovery.

        note: What somebody on call should know about it beyond its reason.
    """

    reason: Reason
    recovery: Recovery
    terminal: StrictBool
    effect: Effect
    reach: Reach
    evidence: Annotated[str, StringConstraints(pattern=rf"^({'|'.join(Evidence)})(: \S.*)?$")]
    source: Said
    code: Said | None = None
    constant: Said | None = None
    text: str | None = None
    aliases: tuple[Said, ...] = ()
    wraps: StrictBool = False
    defers: StrictBool = False
    note: Said | None = None


_COLUMNS: tuple[str, ...] = tuple(Row.__dataclass_fields__)


@checked(config=_Checked, frozen=True, slots=True, kw_only=True)
class SectionHead:
    """
    What a table says of one of its sections.

    Attributes:
        about: What its keys are.

        ignore_case: Whether upper and lower case are the same in its keys.

        retry_override: The code of this section that lets a caller wait. If the signal's family names a code of this section,
            that code has the last word on waiting: this one makes the recovery `wait`, any other takes a `wait` away and puts
            its own recovery there.
    """

    about: Said
    ignore_case: StrictBool = False
    retry_override: Said | None = None


@checked(config=_Checked, frozen=True, slots=True, kw_only=True)
class Head:
    """
    What a file says of itself.

    Attributes:
        protocol: The protocol it is about.

        version: The version of the file; stamped on every record it names.

        underlies: Its errors can happen under every protocol, so it is asked after the protocol's own table.

        sections: Its sections, in the order in which they are asked.

        params: The kind of each place, by name.
    """

    protocol: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
    version: Said
    underlies: StrictBool = False
    sections: dict[str, SectionHead] = Field(default_factory=dict)
    params: dict[str, str] = Field(default_factory=dict)


# Compared and hashed by identity: a row in its place is one thing, and verdicts are looked up by it on the hot path.
@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """
    A row in its place.

    Attributes:
        section: The section it stands in.

        key: The key, as the protocol spells it.

        row: The columns.

        version: Name and version of the file that named it.

        origin: The file it came from.

        replaced: The row it took the place of, if an overlay did.
    """

    section: str
    key: str
    row: Row
    version: str
    origin: str
    replaced: Entry | None = None

    @property
    def code(self) -> str:
        """The native code that records carry."""
        return self.row.code or self.key

    def spellings(self) -> Iterator[str]:
        """Yield every spelling without places that means this row."""
        if not Template.has_places(self.key):
            yield self.key
        for name in (self.row.constant, *self.row.aliases):
            if name is not None and not Template.has_places(name):
                yield name

    def templates(self) -> Iterator[str]:
        """Yield every spelling with places."""
        for name in (self.key, *self.row.aliases):
            if Template.has_places(name):
                yield name

    def to_dict(self, protocol: str) -> dict[str, Any]:
        """Return the row as one flat dictionary, `protocol`, `section` and `key` first."""
        flat: dict[str, Any] = {"protocol": protocol, "section": self.section, "key": self.key, "code": self.code}
        flat["category"] = self.row.reason.category.value
        columns = asdict(self.row)
        flat["reason"] = columns["reason"].value
        flat["retryable"] = self.row.recovery.retryable
        for name in ("terminal", "recovery", "effect", "reach", "evidence", "source"):
            flat[name] = getattr(columns[name], "value", columns[name])
        flat.update({name: value for name, value in columns.items() if name not in flat and value not in (None, (), False)})
        return {**flat, "tables_version": self.version}


@dataclass(frozen=True, slots=True)
class TableFile:
    """
    One file, checked.

    Attributes:
        head: What it says of itself.

        rows: Its rows, by section and key.

        origin: Its name.

        refuse: Raises a `TableError` that names the file and the line of a path in it.
    """

    head: Head
    rows: dict[tuple[str, str], Entry] = field(repr=False)
    origin: str
    refuse: Callable[[tuple[str, ...], str], NoReturn] = field(repr=False)


_HEAD = TypeAdapter(Head)
_ROW = TypeAdapter(Row)
_OWN = frozenset(Head.__dataclass_fields__)


def read(text: str, origin: str, base: Mapping[tuple[str, str], Entry] | None = None) -> TableFile:
    """
    Read and check one file.

    Args:
        text: The TOML.
        origin: The name of the file, for messages and for `explain`.
        base: The rows an overlay is laid over, by section and key: a row that is there may be named with only the columns
            that change.

    Returns:
        The file, with its rows in their order.

    Raises:
        TableError: If it is no TOML, or a word is unknown, a column missing, or a section not announced.
    """
    source = _Source(text, origin)
    document = parse(text, origin)
    head: Head = source.check(_HEAD, {name: document[name] for name in document if name in _OWN}, ())
    for name, kind in head.params.items():
        if kind not in KINDS:
            source.refuse(("params", name), f"the kind {kind!r} is none of {', '.join(sorted(KINDS))}")
    base = base or {}
    announced = set(head.sections) | {section for section, _ in base}
    rows: dict[tuple[str, str], Entry] = {}
    for section, entries in document.items():
        if section in _OWN:
            continue
        if section not in announced or not isinstance(entries, dict):
            source.refuse((section,), "the section is not announced under [sections]")
        for key, columns in entries.items():
            replaced = base.get((section, key))
            row = source.row((section, key), columns, replaced)
            rows[section, key] = Entry(section, key, row, f"{head.protocol} {head.version}", origin, replaced)
    return TableFile(head, rows, origin, source.refuse)


def parse(text: str, origin: str) -> dict[str, Any]:
    """
    Parse TOML.

    Raises:
        TableError: If it is none: `mine.toml:3: no TOML: …`.
    """
    try:
        return tomli.loads(text)
    except RecursionError:
        message = f"{origin}:1: no TOML: nested too deep"
        raise TableError(message) from None
    except tomli.TOMLDecodeError as error:
        place = re.search(r" \(at line (\d+), column \d+\)$", str(error))
        line = int(place[1]) if place else text.count("\n") + 1
        message = f"{origin}:{line}: no TOML: {str(error).partition(' (at ')[0]}"
        raise TableError(message) from error


class _Source:
    """The text of a file, and what can be wrong with it: every refusal names file, line and path."""

    def __init__(self, text: str, origin: str) -> None:
        self.text = text
        self.origin = origin

    def check(self, adapter: TypeAdapter[Any], value: object, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - what it checks
        try:
            return adapter.validate_python(value)
        except ValidationError as error:
            first = error.errors()[0]
            self.refuse((*path, *(str(part) for part in first["loc"])), _PLAIN.get(first["type"], first["msg"]))

    def row(self, path: tuple[str, str], columns: object, replaced: Entry | None) -> Row:
        if replaced is not None and isinstance(columns, dict):
            columns = {name: getattr(replaced.row, name) for name in _COLUMNS} | columns
        row: Row = self.check(_ROW, columns, path)
        if row.recovery is Recovery.WAIT and row.terminal:
            self.refuse(path, "recovery is wait, on a connection that is over: say reconnect")
        if row.recovery is Recovery.RECONNECT and not row.terminal:
            self.refuse(path, "recovery is reconnect, on a connection that lives: say wait, or terminal")
        if Template.has_places(path[1]) and row.code is None:
            self.refuse(path, "the key has places, so the row needs a code")
        return row

    def refuse(self, path: tuple[str, ...], problem: str) -> NoReturn:
        message = f"{self.origin}:{self._line_of(path)}: {'.'.join(path)}: {problem}"
        raise TableError(message)

    def _line_of(self, path: tuple[str, ...]) -> int:
        # The TOML reader keeps no positions; a key stands at the start of its line, below the header of its section.
        section, here = "", 1
        for number, line in enumerate(self.text.splitlines(), 1):
            stripped = line.strip()
            if stripped.startswith("["):
                section = stripped.partition("]")[0].lstrip("[ ").strip(' "')
                here = number if path and section == path[0] else here
            elif (name := _key_of(stripped)) and ((section, name) == path[:2] or (not section and (name,) == path[:1])):
                return number
        return here


_PLAIN = {"missing": "the column is missing", "unexpected_keyword_argument": "no such column"}


def _key_of(line: str) -> str:
    try:
        return next(iter(tomli.loads(line)), "")
    except tomli.TOMLDecodeError:
        return ""
