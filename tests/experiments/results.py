"""Read, write and compare results: one file for each producer and version, one line of JSON for each situation, by name."""

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
    """Return the key that identifies a result in another run."""
    return record["server"], record["version"], record["situation"]


def write(found: Iterable[Record], known: Container[tuple[str, str]], folder: Path = FOLDER) -> None:
    """Replace the known results of the same situations, and keep the known results of all other situations."""
    kept = {identity(record): record for record in read(folder) if (record["server"], record["situation"]) in known}
    kept |= {identity(record): record for record in found}
    jsonl.write((kept[name] for name in sorted(kept)), lambda record: folder / f"{record['server']}-{record['version']}.jsonl")


def differences(found: Iterable[Record], folder: Path = FOLDER) -> Iterator[str]:
    """Return a line for each result that is new or differs from the known one. A run may leave situations out."""
    ran = {identity(record): record for record in found}
    known = [record for record in read(folder) if identity(record) in ran]
    return jsonl.differences(known, ran.values(), identity, _change)


def _change(before: Record | None, now: Record | None) -> str:
    known, ran = before or {}, now or {}
    state = now or known
    changed = [f"{key}: {known.get(key)} -> {ran.get(key)}" for key in state if known.get(key) != ran.get(key)]
    said = f"{state['server']} {state['version']}: {state['situation']}"
    return f"{said}: {', '.join(changed)}" if known else said
