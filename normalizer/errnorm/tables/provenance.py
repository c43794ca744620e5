"""Where an error can appear, and what shows that its row is right."""

from __future__ import annotations

from enum import StrEnum

from errnorm.member_docs import member_docs

__all__ = ["Evidence", "Reach"]


class Reach(StrEnum):
    """Where an error can appear."""

    CLIENT_WIRE = "client wire"
    """On a client's connection to the server."""
    PEER_WIRE = "peer wire"
    """Only between servers: routes, gateways, leaf nodes, server-to-server streams."""
    LOG = "log"
    """In the server's own log."""
    MONITORING = "monitoring"
    """In monitoring documents and events of the server."""
    CONFIGURATION = "configuration"
    """When a configuration or an account is loaded."""
    INTERNAL = "internal"
    """Only inside the server, which never sends or logs the text."""
    CLIENT = "client"
    """In the client's own process: raised by its library, the runtime or the operating system."""
    NEVER = "never emitted"
    """Nowhere: it is declared or documented, but no known code produces it."""

    @property
    def about(self) -> str:
        """The meaning of the word, in one sentence."""
        return member_docs(Reach)[self.name][0]


class Evidence(StrEnum):
    """What shows that a row is right."""

    PROVOKED = "provoked"
    """The error was provoked on a real server or client."""
    SOURCE = "source"
    """The error was read in the source code of the server or client that produces it."""
    SPECIFICATION = "specification"
    """A standard or a published specification states the error."""

    @property
    def about(self) -> str:
        """The meaning of the word, in one sentence."""
        return member_docs(Evidence)[self.name][0]
