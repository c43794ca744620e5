"""
An index of all names of rows in all tables: keys, codes, constants, texts and aliases.

People often write such a name in another case, without its status number, or with a full stop after it.
"""

from __future__ import annotations

import builtins
import re
from typing import TYPE_CHECKING, NamedTuple

from errnorm.lazy import lazy
from errnorm.tables.pattern import Template, TemplateIndex, words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from errnorm.tables.pattern import Captures
    from errnorm.tables.row import Entry
    from errnorm.tables.table import Table

__all__ = ["BUILTINS", "Name", "Names"]

_STATUS = re.compile(r"[1-5][0-9]{2} (.+)")
_COMPOUND = re.compile(r"[a-z0-9][A-Z]", re.ASCII)
_LAST = re.compile(r"(?:[A-Za-z_]\w*[.$])+([A-Z]\w+)", re.ASCII)
BUILTINS = frozenset(name for name, one in vars(builtins).items() if isinstance(one, type) and issubclass(one, BaseException))
# The number of literal characters from which a template is specific enough to be found in a text.
_FEWEST_LITERAL = 8
_MUCH_LITERAL = 20
# The number of characters before the first parameter from which a text that was cut off can be recognised.
_FEWEST_OF_CUT = 24
_CUT = re.compile(r"(.{24,}?)(?: ?>| ?\.\.\.|\u2026)", re.DOTALL)
_LETTERS = re.compile(r"[a-z]{3,}")
_PLACES = re.compile(r'"?\{[a-z_]+\}"?')
# A name of this form is specific enough to be found in any text. `reset` and `conflict` are not.
_TELLING = re.compile(
    r"(?:[^ ]{2,}|[^ -~]|[AO']) +[^ ].{2,}|[^ -~]{4,}|E(?!RROR)[A-Z]{4,}|WSAE[A-Z]+|[A-Z]{2,}(?:_[A-Z0-9]+)+",
    re.ASCII | re.DOTALL,
)


class Name(NamedTuple):
    """
    A row that was found by one of its names.

    Attributes:
        protocol: The protocol of its table.

        row: The row.

        captures: The captured values, if the name has parameters.
    """

    protocol: str
    row: Entry
    captures: Captures | None = None


def _no_text(text: str) -> bool:
    del text
    return False


class Names:
    """The names of all rows of all tables."""

    def __init__(
        self, tables: Iterable[Table], classes: Collection[str] = (), is_everyday: Callable[[str], bool] = _no_text
    ) -> None:
        """
        Index the rows. If two rows have the same name, the row of the earlier table and section is found.

        Args:
            tables: The tables.
            classes: Names of classes that any program may use. They are not indexed.
            is_everyday: Returns whether any program may write a text. Such texts are found only on request.
        """
        self._names: dict[str, Name] = {}
        self._everyday: dict[str, Name] = {}
        self._classes: dict[str, Name] = {}
        self._literals: set[str] = set()
        templates: list[Template[Name]] = []
        everyday: list[Template[Name]] = []
        for table in tables:
            for entry in table.rows.values():
                if table.sections[entry.section].head.inside:
                    continue  # its texts appear only inside the texts of other errors
                name = Name(table.protocol, entry)
                for text in _said_of(entry):
                    names = self._everyday if not table.underlies and is_everyday(text) else self._names
                    names.setdefault(text.lower().rstrip("."), name)
                self._index_classes(name, classes)
                for template in _templates(name, table):
                    (everyday if not table.underlies and is_everyday(template.text) else templates).append(template)
                self._literals.update(words_of(text).lower() for text in entry.templates())
        self._templates = TemplateIndex(templates)
        self._everyday_templates = TemplateIndex(everyday)
        self._heads = [(one.head, one.value) for one in templates if len(one.head) >= _FEWEST_OF_CUT]

    def _index_classes(self, name: Name, everyday: Collection[str]) -> None:
        for spelling in name.row.spellings():
            if found := _LAST.fullmatch(spelling):
                self._classes.setdefault(spelling, name)
                # The last part alone is specific enough if it has more than one word (`IqTimeout`, not `Timeout`), and if it is
                # not the name of a built-in exception: `SyntaxError` is not about DNS.
                everybodys = found[1] in everyday or (found[1] in BUILTINS and not spelling.startswith("builtins."))
                if _COMPOUND.search(found[1]) and not everybodys:
                    self._classes.setdefault(found[1], name)

    def find(self, text: str, *, everyday: bool = False) -> Name | None:
        """
        Find the row of a text; `None` if there is none, or if the text is not specific enough.

        Args:
            text: The text.
            everyday: Whether texts that any program may write count.
        """
        if _TELLING.fullmatch(text) is None:
            return None
        folded = text.lower()
        found = _in(self._names, self._templates, text, folded)
        if found is None and everyday:
            found = _in(self._everyday, self._everyday_templates, text, folded)
        return found or self._cut(folded)

    def _cut(self, folded: str) -> Name | None:
        """Find the row of a text whose end was visibly cut off, by the words before the first parameter."""
        cut = _CUT.fullmatch(folded)
        if cut is None:
            return None
        words = cut[1]
        same = {name.row.key: name for head, name in self._heads if words.startswith(head)}
        return next(iter(same.values())) if len(same) == 1 else None

    @lazy
    def pairs(self) -> Mapping[str, frozenset[str]]:
        """The longest word of each name, in lower case, mapped to the second longest one. A text with the name has both."""
        pairs: dict[str, set[str]] = {}
        for text in (*self._names, *self._everyday, *self._literals):
            longest = sorted(set(_LETTERS.findall(text)), key=lambda word: (-len(word), word))[:2]
            if longest:
                pairs.setdefault(longest[0], set()).add(longest[-1])
        for name in self._classes:
            short = name.rpartition(".")[2].lower()
            pairs.setdefault(short, set()).add(short)
        return {word: frozenset(others) for word, others in pairs.items()}

    def raised(self, name: str) -> Name | None:
        """Find the row of an exception class, by its dotted or its short name."""
        return self._classes.get(name) or self._classes.get(name.replace("$", "."))


def _in(names: Mapping[str, Name], templates: TemplateIndex[Name], text: str, folded: str) -> Name | None:
    found = names.get(folded)
    if found is None and (templated := templates.find(text, folded)) is not None:
        name, captures = templated
        found = name._replace(captures=captures)
    return found


def _said_of(entry: Entry) -> Iterator[str]:
    for text in (*entry.spellings(), entry.code):
        if not Template.has_places(text):
            yield text
            if found := _STATUS.fullmatch(text):
                yield found[1]


def _templates(name: Name, table: Table) -> Iterator[Template[Name]]:
    for text in name.row.templates():
        literal = len(_PLACES.sub("", text))
        if literal >= _MUCH_LITERAL or (literal >= _FEWEST_LITERAL and text.index("{") >= _FEWEST_LITERAL // 2):
            # People omit the full stop when they quote a text. It is also removed from a text before the look-up.
            yield Template(text.removesuffix("."), _kinds(text, table), name, ignore_case=True)


def _kinds(text: str, table: Table) -> dict[str, str]:
    return {name: table.kinds.get(name, "text") for name in re.findall(r"\{([a-z_]+)\}", text)}
