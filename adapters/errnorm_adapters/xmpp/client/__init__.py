"""
XMPP clients under a middleware: everything their events tell of failure, each thing once.

    client = slixmpp.ClientXMPP(jid, password)
    session = errnorm_adapters.xmpp.attach(errors, client)

What a request raises is reported by a guard around the request, not here. Everything that reaches nobody otherwise is: how
sessions end and why none starts, and stanzas that come back as errors.
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


def attach(  # noqa: PLR0913 - two things, and a safe default for everything else
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
    Begin a session of a client of slixmpp or aioxmpp, and return it.

    Each fault is reported once, whatever number of events it comes in, with what was decided and with what the client does by
    itself (`client`): `"reconnecting"`, `"closed"`, `"nothing"`. The operation is `connect` until a session has started and
    `serve` from then on; of what a session survives, it is `login` (a mechanism failed, another did not), `enable`, `resume`,
    `message`, `presence` or `room`. Handlers of the application are left alone.

    slixmpp does not connect again after a disconnect: whoever does so finds the verdict and the pause in
    `session.health().decision`. A request that waits when the session ends raises at once, and a guard around it learns why.

    Attach before connecting; an `aioxmpp.Client` where an event loop runs. A client that is attached to again leaves its former
    session. aioxmpp hands stanzas that come back as errors to whoever sent them, so of it only sessions are reported; it drops
    the address of a redirect, and never follows one.

    Args:
        middleware: Whom faults are reported to.
        client: A `ClientXMPP` or `ComponentXMPP` of slixmpp, or an `aioxmpp.Client`.
        abort: Whether the client is closed once the session is hopeless, for reasons that time does not mend. Then it connects
            no more, on its own or if told so, until its credentials change or the session is closed by `close()`. An outage is
            waited for, however long it takes; an application that connects at once again is held back for the pause.
        supervised: Whether somebody else opens the next session; `errnorm.supervise` sets it. Then the client does not connect
            again by itself, and how the session ends is returned by `ended()`, not reported.
        redirect: Gets the address that the server points to, which is its claim and nothing more; returns whether slixmpp may go
            there. Without it slixmpp does as it likes, or stays where `abort` or `supervised` is set.
        policy: How long the pauses are that are told to whoever connects again; never a limit of attempts.
        login_within: How long a dial and a login may take, in seconds, before silence is a fault, and the attempt is over.
        peer: Whom with, in few possible values; it is reported along.
        record: Writes a line of the session's trace (`errnorm.session.trace`).

    Returns:
        The session: `health()`, `started()` and `ended()` say how it is, `close()` closes the client, `detach()` leaves it alone.

    Raises:
        TypeError: If it is not a client of slixmpp or aioxmpp.
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
