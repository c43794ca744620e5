"""
Generate the columns `evidence` and `experiments` of the tables: where a row was provoked, and the experiments that show it.

`make row-check` writes `evidence.json` beside the tables, from the vectors, the results of the experiments and the tables. A test
compares the file. A row that is not in the file is known from the source code of a program.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from errnorm import Normalizer, find
from errnorm.plugins import load_table, protocols
from errnorm.tables import Evidence, Reach
from tests.capture import vectors
from tests.capture.recording import judged
from tests.clients import vectors as printed
from tests.experiments import results

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from errnorm.error import NormalizedError
    from errnorm.tables import Entry
    from tests.capture.vectors import Vector

PATH = Path(__file__).parents[2] / "mappings" / "errnorm_mappings" / "evidence.json"
CLIENTS = ("nats-py", "slixmpp", "aioxmpp", "aiodns")
# The prefixes of sources that are standards or the documentation of a system. Every other source is a program.
STANDARD = re.compile(r"RFC \d+|XEP-\d{4}|XML |POSIX|IANA |Winsock|Linux \w+(\(2\)|\.h)|BSD |glibc |nats\.docs")
# A shorter text could be a part of many other texts.
_SAYING = 12
# The forms of printed output in which the text of the client is read; a stack only repeats the text.
_WORDS = {"message", "string", "condition", "stderr", "inspected", "logged"}
Place = tuple[str, str, str]


def touched(error: NormalizedError) -> Iterator[tuple[str, str]]:
    """Yield the section and key of each row that a judgement used: the row of the code, of its conditions, and of its type."""
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
    """Return the producers of an error of each row: protocol, section and key, to names and versions."""
    found: defaultdict[Place, dict[tuple[str, str], None]] = defaultdict(dict)
    for vector in vectors.read():
        error = judged(vector)
        for section, key in touched(error):
            found[error.protocol or "", section, key][vector["server"], vector["version"]] = None
    for record, error in _experimented():
        for section, key in touched(error):
            found[error.judgement.protocol or "", section, key][record["server"], record["version"]] = None
    for place, made in (*_carried(found.keys()).items(), *_printed().items()):
        found[place] = made
    return {place: _first_hand(list(made)) for place, made in found.items()}


def _carried(known: Collection[Place]) -> dict[Place, dict[tuple[str, str], None]]:
    """Return the rows whose text is a part of a text with another row: a log line, a description."""
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


def _printed() -> dict[Place, dict[tuple[str, str], None]]:
    """Return the rows for texts of clients in other languages, with the clients that printed them."""
    found: dict[Place, dict[tuple[str, str], None]] = {}
    for vector in printed.read():
        for finding in find(vector["text"]) if vector["form"] in _WORDS else ():
            row = finding.error.row
            if row is not None and row.section.startswith("client_"):
                place = (finding.error.protocol or "", row.section, row.key)
                found.setdefault(place, {})[vector["client"], vector["version"]] = None
    return found


def _first_hand(made: list[tuple[str, str]]) -> list[tuple[str, str]]:
    # A text of a server is not better evidence because a client passed it on.
    return [each for each in made if each[0] not in CLIENTS] or made


def claim(made: list[tuple[str, str]]) -> str:
    """Return the evidence of a row, `provoked: nats-server 2.15.1, 2.9.10`: the newest version first, each name once."""
    by_name: defaultdict[str, list[str]] = defaultdict(list)
    for name, version in made:
        by_name[name].append(version)
    newest = {name: sorted(versions, key=_number, reverse=True) for name, versions in by_name.items()}
    known = ("nats-server", "prosody", "ejabberd", "CPython", *CLIENTS)
    ordered = sorted(newest, key=lambda name: (known.index(name) if name in known else len(known), name))
    return "provoked: " + ", ".join(f"{name} {', '.join(newest[name])}" for name in ordered)


def _number(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def unfounded(vector: Vector) -> bool:
    """Return whether the observed end of a connection contradicts the tables."""
    return vector["closed"] is not None and vector["closed"] != vector["expected"]["terminal"]


def document() -> str:
    """Return the file of evidence as JSON: by protocol, section and key, a line for each row, in the order of the tables."""
    made, shown = producers(), experiments()
    found: dict[str, dict[str, dict[str, str]]] = {}
    for protocol in protocols():
        for entry in load_table(protocol, []).rows.values():
            place = (protocol, entry.section, entry.key)
            known = {"evidence": claim(made[place])} if place in made else {"evidence": Evidence.SPECIFICATION.value}
            known = known if place in made or specified(entry) else {}
            columns = known | ({"experiments": shown[place]} if place in shown else {})
            if columns:
                line = json.dumps(columns, ensure_ascii=False)
                found.setdefault(protocol, {}).setdefault(entry.section, {})[entry.key] = line
    return _written(found)


def _written(found: dict[str, dict[str, dict[str, str]]]) -> str:
    def block(parts: Iterable[tuple[str, str]], depth: int) -> str:
        lines = ",\n".join(f"{' ' * depth}{json.dumps(name, ensure_ascii=False)}: {value}" for name, value in parts)
        return "{\n" + lines + "\n" + " " * (depth - 1) + "}"

    by_protocol = {
        protocol: block(((name, block(rows.items(), 3)) for name, rows in sections.items()), 2)
        for protocol, sections in found.items()
    }
    return block(by_protocol.items(), 1) + "\n"


def experiments() -> dict[Place, list[str]]:
    """Return the situations of the experiments that show the behaviour of each row, by protocol, section and key."""
    found: defaultdict[Place, set[str]] = defaultdict(set)
    for record, error in _experimented():
        if error.row is not None:
            found[error.judgement.protocol or "", error.row.section, error.row.key].add(record["situation"])
    return {place: sorted(names) for place, names in found.items()}


def _experimented() -> Iterator[tuple[results.Record, NormalizedError]]:
    for record in results.read():
        for raw in record["raw"]:
            yield record, judged(raw)


def specified(entry: Entry) -> bool:
    """Return whether a row is known only from standards."""
    return all(STANDARD.match(source) for source in entry.row.source.split("; "))
