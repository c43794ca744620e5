"""
What a new version of the tables changes: rows that came, went or mean something else, and the counts of an archive that move.

Before an upgrade, save `errnorm table --format json` and, of an archive, `errnorm scan --format json`; afterwards compare.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from errnorm.cli.arguments import UnusableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from errnorm.cli.tally import Tally
    from errnorm.finding import Finder

__all__ = ["VERDICT", "compared", "lines", "moved", "moved_lines", "saved_rows", "saved_scan"]

VERDICT = ("code", "reason", "terminal", "recovery", "effect")
"""What of a row decides; a change of anything else changes no program."""

_PLACE = ("protocol", "section", "key")
_UNKNOWN = "unknown"

Row = dict[str, Any]


def _loaded(name: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(Path(name).read_text("utf-8"))
    except (OSError, ValueError) as error:
        message = f"{name}: {getattr(error, 'strerror', None) or 'this is not JSON'}"
        raise UnusableError(message) from error


def saved_rows(name: str) -> list[Row]:
    """
    Read what `errnorm table --format json` printed.

    Raises:
        UnusableError: If the file cannot be read, or is something else.
    """
    rows = _loaded(name)
    if not isinstance(rows, list) or not all(isinstance(row, dict) and {*_PLACE, *VERDICT} <= row.keys() for row in rows):
        message = f"{name}: this is not the output of errnorm table --format json"
        raise UnusableError(message)
    return rows


def compared(old: Sequence[Row], new: Sequence[Row]) -> list[Row]:
    """Return what differs: the `change` (`added`, `removed`, `changed`), the row, and its verdict `before` and `after`."""
    before, after = ({tuple(row[name] for name in _PLACE): row for row in rows} for rows in (old, new))
    found = []
    for place in dict.fromkeys([*before, *after]):
        was, now = (_verdict(rows.get(place)) for rows in (before, after))
        if was != now:
            change = "added" if was is None else "removed" if now is None else "changed"
            found.append({"change": change, **dict(zip(_PLACE, place, strict=True)), "before": was, "after": now})
    return found


def _verdict(row: Row | None) -> Row | None:
    return None if row is None else {name: row[name] for name in VERDICT}


def lines(changes: Sequence[Row]) -> Iterator[str]:
    """Yield one line for each change, and a last one with their number."""
    for change in changes:
        where = f"{change['protocol']} {change['section']} {change['key']!a}"
        yield f"{change['change']:<8}  {where}: {', '.join(_differences(change))}"
    counts = Counter(change["change"] for change in changes)
    yield ", ".join(f"{counts[kind]} {kind}" for kind in ("added", "removed", "changed"))


def _differences(change: Row) -> Iterator[str]:
    before, after = change["before"], change["after"]
    if before is None or after is None:
        for verdict in (before, after):
            if verdict is not None:
                yield f"{verdict['reason']}, {verdict['recovery']}"
        return
    yield from (f"{name} {before[name]} -> {after[name]}" for name in VERDICT if before[name] != after[name])


def saved_scan(name: str) -> Mapping[str, Any]:
    """
    Read what `errnorm scan --format json` printed.

    Raises:
        UnusableError: If the file cannot be read, or is something else.
    """
    document = _loaded(name)
    if not isinstance(document, dict) or not {"errors", "unknown"} <= document.keys():
        message = f"{name}: this is not the output of errnorm scan --format json"
        raise UnusableError(message)
    return document


def moved(before: Mapping[str, Any], tally: Tally, finder: Finder) -> dict[str, list[Row]]:
    """
    Compare a scan of an archive with an earlier one.

    Returns:
        `counts`: each reason whose number differs, `before` and `after`. `moved`: each kind of error of the earlier scan whose
        sample is now judged differently, with its count; these say why the numbers differ.
    """
    was = Counter({_UNKNOWN: sum(one["count"] for one in before["unknown"])})
    for one in before["errors"]:
        was[one["reason"]] += one["count"]
    now = Counter({_UNKNOWN: sum(count for _, count, _ in tally.unknown)})
    for group in tally.groups:
        now[group.error.reason.value] += group.count
    counts = [
        {"reason": reason, "before": was[reason], "after": now[reason]}
        for reason in sorted({*was, *now})
        if was[reason] != now[reason]
    ]
    kinds = [(one["count"], one["reason"], one["recovery"], one["sample"]) for one in before["errors"]]
    kinds += [(one["count"], _UNKNOWN, None, one["sample"]) for one in before["unknown"]]
    # A sample is one line. What was found in several lines is judged by its count alone.
    differing = {one["reason"] for one in counts}
    changed = [(count, (reason, recovery), _judged(sample, finder), sample) for count, reason, recovery, sample in kinds]
    return {
        "counts": counts,
        "moved": [
            {"count": count, "before": list(old), "after": list(new), "sample": sample}
            for count, old, new, sample in sorted(changed, key=lambda one: -one[0])
            if old != new and (old[0] in differing or old[0] == new[0])
        ],
    }


def _judged(sample: str, finder: Finder) -> tuple[str, str | None]:
    seen = finder.line(sample)
    return (_UNKNOWN, None) if seen is None else (seen.error.reason.value, seen.error.recovery.value)


def moved_lines(changes: Mapping[str, Sequence[Row]]) -> Iterator[str]:
    """Yield the comparison for people."""
    for one in changes["counts"]:
        yield f"{one['before']:>9,} -> {one['after']:>9,}  {one['reason']}"
    for one in changes["moved"]:
        old, new = (" ".join(filter(None, one[name])) for name in ("before", "after"))
        yield f"{one['count']:>9,} moved: {old} -> {new}: {one['sample'][:80]!a}"
    if not changes["counts"] and not changes["moved"]:
        yield "no count has changed"
