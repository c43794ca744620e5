"""A dictionary with a bound, for answers that can be found again and keys that somebody else makes up."""

from __future__ import annotations

from typing import TypeVar

__all__ = ["BoundedCache"]

K = TypeVar("K")
V = TypeVar("V")


class BoundedCache(dict[K, V]):
    """
    A dictionary that is emptied when it is full. Reading costs what reading a dictionary costs.

    What is asked for often is soon back; a peer that sends a thousand new keys a second cannot make it grow.
    """

    __slots__ = ("_most",)

    def __init__(self, most: int) -> None:
        """
        Start empty.

        Args:
            most: How many entries it holds at most.
        """
        super().__init__()
        self._most = most

    def remember(self, key: K, value: V) -> V:
        """Store a value and return it."""
        if len(self) >= self._most:
            self.clear()
        self[key] = value
        return value
