"""
What to do about an error, in sentences that begin with a verb: one for each combination of reason and recovery.

The reason says what happened, and the recovery says which step helps. Advice that depends on only one of them would contradict
the other in some cases, so each combination that a table can produce has its own sentence. A test compares the list with the
tables: no combination is missing, and no sentence says to stop where the recovery says to repeat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from errnorm.taxonomy import Reason, Recovery

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ADVICE", "advice_for"]

_NONE, _WAIT, _RECONNECT, _REDIRECT = Recovery.NONE, Recovery.WAIT, Recovery.RECONNECT, Recovery.REDIRECT
_LOGIN, _MODIFY, _ABANDON = Recovery.REAUTHENTICATE, Recovery.MODIFY, Recovery.ABANDON

ADVICE: Mapping[Reason, Mapping[Recovery, str]] = {
    Reason.AUTH_REJECTED: {
        _LOGIN: "Get other credentials before the next login; the same ones will be refused again.",
        _MODIFY: "Correct the identity that the login asks for, then log in again.",
        _ABANDON: "Stop. Ask the operator of the server why this identity is refused.",
        _WAIT: "Wait, then log in again: the server could not check the credentials just now.",
        _RECONNECT: "Connect again after a pause: the server could not check the credentials just now.",
        _NONE: "Do nothing here: somebody else's login was refused, and the server went on.",
    },
    Reason.AUTH_EXPIRED: {
        _LOGIN: "Get fresh credentials, then connect again.",
        _ABANDON: "Stop. Ask the operator to extend the account or its credentials.",
        _RECONNECT: "Connect again after a pause; check the clocks of both sides.",
    },
    Reason.AUTH_REVOKED: {
        _LOGIN: "Get new credentials before the next login; ask who revoked the old ones.",
        _ABANDON: "Stop. Ask who revoked the credentials.",
    },
    Reason.AUTH_TIMEOUT: {
        _RECONNECT: "Connect again after a pause; if it happens at every login, find out why the login is slow.",
        _WAIT: "Wait, then log in again; if it happens every time, find out why the login is slow.",
        _ABANDON: "Stop. Find out why the login takes longer than the server allows.",
    },
    Reason.AUTH_REQUIRED: {
        _LOGIN: "Log in, register or join first, then repeat.",
        _MODIFY: "Do the step first that the server asks for (log in, subscribe, join), then repeat.",
        _ABANDON: "Stop. Ask the owner or operator to admit you first.",
        _NONE: "Do nothing: the server told a client to log in first, and went on.",
    },
    Reason.AUTH_FORBIDDEN: {
        _ABANDON: "Stop. Ask the operator or owner for the permission; repeating changes nothing.",
        _MODIFY: "Use a subject, room or node that you are allowed to use.",
        _LOGIN: "Log in as somebody who is allowed to do this, then repeat.",
        _WAIT: "Wait, then repeat: the peer says that the refusal will pass.",
        _NONE: "Do nothing here: a client was refused something, and the server went on.",
    },
    Reason.AUTH_MECHANISM: {
        _MODIFY: "Configure a login mechanism that both sides accept, or switch TLS on.",
        _ABANDON: "Stop. Client and server have no login mechanism in common; one of them must be reconfigured.",
        _LOGIN: "Log in with a mechanism or credentials that the server accepts.",
    },
    Reason.AUTH_UNTRUSTED: {
        _ABANDON: "Stop. Renew or install the certificate or key, or find out who answers in the server's place.",
        _LOGIN: "Present a certificate or key that the other side trusts, then connect again.",
        _MODIFY: "Connect by the name that is in the certificate, or trust the authority that signed it.",
        _RECONNECT: "Connect again after a pause; check the clocks of both sides.",
    },
    Reason.AUTH_ACCOUNT: {
        _ABANDON: "Stop. Ask the operator to create, enable or extend the account.",
        _MODIFY: "Name an account that exists and may be used.",
        _LOGIN: "Log in with an account that may be used.",
        _WAIT: "Wait, then repeat: the account has not reached this server yet.",
        _RECONNECT: "Connect again after a pause: the account has not reached this server yet.",
        _NONE: "Do nothing: the account was handled as configured.",
    },
    Reason.LIMITS_CONNECTIONS: {
        _RECONNECT: "Connect again after a growing pause; look for a leak of connections if it lasts.",
        _WAIT: "Wait, then repeat; look for a leak of connections if it lasts.",
        _ABANDON: "Stop. Ask the operator to raise the limit of connections.",
        _MODIFY: "Close a connection you no longer need, then connect again.",
    },
    Reason.LIMITS_SUBSCRIPTIONS: {
        _MODIFY: "Use fewer subscriptions, or ask the operator to raise the limit.",
        _WAIT: "Wait until another subscription or consumer ends, then repeat; ask for a higher limit if it lasts.",
        _ABANDON: "Stop. Use fewer subscriptions or ask the operator to raise the limit.",
        _RECONNECT: "Connect again with fewer subscriptions.",
    },
    Reason.LIMITS_SIZE: {
        _MODIFY: "Send less at once: split, compress or shorten the message, or ask for a higher limit.",
        _ABANDON: "Stop. The size is beyond a limit that only an operator can raise.",
        _WAIT: "Wait, then repeat: the peer says that the limit will pass.",
    },
    Reason.LIMITS_RATE: {
        _WAIT: "Wait for the time the peer names, or a growing pause; then repeat more slowly.",
        _RECONNECT: "Connect again after a growing pause, and send more slowly.",
        _MODIFY: "Send fewer requests at a time.",
        _ABANDON: "Stop. Send less, or ask the operator to raise the limit.",
    },
    Reason.LIMITS_SLOW_CONSUMER: {
        _RECONNECT: "Connect again; then read faster, ask for less, or raise the limits of the subscription.",
        _WAIT: "Go on reading; read faster, ask for less, or raise the limits of the subscription: messages were dropped.",
        _NONE: "Look for readers that are too slow: the server dropped messages for one, and went on.",
    },
    Reason.LIMITS_STORAGE: {
        _WAIT: "Wait until messages are consumed or expire, then repeat; raise the limit if it lasts.",
        _MODIFY: "Delete or purge what is not needed, or raise the limit, then repeat.",
        _ABANDON: "Stop. Free space or raise the limit; until then nothing more is stored.",
        _RECONNECT: "Connect again after a pause; free space on the server if it lasts.",
        _NONE: "Free space or raise the limit before writers are refused.",
    },
    Reason.LIMITS_RESOURCES: {
        _WAIT: "Wait, then repeat: the server is short of resources.",
        _RECONNECT: "Connect again after a growing pause: memory, descriptors or ports are short.",
        _MODIFY: "Ask for less (replicas, memory, streams), or free what you no longer use.",
        _ABANDON: "Stop. An operator must add resources or free some.",
        _NONE: "Look at memory, descriptors and load before somebody is refused.",
    },
    Reason.LIMITS_POLICY: {
        _ABANDON: "Stop. Ask the operator which rule was broken.",
        _MODIFY: "Change what breaks the rule of this server, then repeat.",
        _WAIT: "Wait, then repeat: the peer says that the refusal will pass.",
        _LOGIN: "Log in again with an identity to which the rule does not apply.",
    },
    Reason.PROTOCOL_MALFORMED: {
        _MODIFY: "Correct the request; keep the bytes for a bug report.",
        _ABANDON: "Stop. Report the bytes to the maintainers of the client or the server.",
        _RECONNECT: "Connect again; keep the bytes for a bug report if it repeats.",
        _NONE: "Find out who sends what cannot be parsed; the server dropped it and went on.",
    },
    Reason.PROTOCOL_UNSUPPORTED: {
        _MODIFY: "Use something that the other side supports, or another version.",
        _ABANDON: "Stop. The other side does not support this; it needs another version or configuration.",
        _WAIT: "Wait, then repeat: the peer says that the refusal will pass.",
    },
    Reason.PROTOCOL_MISADDRESSED: {
        _MODIFY: "Correct the address, name or subject, then repeat.",
        _ABANDON: "Stop. Nothing answers at this address; check the name with the operator.",
        _WAIT: "Wait, then repeat: the peer says that the address will be served.",
    },
    Reason.PROTOCOL_NOT_FOUND: {
        _MODIFY: "Correct the name, or create what is missing, then repeat.",
        _WAIT: "Wait, then repeat: what is missing may still appear.",
        _ABANDON: "Stop. It does not exist, and only its owner can create it.",
        _RECONNECT: "Connect again, then look for it again.",
    },
    Reason.PROTOCOL_CONFLICT: {
        _MODIFY: "Use another name or number, or read the current state and change that.",
        _WAIT: "Wait until the other change is done, then repeat.",
        _ABANDON: "Stop. It exists already, or somebody else holds it.",
        _RECONNECT: "Connect again, then read the current state before you repeat.",
    },
    Reason.PROTOCOL_UNEXPECTED: {
        _MODIFY: "Correct the order of steps, then repeat.",
        _ABANDON: "Stop. The two sides disagree about the state; report it with both logs.",
        _WAIT: "Wait until the other side is ready, then repeat.",
        _RECONNECT: "Connect again: both sides then start from the same state.",
        _NONE: "Do nothing: it came too late or twice, and was ignored.",
    },
    Reason.PROTOCOL_REJECTED: {
        _ABANDON: "Stop. The other side refuses this; ask its owner why.",
        _MODIFY: "Change the request so that the other side can accept it.",
        _WAIT: "Wait, then repeat: the refusal may pass.",
        _LOGIN: "Log in as a user from whom this is accepted.",
        _RECONNECT: "Connect again, then repeat.",
        _NONE: "Do nothing: the program that was refused got the answer.",
    },
    Reason.PROTOCOL_CONFIGURATION: {
        _MODIFY: "Correct the configuration of the stream, consumer, account or client, then repeat.",
        _ABANDON: "Stop. The operator must correct the configuration of the server.",
        _WAIT: "Wait, then repeat: the configuration is still being applied.",
        _RECONNECT: "Connect again: the configuration has changed.",
        _NONE: "Check the configuration: it works, but not as written.",
    },
    Reason.PROTOCOL_NOTICE: {
        _NONE: "Do nothing: this is only a notice, and the operation continued.",
    },
    Reason.TRANSPORT_DNS: {
        _RECONNECT: "Connect again with growing pauses; check the name and the resolver if it lasts.",
        _WAIT: "Wait, then repeat; check the name and the resolver if it lasts.",
        _MODIFY: "Correct the name.",
        _ABANDON: "Stop. The name cannot be resolved; check it and the resolver.",
    },
    Reason.TRANSPORT_REFUSED: {
        _RECONNECT: "Connect again with growing pauses; check that the server runs and that the port is right if it lasts.",
        _WAIT: "Wait, then repeat; check that the server runs if it lasts.",
        _ABANDON: "Stop. The path is forbidden or the address cannot be used; check address, port and firewall.",
        _MODIFY: "Correct the address or the port.",
    },
    Reason.TRANSPORT_TIMEOUT: {
        _WAIT: "Repeat after a pause if repeating is safe: the request may already have been executed.",
        _RECONNECT: "Connect again with growing pauses; what was in flight may already have been executed.",
        _ABANDON: "Stop. There was no answer in time; find out why.",
        _MODIFY: "Allow more time, or ask for less at once.",
    },
    Reason.TRANSPORT_STALE: {
        _RECONNECT: "Connect again; look for calls that block the event loop if it repeats.",
        _WAIT: "Wait for the client to connect again.",
        _NONE: "Do nothing: the server closed a connection that no longer answered.",
    },
    Reason.TRANSPORT_LOST: {
        _RECONNECT: "Connect again with growing pauses; the server's log may say why the connection ended.",
        _WAIT: "Wait for the client to connect again, then repeat.",
        _ABANDON: "Stop. The connection cannot be used any more; find out who closed it.",
        _NONE: "Do nothing: a client went away.",
    },
    Reason.TRANSPORT_TLS: {
        _ABANDON: "Stop. Compare the TLS settings of the two sides: versions, ciphers, certificates, the kind of port.",
        _MODIFY: "Correct the TLS settings of this side: versions, ciphers, or whether the port speaks TLS.",
        _RECONNECT: "Connect again with growing pauses; compare the TLS settings of the two sides if it lasts.",
        _WAIT: "Wait, then repeat; compare the TLS settings of the two sides if it lasts.",
        _NONE: "Do nothing: a TLS handshake was aborted, often by a health check or a port scan.",
    },
    Reason.TRANSPORT_REMOTE: {
        _WAIT: "Wait, then repeat: another server on the way cannot be reached now.",
        _RECONNECT: "Let the servers connect again with growing pauses; check the other server if it lasts.",
        _ABANDON: "Stop. The other server cannot be reached; check its name and its operator.",
        _MODIFY: "Correct the name of the other server.",
        _NONE: "Do nothing: another server on the way answered with an error, and this one went on.",
    },
    Reason.TRANSPORT_UNAVAILABLE: {
        _WAIT: "Wait, then repeat: nobody answers now. If that lasts, check that the service runs.",
        _RECONNECT: "Connect again with growing pauses; check that the service runs if it lasts.",
        _ABANDON: "Stop. No service offers this here; check that it is installed and that the recipient exists.",
        _MODIFY: "Send it to a service or recipient that is available.",
        _NONE: "Do nothing: the service comes back by itself.",
    },
    Reason.TRANSPORT_INTERNAL: {
        _WAIT: "Wait, then repeat; tell the operator if it lasts: the fault is inside the server.",
        _RECONNECT: "Connect again with growing pauses; tell the operator if it lasts: the fault is inside the server.",
        _ABANDON: "Stop. Tell the operator: the server has a fault that repeating does not fix.",
        _MODIFY: "Change the request: this one makes the server fail.",
        _NONE: "Tell the operator: the server had a fault, and went on.",
    },
    Reason.SHUTDOWN_SERVER: {
        _RECONNECT: "Connect again after a random pause, so that not all clients arrive at once.",
        _WAIT: "Wait for the client to connect to another server, then repeat.",
        _ABANDON: "Stop. The server was shut down and must be started by its operator.",
        _NONE: "Do nothing: the server was stopped on purpose.",
    },
    Reason.SHUTDOWN_CLIENT: {
        _NONE: "Do nothing: this side closed the connection.",
        _RECONNECT: "Open a new connection; find out who closed this one, if it was not intended.",
        _WAIT: "Wait for the client to connect again, then repeat.",
        _ABANDON: "Stop. This side has closed the connection; find out who did, if it was not intended.",
        _MODIFY: "Open a connection first, then repeat.",
    },
    Reason.SHUTDOWN_KICKED: {
        _RECONNECT: "Connect again after a pause; ask the administrator if it repeats.",
        _ABANDON: "Stop. Ask the administrator who ended this session.",
        _MODIFY: "Ask the administrator, or join under another name.",
        _WAIT: "Wait, then join again; ask the administrator if it repeats.",
    },
    Reason.SHUTDOWN_REPLACED: {
        _MODIFY: "Use another resource or client name; two clients with the same one disconnect each other.",
        _ABANDON: "Stop. Another session with this identity is in use.",
    },
    Reason.SHUTDOWN_MOVED: {
        _REDIRECT: "Connect to the address that came with the error, if you trust it.",
        _ABANDON: "Stop. It is no longer served here; ask the operator for the new address.",
        _MODIFY: "Use the new address that came with the error, if you trust it.",
        _RECONNECT: "Connect again: another server has taken over.",
        _WAIT: "Wait, then repeat: the service is moving to another server.",
    },
    Reason.SHUTDOWN_RESET: {
        _WAIT: "Wait with growing pauses, then repeat the request: the service begins a new session.",
        _RECONNECT: "Connect again; the server wants to negotiate a new session.",
        _LOGIN: "Get fresh credentials, then connect again.",
    },
    Reason.UNKNOWN: {
        _ABANDON: "Look at the text; report it, or add a row for it to a table of your own.",
    },
}


def advice_for(reason: Reason, recovery: Recovery) -> str:
    """Return what to do about an error; for a combination that no table has, the description of the recovery."""
    return ADVICE[reason].get(recovery) or recovery.about
