"""An agent of SPADE with an errnorm session, which reports each fault once; `session.health()` returns its state."""

from spade.agent import Agent

import errnorm
import errnorm_adapters.xmpp

errors = errnorm.Middleware()


class WatchedAgent(Agent):
    """SPADE makes its client and connects it in one step; this is the one method between the two."""

    async def _async_connect(self) -> None:
        self.session = errnorm_adapters.xmpp.attach(errors, self.client)
        await super()._async_connect()
