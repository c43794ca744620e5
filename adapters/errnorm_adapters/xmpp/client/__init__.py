"""
XMPP clients under a middleware: everything their events tell of failure, each thing once.

    client = slixmpp.ClientXMPP(jid, password)
    errnorm_adapters.xmpp.attach(errors, client)

What a request raises is not told here but where it is made, by a guard. Everything that reaches nobody otherwise is: how
sessions end and why none starts, and stanzas that come back as errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from errnorm_adapters.xmpp.client.aioxmpp import AioxmppAttachment
from errnorm_adapters.xmpp.client.slixmpp import SlixmppAttachment

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

    from errnorm.decision import RetryPolicy
    from errnorm.middleware import Middleware
    from errnorm_adapters.xmpp.client.session import Attachment

__all__ = ["attach"]


def attach(  # noqa: PLR0913 - two things, and a safe default for everything else
    middleware: Middleware,
    client: Any,  # noqa: ANN401 - of a library that is not imported
    *,
    abort: bool = False,
    supervised: bool = False,
    redirect: Callable[[str], bool] | None = None,
    policy: RetryPolicy | None = None,
    peer: str | None = None,
    healthy_after: float = 60.0,
) -> Attachment:
    """
    Tell what goes wrong with a client of slixmpp or aioxmpp, and if asked to, stop it where trying again is no use.

    Each fault is told once, whatever number of events it comes in, with what was decided and with what the client does by
    itself (`client`): `"reconnecting"`, `"closed"`, `"nothing"`. The operation is `connect` until a session has started and
    `serve` from then on; of what a session survives, it is `login` (a mechanism failed, another did not), `resume`, `message`
    or `presence`. Handlers of the application are left alone.

    Attach before connecting, and once; an `aioxmpp.Client` where an event loop runs. aioxmpp hands stanzas that come back as
    errors to whoever sent them, so of it only sessions are told; it drops the address of a redirect, and never follows one.

    Args:
        middleware: Whom to tell.
        client: A `ClientXMPP` or `ComponentXMPP` of slixmpp, or an `aioxmpp.Client`.
        abort: Whether a decision to abort closes the client for good: it connects no more, on its own or if told so, until
            this is detached. slixmpp by itself tries forever, and an application that connects again whenever it is
            disconnected does so with a password that was refused.
        supervised: True if somebody else decides, `errnorm.supervise` for one: how a session ends is neither decided nor told
            here, but raised by `started()` and returned by `ended()`; and the client does not connect again by itself.
        redirect: Asked when the server points to another address, with that address, which is its claim and nothing more;
            returns whether slixmpp may go there. Without it slixmpp does as it likes, or stays where `abort` or
            `supervised` is set.
        policy: How patient to be; as the middleware is if not given.
        peer: Whom with, in few possible values; it is told along.
        healthy_after: A session that lasted this long, in seconds, was a success: what failed before it is forgotten.

    Returns:
        What holds it: `detach()` ends it, `started()` and `ended()` wait, `close()` closes the client.
    """
    kind, loop = (SlixmppAttachment, client.loop) if hasattr(client, "add_event_handler") else _of_aioxmpp()
    return kind(
        middleware,
        client,
        loop,
        abort=abort,
        supervised=supervised,
        redirect=redirect,
        policy=policy,
        peer=peer,
        healthy_after=healthy_after,
    )


def _of_aioxmpp() -> tuple[type[Attachment], AbstractEventLoop]:
    from asyncio import get_running_loop  # noqa: PLC0415 - who runs this has it loaded; who only normalizes should not need it

    return AioxmppAttachment, get_running_loop()
