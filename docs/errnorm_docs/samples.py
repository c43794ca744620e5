"""How an error really looks: for each row a text or an exception that a real server or client produced, from the captures."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from errnorm import normalize

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from errnorm_docs.entries import Article

__all__ = ["Sample", "samples"]

_CAPTURES = Path(__file__).parents[2] / "tests/data/vectors"
_LONGEST = 400


@dataclass(frozen=True, slots=True)
class Sample:
    """
    One captured error.

    Attributes:
        text: The text, or the class and message of the exception.

        by: The server or client that produced it, with its version.
    """

    text: str
    by: str


def samples(entries: Sequence[Article]) -> Mapping[str, Sample]:
    """Return the first sample of each row, by the address of the row; many rows have none."""
    by_key = {(entry.protocol, entry.placed.section, entry.placed.key): entry.slug for entry in entries}
    counts = Counter((entry.protocol, entry.placed.section, entry.placed.code) for entry in entries)
    by_code = {
        key: entry.slug for entry in entries if counts[key := (entry.protocol, entry.placed.section, entry.placed.code)] == 1
    }
    found: dict[str, Sample] = {}
    for vector in _vectors():
        text = _text_of(vector)
        row = normalize(vector["raw"], vector["protocol"]).row if "raw" in vector else None
        if row is not None:
            slug = by_key.get((vector["protocol"], row.section, row.key))
        else:
            slug = by_code.get((vector["protocol"], vector["expected"].get("section"), vector["expected"].get("code")))
        if slug is not None and 0 < len(text) <= _LONGEST:
            found.setdefault(slug, Sample(text, f"{vector['server']} {vector['version']}"))
    return found


def _vectors() -> Iterator[Mapping[str, Any]]:
    for path in sorted(_CAPTURES.glob("*.jsonl")):
        yield from map(json.loads, path.read_text("utf-8").splitlines())


def _text_of(vector: Mapping[str, Any]) -> str:
    if "exception" in vector:
        raised = vector["exception"]
        name = raised["class"] if raised["module"] == "builtins" else f"{raised['module']}.{raised['class']}"
        return f"{name}: {raised['str']}" if raised["str"] else name
    said = vector.get("raw") or vector.get("close_reason") or ""
    return said.strip() if isinstance(said, str) else ""
