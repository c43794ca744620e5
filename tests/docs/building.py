"""Build the site once for all workers of a run, since it takes longer than most tests."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]


class Site(NamedTuple):
    """
    The site that Sphinx has built.

    Attributes:
        folder: Its HTML.

        warnings: What Sphinx wrote to stderr, and its exit code if that is not 0.
    """

    folder: Path
    warnings: str


def built(shared: Path) -> Site:
    """Return the site in a folder that all workers share; the first worker builds it, and the others wait."""
    pytest.importorskip("furo", reason="no furo: pip install --group docs")
    folder, said = shared / "site", shared / "site.log"
    with (shared / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            said.write_text(_build(folder, shared / "trees"), "utf-8")
    return Site(folder, said.read_text("utf-8"))


def _build(folder: Path, trees: Path) -> str:
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html", "-d", str(trees), "docs", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=_untraced(), capture_output=True, text=True, timeout=500, check=False)
    return done.stderr + (f"exit code {done.returncode}" if done.returncode else "")


def _untraced() -> Mapping[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
