"""A gateway of slidge with an errnorm session; an error of the other network reaches the user as a suitable XMPP error."""

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
    """Return the XMPP error for an error of the other network; raise it `from` that error in a handler of a session."""
    error = errors.report(exception, operation="relay", outcome="failed")
    condition, kind = ("service-unavailable", "wait") if error.retryable else ("not-acceptable", "modify")
    return XMPPError(condition, text=error.reason.value, etype=kind)
