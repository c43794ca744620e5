"""
Methods of a client that others stand in for, and callbacks that never raise.

slixmpp says some things only by what it calls: its own `connect`, `disconnect` and `reconnect`. A method set on the instance
hides that of the class, for slixmpp's own calls too. All of them are public.
"""

from __future__ import annotations

import logging
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec

from errnorm.exceptions import class_names

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Methods", "safely"]

P = ParamSpec("P")

_log = logging.getLogger("errnorm")


class Methods:
    """
    Methods of one object that are hidden by others.

    Attributes:
        hidden: What they hide, by name.
    """

    def __init__(self, owner: Any, **instead: Callable[..., Any]) -> None:  # noqa: ANN401 - of a library that is not imported
        """
        Hide them.

        Args:
            owner: Whose methods they are.
            instead: What stands in for each, by the name of the method.
        """
        self.hidden: dict[str, Callable[..., Any]] = {name: getattr(owner, name) for name in instead}
        self._owner = owner
        self._instead = instead
        self._own = {name: method for name, method in self.hidden.items() if name in vars(owner)}
        for name, method in instead.items():
            setattr(owner, name, method)

    def restore(self) -> None:
        """Put everything back as it was. What somebody has hidden in turn stays, and still works."""
        for name, method in self._instead.items():
            if vars(self._owner).get(name) != method:
                continue
            if name in self._own:
                setattr(self._owner, name, self._own[name])
            else:
                delattr(self._owner, name)


def safely(callback: Callable[P, object]) -> Callable[P, None]:
    """Return a callback that logs what it would raise: asyncio closes a connection over what is raised where it receives."""

    @wraps(callback)
    def careful(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            callback(*args, **kwargs)
        except Exception as failure:  # noqa: BLE001 - see above
            # By its class alone: what it says may be a peer's.
            _log.error("errnorm: an event of the client could not be read: %s", class_names(failure)[0])

    return careful
