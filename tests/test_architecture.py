"""The rules the design lives by: who imports whom, what is public, what an import costs."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from importlib import import_module
from importlib.util import resolve_name
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

import errnorm

if TYPE_CHECKING:
    from collections.abc import Collection

ROOT = Path(__file__).parent.parent
ROOTS = ("normalizer", "adapters", "mappings")
CLIENTS = ("aiohttp", "aioxmpp", "nats", "nats_core", "pyjabber", "slixmpp", "websockets")
TELEMETRY = ("opentelemetry", "structlog")
# What takes longer to import than a middleware takes to make, and what of the standard library nearly does.
SLOW = ("pydantic", "dataclasses", "inspect", "pathlib", "importlib.metadata")
IMPORT = "import errnorm"
START = "import errnorm; errnorm.Middleware()"
USE = """
import errnorm
errnorm.normalize("item-not-found", "xmpp")
errnorm.normalize("nats: no servers available for connection")
errnorm.normalize(ConnectionRefusedError(111, "Connection refused"))
"""
MODULES_AT_MOST = 200


def modules_after(code: str) -> set[str]:
    """Return what is imported in a fresh interpreter that has run some code."""
    code = f"{code}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=300, cwd="/")
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("code", [IMPORT, USE, START], ids=["imported", "used", "started"])
def test_neither_import_nor_use_brings_a_client_library_or_telemetry(code: str) -> None:
    tops = {name.partition(".")[0] for name in modules_after(code)}
    assert not tops.intersection((*CLIENTS, *TELEMETRY))


@pytest.mark.parametrize("code", [IMPORT, START], ids=["imported", "started"])
def test_a_start_brings_a_bounded_number_of_modules_and_none_that_is_slow(code: str) -> None:
    brought = modules_after(code) - modules_after("")
    assert len(brought) <= MODULES_AT_MOST
    assert not brought.intersection(SLOW)


def test_import_contracts_are_kept() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    if not linter.exists():
        pytest.skip("import-linter is not installed: pip install --group lint")
    done = subprocess.run([str(linter), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_public_names_are_those_that_are_listed() -> None:
    found = {name: getattr(errnorm, name) for name in {*vars(errnorm), *errnorm.__all__} if not name.startswith("_")}
    ours = {name for name, value in found.items() if str(getattr(value, "__module__", "")).startswith("errnorm")}
    assert ours == {name for name in errnorm.__all__ if not isinstance(found[name], ModuleType)}


def test_every_public_name_is_there_and_is_listed_in_order() -> None:
    assert list(errnorm.__all__) == sorted(set(errnorm.__all__))
    assert all(getattr(errnorm, name) is not None for name in errnorm.__all__)


def every_module() -> list[str]:
    """Return the dotted name of every module that ships, but for the demonstrations, which need the extras."""
    paths = [path.relative_to(ROOT) for root in ("normalizer", "adapters") for path in (ROOT / root).rglob("*.py")]
    names = [".".join(path.with_suffix("").parts[1:]).removesuffix(".__init__") for path in paths]
    return sorted(name for name in names if ".demo" not in name and not name.endswith("__main__"))


@pytest.mark.parametrize("name", every_module())
def test_what_a_module_lists_it_has(name: str) -> None:
    module = import_module(name)
    assert all(hasattr(module, listed) for listed in getattr(module, "__all__", ()))


@pytest.mark.parametrize("path", sorted((ROOT / "mappings" / "errnorm_mappings").rglob("*.py")), ids=lambda path: path.name)
def test_tables_are_data_and_hold_no_code(path: Path) -> None:
    code = compile(path.read_text("utf-8"), path.name, "exec")
    assert set(code.co_names) <= {"__doc__"}


@pytest.mark.parametrize("path", sorted(ROOT.glob("*/errnorm*/py.typed")), ids=lambda path: path.parent.name)
def test_every_package_says_that_it_is_typed(path: Path) -> None:
    assert path.read_bytes() == b""


def test_there_are_three_typed_packages() -> None:
    typed = {path.parent.name for path in ROOT.glob("*/errnorm*/py.typed")}
    assert typed == {"errnorm", "errnorm_adapters", "errnorm_mappings"}


def dotted(path: Path) -> str:
    """Return the name that a file of a source root is imported by."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts[1:]).removesuffix(".__init__")


def imports_of(path: Path, name: str, known: Collection[str]) -> set[str]:
    """Return the modules of ours that a file imports anywhere: at its top, inside functions, and for types alone."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package)
            inner = {f"{module}.{alias.name}" for alias in node.names}
            found |= inner & set(known)
            if inner - set(known):
                found.add(module)
    return found & set(known) - {name}


def import_graph() -> dict[str, set[str]]:
    """Return what each module that ships imports of the others."""
    paths = {dotted(path): path for root in ROOTS for path in (ROOT / root).rglob("*.py")}
    return {name: imports_of(path, name, paths) for name, path in paths.items()}


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    found, ahead = set[str](), set(graph[start])
    while ahead:
        found |= ahead
        ahead = {after for name in ahead for after in graph[name]} - found
    return found


def circles(graph: dict[str, set[str]]) -> set[frozenset[str]]:
    """Return the sets of modules that all import each other, directly or by way of others."""
    ahead = {name: reachable(graph, name) for name in graph}
    return {frozenset(other for other in ahead[name] if name in ahead[other]) for name in graph if name in ahead[name]}


def test_no_modules_import_each_other_even_inside_functions_and_for_types() -> None:
    found = circles(import_graph())
    assert not found, "\n".join(" ⇄ ".join(sorted(circle)) for circle in found)
