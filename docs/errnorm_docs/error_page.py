"""A page for each error: it can be linked, found by a search engine, and read without JavaScript."""

from __future__ import annotations

import re
import shlex
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from errnorm.cli.answer import details, essentials
from errnorm_docs.entries import related
from errnorm_docs.links import linked
from errnorm_docs.samples import samples

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from errnorm_docs.entries import Article
    from errnorm_docs.samples import Sample

__all__ = ["NAMES", "command_of", "error_pages", "prose"]

NAMES = {"nats": "NATS", "xmpp": "XMPP", "transport": "Transport"}
_CODE = re.compile(r"`([^`]+)`")
_PLACE = re.compile(r"\{[a-z_]+\}")
_LONGEST_TITLE = 70


def error_pages(entries: Sequence[Article]) -> dict[str, str]:
    """Return the pages by their place below the folder of the site: `catalogue/nats/error/stale-connection.html`."""
    template = files("errnorm_docs").joinpath("error.html").read_text("utf-8")
    others, captured = related(entries), samples(entries)
    return {
        f"catalogue/{entry.slug}.html": _page(template, entry, captured.get(entry.slug), *others[entry.slug]) for entry in entries
    }


def command_of(entry: Article) -> str:
    """Return the command that prints the same answer in a terminal."""
    return f"errnorm explain {shlex.quote(f'{entry.protocol}/{entry.placed.section}/{entry.placed.key}')}"


def prose(text: str) -> str:
    """Return a text as HTML, with what stands in backquotes as code."""
    return _CODE.sub(r"<code>\1</code>", escape(text, quote=False))


def _page(template: str, entry: Article, sample: Sample | None, same: Sequence[Article], others: Sequence[Article]) -> str:
    row, up = entry.placed.row, "../" * (entry.slug.count("/") + 1)
    name = NAMES.get(entry.protocol, entry.protocol)
    key = entry.placed.key if len(entry.placed.key) <= _LONGEST_TITLE else entry.placed.key[:_LONGEST_TITLE] + "…"
    page = template
    for place, text in {
        "title": escape(f"{key} ({name}): what it means and what to do"),
        "description": escape(f"{row.reason}: {row.reason.about} {entry.error.advice}"),
        "up": up,
        "key": _PLACE.sub(lambda found: f"<i>{found[0]}</i>", escape(entry.placed.key, quote=False)),
        "aside": escape(entry.aside, quote=False),
        "where": f"{name} · {escape(entry.placed.section)}: {escape(entry.head.about, quote=False)}",
        "chips": f'<span class="reason c-{row.reason.category}">{row.reason}</span> '
        f'<span class="step {_mood(entry)}">{entry.step}</span>',
        "essentials": _listed(essentials(entry.error)),
        "details": _listed([*_example(sample), *_details(entry)]),
        "same": _links("The same meaning in other protocols", same, up),
        "others": _links("See also", others, up),
        "command": escape(command_of(entry)),
        "slug": escape(entry.slug),
    }.items():
        page = page.replace(f"<!--{place}-->", text)
    return page


def _mood(entry: Article) -> str:
    return "yes" if entry.placed.row.recovery.retryable else "calm" if entry.placed.row.recovery == "none" else "no"


def _listed(facts: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<dt>{escape(label)}<dd>{text if text.startswith('<') else prose(text)}" for label, text in facts)


def _example(sample: Sample | None) -> Iterable[tuple[str, str]]:
    if sample is not None:
        text = escape(sample.text, quote=False)
        yield "Example", f'<code class="sample">{text}</code> <span class="where">from {escape(sample.by)}</span>'


def _details(entry: Article) -> Iterable[tuple[str, str]]:
    row = entry.placed.row
    for label, text in details(entry.error):
        yield label, f"<span>{linked(text)}</span>" if label == "Evidence" else text
    also = [name for name in (row.constant, row.text, *row.aliases) if name]
    if also:
        yield "Also", "<span>" + " · ".join(f"<code>{escape(name, quote=False)}</code>" for name in also) + "</span>"
    if entry.placed.code != entry.placed.key:
        yield "Code", f"<code>{escape(entry.placed.code, quote=False)}</code>"


def _links(title: str, entries: Sequence[Article], up: str) -> str:
    if not entries:
        return ""
    items = "".join(
        f'<li><a href="{up}catalogue/{escape(one.slug)}.html"><code>{escape(one.placed.key, quote=False)}</code></a> '
        f"{NAMES.get(one.protocol, one.protocol)} {escape(one.placed.section)}: {one.step}</li>"
        for one in entries
    )
    return f"<h2>{escape(title)}</h2><ul>{items}</ul>"
