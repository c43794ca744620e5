"""
`errnorm explain`: an error in, an answer for somebody on call out.

What is printed comes from two places only: the row, and the descriptions in the taxonomy.
"""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

from errnorm import plugins
from errnorm.cli.arguments import UnusableError, check_protocol, stdin
from errnorm.cli.style import Style, printable
from errnorm.normalizer import Normalizer
from errnorm.taxonomy import Reason

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from errnorm.error import NormalizedError
    from errnorm.tables.row import Entry

__all__ = ["add_to", "explained", "facts"]

_WIDTH = 100
_LABEL = 9
_MOST_ELSEWHERE = 8


def add_to(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "explain",
        help="say what an error means and what to do about it",
        description="Say what an error means: a line from the wire or a log, an XML snippet, a condition, a code or a constant.",
    )
    parser.add_argument("text", nargs="*", help="the error; read from stdin if not given")
    parser.add_argument("--protocol", help="nats or xmpp, where the text could be either")
    parser.add_argument("--tables", action="append", metavar="FILE", help="a file with rows of your own; may be repeated")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if the error is unknown")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    check_protocol(arguments.protocol, plugins.overlay_paths(arguments.tables))
    text = " ".join(arguments.text) if arguments.text else stdin().read(1 << 20).decode("utf-8", "replace").strip()
    if not text:
        message = "nothing to explain: give a text, or pipe one in"
        raise UnusableError(message)
    normalizer = Normalizer(arguments.tables)
    normalizer.load()
    error = normalizer.normalize(text, arguments.protocol)
    elsewhere = [one for one in _elsewhere(normalizer, text, arguments.protocol) if one[1] is not error.row]
    if arguments.format == "json":
        print(json.dumps(explained(error) | {"elsewhere": [row.to_dict(protocol) for protocol, row in elsewhere]}, indent=2))
    else:
        print("\n".join(_lines(error, elsewhere, Style())))
    return 1 if arguments.strict and not error.known else 0


def explained(error: NormalizedError) -> dict[str, Any]:
    """Return everything that is known of an error: its record, its row, and the words for its reason and its recovery."""
    row = error.row
    return {
        "error": error.to_record(),
        "row": None if row is None else row.to_dict(error.judgement.protocol or ""),
        "replaced": None if row is None or row.replaced is None else row.replaced.to_dict(error.judgement.protocol or ""),
        "meaning": {"about": error.reason.about, "cause": error.reason.cause, "advice": error.reason.advice},
        "step": error.recovery.about,
    }


def _elsewhere(normalizer: Normalizer, text: str, protocol: str | None) -> Iterator[tuple[str, Entry]]:
    # The same word can stand in several sections: `conflict` is one thing in a stanza and another on a stream.
    for name in [protocol] if protocol in plugins.protocols() else plugins.protocols():
        engine = normalizer.engine(name or "")
        for section in engine.table.sections.values() if engine else ():
            found = section.find(text)
            if found is not None:
                yield name or "", found[0]


def _lines(error: NormalizedError, elsewhere: list[tuple[str, Entry]], style: Style) -> Iterator[str]:
    row = error.row
    head = f"{error.protocol or 'no protocol'} {error.section or ''}".strip()
    yield style.strong(error.reason) + style.dim(f"  {head}  ") + printable(_name(row) if row else "no row knows this")
    yield ""
    retry = style.good if error.retryable else style.bad
    for label, text in facts(error):
        for number, line in enumerate(
            textwrap.wrap(printable(text), _WIDTH - _LABEL, break_on_hyphens=False, break_long_words=False) or [""]
        ):
            shown = retry(line) if label == "Retry" else line
            yield (style.dim(f"{label:<{_LABEL}}") if number == 0 else " " * _LABEL) + shown
    if elsewhere:
        yield ""
        yield style.dim("The same words elsewhere:")
        for protocol, other in elsewhere[:_MOST_ELSEWHERE]:
            yield f"  {protocol} {other.section:<10} {other.row.reason:<24} {other.row.recovery}"


def _name(row: Entry) -> str:
    further = [name for name in (row.row.text, row.row.constant) if name and name != row.key]
    return f"{row.key} ({', '.join(further)})" if further else row.key


def facts(error: NormalizedError) -> Iterator[tuple[str, str]]:
    """Yield what is to be said of an error, as pairs of a label and a text: the catalogue prints the same words."""
    row = error.row
    yield "What", error.reason.about
    if row is not None and row.row.note:
        yield "Note", row.row.note
    yield "Whose", error.reason.cause
    yield "Retry", _retry(error)
    yield "Do", error.reason.advice if error.reason is Reason.UNKNOWN else f"{error.recovery.about} {error.reason.advice}"
    if error.address:
        yield "Address", f"{error.address} (a claim of the peer; never followed by itself)"
    if error.params:
        yield "Values", ", ".join(f"{name} = {value}" for name, value in error.params.items())
    if row is None:
        yield "Name", f"{error.fingerprint} (the text with its variables cut out: use it to count and to group)"
        return
    yield "Seen", row.row.reach.about
    yield "Known", f"{row.row.evidence}; {row.row.source}"
    yield "Table", _origin(row)


def _retry(error: NormalizedError) -> str:
    may = "Yes" if error.retryable else "No"
    where = "the connection is over" if error.terminal else "the connection lives"
    done = "it was not carried out" if error.effect == "not_applied" else "it may have been carried out all the same"
    return f"{may} ({error.recovery}); {where}; {done}."


def _origin(row: Entry) -> str:
    if row.replaced is None:
        return f"{row.version}, {row.origin}"
    changed = [
        f"{name} was {old}"
        for name, old in row.replaced.to_dict("").items()
        if name != "tables_version" and row.to_dict("").get(name) != old
    ]
    return f"{row.version}, changed by {row.origin}: {', '.join(changed) or 'nothing'}"
