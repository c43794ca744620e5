"""
What is installed: adapters and tables, found through entry points. Built-in ones have no other door.

The name of an entry point is its protocol. A table may have several files: `nats.jetstream` adds to `nats`.
"""

from __future__ import annotations

import os
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import tomli

from errnorm.rows import TableError, broken, read
from errnorm.tables import Table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from errnorm.model import Adapter

__all__ = ["adapters", "load_adapter", "load_table", "overlaid", "overlay_paths", "protocols"]


@cache
def _group(name: str) -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=name))


def adapters() -> dict[str, EntryPoint]:
    """Return the entry point of each installed adapter by protocol; `load_adapter` imports one."""
    return {point.name: point for point in _group("errnorm.adapters")}


def load_adapter(point: EntryPoint) -> Adapter:
    """Import an adapter."""
    adapter: Adapter = point.load()
    return adapter


def protocols() -> list[str]:
    """Return the protocols that have a table, in the order they were installed."""
    return list(dict.fromkeys(point.name.partition(".")[0] for point in _group("errnorm.mappings")))


def overlay_paths(given: Iterable[str | Path] | None = None) -> list[Path]:
    """Return the overlay files: those given, else those of `ERRNORM_TABLES`, separated as in `PATH`."""
    if given is not None:
        return [Path(path) for path in given]
    return [Path(path) for path in os.environ.get("ERRNORM_TABLES", "").split(os.pathsep) if path]


def overlaid(overlays: Iterable[Path]) -> list[str]:
    """
    Return the protocols that overlay files are about.

    Raises:
        TableError: If a file cannot be read, or does not say its protocol.
    """
    return [_protocol_of(_text(path), path) for path in overlays]


def load_table(protocol: str, overlays: Iterable[Path] = ()) -> Table:
    """
    Read all files of one protocol's table, and lay the overlays over it that are about this protocol.

    Args:
        protocol: The protocol, `"nats"`.
        overlays: Files of the user.

    Returns:
        The table.

    Raises:
        TableError: If a file cannot be read or used, or no file is about this protocol.
    """
    points = [point for point in _group("errnorm.mappings") if point.name.partition(".")[0] == protocol]
    built_in = [read(_resource(point), point.attr) for point in sorted(points, key=lambda point: point.name)]
    laid = [(text, str(path)) for path in overlays if _protocol_of(text := _text(path), path) == protocol]
    if not built_in:
        if not laid:
            message = f"no table for the protocol {protocol!r}: there are {', '.join(protocols())}"
            raise TableError(message)
        (text, origin), *laid = laid
        built_in = [read(text, origin)]
    return Table(built_in, laid)


def _resource(point: EntryPoint) -> str:
    try:
        return files(point.module).joinpath(point.attr).read_text("utf-8")
    except (OSError, ImportError, UnicodeDecodeError) as error:
        message = f"{point.value}: {error}"
        raise TableError(message) from error


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path}: {error.strerror if isinstance(error, OSError) else error}"
        raise TableError(message) from error


def _protocol_of(text: str, path: Path) -> str:
    try:
        protocol = tomli.loads(text).get("protocol")
    except tomli.TOMLDecodeError as error:
        raise TableError(broken(text, str(path), error)) from error
    if not isinstance(protocol, str):
        message = f'{path}:1: protocol: the file must say which protocol it is about: protocol = "nats"'
        raise TableError(message)
    return protocol
