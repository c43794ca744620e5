"""
The vocabulary: what an error is about, and what follows from it.

Three questions are kept apart, because they have different answers:

* *What is it about?*  `Category`, and below it the `Reason`, which is the value of `error.type`.
* *What would help?*   `Recovery`: the step that has to come first. `retryable` is derived from it, never stored beside it.
* *Did it happen?*     `Effect`: whether the failed operation may have taken effect all the same.

The words are public API: they stand in logs, dashboards and alert rules. They are only ever added to.
Every word has its description here; the reference pages, `errnorm explain` and the catalogue all print that one text.
"""

from __future__ import annotations

from enum import StrEnum

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
        return _CATEGORY[self]


_CATEGORY = {
    Category.AUTH: "Who you are and what you may do: credentials, identity, membership or permission would change the answer.",
    Category.LIMITS: "How much: a count, a size, a rate, a quota or a resource, and consumers that are too slow.",
    Category.PROTOCOL: "What was said: malformed, unsupported, misaddressed, conflicting, absent, out of order or misconfigured.",
    Category.TRANSPORT: "The path: the network, TLS, a time-out, or a server or recipient that fails or cannot be reached.",
    Category.SHUTDOWN: "The session ended on purpose: one side stops, moves, kicks, replaces or resets it.",
    Category.UNKNOWN: "No row of any table knows it. Never retried; its fingerprint lets it be counted and named.",
}


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
        return _REASON[self][0]

    @property
    def cause(self) -> str:
        """Whose doing it usually is, and why."""
        return _REASON[self][1]

    @property
    def advice(self) -> str:
        """What to do about it."""
        return _REASON[self][2]


_CATEGORY_OF = {reason: Category(reason.partition(".")[0]) for reason in Reason}

