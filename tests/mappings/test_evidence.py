"""The column `evidence` against the vectors: what claims to have been provoked was, and what was seen agrees with the row."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from errnorm.engine import Engine
from errnorm.error import Signal
from errnorm.tables.provenance import Evidence, Reach
from errnorm.taxonomy import Reason
from tests.capture import evidence, vectors
from tests.capture.recording import EXPECTED, expectation, judged, steady
from tests.each import each
from tests.mappings import rows

if TYPE_CHECKING:
    from pathlib import Path

    from errnorm.tables import Entry

VECTORS = list(vectors.read())
SEEN = [vector for vector in VECTORS if vector["closed"] is not None]


@cache
def made() -> dict[evidence.Place, list[tuple[str, str]]]:
    return evidence.producers()


def named(vector: dict[str, Any]) -> str:
    return f"{vector['server']} {vector['version']} {vector['scenario']} {vectors.form_of(vector)} {vector['expected']['code']}"


@each("vector", VECTORS, ids=named)
def test_a_vector_is_normalized_as_it_says(vector: dict[str, Any]) -> None:
    assert expectation(judged(vector)) == vector["expected"]


@each("vector", VECTORS, ids=named)
def test_a_vector_has_a_row(vector: dict[str, Any]) -> None:
    assert vector["expected"]["reason"] != Reason.UNKNOWN


# What was seen of the connection and what the row says differ, and both are right. By scenario, then what was seen.
DIFFERENT = {
    ("Maximum Subscriptions Exceeded", "maximum subscriptions exceeded"): (
        "A SUB over the limit leaves the connection open; a limit that is lowered closes it, and the close reason says so."
    ),
}


@each("vector", SEEN, ids=named)
def test_whether_the_connection_ended_is_what_the_row_says(vector: dict[str, Any]) -> None:
    if (vector["scenario"], vector["expected"]["code"]) in DIFFERENT:
        assert evidence.unfounded(vector), "it agrees by now: take the exception out"
    else:
        assert vector["closed"] == vector["expected"]["terminal"]


@each("vector", [one for one in SEEN if one["closed"]], ids=named)
def test_an_adapter_that_saw_the_end_says_so_and_wins(vector: dict[str, Any]) -> None:
    error = judged(vector)
    signal = error.signal
    seen = Signal(signal.protocol, signal.section, signal.code, family=signal.family, details=signal.details, closed=True)

    assert Engine(rows.table(error.protocol or "")).judge(seen).terminal


@each(("protocol", "entry"), rows.every, ids=rows.named)
def test_a_row_that_was_not_provoked_is_known_from_a_program_or_a_standard(protocol: str, entry: Entry) -> None:
    provoked = (protocol, entry.section, entry.key) in made()

    assert rows.is_provoked(entry) is provoked
    assert provoked or entry.row.evidence == (Evidence.SPECIFICATION if evidence.specified(entry) else Evidence.SOURCE)


def test_what_is_never_emitted_has_no_vector() -> None:
    assert [place for place in made() if rows.table(place[0]).rows[place[1:]].row.reach is Reach.NEVER] == []


# What the capture must at least hold, so that a vector that is lost is noticed.
LEAST = {
    ("nats", "error", "client wire"): 25,  # all but Failed Account Registration, which needs a server that fails inside
    ("nats", "close", "monitoring"): 35,
    ("nats", "jetstream", None): 120,
    ("nats", "status", None): 28,
    ("xmpp", "stanza", None): 18,
    ("xmpp", "stream", None): 15,
    ("xmpp", "sasl", None): 6,
    ("transport", "os", None): 24,
    ("transport", "tls", None): 30,
    ("transport", "dns", None): 15,
}


@pytest.mark.parametrize(("where", "least"), LEAST.items(), ids=str)
def test_as_many_rows_were_provoked_as_have_been(where: tuple[str, str, str | None], least: int) -> None:
    protocol, section, reach = where
    found = [place for place in made() if place[:2] == (protocol, section)]
    found = [place for place in found if reach is None or rows.table(protocol).rows[place[1:]].row.reach == reach]

    assert len(found) >= least


class TestTheFile:
    def test_no_vector_stands_twice(self) -> None:
        assert [name for name, count in Counter(map(vectors.identity, VECTORS)).items() if count > 1] == []

    @each("vector", VECTORS, ids=named)
    def test_a_vector_holds_nothing_that_differs_between_two_runs(self, vector: dict[str, Any]) -> None:
        form = vectors.form_of(vector)
        assert steady(vector[form]) == vector[form]

    @each("vector", VECTORS, ids=named)
    def test_a_vector_has_all_that_another_language_needs(self, vector: dict[str, Any]) -> None:
        assert {"server", "version", "scenario", "protocol", "closed", "expected"} < vector.keys()
        assert tuple(vector["expected"]) == EXPECTED
        assert sum(form in vector for form in ("raw", "close_reason", "exception")) == 1

    def test_each_producer_has_a_file_of_its_own(self) -> None:
        for path in vectors.FOLDER.glob("*.jsonl"):
            lines = map(json.loads, path.read_text("utf-8").splitlines())
            assert {vectors.path_of(line["server"], line["version"]) for line in lines} == {path}


class TestComparing:
    def test_says_nothing_of_what_is_the_same(self) -> None:
        assert list(vectors.differences(VECTORS, VECTORS)) == []

    def test_says_what_is_new_and_what_is_gone(self) -> None:
        first, second = VECTORS[:2]
        report = list(vectors.differences([first], [second]))

        assert [line.split()[0] for line in report] == ["new", "gone"]

    def test_says_what_has_changed(self) -> None:
        vector = next(one for one in VECTORS if one["closed"] is True)
        (line,) = vectors.differences([vector], [{**vector, "closed": False}])

        assert line.startswith("changed")

    def test_what_is_written_is_read_again(self, tmp_path: Path) -> None:
        vectors.write(VECTORS, tmp_path)

        assert sorted(map(json.dumps, vectors.read(tmp_path))) == sorted(map(json.dumps, VECTORS))
