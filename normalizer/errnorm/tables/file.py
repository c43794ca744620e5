"""
Read and validate one file of a table.

A file looks like this (`docs/reference/tables.md` describes every key):

    protocol = "nats"
    version = "1.0.0"

    [sections.error]            # sections are searched in this order for a text without a section
    about = "the text between the quotes of -ERR"
    ignore_case = true
    defaults = { effect = "not_applied", reach = "client wire" }

    [params]                    # the kind of each {parameter} decides how its value is read and redacted
    subject = "subject"

    [error."Stale Connection"]
    reason = "transport.stale"
    recovery = "reconnect"
    terminal = true
    source = "server/client.go processPingTimer"

A file for several protocols says `protocols = ["nats", "xmpp"]`, and puts everything about a protocol below its name:
`[nats.sections.error]`, `[nats.error."Stale Connection"]`.

Three rules apply to every file, built in or from a user: no unknown word, no missing column, and no two rows of a section that
match the same text (`errnorm.tables.table`). A file that breaks a rule is refused with its name, the line and the path.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic reads the annotations
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from errnorm.checks import Flag, Prose, Word, pattern
from errnorm.frozen import Frozen, as_dict
from errnorm.tables.kind import KINDS
from errnorm.tables.pattern import Template, words_of
from errnorm.tables.provenance import Reach  # noqa: TC001 - pydantic reads the annotations
from errnorm.tables.row import COLUMNS, Claim, Entry, Row
from errnorm.tables.source import Source
from errnorm.taxonomy import Effect, Recovery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import TypeAdapter

__all__ = ["Defaults", "Evidence", "Head", "Place", "SectionHead", "TableFile", "evidence_of", "protocols_of", "read"]

Place = tuple[str, str]
Evidence = dict[str, dict[str, dict[str, Any]]]


class Defaults(Frozen, kw_only=True):
    """
    The columns that nearly all rows of a section share. A row has the other columns, and overrides a default where it differs.

    `reason` and `recovery` have no defaults: every row has them.
    """

    terminal: Flag | None = None
    effect: Effect | None = None
    reach: Reach | None = None
    source: Prose | None = None
    evidence: Claim | None = None

    def given(self) -> dict[str, Any]:
        """Return the columns that have a default."""
        return {name: value for name, value in as_dict(self).items() if value is not None}


class SectionHead(Frozen, kw_only=True):
    """
    The declaration of one section of a table.

    Attributes:
        about: What the keys of the section are.

        ignore_case: Whether upper and lower case are the same in the keys.

        code: The column from which a row without a column `code` takes its code.

        retry_override: The code of this section that makes every error retryable by waiting. If the family of a signal names a
            code of this section, that code decides whether waiting helps: this one sets the recovery `wait`, and any other one
            replaces a recovery `wait` by its own recovery.

        inside: Whether the keys appear only inside the texts of other errors. A text by itself is not looked up in the section.

        defaults: The columns that nearly all rows share.
    """

    about: Prose
    ignore_case: Flag = False
    code: Literal["key", "constant"] = "key"
    retry_override: Word | None = None
    inside: Flag = False
    defaults: Defaults = Defaults()


class Head(Frozen, kw_only=True):
    """
    The head of a file.

    Attributes:
        protocol: The protocol of the rows.

        version: The version of the file, which every record of its rows contains.

        underlies: Whether the errors can happen under every protocol, as those of TLS. The table is then searched after the
            table of the protocol.

        sections: The sections, in the order in which they are searched.

        params: The kind of each parameter, by name.
    """

    protocol: Annotated[str, pattern(r"^[a-z][a-z0-9_-]*$")]
    version: Word
    underlies: Flag = False
    sections: Mapping[str, SectionHead] = MappingProxyType({})
    params: Mapping[str, str] = MappingProxyType({})


class TableFile(NamedTuple):
    """
    One validated file.

    Attributes:
        head: The head of the file.

        rows: The rows, by section and then by key.

        source: The text, for messages that name the line of a mistake.

        is_compiled: Whether the rows were checked, also against each other, when the compiled form of the file was written.
    """

    head: Head
    rows: Mapping[str, Mapping[str, Entry]]
    source: Source
    is_compiled: bool = False

    def places(self) -> Iterator[tuple[Place, Entry]]:
        """Yield each row with its section and key."""
        for section, by_key in self.rows.items():
            for key, entry in by_key.items():
                yield (section, key), entry


_HEAD_KEYS = frozenset(Head.__fields__)
_PLAIN = {"missing": "the column is missing", "extra_forbidden": "no such column"}


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
    Read and validate one file.

    Args:
        text: The TOML.
        origin: The name of the file, for messages and for `errnorm explain`.
        protocol: The protocol whose rows are read, if the file is for several protocols.
        over: The rows that an overlay can change, by section and key. The overlay then needs only the columns that change.
        sections: The sections of the table to which an overlay applies. The overlay may add rows to them without declaring
            them.
        evidence: Generated columns for rows that do not have these columns, by section and key.

    Returns:
        The file, with the rows in their order.

    Raises:
        TableError: If the text is not TOML, a word is unknown, a column is missing, or a section is not declared.
    """
    source = Source(text, origin)
    document = source.parse()
    if "protocols" in document:
        document = _part(source, document, protocol)
    head: Head = _check(source, Head, {name: document.pop(name) for name in _HEAD_KEYS & document.keys()})
    for name, kind in head.params.items():
        if kind not in KINDS:
            source.refuse(("params", name), f"the kind {kind!r} is not one of {', '.join(sorted(KINDS))}")
    reader = _Rows(source, {**(sections or {}), **head.sections}, over or {}, evidence or {})
    version = f"{head.protocol} {head.version}"
    rows = {
        section: {key: Entry(section, key, row, version, origin, reader.over.get((section, key))) for key, row in by_key.items()}
        for section, by_key in reader.checked(document).items()
    }
    return TableFile(head, rows, source)


