"""The results: read, write, compare. One file a producer and version, one JSON object a line, by name of the situation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

FOLDER = Path(__file__).parents[1] / "data" / "experiments"
Record = dict[str, Any]


def read(folder: Path = FOLDER) -> Iterator[Record]:
    """Yield all results of a folder."""
    for path in sorted(folder.glob("*.jsonl")):
        yield from map(json.loads, path.read_text("utf-8").splitlines())


def identity(record: Record) -> tuple[str, str, str]:
    """Return what makes a result the same one in another run."""
    return record["server"], record["version"], record["situation"]


def write(found: Iterable[Record], known: Container[tuple[str, str]], folder: Path = FOLDER) -> None:
    """Put results in the place of those of the same situations, and keep those of all other situations that are known."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = {identity(record): record for record in read(folder) if (record["server"], record["situation"]) in known}
    kept |= {identity(record): record for record in found}
    by_file: dict[str, list[str]] = {}
    for server, version, name in sorted(kept):
        line = json.dumps(kept[server, version, name], ensure_ascii=False)
        by_file.setdefault(f"{server}-{version}.jsonl", []).append(line + "\n")
    for name, lines in by_file.items():
        (folder / name).write_text("".join(lines), "utf-8")


def differences(found: Iterable[Record], folder: Path = FOLDER) -> Iterator[str]:
    """Yield a line for each result that is new or differs from the known one."""
    known = {identity(record): record for record in read(folder)}
    for record in found:
        before = known.get(identity(record))
        if before is None:
            yield f"new      {_said(record)}"
        elif before != record:
            changed = ", ".join(f"{key}: {before.get(key)} -> {record[key]}" for key in record if before.get(key) != record[key])
            yield f"changed  {_said(record)}: {changed}"


def _said(record: Record) -> str:
    return f"{record['server']} {record['version']}: {record['situation']}"
