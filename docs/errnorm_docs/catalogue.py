"""
The catalogue: every row of every table in one HTML file that needs no server, no network and no JavaScript.

The script that searches it recognises a pasted error by the rule of `errnorm.tables.pattern`: whole, from its first letter to its
last, in the case of the section. So the file carries every spelling, and the patterns of the places in them.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from html import escape
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING

from errnorm.tables.kind import KINDS
from errnorm.tables.provenance import Evidence
from errnorm.taxonomy import Category, Recovery
from errnorm_docs.entries import DECISIONS, Article, entries_of, label_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from errnorm.tables.table import Table

__all__ = ["catalogue"]

_PLACE = re.compile(r"\{[a-z_]+\}")
_CODE = re.compile(r"`([^`]+)`")
_CLASS = {"repeat": "yes", "reconnect": "yes", "fails": "no", "stop": "no"}
_NAMES = {"nats": "NATS", "xmpp": "XMPP", "transport": "Transport"}


def catalogue(tables: Sequence[Table]) -> str:
    """
    Return the whole page.

    Args:
        tables: The tables, in the order in which they are to stand.
    """
    entries = entries_of(tables)
    page = _part("catalogue.html")
    for name, text in {
        "css": _part("catalogue.css"),
        "js": _part("catalogue.js"),
        "data": _data(tables, entries),
        "filters": _filters(entries),
        "contents": _contents(tables),
        "rows": "\n".join(_section(name, list(rows)) for name, rows in groupby(entries, _place)),
        "count": f"{len(entries)}",
        "versions": " · ".join(escape(table.version) for table in tables),
    }.items():
        page = page.replace(f"<!--{name}-->", text)
    return page


def _part(name: str) -> str:
    return files("errnorm_docs").joinpath(name).read_text("utf-8")


def _place(entry: Article) -> tuple[str, str, str]:
    return entry.protocol, entry.placed.section, entry.head.about


def _data(tables: Iterable[Table], entries: Iterable[Article]) -> str:
    sections = {table.protocol: {name: one.head.ignore_case for name, one in table.sections.items()} for table in tables}
    data = {
        "kinds": dict(KINDS),
        "params": {table.protocol: table.kinds for table in tables},
        "sections": sections,
        "rows": [[entry.slug, entry.placed.code, entry.spellings, entry.placed.row.text or ""] for entry in entries],
    }
    return json.dumps(data, separators=(",", ":")).replace("</", "<\\/")


def _filters(entries: Sequence[Article]) -> str:
    protocols = {name: _NAMES.get(name, name) for name in dict.fromkeys(entry.protocol for entry in entries)}
    counts = Counter(pair for entry in entries for pair in _filtered_by(entry).items())
    words = {
        "protocol": ("Protocol", protocols),
        "category": ("Category", {word.value: word.value for word in Category}),
        "decision": ("Decision", DECISIONS),
        "recovery": ("Step", {word.value: word.value for word in Recovery}),
        "evidence": ("Evidence", {word.value: word.value for word in Evidence}),
    }
    return "\n".join(_filter(name, label, choices, counts) for name, (label, choices) in words.items())


def _filter(name: str, label: str, choices: dict[str, str], counts: Counter[tuple[str, str]]) -> str:
    boxes = "".join(
        f'<label class="chip"><input type="checkbox" name="{name}" value="{value}">'
        f"<span>{escape(text)} <b>{counts[name, value]}</b></span></label>"
        for value, text in choices.items()
        if counts[name, value]
    )
    return f"<fieldset><legend>{label}</legend><div>{boxes}</div></fieldset>"


def _filtered_by(entry: Article) -> dict[str, str]:
    row = entry.placed.row
    return {
        "protocol": entry.protocol,
        "category": row.reason.category.value,
        "decision": entry.decision,
        "recovery": row.recovery.value,
        "evidence": row.evidence.partition(":")[0],
    }


def _contents(tables: Iterable[Table]) -> str:
    return "".join(
        f"<li>{_NAMES.get(table.protocol, table.protocol)}: "
        + ", ".join(f'<a href="#{table.protocol}/{escape(name)}">{escape(name)}</a>' for name in table.sections)
        for table in tables
    )


def _section(place: tuple[str, str, str], rows: list[Article]) -> str:
    protocol, name, about = place
    return (
        f'<section id="{protocol}/{name}"><h2><span>{_NAMES.get(protocol, protocol)}</span> {escape(name)} '
        f"<small>{escape(about)}</small></h2>\n" + "\n".join(map(_row, rows)) + "\n</section>"
    )


def _row(entry: Article) -> str:
    row = entry.placed.row
    aside = escape(row.text or row.constant or "")
    marks = " ".join(f'data-{name}="{value}"' for name, value in _filtered_by(entry).items())
    return (
        f'<details class="row" id="{escape(entry.slug)}" {marks}>'
        f'<summary><span class="key">{_key(entry.placed.key)}{f" <small>{aside}</small>" if aside else ""}</span>'
        f'<span class="where">{entry.protocol} {entry.placed.section}</span>'
        f'<span class="reason c-{row.reason.category}">{row.reason}</span>'
        f'<span class="step {_CLASS[entry.decision] if row.recovery is not Recovery.NONE else "calm"}">{row.recovery}</span>'
        f"</summary><dl>{_facts(entry)}</dl></details>"
    )


def _key(key: str) -> str:
    return _PLACE.sub(lambda place: f"<i>{place[0]}</i>", escape(key, quote=False))


def _facts(entry: Article) -> str:
    shown = [*((label_of(name), _prose(text)) for name, text in entry.facts()), *_also(entry)]
    shown.append(("Link", f'<a href="#{escape(entry.slug)}">#{escape(entry.slug)}</a>'))
    return "".join(f"<dt>{escape(label)}<dd>{text}" for label, text in shown)


def _also(entry: Article) -> Iterable[tuple[str, str]]:
    row = entry.placed.row
    if row.constant:
        yield "Constant", f"<code>{escape(row.constant)}</code>"
    if entry.placed.code != entry.placed.key:
        yield "Code", f"<code>{escape(entry.placed.code)}</code>"
    if row.aliases:
        yield "Also", " · ".join(f"<code>{_key(alias)}</code>" for alias in row.aliases)


def _prose(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(text, quote=False))
