"""
The column `evidence` of the tables: which rows were provoked on what, and which are known from a specification.

It is generated: `evidence.json` beside the tables is written from the vectors and the tables by `make golden`, and a test
compares it. A row that is not in it is known from the source of a program.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from errnorm import Normalizer
from errnorm.plugins import load_table, protocols
from errnorm.tables import Evidence, Reach
from tests.capture import vectors
from tests.capture.recording import judged

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from errnorm.error import NormalizedError
    from errnorm.tables import Entry
    from tests.capture.vectors import Vector

PATH = Path(__file__).parents[2] / "mappings" / "errnorm_mappings" / "evidence.json"
CLIENTS = ("nats-py", "slixmpp", "aioxmpp", "aiodns")
# The beginning of a source that is a standard, or the documentation of a system. Any other is a program.
STANDARD = re.compile(r"RFC \d+|XEP-\d{4}|XML |POSIX|IANA |Winsock|Linux \w+(\(2\)|\.h)|BSD |glibc |nats\.docs")
# A shorter text could stand anywhere.
_SAYING = 12
Place = tuple[str, str, str]


def touched(error: NormalizedError) -> Iterator[tuple[str, str]]:
    """Yield section and key of each row that an error rests on: its own, those of its conditions, and that of its type."""
    if error.row is not None:
        yield error.row.section, error.row.key
    engine = _normalizer().engine(error.protocol or "")
    pairs = [*error.signal.details, *(pair for pair in error.signal.family if pair[0] == "type")]
    for section, code in pairs:
        row = None if engine is None else engine.table.get(section, code)
        if row is not None:
            yield row.section, row.key
    if engine is not None and error.row is not None and error.row.row.refined:
        words = error.params.get("text") or error.signal.text
        inside = engine.table.find_inside(str(words))
        if inside is not None:
            yield inside.section, inside.key


@cache
def _normalizer() -> Normalizer:
    return Normalizer([])


def producers() -> dict[Place, list[tuple[str, str]]]:
    """Return who produced an error of each row: protocol, section and key, to names and versions."""
    found: defaultdict[Place, dict[tuple[str, str], None]] = defaultdict(dict)
    for vector in vectors.read():
        error = judged(vector)
        for section, key in touched(error):
            found[error.protocol or "", section, key][vector["server"], vector["version"]] = None
    for place, made in _carried(found.keys()).items():
        found[place] = made
    return {place: _first_hand(list(made)) for place, made in found.items()}


def _carried(known: Collection[Place]) -> dict[Place, dict[tuple[str, str], None]]:
    """Return the rows whose text stands inside a text that has another row: a line of a log, a description."""
    engine = _normalizer().engine("nats")
    every = [] if engine is None else engine.table.rows.values()
    rows = [row for row in every if len(row.key) >= _SAYING and row.row.reach is not Reach.NEVER]
    found: dict[Place, dict[tuple[str, str], None]] = {}
    for vector in vectors.read():
        text = str(vector.get("raw", "")).lower()
        for row in rows:
            place = ("nats", row.section, row.key)
            if row.section == "error" and place not in known and row.key.lower() in text:
                found.setdefault(place, {})[vector["server"], vector["version"]] = None
    return found


def _first_hand(made: list[tuple[str, str]]) -> list[tuple[str, str]]:
    # What a server said is not better known because a client passed it on.
    return [each for each in made if each[0] not in CLIENTS] or made


def claim(made: list[tuple[str, str]]) -> str:
    """Return the evidence of a row, `provoked: nats-server 2.15.1, 2.9.10`: the newest first, a name said once."""
    by_name: defaultdict[str, list[str]] = defaultdict(list)
    for name, version in made:
        by_name[name].append(version)
    newest = {name: sorted(versions, key=_number, reverse=True) for name, versions in by_name.items()}
    ordered = sorted(newest, key=("nats-server", "prosody", "ejabberd", "CPython", *CLIENTS).index)
    return "provoked: " + ", ".join(f"{name} {', '.join(newest[name])}" for name in ordered)


def _number(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def unfounded(vector: Vector) -> bool:
    """Tell whether what was seen of a connection contradicts what the tables say of it."""
    return vector["closed"] is not None and vector["closed"] != vector["expected"]["terminal"]


def document() -> str:
    """Return the file of evidence as JSON: claims by protocol, section and key, a line for each, in the order of the tables."""
    made = producers()
    found: dict[str, dict[str, dict[str, str]]] = {}
    for protocol in protocols():
        for entry in load_table(protocol, []).rows.values():
            them = made.get((protocol, entry.section, entry.key))
            if them is not None:
                found.setdefault(protocol, {}).setdefault(entry.section, {})[entry.key] = claim(them)
            elif specified(entry):
                found.setdefault(protocol, {}).setdefault(entry.section, {})[entry.key] = Evidence.SPECIFICATION
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def specified(entry: Entry) -> bool:
    """Tell whether only standards speak of a row."""
    return all(STANDARD.match(source) for source in entry.row.source.split("; "))
