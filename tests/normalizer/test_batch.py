"""Columns in, columns out: one verdict for each shape, and it is the verdict of each of its texts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import errnorm
from errnorm import plugins
from errnorm.batch import FIELDS, Batch, normalize_batch, register
from errnorm.tables.pattern import Template

DATA = Path(__file__).parents[1] / "data"
DENIED = "-ERR 'Authorization Violation'"
LINE = (
    '[{pid}] 2026/11/29 10:00:{second:02}.000001 [ERR] 127.0.0.1:{pid} - cid:{pid} - Publish Violation - Subject "orders.{pid}"'
)


def texts() -> list[str]:
    """Return what servers, clients and people wrote."""
    found: list[str] = []
    for file in sorted((DATA / "vectors").glob("*.jsonl")):
        for line in file.read_text("utf-8").splitlines():
            raw = json.loads(line).get("raw")
            found += [raw] if isinstance(raw, str) else []
    for file in sorted((DATA / "wild").glob("*.jsonl")):
        found += [raw for line in file.read_text("utf-8").splitlines() if isinstance(raw := json.loads(line).get("raw"), str)]
    return [text for text in found if text]


def rows_as_texts() -> list[str]:
    """Return what each row stands for, with values in the places."""
    tables = [plugins.load_table(protocol) for protocol in plugins.protocols()]
    return [
        Template(text, table.kinds, None, ignore_case=False).sample() if Template.has_places(text) else text
        for table in tables
        for entry in table.rows.values()
        if (text := entry.row.text or entry.key)
    ]


def test_the_verdict_of_a_shape_is_the_verdict_of_each_of_its_texts() -> None:
    every = list(dict.fromkeys([*texts(), *rows_as_texts()]))
    # A digit behind a letter is a part of a name: nobody writes c3s for c2s.
    varied = [re.sub("(?<![A-Za-z_0-9])[0-9]", lambda found: str((int(found[0]) + 1) % 10), text) for text in every]
    mixed = [text for pair in zip(varied, every, strict=True) for text in pair]
    together = Batch().normalize(pa.array(mixed)).to_pylist()
    batch = Batch()
    alone = [dict(zip(FIELDS, batch._judge(text, None), strict=True)) for text in mixed]
    different = [(text, one, other) for text, one, other in zip(mixed, together, alone, strict=True) if one != other]
    assert len(every) > 1000
    assert not different, f"{len(different)}: {different[:3]}"


def test_order_length_and_nulls_are_kept() -> None:
    found = normalize_batch(pa.array([DENIED, None, "hello", "nats: timeout"])).to_pylist()
    assert [one and one["reason"] for one in found] == ["auth.rejected", None, None, "transport.timeout"]
    assert found[1] is None


def test_a_column_says_what_find_says_of_each_line() -> None:
    lines = [LINE.format(pid=number, second=number % 60) for number in range(500)] + [
        "[INF] Server is ready",
        "no row knows: error 7",
    ]
    found = normalize_batch(pa.array(lines)).to_pylist()
    assert {one["code"] for one in found[:500]} == {"Publish Violation - Subject"} or {one["reason"] for one in found[:500]} == {
        errnorm.find(lines[0])[0].error.reason.value
    }
    assert found[500]["reason"] is None


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.dictionary(pa.int32(), pa.string())]
)
def test_texts_may_come_in_every_type_of_text(kind: Any) -> None:
    given = pa.array([DENIED, None], pa.string())
    column = given.dictionary_encode() if pa.types.is_dictionary(kind) else given.cast(kind)
    assert [one and one["reason"] for one in normalize_batch(column).to_pylist()] == ["auth.rejected", None]


def test_bytes_that_are_no_text_survive() -> None:
    found = normalize_batch(pa.array([b"\xff\x00", DENIED.encode(), None], pa.binary())).to_pylist()
    assert [one and one["reason"] for one in found] == [None, "auth.rejected", None]


def test_a_table_is_read_chunk_by_chunk_by_the_name_of_its_column() -> None:
    column = pa.chunked_array([[DENIED], [], [None, "nats: timeout"]], pa.string())
    found = normalize_batch(pa.table({"message": column}), column="message", fields=("reason", "retryable"))
    assert [len(chunk) for chunk in found.chunks] == [1, 0, 2]
    assert found.to_pylist() == [
        {"reason": "auth.rejected", "retryable": False},
        None,
        {"reason": "transport.timeout", "retryable": True},
    ]


def test_no_more_texts_are_judged_than_there_are_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    batch, judged = Batch(), list[str]()
    judge = batch._judge

    def counted(text: str, protocol: str | None) -> tuple[object, ...]:
        judged.append(text)
        return judge(text, protocol)

    monkeypatch.setattr(batch, "_judge", counted)
    column = pa.array([LINE.format(pid=number, second=number % 60) for number in range(1000)])
    for _ in range(3):
        batch.normalize(column)
    assert len(judged) == 1


def test_misuse_is_refused_with_what_there_is() -> None:
    table = pa.table({"message": [DENIED]})
    with pytest.raises(ValueError, match="message"):
        normalize_batch(table)
    with pytest.raises(KeyError):
        normalize_batch(table, column="gone")
    with pytest.raises(ValueError, match="no field 'raeson'; the fields are protocol"):
        normalize_batch(table, column="message", fields=("raeson",))
    with pytest.raises(TypeError, match="int64"):
        normalize_batch(pa.array([1]))


def test_a_column_is_read_in_pieces_of_any_length(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        DENIED,
        None,
        *(f"nats: error {number}" for number in range(90)),
        "nats: timeout",
        "err_code=10059",
        "err_code=10058",
    ]
    column = pa.array(lines * 3)
    whole = Batch().normalize(column).to_pylist()
    monkeypatch.setattr("errnorm.batch._MOST_ROWS", 7)
    assert Batch().normalize(column).to_pylist() == whole
    assert Batch().normalize(column.slice(5, 50)).to_pylist() == whole[5:55]


def asked(sql: str) -> list[tuple[Any, ...]]:
    connection = duckdb.connect()
    register(connection)
    connection.execute("create table log(moment timestamp, line varchar)")
    lines = [
        ("2026-11-29 10:00:00", DENIED),
        ("2026-11-29 10:00:30", "nats: timeout"),
        ("2026-11-29 10:01:10", "nats: timeout"),
        ("2026-11-29 10:01:20", "[1] 2026/11/29 10:01:20.000000 [INF] Server is ready"),
        ("2026-11-29 10:02:00", None),
    ]
    connection.executemany("insert into log values (?, ?)", lines)
    return connection.execute(sql).fetchall()


def test_sql_asks_what_happened_how_often_and_since_when() -> None:
    assert asked(
        "select e.reason, count(*), strftime(min(moment), '%H:%M:%S') from (select moment, errnorm(line) e from log) "
        "where e.reason is not null group by 1 order by 2 desc"
    ) == [("transport.timeout", 2, "10:00:30"), ("auth.rejected", 1, "10:00:00")]


def test_every_field_is_a_field_of_the_struct() -> None:
    ((found,),) = asked("select errnorm(line) from log limit 1")
    assert tuple(found) == FIELDS
