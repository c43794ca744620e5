"""
The vocabulary: what an error is about, and what follows from it.

Three questions are kept apart, because they have different answers:

* *What is it about?*  `Category`, and below it the `Reason`, which is the value of `error.type`.
* *What would help?*   `Recovery`: the step that has to come first. `retryable` is derived from it, never stored beside it.
* *Did it happen?*     `Effect`: whether the failed operation may have taken effect all the same.

The words are public API: they stand in logs, dashboards and alert rules. They are only ever added to.
Every member carries its own description; the reference pages, `errnorm explain` and the catalogue all print that one text.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Category", "Effect", "Evidence", "Reach", "Reason", "Recovery"]


class _Term(StrEnum):
    """A word of the vocabulary with its description."""

    _value_: str
    about: str

    if not TYPE_CHECKING:
        # Hidden from type checkers, for whom `Reason("auth.forbidden")` must stay a look-up with one argument.
        def __new__(cls, value: str, *_: str) -> Self:
            term = str.__new__(cls, value)
            term._value_ = value
            return term

    def __init__(self, _: str, about: str) -> None:
        self.about = self.__doc__ = about


class Category(_Term):
    """What an error is about. Closed: five, and one for the rest."""

    AUTH = "auth", "Who you are and what you may do: credentials, identity, membership or permission would change the answer."
    LIMITS = "limits", "How much: a count, a size, a rate, a quota or a resource, and consumers that are too slow."
    PROTOCOL = (
        "protocol",
        "What was said: malformed, unsupported, misaddressed, in conflict, not found, out of order, or misconfigured.",
    )
    TRANSPORT = (
        "transport",
        "The path: the network, TLS, a time-out, or a server or recipient on the way that fails or cannot be reached.",
    )
    SHUTDOWN = "shutdown", "The session ended on purpose: one side stops, moves, kicks, replaces or resets it."
    UNKNOWN = (
        "unknown",
        "No row of any table knows it. Never retried; it carries a fingerprint so that it can be counted and named.",
    )


class Reason(_Term):
    """
    Why, in a word that means the same in every protocol; it stands under its category.

    Attributes:
        about: What happened, for somebody who has never seen it.

        cause: Whose doing it usually is, and why.

        advice: What to do about it.
    """

    cause: str
    advice: str

    def __init__(self, value: str, about: str, cause: str, advice: str) -> None:
        """Hold the three texts beside the word."""
        super().__init__(value, about)
        self.cause = cause
        self.advice = advice

    @property
    def category(self) -> Category:
        """The category this reason stands under."""
        return _CATEGORY_OF[self]

    AUTH_REJECTED = (
        "auth.rejected",
        "The server refused the credentials, or the identity they claim.",
        "Usually a wrong password, token or key of the client; or what the server checks credentials against is down.",
        "Do not hammer: try once more at most, then fetch fresh credentials or ask the operator of the server.",
    )
    AUTH_EXPIRED = (
        "auth.expired",
        "The credentials were good once; their time is over.",
        "Nobody renewed a token, a JWT or a password in time, or a clock is wrong.",
        "Get fresh credentials, then connect again.",
    )
    AUTH_REVOKED = (
        "auth.revoked",
        "The credentials were taken back by whoever issued them.",
        "An operator's decision.",
        "Stop. Only new credentials help; ask who revoked the old ones.",
    )
    AUTH_TIMEOUT = (
        "auth.timeout",
        "The login did not finish in the time the server allows.",
        "A slow network, an overloaded server or credential service; or a client that never sends its login.",
        "Connect again after a pause; if it always happens, look at how long the login takes.",
    )
    AUTH_REQUIRED = (
        "auth.required",
        "One must be logged in, registered, subscribed or a member first.",
        "The client skipped a step that the server wants before this operation.",
        "Log in, register or join, then repeat.",
    )
    AUTH_FORBIDDEN = (
        "auth.forbidden",
        "The identity is known and may not do this.",
        "Permissions that were never given, or a wrong subject, room or node.",
        "Ask for the permission or use another address; repeating changes nothing.",
    )
    AUTH_MECHANISM = (
        "auth.mechanism",
        "Client and server could not agree how to log in.",
        "The client offers a mechanism that the server does not know, finds too weak, or allows only under TLS.",
        "Configure a mechanism both sides accept, or switch TLS on.",
    )
    AUTH_UNTRUSTED = (
        "auth.untrusted",
        "A certificate, key or proxy is not one that is trusted.",
        "A wrong, expired or unexpected certificate, or a host name it is not for; in the worst case an impostor.",
        "Check the certificate and the trusted roots. Never switch verification off to get past it.",
    )
    AUTH_ACCOUNT = (
        "auth.account",
        "The account itself is missing, disabled, expired or not usable.",
        "An operator's decision, or an account that has not reached this server yet.",
        "Ask whoever runs the account; another password does not help.",
    )

    LIMITS_CONNECTIONS = (
        "limits.connections",
        "There are too many connections, or they come too fast.",
        "A herd of clients reconnecting at once, a leak of connections, or a small limit.",
        "Connect again after a spread-out pause; look for clients that do not close.",
    )
    LIMITS_SUBSCRIPTIONS = (
        "limits.subscriptions",
        "There are too many subscriptions on this connection or account.",
        "The client keeps subscribing without unsubscribing, or the limit is small.",
        "Unsubscribe from something, or have the limit raised.",
    )
    LIMITS_SIZE = (
        "limits.size",
        "It is larger than is allowed.",
        "The message, its headers or the request is too big for the configured limit.",
        "Send less at a time, or have the limit raised; the same bytes will be refused again.",
    )
    LIMITS_RATE = (
        "limits.rate",
        "It came too often or too fast.",
        "The client sends more than its share.",
        "Wait, then go on more slowly.",
    )
    LIMITS_SLOW_CONSUMER = (
        "limits.slow_consumer",
        "The reader does not keep up, and messages to it are dropped or its connection is cut.",
        "A handler that takes too long, a blocked event loop, or a thin network path. Messages may be lost.",
        "Make the handler faster or share the load; reconnecting alone brings it back.",
    )
    LIMITS_RESOURCES = (
        "limits.resources",
        "The server has not got enough of something: memory, storage, slots, a quota.",
        "Load, or a quota that is used up.",
        "Wait if it is load; free something or have the quota raised if it is not.",
    )
    LIMITS_POLICY = (
        "limits.policy",
        "A local rule of the server forbids it, and only its text says which.",
        "Size, rate, a ban, an administrator's kick or missing encryption: servers use one word for all of them.",
        "Read the text, ask the operator. Coming back at once makes it worse.",
    )

    PROTOCOL_MALFORMED = (
        "protocol.malformed",
        "It could not be understood: syntax, encoding or schema is wrong.",
        "A bug in one of the two sides, or something in between that mangles bytes.",
        "Mend the request; keep the bytes for a bug report.",
    )
    PROTOCOL_UNSUPPORTED = (
        "protocol.unsupported",
        "It was understood, and the other side does not do it.",
        "A feature or version that the server, the module or the configuration lacks.",
        "Use another way, or have the feature switched on.",
    )
    PROTOCOL_MISADDRESSED = (
        "protocol.misaddressed",
        "It was sent to an address, port, host or name that cannot be right.",
        "A wrong or malformed address, or a server reached on the wrong port.",
        "Correct the address.",
    )
    PROTOCOL_NOT_FOUND = (
        "protocol.not_found",
        "The thing it is about does not exist.",
        "A wrong name, or something that was never made or was deleted.",
        "Check the name, or create it.",
    )
    PROTOCOL_CONFLICT = (
        "protocol.conflict",
        "It collides with what is already there: a name, a state, a sequence.",
        "Somebody else was first, or the client's picture of the state is old.",
        "Read the current state, then change the request.",
    )
    PROTOCOL_UNEXPECTED = (
        "protocol.unexpected",
        "It came at the wrong moment: out of order, or in a state that does not allow it.",
        "A sequence of steps that the other side does not expect.",
        "Put the session into the right state first.",
    )
    PROTOCOL_REJECTED = (
        "protocol.rejected",
        "The other side said no and gave no reason that this vocabulary has a better word for.",
        "Its text may say more.",
        "Read the text; do not repeat the same request.",
    )
    PROTOCOL_CONFIGURATION = (
        "protocol.configuration",
        "The configuration of a server, stream, account or client is wrong.",
        "Whoever wrote that configuration.",
        "Correct the configuration; no retry gets past it.",
    )
    PROTOCOL_NOTICE = (
        "protocol.notice",
        "Nothing failed: the other side tells how things stand.",
        "A heartbeat, an end marker or a warning that travels where errors do.",
        "Nothing.",
    )

    TRANSPORT_REFUSED = (
        "transport.refused",
        "Nothing accepted the connection, or the path rejected it.",
        "The server is down or restarting, the port is wrong, or a firewall says no.",
        "Connect again with growing pauses.",
    )
    TRANSPORT_TIMEOUT = (
        "transport.timeout",
        "No answer came in time.",
        "Load, loss or a peer that never answers. The request may have been carried out.",
        "Repeat after a pause if repeating is safe.",
    )
    TRANSPORT_STALE = (
        "transport.stale",
        "The connection is open but dead: pings went unanswered.",
        "A lost peer, a broken middlebox, or an event loop that was blocked too long.",
        "Connect again; look for blocking calls if it repeats.",
    )
    TRANSPORT_LOST = (
        "transport.lost",
        "The connection broke or was closed without a word.",
        "A restart, a network fault, or a server that cut the connection without saying why.",
        "Connect again with growing pauses; the server's log knows more.",
    )
    TRANSPORT_TLS = (
        "transport.tls",
        "TLS could not be set up.",
        "Versions or ciphers that do not match, or a plain-text peer on a TLS port.",
        "Compare the TLS settings of the two sides.",
    )
    TRANSPORT_REMOTE = (
        "transport.remote",
        "A server further on could not be reached.",
        "The other domain or cluster is down, or its name does not resolve.",
        "Wait and repeat if the answer says so; otherwise check the domain.",
    )
    TRANSPORT_UNAVAILABLE = (
        "transport.unavailable",
        "Nobody is there to answer.",
        "The service is not running, the recipient is offline, or a cluster is electing a leader.",
        "Wait and repeat if the answer says so; check that the service runs.",
    )
    TRANSPORT_INTERNAL = (
        "transport.internal",
        "A fault inside the server.",
        "A bug, a full disk or a broken backend on the other side.",
        "Repeat only if the answer says so, and tell the operator.",
    )

    SHUTDOWN_SERVER = (
        "shutdown.server",
        "The server stops, restarts or drains.",
        "Maintenance or a deployment.",
        "Connect again after a wide random pause, so that not everybody arrives at once.",
    )
    SHUTDOWN_CLIENT = (
        "shutdown.client",
        "This side closed, or is closing, the connection.",
        "The application, or the client library giving up.",
        "Nothing, if it was meant; otherwise find out who closed it and open a new connection.",
    )
    SHUTDOWN_KICKED = (
        "shutdown.kicked",
        "An administrator threw this connection out.",
        "A person or a script on the server's side.",
        "Ask before coming back again and again.",
    )
    SHUTDOWN_REPLACED = (
        "shutdown.replaced",
        "Another session with the same identity took this one's place.",
        "Two clients share one identity, or an old session had not died yet.",
        "Do not fight over it: use another resource or client id, or let the newer one live.",
    )
    SHUTDOWN_MOVED = (
        "shutdown.moved",
        "What was here is somewhere else now, or gone from here.",
        "A migration, a load balancer, or a host that is no longer served.",
        "Go to the new address if it is given and you trust it.",
    )
    SHUTDOWN_RESET = (
        "shutdown.reset",
        "The server ends the session so that a new one can be negotiated.",
        "Changed features, keys or credentials.",
        "Connect again; be ready to need new credentials.",
    )

    UNKNOWN = (
        "unknown",
        "No table knows this error.",
        "A server, client or extension that says something new.",
        "Treat it as final, look at the text, and add a row for it.",
    )


_CATEGORY_OF = {reason: Category(reason.partition(".")[0]) for reason in Reason}


class Recovery(_Term):
    """
    The step that has to come before the same operation can succeed.

    Attributes:
        retryable: True for the three that need nobody to change anything: `wait`, `reconnect`, `redirect`.
    """

    @property
    def retryable(self) -> bool:
        """Whether the same operation may succeed later through time, load or topology alone."""
        return self in _RETRYABLE

    NONE = "none", "Nothing to recover: it ended as it should, or the action went on."
    WAIT = "wait", "Wait, then repeat on the same connection."
    RECONNECT = "reconnect", "Open a new connection after a pause, then repeat."
    REDIRECT = "redirect", "Open a connection to the address that came with the error, if you trust it. Never followed for you."
    REAUTHENTICATE = "reauthenticate", "Get fresh or other credentials first."
    MODIFY = "modify", "Change the request: its content, size, name or address."
    ABANDON = "abandon", "Stop: the answer is no, or somebody else (an operator, the peer) must act."


_RETRYABLE = frozenset({Recovery.WAIT, Recovery.RECONNECT, Recovery.REDIRECT})


class Effect(_Term):
    """Whether the operation that failed may have taken effect all the same."""

    NOT_APPLIED = "not_applied", "It was refused before anything happened: repeating cannot do it twice."
    UNKNOWN = "unknown", "It may have been carried out: repeating something that is not idempotent can do it twice."


class Reach(_Term):
    """Where an error can show itself."""

    CLIENT_WIRE = "client wire", "On a client's connection to the server."
    PEER_WIRE = "peer wire", "Between servers only: routes, gateways, leaf nodes, server-to-server streams."
    LOG = "log", "In the server's own log."
    MONITORING = "monitoring", "In monitoring documents and events of the server."
    CONFIGURATION = "configuration", "When a configuration or an account is loaded."
    INTERNAL = "internal", "Inside the server; its text reaches nobody."
    CLIENT = "client", "In the client's own process: raised by its library, the runtime or the operating system."
    NEVER = "never emitted", "Declared or documented, and produced by no code known."


class Evidence(_Term):
    """How it is known that a row is right."""

    PROVOKED = "provoked", "A real server or client was made to produce it."
    SOURCE = "source", "Read in the source code of what produces it."
    SPECIFICATION = "specification", "Stated by a standard or a published specification."
