"""Read from nats-server: errors.json, errors.go, the texts of -ERR, the close reasons and the status lines."""

from __future__ import annotations

import json
import re
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from errnorm.tables.provenance import Reach
from errnorm_adapters.tools.drift import nats_texts
from errnorm_adapters.tools.drift.reading import Comparison, Reading, UnusablePathError, bare

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from errnorm.tables.row import Entry

__all__ = ["read"]

_LITERAL = r'"(?:[^"\\\n]|\\.)*"'
_STRING = re.compile(_LITERAL)
_STRINGS = re.compile(rf"{_LITERAL}(?:\s*\+\s*{_LITERAL})*")  # Go code may join a text from several literals
_CONSTANT = re.compile(
    rf"^\s*(?:var\s+)?(Err\w+)\s*=\s*(?:errors\.New|fmt\.Errorf)\(\s*({_LITERAL})(?:,\s*(Err\w+))?", re.MULTILINE
)
_DECLARED = re.compile(r"^\s*(?:var\s+)?(Err\w+)\s*=[^=]", re.MULTILINE)
_STATES = re.compile(r"^func \(\w+ ClosedState\) String\(\) string \{(.*?)^\}", re.MULTILINE | re.DOTALL)
_STATE = re.compile(rf"case (\w+):\s*return ({_LITERAL})")
_SENT = re.compile(rf"\.sendErr(?:AndErr|AndDebug)?\(\s*(?:fmt\.Sprintf\(\s*)?(?:({_LITERAL})|(\w+)(\.(?:Error|String)\(\))?)")
_STATUS = re.compile(
    r'"NATS/1\.0 (?P<a>\d{3}) (?P<b>[^\\"]*)'
    r'|\bsendErr\((?P<c>\d{3}), (?:fmt\.Sprintf\()?"(?P<d>[^"]*)"'
    r'|"NATS/1\.0 %d %s[^"]*"\s*,\s*(?P<e>\d{3})\s*,\s*"(?P<f>[^"]*)"'
)
_VERSION = re.compile(r'^\s*VERSION\s*=\s*"([^"]+)"', re.MULTILINE)
_VERB = re.compile(r'"?%[-+# 0]*\d*(?:\.\d+)?[a-z]"?')
_HTTP = re.compile(r"^errors\.json \((\d+)\)")
# The source of a row for older servers only: `server/raft.go up to 2.9`.
_BEFORE = re.compile(r"\bup to \d+\.\d+")

# If the server assigns a text to a variable before it sends it, the assignment is at most this many characters earlier.
_NEARBY = 1500
# A format with fewer letters besides its verbs (`%s: %v`) can produce any text.
_FEW_LETTERS = 12


def read(path: Path) -> Reading | None:
    """
    Compare a checkout, a release, its folder `server`, or one of its files with the table of NATS.

    Returns:
        The reading; `None` if the path does not contain nats-server.

    Raises:
        UnusablePathError: If errors.json cannot be parsed.
    """
    files = _files(path)
    if not files:
        return None
    server = _Server(files)
    version = next((found[1] for text in server.go.values() if (found := _VERSION.search(text))), None)
    reading = Reading("nats-server", path, version, server.comparison.table.version)
    comparisons: dict[str, Callable[[], int]] = {
        "API errors": server.compare_api,
        "named errors": server.compare_constants,
        "close reasons": server.compare_states,
        "texts of -ERR": server.compare_sent,
        "status lines": server.compare_statuses,
        "formats of the log": partial(nats_texts.compare_log, server.comparison, server.go),
        "advisories": partial(nats_texts.compare_advisories, server.comparison, server.go),
        "other errors": partial(nats_texts.compare_errors, server.comparison, server.go),
    }
    for what, compare in comparisons.items():
        if number := compare():
            reading.counts[what] = number
    server.compare_sources()
    reading.findings = server.comparison.settled(texts=("error", "close", "status", "log"))
    return reading if reading.counts else None


def _files(path: Path) -> dict[str, Path]:
    if path.is_file():
        return {path.name: path} if path.name == "errors.json" or path.suffix == ".go" else {}
    folder = path / "server" if (path / "server").is_dir() else path
    found = [*folder.glob("*.go"), *folder.glob("errors.json")]
    return {file.name: file for file in sorted(found) if not file.name.endswith(("_test.go", "_generated.go", "errors_gen.go"))}


