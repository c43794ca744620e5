"""
The mark: what a guard has made of an exception, stored on the exception itself, so that each fault is emitted only once.

An exception passes through guards, callbacks, retry libraries and threads, and its mark goes with it. The mark is freed together
with the exception, so nothing must be cleaned up and no memory grows.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from errnorm.error import NormalizedError
from errnorm.exceptions import attribute, causes, class_names, is_a

if TYPE_CHECKING:
    from errnorm.decision import Decision
    from errnorm.error import NormalizedError
    from errnorm.fault import Outcome

__all__ = ["Mark", "claim", "mark_of", "told_inside"]

_log = logging.getLogger("errnorm")

_MARK = "__errnorm__"
_PLAIN = (str, bytes, int, float, dict, list, tuple, set, type(None))


_RISING: dict[Outcome | None, int] = {None: 0, "background": 1, "handled": 2, "retried": 2, "failed": 3}


class Mark:
    """
    The normalized error of one exception, made by the first guard that saw it, and the outcome with which it was emitted.

    Attributes:
        error: The normalized error.

        decision: The decision of the first guard.

        idempotent: Whether executing the operation twice is safe, as far as the first guard knew.

        told: The outcome with which the error was emitted. `None` if it was not emitted: a retry loop will do it, or the
            exception comes from another process.

        expected: Whether the exception is not a fault of its operation, for example the time-out of a poll that found nothing.
            Guards and retry loops do not emit it. It is emitted if it is reported explicitly.
    """

    __slots__ = ("decision", "error", "expected", "idempotent", "told")

    def __init__(
        self,
        error: NormalizedError,
        decision: Decision,
        *,
        idempotent: bool = False,
        told: Outcome | None = "failed",
        expected: bool = False,
    ) -> None:
        """Store the arguments."""
        self.told: Outcome | None = told
        self.expected = expected
        self.error = error
        self.decision = decision
        self.idempotent = idempotent

    def rises_to(self, outcome: Outcome) -> bool:
        """
        Return whether an error is to be emitted with this outcome, and store the outcome if it is.

        An error that was emitted as `background`, `handled` or `retried` is emitted once more if an operation finally fails
        because of it. Outcomes rise in the order of `_RISING` only.
        """
        if _RISING[outcome] <= _RISING[self.told]:
            return False
        self.told = outcome
        return True

    def copy(self) -> Mark:
        """Return another mark with the same content."""
        return Mark(self.error, self.decision, idempotent=self.idempotent, told=self.told, expected=self.expected)

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        """Pickle as `None`: in another process the exception was not emitted yet."""
        return type(None), ()


def mark_of(exception: object) -> Mark | None:
    """Return the mark of an exception; `None` if it has none, or if the argument is not an exception."""
    try:
        mark = getattr(exception, _MARK, None)
    except Exception:  # noqa: BLE001 - the attribute look-up of a foreign class can raise anything
        return None
    return mark if is_a(mark, Mark) else None


def claim(exception: object, mark: Mark) -> bool:
    """Store a mark on an exception, or on an object that an exception holds; return false if another thread was faster."""
    try:
        # `__setattr__` would fail on a frozen dataclass. `setdefault` is atomic, so that an error handler needs no lock.
        attributes: dict[str, object] = object.__getattribute__(exception, "__dict__")
        winner = attributes.setdefault(_MARK, mark)
        if not isinstance(winner, Mark):
            winner = attributes[_MARK] = mark
    except Exception:  # noqa: BLE001 - an error that is emitted twice is better than one that is not emitted
        _log.debug("errnorm: an exception of the class %s does not accept attributes", class_names(exception)[0])
        return True
    return winner is mark


def told_inside(exception: BaseException, error: NormalizedError) -> Mark | None:
    """
    Return the mark of an exception inside this one, if this one only wraps it and both are the same fault.

    Returns `None` if the outer exception has a meaning of its own, or is of the same class as the inner one. An object that the
    outer exception holds, for example the stanza that it was made from, counts as inside it.
    """
    for link in causes(exception, contexts=True):
        for inner in (link, *_held(link)):
            mark = mark_of(inner)
            if mark is not None and type(inner) is not type(exception) and _is_same(exception, error, mark.error):
                return mark
    return None


def _held(link: object) -> list[object]:
    attributes = attribute(link, "__dict__")
    if type(attributes) is not dict:
        return []
    return [value for name, value in attributes.items() if name != _MARK and not issubclass(type(value), _PLAIN)]


def _is_same(exception: BaseException, error: NormalizedError, told: NormalizedError) -> bool:
    if error.known:
        return error.judgement == told.judgement
    return not told.known and attribute(exception, "__cause__") is not None
