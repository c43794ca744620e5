"""
The vocabulary: what an error is about, and what follows from it.

Three questions are kept apart, because they have different answers:

* *What is it about?*  `Category`, and below it the `Reason`, which is the value of `error.type`.
* *What would help?*   `Recovery`: the step that has to come first. `retryable` is derived from it, never stored beside it.
* *Did it happen?*     `Effect`: whether the failed operation may have taken effect all the same.

The words are public API: they appear in logs, dashboards and alert rules. Words are added, never changed.

What a word means is written below it. Editors show that text; `about` returns it to `errnorm explain`, the reference pages and
the catalogue. What to do about an error is written in `errnorm.advice`, for each reason and recovery together.
"""

from __future__ import annotations

from enum import StrEnum

from errnorm.member_docs import member_docs

__all__ = ["Category", "Effect", "Reason", "Recovery"]


class Category(StrEnum):
    """What an error is about. Closed: five, and one for the rest."""

    AUTH = "auth"
    """Who you are and what you may do: credentials, identity, membership or permission would change the answer."""
    LIMITS = "limits"
    """How much: a count, a size, a rate, a quota or a resource, and consumers that are too slow."""
    PROTOCOL = "protocol"
    """What was said: malformed, unsupported, misaddressed, conflicting, absent, out of order or misconfigured."""
    TRANSPORT = "transport"
    """The path: the network, TLS, a time-out, or a server or recipient that fails or cannot be reached."""
    SHUTDOWN = "shutdown"
    """The session ended on purpose: one side stops, moves, kicks, replaces or resets it."""
    UNKNOWN = "unknown"
    """No row of any table knows it. Never retried; its fingerprint lets it be counted and named."""

    @property
    def about(self) -> str:
        """What the word means, in a sentence."""
        return member_docs(Category)[self.name][0]


