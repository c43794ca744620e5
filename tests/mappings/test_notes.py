"""The notes: what somebody on call reads beside the advice, which has to say something and must not contradict the judgement."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from errnorm.advice import advice_for
from errnorm.taxonomy import Effect
from tests.each import each
from tests.mappings import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from errnorm.tables import Entry

SHORTEST, LONGEST = 25, 300
# So many rows may share a note: more, and it says nothing about the row.
SHARED = 3
# Advice is a clause that begins with its verb: "ack_wait" and "the client waits" are none.
_AGAIN = re.compile(r"(?:^|[.;:,] |\b(?:then|and|or) )(?:wait|repeat|retry|try again)\b", re.IGNORECASE)
_NO_MORE = re.compile(
    r"(?:^|[.;:,] |\b(?:then|and|or) )(?:stop\b|give up\b|(?:never|do not) (?:wait|repeat|retry|try|connect)\b)", re.IGNORECASE
)
_TWICE = re.compile(r"may (?:already )?have been (?:executed|carried out|applied|stored)", re.IGNORECASE)


def on_call() -> Iterator[Entry]:
    """Yield the rows that somebody on call meets: JetStream's answers, what monitoring says, and lines of servers' logs."""
    yield from rows.of("nats", "jetstream", "words", "status", "close", "advisory", "log")()
    yield from rows.of("xmpp", "log")()


def noted() -> list[Entry]:
    """Return every row of every table that has a note."""
    return [entry for _, entry in rows.every() if entry.row.note]


def note_of(entry: Entry) -> str:
    """Return the note of a row, empty if it has none."""
    return entry.row.note or ""


def contradicts(note: str, *, retryable: bool) -> bool:
    """Tell whether a note advises to repeat what repeating does not mend, or to stop what mends itself."""
    return bool((_NO_MORE if retryable else _AGAIN).search(note))


@each("entry", lambda: list(on_call()), ids=rows.named)
def test_what_comes_to_somebody_on_call_has_a_note_of_a_readable_length(entry: Entry) -> None:
    assert SHORTEST <= len(note_of(entry)) <= LONGEST


@each("entry", noted, ids=rows.named)
def test_a_note_is_made_of_sentences(entry: Entry) -> None:
    assert note_of(entry).endswith(".")
    assert note_of(entry) == " ".join(note_of(entry).split())


def test_few_rows_share_a_note() -> None:
    counts = Counter(note_of(entry) for entry in on_call())

    assert {note: count for note, count in counts.items() if count > SHARED} == {}


@each("entry", noted, ids=rows.named)
def test_a_note_agrees_with_whether_repeating_helps(entry: Entry) -> None:
    assert not contradicts(note_of(entry), retryable=entry.row.recovery.retryable)


@each("entry", noted, ids=rows.named)
def test_a_note_agrees_with_what_took_effect(entry: Entry) -> None:
    assert entry.row.effect is not Effect.NOT_APPLIED or not _TWICE.search(note_of(entry))


@each("entry", lambda: list(on_call()), ids=rows.named)
def test_a_note_says_more_than_the_advice_beside_it(entry: Entry) -> None:
    advice = advice_for(entry.row.reason, entry.row.recovery)

    assert set(re.split(r"(?<=[.;:]) ", note_of(entry))).isdisjoint(re.split(r"(?<=[.;:]) ", advice))


@each("entry", lambda: [entry for entry in on_call() if (entry.row.text or "").endswith("{err}")], ids=rows.named)
def test_the_note_of_a_code_that_ends_in_free_words_sends_the_reader_to_them(entry: Entry) -> None:
    assert re.search(r"\b(?:words|text)\b", note_of(entry))


@pytest.mark.parametrize(
    ("note", "retryable", "expected"),
    [
        ("Wait until it is free.", False, True),
        ("Look at the disk, then repeat.", False, True),
        ("Do not repeat it.", False, False),
        ("Set `ack_wait`; the client waits for it.", False, False),
        ("Stop the client.", True, True),
        ("It is over: do not connect again.", True, True),
        ("The server is about to stop.", True, False),
        ("Wait until it is free.", True, False),
    ],
)
def test_advice_is_told_from_description_by_its_place_in_the_sentence(note: str, retryable: bool, expected: bool) -> None:
    assert contradicts(note, retryable=retryable) is expected
