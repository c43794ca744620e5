"""One escaper for logs, attributes and terminals: what forges a line, hides in one, or breaks an encoder is written out."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errnorm.cli.style import printable
from errnorm.escape import escaped


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("a\nb\r\x00\x1b[31m", "a\\x0ab\\x0d\\x00\\x1b[31m"),
        ("\x85\u2028\u2029", "\\x85\\u2028\\u2029"),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        ("\ud800x\udfff", "\\ud800x\\udfff"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("tag\U000e0041", "tag\\U000e0041"),
        ("grüß 今日は 🙂", "grüß 今日は 🙂"),
    ],
)
def test_what_forges_hides_or_breaks_is_written_out(raw: str, safe: str) -> None:
    assert escaped(raw, 100) == safe


def test_a_long_text_is_cut_and_says_so() -> None:
    assert escaped("x" * 100, 10) == "x" * 10 + "…"


@given(st.text(st.characters(codec=None), max_size=300))
def test_what_is_escaped_is_one_printable_line_in_every_encoding(text: str) -> None:
    safe = escaped(text, 200)
    assert safe.splitlines() in ([safe], [])
    assert not [letter for letter in safe if unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"}]
    assert json.loads(json.dumps(safe.encode("utf-8").decode("utf-8"))) == safe


@given(st.characters(categories=["Cc", "Cf", "Cs", "Zl", "Zp"]))
def test_no_character_that_cannot_be_seen_gets_through(letter: str) -> None:
    visible = {"\u06dd", "\u08e2", "\U000110bd", "\U000110cd"}  # Arabic and Kaithi signs that are formats and letters both
    number_signs = {chr(code) for code in (*range(0x600, 0x606), 0x70F, 0x890, 0x891)}
    shorthand = {chr(code) for code in (*range(0x13430, 0x13440), *range(0x1BCA0, 0x1BCA4))}
    if letter not in visible | number_signs | shorthand:
        assert letter not in escaped(letter, 10)


@given(st.text(max_size=60), st.integers(1, 50))
def test_it_never_gets_longer_than_the_escapes_make_it(text: str, limit: int) -> None:
    assert len(escaped(text, limit)) <= limit * 10 + 1


@pytest.mark.parametrize("letter", ["\xad", "\u115f", "\u180e", "\ufe0f", "\U000e0041", "\u202e", "\x1b", "\ud800"])
def test_a_terminal_shows_what_a_log_shows(letter: str) -> None:
    assert printable(f"a{letter}b") == escaped(f"a{letter}b", 100)
    assert letter not in printable(letter)
