"""The fingerprint of what no row knows: tested on the vectors, with all rows taken out."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from errnorm.cli import main
from errnorm.engine import Engine
from errnorm.tables.file import read
from errnorm.tables.table import Table
from tests.capture import vectors
from tests.capture.recording import judged
from tests.each import each

if TYPE_CHECKING:
    import pytest

SAID = [vector for vector in vectors.read() if str(vector.get("raw", "")).startswith(("-ERR '", "[1] "))]
# Other addresses, numbers and names in quotes: the fault is the same.
OTHERWISE = (
    (r"127\.0\.0\.1:\d+", "10.7.8.9:61234"),
    (r"cid:\d+", "cid:98765"),
    (r'"[a-z_]+(?:\.[a-z_]+)*"', '"some.other.name"'),
)


@cache
def empty() -> Engine:
    """Judge by the table of NATS without its rows."""
    file = read(files("errnorm_mappings").joinpath("nats.toml").read_text("utf-8"), "nats.toml")
    return Engine(Table([file._replace(rows={})]))


def named(vector: dict[str, Any]) -> str:
    place = (vector["server"], vector["version"], vector["scenario"], vector["expected"]["section"], vector["expected"]["code"])
    return " ".join(map(str, place))


def fingerprint(vector: dict[str, Any]) -> str:
    error = empty().judge(judged(vector).signal)
    assert not error.known
    assert error.fingerprint
    return error.fingerprint


@each("vector", SAID, ids=named)
def test_the_fingerprint_stays_when_only_variables_change(vector: dict[str, Any]) -> None:
    raw = vector["raw"]
    for pattern, other in OTHERWISE:
        raw = re.sub(pattern, other, raw)

    assert fingerprint({**vector, "raw": raw}) == fingerprint(vector)


def test_different_faults_have_different_fingerprints() -> None:
    rows: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for vector in SAID:
        row = judged(vector).row
        assert row is not None
        rows[fingerprint(vector)].add((row.section, row.key))

    assert {text: same for text, same in rows.items() if len(same) > 1} == {}


def test_the_command_groups_unknown_vectors_and_gives_a_row_to_fill_in(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f'{{"protocol": "nats", "raw": "-ERR \'Frobnication of \\"a.{number}\\" refused\'\\r\\n"}}' for number in range(3)]
    path = tmp_path / "unknown.jsonl"
    path.write_text("\n".join(lines) + "\n", "utf-8")

    assert main(["normalize", "--unknown", str(path)]) == 0
    comment, row = capsys.readouterr().out.split("\n", 1)
    assert comment.startswith("# 3 x nats")
    assert "Frobnication of" in row
    assert 'reason = ""' in row
