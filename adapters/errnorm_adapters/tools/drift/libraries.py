"""Read the exception classes of the client libraries, and the conditions they know, from their sources without importing them."""

from __future__ import annotations

import ast
import builtins
import re
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from errnorm.plugins import protocols
from errnorm_adapters.tools.drift.reading import Comparison, Reading, without_row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["read"]

_PACKAGES = {"nats": "nats", "natsio": "nats", "slixmpp": "xmpp", "aioxmpp": "xmpp"}
# Built-in classes that clients raise for faults of their connection; only the text distinguishes the faults. Not RuntimeError for
# the clients of XMPP, which raise it for mistakes of the programmer.
_BARE = {
    "nats": {"ConnectionError", "OSError", "RuntimeError", "TimeoutError"},
    "natsio": {"ConnectionError", "OSError", "TimeoutError"},
    "slixmpp": {"ConnectionError", "OSError", "TimeoutError"},
    "aioxmpp": {"ConnectionError", "OSError", "TimeoutError"},
}
_ERROR = re.compile(r"(?:Error|Exception|Warning|Timeout|EOF)$|^Err[A-Z]")
# Modules in which every exception needs a row of its own. Elsewhere a row for a base class is enough.
_MAIN = re.compile(r"\.(?:errors|exceptions)$")
# The places where a library lists the conditions that it knows: the last part of a module, or the name of an enumeration.
_CONDITIONS = {
    "slixmpp.stanza.error": "stanza",
    "slixmpp.stanza.stream_error": "stream",
    "slixmpp.features.feature_mechanisms.stanza.failure": "sasl",
    "aioxmpp.errors.ErrorCondition": "stanza",
    "aioxmpp.errors.StreamErrorCondition": "stream",
}


@dataclass(slots=True)
class _Module:
    name: str
    classes: dict[str, list[str]] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    conditions: set[tuple[str, str]] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)


def read(path: Path) -> Reading | None:
    """
    Compare the client libraries below a directory with the tables.

    Args:
        path: `site-packages`, a virtual environment, a library's source tree, or the package itself.

    Returns:
        The reading; `None` if the directory contains none of the libraries.
    """
    if not path.is_dir():
        return None
    packages = {name: folders for name in _PACKAGES if (folders := _folders(path, name))}
    if not packages:
        return None
    versions = " ".join(f"{name} {_version(folders[0])}" for name, folders in packages.items())
    reading = Reading("client libraries", path, versions, "")
    for protocol in dict.fromkeys(_PACKAGES[name] for name in packages):
        if protocol in protocols():
            folders = [folder for name in packages if _PACKAGES[name] == protocol for folder in packages[name]]
            _compare(protocol, folders, reading)
    return reading


def _folders(path: Path, name: str) -> list[Path]:
    # One package may be spread over several distributions of a source tree: nats/src/nats, nats-core/src/nats.
    places = (name, f"src/{name}", f"*/src/{name}", f"lib/python*/site-packages/{name}")
    found = {folder for place in places for folder in path.glob(place)} | ({path} if path.name == name else set())
    return sorted(folder for folder in found if _is_package(folder))


def _is_package(folder: Path) -> bool:
    own = not any((folder / sign).exists() for sign in ("src", "pyproject.toml", "setup.py"))
    return own and any(file for name in ("errors.py", "exceptions.py") for file in folder.rglob(name))


def _version(folder: Path) -> str:
    found = (
        re.match(r"[a-z]+(?:_[a-z]+)?-(\d[^-]*)\.dist-info$", info.name)
        for info in folder.parent.glob(f"{folder.name}*.dist-info")
    )
    return next((one[1] for one in found if one is not None), "(version unknown)")


def _compare(protocol: str, folders: list[Path], reading: Reading) -> None:
    comparison = Comparison(protocol)
    modules = {module.name: module for folder in folders for module in _modules(folder)}
    names = {f"{module.name}.{name}" for module in modules.values() for name in module.names}
    for module in modules.values():
        _compare_module(comparison, modules, module)
    for entry in comparison.rows("client"):
        if entry.key.rpartition(".")[0] in modules and entry.key not in names:
            comparison.lose(entry)
    for what, number in (
        ("exception classes", sum(len(module.classes) for module in modules.values())),
        ("conditions", sum(len(module.conditions) for module in modules.values())),
        ("texts of bare exceptions", sum(len(module.texts) for module in modules.values())),
    ):
        reading.counts[what] = reading.counts.get(what, 0) + number
    reading.tables = ", ".join(filter(None, (reading.tables, comparison.table.version)))
    reading.findings += comparison.settled()


