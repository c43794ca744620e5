"""Records in files, one JSON object a line: read, write and compare what servers and clients did."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

Record = dict[str, Any]
Identity = tuple[str, ...]


def read(folder: Path) -> Iterator[Record]:
    """Yield all records of the files of a folder."""
    for path in sorted(folder.glob("*.jsonl")):
        yield from map(json.loads, path.read_text("utf-8").splitlines())


def write(records: Iterable[Record], path_of: Callable[[Record], Path]) -> None:
    """Write each record to its file, in the order given. The files hold nothing else afterwards."""
    lines: dict[Path, list[str]] = {}
    for record in records:
        lines.setdefault(path_of(record), []).append(json.dumps(record, ensure_ascii=False) + "\n")
    for path, written in lines.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(written), "utf-8")


def distinct(records: Iterable[Record], identity: Callable[[Record], Identity]) -> list[Record]:
    """Return the records without those that are the same as one before."""
    kept: dict[Identity, Record] = {}
    for record in records:
        kept.setdefault(identity(record), record)
    return list(kept.values())


def differences(
    known: Iterable[Record],
    found: Iterable[Record],
    identity: Callable[[Record], Identity],
    change: Callable[[Record | None, Record | None], str],
) -> Iterator[str]:
    """
    Yield a line for each record that is new, gone or changed.

    Args:
        known: The records of the files.
        found: The records of this run.
        identity: Returns what makes a record the same one in another run.
        change: Describes a record before and now; `None` where it is missing.
    """
    before = {identity(record): record for record in known}
    now = {identity(record): record for record in found}
    for name in now | before:
        old, new = before.get(name), now.get(name)
        if old != new:
            kind = "new" if old is None else "gone" if new is None else "changed"
            yield f"{kind:9}{change(old, new)}"
