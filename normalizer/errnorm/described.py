"""The descriptions of the words, which `.ci/describe` has generated from the text below each word."""

# ruff: noqa: E501 - each paragraph is one line

from typing import Final

__all__ = ["DESCRIBED"]

DESCRIBED: Final[dict[str, dict[str, list[str]]]] = {
    "errnorm.taxonomy.Category": {
        "AUTH": [
            "Identity and permission: other credentials, another identity, a membership or a permission would avoid the error.",
        ],
        "LIMITS": [
            "Quantity: a count, a size, a rate, a quota or a resource, and consumers that are too slow.",
        ],
        "PROTOCOL": [
            "The content of a request: malformed, unsupported, misaddressed, conflicting, missing, out of order or misconfigured.",
        ],
        "TRANSPORT": [
            "The way to the other side: the network, TLS, a time-out, or a server or recipient that fails or cannot be reached.",
        ],
        "SHUTDOWN": [
            "The intended end of a session: one side stops, moves, kicks, replaces or resets it.",
        ],
        "UNKNOWN": [
            "No row of any table matches the error. It is never retried, and its fingerprint identifies it.",
        ],
    },
    "errnorm.taxonomy.Reason": {
        "AUTH_REJECTED": [
            "The server refused the credentials, or the identity they claim.",
            "Likely cause: Usually the client has a wrong password, token or key. Or the user database of the server is down.",
        ],
        "AUTH_EXPIRED": [
            "The credentials were valid once, and have expired.",
            "Likely cause: A token, a JWT or a password was not renewed in time, or a clock is wrong.",
        ],
        "AUTH_REVOKED": [
            "The issuer of the credentials has revoked them.",
            "Likely cause: An operator's decision.",
        ],
        "AUTH_TIMEOUT": [
            "The login did not finish in the time the server allows.",
            "Likely cause: A slow network, an overloaded server or credential service; or a client that never sends its login.",
        ],
        "AUTH_REQUIRED": [
            "The client must log in, register, subscribe or become a member first.",
            "Likely cause: The client skipped a step that the server requires before this operation.",
        ],
        "AUTH_FORBIDDEN": [
            "The identity is known, and it is not allowed to do this.",
            "Likely cause: A missing permission, or a wrong subject, room or node.",
        ],
        "AUTH_MECHANISM": [
            "Client and server could not agree on a login mechanism.",
            "Likely cause: The client offers a mechanism that the server does not know, finds too weak, or allows only under TLS.",
        ],
        "AUTH_UNTRUSTED": [
            "A certificate, key or proxy is not trusted.",
            "Likely cause: A wrong or expired certificate, one that was issued for another host name, or, in the worst case, an impostor.",
        ],
        "AUTH_ACCOUNT": [
            "The account itself is missing, disabled, expired or not usable.",
            "Likely cause: An operator's decision, or an account that has not reached this server yet.",
        ],
        "LIMITS_CONNECTIONS": [
            "There are too many connections, or new ones are opened too fast.",
            "Likely cause: Many clients that reconnect at once, connections that are never closed, or a low limit.",
        ],
        "LIMITS_SUBSCRIPTIONS": [
            "There are too many subscriptions on this connection or account.",
            "Likely cause: The client subscribes again and again without unsubscribing, or the limit is low.",
        ],
        "LIMITS_SIZE": [
            "The message or request is larger than allowed.",
            "Likely cause: The message, its headers or the request is larger than the configured limit.",
        ],
        "LIMITS_RATE": [
            "The client sends too often or too fast.",
            "Likely cause: The client sends more than the server allows it to send in that time.",
        ],
        "LIMITS_SLOW_CONSUMER": [
            "A reader is too slow, and messages to it are dropped or its connection is closed.",
            "Likely cause: A handler that takes too long, a blocked event loop, or a slow network. Messages may be lost.",
        ],
        "LIMITS_STORAGE": [
            "A stream, bucket, account or disk is full.",
            "Likely cause: Messages arrive faster than limits or age remove them, or a limit was set too low.",
        ],
        "LIMITS_RESOURCES": [
            "The server does not have enough of a resource: memory, storage, slots or a quota.",
            "Likely cause: Load, or a quota that is used up.",
        ],
        "LIMITS_POLICY": [
            "A local rule of the server forbids it. Only the text of the error can say which rule.",
            "Likely cause: Size, rate, a ban, an administrator's kick or missing encryption: servers report all of them as this error.",
        ],
        "PROTOCOL_MALFORMED": [
            "A message could not be parsed: its syntax, encoding or schema is wrong.",
            "Likely cause: A bug in one of the two sides, or a device or program between them that changes the bytes.",
        ],
        "PROTOCOL_UNSUPPORTED": [
            "The request was understood, but the other side does not support it.",
            "Likely cause: A feature or version that the server, a module or the configuration lacks.",
        ],
        "PROTOCOL_MISADDRESSED": [
            "The address, port, host or name of the request is wrong.",
            "Likely cause: A wrong or malformed address, or a server reached on the wrong port.",
        ],
        "PROTOCOL_NOT_FOUND": [
            "The object of the request does not exist.",
            "Likely cause: A wrong name, or an object that was never created or was deleted.",
        ],
        "PROTOCOL_CONFLICT": [
            "The request conflicts with an existing name, state or sequence.",
            "Likely cause: Another client was faster, or the client does not know the current state.",
        ],
        "PROTOCOL_UNEXPECTED": [
            "A message came at the wrong time: out of order, or in a state that does not allow it.",
            "Likely cause: The steps were sent in an order that the other side does not expect.",
        ],
        "PROTOCOL_REJECTED": [
            "The other side refused the request, and no other reason of this vocabulary fits.",
            "Likely cause: The text of the error may say more.",
        ],
        "PROTOCOL_CONFIGURATION": [
            "The configuration of a server, stream, account or client is wrong.",
            "Likely cause: A mistake in that configuration.",
        ],
        "PROTOCOL_NOTICE": [
            "Nothing failed: the other side reports its state.",
            "Likely cause: A heartbeat, an end marker or a warning that is sent in the place of an error.",
        ],
        "TRANSPORT_DNS": [
            "A name could not be resolved.",
            "Likely cause: The name is missing for a short time, as in a cluster that restarts; or it is wrong, or the resolver is down.",
        ],
        "TRANSPORT_REFUSED": [
            "No server accepted the connection, or the network rejected it.",
            "Likely cause: The server is down or restarting, the port is wrong, or a firewall rejects the connection.",
        ],
        "TRANSPORT_TIMEOUT": [
            "No answer came in time.",
            "Likely cause: Load, packet loss or a peer that never answers. The request may already have been executed.",
        ],
        "TRANSPORT_STALE": [
            "The connection is open but dead: pings went unanswered.",
            "Likely cause: A lost peer, a broken middlebox, or an event loop that was blocked too long.",
        ],
        "TRANSPORT_LOST": [
            "The connection broke, or it was closed without an error message.",
            "Likely cause: A restart, a network fault, or a server that closed the connection without giving a reason.",
        ],
        "TRANSPORT_TLS": [
            "TLS could not be set up.",
            "Likely cause: Versions or ciphers that do not match, or a peer that does not speak TLS on this port.",
        ],
        "TRANSPORT_REMOTE": [
            "Another server on the way could not be reached.",
            "Likely cause: The other domain or cluster is down, or its name does not resolve.",
        ],
        "TRANSPORT_UNAVAILABLE": [
            "No service or recipient is there to answer.",
            "Likely cause: The service is not running, the recipient is offline, or a cluster is electing a leader.",
        ],
        "TRANSPORT_INTERNAL": [
            "The server failed because of an internal fault.",
            "Likely cause: A bug, a failed backend or an overload on the other side.",
        ],
        "SHUTDOWN_SERVER": [
            "The server is stopping, restarting or draining.",
            "Likely cause: Maintenance or a deployment.",
        ],
        "SHUTDOWN_CLIENT": [
            "This side closed the connection, or is closing it.",
            "Likely cause: The application closed it, or the client library gave up.",
        ],
        "SHUTDOWN_KICKED": [
            "An administrator ended this connection.",
            "Likely cause: A person or a script on the server's side.",
        ],
        "SHUTDOWN_REPLACED": [
            "Another session with the same identity replaced this one.",
            "Likely cause: Two clients share one identity, or an old session had not ended yet.",
        ],
        "SHUTDOWN_MOVED": [
            "The service, room or host has moved to another address, or is no longer here.",
            "Likely cause: A migration, a load balancer, or a host that is no longer served.",
        ],
        "SHUTDOWN_RESET": [
            "The server ends the session so that a new one can be negotiated.",
            "Likely cause: Changed features, keys or credentials.",
        ],
        "UNKNOWN": [
            "No row of any table matches this error.",
            "Likely cause: A server, client or extension with an error that the tables do not contain yet.",
        ],
    },
    "errnorm.taxonomy.Recovery": {
        "NONE": [
            "Do nothing: the session ended as intended, or the operation continued.",
        ],
        "WAIT": [
            "Wait, then repeat on the same connection.",
        ],
        "RECONNECT": [
            "Open a new connection after a pause, then repeat.",
        ],
        "REDIRECT": [
            "Open a connection to the address that came with the error, if you trust it. The library never does this by itself.",
        ],
        "REAUTHENTICATE": [
            "Get fresh or other credentials first.",
        ],
        "MODIFY": [
            "Change the request: its content, size, name or address.",
        ],
        "ABANDON": [
            "Stop: the answer is final, or somebody else (an operator, the peer) must act first.",
        ],
    },
    "errnorm.taxonomy.Effect": {
        "NOT_APPLIED": [
            "The operation was refused before it had any effect: repeating it cannot execute it twice.",
        ],
        "UNKNOWN": [
            "The operation may have been executed: repeating it can execute it twice, which is only safe if it is idempotent.",
        ],
    },
    "errnorm.tables.provenance.Reach": {
        "CLIENT_WIRE": [
            "On a client's connection to the server.",
        ],
        "PEER_WIRE": [
            "Only between servers: routes, gateways, leaf nodes, server-to-server streams.",
        ],
        "LOG": [
            "In the server's own log.",
        ],
        "MONITORING": [
            "In monitoring documents and events of the server.",
        ],
        "CONFIGURATION": [
            "When a configuration or an account is loaded.",
        ],
        "INTERNAL": [
            "Only inside the server, which never sends or logs the text.",
        ],
        "CLIENT": [
            "In the client's own process: raised by its library, the runtime or the operating system.",
        ],
        "NEVER": [
            "Nowhere: it is declared or documented, but no known code produces it.",
        ],
    },
    "errnorm.tables.provenance.Evidence": {
        "PROVOKED": [
            "The error was provoked on a real server or client.",
        ],
        "SOURCE": [
            "The error was read in the source code of the server or client that produces it.",
        ],
        "SPECIFICATION": [
            "A standard or a published specification states the error.",
        ],
    },
}
