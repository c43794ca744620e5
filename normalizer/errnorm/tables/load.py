"""
Load tables from files: the installed ones, and the overlays of the user. A file that is not valid raises a `TableError`.

Beside an installed file there may be a file `evidence.json`: it says on which servers each error was provoked, and which
experiments show its behaviour. It is generated from captures of real servers, and its columns are joined to the rows.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from errnorm.tables import compiled
from errnorm.tables.file import evidence_of, protocols_of, read
from errnorm.tables.source import Source, TableError
from errnorm.tables.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from errnorm.installed import EntryPoint
    from errnorm.tables.file import TableFile

__all__ = ["document", "protocols", "table"]

# A hundred times the largest built-in file, and more than 50 000 rows.
_LARGEST = 16 << 20
_EVIDENCE = "evidence.json"


def table(protocol: str, points: Iterable[EntryPoint], overlays: Iterable[Path], known: Iterable[str] = ()) -> Table:
    """
    Read the files of one protocol, and apply the overlays for this protocol.

    Args:
        protocol: The protocol.
        points: The entry points of the files. The attribute of an entry point is the name of a file in its module.
        overlays: Files of the user, for any protocol.
        known: The protocols that have files, for the message if this one has none.

    Raises:
        TableError: If a file cannot be read or is not valid, or if there is no file for this protocol.
    """
    built_in = _installed(list(points), protocol)
    laid = [(_text(path), str(path)) for path in overlays if protocol in protocols(path)]
    if not built_in:
        if not laid:
            message = f"no table for the protocol {protocol!r}: there are tables for {', '.join(known)}"
            raise TableError(message)
        (text, origin), *laid = laid
        built_in = [read(text, origin, protocol)]
    return Table(built_in, laid)


def protocols(path: Path) -> list[str]:
    """
    Return the protocols for which a file has rows.

    Raises:
        TableError: If the file cannot be read, or does not name a protocol.
    """
    found = protocols_of(Source(_text(path), str(path)).parse())
    if not found:
        message = f'{path}:1: protocol: the file must name its protocol: protocol = "nats"'
        raise TableError(message)
    return found


def document(point: EntryPoint) -> dict[str, Any]:
    """
    Read an installed TOML file that is not a table. The attribute of its entry point is the name of a file in its module.

    Raises:
        TableError: If the file cannot be read.
    """
    return Source(_decoded(_resource(point.module, point.attr), f"{point.module}:{point.attr}"), point.attr).parse()


def _installed(points: list[EntryPoint], protocol: str) -> list[TableFile]:
    found: dict[str, dict[str, TableFile]] = {}
    for module in {point.module for point in points}:
        data = {point.attr: _resource(module, point.attr) for point in points if point.module == module}
        found[module] = _of_module(module, data, protocol)
    return [found[point.module][point.attr] for point in points]


def _of_module(module: str, data: dict[str, bytes], protocol: str) -> dict[str, TableFile]:
    """Return the files of one module by name: from their compiled form, if there is one that was made from them."""
    evidence = _optional(module, _EVIDENCE)
    form = _optional(module, compiled.name_of(protocol))
    made = compiled.files(form, data, evidence) if form else None
    if made is not None:
        return made
    try:
        generated = evidence_of(_decoded(evidence, f"{module}:{_EVIDENCE}")).get(protocol) if evidence else None
    except ValueError as error:
        message = f"{module}:{_EVIDENCE}: {error}"
        raise TableError(message) from error
    texts = {name: _decoded(each, f"{module}:{name}") for name, each in data.items()}
    return {name: read(text, name, protocol, evidence=generated) for name, text in texts.items()}


def _optional(module: str, name: str) -> bytes:
    """Return the bytes of a file in a module; no bytes if there is no such file."""
    try:
        return _resource(module, name)
    except TableError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return b""
        raise


def _resource(module: str, name: str) -> bytes:
    try:
        package = import_module(module)
        # As `pkgutil.get_data` does, whose import takes longer than reading the files.
        read_data = getattr(package.__loader__, "get_data", None)
        if read_data is not None and package.__file__ is not None:
            return bytes(read_data(os.path.join(os.path.dirname(package.__file__), name)))  # noqa: PTH118, PTH120 - pathlib is slow to import
    except Exception as error:  # a module of a plug-in can raise anything when it is imported
        message = f"{module}:{name}: {error}"
        raise TableError(message) from error
    message = f"{module}:{name}: the loader of the module has no files"
    raise TableError(message)


def _text(path: Path) -> str:
    try:
        data = _bytes(path)
    except (OSError, ValueError) as error:  # `open` raises ValueError for an impossible name
        message = f"{path}: {error.strerror if isinstance(error, OSError) else error}"
        raise TableError(message) from error
    return _decoded(data, str(path))


def _decoded(data: bytes, origin: str) -> str:
    try:
        return data.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"{origin}:{line}: not UTF-8: {error.reason}"
        raise TableError(message) from error


def _bytes(path: Path) -> bytes:
    # Only regular files: reading a pipe may block for ever, and a device may have no end. The size is limited while reading,
    # because a file can grow.
    if not path.is_file() and path.exists() and not path.is_dir():
        message = "not a regular file"
        raise ValueError(message)
    with path.open("rb") as file:
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        message = f"larger than {_LARGEST >> 20} MiB"
        raise ValueError(message)
    return data
