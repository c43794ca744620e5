"""The judgement: what the tables say about one kind of error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from errnorm.tables.pattern import Template
from errnorm.taxonomy import Effect, Reason, Recovery

if TYPE_CHECKING:
    from collections.abc import Mapping

    from errnorm.tables.pattern import Captures
    from errnorm.tables.row import Entry
    from errnorm.taxonomy import Category

__all__ = ["Judgement", "unknown"]

_NO_KINDS: Mapping[str, str] = {}


class Judgement:
    """
    What the tables say about one kind of error. All errors of that kind share the object, and it never changes.

    Two judgements with the same content are equal, even if a cache has dropped one of them and it was built again. Guards compare
    them to emit each fault once, and metrics use them as keys.

    Attributes:
        row: The row that matched; `None` if no row matched.

        final: Whether a row matched that is not marked as a wrapper of another error.

        tables_version: The name and version of the table, `"nats 1.0.0"`.

        kinds: The kind of each parameter, by name, as the table declares it. The kind decides how a value is redacted.

        template: The text of the server or client with places for parameters, from which the values are read if the row was
            found by a code; `None` if there is none.

        written: The first part of the error as JSON, by the protocol in it.
    """

    __slots__ = (
        "_hash",
        "_meaning",
        "category",
        "code",
        "effect",
        "final",
        "kinds",
        "protocol",
        "reason",
        "recovery",
        "retryable",
        "row",
        "section",
        "tables_version",
        "template",
        "terminal",
        "written",
    )

    def __init__(  # noqa: PLR0913 - built once for each kind of error
        self,
        *,
        protocol: str | None,
        section: str | None,
        code: str | None,
        reason: Reason,
        recovery: Recovery,
        terminal: bool,
        effect: Effect,
        row: Entry | None,
        tables_version: str,
        kinds: Mapping[str, str] = _NO_KINDS,
    ) -> None:
        """Store the judgement, and derive the other attributes from it."""
        self.protocol = protocol
        self.section = section
        self.code = code
        self.reason = reason
        self.category: Category = reason.category
        self.recovery = recovery
        self.retryable: bool = recovery.retryable
        self.terminal = terminal
        self.effect = effect
        self.row = row
        self.final = row is not None and not row.row.wraps
        self.tables_version = tables_version
        self.kinds = kinds
        self.template = None if row is None else _template_of(row.row.text, kinds)
        self.written: dict[str | None, str] = {}
        self._meaning = (protocol, section, code, reason, recovery, terminal, effect, tables_version)
        self._hash = hash(self._meaning)

    def changed(self, recovery: Recovery, *, terminal: bool, effect: Effect | None = None) -> Judgement:
        """Return a copy with another recovery, for a connection that has ended or has not ended, and perhaps another effect."""
        return Judgement(
            protocol=self.protocol,
            section=self.section,
            code=self.code,
            reason=self.reason,
            recovery=recovery,
            terminal=terminal,
            effect=effect or self.effect,
            row=self.row,
            tables_version=self.tables_version,
            kinds=self.kinds,
        )

    def spelled(self, text: str) -> Captures | None:
        """Read the values of a text that is a template of the row letter by letter, its places included; `None` if it is none."""
        folded = text.lower()
        spellings = () if self.row is None or "{" not in text else self.row.templates()
        same = next((one for one in spellings if one.lower() == folded), None)
        template = None if same is None else Template(same, self.kinds, None, ignore_case=True)
        found = None if template is None else template.match(text, len(template.head))
        return None if template is None or found is None else (found, template.kinds)

    def __eq__(self, other: object) -> bool:
        """Compare the content of two judgements."""
        return self is other or (type(other) is Judgement and self._meaning == other._meaning)

    def __hash__(self) -> int:
        """Return a hash of the content."""
        return self._hash


def _template_of(text: str | None, kinds: Mapping[str, str]) -> Template[None] | None:
    # A text that begins with a parameter is free text, and would be emitted twice.
    if text is None or text.startswith("{") or not Template.has_places(text):
        return None
    try:
        return Template(text, kinds, None, ignore_case=False)
    except ValueError:
        return None  # upstream's text may contain braces that are not parameters of a table


def unknown(
    protocol: str | None,
    section: str | None = None,
    *,
    terminal: bool = False,
    tables_version: str = "",
    kinds: Mapping[str, str] = _NO_KINDS,
) -> Judgement:
    """Return the judgement for an error without a matching row. Such an error is never retried."""
    return Judgement(
        protocol=protocol,
        section=section,
        code=None,
        reason=Reason.UNKNOWN,
        recovery=Recovery.ABANDON,
        terminal=terminal,
        effect=Effect.UNKNOWN,
        row=None,
        tables_version=tables_version,
        kinds=kinds,
    )
