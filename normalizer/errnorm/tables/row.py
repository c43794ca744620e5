"""
One row of a table: its columns, which are validated when a file is read, and its place in the table.

`docs/reference/tables.md` describes how to write rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from errnorm.checks import Flag, Prose, Word, pattern
from errnorm.frozen import Frozen, as_dict
from errnorm.tables.pattern import Template
from errnorm.tables.provenance import Evidence, Reach
from errnorm.taxonomy import Effect, Reason, Recovery  # noqa: TC001 - pydantic reads the annotations

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["COLUMNS", "Claim", "Entry", "Row"]

Claim = Annotated[str, pattern(rf"^({'|'.join(Evidence)})(: \S.*)?$")]


class Row(Frozen, kw_only=True):
    """
    The meaning of one native error.

    Attributes:
        reason: The reason, `auth.forbidden`. The category follows from it.

        recovery: The step that must come first. `retryable` follows from it.

        terminal: Whether the error ends the connection or stream. It applies if the signal does not say.

        effect: Whether the operation may have taken effect.

        reach: Where the error can appear.

        source: Where the error is defined: file and function of the server, or section of the standard.

        evidence: What shows that the row is right: `provoked: nats-server 2.15.1`, `source`, `specification`.

        experiments: The experiments that show the behaviour: what was repeated after the error, and whether that succeeded.

        code: The native code in records; the key if not given.

        constant: The name of the error in the source code of the server or client.

        text: The text of the server or client, if the key is a code.

        aliases: Other spellings that match this row.

        wraps: Whether the class is only a wrapper: if a row matches the cause of the error, the result is that of the cause.

        defers: Whether the row of the signal's family gives reason and recovery, instead of this row.

        refined: Whether the text contains the words of another error, or ends in a parameter that does. If a section with
            `inside` has a row for those words, that row gives reason, recovery and effect.

        note: What an engineer on call should know about the error beyond its reason.
    """

    reason: Reason
    recovery: Recovery
    terminal: Flag
    effect: Effect
    reach: Reach
    source: Prose
    evidence: Claim = Evidence.SOURCE.value
    experiments: tuple[Word, ...] = ()
    code: Word | None = None
    constant: Word | None = None
    text: str | None = None
    aliases: tuple[Word, ...] = ()
    wraps: Flag = False
    defers: Flag = False
    refined: Flag = False
    note: Prose | None = None


COLUMNS: tuple[str, ...] = Row.__fields__


# Compared and hashed by identity, because judgements are looked up by entry on the hot path.
class Entry(Frozen, eq=False):
    """
    A row and its place in a table.

    Attributes:
        section: The section of the row.

        key: The key, spelled as in the protocol.

        row: The columns.

        version: The protocol and the version of the file that contains the row, `"nats 1.0.0"`.

        origin: The name of that file.

        replaced: The entry that an overlay has replaced by this one; `None` if there is none.
    """

    section: str
    key: str
    row: Row
    version: str
    origin: str
    replaced: Entry | None = None

    @property
    def code(self) -> str:
        """The native code in records: the column `code`, or the key."""
        return self.row.code or self.key

    def texts(self) -> Iterator[str]:
        """Yield all texts that match this row: key, constant, text and aliases. The code is not among them."""
        row = self.row
        yield self.key
        if row.constant is not None:
            yield row.constant
        # A text that begins with a parameter would match the words of other errors.
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
        """Return the row as one flat dictionary that begins with `protocol`, `section` and `key`."""
        flat: dict[str, Any] = {"protocol": protocol, "section": self.section, "key": self.key, "code": self.code}
        flat["category"] = self.row.reason.category.value
        columns = as_dict(self.row)
        flat["reason"] = columns["reason"].value
        flat["retryable"] = self.row.recovery.retryable
        for name in ("terminal", "recovery", "effect", "reach", "evidence", "source"):
            flat[name] = getattr(columns[name], "value", columns[name])
        flat.update({name: value for name, value in columns.items() if name not in flat and value not in (None, (), False)})
        return {**flat, "tables_version": self.version}
