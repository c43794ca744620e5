"""
Broken tables, overlays, settings and arguments: one line that names the place, and nothing half-loaded in use.

Every way of breaking is applied everywhere in a good file: each line left out, doubled, cut off, and each word replaced.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from errnorm.normalizer import Normalizer
from errnorm.settings import NAMES, Settings, SettingsError
from errnorm.tables.file import read
from errnorm.tables.source import TableError
from errnorm.tables.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

POST = (Path(__file__).parents[1] / "data" / "post.toml").read_text("utf-8")
LINES = POST.splitlines()
WORDS = sorted(set(re.findall(r"[A-Za-z_]{4,}", POST)))


def loads(text: str) -> None:
    """Load a table; a broken one must be refused with one line that names the file."""
    try:
        Table([read(text, "post.toml")])
    except TableError as error:
        said = str(error)
        assert said.startswith("post.toml"), said
        assert len(said.splitlines()) == 1, said
        assert len(said) < 1000


def refused(text: str) -> bool:
    try:
        Table([read(text, "post.toml")])
    except TableError:
        return True
    return False


@pytest.mark.parametrize("number", range(len(LINES)))
def test_a_line_that_is_missing_doubled_or_cut_off_is_no_surprise(number: int) -> None:
    line = LINES[number]
    for instead in ([], [line, line], [line[: len(line) // 2]], [line + " }"], [line.replace('"', "")], ["\x00" + line]):
        loads("\n".join([*LINES[:number], *instead, *LINES[number + 1 :]]))


@pytest.mark.parametrize("word", WORDS)
def test_a_word_that_is_misspelt_is_no_surprise(word: str) -> None:
    for instead in (word[:-1], word.upper(), word + "x", "", "\u202e" + word, "{" + word, "7"):
        loads(POST.replace(word, instead))


@pytest.mark.parametrize("cut", range(0, len(POST), 37))
def test_a_file_that_ends_anywhere_is_no_surprise(cut: int) -> None:
    loads(POST[:cut])


ROW = 'reason = "limits.rate", recovery = "wait", terminal = false, effect = "not_applied", reach = "client wire"'
GOOD = f'protocol = "nats"\nversion = "1"\n[error]\n"A text of mine" = {{ {ROW}, evidence = "source", source = "here" }}\n'
BROKEN = {
    "an unknown reason": (GOOD.replace("limits.rate", "limits.rates"), ":4", "error.A text of mine"),
    "an unknown recovery": (GOOD.replace('"wait"', '"pray"'), ":4", "error.A text of mine"),
    "a flag that is none": (GOOD.replace("false", '"perhaps"'), ":4", "error.A text of mine"),
    "a flag in a word": (GOOD.replace("false", '"no"'), ":4", "error.A text of mine.terminal: "),
    "a flag in a number": (GOOD.replace("false", "0"), ":4", "error.A text of mine.terminal: "),
    "a key of two lines": (GOOD.replace("A text", r"A\n\u001b[31m").replace("false", "0"), ":4", r"error.A\n\x1b[31m of mine"),
    "the text of another row": (GOOD.replace("A text of mine", "'Stale Connection' {x}"), ":4", "{x}: the parameter"),
    "a place nobody declared": (
        GOOD.replace("of mine", "{x}").replace("effect", 'code = "c", effect'),
        ":4",
        "{x}: the parameter",
    ),
    "a row that another matches": (GOOD.replace("effect", 'aliases = ["Stale Connection"], effect'), ":4", "also matched by"),
    "another kind of a place": (GOOD.replace("[error]", '[params]\nsubject = "text"\n[error]'), ":4", "params.subject: "),
    "no protocol": (GOOD.replace('"nats"', "7"), ":1", "protocol: "),
    "letters of no alphabet": (GOOD + "# \udcff", ":5: not UTF-8", ""),
    "a column too many": (GOOD.replace("effect", "colour = 1, effect"), ":4", "error.A text of mine"),
    "a column missing": (GOOD.replace("terminal = false, ", ""), ":4", "error.A text of mine.terminal: the column is missing"),
    "a row twice": (GOOD + GOOD.splitlines()[3] + "\n", ":5", ""),
    "not TOML": (GOOD + "]\n", ":5", ""),
    "a section nobody has": (GOOD.replace("[error]", "[errors]"), "", "errors"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_overlay_is_said_with_file_line_and_path_and_none_of_it_is_used(how: str, tmp_path: Path) -> None:
    text, line, path = BROKEN[how]
    file = tmp_path / "mine.toml"
    file.write_text(text, "utf-8", "surrogateescape")
    with pytest.raises(TableError) as raised:
        Normalizer([file]).load()
    said = str(raised.value)
    assert f"mine.toml{line}" in said
    assert path in said
    assert len(said.splitlines()) == 1
    assert not Normalizer([file]).normalize("-ERR 'A text of mine'", "nats").known
    assert Normalizer([file]).normalize("-ERR 'Stale Connection'", "nats").known


def test_the_same_overlay_unbroken_is_used(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(GOOD, "utf-8")
    assert Normalizer([file]).normalize("-ERR 'A text of mine'", "nats").known
    assert not refused(POST)


def as_a_pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def as_a_socket(path: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
    return path


def as_a_directory(path: Path) -> Path:
    path.mkdir()
    return path


def as_a_file_of_terabytes(path: Path) -> Path:
    with path.open("wb") as file:
        file.truncate(1 << 42)
    return path


def as_a_link_to_itself(path: Path) -> Path:
    path.symlink_to(path)
    return path


NO_FILES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "nothing": (lambda path: path, "No such file or directory"),
    "a pipe": (as_a_pipe, "not a regular file"),
    "a socket": (as_a_socket, "not a regular file"),
    "a directory": (as_a_directory, "Is a directory"),
    "a device without an end": (lambda _path: Path("/dev/zero"), "not a regular file"),
    "a file of terabytes": (as_a_file_of_terabytes, "larger than 16 MiB"),
    "a link to itself": (as_a_link_to_itself, "Too many levels of symbolic links"),
    "a name no file can have": (lambda path: path / "a\0\nb", r"\x00\nb: embedded null byte"),
}


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no such files")
@pytest.mark.parametrize("kind", NO_FILES)
def test_an_overlay_that_is_no_ordinary_file_is_named_and_not_read(kind: str, tmp_path: Path) -> None:
    make, problem = NO_FILES[kind]
    path = make(tmp_path / "mine.toml")
    with pytest.raises(TableError) as raised:
        Normalizer([path]).load()
    said = str(raised.value)
    assert said.startswith(str(path).partition("\0")[0])
    assert problem in said
    assert len(said.splitlines()) == 1
    assert Normalizer([path]).normalize("-ERR 'Stale Connection'", "nats").known


def test_two_files_of_one_protocol_may_not_disagree_and_both_are_named() -> None:
    other = 'protocol = "post"\nversion = "1"\n[params]\nstreet = "number"\n'
    with pytest.raises(TableError, match=r"other\.toml:4: params\.street: its kind is number here, and \w+ in post\.toml"):
        Table([read(POST, "post.toml"), read(other, "other.toml")])


def test_two_files_of_one_protocol_may_not_have_one_row() -> None:
    with pytest.raises(TableError, match=r"other\.toml:\d+: .*: there is such a row in post\.toml already"):
        Table([read(POST, "post.toml"), read(POST, "other.toml")])


def test_files_of_two_protocols_make_no_table() -> None:
    with pytest.raises(TableError, match=r"other\.toml:1: protocol: it is nats here, and post in post\.toml"):
        Table([read(POST, "post.toml"), read('protocol = "nats"\nversion = "1"', "other.toml")])


HOSTILE = ["", " ", "x", "-1", "1e999", "nan", "\x00", "\ud800", "x" * 100_000, "log;span", "[]", "{}", "keep=all", "\u202elog"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", HOSTILE, ids=ascii)
def test_a_setting_is_used_or_refused_in_one_line_that_names_it(name: str, value: str) -> None:
    variable = f"ERRNORM_{name.upper()}"
    said = variable
    try:
        Settings.load({variable: value})
    except SettingsError as error:
        said = str(error)
    assert said.startswith(variable)
    assert len(said.splitlines()) == 1
    assert len(said) < 1000


ARGUMENTS = [
    ["nothing"],
    ["explain"],
    ["table", "--format", "nothing"],
    ["table", "--nothing"],
    ["normalize", "/nobody/has/this/file"],
    ["--tables", "/nobody/has/this/file", "table"],
]


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=" ".join)
def test_arguments_that_cannot_be_used_end_in_two_without_a_traceback(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "errnorm", *arguments]
    done = subprocess.run(command, input="", capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()
