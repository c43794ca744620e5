"""What the vectors say of the tables' column `evidence`: which rows were provoked, and on what."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from errnorm import Normalizer, Reach
from tests.capture import vectors
from tests.capture.recording import judged

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from errnorm.error import NormalizedError
    from tests.capture.vectors import Vector

TABLES = Path(__file__).parents[2] / "mappings" / "errnorm_mappings"
CLIENTS = ("nats-py", "slixmpp", "aioxmpp", "aiodns")
FILES = {"nats.toml": "nats", "jetstream.toml": "nats", "xmpp.toml": "xmpp", "transport.toml": "transport"}
_CLAIM = re.compile(r'evidence = "([^"]*)" *,( *)(?=source)')
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


def update(keys: dict[str, dict[tuple[str, str], str]]) -> None:
    """Write claims into the tables: by file name, and in it by section and key; columns stay aligned."""
    for name, claims in keys.items():
        path = TABLES / name
        section = ""
        blocks: list[list[tuple[str, str | None]]] = [[]]
        for line in path.read_text("utf-8").splitlines():
            if found := re.match(r"\[(\w+)\]", line):
                section = found[1]
            key = _key(line)
            if key is None:
                blocks.append([])
            blocks[-1].append((line, claims.get((section, key)) if key is not None else None))
        path.write_text("\n".join(line for block in blocks for line in _aligned(block)) + "\n", "utf-8")


def _key(line: str) -> str | None:
    if not _CLAIM.search(line):
        return None
    found = re.match(r"""("(?:[^"\\]|\\.)*"|'[^']*'|[\w-]+)\s*=\s*\{""", line)
    if found is None:
        return None
    return found[1][1:-1].replace('\\"', '"') if found[1][0] in "\"'" else found[1]


def _aligned(block: list[tuple[str, str | None]]) -> Iterator[str]:
    said = [new or found[1] for line, new in block if (found := _CLAIM.search(line))]
    width = max(map(len, said), default=0)
    for line, new in block:
        found = _CLAIM.search(line)
        if found is None:
            yield line
            continue
        text = new or found[1]
        pad = " " * (width - len(text) + 1)
        yield line[: found.start()] + f'evidence = "{text}",{pad}' + line[found.end() :]


def rewrite() -> None:
    """Write into every row what the vectors say: what was provoked on what, and `source` where a claim has no vector."""
    made = producers()
    by_file: dict[str, dict[tuple[str, str], str]] = {}
    for name, protocol in FILES.items():
        engine = _normalizer().engine(protocol)
        rows = [] if engine is None else list(engine.table.rows.values())
        said = {(row.section, row.key): row.row.evidence for row in rows if row.row.evidence.startswith("provoked")}
        claims = dict.fromkeys(said, "source")
        claims |= {place[1:]: claim(them) for place, them in made.items() if place[0] == protocol}
        by_file[name] = claims
    update(by_file)


if __name__ == "__main__":
    rewrite()
