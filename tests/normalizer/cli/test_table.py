"""The catalogue, filtered, in four formats."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from errnorm.cli import main
from errnorm.cli.table import COLUMNS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def table(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str) -> str:
        assert main(["table", *arguments]) == 0
        return capsys.readouterr().out

    return run


def test_json_is_one_flat_list_with_every_column(table: Any) -> None:
    rows = json.loads(table("--format", "json"))
    assert len(rows) > 500
    assert all(list(row)[: len(COLUMNS)] == list(COLUMNS) for row in rows)
    assert not [value for row in rows for value in row.values() if isinstance(value, dict)]


def test_csv_and_json_have_the_same_rows(table: Any) -> None:
    rows = list(csv.DictReader(io.StringIO(table("--format", "csv"))))
    assert [row["key"] for row in rows] == [row["key"] for row in json.loads(table("--format", "json"))]


def test_markdown_has_a_line_for_each_row(table: Any) -> None:
    lines = table("--format", "markdown", "--protocol", "xmpp", "--section", "stream").splitlines()
    assert lines[0].startswith("| protocol | section | key |")
    assert all(line.count(" | ") >= len(COLUMNS) - 1 for line in lines[2:])


def test_text_has_aligned_columns(table: Any) -> None:
    lines = table("--protocol", "xmpp", "--section", "type").splitlines()
    assert lines[0].split() == ["protocol", "section", "key", "reason", "retryable", "terminal", "recovery", "evidence"]
    assert len({line.index("type") for line in lines[1:]}) == 1


@pytest.mark.parametrize(
    ("arguments", "column", "value"),
    [
        (["--protocol", "xmpp"], "protocol", "xmpp"),
        (["--category", "limits"], "category", "limits"),
        (["--reason", "auth.forbidden"], "reason", "auth.forbidden"),
        (["--recovery", "redirect"], "recovery", "redirect"),
        (["--retryable"], "retryable", True),
        (["--not-retryable"], "retryable", False),
        (["--terminal"], "terminal", True),
        (["--not-terminal"], "terminal", False),
        (["--reach", "never emitted"], "reach", "never emitted"),
    ],
)
def test_a_filter_leaves_only_what_was_asked_for(table: Any, arguments: list[str], column: str, value: object) -> None:
    rows = json.loads(table("--format", "json", *arguments))
    assert rows
    assert {row[column] for row in rows} == {value}


def test_evidence_is_filtered_by_its_kind(table: Any) -> None:
    rows = json.loads(table("--format", "json", "--evidence", "specification"))
    assert rows
    assert all(row["evidence"].startswith("specification") for row in rows)


def test_words_find_the_rows_that_have_them_in_a_name_before_those_that_have_them_in_a_note(table: Any) -> None:
    rows = json.loads(table("slow", "consumer", "--format", "json"))
    assert {"Slow Consumer (Pending Bytes)", "nats.errors.SlowConsumerError"} <= {row["key"] for row in rows}
    named = [all(word in f"{row['key']} {row.get('text')}".lower() for word in ("slow", "consumer")) for row in rows]
    assert named[0]
    assert not named[-1]


def test_words_and_filters_work_together(table: Any) -> None:
    rows = json.loads(table("stream", "--protocol", "nats", "--recovery", "wait", "--format", "json"))
    assert rows
    assert {(row["protocol"], row["recovery"]) for row in rows} == {("nats", "wait")}


def test_a_filter_that_no_row_passes_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", "--recovery", "redirect", "--reason", "auth.forbidden"]) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "no row matches\n")


def test_a_narrow_terminal_gets_fewer_columns_and_a_pipe_gets_all(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    assert len(table("--protocol", "nats").splitlines()[0].split()) == 8
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert table("--protocol", "nats").splitlines()[0].split() == ["section", "key", "reason", "recovery"]


def test_overlays_show_in_the_catalogue(table: Any, tmp_path: Path) -> None:
    overlay = tmp_path / "mine.toml"
    overlay.write_text('protocol = "nats"\nversion = "1"\n[error]\n"Stale Connection" = { recovery = "abandon" }\n')
    rows = json.loads(table("--format", "json", "--protocol", "nats", "--tables", str(overlay)))
    assert [row["recovery"] for row in rows if row["section"] == "error" and row["key"] == "Stale Connection"] == ["abandon"]