class Reason(StrEnum):
    """Why, in a word that means the same in every protocol; it stands under its category."""

    AUTH_REJECTED = "auth.rejected"
    """
    The server refused the credentials, or the identity they claim.

    Likely cause: Usually a wrong password, token or key of the client; or what the server checks credentials against is down.
    """
    AUTH_EXPIRED = "auth.expired"
    """
    The credentials were good once; their time is over.

    Likely cause: Nobody renewed a token, a JWT or a password in time, or a clock is wrong.
    """
    AUTH_REVOKED = "auth.revoked"
    """
    The credentials were taken back by whoever issued them.

    Likely cause: An operator's decision.
    """
    AUTH_TIMEOUT = "auth.timeout"
    """
    The login did not finish in the time the server allows.

    Likely cause: A slow network, an overloaded server or credential service; or a client that never sends its login.
    """
    AUTH_REQUIRED = "auth.required"
    """
    One must be logged in, registered, subscribed or a member first.

    Likely cause: The client skipped a step that the server wants before this operation.
    """
    AUTH_FORBIDDEN = "auth.forbidden"
    """
    The identity is known and may not do this.

    Likely cause: Permissions that were never given, or a wrong subject, room or node.
    """
    AUTH_MECHANISM = "auth.mechanism"
    """
    Client and server could not agree how to log in.

    Likely cause: The client offers a mechanism that the server does not know, finds too weak, or allows only under TLS.
    """
    AUTH_UNTRUSTED = "auth.untrusted"
    """
    A certificate, key or proxy is not one that is trusted.

    Likely cause: A wrong, expired or unexpected certificate, or a host name it is not for; in the worst case an impostor.
    """
    AUTH_ACCOUNT = "auth.account"
    """
    The account itself is missing, disabled, expired or not usable.

    Likely cause: An operator's decision, or an account that has not reached this server yet.
    """
    LIMITS_CONNECTIONS = "limits.connections"
    """
    There are too many connections, or they come too fast.

    Likely cause: A herd of clients reconnecting at once, a leak of connections, or a small limit.
    """
    LIMITS_SUBSCRIPTIONS = "limits.subscriptions"
    """
    There are too many subscriptions on this connection or account.

    Likely cause: The client keeps subscribing without unsubscribing, or the limit is small.
    """
    LIMITS_SIZE = "limits.size"
    """
    It is larger than is allowed.

    Likely cause: The message, its headers or the request is too big for the configured limit.
    """
    LIMITS_RATE = "limits.rate"
    """
    It came too often or too fast.

    Likely cause: The client sends more than its share.
    """
    LIMITS_SLOW_CONSUMER = "limits.slow_consumer"
    """
    The reader does not keep up, and messages to it are dropped or its connection is cut.

    Likely cause: A handler that takes too long, a blocked event loop, or a thin network path. Messages may be lost.
    """
    LIMITS_STORAGE = "limits.storage"
    """
    A stream, bucket, account or disk is full.

    Likely cause: Messages arrive faster than limits or age remove them, or a limit was set too low.
    """
    LIMITS_RESOURCES = "limits.resources"
    """
    The server has not got enough of something: memory, storage, slots, a quota.

    Likely cause: Load, or a quota that is used up.
    """
    LIMITS_POLICY = "limits.policy"
    """
    A local rule of the server forbids it, and only its text says which.

    Likely cause: Size, rate, a ban, an administrator's kick or missing encryption: servers use one word for all of them.
    """
    PROTOCOL_MALFORMED = "protocol.malformed"
    """
    It could not be understood: syntax, encoding or schema is wrong.

    Likely cause: A bug in one of the two sides, or something in between that mangles bytes.
    """
    PROTOCOL_UNSUPPORTED = "protocol.unsupported"
    """
    It was understood, and the other side does not do it.

    Likely cause: A feature or version that the server, the module or the configuration lacks.
    """
    PROTOCOL_MISADDRESSED = "protocol.misaddressed"
    """
    It was sent to an address, port, host or name that cannot be right.

    Likely cause: A wrong or malformed address, or a server reached on the wrong port.
    """
    PROTOCOL_NOT_FOUND = "protocol.not_found"
    """
    The thing it is about does not exist.

    Likely cause: A wrong name, or something that was never made or was deleted.
    """
    PROTOCOL_CONFLICT = "protocol.conflict"
    """
    It collides with what is already there: a name, a state, a sequence.

    Likely cause: Somebody else was first, or the client's picture of the state is old.
    """
    PROTOCOL_UNEXPECTED = "protocol.unexpected"
    """
    It came at the wrong moment: out of order, or in a state that does not allow it.

    Likely cause: A sequence of steps that the other side does not expect.
    """
    PROTOCOL_REJECTED = "protocol.rejected"
    """
    The other side said no and gave no reason that this vocabulary has a better word for.

    Likely cause: Its text may say more.
    """
    PROTOCOL_CONFIGURATION = "protocol.configuration"
    """
    The configuration of a server, stream, account or client is wrong.

    Likely cause: Whoever wrote that configuration.
    """
    PROTOCOL_NOTICE = "protocol.notice"
    """
    Nothing failed: the other side tells how things stand.

    Likely cause: A heartbeat, an end marker or a warning that travels where errors do.
    """
    TRANSPORT_DNS = "transport.dns"
    """
    A name could not be resolved.

    Likely cause: The name is missing for a moment, as in a cluster that restarts; or it is wrong, or the resolver is down.
    """
    TRANSPORT_REFUSED = "transport.refused"
    """
    Nothing accepted the connection, or the path rejected it.

    Likely cause: The server is down or restarting, the port is wrong, or a firewall says no.
    """
    TRANSPORT_TIMEOUT = "transport.timeout"
    """
    No answer came in time.

    Likely cause: Load, loss or a peer that never answers. The request may already have been executed.
    """
    TRANSPORT_STALE = "transport.stale"
    """
    The connection is open but dead: pings went unanswered.

    Likely cause: A lost peer, a broken middlebox, or an event loop that was blocked too long.
    """
    TRANSPORT_LOST = "transport.lost"
    """
    The connection broke or was closed without a word.

    Likely cause: A restart, a network fault, or a server that cut the connection without saying why.
    """
    TRANSPORT_TLS = "transport.tls"
    """
    TLS could not be set up.

    Likely cause: Versions or ciphers that do not match, or a plain-text peer on a TLS port.
    """
    TRANSPORT_REMOTE = "transport.remote"
    """
    A server further on could not be reached.

    Likely cause: The other domain or cluster is down, or its name does not resolve.
    """
    TRANSPORT_UNAVAILABLE = "transport.unavailable"
    """
    Nobody is there to answer.

    Likely cause: The service is not running, the recipient is offline, or a cluster is electing a leader.
    """
    TRANSPORT_INTERNAL = "transport.internal"
    """
    A fault inside the server.

    Likely cause: A bug, a broken backend or an overload on the other side.
    """
    SHUTDOWN_SERVER = "shutdown.server"
    """
    The server stops, restarts or drains.

    Likely cause: Maintenance or a deployment.
    """
    SHUTDOWN_CLIENT = "shutdown.client"
    """
    This side closed, or is closing, the connection.

    Likely cause: The application, or the client library giving up.
    """
    SHUTDOWN_KICKED = "shutdown.kicked"
    """
    An administrator threw this connection out.

    Likely cause: A person or a script on the server's side.
    """
    SHUTDOWN_REPLACED = "shutdown.replaced"
    """
    Another session with the same identity took this one's place.

    Likely cause: Two clients share one identity, or an old session had not died yet.
    """
    SHUTDOWN_MOVED = "shutdown.moved"
    """
    What was here is somewhere else now, or gone from here.

    Likely cause: A migration, a load balancer, or a host that is no longer served.
    """
    SHUTDOWN_RESET = "shutdown.reset"
    """
    The server ends the session so that a new one can be negotiated.

    Likely cause: Changed features, keys or credentials.
    """
    UNKNOWN = "unknown"
    """
    No row of any table matches this error.

    Likely cause: A server, client or extension that says something new.
    """

    @property
    def category(self) -> Category:
        """The category it stands under."""
        return _CATEGORY_OF[self]

    @property
    def about(self) -> str:
        """What happened, for somebody who has never seen it."""
        return member_docs(Reason)[self.name][0]

    @property
    def cause(self) -> str:
        """What usually causes it."""
        return member_docs(Reason)[self.name][1].removeprefix("Likely cause: ")


