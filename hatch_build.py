"""Hatchling runs this file when it builds a wheel. It compiles the tables (`errnorm.tables.compiled`), so that they load fast."""

from __future__ import annotations

import sys
import tempfile
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_ROOT = Path(__file__).parent
_TABLES = _ROOT / "mappings" / "errnorm_mappings"


class TablesHook(BuildHookInterface[Any]):
    """Adds the compiled tables to a wheel. An editable installation has none, so it reads the TOML files."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the compiled tables, and let the wheel take them."""
        if version == "editable":
            return
        self._folder = tempfile.TemporaryDirectory()
        for name, text in compiled_tables().items():
            path = Path(self._folder.name, name)
            path.write_text(text, "utf-8")
            build_data["force_include"][str(path)] = f"errnorm_mappings/{name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - of the interface
        """Delete the files that the wheel has taken."""
        if version != "editable":
            self._folder.cleanup()


def compiled_tables() -> dict[str, str]:
    """Return the compiled form of all tables, by the name of its file."""
    sys.path.insert(0, str(_ROOT / "normalizer"))
    try:
        from errnorm.tables.compiled import compiled, name_of  # noqa: PLC0415 - it is found only here
    finally:
        sys.path.pop(0)
    points = tomllib.loads((_ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]["errnorm.mappings"]
    texts: dict[str, dict[str, str]] = defaultdict(dict)
    for point, place in sorted(points.items()):
        name = place.partition(":")[2]
        texts[point.partition(".")[0]][name] = (_TABLES / name).read_text("utf-8")
    evidence = (_TABLES / "evidence.json").read_text("utf-8")
    return {name_of(protocol): compiled(files, protocol, evidence) for protocol, files in texts.items()}


if __name__ == "__main__":
    # For the development environment, which is an editable installation: its tests start many processes.
    for name, text in compiled_tables().items():
        (_TABLES / name).write_text(text, "utf-8")
