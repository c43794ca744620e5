"""The decisions between two sessions, and the calls of the hooks that they need."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from errnorm.decision import Decision, Verdict
from errnorm.frozen import replace
from errnorm.marks import mark_of
from errnorm.taxonomy import Recovery

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.decision import RetryState
    from errnorm.error import NormalizedError
    from errnorm.middleware import Middleware
    from errnorm.supervisor.credentials import Credentials
    from errnorm.supervisor.runs import Opener, Runs

__all__ = ["Decider"]

_TWICE = "the same credentials were refused twice in a row"
_WAITS = "the same credentials were refused twice; waiting for other ones"
_NONE_CAME = "no other credentials came"


class Decider:
    """Decides after the end of a session whether to open another one, and emits the error and the decision."""

    def __init__(  # noqa: PLR0913 - the arguments of `supervise`
        self,
        middleware: Middleware,
        opener: Opener,
        runs: Runs[Any],
        attempts: RetryState,
        credentials: Credentials,
        redirect: Callable[[str], object] | None,
        *,
        protocol: str | None,
        peer: str | None,
    ) -> None:
        """Store the arguments; `supervise` describes them."""
        self._middleware = middleware
        self._opener = opener
        self._runs = runs
        self._attempts = attempts
        self._credentials = credentials
        self._redirect = redirect
        self._protocol = protocol
        self._peer = peer

    async def decided(self, ended: object) -> tuple[NormalizedError, Decision]:
        """Decide about the end of a session, call the hooks of the caller if needed, and emit the error with the decision."""
        error = self._runs.judged(ended, self._protocol)
        if error.recovery is Recovery.REAUTHENTICATE:
            return error, await self._about_credentials(ended, error)
        follow = error.recovery is Recovery.REDIRECT and await self._trusts(error.address)
        decision = _on_a_new_connection(self._attempts.decide(error, idempotent=True, redirects=follow))
        self._report(ended, decision)
        return error, decision

    async def _about_credentials(self, ended: object, error: NormalizedError) -> Decision:
        try:
            pause = await self._credentials.refused(error)
        except Exception as failure:  # noqa: BLE001 - a hook that raises counts as one without new credentials; its error is emitted
            self._report(failure, None, "credentials")
            pause = 0.0 if self._credentials.refusals < 2 else None  # noqa: PLR2004 - see `Credentials`
        if pause is not None:
            self._attempts.last_auth = self._attempts.last = None
        decision = self._attempts.decide(error, idempotent=True, fresh_credentials=pause is not None)
        if pause is not None:
            decision = _after(decision, pause)
        elif self._credentials.may_come:
            self._report(ended, Decision(Verdict.RETRY, error.recovery, self._credentials.every, _WAITS))
            return await self._waited(error)
        else:
            decision = Decision(Verdict.ABORT, error.recovery, None, _TWICE)
        self._report(ended, decision)
        return decision

    async def _waited(self, error: NormalizedError) -> Decision:
        try:
            came = await self._credentials.wait(error)
        except Exception as failure:  # noqa: BLE001 - as above
            self._report(failure, None, "credentials")
            came = False
        if came:
            return Decision(Verdict.RETRY, Recovery.REAUTHENTICATE, None, "there are other credentials")
        decision = Decision(Verdict.ABORT, Recovery.REAUTHENTICATE, None, _NONE_CAME)
        self._report(error, decision)
        return decision

    async def _trusts(self, address: str | None) -> bool:
        if self._redirect is None or not address:
            return False
        try:
            answer = self._redirect(address)
            return bool(await answer if inspect.isawaitable(answer) else answer)
        except Exception as error:  # noqa: BLE001 - a hook that raises counts as a refusal to follow; its error is emitted
            self._report(error, None, "redirect")
            return False

    def _report(self, ended: object, decision: Decision | None, operation: str | None = None) -> None:
        mark = mark_of(ended)
        if mark is not None and mark.told == "background":
            mark.told = None  # the session did not emit it, but left that to the supervisor
        error = self._middleware.report(
            ended,
            self._protocol or self._runs.protocol,
            operation=operation or self._runs.operation,
            idempotent=True,
            peer=self._peer,
            attempt=max(1, self._attempts.failed),
            decision=decision,
            outcome="retried" if decision is not None and decision.retry else "failed",
            server=self._opener.server,
        )
        if decision is not None:
            self._opener.paused(error, decision)


def _on_a_new_connection(decision: Decision) -> Decision:
    """Return the decision with the step that the supervisor takes: it does not repeat anything on the same connection."""
    return replace(decision, step=Recovery.RECONNECT) if decision.retry and decision.step is Recovery.WAIT else decision


def _after(decision: Decision, pause: float) -> Decision:
    delay = max(decision.delay or 0.0, pause)
    return Decision(decision.verdict, decision.step, delay if decision.retry else None, decision.why)
