"""
The public calls as an application writes them. Type checkers read this file, and nobody runs it.

What is asserted is what a user relies on: the types that come out, and that a wrapped function keeps its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_type

import errnorm
import errnorm_adapters.nats
import errnorm_adapters.xmpp
from errnorm import Category, Decision, Effect, Middleware, NormalizedError, Reason, Recovery, RetryPolicy, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping


def normalizing(raw: object) -> None:
    error = errnorm.normalize(raw, "nats")
    assert_type(error, NormalizedError)
    assert_type(error.category, Category)
    assert_type(error.reason, Reason)
    assert_type(error.recovery, Recovery)
    assert_type(error.effect, Effect)
    assert_type(error.retryable, bool)
    assert_type(error.terminal, bool)
    assert_type(error.text, str | None)
    assert_type(error.address, str | None)
    params: Mapping[str, str | int | bool] = error.params
    print(params, error.to_json())  # noqa: T201 - it is an example


def deciding(error: NormalizedError) -> None:
    decision = errnorm.decide(error, idempotent=False, attempt=2)
    assert_type(decision, Decision)
    assert_type(decision.verdict, Verdict)
    assert_type(decision.delay, float | None)
    assert_type(decision.retry, bool)
    assert_type(errnorm.is_retryable(error), bool)
    assert_type(errnorm.is_terminal(error), bool)
    assert_type(RetryPolicy(attempts=3).start().decide(error, idempotent=True), Decision)


def finding(text: str) -> list[str]:
    return [str(one.error.reason) for one in errnorm.find(text)]


async def guarding(errors: Middleware) -> None:
    with errors.guard("nats", operation="publish", idempotent=False):
        pass
    async with errors.guard("nats", operation="publish", attempt=2):
        pass
    errors.report("nats: timeout", "nats", operation="publish")


def wrapping(errors: Middleware) -> None:
    @errors.wrap("nats", operation="ask")
    async def ask(subject: str, *, times: int = 1) -> bytes:
        return subject.encode() * times

    @errors.wrap("nats")
    def size(payload: bytes) -> int:
        return len(payload)

    assert_type(size(b""), int)

    async def asking() -> None:
        assert_type(await ask("a", times=2), bytes)

    print(asking)  # noqa: T201 - it is an example


def attaching(errors: Middleware, client: Any) -> None:
    nats_session = errnorm_adapters.nats.attach(errors, abort=True)
    callbacks: Mapping[str, object] = nats_session.callbacks
    xmpp_session = errnorm_adapters.xmpp.attach(errors, client, abort=True)
    print(callbacks, nats_session.health(), xmpp_session)  # noqa: T201 - it is an example


def overlaying(path: str) -> NormalizedError:
    return errnorm.Normalizer([path]).normalize("-ERR 'Stale Connection'")
