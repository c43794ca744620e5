"""Where an error can appear, and how it is known that its row is right."""

from __future__ import annotations

from enum import StrEnum

from errnorm.member_docs import member_docs

__all__ = ["Evidence", "Reach"]


class Reach(StrEnum):
    """Where an error can appear."""

    CLIENT_WIRE = "client wire"
    """On a client's connection to the server."""
    PEER_WIRE = "peer wire"
    """Between servers only: routes, gateways, leaf nodes, server-to-server streams."""
    LOG = "log"
    """In the server's own log."""
    MONITORING = "monitoring"
    """In monitoring documents and events of the server."""
    CONFIGURATION = "configuration"
    """When a configuration or an account is loaded."""
    INTERNAL = "internal"
    """Inside the server; its text reaches nobody."""
    CLIENT = "client"
    """In the client's own process: raised by its library, the runtime or the operating system."""
    NEVER = "never emitted"
    """Declared or documented, and produced by no code known."""

    @property
    def about(self) -> str:
        """What the word means, in a sentence."""
        return member_docs(Reach)[self.name][0]


class Evidence(StrEnum):
    """How it is known that a row is right."""

    PROVOKED = "provoked"
    """A real server or client was made to produce it."""
    SOURCE = "source"
    """Read in the source code of what produces it."""
    SPECIFICATION = "specification"
    """Stated by a standard or a published specification."""

    @property
    def about(self) -> str:
        """What the word means, in a sentence."""
        return member_docs(Evidence)[self.name][0]
