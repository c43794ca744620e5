"""The column `evidence` against the vectors: what claims to have been provoked was, and what was seen agrees with the row."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from errnorm import Normalizer
from errnorm.engine import Engine
from errnorm.error import Signal
from errnorm.taxonomy import Evidence, Reach, Reason
from tests.capture import evidence, vectors
from tests.capture.recording import EXPECTED, expectation, judged, steady

if TYPE_CHECKING:
    from pathlib import Path

    from errnorm.tables.row import Entry
    from errnorm.tables.table import Table

PROTOCOLS = ("nats", "xmpp", "transport")
VECTORS = list(vectors.read())
SEEN = [vector for vector in VECTORS if vector["closed"] is not None]
MADE = evidence.producers()


@cache
def table_of(protocol: str) -> Table:
    engine = Normalizer([]).engine(protocol)
    assert engine is not None
    return engine.table


ROWS = [(protocol, row) for protocol in PROTOCOLS for row in table_of(protocol).rows.values()]
CLAIMED = [(protocol, row) for protocol, row in ROWS if row.row.evidence.startswith(Evidence.PROVOKED)]


def named(value: Any) -> str:
    if isinstance(value, dict):
        signal = judged(value).signal
        place = (value["server"], value["version"], value["scenario"], vectors.form_of(value), value["expected"]["code"])
        return " ".join(map(str, (*place, value["expected"]["recovery"], signal.family, signal.details)))
    return f"{value.section} {value.key}" if hasattr(value, "section") else str(value)


@pytest.mark.parametrize("vector", VECTORS, ids=named)
def test_a_vector_is_normalized_as_it_says(vector: dict[str, Any]) -> None:
    assert expectation(judged(vector)) == vector["expected"]


@pytest.mark.parametrize("vector", VECTORS, ids=named)
def test_a_vector_has_a_row(vector: dict[str, Any]) -> None:
    assert vector["expected"]["reason"] != Reason.UNKNOWN


# What was seen of the connection and what the row says differ, and both are right. By scenario, then what was seen.
DIFFERENT = {
    ("Maximum Subscriptions Exceeded", "maximum subscriptions exceeded"): (
        "A SUB over the limit leaves the connection open; a limit that is lowered closes it, and the close reason says so."
    ),
}


@pytest.mark.parametrize("vector", SEEN, ids=named)
def test_whether_the_connection_ended_is_what_the_row_says(vector: dict[str, Any]) -> None:
    if (vector["scenario"], vector["expected"]["code"]) in DIFFERENT:
        assert evidence.unfounded(vector), "it agrees by now: take the exception out"
    else:
        assert vector["closed"] == vector["expected"]["terminal"]


@pytest.mark.parametrize("vector", [one for one in SEEN if one["closed"]], ids=named)
def test_an_adapter_that_saw_the_end_says_so_and_wins(vector: dict[str, Any]) -> None:
    error = judged(vector)
    signal = error.signal
    seen = Signal(signal.protocol, signal.section, signal.code, family=signal.family, details=signal.details, closed=True)

    assert Engine(table_of(error.protocol or "")).judge(seen).terminal


@pytest.mark.parametrize(("protocol", "row"), CLAIMED, ids=named)
def test_a_row_that_claims_to_have_been_provoked_has_a_vector(protocol: str, row: Entry) -> None:
    assert (protocol, row.section, row.key) in MADE


@pytest.mark.parametrize(("place", "made"), MADE.items(), ids=str)
def test_a_row_names_exactly_what_it_was_provoked_on(place: evidence.Place, made: list[tuple[str, str]]) -> None:
    protocol, section, key = place
    row = table_of(protocol).rows[section, key].row

    assert row.evidence == evidence.claim(made)


@pytest.mark.parametrize(
    ("protocol", "row"), [pair for pair in ROWS if not pair[1].row.evidence.startswith(Evidence.PROVOKED)], ids=named
)
def test_a_row_that_was_not_provoked_says_where_it_is_known_from(protocol: str, row: Entry) -> None:
    assert protocol in PROTOCOLS
    assert row.row.source.strip()
    assert row.row.evidence.partition(":")[0] in {Evidence.SOURCE, Evidence.SPECIFICATION}


def test_what_is_never_emitted_has_no_vector() -> None:
    assert [place for place in MADE if table_of(place[0]).rows[place[1:]].row.reach is Reach.NEVER] == []


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
    rows = [place for place in MADE if place[:2] == (protocol, section)]
    rows = [place for place in rows if reach is None or table_of(protocol).rows[place[1:]].row.reach == reach]

    assert len(rows) >= least


class TestTheFile:
    def test_no_vector_stands_twice(self) -> None:
        assert [name for name, count in Counter(map(vectors.identity, VECTORS)).items() if count > 1] == []

    @pytest.mark.parametrize("vector", VECTORS, ids=named)
    def test_a_vector_holds_nothing_that_differs_between_two_runs(self, vector: dict[str, Any]) -> None:
        form = vectors.form_of(vector)
        assert steady(vector[form]) == vector[form]

    @pytest.mark.parametrize("vector", VECTORS, ids=named)
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