def _part(source: Source, document: Mapping[str, Any], protocol: str | None) -> dict[str, Any]:
    """Return the part for one protocol from a file for several protocols, in the form of a file for one protocol."""
    part = document.get(protocol or "")
    if protocol not in protocols_of(document) or not isinstance(part, dict):
        source.refuse(("protocols",), f"the file says nothing of {protocol!r}")
    source.within = (protocol or "",)
    return {"protocol": protocol, "version": document.get("version"), **part}


def protocols_of(document: Mapping[str, Any]) -> list[str]:
    """Return the protocols that a file names in `protocol` or `protocols`; an empty list if it does not name any."""
    named = document.get("protocols", [document.get("protocol")])
    return named if isinstance(named, list) and all(isinstance(name, str) for name in named) else []


class _Rows:
    """Turns the rows of one file from TOML into `Row` objects."""

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
        checked: dict[str, dict[str, Row]] = _check(self.source, dict[str, dict[str, Row]], filled)
        for section, by_key in checked.items():
            for key, row in by_key.items():
                self._consistent(section, key, row)
        return checked

    def _filled(self, section: str, key: str, columns: object) -> object:
        """Return the columns of a row together with those that it inherits: from the row that it replaces, or its section."""
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
            self.source.refuse((section, key), "recovery is wait, but the connection has ended: use reconnect")
        if row.recovery is Recovery.RECONNECT and not row.terminal:
            self.source.refuse((section, key), "recovery is reconnect, but the connection is open: use wait, or set terminal")
        if row.code is None and Template.has_places(key):
            self.source.refuse((section, key), "the key has no words besides its parameters, so the row needs a code")


def evidence_of(text: str) -> Mapping[str, Evidence]:
    """
    Return the generated columns in a file of evidence, by protocol.

    Raises:
        ValueError: If the text is not of that form.
    """
    found: dict[str, Evidence] = _adapter(dict[str, Evidence]).validate_json(text)
    return found


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:  # noqa: ANN401 - any type
    from pydantic import TypeAdapter  # noqa: PLC0415 - its import is slow, and compiled tables do not need it

    return TypeAdapter(kind)


def _check(source: Source, kind: object, value: object) -> Any:  # noqa: ANN401 - of that type
    from pydantic import ValidationError  # noqa: PLC0415 - as above

    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        source.refuse(tuple(str(part) for part in first["loc"]), _PLAIN.get(first["type"], first["msg"]))
