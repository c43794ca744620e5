"""An agent of SPADE whose session is watched: each fault is told once, and `session.health()` says how it is."""

from spade.agent import Agent

import errnorm
import errnorm_adapters.xmpp

errors = errnorm.Middleware()


class WatchedAgent(Agent):
    """SPADE makes its client and connects it in one step; this is the one method between the two."""

    async def _async_connect(self) -> None:
        self.session = errnorm_adapters.xmpp.attach(errors, self.client)
        await super()._async_connect()
