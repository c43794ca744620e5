"""Tables from files: those that are installed, and the overlays of the user. Whatever is wrong with one is a `TableError`."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from errnorm import plugins
from errnorm.tables.row import TableError, parse, read
from errnorm.tables.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.metadata import EntryPoint
    from pathlib import Path

__all__ = ["document", "protocol_of", "table"]

# A hundred times the largest built-in file, and more than 50 000 rows.
_LARGEST = 16 << 20


def table(protocol: str, points: Iterable[EntryPoint], overlays: Iterable[Path]) -> Table:
    """
    Read the files of one protocol, and lay the overlays over them that are about it.

    Args:
        protocol: The protocol.
        points: The entry points of its files; the object of each is the name of a file of its module.
        overlays: Files of the user, about any protocol.

    Raises:
        TableError: If a file cannot be read or used, or no file is about this protocol.
    """
    built_in = [read(_resource(point), point.attr) for point in points]
    laid = [(_text(path), str(path)) for path in overlays if protocol_of(path) == protocol]
    if not built_in:
        if not laid:
            message = f"no table for the protocol {protocol!r}: there are {', '.join(plugins.protocols())}"
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
    protocol = parse(_text(path), str(path)).get("protocol")
    if not isinstance(protocol, str):
        message = f'{path}:1: protocol: the file must say which protocol it is about: protocol = "nats"'
        raise TableError(message)
    return protocol


def document(point: EntryPoint) -> dict[str, Any]:
    """
    Read an installed file that is no table: the object of its entry point is the name of a file of its module.

    Raises:
        TableError: If it cannot be read.
    """
    return parse(_resource(point), point.attr)


def _resource(point: EntryPoint) -> str:
    try:
        return files(point.module).joinpath(point.attr).read_text("utf-8")
    except (OSError, ImportError, UnicodeDecodeError) as error:
        message = f"{point.value}: {error}"
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
