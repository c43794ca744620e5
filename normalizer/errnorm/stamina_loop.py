"""
Look into a loop of stamina from inside an attempt, and keep stamina from logging what a middleware has logged.

stamina calls a hook only after an attempt has failed, so no code of this library runs when an attempt begins. A guard that sees a
failure therefore looks for the attempt in the variables of the functions that are running, and leaves the emission to the hook.
Nothing here imports stamina.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet, ref

from errnorm.attempts import Attempt, running
from errnorm.marks import mark_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.guard import Guard

__all__ = ["HOOKS", "IMPORTED", "attempt_around", "hush", "settled_by", "state_of_caller"]

HOOKS: Final[WeakSet[Callable[..., Any]]] = WeakSet()
"""The hooks that were made for stamina, and that emit what a guard inside an attempt leaves to them."""

IMPORTED: Final[set[str]] = set()
"""The modules that stamina has imported for its default hooks. The application may not use them."""

_ATTEMPT: Final = "_errnorm_attempt"
_MOST_FRAMES: Final = 256
_LOGGING: Final = frozenset({"stamina.instrumentation._structlog", "stamina.instrumentation._logging"})


class _Left(Attempt):
    """
    What the guards in an attempt of stamina have left to its hook.

    It is stored on the state of the loop and freed with it. An attempt that succeeds does not call the hook, so what was handled
    inside the attempt is emitted then.
    """

    __slots__ = ()

    def leave(self, exception: BaseException, guard: Guard) -> None:
        """Store a copy of the exception: its frames would keep the state, and so this object, alive after the attempt."""
        super().leave(_without_frames(exception), guard)

    def __del__(self) -> None:
        self.settle(None)


def _without_frames(exception: BaseException) -> BaseException:
    from copy import copy  # noqa: PLC0415 - only failures in a loop of stamina need it

    try:
        twin = copy(exception)
        return twin if type(twin) is type(exception) and mark_of(twin) is mark_of(exception) else exception
    except Exception:  # noqa: BLE001 - the class of an application can refuse to be copied; then the collector frees the attempt
        return exception


def state_of_caller() -> Any:  # noqa: ANN401 - a type of a library that is not imported
    """Return the state of the loop that has called the function that calls this one; `None` if stamina has not called it."""
    # stamina passes only the exception to its hooks. The state of the loop, which knows whether this was the last attempt, is an
    # argument of the function that calls the hook (stamina/_core.py, _TenacityBackoffCallbackAdapter).
    return sys._getframe(2).f_locals.get("retry_state")  # noqa: SLF001 - stamina has no public way to read it


def attempt_around() -> Attempt | None:
    """Return the innermost attempt of a retry loop that runs now, of stamina or of another library; `None` if there is none."""
    found = running()
    if not HOOKS or (kind := getattr(sys.modules.get("stamina"), "Attempt", None)) is None:
        return found
    state = _running_state(kind)
    # A loop that began before the attempt of the other library is around it.
    if state is None or (found is not None and state.start_time < found.began):
        return found
    kept: Attempt | None = vars(state).get(_ATTEMPT)
    if kept is None:
        of_loop = ref(state)
        kept = vars(state)[_ATTEMPT] = _Left(lambda: (loop := of_loop()) is None or loop.outcome is not None, found)
    return kept


def _running_state(kind: type) -> Any:  # noqa: ANN401 - as above
    """Return the state of the innermost running loop of stamina with one of our hooks."""
    # stamina's decorator, or the application, has the present attempt in a variable. stamina has no public way to find it.
    frame = sys._getframe(1)  # noqa: SLF001 - as above
    for _ in range(_MOST_FRAMES):
        for value in tuple(frame.f_locals.values()):
            if type(value) is kind and (state := _state_of(value)) is not None:
                return state
        if (outer := frame.f_back) is None:
            break
        frame = outer
    return None


def _state_of(attempt: Any) -> Any:  # noqa: ANN401 - as above
    state = getattr(getattr(attempt, "_t_attempt", None), "retry_state", None)
    if state is None or state.outcome is not None:
        return None  # the attempt has ended
    hook = getattr(getattr(state.retry_object, "retry", None), "_backoff_hook", None)
    return state if hook in HOOKS else None


def settled_by(state: Any, exception: BaseException) -> Any:  # noqa: ANN401 - as above
    """End the attempt of a state; return the guard that has left the exception to the loop, if there is one."""
    kept: Attempt | None = None if state is None else vars(state).pop(_ATTEMPT, None)
    return None if kept is None else kept.settle(exception)


def hush() -> None:
    """
    Keep stamina's own hooks from logging a retry that a middleware has emitted.

    They would log the same retry once more, with the original text of the exception. Other retries are logged as before.
    """
    import stamina.instrumentation as of_stamina  # noqa: PLC0415 - a loop of stamina is running

    had_structlog = "structlog" in sys.modules
    hooks: tuple[Any, ...] = of_stamina.get_on_retry_hooks()
    if not had_structlog and "structlog" in sys.modules:
        IMPORTED.add("structlog")
    kept: list[Any] = [_hushed(hook) if getattr(hook, "__module__", "") in _LOGGING else hook for hook in hooks]
    if kept != list(hooks):
        of_stamina.set_on_retry_hooks(kept)


def _hushed(hook: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def log_others(details: Any) -> Any:  # noqa: ANN401 - as above
        mark = mark_of(details.caused_by)
        return None if mark is not None and mark.told == "retried" else hook(details)

    return log_others
