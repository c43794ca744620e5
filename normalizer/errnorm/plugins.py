"""
Find the installed adapters and tables through entry points. The built-in ones are found in the same way.

The name of an entry point is the protocol. A table may have several files: `nats.jetstream` adds rows to `nats`.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.metadata import EntryPoint

    from errnorm.adapters import Adapter
    from errnorm.tables.table import Table

__all__ = ["adapters", "forms", "load_adapter", "load_table", "overlaid", "overlay_paths", "protocols"]


@cache
def _group(name: str) -> tuple[EntryPoint, ...]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - it takes half of the library's import time

    return tuple(entry_points(group=name))


def adapters() -> dict[str, EntryPoint]:
    """Return the entry point of each installed adapter, by protocol; `load_adapter` imports the adapter."""
    return {point.name: point for point in _group("errnorm.adapters")}


def load_adapter(point: EntryPoint) -> Adapter:
    """Import an adapter."""
    adapter: Adapter = point.load()
    return adapter


def forms() -> list[EntryPoint]:
    """Return the entry points of the installed files that describe the forms of errors in texts, ordered by name."""
    return sorted(_group("errnorm.forms"), key=lambda point: point.name)


def protocols() -> list[str]:
    """Return the protocols that have a table, in the order of installation."""
    return list(dict.fromkeys(point.name.partition(".")[0] for point in _group("errnorm.mappings")))


def overlay_paths(given: Iterable[str | Path] | None = None) -> list[Path]:
    """Return the given overlay files; if none are given, those in `ERRNORM_TABLES`, separated like the entries of `PATH`."""
    if given is not None:
        return [Path(path) for path in given]
    return [Path(path) for path in os.environ.get("ERRNORM_TABLES", "").split(os.pathsep) if path]


def overlaid(overlays: Iterable[Path]) -> list[str]:
    """
    Return the protocols for which overlay files have rows.

    Raises:
        TableError: If a file cannot be read, or does not name its protocol.
    """
    from errnorm.tables import load  # noqa: PLC0415 - importing the library must not load a table

    return [protocol for path in overlays for protocol in load.protocols(path)]


def load_table(protocol: str, overlays: Iterable[Path] = ()) -> Table:
    """
    Read all files of one protocol's table, and apply the overlays for this protocol.

    Args:
        protocol: The protocol, `"nats"`.
        overlays: Files of the user. Files for other protocols are ignored.

    Returns:
        The table.

    Raises:
        TableError: If a file cannot be read or is not valid, or if there is no file for this protocol.
    """
    from errnorm.tables import load  # noqa: PLC0415 - importing the library must not load a table

    points = [point for point in _group("errnorm.mappings") if point.name.partition(".")[0] == protocol]
    return load.table(protocol, sorted(points, key=lambda point: point.name), overlays, protocols())
