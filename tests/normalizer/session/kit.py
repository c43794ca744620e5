"""Errors made for the tests of sessions: each an object of its own, so that one can be told from another of its kind."""

from __future__ import annotations

from errnorm.error import NormalizedError, Signal
from errnorm.judgement import Judgement
from errnorm.tables.provenance import Reach
from errnorm.tables.row import Entry, Row
from errnorm.taxonomy import Effect, Reason, Recovery


def error(reason: Reason, recovery: Recovery, *, terminal: bool = True, known: bool = True) -> NormalizedError:
    """Return an error with a judgement of its own."""
    row = Row(
        reason=reason,
        recovery=recovery,
        terminal=terminal,
        effect=Effect.NOT_APPLIED,
        reach=Reach.CLIENT,
        evidence="source",
        source="a test",
    )
    judgement = Judgement(
        protocol="nats",
        section="error",
        code=str(reason),
        reason=reason if known else Reason.UNKNOWN,
        recovery=recovery if known else Recovery.ABANDON,
        terminal=terminal,
        effect=Effect.NOT_APPLIED,
        row=Entry("error", str(reason), row, "nats 0", "a test") if known else None,
        tables_version="nats 0",
    )
    return NormalizedError(judgement, Signal("nats", "error", str(reason)))


def unreachable() -> NormalizedError:
    """Return what time can mend."""
    return error(Reason.TRANSPORT_REFUSED, Recovery.RECONNECT)


def silent() -> NormalizedError:
    """Return a time-out, which by itself is not the end of a connection."""
    return error(Reason.TRANSPORT_TIMEOUT, Recovery.WAIT, terminal=False)


def lost() -> NormalizedError:
    """Return what a socket says."""
    return error(Reason.TRANSPORT_LOST, Recovery.RECONNECT)


def kicked() -> NormalizedError:
    """Return what a peer says, and means."""
    return error(Reason.LIMITS_CONNECTIONS, Recovery.RECONNECT)


def refused() -> NormalizedError:
    """Return what other credentials would mend."""
    return error(Reason.AUTH_REJECTED, Recovery.REAUTHENTICATE)


def untrusted() -> NormalizedError:
    """Return what no time can mend."""
    return error(Reason.AUTH_UNTRUSTED, Recovery.ABANDON)


def moved() -> NormalizedError:
    """Return what another address would mend."""
    return error(Reason.SHUTDOWN_MOVED, Recovery.REDIRECT)


def denied() -> NormalizedError:
    """Return what a session survives."""
    return error(Reason.AUTH_FORBIDDEN, Recovery.ABANDON, terminal=False)


def strange() -> NormalizedError:
    """Return what no row knows."""
    return error(Reason.UNKNOWN, Recovery.ABANDON, known=False)
