"""
What was made of an exception, kept on the exception itself: told once means that somebody remembers.

An exception goes through many hands, and its mark goes with it: through guards, callbacks, retry libraries and threads. It
dies with the exception, so nothing is to be cleaned up and nothing can grow.
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
    What was made of one exception, by whoever saw it first, and what was told of it.

    Attributes:
        error: What it is.

        decision: What was decided about it then.

        idempotent: Whether the operation it came from may be done twice, as far as was known.

        told: With which outcome it was told; `None` if it was not: a loop has it, or it comes from another process.
    """

    __slots__ = ("decision", "error", "idempotent", "told")

    def __init__(
        self, error: NormalizedError, decision: Decision, *, idempotent: bool = False, told: Outcome | None = "failed"
    ) -> None:
        """Hold what was made of it."""
        self.told: Outcome | None = told
        self.error = error
        self.decision = decision
        self.idempotent = idempotent

    def rises_to(self, outcome: Outcome) -> bool:
        """
        Tell whether an outcome is news, and remember it if it is.

        What was to be retried or handled, and what happened in the background, is news once more if an operation fails of it
        in the end. Nothing else is.
        """
        if _RISING[outcome] <= _RISING[self.told]:
            return False
        self.told = outcome
        return True

    def copy(self) -> Mark:
        """Return another mark that says the same."""
        return Mark(self.error, self.decision, idempotent=self.idempotent, told=self.told)

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        """Stay behind when the exception is sent to another process: there it has been told to nobody."""
        return type(None), ()


def mark_of(exception: object) -> Mark | None:
    """Return the mark of an exception; `None` if it has none, or is no exception."""
    try:
        mark = getattr(exception, _MARK, None)
    except Exception:  # noqa: BLE001 - a stranger's class can answer with anything
        return None
    return mark if is_a(mark, Mark) else None


def claim(exception: object, mark: Mark) -> bool:
    """Put a mark on an exception, or on what one may be made from; false if somebody else, in another thread, was faster."""
    try:
        # Past `__setattr__`, which a frozen dataclass refuses; and atomic, so that no lock is held in an error handler.
        attributes: dict[str, object] = object.__getattribute__(exception, "__dict__")
        winner = attributes.setdefault(_MARK, mark)
        if not isinstance(winner, Mark):
            winner = attributes[_MARK] = mark
    except Exception:  # noqa: BLE001 - told twice is better than never
        _log.debug("errnorm: an exception of the class %s takes no attributes", class_names(exception)[0])
        return True
    return winner is mark


def told_inside(exception: BaseException, error: NormalizedError) -> Mark | None:
    """
    Return the mark of an exception inside this one, if this one is only its wrapper: the same fault under another name.

    It is not, if it says something of its own, or is of the same class and came while the other one was being handled. What
    an exception was made from, a stanza it holds, counts as inside it.
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
