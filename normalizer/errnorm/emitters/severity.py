"""How bad a fault is: decided by the judgement and by what became of it, never by the text."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from errnorm.taxonomy import Category, Reason, Recovery

if TYPE_CHECKING:
    from errnorm.model import Fault, NormalizedError

__all__ = ["Severity", "failed", "orderly", "severity"]


class Severity(IntEnum):
    """A level, with the number that the standard library's `logging` has for it."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40

    @property
    def method(self) -> str:
        """The name of the logging method, `warning`."""
        return self.name.lower()


def orderly(error: NormalizedError) -> bool:
    """Tell whether nothing is wrong: a notice, or an end that this side wanted."""
    verdict = error.verdict
    return verdict.recovery is Recovery.NONE or verdict.reason is Reason.SHUTDOWN_CLIENT


def failed(fault: Fault) -> bool:
    """Tell whether the operation failed in the end: nobody handled it, nobody tries again, and it was no orderly end."""
    return not fault.handled and _decided(fault) != "retry" and not orderly(fault.error)


def severity(fault: Fault) -> Severity:
    """
    Return the level of a fault.

    Returns:
        INFO for an orderly end and DEBUG for a mere notice; ERROR for an abort, and for what nobody handled and no retry
        mends; WARNING for everything else: somebody deals with it.
    """
    if orderly(fault.error):
        return Severity.INFO if fault.error.category is Category.SHUTDOWN else Severity.DEBUG
    decided = _decided(fault)
    if decided == "abort":
        return Severity.ERROR
    if fault.handled or decided == "retry" or fault.error.retryable:
        return Severity.WARNING
    return Severity.ERROR


def _decided(fault: Fault) -> str | None:
    if fault.decision is None:
        return None
    verdict = fault.decision.verdict
    return str(getattr(verdict, "value", verdict))
