"""
Replace methods of a client, and make callbacks that never raise.

slixmpp emits no event for some things: only its calls of its own `connect`, `disconnect` and `reconnect` show them. A method that
is set on the instance hides the method of the class, for the calls of slixmpp too. All replaced methods of slixmpp are public.
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
    Replacements for methods of one object.

    Attributes:
        hidden: The original methods that the replacements hide, by method name.
    """

    def __init__(self, owner: Any, **instead: Callable[..., Any]) -> None:  # noqa: ANN401 - of a library that is not imported
        """
        Set the replacements on the object.

        Args:
            owner: The object whose methods are replaced.
            instead: The replacements, by method name.
        """
        self.hidden: dict[str, Callable[..., Any]] = {name: getattr(owner, name) for name in instead}
        self._owner = owner
        self._instead = instead
        self._own = {name: method for name, method in self.hidden.items() if name in vars(owner)}
        for name, method in instead.items():
            setattr(owner, name, method)

    def restore(self) -> None:
        """Restore the original methods. If other code has replaced a method again, that replacement stays and still works."""
        for name, method in self._instead.items():
            if vars(self._owner).get(name) != method:
                continue
            if name in self._own:
                setattr(self._owner, name, self._own[name])
            else:
                delattr(self._owner, name)


def safely(callback: Callable[P, object]) -> Callable[P, None]:
    """Return a callback that logs exceptions instead of raising them: asyncio closes a connection whose receiving code raises."""

    @wraps(callback)
    def careful(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            callback(*args, **kwargs)
        except Exception as failure:  # noqa: BLE001 - see above
            # Only the class is logged: the message may contain text from a peer.
            _log.error("errnorm: an event of the client could not be processed: %s", class_names(failure)[0])

    return careful
