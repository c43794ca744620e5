"""Render a scan as one HTML file with charts, advice and the unknown errors. The file needs no network and no script."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from errnorm.cli.answer import essentials
from errnorm.cli.style import printable
from errnorm.taxonomy import Category

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from errnorm.cli.tally import Group, Tally

__all__ = ["page"]

_BARS = 60
_MOST_UNKNOWN = 50
_HEIGHT = 100
_WIDTH = 600


def page(tally: Tally, lines: int, names: Sequence[str], now: datetime) -> str:
    """
    Return the page.

    Args:
        tally: The counts.
        lines: The number of lines that were read.
        names: The files that were read.
        now: The present time.
    """
    text = files("errnorm.cli").joinpath("page.html").read_text("utf-8")
    span = tally.span()
    parts = {
        "when": _when(names, span, now),
        "cards": _cards(tally, lines),
        "chart": _chart(tally.groups, span) if span else "",
        "groups": "\n".join(_group(group, span) for group in tally.groups) or "<p>There is no error in these logs.</p>",
        "unknown": _unknown(tally),
    }
    for name, part in parts.items():
        text = text.replace(f"<!--{name}-->", part)
    return text


def _when(names: Sequence[str], span: tuple[datetime, datetime] | None, now: datetime) -> str:
    files_read = escape(printable(", ".join("stdin" if name == "-" else name for name in names), 300))
    times = f"{span[0]:%Y-%m-%d %H:%M:%S} to {span[1]:%Y-%m-%d %H:%M:%S} UTC · " if span else ""
    return f"{times}{files_read} · read {now:%Y-%m-%d %H:%M} UTC"


def _cards(tally: Tally, lines: int) -> str:
    groups = tally.groups
    errors = sum(group.count for group in groups) + tally.rest
    stop = sum(group.count for group in groups if not group.error.retryable)
    unknown = sum(count for _, count, _ in tally.unknown)
    cards = (("lines", lines), ("errors", errors), ("kinds", len(groups)), ("not retryable", stop), ("unknown", unknown))
    return "".join(f"<li><b>{number:,}</b><span>{name}</span></li>" for name, number in cards)


def _chart(groups: Sequence[Group], span: tuple[datetime, datetime]) -> str:
    by_category = {category: [0] * _BARS for category in Category}
    for group in groups:
        bars = by_category[group.error.category]
        for at, count in enumerate(group.timeline.bars(*span, _BARS)):
            bars[at] += count
    most = max((sum(bars[at] for bars in by_category.values()) for at in range(_BARS)), default=1) or 1
    below, shapes = [0] * _BARS, []
    for category, bars in by_category.items():
        shapes += [_bar(at, count, below[at], most, category) for at, count in enumerate(bars) if count]
        below = [low + count for low, count in zip(below, bars, strict=True)]
    seen = [category for category, bars in by_category.items() if any(bars)]
    legend = "".join(f'<li class="{category}"><i></i>{category}</li>' for category in seen)
    times = f"<span>{span[0]:%H:%M:%S}</span><span>at most {most:,} at a time</span><span>{span[1]:%H:%M:%S}</span>"
    return (
        f'<figure><svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="errors over time, at most {most} in one of {_BARS} parts">{"".join(shapes)}</svg>'
        f"<figcaption>{times}</figcaption>"
        f'<ul class="legend">{legend}</ul></figure>'
    )


def _bar(at: int, count: int, below: int, most: int, category: str) -> str:
    width = _WIDTH / _BARS
    height = count / most * _HEIGHT
    top = _HEIGHT - (below / most * _HEIGHT) - height
    return f'<rect class="{category}" x="{at * width:.1f}" y="{top:.2f}" width="{width - 1:.1f}" height="{height:.2f}"/>'


def _group(group: Group, span: tuple[datetime, datetime] | None) -> str:
    error = group.error
    small = ""
    if span:
        bars = group.timeline.bars(*span, _BARS)
        most = max(bars) or 1
        shapes = "".join(_bar(at, count, 0, most, error.category) for at, count in enumerate(bars) if count)
        small = (
            f'<svg class="small" viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" aria-hidden="true">{shapes}</svg>'
        )
    codes = ", ".join(str(code) for code, _ in group.codes.most_common(3)) + (", …" if len(group.codes) > 3 else "")  # noqa: PLR2004
    said = escape(printable(" ".join(filter(None, (error.protocol, group.peer, codes))), 160))
    retry = '<span class="retry yes">retry can help</span>' if error.retryable else '<span class="retry">do not retry</span>'
    return (
        f'<details><summary><span class="count">{group.count:,}</span>'
        f'<span class="name"><b class="{error.category}">{error.reason}</b>'
        f"<span>{said}</span> {retry}</span>{small}</summary><dl>{_facts(group)}</dl></details>"
    )


def _facts(group: Group) -> str:
    facts: list[tuple[str, str]] = [(label, escape(text)) for label, text in essentials(group.error)]
    if group.first and group.last:
        facts.append(("When", f"{group.first:%Y-%m-%d %H:%M:%S} to {group.last:%Y-%m-%d %H:%M:%S} UTC"))
    facts.append(("Sample", f"<code>{escape(printable(group.sample, 400))}</code>"))
    return "".join(f"<dt>{label}<dd>{text}" for label, text in facts)


def _unknown(tally: Tally) -> str:
    if not tally.unknown:
        return ""
    rows = _rows((count, fingerprint, sample) for fingerprint, count, sample in tally.unknown[:_MOST_UNKNOWN])
    return (
        "<h2>Unknown</h2><p>Lines that look like errors but match no row, grouped by their words without values.</p>"
        f"<table><tr><th>count<th>words<th>sample</tr>{rows}</table>"
    )


def _rows(unknown: Iterable[tuple[int, str, str]]) -> str:
    return "".join(
        f"<tr><td>{count:,}<td>{escape(printable(words, 200))}<td><code>{escape(printable(sample, 200))}</code></tr>"
        for count, words, sample in unknown
    )
