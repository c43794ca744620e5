"""What a new version of the tables changes, told before anybody depends on it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from errnorm.cli import main

if TYPE_CHECKING:
    from pathlib import Path

LOG = """\
2024-10-03 10:36:02,001 ERROR app nats: timeout
2024-10-03 10:36:03,001 ERROR app nats: timeout
2024-10-03 10:36:04,001 ERROR app nats: nobody knows this error
"""


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(list(arguments)) == code
    said = capsys.readouterr()
    return said.out if code == 0 else said.err


def saved(capsys: pytest.CaptureFixture[str], file: Path, *arguments: str) -> Any:
    file.write_text(printed(capsys, *arguments, "--format", "json"))
    return json.loads(file.read_text())


def test_tables_that_are_the_same_have_no_difference(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    saved(capsys, old, "table")
    assert printed(capsys, "table", "--diff", str(old)) == "0 added, 0 removed, 0 changed\n"


def test_a_row_that_came_went_or_means_something_else_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    old = tmp_path / "old.json"
    rows = saved(capsys, old, "table")
    gone, came, changed = {**rows[0], "key": "gone by now"}, rows[1], {**rows[2], "reason": "limits.rate"}
    old.write_text(json.dumps([gone, rows[0], changed, *rows[3:]]))
    found = json.loads(printed(capsys, "table", "--diff", str(old), "--format", "json"))
    assert {(one["change"], one["key"]) for one in found} == {
        ("removed", "gone by now"),
        ("added", came["key"]),
        ("changed", changed["key"]),
    }
    text = printed(capsys, "table", "--diff", str(old))
    assert f"reason limits.rate -> {rows[2]['reason']}" in text
    assert text.endswith("1 added, 1 removed, 1 changed\n")


def test_two_files_are_compared_without_the_installed_tables(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    rows = saved(capsys, old, "table")
    new.write_text(json.dumps(rows[:-1]))
    assert printed(capsys, "table", "--diff", str(old), str(new)).endswith("0 added, 1 removed, 0 changed\n")


@pytest.mark.parametrize("text", ["", "{}", "[7]", '[{"key": "x"}]'])
def test_a_file_that_is_no_table_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    assert "x.json" in printed(capsys, "table", "--diff", str(file), code=2)
    assert "x.json" in printed(capsys, "scan", "--before", str(file), str(file), code=2)


def test_an_archive_that_is_judged_as_before_has_no_count_that_moved(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log, old = tmp_path / "app.log", tmp_path / "old.json"
    log.write_text(LOG)
    saved(capsys, old, "scan", str(log))
    assert printed(capsys, "scan", "--before", str(old), str(log)) == "no count has changed\n"


def test_counts_that_moved_are_told_with_why(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    log, old = tmp_path / "app.log", tmp_path / "old.json"
    log.write_text(LOG)
    document = saved(capsys, old, "scan", str(log))
    timeout = document["errors"].pop()
    document["unknown"].append({"fingerprint": "app nats: timeout", "count": timeout["count"], "sample": timeout["sample"]})
    old.write_text(json.dumps(document))
    changes = json.loads(printed(capsys, "scan", "--before", str(old), "--format", "json", str(log)))
    assert changes["counts"] == [
        {"reason": "transport.timeout", "before": 0, "after": 2},
        {"reason": "unknown", "before": 3, "after": 1},
    ]
    assert [(one["count"], one["before"], one["after"]) for one in changes["moved"]] == [
        (2, ["unknown", None], ["transport.timeout", "wait"])
    ]
    assert "2 moved: unknown -> transport.timeout wait" in printed(capsys, "scan", "--before", str(old), str(log))