class _Server:
    def __init__(self, files: dict[str, Path]) -> None:
        self.comparison = Comparison("nats")
        self.catalogue = files.get("errors.json")
        self.go = {name: file.read_text("utf-8", "replace") for name, file in files.items() if name.endswith(".go")}

    @cached_property
    def constants(self) -> dict[str, str]:
        """The named errors of all files, and their texts."""
        texts: dict[str, str] = {}
        for source in self.go.values():
            for name, text, wrapped in _CONSTANT.findall(source):
                texts[name] = _unquoted(text).replace("%w", texts.get(wrapped, "%w"))
        return texts

    @cached_property
    def states(self) -> dict[str, str]:
        """The close reasons by constant."""
        blocks = [found[1] for source in self.go.values() if (found := _STATES.search(source))]
        return {name: _unquoted(text) for block in blocks for name, text in _STATE.findall(block)}

    def compare_api(self) -> int:
        if self.catalogue is None:
            return 0
        declared = {str(given["error_code"]): given for given in _declared(self.catalogue)}
        for code, given in declared.items():
            entry = self.comparison.table.rows.get(("jetstream", code))
            if entry is None:
                self.comparison.miss("jetstream", f"{code} {given['constant']}", given["description"], "errors.json")
            else:
                self._compare_declared(entry, given)
        for entry in self.comparison.rows("jetstream"):
            if entry.key not in declared:
                self.comparison.lose(entry)
        return len(declared)

    def _compare_declared(self, entry: Entry, given: dict[str, Any]) -> None:
        http = _HTTP.match(entry.row.source)
        for upstream, row in (
            (given["constant"], entry.row.constant),
            (given["description"], entry.row.text),
            (f"code {given.get('code')}", f"code {http[1]}" if http else None),
        ):
            # A parameter of the table differs from upstream's name if that name has another kind in this protocol.
            if row is not None and _unnamed(upstream) != _unnamed(row):
                self.comparison.change(entry, upstream, row, "errors.json")

    def compare_constants(self) -> int:
        declared = {name for source in self.go.values() for name in _DECLARED.findall(source)}
        own = set(_DECLARED.findall(self.go.get("errors.go", "")))
        for name in sorted(own):
            self._compare_named("error", name, self.constants.get(name), "errors.go", declared)
        for row in self.comparison.rows("error") if own else ():
            if (row.row.constant or "").startswith("Err") and row.row.constant not in declared:
                self.comparison.lose(row)
        return len(own)

    def compare_states(self) -> int:
        for name, text in self.states.items():
            self._compare_named("close", name, text, "monitor.go", self.states)
        for row in self.comparison.rows("close") if self.states else ():
            if row.row.constant is not None and row.row.constant not in self.states:
                self.comparison.lose(row)
        return len(self.states)

    def _compare_named(self, section: str, name: str, text: str | None, where: str, declared: Collection[str]) -> None:
        # A named error may have its row in another section: JetStream's older errors are aliases of the codes that replaced them.
        rows = [one for one in self.comparison.named(name) if section in {one.section, "error"}]
        same = self.comparison.row_of(section, text) if text is not None else None
        if not rows and same is None:
            self.comparison.miss(section, name, text, where)
        elif rows and text is not None and not any(bare(text) in _spellings(one) for one in rows):
            self.comparison.change(rows[0], text, rows[0].row.text or rows[0].key, where)
        elif not rows and same is not None and same.row.constant is not None and same.row.constant not in declared:
            self.comparison.change(same, name, same.row.constant, where)

    def compare_sent(self) -> int:
        sent = {text: name for name, source in self.go.items() for text in self._sent(source)}
        number = len(sent)
        for text in [text for name, text in self.constants.items() if self.comparison.named(name)]:
            sent.pop(text, None)
        for text, name in sent.items():
            # A text that consists only of verbs needs no row: its values are found at the place where they are named.
            if re.search(r"[A-Za-z]", _VERB.sub("", text)) and not self.comparison.matches("error", text):
                self.comparison.miss("error", text, where=name)
        return number

    def _sent(self, source: str) -> Iterator[str]:
        for call in _SENT.finditer(source):
            literal, name, method = call.groups()
            if literal is not None:
                yield _unquoted(literal)
            elif method is None:
                yield from self._assigned(source, call, name)
            elif named := self.constants.get(name) or self.states.get(name):
                yield named

    def _assigned(self, source: str, call: re.Match[str], name: str) -> Iterator[str]:
        """Yield the texts that a name has at a call: what was assigned to it before, or what it returns if it is a function."""
        nearby = source[max(0, call.start() - _NEARBY) : call.start()]
        nearby = nearby[nearby.rfind("\nfunc ") + 1 :]
        assigned = rf"\b{name}\s*:?=\s*(?:fmt\.Sprintf\(\s*)?({_LITERAL})"
        yield from map(_unquoted, re.findall(assigned, nearby))
        if source[call.end() : call.end() + 1] == "(":
            yield from self._returned(name)

    def _returned(self, function: str) -> Iterator[str]:
        """Yield the texts that a function of the server returns."""
        defined = re.compile(rf"^func (?:\([^)]*\) )?{function}\(.*?^\}}", re.MULTILINE | re.DOTALL)
        returned = re.compile(rf"\breturn (?:fmt\.Sprintf\(\s*)?({_LITERAL})")
        for source in self.go.values():
            for body in defined.findall(source):
                yield from map(_unquoted, returned.findall(body))

    def compare_statuses(self) -> int:
        found = {
            f"{one['a'] or one['c'] or one['e']} {words}": name
            for name, source in self.go.items()
            for one in _STATUS.finditer(source)
            if re.match(r"[A-Za-z]", words := (one["b"] or one["d"] or one["f"] or "").strip())
        }
        for text, name in found.items():
            if not self.comparison.matches("status", text):
                self.comparison.miss("status", text, where=name)
        known = {bare(text) for text in found}
        for entry in self.comparison.rows("status") if found else ():
            if " " in entry.key and not known & _spellings(entry) and entry.row.reach is not Reach.NEVER:
                self.comparison.lose(entry)
        return len(found)

    def compare_sources(self) -> None:
        # A row has lost its source if no string of the server contains or can produce its text. This needs the whole server.
        if not {"client.go", "errors.go", "server.go"} <= self.go.keys():
            return
        literals = {literal for source in self.go.values() for literal in _STRINGS.findall(source)}
        strings = {"".join(map(_unquoted, _STRING.findall(literal))).casefold() for literal in literals}
        everything, formats = "\n".join(strings), [one for text in strings if (one := _producer(text)) is not None]
        for section in ("error", "log"):
            for entry in self.comparison.rows(section):
                emitted = (
                    entry.row.source.startswith("server/")
                    and entry.row.reach is not Reach.NEVER
                    and not _BEFORE.search(entry.row.source)
                )
                if emitted and not any(_produced(text, everything, formats) for text in _texts(entry)):
                    self.comparison.lose(entry)


