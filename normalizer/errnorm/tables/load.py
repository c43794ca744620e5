"""
Tables from files: the installed ones, and the overlays of the user. Whatever is wrong with a file raises a `TableError`.

An installed file may have a file `evidence.json` beside it: what its rows were provoked on, generated from captures of real
servers. It is joined to the rows as their column `evidence`.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from errnorm.tables.file import read
from errnorm.tables.source import Source, TableError
from errnorm.tables.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from importlib.metadata import EntryPoint
    from pathlib import Path

    from errnorm.tables.file import TableFile

__all__ = ["document", "protocol_of", "table"]

# A hundred times the largest built-in file, and more than 50 000 rows.
_LARGEST = 16 << 20
_EVIDENCE = "evidence.json"


def table(protocol: str, points: Iterable[EntryPoint], overlays: Iterable[Path], known: Iterable[str] = ()) -> Table:
    """
    Read the files of one protocol, and lay the overlays over them that are about it.

    Args:
        protocol: The protocol.
        points: The entry points of its files; the object of each is the name of a file of its module.
        overlays: Files of the user, about any protocol.
        known: The protocols that have files, for the message if this one has none.

    Raises:
        TableError: If a file cannot be read or used, or no file is about this protocol.
    """
    built_in = _installed(list(points), protocol)
    laid = [(_text(path), str(path)) for path in overlays if protocol_of(path) == protocol]
    if not built_in:
        if not laid:
            message = f"no table for the protocol {protocol!r}: there are {', '.join(known)}"
            raise TableError(message)
        (text, origin), *laid = laid
        built_in = [read(text, origin)]
    return Table(built_in, laid)


def protocol_of(path: Path) -> str:
    """
    Return the protocol that a file is about.

    Raises:
        TableError: If it cannot be read, or does not say.
    """
    protocol = Source(_text(path), str(path)).parse().get("protocol")
    if not isinstance(protocol, str):
        message = f'{path}:1: protocol: the file must say which protocol it is about: protocol = "nats"'
        raise TableError(message)
    return protocol


def document(point: EntryPoint) -> dict[str, Any]:
    """
    Read an installed file that is not a table: the object of its entry point is the name of a file of its module.

    Raises:
        TableError: If it cannot be read.
    """
    return Source(_resource(point.module, point.attr), point.attr).parse()


def _installed(points: list[EntryPoint], protocol: str) -> list[TableFile]:
    evidence = {module: _evidence(module).get(protocol) for module in {point.module for point in points}}
    return [read(_resource(point.module, point.attr), point.attr, evidence=evidence[point.module]) for point in points]


def _evidence(module: str) -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    """Return the claims of a module's file of evidence, by protocol, section and key; none if it has no such file."""
    try:
        path = files(module).joinpath(_EVIDENCE)
        claims: dict[str, dict[str, dict[str, str]]] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    except (OSError, ImportError, ValueError) as error:
        message = f"{module}:{_EVIDENCE}: {error}"
        raise TableError(message) from error
    return claims


def _resource(module: str, name: str) -> str:
    try:
        return files(module).joinpath(name).read_text("utf-8")
    except (OSError, ImportError, UnicodeDecodeError) as error:
        message = f"{module}:{name}: {error}"
        raise TableError(message) from error


def _text(path: Path) -> str:
    try:
        data = _bytes(path)
    except (OSError, ValueError) as error:  # a ValueError for a name that no file can have
        message = f"{path}: {error.strerror if isinstance(error, OSError) else error}"
        raise TableError(message) from error
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"{path}:{line}: not UTF-8: {error.reason}"
        raise TableError(message) from error


def _bytes(path: Path) -> bytes:
    # A pipe may never be written to, a device may never end, and what has grown since it was measured is read no further.
    if not path.is_file() and path.exists() and not path.is_dir():
        message = "not a regular file"
        raise ValueError(message)
    with path.open("rb") as file:
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        message = f"larger than {_LARGEST >> 20} MiB"
        raise ValueError(message)
    return data
