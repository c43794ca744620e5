"""One line about an installed command for `errnorm --help`, read from the source of its module, which is not imported."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from errnorm.installed import EntryPoint

__all__ = ["summary_of"]


def summary_of(point: EntryPoint) -> str:
    """Return the first line of the docstring of a command's module; if it has none, how to see the command's own help."""
    try:
        spec = find_spec(point.module)
        source = spec.loader.get_source(point.module)  # type: ignore[union-attr] # `AttributeError` if there is no source
        line = (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]
    except Exception:  # noqa: BLE001 - a plug-in that is broken must not end the help
        line = ""
    return f"{line[0].lower()}{line[1:].rstrip('.')}" if line else f"see errnorm {point.name} --help"
