"""
Find the installed adapters and tables through entry points. The built-in ones are found in the same way.

The name of an entry point is the protocol. A table may have several files: `nats.jetstream` adds rows to `nats`.

A plug-in that cannot be loaded is left out, and everything else works. `left_out` logs a warning that names the module and the
line; with `ERRNORM_DEBUG=1` the traceback follows.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from errnorm.escape import escaped
from errnorm.installed import entry_points

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from errnorm.adapters import Adapter
    from errnorm.installed import EntryPoint
    from errnorm.tables.source import TableError
    from errnorm.tables.table import Table

__all__ = [
    "adapters",
    "broken_at",
    "find_table",
    "forms",
    "left_out",
    "load_adapter",
    "load_table",
    "overlaid",
    "overlay_paths",
    "protocols",
]

_log = logging.getLogger("errnorm")

_LONGEST = 400
_told: set[tuple[str, str]] = set()


def adapters() -> dict[str, EntryPoint]:
    """Return the entry point of each installed adapter, by protocol; `load_adapter` imports the adapter."""
    return {point.name: point for point in entry_points("errnorm.adapters")}


def load_adapter(point: EntryPoint) -> Adapter:
    """Import an adapter."""
    adapter: Adapter = point.load()
    return adapter


def forms() -> list[EntryPoint]:
    """Return the entry points of the installed files that describe the forms of errors in texts, ordered by name."""
    return sorted(entry_points("errnorm.forms"), key=lambda point: point.name)


def protocols() -> list[str]:
    """Return the protocols that have a table, in the order of installation."""
    return list(dict.fromkeys(point.name.partition(".")[0] for point in entry_points("errnorm.mappings")))


def overlay_paths(given: Iterable[str | Path] | None = None) -> list[Path]:
    """Return the given overlay files; if none are given, those in `ERRNORM_TABLES`, separated like the entries of `PATH`."""
    paths = [path for path in os.environ.get("ERRNORM_TABLES", "").split(os.pathsep) if path] if given is None else list(given)
    if not paths:
        return []
    from pathlib import Path  # noqa: PLC0415 - its import takes a tenth of the library's, and most programs have no overlays

    return [Path(path) for path in paths]


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
    from errnorm.tables.source import TableError  # noqa: PLC0415 - as above

    points, paths = _points_of(protocol), list(overlays)
    try:
        return load.table(protocol, points, paths, protocols())
    except TableError:
        usable = _usable(points, protocol)
        if not usable or usable == points:
            raise
        return load.table(protocol, usable, paths, protocols())


def find_table(protocol: str, overlays: Iterable[Path] = ()) -> Table | None:
    """
    Read one protocol's table as `load_table` does. If none of its installed files is valid, log a warning and return `None`.

    Raises:
        TableError: If an overlay is not valid, or if there is no file for this protocol.
    """
    from errnorm.tables.source import TableError  # noqa: PLC0415 - as above

    try:
        return load_table(protocol, overlays)
    except TableError:
        points = _points_of(protocol)
        if not points or _usable(points, protocol):
            raise
        return None


def _points_of(protocol: str) -> list[EntryPoint]:
    points = [point for point in entry_points("errnorm.mappings") if point.name.partition(".")[0] == protocol]
    return sorted(points, key=lambda point: point.name)


def _usable(points: list[EntryPoint], protocol: str) -> list[EntryPoint]:
    """Return the files that are valid together with the files before them, and log a warning for each other file."""
    if _problem(points, protocol) is None:
        return points
    usable: list[EntryPoint] = []
    for point in points:
        if (problem := _problem([*usable, point], protocol)) is None:
            usable.append(point)
        else:
            left_out("table", point, problem)
    return usable


def _problem(points: list[EntryPoint], protocol: str) -> TableError | None:
    from errnorm.tables import load  # noqa: PLC0415 - as above
    from errnorm.tables.source import TableError  # noqa: PLC0415 - as above

    try:
        load.table(protocol, points, ())
    except TableError as error:
        return error
    return None


def left_out(kind: str, point: EntryPoint, error: BaseException) -> None:
    """
    Log a warning that a plug-in is left out because it cannot be loaded; once for each plug-in.

    Args:
        kind: The kind of plug-in: `"adapter"`, `"table"`, `"forms"`.
        point: The entry point of the plug-in.
        error: The exception that was raised when it was loaded.
    """
    if (point.group, point.name) in _told:
        return
    _told.add((point.group, point.name))
    trace = error if os.environ.get("ERRNORM_DEBUG") else None
    _log.warning(
        "errnorm: the %s of %s could not be loaded and is ignored: %s", kind, point.name, broken_at(point, error), exc_info=trace
    )


def broken_at(point: EntryPoint, error: BaseException) -> str:
    """Return the error that was raised when a plug-in was loaded, with the module and line of the plug-in."""
    said = escaped(f"{type(error).__name__}: {error}".rstrip(": "), _LONGEST)
    raised = error.__cause__ or error
    if isinstance(raised, SyntaxError) and raised.filename:
        return f"{said} (file {escaped(raised.filename, _LONGEST)}, line {raised.lineno})"
    places = list(_places(raised))
    mine = [place for place in places if place[0].partition(".")[0] == point.module.partition(".")[0]]
    if not mine:
        return f"{said} ({point.value})"
    return f"{said} (module {mine[-1][0]}, line {mine[-1][1]})"


def _places(error: BaseException) -> Iterator[tuple[str, int]]:
    trace = error.__traceback__
    while trace is not None:
        yield str(trace.tb_frame.f_globals.get("__name__", "")), trace.tb_lineno
        trace = trace.tb_next
