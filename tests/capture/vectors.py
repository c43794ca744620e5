"""Read, write and compare vectors: one file for each producer and version, one JSON object in each line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests import jsonl
from tests.capture.recording import FORMS, judged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FOLDER = Path(__file__).parents[1] / "data" / "vectors"
Vector = jsonl.Record


def read(folder: Path = FOLDER) -> Iterator[Vector]:
    """Return all vectors of a folder."""
    return jsonl.read(folder)


def path_of(server: str, version: str, folder: Path = FOLDER) -> Path:
    """Return the file of a producer."""
    return folder / f"{server}-{version}.jsonl"


def form_of(vector: Mapping[str, Any]) -> str:
    """Return the form of the error."""
    return next(form for form in FORMS if form in vector)


def identity(vector: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the key that identifies a vector in another run, and distinguishes it from others of its scenario."""
    expected = vector["expected"]
    place = (str(expected["section"]), str(expected["code"]), str(expected["reason"]), str(expected["recovery"]))
    signal = judged(vector).signal
    nuances = repr((signal.family, signal.details))
    return (vector["server"], vector["version"], vector["scenario"], vector["protocol"], form_of(vector), *place, nuances)


def of_the_same(captured: Iterable[Vector], *, scenarios: bool = False) -> list[Vector]:
    """Return the known vectors of the captured producers, or of the captured scenarios."""
    names = ("server", "version", "scenario") if scenarios else ("server", "version")
    made = {tuple(vector[name] for name in names) for vector in captured}
    return [vector for vector in read() if tuple(vector[name] for name in names) in made]


def distinct(vectors: Iterable[Vector]) -> list[Vector]:
    """Return the vectors without duplicates."""
    return jsonl.distinct(vectors, identity)


def write(vectors: Iterable[Vector], folder: Path = FOLDER) -> None:
    """Write the vectors of each producer to its file, in the given order."""
    jsonl.write(vectors, lambda vector: path_of(vector["server"], vector["version"], folder))


def differences(known: Iterable[Vector], captured: Iterable[Vector]) -> Iterator[str]:
    """Return a line for each vector that is new, missing or changed."""
    return jsonl.differences(known, captured, identity, _change)


def _change(before: Vector | None, now: Vector | None) -> str:
    states = [vector for vector in (before, now) if vector is not None]
    server, version, scenario, *_, section, code, _, _, _ = identity(states[0])
    return f"{server} {version}, {scenario} [{section} {code}]: {' -> '.join(map(_said, states))}"


def _said(vector: Vector) -> str:
    said = json.dumps(vector[form_of(vector)], ensure_ascii=False)[:160]
    return f"{said} closed={json.dumps(vector['closed'])} {vector['expected']['reason']}/{vector['expected']['recovery']}"
