"""
The short form of the benchmarks: a regression of kind is noticed, noise is not.

Only ratios of one run are looked at, and each is held at twice its bound, or at twice what was reached where that is more.
"""

from __future__ import annotations

import pytest

from benchmarks.measure import fastest
from benchmarks.paths import FLOOR, paths

pytestmark = [pytest.mark.slow, pytest.mark.untraced]

BOUND = [case for case in paths() if case.target is not None]


@pytest.mark.parametrize("name", [case.name for case in BOUND])
def test_no_path_costs_twice_its_bound(name: str) -> None:
    case = next(case for case in BOUND if case.name == name)
    # A neighbour on the machine can spoil one run; a regression spoils all.
    ratio = min(fastest(FLOOR, [case], repeats=9)[1].ratio for _ in range(3))
    assert ratio <= case.alarm, f"{name}: {ratio:.1f} times the floor, bound {case.target}"
