"""
Pictures, drawn from the tables: SVG that follows the reader's light or dark setting, with the words as text.

A picture has a ground of its own, so it can be read on any page.
"""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import TYPE_CHECKING

from errnorm import normalize
from errnorm.tables.provenance import Evidence
from errnorm.taxonomy import Category, Recovery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from errnorm.adapters import Signal
    from errnorm.error import NormalizedError
    from errnorm_docs.entries import Article

__all__ = ["evidence", "matrix", "pictures", "way", "way_on_a_phone"]

_EXAMPLE = "-ERR 'Permissions Violation for Publish to \"orders.new\"'"
_TITLE = "The way of one error: observe, judge, then decide and report"
_STYLE = """<style>
svg { --paper: #fcfbf8; --sheet: #fff; --ink: #1c1b19; --soft: #5d5a54; --line: #bdb8ac; --one: 29, 79, 145; --text: #fff;
  --provoked: #1d4f91; --source: #6f9bd1; --specification: #c3d4ea }
@media (prefers-color-scheme: dark) { svg { --paper: #161614; --sheet: #23221f; --ink: #eceae3; --soft: #aaa69b; --line: #4a4942;
  --one: 157, 194, 245; --text: #10100e; --provoked: #9dc2f5; --source: #5682b8; --specification: #2f4765 } }
text { font: 13px system-ui, sans-serif; fill: var(--ink) }
.soft { fill: var(--soft); font-size: 12px } .strong { font-weight: 600 } .mono { font: 12px ui-monospace, monospace }
.ground { fill: var(--paper) } .box { fill: var(--sheet); stroke: var(--line) } .line { stroke: var(--soft); fill: none }
.tip { fill: var(--soft) } .over { fill: var(--text) }
.provoked { fill: var(--provoked) } .source { fill: var(--source) } .specification { fill: var(--specification) }
</style>"""


def pictures(entries: Sequence[Article]) -> dict[str, str]:
    """Return all pictures by file name."""
    return {"way.svg": way(), "way-phone.svg": way_on_a_phone(), "matrix.svg": matrix(entries), "evidence.svg": evidence(entries)}


def way() -> str:
    """Draw the way of one error through the parts, with what really comes out of each."""
    error = normalize(_EXAMPLE)
    parts = [_box(20 + at * 310, 40, name, lines) for at, (name, lines) in enumerate(_steps(error))]
    parts += [_arrow(220, 330, "observe", "an adapter"), _arrow(530, 640, "judge", "tables + engine")]
    parts += [
        _box(330, 200, "Decision", ["retry or abort,", "step, delay, why"], 75),
        _box(640, 200, "log · span · metric", ["error.type =", f"  {error.reason}"], 75),
    ]
    parts += [
        _line("M 690 145 L 690 165 L 430 165 L 430 195", "decide", 442, 184),
        _line("M 740 145 L 740 195", "report", 752, 177),
    ]
    return _svg(860, 295, _TITLE, parts)


def way_on_a_phone() -> str:
    """Draw the same from top to bottom, so that its words can be read on a phone."""
    error = normalize(_EXAMPLE)
    parts = [_box(120, 20 + 150 * at, name, lines) for at, (name, lines) in enumerate(_steps(error))]
    parts += [
        _line(f"M 220 {125 + 150 * at} L 220 {165 + 150 * at}", verb, 232, 150 + 150 * at)
        for at, verb in enumerate(("observe", "judge"))
    ]
    parts += [
        _box(15, 480, "Decision", ["retry or abort,", "step, delay, why"], 75),
        _box(225, 480, "log · span · metric", ["error.type =", f"  {error.reason}"], 75),
        _line("M 190 425 L 190 450 L 115 450 L 115 475", "decide", 60, 445),
        _line("M 250 425 L 250 450 L 325 450 L 325 475", "report", 337, 445),
    ]
    return _svg(440, 575, _TITLE, parts)


def _steps(error: NormalizedError) -> list[tuple[str, list[str]]]:
    return [
        ("raw error", ["-ERR 'Permissions", "Violation for Publish", 'to "orders.new"\'']),
        ("Signal", _signal(error.signal)),
        (
            "NormalizedError",
            [error.reason, f"recovery {error.recovery}", f"retryable {error.retryable}", f"terminal {error.terminal}"],
        ),
    ]


def _signal(signal: Signal) -> list[str]:
    return [f"protocol {signal.protocol}", f"section {signal.section}", f"code {(signal.code or '')[:19]}…"]


def _box(x: int, y: int, title: str, lines: Sequence[str], height: int = 105) -> str:
    rows = "".join(
        f'<text class="mono" x="{x + 12}" y="{y + 42 + 17 * at}">{escape(line)}</text>' for at, line in enumerate(lines)
    )
    box = f'<rect class="box" x="{x}" y="{y}" width="200" height="{height}" rx="5"/>'
    return f'{box}<text class="strong" x="{x + 12}" y="{y + 21}">{escape(title)}</text>{rows}'


