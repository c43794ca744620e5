"""What goes wrong, and the right answer."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.clients.stations import Place


@dataclass(frozen=True)
class Situation:
    """
    One thing that goes wrong.

    Attributes:
        name: What goes wrong, in words.

        protocol: `nats` or `xmpp`.

        operation: What the client does; each program knows it by this name.

        station: The server it does it with.

        act: What happens once the client has said that it is ready.

        variables: More variables for the client.
    """

    name: str
    protocol: str
    operation: str
    station: Callable[[Path], AbstractContextManager[Place]]
    act: Callable[[Place], object] | None = None
    variables: tuple[tuple[str, str], ...] = ()


def situations() -> list[Situation]:
    """Return all situations of both protocols."""
    modules = ("tests.clients.nats_situations", "tests.clients.xmpp_situations")
    return [one for name in modules for one in importlib.import_module(name).SITUATIONS]
