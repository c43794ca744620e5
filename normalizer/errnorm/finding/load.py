"""The forms that are installed: files of entry points in the group `errnorm.forms`, as tables are those of `errnorm.mappings`."""

from __future__ import annotations

from functools import cache

from errnorm import plugins
from errnorm.finding.forms import Forms
from errnorm.tables import load

__all__ = ["installed_forms"]


@cache
def installed_forms() -> Forms:
    """
    Read all installed files once.

    Raises:
        TableError: If a file cannot be read.
    """
    return Forms(load.document(point) for point in plugins.forms())