def _arrow(x: int, to: int, verb: str, by: str) -> str:
    y = 90
    middle = (x + to) // 2
    return (
        _line(f"M {x} {y} L {to - 5} {y}", "", 0, 0)
        + f'<text class="strong" text-anchor="middle" x="{middle}" y="{y - 9}">{verb}</text>'
        + f'<text class="soft" text-anchor="middle" x="{middle}" y="{y + 19}">{escape(by)}</text>'
    )


def _line(path: str, verb: str, x: int, y: int) -> str:
    words = f'<text class="strong" x="{x}" y="{y}">{verb}</text>' if verb else ""
    return f'<path class="line" d="{path}" marker-end="url(#tip)"/>{words}'


def matrix(entries: Sequence[Article]) -> str:
    """Draw category by recovery, with the number of rows in each."""
    counts = Counter((entry.placed.row.reason.category, entry.placed.row.recovery) for entry in entries)
    most = max(counts.values())
    categories = [category for category in Category if any(counts[category, step] for step in Recovery)]
    parts = [
        f'<text text-anchor="middle" x="{160 + 96 * at}" y="52">{step}</text>'
        f'<text class="soft" text-anchor="middle" x="{160 + 96 * at}" y="30">{"● retryable" if step.retryable else ""}</text>'
        for at, step in enumerate(Recovery)
    ]
    for row, category in enumerate(categories):
        parts.append(f'<text class="strong" text-anchor="end" x="100" y="{89 + 46 * row}">{category}</text>')
        parts += [_cell(112 + 96 * column, 64 + 46 * row, counts[category, step], most) for column, step in enumerate(Recovery)]
    return _svg(800, 75 + 46 * len(categories), "Category by recovery: the number of rows", parts)


def _cell(x: int, y: int, count: int, most: int) -> str:
    weight = 0.0 if not count else 0.12 + 0.88 * (count / most) ** 0.7
    dark = "over" if weight > 0.5 else ""  # noqa: PLR2004 - from here on the number needs the other colour
    number = f'<text class="{dark}" text-anchor="middle" x="{x + 46}" y="{y + 25}">{count or "·"}</text>'
    return f'<rect x="{x}" y="{y}" width="92" height="42" rx="3" style="fill: rgba(var(--one), {weight:.2f})"/>{number}'


def evidence(entries: Sequence[Article]) -> str:
    """Draw how the rows of each table are known, and which server or client was made to say how many of them."""
    by_protocol: dict[str, Counter[str]] = {}
    provoked: Counter[str] = Counter()
    for entry in entries:
        kind, _, what = entry.placed.row.evidence.partition(": ")
        by_protocol.setdefault(entry.protocol, Counter())[kind] += 1
        if kind == Evidence.PROVOKED.value:
            provoked[what or "not said"] += 1
    widest = max(sum(counts.values()) for counts in by_protocol.values())
    parts = [_key(140 + 130 * at, word) for at, word in enumerate(Evidence)]
    for at, (protocol, counts) in enumerate(by_protocol.items()):
        parts.append(f'<text class="strong" text-anchor="end" x="128" y="{75 + 36 * at}">{protocol}</text>')
        parts.append(_stack(140, 58 + 36 * at, 590 / widest, counts))
    top = 90 + 36 * len(by_protocol)
    parts.append(f'<text class="soft" x="20" y="{top}">Made to say it, by what:</text>')
    for at, (what, count) in enumerate(provoked.most_common()):
        y = top + 26 + 24 * at
        width = max(2.0, 400 * count / max(provoked.values()))
        parts.append(f'<text class="soft" text-anchor="end" x="288" y="{y}">{escape(what)}</text>')
        parts.append(f'<rect class="provoked" x="300" y="{y - 12}" width="{width:.0f}" height="15" rx="2"/>')
        parts.append(f'<text class="soft" x="{308 + width:.0f}" y="{y}">{count}</text>')
    return _svg(800, top + 30 + 24 * len(provoked), "How the rows are known", parts)


def _key(x: int, word: Evidence) -> str:
    return (
        f'<rect class="{word}" x="{x}" y="26" width="13" height="13" rx="2"/><text class="soft" x="{x + 20}" y="37">{word}</text>'
    )


def _stack(x: float, y: int, scale: float, counts: Counter[str]) -> str:
    parts = []
    for word in Evidence:
        width = counts[word.value] * scale
        parts.append(f'<rect class="{word}" x="{x:.1f}" y="{y}" width="{width:.1f}" height="24"/>')
        x += width
    return "".join(parts) + f'<text class="soft" x="{x + 8:.0f}" y="{y + 17}">{sum(counts.values())}</text>'


def _svg(width: int, height: int, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-labelledby="title">'
        f'<title id="title">{escape(title)}</title>{_STYLE}'
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="5" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        '<path class="tip" d="M 0 0 L 10 5 L 0 10 z"/></marker></defs>'
        f'<rect class="ground" width="{width}" height="{height}" rx="6"/>' + "\n".join(parts) + "</svg>\n"
    )
