"""What leaves the core: the record, its schema, and a repr that shows nothing of the peer."""

from __future__ import annotations

import json
from typing import get_type_hints

import pytest

from errnorm.engine import Engine
from errnorm.error import NormalizedError, Record, Signal
from errnorm.tables.file import read
from errnorm.tables.table import Table

KEYS = [
    "protocol",
    "section",
    "code",
    "category",
    "reason",
    "retryable",
    "terminal",
    "recovery",
    "effect",
    "text",
    "params",
    "address",
    "fingerprint",
    "tables_version",
]


@pytest.fixture
def error(post: Table) -> NormalizedError:
    return Engine(post).judge(Signal("post", "letter", 'No Such Street "Elm"', 'No Such Street "Elm"', address="b.example"))


def test_a_record_has_the_keys_of_the_contract_in_their_order(error: NormalizedError) -> None:
    assert list(error.to_record()) == KEYS


def test_the_schema_describes_the_record(error: NormalizedError) -> None:
    schema = error.json_schema()
    assert list(schema["properties"]) == KEYS == list(get_type_hints(Record))
    assert schema["required"] == KEYS


def test_a_record_survives_json(error: NormalizedError) -> None:
    assert json.loads(error.to_json()) == error.to_record()


def test_a_record_is_one_line_of_ascii(post: Table) -> None:
    error = Engine(post).judge(Signal("post", "letter", "x", "a\nb\u2028\ud800"))
    assert error.to_json().isascii()
    assert "\n" not in error.to_json()


def test_every_key_can_be_read_as_an_attribute(error: NormalizedError) -> None:
    assert {name: getattr(error, name) for name in KEYS} == error.to_record()


def test_the_repr_shows_the_judgement_and_never_the_text(error: NormalizedError) -> None:
    assert repr(error) == "<NormalizedError post:letter:No Such Street protocol.not_found modify>"


def test_only_what_is_unknown_has_a_fingerprint(post: Table, error: NormalizedError) -> None:
    unknown = Engine(post).judge(Signal("post", "letter", "lost in 7 places"))
    assert (error.fingerprint, unknown.fingerprint) == (None, "lost in <n> places")
    assert (error.known, unknown.known) == (True, False)


def test_a_signal_shows_what_is_set() -> None:
    assert "params={'a': 1}" in repr(Signal("post", params={"a": 1}))
    assert repr(Signal("post", "letter", lossy=True)) == "Signal(lossy=True, protocol='post', section='letter')"


WORDS = 'protocol = "desk"\nversion = "1"\n[sections]\ncode = { about = "numbers" }\n[params]\nseat = "number"\n[code]\n'
COLUMNS = 'reason = "limits.rate", recovery = "wait", terminal = false, effect = "not_applied", reach = "client wire"'


@pytest.mark.parametrize(
    ("upstream", "said", "params"),
    [
        ("seat {seat} is taken", "seat 7 is taken", {"seat": 7}),
        ("seat {seat} is taken", "seat 7 is taken by force", {}),
        ("seat {seat} is taken", "seat x is taken", {}),
        ("seat {seat} is taken", None, {}),
        ("{seat} is taken", "7 is taken", {}),
        ("the seat is taken", "the seat is taken", {}),
    ],
)
def test_beside_a_code_the_text_gives_values_and_nothing_else(upstream: str, said: str | None, params: dict[str, int]) -> None:
    row = f'9 = {{ {COLUMNS}, evidence = "source", source = "here", text = "{upstream}" }}\n'
    error = Engine(Table([read(WORDS + row, "desk.toml")])).judge(Signal("desk", "code", "9", said))
    assert (error.code, error.params, error.text) == ("9", params, said)
    assert error.to_record()["params"] == params


def test_protocols_that_callers_make_up_fill_no_memory(error: NormalizedError) -> None:
    for number in range(50):
        other = error.under(f"made up {number}")
        assert json.loads(other.to_json()) == other.to_record()
    assert len(error.judgement.written) <= 16
