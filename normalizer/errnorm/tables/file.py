"""
One file of a table, read and checked.

A file looks like this (`docs/reference/tables.md` has every key):

    protocol = "nats"
    version = "1.0.0"

    [sections.error]            # in the order in which they are asked for a text that comes without its section
    about = "what stands between the quotes of -ERR"
    ignore_case = true
    defaults = { effect = "not_applied", reach = "client wire" }

    [params]                    # the kind of every {parameter}: it decides how a value is read and how it is redacted
    subject = "subject"

    [error."Stale Connection"]
    reason = "transport.stale"
    recovery = "reconnect"
    terminal = true
    source = "server/client.go processPingTimer"

A file about several protocols says `protocols = ["nats", "xmpp"]`, and all about one of them stands below its name:
`[nats.sections.error]`, `[nats.error."Stale Connection"]`.

Three rules hold for every file, built in or brought by a user: no unknown word, no missing column, and no two rows of a
section that match the same text (`errnorm.tables.table`). A file that breaks one is refused with its name, line and path.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, StrictBool, StringConstraints, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from errnorm.tables.kind import KINDS
from errnorm.tables.pattern import Template, words_of
from errnorm.tables.provenance import Reach  # noqa: TC001 - pydantic reads the annotations
from errnorm.tables.row import CHECKED, COLUMNS, Claim, Entry, Prose, Row, Word
from errnorm.tables.source import Source
from errnorm.taxonomy import Effect, Recovery

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Defaults", "Evidence", "Head", "SectionHead", "TableFile", "protocols_of", "read"]

Place = tuple[str, str]
Evidence = dict[str, dict[str, dict[str, Any]]]


@checked(config=CHECKED, frozen=True, slots=True, kw_only=True)
class Defaults:
    """
    The columns that nearly all rows of a section share; a row says the others, and what differs.

    `reason` and `recovery` are never among them: they stand in every row.
    """

    terminal: StrictBool | None = None
    effect: Effect | None = None
    reach: Reach | None = None
    source: Prose | None = None
    evidence: Claim | None = None

    def given(self) -> dict[str, Any]:
        """Return the columns that are given."""
        return {name: value for name in self.__dataclass_fields__ if (value := getattr(self, name)) is not None}


@checked(config=CHECKED, frozen=True, slots=True, kw_only=True)
class SectionHead:
    """
    What a table says of one of its sections.

    Attributes:
        about: What its keys are.

        ignore_case: Whether upper and lower case are the same in its keys.

        code: The column that gives a row's code if it has no `code` of its own.

        retry_override: The code of this section that lets a caller wait. If the signal's family names a code of this section,
            that code decides on waiting: this one makes the recovery `wait`, any other replaces a `wait` by its own recovery.

        inside: Whether its keys stand only inside the texts of other errors: no text is looked up here by itself.

        defaults: The columns that nearly all its rows share.
    """

    about: Prose
    ignore_case: StrictBool = False
    code: Literal["key", "constant"] = "key"
    retry_override: Word | None = None
    inside: StrictBool = False
    defaults: Defaults = Field(default_factory=Defaults)


@checked(config=CHECKED, frozen=True, slots=True, kw_only=True)
class Head:
    """
    What a file says of itself.

    Attributes:
        protocol: The protocol it is about.

        version: The version of the file; stamped on every record it names.

        underlies: Whether its errors can happen under every protocol, so that it is asked after the protocol's own table.

        sections: Its sections, in the order in which they are asked.

        params: The kind of each parameter, by name.
    """

    protocol: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
    version: Word
    underlies: StrictBool = False
    sections: dict[str, SectionHead] = Field(default_factory=dict)
    params: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TableFile:
    """
    One file, checked.

    Attributes:
        head: What it says of itself.

        rows: Its rows, by section and key.

        source: Its text, which refuses it with the line of a path.
    """

    head: Head
    rows: dict[Place, Entry] = field(repr=False)
    source: Source = field(repr=False)


_HEAD = TypeAdapter(Head)
_ROWS = TypeAdapter(dict[str, dict[str, Row]])
_HEAD_KEYS = frozenset(Head.__dataclass_fields__)
_PLAIN = {"missing": "the column is missing", "unexpected_keyword_argument": "no such column"}


def read(
    text: str,
    origin: str,
    protocol: str | None = None,
    *,
    over: Mapping[Place, Entry] | None = None,
    sections: Mapping[str, SectionHead] | None = None,
    evidence: Evidence | None = None,
) -> TableFile:
    """
    Read and check one file.

    Args:
        text: The TOML.
        origin: The name of the file, for messages and for `explain`.
        protocol: The protocol whose rows are read, of a file about several.
        over: The rows an overlay is laid over, by section and key: a row that is there may be named with only the columns
            that change.
        sections: The sections of the table an overlay is laid over; it may add rows to them without declaring them.
        evidence: Columns that are generated for rows that do not have them, by section and key.

    Returns:
        The file, with its rows in their order.

    Raises:
        TableError: If the text is not TOML, a word is unknown, a column is missing, or a section is not declared.
    """
    source = Source(text, origin)
    document = source.parse()
    if "protocols" in document:
        document = _part(source, document, protocol)
    head: Head = _check(source, _HEAD, {name: document.pop(name) for name in _HEAD_KEYS & document.keys()})
    for name, kind in head.params.items():
        if kind not in KINDS:
            source.refuse(("params", name), f"the kind {kind!r} is not one of {', '.join(sorted(KINDS))}")
    reader = _Rows(source, {**(sections or {}), **head.sections}, over or {}, evidence or {})
    version = f"{head.protocol} {head.version}"
    rows = {
        (section, key): Entry(section, key, row, version, origin, reader.over.get((section, key)))
        for section, by_key in reader.checked(document).items()
        for key, row in by_key.items()
    }
    return TableFile(head, rows, source)


def _part(source: Source, document: Mapping[str, Any], protocol: str | None) -> dict[str, Any]:
    """Return what a file about several protocols says of one of them, as if it were a file of its own."""
    part = document.get(protocol or "")
    if protocol not in protocols_of(document) or not isinstance(part, dict):
        source.refuse(("protocols",), f"the file says nothing of {protocol!r}")
    source.within = (protocol or "",)
    return {"protocol": protocol, "version": document.get("version"), **part}


def protocols_of(document: Mapping[str, Any]) -> list[str]:
    """Return the protocols that a file says it is about, by `protocol` or `protocols`; none if it does not say."""
    named = document.get("protocols", [document.get("protocol")])
    return named if isinstance(named, list) and all(isinstance(name, str) for name in named) else []


class _Rows:
    """The rows of one file, on their way from TOML to `Row`."""

    def __init__(
        self,
        source: Source,
        sections: Mapping[str, SectionHead],
        over: Mapping[Place, Entry],
        evidence: Evidence,
    ) -> None:
        self.source = source
        self.sections = sections
        self.over = over
        self.evidence = evidence
        self.defaults = {name: head.defaults.given() for name, head in sections.items()}

    def checked(self, document: Mapping[str, Any]) -> dict[str, dict[str, Row]]:
        filled: dict[str, dict[str, Any]] = {}
        for section, rows in document.items():
            if section not in self.sections or not isinstance(rows, dict):
                self.source.refuse((section,), "the section is not declared under [sections]")
            filled[section] = {key: self._filled(section, key, columns) for key, columns in rows.items()}
        checked: dict[str, dict[str, Row]] = _check(self.source, _ROWS, filled)
        for section, by_key in checked.items():
            for key, row in by_key.items():
                self._consistent(section, key, row)
        return checked

    def _filled(self, section: str, key: str, columns: object) -> object:
        """Return the columns of a row with those that it inherits from the row it replaces, or from its section."""
        if not isinstance(columns, dict):
            return columns
        if (replaced := self.over.get((section, key))) is not None:
            return {name: getattr(replaced.row, name) for name in COLUMNS} | columns
        filled = {**self.evidence.get(section, {}).get(key, {}), **self.defaults[section], **columns}
        if "code" not in filled:
            if self.sections[section].code == "constant" and "constant" in filled:
                filled["code"] = filled["constant"]
            elif Template.has_places(key):
                filled["code"] = words_of(key) or None
        return filled

    def _consistent(self, section: str, key: str, row: Row) -> None:
        if row.recovery is Recovery.WAIT and row.terminal:
            self.source.refuse((section, key), "recovery is wait, on a connection that is over: say reconnect")
        if row.recovery is Recovery.RECONNECT and not row.terminal:
            self.source.refuse((section, key), "recovery is reconnect, on a connection that lives: say wait, or terminal")
        if row.code is None and Template.has_places(key):
            self.source.refuse((section, key), "the key has no words besides its parameters, so the row needs a code")


def _check(source: Source, adapter: TypeAdapter[Any], value: object) -> Any:  # noqa: ANN401 - whatever the adapter checks
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        source.refuse(tuple(str(part) for part in first["loc"]), _PLAIN.get(first["type"], first["msg"]))
