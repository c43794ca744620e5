"""
Endpoints of NATS services (`nats.micro`): answer a failure with its reason and a matching code, instead of `500` and its `repr`.

    @errnorm_adapters.nats.endpoint(errors, operation="reserve", poison=(ValueError,))
    async def reserve(request): ...

nats-py answers an exception of a handler with the code 500 and `repr(error)`. So the caller receives the data in the exception:
addresses, values, parts of messages. With this decorator, the answer contains a code like an HTTP status (ADR-32) and the reason
of errnorm's taxonomy. The caller can read both: `errnorm.normalize` of the reply, of its headers or of a `ServiceError` returns
the same reason.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from errnorm.taxonomy import Category, Reason

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from errnorm.error import NormalizedError
    from errnorm.middleware import Middleware

__all__ = ["code_of", "endpoint"]

_CODES: Mapping[Reason, int] = {
    Reason.AUTH_REJECTED: 401,
    Reason.AUTH_REQUIRED: 401,
    Reason.AUTH_EXPIRED: 401,
    Reason.LIMITS_SIZE: 413,
    Reason.LIMITS_RATE: 429,
    Reason.PROTOCOL_NOT_FOUND: 404,
    Reason.PROTOCOL_CONFLICT: 409,
    Reason.TRANSPORT_TIMEOUT: 504,
    Reason.TRANSPORT_INTERNAL: 500,
}
_BY_CATEGORY: Mapping[Category, int] = {
    Category.AUTH: 403,
    Category.LIMITS: 503,
    Category.PROTOCOL: 400,
    Category.TRANSPORT: 503,
    Category.SHUTDOWN: 503,
    Category.UNKNOWN: 500,
}


def code_of(reason: Reason) -> int:
    """Return the code with which a service answers for a reason."""
    return _CODES.get(reason, _BY_CATEGORY[reason.category])


def endpoint(
    errors: Middleware, *, operation: str | None = None, poison: tuple[type[BaseException], ...] = ()
) -> Callable[[Callable[[Any], Awaitable[object]]], Callable[[Any], Awaitable[None]]]:
    """
    Return a decorator for the handler of an endpoint.

    An exception of the handler is reported once, and the answer contains no text of the exception. If the handler raises a
    `ServiceError`, that is a deliberate answer: it is raised unchanged and not reported.

    Args:
        errors: The middleware that reports failures.
        operation: A name for the work of the endpoint, for the reports; use few different values. By default the name of the
            handler.
        poison: Exception classes that mean that the request is bad; the answer has the code 400.
    """

    def decorate(handler: Callable[[Any], Awaitable[object]]) -> Callable[[Any], Awaitable[None]]:
        named = operation or getattr(handler, "__name__", "endpoint")

        @functools.wraps(handler)
        async def answering(request: Any) -> None:  # noqa: ANN401 - of a library that is not imported
            try:
                await handler(request)
            except Exception as exception:
                if _is_answer(exception):
                    raise
                error = errors.report(exception, operation=named, outcome="failed")
                await _refuse(request, exception, error, poison)

        return answering

    return decorate


async def _refuse(request: Any, exception: Exception, error: NormalizedError, poison: tuple[type[BaseException], ...]) -> None:  # noqa: ANN401 - as above
    reason = Reason.PROTOCOL_MALFORMED if isinstance(exception, poison) else error.reason
    await request.respond_error(str(code_of(reason)), reason.value)


def _is_answer(exception: Exception) -> bool:
    return type(exception).__module__.startswith("nats.micro") and type(exception).__name__ == "ServiceError"
