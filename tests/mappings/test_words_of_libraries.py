"""What a row says of a Python library stands in the library: the file and function it names, the class, and the words."""

from __future__ import annotations

import ast
import re
import warnings
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.each import each
from tests.mappings import rows

if TYPE_CHECKING:
    from errnorm.tables.row import Entry

# The package of each library, and the version that the tables were read against: an older one says less.
PACKAGES = {
    "aiodns": ("aiodns", "4.0"),
    "aiohttp": ("aiohttp", "3.14"),
    "aioxmpp": ("aioxmpp", "0.13"),
    "aiosasl": ("aiosasl", "0.5"),
    "nats-py": ("nats", "2.16"),
    "natsio": ("natsio", "1.0"),
    "natsrpy": ("natsrpy", "0.1"),
    "pycares": ("pycares", "5.2"),
    "pyOpenSSL": ("OpenSSL", "26.4"),
    "slixmpp": ("slixmpp", "1.17"),
    "websockets": ("websockets", "17.4"),
}
BY_PACKAGE = {package: name for name, (package, _) in PACKAGES.items()}
STANDARD_LIBRARY = {"_socket", "asyncio", "builtins", "concurrent", "socket", "ssl"}
# nats-core needs a newer Python than some of those that are tested, and shares its package with nats-py.
NATS_CORE = ("nats.client.", "nats.jetstream.", "nats.key_value.")
# Names of other versions.
OTHER_VERSIONS = {
    "nats.client.errors.MaxPayloadError",
    "nats.client.errors.SecureConnectionRequiredError",
    "slixmpp.xmlstream.NotConnectedError",
}
SOURCE = re.compile(rf"({'|'.join(PACKAGES)}) (\S+\.py)(?: (\w+))?")
DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
PLACE = re.compile(r"\{[a-z_]+\}")
# What nats-py puts before the description of a JetStream error.
PREFIX = "nats: JetStream.Error "
# Words of the table's own for what slixmpp only tells by an event, whose name is an alias; and words of the server.
NOT_THEIRS = {"all-mechanisms-failed", "no-common-mechanism", "nats: wrong last sequence: {number}"}
# What stands in the function instead of the class: another one that raises it, or the error it is made from.
RAISED_AS = {
    "nats.errors.TimeoutError": "_request_new_style",
    "nats.js.errors.KeyWrongLastSequenceError": "_update",
}


def classes() -> list[str]:
    found = {
        name
        for _, placed in rows.every()
        if placed.section in {"client", "python", "tls", "dns", "os"}
        for name in (placed.key, *placed.row.aliases)
        if DOTTED.fullmatch(name) and name.partition(".")[0] in BY_PACKAGE.keys() | STANDARD_LIBRARY
    }
    return sorted(found - OTHER_VERSIONS)


def sourced() -> list[tuple[Entry, re.Match[str]]]:
    return [
        (placed, source)
        for _, placed in rows.every()
        if placed.section in {"client", "dns", "python", "tls", "sasl"}
        for part in placed.row.source.split("; ")
        if (source := SOURCE.fullmatch(part))
    ]


def sourced_classes() -> list[tuple[Entry, re.Match[str]]]:
    return [(placed, source) for placed, source in sourced() if DOTTED.fullmatch(placed.key)]


def sourced_functions() -> list[tuple[Entry, re.Match[str]]]:
    return [(placed, source) for placed, source in sourced_classes() if source[3]]


def need(name: str) -> None:
    try:
        installed = version(name)
    except PackageNotFoundError:
        pytest.skip(f"{name} is not installed")
    if numbers(installed) < numbers(PACKAGES[name][1]):
        pytest.skip(f"{name} {installed} is older than what the tables were read against")


def numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall("[0-9]+", text)]


def library(name: str) -> Path:
    need(name)
    spec = find_spec(PACKAGES[name][0])
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


@cache
def all_words(root: Path) -> str:
    return "\n".join(path.read_text("utf-8") for path in root.rglob("*.py"))


@each(("placed", "source"), sourced, ids=rows.named)
def test_the_file_and_the_function_that_a_source_names_are_there(placed: Entry, source: re.Match[str]) -> None:
    file = library(source[1]) / source[2]

    assert file.is_file(), placed.key
    assert source[3] is None or re.search(rf"\bdef {source[3]}\b", file.read_text("utf-8"))


@each(("placed", "source"), sourced_classes, ids=rows.named)
def test_the_class_of_a_row_is_named_in_the_file_of_its_source(placed: Entry, source: re.Match[str]) -> None:
    assert re.search(rf"\b{placed.key.rpartition('.')[2]}\b", (library(source[1]) / source[2]).read_text("utf-8"))


@each(("placed", "source"), sourced_functions, ids=rows.named)
def test_the_function_of_a_source_has_to_do_with_the_class_of_its_row(placed: Entry, source: re.Match[str]) -> None:
    tree = ast.parse((library(source[1]) / source[2]).read_text("utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    bodies = [ast.unparse(node) for node in functions if node.name == source[3]]
    raised = RAISED_AS.get(placed.key) or placed.key.rpartition(".")[2]

    assert any(raised in body for body in bodies)


@each(("placed", "source"), sourced, ids=rows.named)
def test_the_words_of_a_row_are_those_of_the_library(placed: Entry, source: re.Match[str]) -> None:
    texts = [text for text in (placed.key, *placed.row.aliases) if not DOTTED.fullmatch(text) and text not in NOT_THEIRS]
    pieces = [piece.strip(" :") for text in texts for piece in PLACE.split(text.removeprefix(PREFIX))]
    words = all_words(library(source[1]))

    assert [piece for piece in pieces if piece not in words] == []


@each("name", classes)
def test_a_dotted_name_is_an_exception_of_its_library(name: str) -> None:
    module, _, attribute = name.rpartition(".")
    if (package := name.partition(".")[0]) in BY_PACKAGE:
        need(BY_PACKAGE[package])
    if name.startswith(NATS_CORE):
        pytest.importorskip(module, exc_type=ImportError)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        kind = getattr(import_module(module), attribute)

    assert isinstance(kind, type)
    assert issubclass(kind, BaseException)
