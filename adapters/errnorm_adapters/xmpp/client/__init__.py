"""
Attach a middleware to an XMPP client: report every failure that its events show, and each failure once.

    client = slixmpp.ClientXMPP(jid, password)
    session = errnorm_adapters.xmpp.attach(errors, client)

A guard around a request reports what the request raises. The attachment reports what raises no exception in the application: why
a session ended or did not start, and stanzas that come back as errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from errnorm.decision import SERVICE
from errnorm_adapters.xmpp.client.aioxmpp import AioxmppAttachment
from errnorm_adapters.xmpp.client.attachment import Options, XmppAttachment
from errnorm_adapters.xmpp.client.slixmpp import SlixmppAttachment

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.decision import RetryPolicy
    from errnorm.middleware import Middleware

__all__ = ["XmppAttachment", "attach"]


def attach(  # noqa: PLR0913 - two arguments are required; each option has a safe default
    middleware: Middleware,
    client: Any,  # noqa: ANN401 - of a library that is not imported
    *,
    abort: bool = False,
    supervised: bool = False,
    redirect: Callable[[str], object] | None = None,
    policy: RetryPolicy = SERVICE,
    login_within: float = 10.0,
    peer: str | None = None,
    record: Callable[[str], object] | None = None,
) -> XmppAttachment:
    """
    Attach a middleware to a client of slixmpp or aioxmpp, and return the session.

    Each fault is reported once, even if the client emits several events for it. The report contains the decision and, as
    `client`, what the client does by itself: `"reconnecting"`, `"closed"` or `"nothing"`. The operation of a report is `connect`
    until a session has started, and `serve` after that. For an error that the session survives, the operation is `login` (one
    mechanism failed and another succeeded), `enable`, `resume`, `message`, `presence`, `room` or `join`. The handlers of the
    application stay as they are.

    slixmpp does not reconnect after most disconnects; the application does. It finds the verdict and the pause in
    `session.health().decision`. A request that still waits when the session ends raises at once, and a guard around the request
    gets the error that ended the session.

    Call this function before the client connects. For an `aioxmpp.Client`, call it while an event loop runs. If a client already
    has a session, that session is detached. aioxmpp passes a stanza that comes back as an error to the code that sent the stanza,
    so for aioxmpp only sessions are reported. aioxmpp drops the address of a redirect and never follows a redirect.

    Args:
        middleware: The middleware that reports the faults.
        client: A `ClientXMPP` or `ComponentXMPP` of slixmpp, or an `aioxmpp.Client`.
        abort: Whether to close the client once the session is hopeless, which means that waiting cannot help. The client then
            refuses to connect, even if the application calls `connect`, until its credentials change or `close()` is called on
            the session. An outage never makes a session hopeless. If the application reconnects at once after a fault, the
            connection attempt is delayed by the pause of the decision.
        supervised: Whether other code opens the next session; `errnorm.supervise` sets it. The client then does not reconnect
            by itself, and `ended()` returns the end of the session instead of reporting it.
        redirect: Called with the address that the server redirects to; nothing has verified this address. Returns whether
            slixmpp may connect to it. Without this callback, slixmpp follows a redirect by its own rules, and does not follow
            it if `abort` or `supervised` is set. From the second redirect in a row on, following it waits for a pause.
        policy: How long the pauses between connection attempts are. It never limits the number of attempts.
        login_within: How long a connection attempt and a login may each take, in seconds. After that time the attempt has failed.
        peer: A name for the other side, for the reports; use few different values.
        record: Called with each line of the session's trace (`errnorm.session.trace`).

    Returns:
        The session. `health()`, `started()` and `ended()` return its state, `close()` closes the client, and `detach()` removes
        the middleware from the client.

    Raises:
        TypeError: If `client` is not a client of slixmpp or aioxmpp.
    """
    options = Options(
        abort=abort,
        supervised=supervised,
        redirect=redirect,
        policy=policy,
        login_within=login_within,
        peer=peer,
        record=record,
    )
    kind: type[XmppAttachment]
    if hasattr(client, "add_event_handler"):
        kind = SlixmppAttachment
    elif hasattr(client, "on_stream_established"):
        kind = AioxmppAttachment
    else:
        message = f"attach takes a client of slixmpp or aioxmpp, not {type(client).__name__}"
        raise TypeError(message)
    if (former := _ATTACHED.pop(client, None)) is not None:
        former.detach()
    attachment = _ATTACHED[client] = kind(middleware, client, options)
    return attachment


_ATTACHED: WeakKeyDictionary[Any, XmppAttachment] = WeakKeyDictionary()
