"""
The compiled form of tables: what `errnorm.tables.file.read` makes of the files of one protocol.

It loads in a tenth of the time, without pydantic and without TOML, and a section is read when it is first searched. The build of
the wheel writes it beside the TOML files (`hatch_build.py`); any package that has tables can do the same with `compiled`.

The TOML files stay the only source. The compiled form contains a hash of each file from which it was made, and is not used if one
of the files differs. Its rows were checked when it was made, also against each other, so they are not checked again.

The form is one line of JSON about all files, and then one line of JSON with the rows of each section of each file. The first line
has the place of each other line in bytes, so that a line is read only when its section is searched.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from zlib import crc32

from errnorm.frozen import as_dict
from errnorm.tables.file import Defaults, Head, SectionHead, TableFile, evidence_of, read
from errnorm.tables.provenance import Reach
from errnorm.tables.row import Entry, Row
from errnorm.tables.source import Source
from errnorm.tables.table import Table
from errnorm.taxonomy import Effect, Reason, Recovery

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["compiled", "files", "name_of"]

_FORMAT = 2
_MEANING: Mapping[str, Mapping[str | None, object]] = {
    name: {None: None, **{word.value: word for word in words}}
    for name, words in {"reason": Reason, "recovery": Recovery, "effect": Effect, "reach": Reach}.items()
}
_DEFAULTS: Mapping[str, object] = Row.__defaults__


def name_of(protocol: str) -> str:
    """Return the name of the file with the compiled form of a protocol's tables."""
    return f"{protocol}.compiled"


def compiled(texts: Mapping[str, str], protocol: str, evidence: str = "") -> str:
    """
    Return the compiled form of the files of one protocol.

    Args:
        texts: The text of each file, by its name.
        protocol: The protocol.
        evidence: The text of the file with generated columns; empty if there is none.

    Raises:
        TableError: If a file is not valid, or if two rows match the same text.
    """
    generated = evidence_of(evidence).get(protocol) if evidence else None
    made = {name: read(text, name, protocol, evidence=generated) for name, text in texts.items()}
    Table(list(made.values()))
    about: dict[str, Any] = {"format": _FORMAT, "evidence": _hash(evidence.encode()), "files": {}}
    body = ""
    for name, file in made.items():
        places: dict[str, tuple[int, int]] = {}
        for section, by_key in file.rows.items():
            line, start = _line({key: _given(entry.row) for key, entry in by_key.items()}), len(body.encode())
            body += f"{line}\n"
            places[section] = (start, start + len(line.encode()))
        about["files"][name] = {"hash": _hash(texts[name].encode()), "head": _plain(file.head), "lines": places}
    return f"{_line(about)}\n{body}"


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _given(row: Row) -> dict[str, Any]:
    """Return the columns that differ from those of a row that gives nothing."""
    return {name: value for name, value in as_dict(row).items() if name not in _DEFAULTS or value != _DEFAULTS[name]}


def _plain(head: Head) -> dict[str, Any]:
    sections = {name: {**as_dict(one), "defaults": as_dict(one.defaults)} for name, one in head.sections.items()}
    return {**as_dict(head), "sections": sections, "params": dict(head.params)}


def files(form: bytes, data: Mapping[str, bytes], evidence: bytes) -> dict[str, TableFile] | None:
    """
    Return the files of a protocol by name; `None` if the form was made from other files, or by another version of this code.

    Args:
        form: The compiled form.
        data: The bytes of each file, by its name.
        evidence: The bytes of the file with generated columns; empty if there is none.
    """
    first, _, body = form.partition(b"\n")
    about = json.loads(first)
    if about["format"] != _FORMAT or about["evidence"] != _hash(evidence):
        return None
    known = about["files"]
    if any(name not in known or known[name]["hash"] != _hash(each) for name, each in data.items()):
        return None
    return {name: _file(known[name], body, Source(each, name)) for name, each in data.items()}


def _file(about: Mapping[str, Any], body: bytes, source: Source) -> TableFile:
    head = _head(about["head"])
    found = {section: body[start:end] for section, (start, end) in about["lines"].items()}
    return TableFile(head, _Rows(found, f"{head.protocol} {head.version}", source.origin), source, is_compiled=True)


class _Rows(Mapping[str, Mapping[str, Entry]]):
    """The rows of a file, by section and then by key. Those of a section are made when they are first read."""

    def __init__(self, found: Mapping[str, bytes], version: str, origin: str) -> None:
        self._found = found
        self._version = version
        self._origin = origin
        self._made: dict[str, Mapping[str, Entry]] = {}

    def __getitem__(self, section: str) -> Mapping[str, Entry]:
        made = self._made.get(section)
        if made is None:
            rows = json.loads(self._found[section])
            # Two threads may do this at once, and a row must be one object.
            made = self._made.setdefault(section, {key: self._entry(section, key, columns) for key, columns in rows.items()})
        return made

    def _entry(self, section: str, key: str, columns: Mapping[str, Any]) -> Entry:
        return Entry(section, key, Row(**_meant(columns)), self._version, self._origin, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


def _head(found: Mapping[str, Any]) -> Head:
    made: dict[str, Any] = {**found, "sections": {name: _section(one) for name, one in found["sections"].items()}}
    return Head(**made)


def _section(found: Mapping[str, Any]) -> SectionHead:
    made: dict[str, Any] = {**found, "defaults": Defaults(**_meant(found["defaults"]))}
    return SectionHead(**made)


def _meant(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return columns with the words of the vocabulary in the place of their names."""
    return {name: _MEANING[name][value] if name in _MEANING else _tupled(value) for name, value in columns.items()}


def _tupled(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _hash(data: bytes) -> list[int]:
    # Against changes, not against attacks: who can write these files can write the code beside them. A checkout may have changed
    # the ends of the lines.
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    return [len(data), crc32(data)]
