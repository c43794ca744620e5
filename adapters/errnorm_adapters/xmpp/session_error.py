"""What a session ended with, as an exception, where the client raised none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from errnorm.error import Signal

__all__ = ["SessionError"]

_NAME = re.compile(r"[a-z0-9-]{1,64}").fullmatch


class SessionError(Exception):
    """
    What a session ended with, where the client raised nothing: an element of the stream, or words of the client.

    Attributes:
        signal: What was seen; `errnorm.normalize` of this exception judges it.
    """

    def __init__(self, signal: Signal) -> None:
        """Hold what was seen. Nothing that a peer wrote freely gets into the message."""
        code = signal.code or ""
        super().__init__(f"the XMPP session ended: {signal.section} {code if _NAME(code) else 'error'}")
        self.signal = signal

    def __reduce__(self) -> tuple[type[RuntimeError], tuple[str]]:
        """Travel to another process as its message alone."""
        return RuntimeError, (str(self),)
