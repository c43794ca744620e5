"""How people paste an error: `tests/data/readings.jsonl` has a line, its reason and how it is known, for each kind of reading."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errnorm import find
from errnorm.finding import Finder
from errnorm.finding.stream import Stream
from errnorm.normalizer import default_normalizer

CASES = [json.loads(line) for line in (Path(__file__).parents[2] / "data/readings.jsonl").read_text("utf-8").splitlines()]
FOLDED = [case for case in CASES if case["kind"] == "folded"]
# What other runtimes say about sockets, names and certificates, as they print it.
OF_RUNTIMES = [case for case in CASES if case["kind"] == "runtime" and "\n" not in case["text"]]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['kind']}: {case['text']}")
def test_a_text_is_read_as_people_paste_it(case: dict[str, Any]) -> None:
    found = [[finding.line, finding.error.reason.value, finding.how.value] for finding in find(case["text"])]
    assert found == case["found"]


@pytest.mark.parametrize("frame", ["2024-10-03 10:36:02,001 ERROR    app.orders ", "ERROR:orders:", "[pod/nats-0/nats] "])
def test_a_line_of_a_log_around_an_error_does_not_change_the_answer(frame: str) -> None:
    read = {case["text"]: [one.error.reason.value for one in find(frame + case["text"])] for case in OF_RUNTIMES}
    expected = {case["text"]: [reason for _, reason, _ in case["found"]] for case in OF_RUNTIMES}
    assert {text: reasons for text, reasons in read.items() if reasons != expected[text]} == {}


@pytest.mark.parametrize("case", FOLDED, ids=lambda case: case["text"])
def test_a_folded_line_in_a_log_is_read_as_in_a_text(case: dict[str, Any]) -> None:
    stream = Stream(Finder(default_normalizer(), logs=True))
    found = [(one.line, one.finding) for one in stream.read(case["text"].split("\n"))]
    known = [(line, finding.error.reason.value) for line, finding in found if finding is not None]
    assert known == [(line, reason) for line, reason, _ in case["found"]]


def test_a_line_before_a_backslash_that_is_an_unknown_error_is_counted_as_one() -> None:
    stream = Stream(Finder(default_normalizer(), logs=True))
    assert [(one.line, one.finding) for one in stream.read(["ERROR no idea \\", "what this is"])] == [(1, None)]
    assert stream.lines == 2


@pytest.mark.parametrize("hidden", ["***", "[REDACTED]", "<MY DOMAIN>", "xxx.xxx.xxx.xxx"])
def test_a_match_shows_what_was_pasted_and_not_what_was_read_for_it(hidden: str) -> None:
    text = f"c2s stream for {hidden} closed: session closed"
    (finding,) = find(text)
    assert finding.match == text


@given(st.text(st.sampled_from("*_~[]<>xX. \\\nREDACTED"), max_size=60))
def test_marks_alone_are_never_an_error(text: str) -> None:
    assert find(text) == []
    assert find(f"{text}\n{text}\\") == []
