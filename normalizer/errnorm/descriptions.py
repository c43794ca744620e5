"""
What the words of the vocabulary mean, in sentences for people.

One text for each word: the reference pages, `errnorm explain` and the catalogue all print it. Keys are the words themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CATEGORY", "EFFECT", "EVIDENCE", "REACH", "REASON", "RECOVERY"]

CATEGORY: Mapping[str, str] = {
    "auth": "Who you are and what you may do: credentials, identity, membership or permission would change the answer.",
    "limits": "How much: a count, a size, a rate, a quota or a resource, and consumers that are too slow.",
    "protocol": "What was said: malformed, unsupported, misaddressed, conflicting, absent, out of order or misconfigured.",
    "transport": "The path: the network, TLS, a time-out, or a server or recipient that fails or cannot be reached.",
    "shutdown": "The session ended on purpose: one side stops, moves, kicks, replaces or resets it.",
    "unknown": "No row of any table knows it. Never retried; its fingerprint lets it be counted and named.",
}

# What happened; whose doing it usually is; what to do about it.
REASON: Mapping[str, tuple[str, str, str]] = {
    "auth.rejected": (
        "The server refused the credentials, or the identity they claim.",
        "Usually a wrong password, token or key of the client; or what the server checks credentials against is down.",
        "Do not hammer: try once more at most, then fetch fresh credentials or ask the operator of the server.",
    ),
    "auth.expired": (
        "The credentials were good once; their time is over.",
        "Nobody renewed a token, a JWT or a password in time, or a clock is wrong.",
        "Get fresh credentials, then connect again.",
    ),
    "auth.revoked": (
        "The credentials were taken back by whoever issued them.",
        "An operator's decision.",
        "Stop. Only new credentials help; ask who revoked the old ones.",
    ),
    "auth.timeout": (
        "The login did not finish in the time the server allows.",
        "A slow network, an overloaded server or credential service; or a client that never sends its login.",
        "Connect again after a pause; if it always happens, look at how long the login takes.",
    ),
    "auth.required": (
        "One must be logged in, registered, subscribed or a member first.",
        "The client skipped a step that the server wants before this operation.",
        "Log in, register or join, then repeat.",
    ),
    "auth.forbidden": (
        "The identity is known and may not do this.",
        "Permissions that were never given, or a wrong subject, room or node.",
        "Ask for the permission or use another address; repeating changes nothing.",
    ),
    "auth.mechanism": (
        "Client and server could not agree how to log in.",
        "The client offers a mechanism that the server does not know, finds too weak, or allows only under TLS.",
        "Configure a mechanism both sides accept, or switch TLS on.",
    ),
    "auth.untrusted": (
        "A certificate, key or proxy is not one that is trusted.",
        "A wrong, expired or unexpected certificate, or a host name it is not for; in the worst case an impostor.",
        "Check the certificate and the trusted roots. Never switch verification off to get past it.",
    ),
    "auth.account": (
        "The account itself is missing, disabled, expired or not usable.",
        "An operator's decision, or an account that has not reached this server yet.",
        "Ask whoever runs the account; another password does not help.",
    ),
    "limits.connections": (
        "There are too many connections, or they come too fast.",
        "A herd of clients reconnecting at once, a leak of connections, or a small limit.",
        "Connect again after a spread-out pause; look for clients that do not close.",
    ),
    "limits.subscriptions": (
        "There are too many subscriptions on this connection or account.",
        "The client keeps subscribing without unsubscribing, or the limit is small.",
        "Unsubscribe from something, or have the limit raised.",
    ),
    "limits.size": (
        "It is larger than is allowed.",
        "The message, its headers or the request is too big for the configured limit.",
        "Send less at a time, or have the limit raised; the same bytes will be refused again.",
    ),
    "limits.rate": (
        "It came too often or too fast.",
        "The client sends more than its share.",
        "Wait, then go on more slowly.",
    ),
    "limits.slow_consumer": (
        "The reader does not keep up, and messages to it are dropped or its connection is cut.",
        "A handler that takes too long, a blocked event loop, or a thin network path. Messages may be lost.",
        "Make the handler faster or share the load; reconnecting alone brings it back.",
    ),
    "limits.resources": (
        "The server has not got enough of something: memory, storage, slots, a quota.",
        "Load, or a quota that is used up.",
        "Wait if it is load; free something or have the quota raised if it is not.",
    ),
    "limits.policy": (
        "A local rule of the server forbids it, and only its text says which.",
        "Size, rate, a ban, an administrator's kick or missing encryption: servers use one word for all of them.",
        "Read the text, ask the operator. Coming back at once makes it worse.",
    ),
    "protocol.malformed": (
        "It could not be understood: syntax, encoding or schema is wrong.",
        "A bug in one of the two sides, or something in between that mangles bytes.",
        "Mend the request; keep the bytes for a bug report.",
    ),
    "protocol.unsupported": (
        "It was understood, and the other side does not do it.",
        "A feature or version that the server, the module or the configuration lacks.",
        "Use another way, or have the feature switched on.",
    ),
    "protocol.misaddressed": (
        "It was sent to an address, port, host or name that cannot be right.",
        "A wrong or malformed address, or a server reached on the wrong port.",
        "Correct the address.",
    ),
    "protocol.not_found": (
        "The thing it is about does not exist.",
        "A wrong name, or something that was never made or was deleted.",
        "Check the name, or create it.",
    ),
    "protocol.conflict": (
        "It collides with what is already there: a name, a state, a sequence.",
        "Somebody else was first, or the client's picture of the state is old.",
        "Read the current state, then change the request.",
    ),
    "protocol.unexpected": (
        "It came at the wrong moment: out of order, or in a state that does not allow it.",
        "A sequence of steps that the other side does not expect.",
        "Put the session into the right state first.",
    ),
    "protocol.rejected": (
        "The other side said no and gave no reason that this vocabulary has a better word for.",
        "Its text may say more.",
        "Read the text; do not repeat the same request.",
    ),
    "protocol.configuration": (
        "The configuration of a server, stream, account or client is wrong.",
        "Whoever wrote that configuration.",
        "Correct the configuration; no retry gets past it.",
    ),
    "protocol.notice": (
        "Nothing failed: the other side tells how things stand.",
        "A heartbeat, an end marker or a warning that travels where errors do.",
        "Nothing.",
    ),
    "transport.refused": (
        "Nothing accepted the connection, or the path rejected it.",
        "The server is down or restarting, the port is wrong, or a firewall says no.",
        "Connect again with growing pauses.",
    ),
    "transport.timeout": (
        "No answer came in time.",
        "Load, loss or a peer that never answers. The request may have been carried out.",
        "Repeat after a pause if repeating is safe.",
    ),
    "transport.stale": (
        "The connection is open but dead: pings went unanswered.",
        "A lost peer, a broken middlebox, or an event loop that was blocked too long.",
        "Connect again; look for blocking calls if it repeats.",
    ),
    "transport.lost": (
        "The connection broke or was closed without a word.",
        "A restart, a network fault, or a server that cut the connection without saying why.",
        "Connect again with growing pauses; the server's log knows more.",
    ),
    "transport.tls": (
        "TLS could not be set up.",
        "Versions or ciphers that do not match, or a plain-text peer on a TLS port.",
        "Compare the TLS settings of the two sides.",
    ),
    "transport.remote": (
        "A server further on could not be reached.",
        "The other domain or cluster is down, or its name does not resolve.",
        "Wait and repeat if the answer says so; otherwise check the domain.",
    ),
    "transport.unavailable": (
        "Nobody is there to answer.",
        "The service is not running, the recipient is offline, or a cluster is electing a leader.",
        "Wait and repeat if the answer says so; check that the service runs.",
    ),
    "transport.internal": (
        "A fault inside the server.",
        "A bug, a full disk or a broken backend on the other side.",
        "Repeat only if the answer says so, and tell the operator.",
    ),
    "shutdown.server": (
        "The server stops, restarts or drains.",
        "Maintenance or a deployment.",
        "Connect again after a wide random pause, so that not everybody arrives at once.",
    ),
    "shutdown.client": (
        "This side closed, or is closing, the connection.",
        "The application, or the client library giving up.",
        "Nothing, if it was meant; otherwise find out who closed it and open a new connection.",
    ),
    "shutdown.kicked": (
        "An administrator threw this connection out.",
        "A person or a script on the server's side.",
        "Ask before coming back again and again.",
    ),
    "shutdown.replaced": (
        "Another session with the same identity took this one's place.",
        "Two clients share one identity, or an old session had not died yet.",
        "Do not fight over it: use another resource or client id, or let the newer one live.",
    ),
    "shutdown.moved": (
        "What was here is somewhere else now, or gone from here.",
        "A migration, a load balancer, or a host that is no longer served.",
        "Go to the new address if it is given and you trust it.",
    ),
    "shutdown.reset": (
        "The server ends the session so that a new one can be negotiated.",
        "Changed features, keys or credentials.",
        "Connect again; be ready to need new credentials.",
    ),
    "unknown": (
        "No table knows this error.",
        "A server, client or extension that says something new.",
        "Treat it as final, look at the text, and add a row for it.",
    ),
}

RECOVERY: Mapping[str, str] = {
    "none": "Nothing to recover: it ended as it should, or the action went on.",
    "wait": "Wait, then repeat on the same connection.",
    "reconnect": "Open a new connection after a pause, then repeat.",
    "redirect": "Open a connection to the address that came with the error, if you trust it. Never followed for you.",
    "reauthenticate": "Get fresh or other credentials first.",
    "modify": "Change the request: its content, size, name or address.",
    "abandon": "Stop: the answer is no, or somebody else (an operator, the peer) must act.",
}

EFFECT: Mapping[str, str] = {
    "not_applied": "It was refused before anything happened: repeating cannot do it twice.",
    "unknown": "It may have been carried out: repeating something that is not idempotent can do it twice.",
}

REACH: Mapping[str, str] = {
    "client wire": "On a client's connection to the server.",
    "peer wire": "Between servers only: routes, gateways, leaf nodes, server-to-server streams.",
    "log": "In the server's own log.",
    "monitoring": "In monitoring documents and events of the server.",
    "configuration": "When a configuration or an account is loaded.",
    "internal": "Inside the server; its text reaches nobody.",
    "client": "In the client's own process: raised by its library, the runtime or the operating system.",
    "never emitted": "Declared or documented, and produced by no code known.",
}

EVIDENCE: Mapping[str, str] = {
    "provoked": "A real server or client was made to produce it.",
    "source": "Read in the source code of what produces it.",
    "specification": "Stated by a standard or a published specification.",
}
