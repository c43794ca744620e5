"""Reference pages that nobody writes by hand: one for each table, and one for the vocabulary."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from errnorm.advice import ADVICE
from errnorm.emitters.attributes import ATTRIBUTES
from errnorm.emitters.otel.metric import METRICS
from errnorm.privacy import DEFAULT_RULES
from errnorm.tables.provenance import Evidence, Reach
from errnorm.taxonomy import Category, Effect, Reason, Recovery
from errnorm_docs.catalogue import site
from errnorm_docs.entries import entries_of, tables
from errnorm_docs.pictures import pictures
from errnorm_docs.search import anchor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from errnorm.tables.table import Table
    from errnorm_docs.entries import Article

__all__ = ["attributes_page", "put", "table_page", "vocabulary_page", "write"]

_WORDS = (Category, Recovery, Effect, Reach, Evidence)


def write(folder: Path) -> None:
    """
    Write everything that is generated into a folder; a file that would not change is left alone.

    Args:
        folder: Where it goes; made if it is not there.
    """
    found = tables()
    entries = entries_of(found)
    made = {f"table-{table.protocol}.md": table_page(table, entries) for table in found}
    made |= {
        "vocabulary.md": vocabulary_page(),
        "attributes.md": attributes_page(),
    } | pictures(entries)
    made |= {f"site/{name}": text for name, text in site(found).items()}
    for path in (folder / "site").rglob("*.html"):
        if path.relative_to(folder).as_posix() not in made:
            path.unlink()
    put(folder, made)


def put(folder: Path, files: Mapping[str, str]) -> None:
    """
    Write files into a folder; one that would not change is left alone.

    Args:
        folder: Where they go; made if it is not there.

        files: Their texts by their places in it.
    """
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def table_page(table: Table, entries: Iterable[Article]) -> str:
    """Return the page of one table: every row, section by section."""
    mine = [entry for entry in entries if entry.protocol == table.protocol]
    lines = [
        f"# Table: {table.protocol}",
        "",
        f'Version `{table.version}`, {len(mine)} rows. The <a href="../catalogue.html">catalogue</a> has the',
        "same rows, with search and filters.",
        "",
    ]
    for name, section in table.sections.items():
        lines += [
            f"## `{name}`",
            "",
            f"{section.head.about[0].upper()}{section.head.about[1:]}. "
            + ("Upper and lower case are the same." if section.head.ignore_case else "Upper and lower case are different."),
            "",
        ]
        lines += _listed([entry for entry in mine if entry.placed.section == name])
    return "\n".join(lines)


def _listed(entries: Sequence[Article]) -> list[str]:
    if not entries:
        return ["This section has no rows.", ""]
    return ["| error | judgement | evidence |", "|---|---|---|", *map(_listed_row, entries), ""]


def _listed_row(entry: Article) -> str:
    row = entry.placed.row
    name = f'<a id="{anchor(entry.slug)}" href="../catalogue/{escape(entry.slug)}.html">{_code(entry.placed.key)}</a>'
    aside = _plain(row.text or row.constant or "")
    connection = "connection over" if row.terminal else "connection stays open"
    meaning = (
        f'<code class="whole">{_plain(row.reason)}</code>' + f" <br>{row.recovery}, {connection}, effect {_plain(row.effect)}"
    )
    known = f'<span class="long">{_plain(row.evidence)} <br>{_plain(row.source)}</span>'
    return f"| {name}{f' <br>{aside}' if aside else ''} | {meaning} | {known} |"


def _code(text: str) -> str:
    return f"<code>{_plain(text)}</code>"


def _plain(text: str) -> str:
    # As entities, letters that mean something to Markdown or HTML are only themselves.
    return "".join(letter if letter.isalnum() or letter in " .,:;-/" else f"&#{ord(letter)};" for letter in text)


def vocabulary_page() -> str:
    """Return the page of the vocabulary: every word with its description, from the one place where they stand."""
    lines = ["# Vocabulary", "", "Every word that a record, a log line, a span or a metric can contain.", "", "## Reason", ""]
    for reason in Reason:
        lines += [f"`{reason}`", f": {reason.about}", "", f"  Likely cause: {reason.cause}", ""]
        lines += [f"  * `{recovery}`: {advice}" for recovery, advice in ADVICE[reason].items()] + [""]
    for words in _WORDS:
        lines += [f"## {words.__name__}", ""]
        for word in words:
            lines += [f"`{word}`", f": {word.about}", ""]
    return "\n".join(lines)


def attributes_page() -> str:
    """Return the page of the names that leave, from the list that the emitters go by."""
    lines = [
        "# Attributes and metrics",
        "",
        "The names on log lines, spans and metrics. They are public: minor versions only add names.",
        "",
    ]
    lines += ["| key | type | cardinality | on | value |", "|---|---|---|---|---|"]
    lines += [f"| `{one.key}` | {one.type} | {one.cardinality} | {', '.join(one.signals)} | {one.about} |" for one in ATTRIBUTES]
    lines += ["", "## Metrics", "", "All are counters.", "", "| name | unit | counts |", "|---|---|---|"]
    lines += [f"| `{name}` | `{unit}` | {about} |" for name, (unit, about) in METRICS.items()]
    lines += [
        "",
        "## Values by kind",
        "",
        "The default rule for each kind of value; the settings can change it.",
        "",
        "| kind | rule |",
        "|---|---|",
    ]
    lines += [f"| `{kind}` | {rule.value} |" for kind, rule in DEFAULT_RULES.items()]
    return "\n".join([*lines, ""])
