"""
Call a function once the application has imported a module.

The API of OpenTelemetry's metrics takes a third of the time in which a middleware is made, and a program without metrics never
needs it. A program with metrics imports it, before or after it makes its middleware. Python tells nobody of an import, except
the finders in `sys.meta_path`, which it asks where a module is.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["once_imported"]

_log = logging.getLogger("errnorm")


def once_imported(name: str, then: Callable[[], object]) -> None:
    """
    Call a function now if a module is imported, else right after its import.

    Args:
        name: The module.
        then: The function. What it raises is logged and does not reach the code that imports the module.
    """
    finder = _Finder(name, then)
    sys.meta_path.insert(0, finder)
    # Only now, so that an import on another thread is not missed.
    if name in sys.modules:
        finder.imported()


class _Finder:
    """Finds one module where the other finders find it, and notices the end of its import."""

    def __init__(self, name: str, then: Callable[[], object]) -> None:
        self._name = name
        self._then = then
        self._searches = False
        self._waits = True

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        # Another finder of this kind, also one of another library, asks this one.
        if name != self._name or self._searches:
            return None
        self._searches = True
        try:
            found = next((spec for one in [*sys.meta_path] if (spec := one.find_spec(name, path, target)) is not None), None)
        finally:
            self._searches = False
        if found is not None and found.loader is not None:
            found.loader = _Loader(found.loader, self.imported)  # type: ignore[assignment] # it does what the other does
        return found

    def imported(self) -> None:
        """Call the function, if this was not done before."""
        if not self._waits:
            return
        self._waits = False
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        try:
            self._then()
        except Exception as failure:  # noqa: BLE001 - the import of the application has succeeded
            _log.debug("errnorm: what waited for %s failed: %s", self._name, type(failure).__name__)


class _Loader:
    """Loads a module as another loader does, and leaves no trace in it."""

    def __init__(self, loader: Any, then: Callable[[], object]) -> None:  # noqa: ANN401 - of whoever has found the module
        self._loader = loader
        self._then = then

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - of the other loader
        return getattr(self._loader, name)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._then()
