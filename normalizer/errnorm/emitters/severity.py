"""The level of a fault, from its judgement and its outcome, never from its text."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Self

from errnorm.decision import Verdict
from errnorm.taxonomy import Category, Reason, Recovery

if TYPE_CHECKING:
    from errnorm.fault import Fault

__all__ = ["SEVERITIES", "Severity", "failed", "level_of", "orderly", "severity"]


class Severity(IntEnum):
    """
    A level, with the number that the standard library's `logging` uses for it.

    Attributes:
        method: The name of the logging method, `warning`.
    """

    method: str

    def __new__(cls, number: int, method: str) -> Self:
        """Store the name of the logging method as an attribute of the number."""
        level = int.__new__(cls, number)
        level._value_ = number
        level.method = method
        return level

    DEBUG = 10, "debug"
    INFO = 20, "info"
    WARNING = 30, "warning"
    ERROR = 40, "error"


# Stored in variables, because the look-up of a member on its class costs more than the rest of the function.
_NONE = Recovery.NONE
_CLOSED_HERE = Reason.SHUTDOWN_CLIENT
_SHUTDOWN = Category.SHUTDOWN
_ABORT = Verdict.ABORT

SEVERITIES = {int(level): level for level in Severity}


def orderly(fault: Fault) -> bool:
    """
    Return whether a fault is not a failure: a notice, or an end that this side wanted.

    An operation that fails because this side has closed the connection is a failure, because the operation was not executed.
    """
    judgement = fault.error.judgement
    return judgement.recovery is _NONE or (judgement.reason is _CLOSED_HERE and fault.operation is None)


def failed(fault: Fault) -> bool:
    """Return whether the operation failed: it was not handled, will not be retried, and did not end as intended."""
    return fault.outcome == "failed" and not orderly(fault)


def severity(fault: Fault) -> Severity:
    """
    Return the level of a fault.

    Returns:
        INFO for an intended end and DEBUG for a notice; ERROR for an operation that failed; WARNING for one that was handled or
        will be retried. A fault with the outcome `background` is an ERROR if the decision is to abort, or, without a decision,
        if it is not retryable; otherwise it is a WARNING.
    """
    return SEVERITIES[level_of(fault)]


def level_of(fault: Fault) -> int:
    """Return the level of a fault as a plain number, whose hash is computed ten times as fast."""
    judgement, decision = fault.error.judgement, fault.decision
    if judgement.recovery is _NONE or (judgement.reason is _CLOSED_HERE and fault.operation is None):
        return 20 if judgement.category is _SHUTDOWN else 10
    outcome = fault.outcome
    if outcome == "failed":
        return 40
    if outcome != "background":
        return 30
    if decision is not None:
        return 40 if decision.verdict is _ABORT else 30
    return 30 if judgement.retryable else 40
