"""The results: read, write, compare. One file a producer and version, one JSON object a line, by name of the situation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests import jsonl

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

FOLDER = Path(__file__).parents[1] / "data" / "experiments"
Record = jsonl.Record


def read(folder: Path = FOLDER) -> Iterator[Record]:
    """Return all results of a folder."""
    return jsonl.read(folder)


def identity(record: Record) -> tuple[str, str, str]:
    """Return what makes a result the same one in another run."""
    return record["server"], record["version"], record["situation"]


def write(found: Iterable[Record], known: Container[tuple[str, str]], folder: Path = FOLDER) -> None:
    """Put results in the place of those of the same situations, and keep those of all other situations that are known."""
    kept = {identity(record): record for record in read(folder) if (record["server"], record["situation"]) in known}
    kept |= {identity(record): record for record in found}
    jsonl.write((kept[name] for name in sorted(kept)), lambda record: folder / f"{record['server']}-{record['version']}.jsonl")


def differences(found: Iterable[Record], folder: Path = FOLDER) -> Iterator[str]:
    """Return a line for each result that is new or differs from the known one; known ones may be missing in a run of a part."""
    ran = {identity(record): record for record in found}
    known = [record for record in read(folder) if identity(record) in ran]
    return jsonl.differences(known, ran.values(), identity, _change)


def _change(before: Record | None, now: Record | None) -> str:
    known, ran = before or {}, now or {}
    state = now or known
    changed = [f"{key}: {known.get(key)} -> {ran.get(key)}" for key in state if known.get(key) != ran.get(key)]
    said = f"{state['server']} {state['version']}: {state['situation']}"
    return f"{said}: {', '.join(changed)}" if known else said