# What happened; whose doing it usually is; what to do about it.
_REASON: dict[Reason, tuple[str, str, str]] = {
    Reason.AUTH_REJECTED: (
        "The server refused the credentials, or the identity they claim.",
        "Usually a wrong password, token or key of the client; or what the server checks credentials against is down.",
        "Do not hammer: try once more at most, then fetch fresh credentials or ask the operator of the server.",
    ),
    Reason.AUTH_EXPIRED: (
        "The credentials were good once; their time is over.",
        "Nobody renewed a token, a JWT or a password in time, or a clock is wrong.",
        "Get fresh credentials, then connect again.",
    ),
    Reason.AUTH_REVOKED: (
        "The credentials were taken back by whoever issued them.",
        "An operator's decision.",
        "Stop. Only new credentials help; ask who revoked the old ones.",
    ),
    Reason.AUTH_TIMEOUT: (
        "The login did not finish in the time the server allows.",
        "A slow network, an overloaded server or credential service; or a client that never sends its login.",
        "Connect again after a pause; if it always happens, look at how long the login takes.",
    ),
    Reason.AUTH_REQUIRED: (
        "One must be logged in, registered, subscribed or a member first.",
        "The client skipped a step that the server wants before this operation.",
        "Log in, register or join, then repeat.",
    ),
    Reason.AUTH_FORBIDDEN: (
        "The identity is known and may not do this.",
        "Permissions that were never given, or a wrong subject, room or node.",
        "Ask for the permission or use another address; repeating changes nothing.",
    ),
    Reason.AUTH_MECHANISM: (
        "Client and server could not agree how to log in.",
        "The client offers a mechanism that the server does not know, finds too weak, or allows only under TLS.",
        "Configure a mechanism both sides accept, or switch TLS on.",
    ),
    Reason.AUTH_UNTRUSTED: (
        "A certificate, key or proxy is not one that is trusted.",
        "A wrong, expired or unexpected certificate, or a host name it is not for; in the worst case an impostor.",
        "Check the certificate and the trusted roots. Never switch verification off to get past it.",
    ),
    Reason.AUTH_ACCOUNT: (
        "The account itself is missing, disabled, expired or not usable.",
        "An operator's decision, or an account that has not reached this server yet.",
        "Ask whoever runs the account; another password does not help.",
    ),
    Reason.LIMITS_CONNECTIONS: (
        "There are too many connections, or they come too fast.",
        "A herd of clients reconnecting at once, a leak of connections, or a small limit.",
        "Connect again after a spread-out pause; look for clients that do not close.",
    ),
    Reason.LIMITS_SUBSCRIPTIONS: (
        "There are too many subscriptions on this connection or account.",
        "The client keeps subscribing without unsubscribing, or the limit is small.",
        "Unsubscribe from something, or have the limit raised.",
    ),
    Reason.LIMITS_SIZE: (
        "It is larger than is allowed.",
        "The message, its headers or the request is too big for the configured limit.",
        "Send less at a time, or have the limit raised; the same bytes will be refused again.",
    ),
    Reason.LIMITS_RATE: (
        "It came too often or too fast.",
        "The client sends more than its share.",
        "Wait, then go on more slowly.",
    ),
    Reason.LIMITS_SLOW_CONSUMER: (
        "The reader does not keep up, and messages to it are dropped or its connection is cut.",
        "A handler that takes too long, a blocked event loop, or a thin network path. Messages may be lost.",
        "Make the handler faster or share the load; reconnecting alone brings it back.",
    ),
    Reason.LIMITS_RESOURCES: (
        "The server has not got enough of something: memory, storage, slots, a quota.",
        "Load, or a quota that is used up.",
        "Wait if it is load; free something or have the quota raised if it is not.",
    ),
    Reason.LIMITS_POLICY: (
        "A local rule of the server forbids it, and only its text says which.",
        "Size, rate, a ban, an administrator's kick or missing encryption: servers use one word for all of them.",
        "Read the text, ask the operator. Coming back at once makes it worse.",
    ),
    Reason.PROTOCOL_MALFORMED: (
        "It could not be understood: syntax, encoding or schema is wrong.",
        "A bug in one of the two sides, or something in between that mangles bytes.",
        "Mend the request; keep the bytes for a bug report.",
    ),
    Reason.PROTOCOL_UNSUPPORTED: (
        "It was understood, and the other side does not do it.",
        "A feature or version that the server, the module or the configuration lacks.",
        "Use another way, or have the feature switched on.",
    ),
    Reason.PROTOCOL_MISADDRESSED: (
        "It was sent to an address, port, host or name that cannot be right.",
        "A wrong or malformed address, or a server reached on the wrong port.",
        "Correct the address.",
    ),
    Reason.PROTOCOL_NOT_FOUND: (
        "The thing it is about does not exist.",
        "A wrong name, or something that was never made or was deleted.",
        "Check the name, or create it.",
    ),
    Reason.PROTOCOL_CONFLICT: (
        "It collides with what is already there: a name, a state, a sequence.",
        "Somebody else was first, or the client's picture of the state is old.",
        "Read the current state, then change the request.",
    ),
    Reason.PROTOCOL_UNEXPECTED: (
        "It came at the wrong moment: out of order, or in a state that does not allow it.",
        "A sequence of steps that the other side does not expect.",
        "Put the session into the right state first.",
    ),
    Reason.PROTOCOL_REJECTED: (
        "The other side said no and gave no reason that this vocabulary has a better word for.",
        "Its text may say more.",
        "Read the text; do not repeat the same request.",
    ),
    Reason.PROTOCOL_CONFIGURATION: (
        "The configuration of a server, stream, account or client is wrong.",
        "Whoever wrote that configuration.",
        "Correct the configuration; no retry gets past it.",
    ),
    Reason.PROTOCOL_NOTICE: (
        "Nothing failed: the other side tells how things stand.",
        "A heartbeat, an end marker or a warning that travels where errors do.",
        "Nothing.",
    ),
    Reason.TRANSPORT_REFUSED: (
        "Nothing accepted the connection, or the path rejected it.",
        "The server is down or restarting, the port is wrong, or a firewall says no.",
        "Connect again with growing pauses.",
    ),
    Reason.TRANSPORT_TIMEOUT: (
        "No answer came in time.",
        "Load, loss or a peer that never answers. The request may have been carried out.",
        "Repeat after a pause if repeating is safe.",
    ),
    Reason.TRANSPORT_STALE: (
        "The connection is open but dead: pings went unanswered.",
        "A lost peer, a broken middlebox, or an event loop that was blocked too long.",
        "Connect again; look for blocking calls if it repeats.",
    ),
    Reason.TRANSPORT_LOST: (
        "The connection broke or was closed without a word.",
        "A restart, a network fault, or a server that cut the connection without saying why.",
        "Connect again with growing pauses; the server's log knows more.",
    ),
    Reason.TRANSPORT_TLS: (
        "TLS could not be set up.",
        "Versions or ciphers that do not match, or a plain-text peer on a TLS port.",
        "Compare the TLS settings of the two sides.",
    ),
    Reason.TRANSPORT_REMOTE: (
        "A server further on could not be reached.",
        "The other domain or cluster is down, or its name does not resolve.",
        "Wait and repeat if the answer says so; otherwise check the domain.",
    ),
    Reason.TRANSPORT_UNAVAILABLE: (
        "Nobody is there to answer.",
        "The service is not running, the recipient is offline, or a cluster is electing a leader.",
        "Wait and repeat if the answer says so; check that the service runs.",
    ),
    Reason.TRANSPORT_INTERNAL: (
        "A fault inside the server.",
        "A bug, a full disk or a broken backend on the other side.",
        "Repeat only if the answer says so, and tell the operator.",
    ),
    Reason.SHUTDOWN_SERVER: (
        "The server stops, restarts or drains.",
        "Maintenance or a deployment.",
        "Connect again after a wide random pause, so that not everybody arrives at once.",
    ),
    Reason.SHUTDOWN_CLIENT: (
        "This side closed, or is closing, the connection.",
        "The application, or the client library giving up.",
        "Nothing, if it was meant; otherwise find out who closed it and open a new connection.",
    ),
    Reason.SHUTDOWN_KICKED: (
        "An administrator threw this connection out.",
        "A person or a script on the server's side.",
        "Ask before coming back again and again.",
    ),
    Reason.SHUTDOWN_REPLACED: (
        "Another session with the same identity took this one's place.",
        "Two clients share one identity, or an old session had not died yet.",
        "Do not fight over it: use another resource or client id, or let the newer one live.",
    ),
    Reason.SHUTDOWN_MOVED: (
        "What was here is somewhere else now, or gone from here.",
        "A migration, a load balancer, or a host that is no longer served.",
        "Go to the new address if it is given and you trust it.",
    ),
    Reason.SHUTDOWN_RESET: (
        "The server ends the session so that a new one can be negotiated.",
        "Changed features, keys or credentials.",
        "Connect again; be ready to need new credentials.",
    ),
    Reason.UNKNOWN: (
        "No table knows this error.",
        "A server, client or extension that says something new.",
        "Treat it as final, look at the text, and add a row for it.",
    ),
}


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
        return _RECOVERY[self]

    @property
    def retryable(self) -> bool:
        """Whether the same operation may succeed later through time, load or topology alone: wait, reconnect, redirect."""
        return self in _RETRYABLE


