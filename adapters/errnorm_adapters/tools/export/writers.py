"""One writer for each form: JSON, VRL for Vector, OTTL for the OpenTelemetry Collector, and a filter for fail2ban."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from errnorm.taxonomy import Reason
from errnorm_adapters.tools.export.expressions import exported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from errnorm.tables.table import Table
    from errnorm_adapters.tools.export.expressions import Exported

__all__ = ["CONTRACT", "WRITERS"]

CONTRACT = 1
"""The version of the JSON: a key that goes, or means something else, is a new one."""

# The frame of a line of nats-server's log: process, time, level, and the connection with the names that its client chose.
_LINE = r"^(?:\[\d+\] )?(?:\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d+)? )?\[(?:ERR|WRN|FTL)\] "
_CLIENT = r'(?:"(?:[^"\\]|\\.)*" - ){0,3}'
_FRAME = _LINE + rf"(?:\S+ - [a-z_]+:\d+ - {_CLIENT}|(?:SYSTEM|JETSTREAM|ACCOUNT) - )?(?P<said>.*?)(?: - Account:[^\"]+)?$"
# The frame of a line of ejabberd's log, whose time fail2ban has taken away. Without it, a peer that writes such words somewhere
# could have anybody banned.
_EJABBERD = r"^\s*\[\w+\] <\d+\.\d+\.\d+>@\w+:\w+:\d+ "
# What stands in logs.
_LOGGED: Mapping[str, frozenset[str]] = {"nats": frozenset({"log", "error"}), "xmpp": frozenset({"log"})}
_LOGINS = frozenset({Reason.AUTH_REJECTED, Reason.AUTH_EXPIRED, Reason.AUTH_REVOKED, Reason.AUTH_REQUIRED})


def _head(tables: Sequence[Table], comment: str) -> str:
    versions = ", ".join(table.version for table in tables)
    return f"{comment} Made by `errnorm export` from the tables {versions}. Do not edit: make it again."


def _json(tables: Sequence[Table]) -> Iterator[str]:
    rows = [_record(one) for table in tables for one in exported(table)]
    versions = {table.protocol: table.version for table in tables}
    yield json.dumps({"contract": CONTRACT, "tables": versions, "rows": rows}, indent=1)


def _record(one: Exported) -> dict[str, Any]:
    row = one.entry.row
    return {
        "protocol": one.protocol,
        "section": one.entry.section,
        "key": one.entry.key,
        "code": one.entry.code,
        "category": row.reason.category.value,
        "reason": row.reason.value,
        "retryable": row.recovery.retryable,
        "terminal": row.terminal,
        "recovery": row.recovery.value,
        "effect": row.effect.value,
        "expressions": list(one.expressions),
        "samples": list(one.samples),
    }


def _logged(tables: Sequence[Table]) -> Iterator[Exported]:
    """Yield the rows of what stands in logs, those without places first: they are the more exact ones."""
    rows = [one for table in tables if table.protocol in _LOGGED for one in exported(table, _LOGGED[table.protocol])]
    for places in (False, True):
        for one in rows:
            kept = tuple(text for text in one.expressions if ("(?P<" in text) is places and " " in text)
            if kept:
                yield one._replace(expressions=kept)


def _facts(one: Exported) -> dict[str, str | bool]:
    row = one.entry.row
    return {
        "error.type": row.reason.value,
        "errnorm.protocol": one.protocol,
        "errnorm.category": row.reason.category.value,
        "errnorm.code": one.entry.code,
        "errnorm.retryable": row.recovery.retryable,
        "errnorm.terminal": row.terminal,
        "errnorm.recovery": row.recovery.value,
        "errnorm.effect": row.effect.value,
    }


def _vrl(tables: Sequence[Table]) -> Iterator[str]:
    yield _head(tables, "#")
    yield 'said = to_string(.message) ?? ""'
    yield f"line, err = parse_regex(said, {_vrl_regex(_FRAME)})"
    yield "if err == null { said = string!(line.said) }"
    # Not `else if`: the compiler of VRL takes minutes for a chain of hundreds.
    yield "found = false"
    for one in _logged(tables):
        tests = " || ".join(f"match(said, {_vrl_regex(text)})" for text in one.expressions)
        yield f"if !found && ({tests}) {{"
        yield "  found = true"
        yield from (f'  ."{name}" = {_vrl_value(value)}' for name, value in _facts(one).items())
        yield "}"


def _vrl_value(value: str | bool) -> str:  # noqa: FBT001 - one of the two that a fact can be
    # In VRL, `{{ name }}` inside a string stands for the value of a variable.
    return json.dumps(value).replace("{{", r"\{{").replace("}}", r"\}}")


def _vrl_regex(text: str) -> str:
    return "r'" + text.replace("'", r"\x27") + "'"


def _ottl(tables: Sequence[Table]) -> Iterator[str]:
    yield _head(tables, "#")
    yield "transform/errnorm:"
    yield "  error_mode: ignore"
    yield "  log_statements:"
    yield "    - context: log"
    yield "      statements:"
    yield _statement('set(cache["said"], body)')
    framed = f"ExtractPatterns(body, {json.dumps(_FRAME)})"
    yield _statement(f'merge_maps(cache, {framed}, "upsert") where IsMatch(body, {json.dumps(_LINE)})')
    for one in _logged(tables):
        matches = " or ".join(f'IsMatch(cache["said"], {json.dumps(text)})' for text in one.expressions)
        first, *others = [f'set(attributes["{name}"], {json.dumps(value)})' for name, value in _facts(one).items()]
        yield _statement(f'set(cache["row"], "") where cache["row"] == nil and ({matches})')
        yield from (_statement(f'{other} where cache["row"] == ""') for other in (first, *others))
        yield _statement('set(cache["row"], "done") where cache["row"] == ""')


def _statement(text: str) -> str:
    return "        - '" + text.replace("'", "''") + "'"


def _fail2ban(tables: Sequence[Table]) -> Iterator[str]:
    yield _head(tables, "#")
    yield "# Refused logins of clients: lines of nats-server and ejabberd that name the address."
    yield "[Definition]"
    indent = "failregex = "
    for one in _logged(tables):
        if one.entry.row.reason not in _LOGINS:
            continue
        for text in one.expressions:
            if (pattern := _ban(one.protocol, text)) is not None:
                yield indent + pattern.replace("%", "%%")
                indent = "            "
    yield "ignoreregex ="
    yield r"datepattern = ^(?:\[\d+\] )?%%Y/%%m/%%d %%H:%%M:%%S(?:\.%%f)?"
    yield "              {^LN-BEG}"


def _ban(protocol: str, text: str) -> str | None:
    inner = text.partition("^")[2].removesuffix("$")
    if r"(?P<address>\S+)" in inner:
        inner = inner.replace(r"(?P<address>\S+)", "<HOST>")
        begin = _EJABBERD
    elif protocol == "nats":
        begin = rf"^(?:\[\d+\] )?\s*\[ERR\] <HOST>:\d+ - (?:cid|wid|mid|mid_ws):\d+ - {_CLIENT}"
    else:
        return None
    return begin + inner.replace("(?P<text>.*)", ".*") + r"(?: - Account:.+)?\s*$"


WRITERS: Mapping[str, Callable[[Sequence[Table]], Iterator[str]]] = {
    "json": _json,
    "vrl": _vrl,
    "ottl": _ottl,
    "fail2ban": _fail2ban,
}
"""What writes the lines of each form."""
