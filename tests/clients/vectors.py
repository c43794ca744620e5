"""The stored output of clients: one file for each client and version, one JSON object in each line."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from tests import jsonl
from tests.clients.printed import steady
from tests.clients.running import Printed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FOLDER = Path(__file__).parents[1] / "data" / "clients"
ANSWERS = Path(__file__).parent / "answers.toml"
Vector = jsonl.Record


@dataclass(frozen=True)
class Answers:
    """
    The right answers of one situation.

    Attributes:
        reason: The reason of the fault.

        first: Reasons by a pattern of the text, for texts that mean the same in all situations of the protocol.

        words: Reasons by a pattern of the text, for texts that describe something other than the fault.

        after: The same for consequences of the first error, in all situations of the protocol.
    """

    reason: str
    first: dict[str, str]
    words: dict[str, str]
    after: dict[str, str]

    def of(self, printed: Printed) -> str:
        """Return the reason that a text shows. A whole output contains several errors, one of which is the fault."""
        patterns = {**self.first, **self.words, **({} if printed.form == "stderr" else self.after)}
        return next((reason for pattern, reason in patterns.items() if re.search(pattern, printed.text)), self.reason)


@cache
def answers() -> dict[tuple[str, str], Answers]:
    """Return the right answers by protocol and situation."""
    told = tomllib.loads(ANSWERS.read_text("utf-8"))
    found = {}
    for protocol in ("nats", "xmpp"):
        first, anywhere = told[protocol].pop("first"), told[protocol].pop("anywhere")
        for name, answer in told[protocol].items():
            found[protocol, name] = Answers(answer["reason"], first, answer.get("words", {}), anywhere)
    return found


def expected(protocol: str, situation: str, printed: Printed) -> dict[str, str]:
    """Return the right answer for an output."""
    return {"reason": answers()[protocol, situation].of(printed)}


def read(folder: Path = FOLDER) -> Iterator[Vector]:
    """Return all vectors of a folder."""
    return jsonl.read(folder)


def answered(vectors: Iterable[Vector]) -> Iterator[Vector]:
    """Yield the vectors with the current replacements and right answers."""
    for vector in vectors:
        printed = Printed(vector["form"], steady(vector["text"]))
        yield {**vector, "text": printed.text, "expected": expected(vector["protocol"], vector["situation"], printed)}


def identity(vector: Vector) -> tuple[str, ...]:
    """Return the key that identifies a vector in another run: everything but the expected answer and the later lines."""
    head = vector["text"].partition("\n")[0]
    return (vector["client"], vector["version"], vector["situation"], vector["form"], head)


def distinct(vectors: Iterable[Vector]) -> list[Vector]:
    """Return the vectors without those that begin like an earlier one."""
    return jsonl.distinct(vectors, identity)


def merged(known: Iterable[Vector], captured: Iterable[Vector]) -> list[Vector]:
    """
    Return what was captured and, behind it by situation, what only an earlier run saw.

    What a client says of a connection that ends depends on what it was doing, so that no run sees all of its texts.
    """
    both = distinct([*captured, *known])
    places: dict[tuple[str, ...], int] = {}
    for vector in both:
        places.setdefault((vector["client"], vector["version"], vector["situation"]), len(places))
    return sorted(both, key=lambda one: places[one["client"], one["version"], one["situation"]])


def write(vectors: Iterable[Vector], folder: Path = FOLDER) -> None:
    """Write the vectors of each client to its file."""
    jsonl.write(vectors, lambda vector: folder / f"{vector['client']}-{vector['version']}.jsonl")


def differences(known: Iterable[Vector], captured: Iterable[Vector]) -> Iterator[str]:
    """Return a line for each vector that is new, missing or changed."""
    return jsonl.differences(known, captured, identity, _change)


def _change(before: Vector | None, now: Vector | None) -> str:
    states = [vector for vector in (before, now) if vector is not None]
    client, version, situation, form, head = identity(states[0])
    return f"{client} {version}, {situation} [{form}] {head[:120]!r}: {' -> '.join(str(one['expected']) for one in states)}"
