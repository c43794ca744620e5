"""How bad it is: by what the error means and by what became of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from errnorm.emitters.severity import Severity, failed, severity
from tests.normalizer.emitters.wire import ABORT, PUBLISH, RETRY

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.fault import Fault


@pytest.mark.parametrize(
    ("code", "circumstances", "level", "red"),
    [
        (PUBLISH, {"decision": ABORT}, "ERROR", True),
        (PUBLISH, {"decision": ABORT, "outcome": "handled"}, "WARNING", False),
        (PUBLISH, {}, "ERROR", True),
        (PUBLISH, {"outcome": "retried"}, "WARNING", False),
        ("Stale", {"decision": RETRY}, "ERROR", True),
        ("Stale", {"decision": RETRY, "outcome": "retried"}, "WARNING", False),
        ("Stale", {"decision": RETRY, "outcome": "background"}, "WARNING", False),
        ("Stale", {"decision": ABORT, "outcome": "background"}, "ERROR", False),
        ("Stale", {"outcome": "background"}, "WARNING", False),
        (PUBLISH, {"outcome": "background"}, "ERROR", False),
        ("Stale", {"decision": ABORT}, "ERROR", True),
        ("Stale", {}, "ERROR", True),
        ("never heard of", {}, "ERROR", True),
        ("Farewell", {"decision": ABORT}, "INFO", False),
        ("Heartbeat", {"decision": ABORT}, "DEBUG", False),
        ("Closed", {"decision": ABORT}, "INFO", False),
        ("Closed", {"decision": ABORT, "operation": "publish"}, "ERROR", True),
    ],
)
def test_level_and_status_follow_the_judgement(
    fault: Callable[..., Fault], code: str, circumstances: dict[str, Any], level: str, red: bool
) -> None:
    case = fault(code, **circumstances)
    assert (severity(case).name, failed(case)) == (level, red)


@pytest.mark.parametrize("level", list(Severity))
def test_levels_are_those_of_the_standard_library(level: Severity) -> None:
    assert logging.getLevelName(int(level)) == level.name == level.method.upper()
