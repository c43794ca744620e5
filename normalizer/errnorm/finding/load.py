"""Load the installed forms, which are files named by the entry points of the group `errnorm.forms`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from errnorm import plugins
from errnorm.finding.forms import Forms
from errnorm.tables import load

if TYPE_CHECKING:
    from errnorm.installed import EntryPoint

__all__ = ["installed_forms"]


@cache
def installed_forms() -> Forms:
    """
    Read all installed files once. A file that is not valid is left out, and a warning is logged.

    Raises:
        TableError: If no file can be read.
    """
    points = plugins.forms()
    try:
        return Forms([load.document(point) for point in points])
    except Exception:
        usable = [point for point in points if _is_usable(point)]
        if not usable or usable == points:
            raise
        return Forms([load.document(point) for point in usable])


def _is_usable(point: EntryPoint) -> bool:
    try:
        Forms([load.document(point)])
    except Exception as error:  # noqa: BLE001 - a plug-in can hold anything
        plugins.left_out("forms", point, error)
        return False
    return True