def _producer(text: str) -> Callable[[str], object] | None:
    """Return a function that matches the texts that a format can produce; `None` without verbs, or with too few letters."""
    runs = _VERB.split(text)
    if len(runs) == 1 or len(re.findall(r"[a-z]", "".join(runs))) < _FEW_LETTERS:
        return None
    return re.compile(".*".join(map(re.escape, runs)), re.DOTALL).fullmatch


def _produced(text: str, everything: str, formats: list[Callable[[str], object]]) -> bool:
    # The server often joins a text from parts, so finding its longest part between parameters and punctuation is enough.
    text = nats_texts.unprefixed(text)
    pieces = re.split(r"\{\}|[:;,='\"]| - ", bare(text))
    return max(pieces, key=len).strip() in everything or any(produces(bare(text)) for produces in formats)


def _unnamed(text: str) -> str:
    """Return a text without the names of its parameters."""
    return re.sub(r"\{\w+\}", "{}", text)


def _declared(catalogue: Path) -> list[dict[str, Any]]:
    try:
        entries = json.loads(catalogue.read_text("utf-8"))
        wrong = [entry for entry in entries if not {"error_code", "constant", "description"} <= entry.keys()]
    except (ValueError, TypeError, AttributeError) as error:
        message = f"{catalogue}: cannot be read as a list of API errors: {error}"
        raise UnusablePathError(message) from error
    if wrong:
        message = f"{catalogue}: an entry lacks error_code, constant or description: {json.dumps(wrong[0])[:100]}"
        raise UnusablePathError(message)
    return list(entries)


def _unquoted(literal: str) -> str:
    try:
        return str(json.loads(literal))
    except ValueError:  # Go knows escapes that JSON does not: \a, \x1b, \v
        return literal[1:-1]


def _texts(entry: Entry) -> tuple[str, ...]:
    return (entry.key, *((entry.row.text,) if entry.row.text else ()), *entry.row.aliases)


def _spellings(entry: Entry) -> set[str]:
    return {bare(text) for text in (entry.code, *_texts(entry))}
