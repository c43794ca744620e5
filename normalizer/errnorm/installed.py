"""
Find the entry points of this library's groups in the installed distributions, as `importlib.metadata` does.

Only files that name a group of this library are parsed, and all groups are found in one pass. `importlib.metadata` parses the
files of every distribution anew for each group, and its import alone takes a quarter of the time in which a middleware is made
(`benchmarks/`, "cold"). It is still used if a distribution may be somewhere else than in a directory of `sys.path`: in an
archive, in an egg, or wherever an import hook of the application finds distributions.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["EntryPoint", "entry_points"]

# Every group of this library begins so, and each built-in one is in the library's own distribution.
_OURS = "[errnorm."
_ABOUT = (".dist-info", ".egg-info")


class EntryPoint(NamedTuple):
    """One line of an installed `entry_points.txt`: `name = module:attr`."""

    name: str
    value: str
    group: str

    @property
    def module(self) -> str:
        """The name of the module."""
        return self.value.partition(":")[0].strip()

    @property
    def attr(self) -> str:
        """The attribute in the module; empty for the module itself. For a table, it is the name of a file."""
        return self.value.partition(":")[2].partition("[")[0].strip()

    def load(self) -> Any:  # noqa: ANN401 - it may be anything, and callers know what it is
        """Import the module and return the attribute. Raises whatever the module raises."""
        module = import_module(self.module)
        return attrgetter(self.attr)(module) if self.attr else module


class _ElsewhereError(Exception):
    """A distribution may be where only `importlib.metadata` looks."""


def entry_points(group: str) -> tuple[EntryPoint, ...]:
    """Return the entry points of a group, in the order of installation. The group must begin with `errnorm.`."""
    return tuple(point for point in _all() if point.group == group)


@cache
def _all() -> tuple[EntryPoint, ...]:
    try:
        return tuple(_in_directories())
    except _ElsewhereError:
        return tuple(_anywhere())


def _anywhere() -> Iterator[EntryPoint]:
    from importlib.metadata import distributions  # noqa: PLC0415 - its import is slow, and seldom necessary

    seen: set[str] = set()
    for distribution in distributions():
        try:
            name = distribution.metadata["Name"].replace("-", "_").replace(".", "_").lower()
            points = [EntryPoint(point.name, point.value, point.group) for point in distribution.entry_points]
        except Exception:  # noqa: BLE001, S112 - a distribution with broken files adds nothing, and takes nothing from the others
            continue
        if name not in seen:
            seen.add(name)
            yield from (point for point in points if f"[{point.group}".startswith(_OURS))


def _in_directories() -> Iterator[EntryPoint]:
    finders = [finder for finder in sys.meta_path if hasattr(finder, "find_distributions")]
    if [getattr(finder, "__module__", "") for finder in finders] != ["_frozen_importlib_external"]:
        raise _ElsewhereError
    seen: set[str] = set()
    for place in sys.path:
        for name, path in _distributions(place):
            # As in an import, the first directory that has a distribution hides the others.
            if name not in seen:
                seen.add(name)
                yield from _points_in(path)


def _distributions(place: str) -> list[tuple[str, str]]:
    """Return the name of each distribution in a directory, and the path of the directory with the files about it."""
    try:
        names = os.listdir(place or os.curdir)  # noqa: PTH208 - pathlib takes longer to import than all this
    except NotADirectoryError as error:
        raise _ElsewhereError from error
    except OSError:
        return []
    if any(name.endswith(".egg") for name in names):
        raise _ElsewhereError
    return [(_normalized(name), f"{place or os.curdir}/{name}") for name in names if name.endswith(_ABOUT)]


def _normalized(name: str) -> str:
    return name.rpartition(".")[0].partition("-")[0].replace(".", "_").lower()


def _points_in(path: str) -> Iterator[EntryPoint]:
    try:
        with open(f"{path}/entry_points.txt", encoding="utf-8") as file:  # noqa: PTH123 - as above
            text = file.read()
    except (OSError, UnicodeDecodeError):
        return
    if _OURS not in text:
        return
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            group = line.strip("[] ")
        elif line and not line.startswith("#") and f"[{group}".startswith(_OURS):
            name, _, value = line.partition("=")
            yield EntryPoint(name.strip(), value.strip(), group)
