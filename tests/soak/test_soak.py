"""The short form of `make soak`: the counts agree, and memory does not grow."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.soak.soak import Soak

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers.nats import NatsServer

pytestmark = pytest.mark.slow


def test_a_server_that_is_killed_amid_errors_leaves_no_error_lost_or_doubled(start_nats: Callable[..., NatsServer]) -> None:
    report = asyncio.run(Soak(start_nats(), seconds=4, clients=8).run())
    assert report.restarts >= 1
    assert report.raised == report.told == report.lines + report.summed
    assert report.raised > 0
    assert (report.unknown, report.failures) == (0, 0)
    early, late = report.megabytes
    assert late < early + 16
