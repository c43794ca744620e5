"""
The short form of the benchmarks: a regression of kind is noticed, noise is not.

Only ratios of one run are looked at, and each is held at twice its bound.
"""

from __future__ import annotations

import pytest
import structlog

from benchmarks.measure import Case, fastest
from benchmarks.paths import FLOOR, bare_parse, paths, raw_xml
from benchmarks.telling import guards, telling
from errnorm.emitters.log import writers

pytestmark = [pytest.mark.slow, pytest.mark.untraced]

BOUND = [case for case in paths() if case.target is not None]


def ratio(case: Case, floor: Case = FLOOR) -> float:
    # A neighbour on the machine can spoil one run; a regression spoils all.
    return min(fastest(floor, [case], repeats=9)[1].ratio for _ in range(3))


@pytest.mark.parametrize("case", BOUND, ids=[case.name for case in BOUND])
def test_no_path_costs_twice_its_bound(case: Case) -> None:
    assert ratio(case) <= case.alarm


def test_raw_xml_costs_little_more_than_its_parse() -> None:
    case = raw_xml()
    assert ratio(case, Case("bare parse", bare_parse)) <= case.alarm


def test_telling_costs_little_more_than_the_same_by_hand() -> None:
    try:
        ratios = [(ratio(ours, by_hand), ours.alarm) for ours, by_hand in telling()]
    finally:
        structlog.reset_defaults()
        writers._structlog.cache_clear()  # a logger that was told to remember its configuration
    assert all(spent <= alarm for spent, alarm in ratios), ratios


def test_a_line_that_is_not_written_costs_next_to_nothing() -> None:
    case = next(case for case in guards() if case.target is not None)
    assert ratio(case) <= case.alarm