_CATEGORY_OF = {reason: Category(reason.partition(".")[0]) for reason in Reason}


class Recovery(StrEnum):
    """The step that has to come before the same operation can succeed."""

    NONE = "none"
    """Nothing to recover: it ended as it should, or the action went on."""
    WAIT = "wait"
    """Wait, then repeat on the same connection."""
    RECONNECT = "reconnect"
    """Open a new connection after a pause, then repeat."""
    REDIRECT = "redirect"
    """Open a connection to the address that came with the error, if you trust it. Never followed for you."""
    REAUTHENTICATE = "reauthenticate"
    """Get fresh or other credentials first."""
    MODIFY = "modify"
    """Change the request: its content, size, name or address."""
    ABANDON = "abandon"
    """Stop: the answer is no, or somebody else (an operator, the peer) must act."""

    @property
    def about(self) -> str:
        """What the word means, in a sentence."""
        return member_docs(Recovery)[self.name][0]

    @property
    def retryable(self) -> bool:
        """Whether the same operation may succeed later through time, load or topology alone: wait, reconnect, redirect."""
        return self in _RETRYABLE


_RETRYABLE = frozenset({Recovery.WAIT, Recovery.RECONNECT, Recovery.REDIRECT})


class Effect(StrEnum):
    """Whether the operation that failed may have taken effect all the same."""

    NOT_APPLIED = "not_applied"
    """It was refused before anything happened: repeating cannot do it twice."""
    UNKNOWN = "unknown"
    """It may have been carried out: repeating something that is not idempotent can do it twice."""

    @property
    def about(self) -> str:
        """What the word means, in a sentence."""
        return member_docs(Effect)[self.name][0]
