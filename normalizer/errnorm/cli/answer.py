"""
The answer to an error for an engineer on call: first what to do, then whether to retry, then the likely cause, then the rest.

All texts come from two places: the row, and the descriptions in the taxonomy. The catalogue shows the same texts.
"""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Any

from errnorm.cli.style import printable
from errnorm.taxonomy import Effect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from errnorm.cli.style import Style
    from errnorm.error import NormalizedError
    from errnorm.finding.names import Name
    from errnorm.tables.row import Entry
    from errnorm.taxonomy import Recovery

__all__ = ["details", "essentials", "explained", "paragraphs", "retry", "title", "unknown_answer"]

_PLACE = re.compile(r"\{([a-z0-9_]+)\}")
_LABEL = 14
_LEAST_WIDTH = 20
_MOST_EXPERIMENTS = 3


def explained(error: NormalizedError) -> dict[str, Any]:
    """Return everything that is known about an error: its record, its row, and the texts for its reason and its recovery."""
    row = error.row
    return {
        "error": error.to_record(),
        "row": None if row is None else row.to_dict(error.judgement.protocol or ""),
        "replaced": None if row is None or row.replaced is None else row.replaced.to_dict(error.judgement.protocol or ""),
        "meaning": {"about": error.reason.about, "cause": error.reason.cause, "advice": error.advice},
        "step": error.recovery.about,
    }


def title(error: NormalizedError, style: Style) -> str:
    """Return the first line of an answer: the reason, and the protocol's name of the error."""
    head = f"{error.protocol or 'no protocol'} {error.section or ''}".strip()
    return style.strong(error.reason) + style.dim(f"  {head}  ") + printable(_spelling(error))


def essentials(error: NormalizedError) -> Iterator[tuple[str, str]]:
    """Yield the most important facts on call, as pairs of a label and a text."""
    yield "Do", error.advice
    yield "Retry", retry(error.recovery, error.effect, terminal=error.terminal)
    yield "Likely cause", error.reason.cause
    note = error.row.row.note if error.row is not None else None
    yield "Meaning", f"{error.reason.about} {note}" if note else error.reason.about


def details(error: NormalizedError) -> Iterator[tuple[str, str]]:
    """Yield the other facts about an error, as pairs of a label and a text."""
    if error.address:
        yield "Address", f"{error.address} (sent by the peer; errnorm never connects to it)"
    if error.params:
        yield "Values", ", ".join(f"{name} = {value}" for name, value in error.params.items())
    if error.row is not None:
        yield "Where", error.row.row.reach.about
        yield "Evidence", f"{error.row.row.evidence}; {error.row.row.source}{_shown_by(error.row)}"
        yield "Table", _origin(error.row)


def _shown_by(row: Entry) -> str:
    shown = row.row.experiments
    more = f" and {len(shown) - _MOST_EXPERIMENTS} more" if len(shown) > _MOST_EXPERIMENTS else ""
    return f"; experiments: {', '.join(shown[:_MOST_EXPERIMENTS])}{more}" if shown else ""


def unknown_answer(fingerprint: str, nearest: Iterable[Name], style: Style, width: int, *, named: bool) -> Iterator[str]:
    """
    Yield the lines for an error without a matching row: that it is unknown, similar rows, and how to report it.

    Args:
        fingerprint: The fingerprint of the text.
        nearest: The most similar rows.
        style: The style.
        width: The width of the terminal, in characters.
        named: Whether the text is only a name that people have for some errors.
    """
    if named:
        yield style.strong("a name for errors") + style.dim(
            "  This is not the text of an error. People use it for one of the rows below."
        )
    else:
        yield style.strong("unknown") + style.dim("  This error matches no row of the tables, so there is no advice.")
    like = [f"{name.protocol} {name.row.section}: {_name(name.row)} ({name.row.row.reason})" for name in nearest]
    if like:
        yield ""
        yield from paragraphs([("Meant" if named else "Similar", text) for text in like], width, style)
    if named:
        yield ""
        yield from paragraphs([("Next", "Pass the whole text of the error, or the text of one of these rows.")], width, style)
        return
    yield ""
    yield from paragraphs(
        [
            ("Fingerprint", f"{fingerprint or '(no words)'} (the text without its values; use it to count and group)"),
            (
                "Next",
                "Report the text, with the server or client and its version, or add a row of your own (--tables).",
            ),
        ],
        width,
        style,
    )


def retry(recovery: Recovery, effect: Effect, *, terminal: bool) -> str:
    """Return whether to repeat, where, and whether the request may have been executed."""
    may = "Yes" if recovery.retryable else "No"
    where = "the connection is over" if terminal else "the connection stays open"
    done = "your request was not executed" if effect is Effect.NOT_APPLIED else "your request may already have been executed"
    return f"{may} ({recovery}); {where}; {done}."


def paragraphs(facts: Iterable[tuple[str, str]], width: int, style: Style, *, dimmed: bool = False) -> Iterator[str]:
    """Yield pairs of a label and a text as lines of at most `width` characters. A repeated label is printed once."""
    before = ""
    for label, text in facts:
        lines = textwrap.wrap(
            printable(text, 2000), max(width - _LABEL, _LEAST_WIDTH), break_on_hyphens=False, break_long_words=False
        ) or [""]
        for number, line in enumerate(lines):
            shown = f"{label if number == 0 and label != before else '':<{_LABEL}}"
            yield style.dim(shown + line) if dimmed else style.dim(shown) + line
        before = label


def _spelling(error: NormalizedError) -> str:
    """Return the name of the row of an error. Of a row with several texts that is the one which matched."""
    row = error.row
    if row is None or " " not in row.key:
        return "" if row is None else _name(row)
    said = {text.casefold().rstrip(".") for text in (error.signal.code, error.signal.text) if text}
    values = error.params or {}
    same = (text for text in row.texts() if _filled(text, values).casefold().rstrip(".") in said)
    found = next(same, row.key)
    return _name(row) if found == row.key else found


def _filled(text: str, values: Mapping[str, object]) -> str:
    return _PLACE.sub(lambda place: str(values.get(place[1], place[0])), text)


def _name(row: Entry) -> str:
    further = [name for name in (row.row.text, row.row.constant) if name and name != row.key]
    return f"{row.key} ({', '.join(further)})" if further else row.key


def _origin(row: Entry) -> str:
    if row.replaced is None:
        return f"{row.version}, {row.origin}"
    changed = [
        f"{name} was {old}"
        for name, old in row.replaced.to_dict("").items()
        if name != "tables_version" and row.to_dict("").get(name) != old
    ]
    return f"{row.version}, changed by {row.origin}: {', '.join(changed) or 'nothing'}"
