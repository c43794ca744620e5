"""The generated files are those that the tables and the vectors give."""

from __future__ import annotations

import difflib

import pytest

from tests.capture import evidence
from tests.mappings import golden


def differences(committed: str, generated: str) -> list[str]:
    lines = difflib.unified_diff(committed.splitlines(), generated.splitlines(), "committed", "generated", n=0, lineterm="")
    return list(lines)


@pytest.mark.skipif(not evidence.PATH.exists(), reason="the sources are not here: a wheel is tested")
def test_the_evidence_is_what_the_vectors_give() -> None:
    assert differences(evidence.PATH.read_text("utf-8"), evidence.document()) == [], "run `make row-check`"


def test_the_golden_table_is_what_the_tables_give() -> None:
    assert differences(golden.TABLE.read_text("utf-8"), golden.table()) == [], "run `make row-check`, and review what it shows"
