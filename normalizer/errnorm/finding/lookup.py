"""What the tables say of a text: the engines of a normalizer, asked by code, by name, and by the class of an exception."""

from __future__ import annotations

from typing import TYPE_CHECKING

from errnorm import plugins
from errnorm.error import Signal
from errnorm.finding.names import Names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from errnorm.error import NormalizedError
    from errnorm.finding.names import Name
    from errnorm.normalizer import Normalizer

__all__ = ["Lookup"]


class Lookup:
    """
    Finds and judges rows.

    Attributes:
        normalizer: Whose adapters read documents and elements.
    """

    def __init__(self, normalizer: Normalizer, everyday: Collection[str] = ()) -> None:
        """
        Ask the tables of a normalizer.

        Args:
            normalizer: The normalizer.
            everyday: What any program may say, and what therefore names a row only where it is known whose text it is.
        """
        self.normalizer = normalizer
        self._everyday = everyday
        self._names: dict[str | None, Names] = {}

    def names(self, protocol: str | None) -> Names:
        """Return the names of the rows of one protocol and of what lies under it; of all protocols for `None`."""
        if protocol not in self._names:
            engines = (self.normalizer.engine(name) for name in plugins.protocols())
            tables = [engine.table for engine in engines if engine is not None]
            mine = [one for one in tables if protocol in {None, one.protocol} or one.underlies]
            self._names[protocol] = Names(mine, () if protocol else self._everyday)
        return self._names[protocol]

    def pairs(self) -> Iterator[Mapping[str, frozenset[str]]]:
        """Yield, for each protocol, the words of which a line has two if it has the name of a row."""
        return (self.names(protocol).pairs for protocol in plugins.protocols())

    def judged(self, signal: Signal) -> NormalizedError | None:
        """Judge a signal whose code has a row; `None` if there is nothing but a family, which says too little in a text."""
        engine = self.normalizer.engine(signal.protocol)
        if engine is None or signal.code is None or engine.table.find(signal.section, signal.code) is None:
            return None
        return engine.judge(signal)

    def named(self, name: Name, text: str) -> NormalizedError | None:
        """Judge a text by the row whose name it is."""
        engine = self.normalizer.engine(name.protocol)
        if engine is None:
            return None
        section = name.row.section
        found = engine.table.find(section, text)
        if found is not None and found[0] is name.row:
            return engine.judge(Signal(name.protocol, section, text, text))
        return engine.judge_as(name.row, Signal(name.protocol, section, name.row.key, text), name.captures)

    def whole(self, line: str) -> NormalizedError | None:
        """Read a line as `normalize` does, if it is more than a word and a row knows it by more than its family."""
        if " " not in line.strip():
            return None
        error = self.normalizer.normalize(line)
        return error if error.known and not self.is_coarse(error) and not self.is_everyday(error) else None

    def is_everyday(self, error: NormalizedError) -> bool:
        """Tell whether an error is known by words that any program may say."""
        row = error.judgement.row
        return row is not None and row.key.lower() in self._everyday

    def is_coarse(self, error: NormalizedError) -> bool:
        """Tell whether an error is known by its family alone, so that something in its text may say more."""
        signal = error.signal
        engine = self.normalizer.engine(signal.protocol)
        return engine is not None and (signal.code is None or engine.table.find(signal.section, signal.code) is None)