def _compare_module(comparison: Comparison, modules: dict[str, _Module], module: _Module) -> None:
    for name in module.classes:
        if not _has_row(comparison, modules, module, name):
            comparison.miss("client", f"{module.name}.{name}")
    for text in sorted(module.texts):
        if not _is_known(comparison, text):
            comparison.miss("client", text, where=module.name)
    for section, condition in sorted(module.conditions):
        if not comparison.matches(section, condition):
            comparison.miss(section, condition, where=module.name)


def _is_known(comparison: Comparison, text: str) -> bool:
    bare = text.removeprefix("nats: ")
    return text in without_row(comparison.table.protocol, "client") or any(
        comparison.matches(section, spelling) for section in comparison.table.sections for spelling in (text, bare)
    )


def _has_row(comparison: Comparison, modules: dict[str, _Module], module: _Module, name: str) -> bool:
    if comparison.table.get("client", f"{module.name}.{name}") is not None:
        return True
    if _MAIN.search(module.name) and module.name.count(".") <= 2:  # noqa: PLR2004 - nats.js.errors, not a plugin's own
        return False
    return any(_base_has_row(comparison, modules, module, base) for base in module.classes[name])


def _base_has_row(comparison: Comparison, modules: dict[str, _Module], module: _Module, base: str) -> bool:
    if base in module.classes:
        return _has_row(comparison, modules, module, base)
    last = base.rpartition(".")[2]
    owners = [other for other in modules.values() if last in other.classes and other is not module]
    if not owners:
        # Exceptions of the runtime about the network have their rows in the table below all protocols.
        known = getattr(builtins, last, OSError)
        return issubclass(known, OSError | EOFError)
    return any(_has_row(comparison, modules, owner, last) for owner in owners)


def _modules(folder: Path) -> Iterator[_Module]:
    for file in sorted(folder.rglob("*.py")):
        parts = file.relative_to(folder.parent).with_suffix("").parts
        if "test" in parts or "tests" in parts or "thirdparty" in parts:
            continue
        name = ".".join(parts).removesuffix(".__init__")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Python 3.12 and later warn of escapes in the sources of others
                tree = ast.parse(file.read_text("utf-8", "replace"))
        except SyntaxError:  # a module for another version of Python
            continue
        yield _module(name, tree)


def _module(name: str, tree: ast.Module) -> _Module:
    bare = _BARE[name.partition(".")[0]]
    raised = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    module = _Module(name, texts={text for one in raised if (text := _raised(one, bare))})
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            module.names.add(node.name)
            bases = [ast.unparse(base) for base in node.bases]
            # A class whose name begins with an underscore steers the library itself: no user of it sees one.
            if not node.name.startswith("_") and any(_is_exception(module, base) for base in bases):
                module.classes[node.name] = bases
            module.conditions |= _conditions(name, node)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            module.names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign):
            module.names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return module


def _raised(raised: ast.expr | None, classes: set[str]) -> str | None:
    """Return the text of a built-in exception that a client raises for a fault of its connection, with `word` for each value."""
    if not (isinstance(raised, ast.Call) and isinstance(raised.func, ast.Name) and raised.func.id in classes and raised.args):
        return None
    text = raised.args[0]
    if isinstance(text, ast.Constant) and isinstance(text.value, str):
        return text.value
    if not isinstance(text, ast.JoinedStr):
        return None
    parts = (part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "word" for part in text.values)
    return "".join(parts)


def _is_exception(module: _Module, base: str) -> bool:
    return base in module.classes or bool(_ERROR.search(base.rpartition(".")[2]))


def _conditions(module: str, node: ast.ClassDef) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for part in node.body:
        if isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name):
            listed = part.targets[0].id == "conditions" and isinstance(part.value, ast.Set)
            section = _CONDITIONS.get(module) if listed else _CONDITIONS.get(f"{module}.{node.name}")
            values = part.value.elts if isinstance(part.value, ast.Set | ast.Tuple) else []
            found |= {
                (section, one.value) for one in values if section and isinstance(one, ast.Constant) and isinstance(one.value, str)
            }
    return found