_RECOVERY = {
    Recovery.NONE: "Nothing to recover: it ended as it should, or the action went on.",
    Recovery.WAIT: "Wait, then repeat on the same connection.",
    Recovery.RECONNECT: "Open a new connection after a pause, then repeat.",
    Recovery.REDIRECT: "Open a connection to the address that came with the error, if you trust it. Never followed for you.",
    Recovery.REAUTHENTICATE: "Get fresh or other credentials first.",
    Recovery.MODIFY: "Change the request: its content, size, name or address.",
    Recovery.ABANDON: "Stop: the answer is no, or somebody else (an operator, the peer) must act.",
}

_RETRYABLE = frozenset({Recovery.WAIT, Recovery.RECONNECT, Recovery.REDIRECT})


class Effect(StrEnum):
    """Whether the operation that failed may have taken effect all the same."""

    NOT_APPLIED = "not_applied"
    UNKNOWN = "unknown"

    @property
    def about(self) -> str:
        """What the word means, in a sentence."""
        return _EFFECT[self]


_EFFECT = {
    Effect.NOT_APPLIED: "It was refused before anything happened: repeating cannot do it twice.",
    Effect.UNKNOWN: "It may have been carried out: repeating something that is not idempotent can do it twice.",
}


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
        return _REACH[self]


_REACH = {
    Reach.CLIENT_WIRE: "On a client's connection to the server.",
    Reach.PEER_WIRE: "Between servers only: routes, gateways, leaf nodes, server-to-server streams.",
    Reach.LOG: "In the server's own log.",
    Reach.MONITORING: "In monitoring documents and events of the server.",
    Reach.CONFIGURATION: "When a configuration or an account is loaded.",
    Reach.INTERNAL: "Inside the server; its text reaches nobody.",
    Reach.CLIENT: "In the client's own process: raised by its library, the runtime or the operating system.",
    Reach.NEVER: "Declared or documented, and produced by no code known.",
}


class Evidence(StrEnum):
    """How it is known that a row is right."""

    PROVOKED = "provoked"
    SOURCE = "source"
    SPECIFICATION = "specification"

    @property
    def about(self) -> str:
        """What the word means, in a sentence."""
        return _EVIDENCE[self]


_EVIDENCE = {
    Evidence.PROVOKED: "A real server or client was made to produce it.",
    Evidence.SOURCE: "Read in the source code of what produces it.",
    Evidence.SPECIFICATION: "Stated by a standard or a published specification.",
}
