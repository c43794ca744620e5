"""
The catalogue: every row of every table on one page, with a search that takes a pasted error as it is.

The page needs no server and no network. What is pasted is read by `finding.js`, by the same rules and data as `errnorm.find`.
Without JavaScript the page is a list of links to the pages of the errors.
"""

from __future__ import annotations

import re
from collections import Counter
from html import escape
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING, Any

from errnorm.advice import advice_for
from errnorm.cli.answer import details, retry
from errnorm.tables.provenance import Evidence
from errnorm.taxonomy import Category, Effect, Reason, Recovery
from errnorm_docs.entries import COMMON, EXAMPLES, MET, STEPS, Article, entries_of
from errnorm_docs.error_page import NAMES, error_pages
from errnorm_docs.script import finding_data, in_script

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from errnorm.tables.table import Table

__all__ = ["catalogue", "site"]

# Lines of a script that are only a comment. The page has no use for them, and telephones load it.
_COMMENT = re.compile(r"^[ \t]*(?://.*|/\*(?:[^*]|\*(?!/))*\*/)[ \t]*\n", re.MULTILINE)


def site(tables: Sequence[Table]) -> dict[str, str]:
    """Return all files of the catalogue by their place: the page, a page for each error, and the style they share."""
    entries = entries_of(tables)
    return {"catalogue.html": catalogue(tables), "catalogue/catalogue.css": _part("catalogue.css"), **error_pages(entries)}


def catalogue(tables: Sequence[Table]) -> str:
    """
    Return the page.

    Args:
        tables: The tables, in the order in which they are to stand.
    """
    entries = entries_of(tables)
    by_slug = {entry.slug: entry for entry in entries}
    page = _part("catalogue.html")
    for name, text in {
        "css": _part("catalogue.css"),
        "finding": _COMMENT.sub("", _part("finding.js")),
        "js": _COMMENT.sub("", _part("catalogue.js")),
        "data": in_script(_data(tables, entries)),
        "filters": _filters(entries),
        "examples": "".join(
            f'<button type="button" class="example" data-text="{escape(text)}">{escape(kind)}</button>' for kind, text in EXAMPLES
        ),
        "contents": _contents(tables),
        "common": "\n".join(_item(by_slug[slug]) for slug in COMMON if slug in by_slug),
        "rows": "\n".join(_section(name, list(rows)) for name, rows in groupby(entries, _place)),
        "count": f"{len(entries):,}",
        "versions": " · ".join(escape(table.version) for table in tables),
    }.items():
        page = page.replace(f"<!--{name}-->", text)
    return page


def _part(name: str) -> str:
    return files("errnorm_docs").joinpath(name).read_text("utf-8")


def _place(entry: Article) -> tuple[str, str, str]:
    return entry.protocol, entry.placed.section, entry.head.about


def _data(tables: Sequence[Table], entries: Sequence[Article]) -> dict[str, Any]:
    data = finding_data(tables)
    told = [dict(details(entry.error)) for entry in entries]
    for facts in told:
        # The page of the error names the sources, which would be a twelfth of this one.
        facts["Evidence"] = facts["Evidence"].partition(";")[0]
    return data | {
        "notes": [entry.placed.row.note or 0 for entry in entries],
        "facts": {label: _unrepeated([facts[label] for facts in told]) for label in told[0]},
        "met": [reach.about for reach in MET],
        "about": [reason.about for reason in Reason],
        "cause": [reason.cause for reason in Reason],
        "advice": [[advice_for(reason, recovery) for recovery in Recovery] for reason in Reason],
        "retry": [
            [[retry(recovery, effect, terminal=terminal) for effect in Effect] for terminal in (False, True)]
            for recovery in Recovery
        ],
        "steps": STEPS,
        "names": NAMES,
    }


def _unrepeated(texts: Sequence[str]) -> list[str | int]:
    """Return texts with a zero for each that is the same as the one before it."""
    return [0 if text == before else text for text, before in zip(texts, [None, *texts[:-1]], strict=True)]


def _contents(tables: Iterable[Table]) -> str:
    return "".join(
        f"<li>{NAMES.get(table.protocol, table.protocol)}: "
        + ", ".join(f'<a href="#{table.protocol}/{escape(name)}">{escape(name)}</a>' for name in table.sections)
        for table in tables
    )


def _filters(entries: Sequence[Article]) -> str:
    counts = Counter(pair for entry in entries for pair in _filtered_by(entry).items())
    words = {
        "protocol": ("Where", {name: NAMES.get(name, name) for name in dict.fromkeys(entry.protocol for entry in entries)}),
        "category": ("About", {word.value: word.value for word in Category}),
        "step": ("To do", STEPS),
        "evidence": ("Known from", {word.value: word.value for word in Evidence}),
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
        "step": row.recovery.value,
        "evidence": row.evidence.partition(":")[0],
    }


def _section(place: tuple[str, str, str], rows: list[Article]) -> str:
    protocol, name, about = place
    return (
        f'<section id="{protocol}/{name}"><h2><span>{NAMES.get(protocol, protocol)}</span> {escape(name)} '
        f"<small>{escape(about)}</small></h2>\n<ul>\n" + "\n".join(map(_item, rows)) + "\n</ul></section>"
    )


def _item(entry: Article) -> str:
    row = entry.placed.row
    aside = f" <small>{escape(entry.aside, quote=False)}</small>" if entry.aside else ""
    mood = "yes" if row.recovery.retryable else "calm" if row.recovery == "none" else "no"
    return (
        f'<li class="row"><a href="catalogue/{escape(entry.slug)}.html">{escape(entry.placed.key, quote=False)}{aside}</a>'
        f'<b class="c-{row.reason.category}">{row.reason}</b><i class="{mood}">{entry.step}</i></li>'
    )
