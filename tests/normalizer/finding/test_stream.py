"""Lines in, errors out, without keeping them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import repeat
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from errnorm import default_normalizer, find
from errnorm.cli.tally import Timeline
from errnorm.finding import Finder, Stream
from errnorm.finding.times import since, time_of

if TYPE_CHECKING:
    from collections.abc import Iterator

FINDER = Finder(default_normalizer(), logs=True)
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

LINES = [
    "INFO all is well",
    "2024-10-03 10:36:02 ERROR x: nats: timeout",
    "-ERR 'Stale Connection'",
    "RECV: <stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
    "nats.errors.NoRespondersError: nats: no responders available for request",
    "ERROR something went wrong",
    "",
    "<iq type='get' id='7'/>",
]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(LINES), max_size=12))
def test_a_stream_finds_what_find_finds(lines: list[str]) -> None:
    spotted = [one for one in Stream(FINDER).read(lines) if one.finding is not None]
    found = find("first\n" + "\n".join(lines)) if lines else []
    assert [(one.line, one.finding.error.reason) for one in spotted if one.finding] == [
        (one.line - 1, one.error.reason) for one in found
    ]


def test_a_stream_is_read_no_further_than_it_must() -> None:
    def endless() -> Iterator[str]:
        yield "nats: timeout"
        yield from repeat("INFO all is well")

    assert next(Stream(FINDER).read(endless())).line == 1


def test_what_is_remembered_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("errnorm.finding.stream._MOST_SHAPES", 10)
    stream = Stream(FINDER)
    letters = "abcdefghijklmnopqrstuvwxyz"
    list(stream.read(f"ERROR {letter} failed: nats: timeout" for letter in letters))
    assert len(stream._seen) <= 10
    assert stream.lines == len(letters)


def test_a_timeline_has_a_bound_and_loses_no_count() -> None:
    timeline = Timeline()
    for day in range(2000):
        timeline.add(NOW + timedelta(days=day, seconds=day))
    assert len(timeline._counts) <= 512
    assert sum(timeline.bars(NOW, NOW + timedelta(days=2001), 24)) == 2000


@pytest.mark.parametrize(
    ("line", "moment"),
    [
        ("2024-10-03T10:36:02.123Z x", "2024-10-03T10:36:02+00:00"),
        ("2024-10-03T10:36:02+02:00 x", "2024-10-03T08:36:02+00:00"),
        ('{"ts":1728012345.5,"msg":"x"}', "2024-10-04T03:25:45+00:00"),
        ('{"time":1728012345123}', "2024-10-04T03:25:45+00:00"),
        ("2024-13-45 10:36:02Z x", None),
        ("no time at all", None),
    ],
)
def test_the_time_of_a_line_is_read(line: str, moment: str | None) -> None:
    found = time_of(line, NOW)
    assert (found and found.isoformat()) == moment


def test_a_time_without_a_zone_is_local_and_one_without_a_year_is_past() -> None:
    assert time_of("2024-10-03 10:36:02,123 x", NOW) == datetime(2024, 10, 3, 10, 36, 2).astimezone(UTC)
    assert time_of("17/05/2024 10:36:02 x", NOW) == datetime(2024, 5, 17, 10, 36, 2).astimezone(UTC)
    assert time_of("Dec 24 10:36:02 host x", NOW) == datetime(2025, 12, 24, 10, 36, 2).astimezone(UTC)
    assert time_of("Feb 24 10:36:02 host x", NOW) == datetime(2026, 2, 24, 10, 36, 2).astimezone(UTC)


def test_a_point_in_time_is_relative_or_a_date() -> None:
    assert since("2h", NOW) == NOW - timedelta(hours=2)
    assert since("2026-02-01T00:00+00:00", NOW) == datetime(2026, 2, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="isoformat"):
        since("soon", NOW)
