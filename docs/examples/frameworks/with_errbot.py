"""The XMPP backend of errbot with an errnorm session: name its folder in `config.py` as `BOT_EXTRA_BACKEND_DIR`."""

from errbot.backends.xmpp import XMPPBackend, XMPPConnection

import errnorm
import errnorm_adapters.xmpp

errors = errnorm.Middleware()


class WatchedXMPPBackend(XMPPBackend):
    """Attach between the moment when errbot has made its client and the moment when it connects."""

    def create_connection(self) -> XMPPConnection:
        """Return errbot's connection."""
        connection = super().create_connection()
        self.session = errnorm_adapters.xmpp.attach(errors, connection.client)
        return connection
