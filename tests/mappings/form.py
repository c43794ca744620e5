"""
How the built-in tables are written: one form, so that a change of a row is a difference of that row alone.

Loading accepts any TOML. These rules are for the files of this repository, and for whoever edits them by hand.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from importlib.metadata import entry_points
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from errnorm.tables import TableError
from errnorm.tables.pattern import words_of
from errnorm.tables.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WIDTH = 120
# The verdict first, then what else finds the row, then where it stands, then what to know.
ORDER = (
    *("reason", "recovery", "terminal", "effect", "wraps", "defers", "refined"),
    *("code", "constant", "text", "aliases"),
    *("reach", "source", "note"),
)
_HEAD = {"protocol", "protocols", "version", "underlies", "sections", "params"}
# What cannot be broken into two lines: a header, and a text alone in its line.
_UNBREAKABLE = re.compile(r"""\[.*\]|((code|constant|text) = )?("(?:[^"\\]|\\.)*"|'[^']*'),?|aliases = \[.{1,8}""")
_ALIGNED = re.compile(r"""(?:[\w.-]+|"[^"]*"|'[^']*')(?: {2,}=| = {2,}\S)""")


def names() -> list[str]:
    """Return the names of the built-in files."""
    return sorted({point.attr for point in entry_points(group="errnorm.mappings") if point.module == "errnorm_mappings"})


def problems(name: str) -> list[str]:
    """Return what breaks the form in a file, each as one line with file, line and path."""
    text = files("errnorm_mappings").joinpath(name).read_text("utf-8")
    document = tomllib.loads(text)
    parts: list[tuple[tuple[str, ...], dict[str, Any]]] = [
        ((protocol,), document[protocol]) for protocol in document.get("protocols", [])
    ]
    of_rows = [problem for within, part in parts or [((), document)] for problem in _of_rows(Source(text, name, within), part)]
    return [*_of_lines(name, text), *of_rows]


def _of_lines(name: str, text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > WIDTH and not _UNBREAKABLE.fullmatch(line.strip()):
            yield f"{name}:{number}: longer than {WIDTH} columns"
        if _ALIGNED.match(line):
            yield f"{name}:{number}: aligned: one space on each side of ="
        if line != line.rstrip():
            yield f"{name}:{number}: space at the end of the line"


def _of_rows(source: Source, document: dict[str, Any]) -> Iterator[str]:
    sections = {name: rows for name, rows in document.items() if name not in _HEAD}
    heads = document["sections"]
    for section, rows in sections.items():
        for key, columns in rows.items():
            for problem in _of_row(key, columns, heads[section]):
                yield _placed(source.refuse, (section, key), problem)


def _of_row(key: str, columns: dict[str, Any], head: dict[str, Any]) -> Iterator[str]:
    if list(columns) != [name for name in ORDER if name in columns]:
        yield f"the columns stand in another order than {', '.join(name for name in ORDER if name in columns)}"
    if "evidence" in columns:
        yield "evidence is generated from the vectors, and is not written by hand"
    for name, value in head.get("defaults", {}).items():
        if columns.get(name) == value:
            yield f"{name} says what the section's default says"
    if "code" in columns and columns["code"] in {
        key,
        words_of(key) if "{" in key else None,
        columns.get(head.get("code", "key")),
    }:
        yield "code says what it would be without it"
    constant = columns.get("constant") if columns.get("constant") != key else None  # a constant may be spelled as its text
    finds = (key, columns.get("code"), constant, columns.get("text"), *columns.get("aliases", ()))
    for text, count in Counter(finds).items():
        if count > 1 and text is not None:
            yield f"{text!r} stands twice"


def _placed(refuse: Callable[[tuple[str, ...], str], object], path: tuple[str, ...], problem: str) -> str:
    try:
        refuse(path, problem)
    except TableError as error:
        return str(error)
    raise AssertionError(path)
