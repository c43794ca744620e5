"""
One row of a table: the columns, as they are checked when a file is read, and the row at its place in the table.

How rows are written is described in `docs/reference/tables.md`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, ConfigDict, StrictBool, StringConstraints
from pydantic.dataclasses import dataclass as checked

from errnorm.tables.pattern import Template
from errnorm.tables.provenance import Evidence, Reach
from errnorm.taxonomy import Effect, Reason, Recovery  # noqa: TC001 - pydantic reads the annotations

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CHECKED", "COLUMNS", "Claim", "Entry", "Prose", "Row", "Word"]

CHECKED = ConfigDict(extra="forbid")


def _folded(value: object) -> object:
    return " ".join(value.split()) if isinstance(value, str) else value


Word = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
# A sentence may be written over several lines; line ends and indentation mean nothing in it.
Prose = Annotated[Word, BeforeValidator(_folded)]
Claim = Annotated[str, StringConstraints(pattern=rf"^({'|'.join(Evidence)})(: \S.*)?$")]


@checked(config=CHECKED, frozen=True, slots=True, kw_only=True)
class Row:
    """
    What one native error means.

    Attributes:
        reason: The meaning, `auth.forbidden`; its category comes with it.

        recovery: The step that must come first; `retryable` comes with it.

        terminal: Whether the connection or stream is over because of it, where the signal does not say.

        effect: Whether the operation may have taken effect.

        reach: Where it can appear.

        source: Where it is defined: file and function of the server, section of the standard.

        evidence: How the row is known: `provoked: nats-server 2.15.1`, `source`, `specification`.

        experiments: The experiments that show how it behaves: what was repeated after the fault, and whether it worked.

        code: The native code on records; the key if not given.

        constant: The name upstream's source gives it.

        text: Upstream's text, where the key is a code.

        aliases: Other spellings that mean this row.

        wraps: Whether the error says little by itself: if it has a cause that a row knows, that cause is the error.

        defers: Whether its meaning is left to the family: the family's row gives reason and recovery.

        refined: Whether its text holds another error's words, or ends in a parameter that does. If a section that is `inside`
            knows those words, their row gives reason, recovery and effect.

        note: What somebody on call should know about it beyond its reason.
    """

    reason: Reason
    recovery: Recovery
    terminal: StrictBool
    effect: Effect
    reach: Reach
    source: Prose
    evidence: Claim = Evidence.SOURCE.value
    experiments: tuple[Word, ...] = ()
    code: Word | None = None
    constant: Word | None = None
    text: str | None = None
    aliases: tuple[Word, ...] = ()
    wraps: StrictBool = False
    defers: StrictBool = False
    refined: StrictBool = False
    note: Prose | None = None


COLUMNS: tuple[str, ...] = tuple(Row.__dataclass_fields__)


# Compared and hashed by identity: an entry is one thing, and judgements are looked up by it on the hot path.
@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """
    A row at its place in a table.

    Attributes:
        section: The section it stands in.

        key: The key, as the protocol spells it.

        row: The columns.

        version: Name and version of the file that named it.

        origin: The file it came from.

        replaced: The entry that this one took the place of, if an overlay did.
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

    def texts(self) -> Iterator[str]:
        """Yield everything that means this row but its code: key, constant, text and aliases."""
        row = self.row
        yield self.key
        if row.constant is not None:
            yield row.constant
        # A text that begins with a parameter is another error's words: it does not tell this row from others.
        if row.text is not None and not row.text.startswith("{"):
            yield row.text
        yield from row.aliases

    def spellings(self) -> Iterator[str]:
        """Yield the texts without parameters."""
        return (text for text in self.texts() if not Template.has_places(text))

    def templates(self) -> Iterator[str]:
        """Yield the texts with parameters."""
        return (text for text in self.texts() if Template.has_places(text))

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
