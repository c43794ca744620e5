"""An exception for the error that ended a session, for clients that raise none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from errnorm.error import Signal

__all__ = ["SessionError"]

_NAME = re.compile(r"[a-z0-9-]{1,64}").fullmatch


class SessionError(Exception):
    """
    The error that ended a session, if the client raised no exception: an element of the stream, or a text of the client.

    Attributes:
        signal: The observed error. `errnorm.normalize` of this exception returns its normalized error.
    """

    def __init__(self, signal: Signal) -> None:
        """Store the signal. The message of the exception contains no free text of a peer."""
        code = signal.code or ""
        super().__init__(f"the XMPP session ended: {signal.section} {code if _NAME(code) else 'error'}")
        self.signal = signal

    def __reduce__(self) -> tuple[type[RuntimeError], tuple[str]]:
        """Pickle the exception as a `RuntimeError` with the same message and without the signal."""
        return RuntimeError, (str(self),)
