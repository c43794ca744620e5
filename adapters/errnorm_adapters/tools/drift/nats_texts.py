"""
Read from nats-server's source the texts that the server lists nowhere: formats of its log, advisories, and errors.

A text without a row is a difference, unless `errnorm_mappings/without_row.toml` says why it needs no row. So the command reports
a format, an advisory or an error that a later server adds, and does not report the hundreds that appear only inside other texts.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from errnorm_adapters.tools.drift.reading import without_row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from errnorm_adapters.tools.drift.reading import Comparison

__all__ = ["compare_advisories", "compare_errors", "compare_log", "unprefixed"]

_LITERAL = r'"(?:[^"\\\n]|\\.)*"'
_LITERALS = rf"{_LITERAL}(?:\s*\+\s*{_LITERAL})*"
# The log methods of the server, of a client, of a RAFT group and of a stream's files; not fmt.Errorf, which logs nothing.
_LOGGED = re.compile(
    rf"(?<!\bfmt)\.(Errorf|Warnf|Fatalf|RateLimit\w*|rateLimit\w*|Errorc|Errors|Errorsc|error|warn)\(\s*({_LITERALS})"
)
# The prefixes that raft.go and filestore.go add to the texts that they log with `error` and `warn`.
_PREFIXES = {"raft.go": "RAFT [%s - %s] ", "filestore.go": "Filestore [%s] "}
_PREFIXED = re.compile(r"^(?:RAFT|Filestore) \[[^\]]*\] ")
_ADVISORY = re.compile(r'"(io\.nats\.(?:jetstream|server)\.advisory\.v\d+\.\w+)"')
_ERROR = re.compile(rf"(?:errors\.New|(?<=[ \t])[eE]rr\w+\s*=\s*fmt\.Errorf)\(\s*({_LITERAL})")
_LETTERS = re.compile(r"[A-Za-z]{3}")
_VERB = re.compile(r"%[-+# 0]*\d*(?:\.\d+)?[a-zA-Z]")


def unprefixed(text: str) -> str:
    """Return a text of the log without the prefix of a RAFT group or of a stream's files."""
    return _PREFIXED.sub("", text)


def compare_log(comparison: Comparison, go: Mapping[str, str]) -> int:
    """Record the formats without a row with which the server logs an error or a warning, or stops."""
    formats = {text: name for name, source in go.items() for text in _formats(name, source)}
    _note(comparison, "log", formats, ("log", "error", "jetstream"))
    return len(formats)


def _formats(name: str, source: str) -> Iterator[str]:
    for method, literals in _LOGGED.findall(source):
        text = "".join(_unquoted(literal) for literal in re.findall(_LITERAL, literals)).strip()
        # A format with few letters of its own (`%v`) needs no row: its values are found at the place where they are named.
        if _LETTERS.search(_VERB.sub("", text)):
            yield (_PREFIXES.get(name, "") if method in {"error", "warn"} else "") + text


def compare_advisories(comparison: Comparison, go: Mapping[str, str]) -> int:
    """Record the types of advisories without a row."""
    types = {found: name for name, source in go.items() for found in _ADVISORY.findall(source)}
    _note(comparison, "advisory", types, ("advisory", "error", "close", "jetstream"))
    return len(types)


def compare_errors(comparison: Comparison, go: Mapping[str, str]) -> int:
    """Record the errors without a row that the server creates outside errors.go."""
    texts = {_unquoted(text): name for name, source in go.items() if name != "errors.go" for text in _ERROR.findall(source)}
    _note(comparison, "error", texts, tuple(comparison.table.sections))
    return len(texts)


def _note(comparison: Comparison, kind: str, texts: Mapping[str, str], sections: tuple[str, ...]) -> None:
    known = without_row("nats", kind)
    for text, name in texts.items():
        if text not in known and not any(comparison.matches(section, text) for section in sections):
            comparison.miss(kind, text, where=name)


def _unquoted(literal: str) -> str:
    try:
        return str(json.loads(literal))
    except ValueError:  # Go knows escapes that JSON does not: \a, \x1b, \v
        return literal[1:-1]
