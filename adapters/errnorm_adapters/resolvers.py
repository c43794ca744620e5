"""One resolver for each middleware, which all attached clients of a kind share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.error import NormalizedError
    from errnorm.middleware import Middleware

__all__ = ["shared"]


class _Resolver(Protocol):
    def behind(self, exception: BaseException, error: NormalizedError, /) -> object:
        """Return the real error behind an exception; `Middleware.add_resolver` describes it."""
        ...


R = TypeVar("R", bound=_Resolver)


def shared(kind: Callable[[], R]) -> Callable[[Middleware], R]:
    """
    Return a function that returns the resolver of a middleware. Its first call for a middleware makes the resolver and adds it.

    Args:
        kind: The class of the resolvers. A resolver lives as long as its middleware.
    """
    resolvers: WeakKeyDictionary[Middleware, R] = WeakKeyDictionary()

    def resolver_of(middleware: Middleware) -> R:
        resolver = resolvers.get(middleware)
        if resolver is None:
            resolver = resolvers.setdefault(middleware, kind())
            middleware.add_resolver(resolver.behind)
        return resolver

    return resolver_of
