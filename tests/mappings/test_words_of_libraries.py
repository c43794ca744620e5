"""What a row says of a Python library stands in the library: the file and function it names, the class, and the words."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from errnorm.plugins import load_table

if TYPE_CHECKING:
    from errnorm.tables import Placed

# The package of each library, by the name that a source has for it.
PACKAGES = {
    "aiodns": "aiodns",
    "aiohttp": "aiohttp",
    "aioxmpp": "aioxmpp",
    "aiosasl": "aiosasl",
    "nats-py": "nats",
    "pyOpenSSL": "OpenSSL",
    "slixmpp": "slixmpp",
    "websockets": "websockets",
}
SOURCE = re.compile(rf"({'|'.join(PACKAGES)}) (\S+\.py)(?: (\w+))?")
DOTTED = re.compile(r"\w+(\.\w+)+")
PLACE = re.compile(r"\{[a-z_]+\}")
# What nats-py puts before the description of a JetStream error.
PREFIX = "nats: JetStream.Error "
# Words of the table's own for what slixmpp only tells by an event, whose name is an alias; and words of the server.
NOT_THEIRS = {"all-mechanisms-failed", "no-common-mechanism", "nats: wrong last sequence: {number}"}
ROWS = [
    (placed, source)
    for protocol in ("nats", "xmpp", "transport")
    for placed in load_table(protocol, []).rows.values()
    if placed.section in {"client", "dns", "python", "tls", "sasl"}
    for part in placed.row.source.split("; ")
    if (source := SOURCE.fullmatch(part))
]


def named(value: Placed | re.Match[str]) -> str:
    return value[0] if isinstance(value, re.Match) else f"{value.section} {value.key}"


def library(name: str) -> Path:
    spec = find_spec(PACKAGES[name])
    if spec is None or spec.origin is None:
        pytest.skip(f"{name} is not installed")
    return Path(spec.origin).parent


@cache
def all_words(root: Path) -> str:
    return "\n".join(path.read_text("utf-8") for path in root.rglob("*.py"))


@pytest.mark.parametrize(("placed", "source"), ROWS, ids=named)
def test_the_file_and_the_function_that_a_source_names_are_there(placed: Placed, source: re.Match[str]) -> None:
    file = library(source[1]) / source[2]

    assert file.is_file(), placed.key
    assert source[3] is None or re.search(rf"\bdef {source[3]}\b", file.read_text("utf-8"))


@pytest.mark.parametrize(("placed", "source"), [row for row in ROWS if DOTTED.fullmatch(row[0].key)], ids=named)
def test_the_class_of_a_row_is_named_in_the_file_of_its_source(placed: Placed, source: re.Match[str]) -> None:
    assert re.search(rf"\b{placed.key.rpartition('.')[2]}\b", (library(source[1]) / source[2]).read_text("utf-8"))


@pytest.mark.parametrize(("placed", "source"), ROWS, ids=named)
def test_the_words_of_a_row_are_those_of_the_library(placed: Placed, source: re.Match[str]) -> None:
    texts = [text for text in (placed.key, *placed.row.aliases) if not DOTTED.fullmatch(text) and text not in NOT_THEIRS]
    pieces = [piece.strip(" :") for text in texts for piece in PLACE.split(text.removeprefix(PREFIX))]
    words = all_words(library(source[1]))

    assert [piece for piece in pieces if piece not in words] == []
