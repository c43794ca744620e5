"""
Find the rows that are most similar to a text without a matching row: by synonyms, and by the words that text and row share.

A misspelled word counts as the most similar word that is known. A word has more weight if fewer rows contain it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from difflib import get_close_matches
from typing import TYPE_CHECKING

from errnorm.finding.names import Name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from errnorm.finding.forms import Place
    from errnorm.tables.row import Entry
    from errnorm.tables.table import Table

__all__ = ["Nearest"]

_WORD = re.compile(r"[a-z][a-z]+|[0-9]{3,6}")
_PART = re.compile(r"(?<=[a-z])(?=[A-Z])|[_.-]")
_LONGEST = 600
_MOST_WORDS = 24
# The part of a text's weight that a row must share to be similar. The lower limit applies if no row reaches the higher one.
_LEAST = 0.4
_LEAST_OF_ALL = 0.3
# Words that are in nearly every text.
_COMMON = frozenset(
    {
        "and",
        "are",
        "but",
        "can",
        "could",
        "error",
        "failed",
        "for",
        "from",
        "has",
        "its",
        "not",
        "our",
        "that",
        "the",
        "this",
        "was",
    }
    | {"when", "while", "with", "you", "your"}
)


class Nearest:
    """Ranks the rows of tables by their similarity to a text."""

    def __init__(self, tables: Sequence[Table], synonyms: Mapping[str, Sequence[Place]]) -> None:
        """Index the words of all rows."""
        self._tables = {table.protocol: table for table in tables}
        self._synonyms = [(_words(said), places) for said, places in synonyms.items()]
        self._rows = [(Name(table.protocol, row), _words(_said_of(row))) for table in tables for row in table.rows.values()]
        counts = Counter(word for _, words in self._rows for word in words)
        self._weights = {word: math.log(len(self._rows) / count) for word, count in counts.items()}

    def find(self, text: str, most: int = 3) -> list[Name]:
        """Return at most `most` similar rows, the most similar one first; of a name for errors only those that it means."""
        words = self._spelled(list(_words(text[:_LONGEST]))[:_MOST_WORDS])
        like = () if self.is_synonym(text) else self._like(words)
        found = {(name.protocol, name.row.section, name.row.key): name for name in (*self._meant(words), *like)}
        return list(found.values())[:most]

    def is_synonym(self, text: str) -> bool:
        """Return whether a text has no other words than a name that people have for some errors."""
        words = _words(text[:_LONGEST])
        return any(said == words for said, _ in self._synonyms)

    def _spelled(self, words: Iterable[str]) -> set[str]:
        known = [*self._weights, *(word for said, _ in self._synonyms for word in said)]
        spelled: set[str] = set()
        for word in words:
            spelled.update([word] if word in self._weights else get_close_matches(word, known, 1, 0.8) or [word])
        return spelled

    def _meant(self, words: set[str]) -> Iterator[Name]:
        for said, places in sorted(self._synonyms, key=lambda one: -len(one[0])):
            if said <= words:
                yield from (name for place in places if (name := self._row(place)) is not None)

    def _row(self, place: Place) -> Name | None:
        table = self._tables.get(place.protocol)
        found = None if table is None else table.find(place.section, place.code)
        return None if found is None else Name(place.protocol, found[0])

    def _like(self, words: set[str]) -> Iterator[Name]:
        heaviest = math.log(len(self._rows) or 1)
        whole = sum(self._weights.get(word, heaviest) for word in words)
        scored = sorted(((self._shared(words, own), name) for name, own in self._rows), key=lambda one: -one[0])
        best = scored[0][0] if scored else 0.0
        least = (_LEAST if best >= _LEAST * whole else _LEAST_OF_ALL) * whole
        yield from (name for share, name in scored if whole and share >= least)

    def _shared(self, words: set[str], own: frozenset[str]) -> float:
        # Of two rows that share the same words, the shorter one is more similar.
        return sum(self._weights[word] for word in words & own) - 0.05 * len(own - words)


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(_PART.sub(" ", text).lower())) - _COMMON


def _said_of(row: Entry) -> str:
    return " ".join((row.key, row.row.reason, row.row.constant or "", row.row.text or "", *row.row.aliases))
