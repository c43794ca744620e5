"""
The vocabulary: what an error is about, and what follows from it.

Three questions are kept apart, because they have different answers:

* *What is it about?*  `Category`, and below it the `Reason`, which is the value of `error.type`.
* *What would help?*   `Recovery`: the step that has to come first. `retryable` is derived from it, never stored beside it.
* *Did it happen?*     `Effect`: whether the failed operation may have taken effect all the same.

The words are public API: they stand in logs, dashboards and alert rules. They are only ever added to.
Every word has one description, in `errnorm.descriptions`: the reference pages, `errnorm explain` and the catalogue print it.
"""

from __future__ import annotations

from enum import StrEnum

from errnorm import descriptions

__all__ = ["Category", "Effect", "Evidence", "Reach", "Reason", "Recovery"]


class Category(StrEnum):
    """What an error is about. Closed: five, and one for the rest."""

    AUTH = "auth"
    LIMITS = "limits"
    PROTOCOL = "protocol"
    TRANSPORT = "transport"
    SHUTDOWN = "shutdown"
    UNKNOWN = "unknown"

    @property
    def about(self) -> str:
        """What the word means, in a sentence."""
        return descriptions.CATEGORY[self]


class Reason(StrEnum):
    """Why, in a word that means the same in every protocol; it stands under its category."""

    AUTH_REJECTED = "auth.rejected"
    AUTH_EXPIRED = "auth.expired"
    AUTH_REVOKED = "auth.revoked"
    AUTH_TIMEOUT = "auth.timeout"
    AUTH_REQUIRED = "auth.required"
    AUTH_FORBIDDEN = "auth.forbidden"
    AUTH_MECHANISM = "auth.mechanism"
    AUTH_UNTRUSTED = "auth.untrusted"
    AUTH_ACCOUNT = "auth.account"

    LIMITS_CONNECTIONS = "limits.connections"
    LIMITS_SUBSCRIPTIONS = "limits.subscriptions"
    LIMITS_SIZE = "limits.size"
    LIMITS_RATE = "limits.rate"
    LIMITS_SLOW_CONSUMER = "limits.slow_consumer"
    LIMITS_RESOURCES = "limits.resources"
    LIMITS_POLICY = "limits.policy"

    PROTOCOL_MALFORMED = "protocol.malformed"
    PROTOCOL_UNSUPPORTED = "protocol.unsupported"
    PROTOCOL_MISADDRESSED = "protocol.misaddressed"
    PROTOCOL_NOT_FOUND = "protocol.not_found"
    PROTOCOL_CONFLICT = "protocol.conflict"
    PROTOCOL_UNEXPECTED = "protocol.unexpected"
    PROTOCOL_REJECTED = "protocol.rejected"
    PROTOCOL_CONFIGURATION = "protocol.configuration"
    PROTOCOL_NOTICE = "protocol.notice"

    TRANSPORT_REFUSED = "transport.refused"
    TRANSPORT_TIMEOUT = "transport.timeout"
    TRANSPORT_STALE = "transport.stale"
    TRANSPORT_LOST = "transport.lost"
    TRANSPORT_TLS = "transport.tls"
    TRANSPORT_REMOTE = "transport.remote"
    TRANSPORT_UNAVAILABLE = "transport.unavailable"
    TRANSPORT_INTERNAL = "transport.internal"

    SHUTDOWN_SERVER = "shutdown.server"
    SHUTDOWN_CLIENT = "shutdown.client"
    SHUTDOWN_KICKED = "shutdown.kicked"
    SHUTDOWN_REPLACED = "shutdown.replaced"
    SHUTDOWN_MOVED = "shutdown.moved"
    SHUTDOWN_RESET = "shutdown.reset"

    UNKNOWN = "unknown"

    @property
    def category(self) -> Category:
        """The category it stands under."""
        return _CATEGORY_OF[self]

    @property
    def about(self) -> str:
        """What happened, for somebody who has never seen it."""
        return descriptions.REASON[self][0]

    @property
    def cause(self) -> str:
        """Whose doing it usually is, and why."""
        return descriptions.REASON[self][1]

    @property
    def advice(self) -> str:
        """What to do about it."""
        return descriptions.REASON[self][2]


_CATEGORY_OF = {reason: Category(reason.partition(".")[0]) for reason in Reason}


class Recovery(StrEnum):
    """The step that has to come before the same operation can succeed."""

    NONE = "none"
    WAIT = "wait"
    RECONNECT = "reconnect"
    REDIRECT = "redirect"
    REAUTHENTICATE = "reauthenticate"
    MODIFY = "modify"
    ABANDON = "abandon"

    @property
    def about(self) -> str:
        """What the word means, in a sentence."""
        return descriptions.RECOVERY[self]

    @property
    def retryable(self) -> bool:
        """Whether the same operation may succeed later through time, load or topology alone: wait, reconnect, redirect."""
        return self in _RETRYABLE


_RETRYABLE = frozenset({Recovery.WAIT, Recovery.RECONNECT, Recovery.REDIRECT})


class Effect(StrEnum):
    """Whether the operation that failed may have taken effect all the same."""

    NOT_APPLIED = "not_applied"
    UNKNOWN = "unknown"

    @property
    def about(self) -> str:
        """What the word means, in a sentence."""
        return descriptions.EFFECT[self]


class Reach(StrEnum):
    """Where an error can show itself."""

    CLIENT_WIRE = "client wire"
    PEER_WIRE = "peer wire"
    LOG = "log"
    MONITORING = "monitoring"
    CONFIGURATION = "configuration"
    INTERNAL = "internal"
    CLIENT = "client"
    NEVER = "never emitted"

    @property
    def about(self) -> str:
        """What the word means, in a sentence."""
        return descriptions.REACH[self]


class Evidence(StrEnum):
    """How it is known that a row is right."""

    PROVOKED = "provoked"
    SOURCE = "source"
    SPECIFICATION = "specification"

    @property
    def about(self) -> str:
        """What the word means, in a sentence."""
        return descriptions.EVIDENCE[self]
