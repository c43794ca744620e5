"""Look up rows in the tables of a normalizer: by code, by name, and by the class of an exception."""

from __future__ import annotations

from typing import TYPE_CHECKING

from errnorm import plugins
from errnorm.error import Signal
from errnorm.finding.names import Names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from errnorm.error import NormalizedError
    from errnorm.finding.forms import Forms
    from errnorm.finding.names import Name
    from errnorm.normalizer import Normalizer
    from errnorm.tables.table import Table

__all__ = ["Lookup"]

# The sections of a signal whose text had no form that only one protocol has. Many programs frame the lines of their logs alike.
_OF_ANY_PROGRAM = (None, "log")


class Lookup:
    """
    Finds rows, and judges texts by them.

    Attributes:
        normalizer: The normalizer. Its adapters read documents and elements.
    """

    def __init__(self, normalizer: Normalizer, forms: Forms, is_everyday: Callable[[str], bool]) -> None:
        """
        Use the tables of a normalizer.

        Args:
            normalizer: The normalizer.
            forms: The forms.
            is_everyday: Returns whether any program may write a text. Such a text names a row only if the text around it shows
                its protocol.
        """
        self.normalizer = normalizer
        self._forms = forms
        self._is_everyday = is_everyday
        self._names: dict[str | None, Names] = {}

    def names(self, protocol: str | None) -> Names:
        """Return the names of the rows of one protocol and of the layers below it; for `None`, of all protocols."""
        if protocol not in self._names:
            mine = [one for one in self.tables() if protocol in {None, one.protocol} or one.underlies]
            self._names[protocol] = Names(mine) if protocol else Names(mine, self._forms.everyday, self._is_everyday)
        return self._names[protocol]

    def pairs(self) -> Iterator[Mapping[str, frozenset[str]]]:
        """Yield the `pairs` of each protocol's names: a line with the name of a row has both words of a pair."""
        return (self.names(protocol).pairs for protocol in plugins.protocols())

    def tables(self) -> list[Table]:
        """Return all tables that can be used."""
        engines = (self.normalizer.engine(name) for name in plugins.protocols())
        return [engine.table for engine in engines if engine is not None]

    def judged(self, signal: Signal) -> NormalizedError | None:
        """Judge a signal whose code has a row. Without such a row return `None`, because the family alone says too little."""
        engine = self.normalizer.engine(signal.protocol)
        if engine is None or signal.code is None or engine.table.find(signal.section, signal.code) is None:
            return None
        return engine.judge(signal)

    def named(self, name: Name, text: str) -> NormalizedError | None:
        """Judge a text by the row that it names."""
        engine = self.normalizer.engine(name.protocol)
        if engine is None:
            return None
        section = name.row.section
        found = engine.table.find(section, text)
        if found is not None and found[0] is name.row:
            return engine.judge(Signal(name.protocol, section, text, text))
        return engine.judge_as(name.row, Signal(name.protocol, section, name.row.key, text), name.captures)

    def whole(self, line: str, *, shown: bool) -> NormalizedError | None:
        """
        Normalize a line.

        Args:
            line: The line.
            shown: Whether the text of the line shows its protocol.

        Returns:
            The error. `None` if the line is a single word, if no row matches, if only its family has a row, or if any program may
            write such a line.
        """
        if " " not in line.strip():
            return None
        error = self.normalizer.normalize(line)
        return error if error.known and not self.is_vague(error) and (shown or not self.is_everyday(error)) else None

    def is_everyday(self, error: NormalizedError) -> bool:
        """Return whether an error was recognised by a text that any program may write."""
        row = error.judgement.row
        said = error.signal.code
        if row is None or said is None or error.signal.section not in _OF_ANY_PROGRAM:
            return False
        engine = self.normalizer.engine(error.signal.protocol)
        if engine is None or engine.table.underlies:
            return False
        said = said.strip("\"'`").lower()
        same = (text for text in row.spellings() if text.lower() == said)
        return self._is_everyday(next(same, row.key))

    def is_vague(self, error: NormalizedError) -> bool:
        """Return whether a part of the text of an error may say more than the row that was found."""
        return self.is_coarse(error) or self.passed_on(error) is not None

    @staticmethod
    def passed_on(error: NormalizedError) -> str | None:
        """Return the words of another error that the text of an error ends in, if its own table does not know them."""
        row = error.judgement.row
        if row is None or not row.row.refined or row.row.reason is not error.reason:
            return None
        words = error.params.get("text")
        return words if isinstance(words, str) and words else None

    def is_coarse(self, error: NormalizedError) -> bool:
        """Return whether only the family of an error has a row, so that a part of its text may be more specific."""
        signal = error.signal
        engine = self.normalizer.engine(signal.protocol)
        return engine is not None and (signal.code is None or engine.table.find(signal.section, signal.code) is None)
