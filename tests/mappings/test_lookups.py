"""A row is found by everything it exports, however somebody writes it down."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING

import pytest

from errnorm import Normalizer, find
from tests.each import each
from tests.mappings import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from errnorm import NormalizedError
    from errnorm.tables import Entry

NORMALIZER = Normalizer([])
WRITTEN = ("{}", '"{}"', "'{}'", "`{}`", "“{}”", "{}.", '"{}."', '"{}".')


def exported(protocol: str, entry: Entry) -> Iterator[str]:
    """Yield what a row exports: as it stands in the table, and with values in place of its parameters."""
    row = entry.row
    for text in (entry.key, entry.code, row.constant, row.text, *row.aliases):
        # What begins with a parameter is a value, or another error's words.
        if text is not None and not text.startswith("{"):
            yield text
    yield from rows.samples(protocol, entry)


@cache
def owners(protocol: str) -> dict[str, set[tuple[str, str]]]:
    """Return which rows export a text, by section and key: sections share some."""
    found: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for entry in rows.of(protocol)():
        for text in exported(protocol, entry):
            found[text.lower()].add((entry.section, entry.key))
    return found


@each(("protocol", "entry"), rows.every, ids=rows.named)
def test_a_section_finds_its_rows_by_all_they_export(protocol: str, entry: Entry) -> None:
    for text in exported(protocol, entry):
        found = rows.table(protocol).find(entry.section, text)
        assert found is not None, text
        assert found[0] is entry or found[0].code == entry.code == text, text


@each(("protocol", "entry"), rows.every, ids=rows.named)
def test_a_row_is_found_by_all_it_exports_in_quotes_backticks_and_at_the_end_of_a_sentence(protocol: str, entry: Entry) -> None:
    if rows.table(protocol).sections[entry.section].head.inside:
        return  # these words stand inside other texts alone
    for text in exported(protocol, entry):
        for written in WRITTEN:
            error = NORMALIZER.normalize(written.format(text), protocol)
            assert stands_for(error, protocol, entry, text) or found_in(text, protocol, entry), written.format(text)


def stands_for(error: NormalizedError, protocol: str, entry: Entry, text: str) -> bool:
    found = error.row and (error.row.section, error.row.key)
    same = (error.reason, error.recovery) == (entry.row.reason, entry.row.recovery)
    return found in owners(protocol)[text.lower()] or same


def found_in(text: str, protocol: str, entry: Entry) -> bool:
    """Return whether only people are told: a text of an old server, or one whose beginning another row passes on."""
    return any(stands_for(finding.error, protocol, entry, text) for finding in find(text))


@each("entry", rows.of("nats", "error", "jetstream"), ids=rows.named)
def test_a_constant_of_the_server_may_be_named_with_its_package(entry: Entry) -> None:
    if entry.row.constant is not None:
        error = NORMALIZER.normalize(f"server.{entry.row.constant}", "nats")
        assert error.code == entry.code


@pytest.mark.parametrize(
    "text",
    [
        'they said "Stale Connection"',
        '"Stale Connection" they said',
        '"Stale Connection',
        '"Stale Connection"" and "more"',
        "`Stale` Connection",
        "server.ErrStaleConnection happened",
    ],
)
def test_what_stands_inside_a_text_never_decides(text: str) -> None:
    assert not NORMALIZER.normalize(text, "nats").known
    assert not NORMALIZER.normalize(text).known


@pytest.mark.parametrize("text", ['"Stale Connection"', "Stale Connection.", "`Stale Connection`"])
def test_on_the_wire_a_text_is_taken_letter_by_letter(text: str) -> None:
    assert not NORMALIZER.normalize(f"-ERR '{text}'\r\n", "nats").known
