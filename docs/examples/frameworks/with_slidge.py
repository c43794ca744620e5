"""A gateway of slidge: its own connection is watched, and what its network refuses reaches the user as a fitting error."""

from slixmpp.exceptions import XMPPError

import errnorm
import errnorm_adapters.xmpp

errors = errnorm.Middleware()


class Watched:
    """Put it before slidge's class: `class Gateway(Watched, BaseGateway[Session])`. It attaches before the component connects."""

    def __init__(self) -> None:
        """Attach to the component."""
        super().__init__()
        self.watched = errnorm_adapters.xmpp.attach(errors, self)


def refused(exception: Exception) -> XMPPError:
    """Turn an error of the network into one for the user; a handler of a session raises it from the first."""
    error = errors.report(exception, operation="relay", outcome="failed")
    condition, kind = ("service-unavailable", "wait") if error.retryable else ("not-acceptable", "modify")
    return XMPPError(condition, text=error.reason.value, etype=kind)
