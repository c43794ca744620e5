"""`errnorm explain`: print what an error means and what to do about it, for an engineer on call."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from errnorm import plugins
from errnorm.advice import ADVICE
from errnorm.cli.answer import details, essentials, explained, paragraphs, title, unknown_answer
from errnorm.cli.arguments import OneOf, UnusableError, check_protocol, stdin, unshielded
from errnorm.cli.style import Style, counted, fitted, terminal_width
from errnorm.error import Signal
from errnorm.finding import Finder, installed_forms
from errnorm.finding.nearest import Nearest
from errnorm.fingerprint import fingerprint_of
from errnorm.normalizer import Normalizer
from errnorm.taxonomy import Category, Reason

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from errnorm.error import NormalizedError
    from errnorm.finding import Finding
    from errnorm.tables.row import Entry

__all__ = ["add_to"]

_LONGEST = 1 << 20
_MOST_ELSEWHERE = 8
_MOST_LINES = 6
_MOST_ROWS = 12
# The width of the longest reason, in characters.
_REASON = 26


class _Answer(NamedTuple):
    """One error, and the places at which it was found."""

    error: NormalizedError
    findings: Sequence[Finding]


def add_to(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "explain",
        help="explain an error: what it means and what to do",
        description="Explain an error: what it means and what to do. The error can be a text, a line of a log, a traceback, XML, "
        "a condition, a code, a constant, a row (xmpp/stream/conflict), a reason, a category, or a file with any of these.",
    )
    parser.add_argument("text", nargs="*", help="the error, or one file; stdin if it is missing or -")
    parser.add_argument("--protocol", help="nats or xmpp, if the text could belong to both")
    parser.add_argument("--tables", action="append", metavar="FILE", help="a file with rows of your own; may be repeated")
    parser.add_argument("--format", type=OneOf("format", ("text", "json")), default="text")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if the error is unknown")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    check_protocol(arguments.protocol, plugins.overlay_paths(arguments.tables))
    text = _text([unshielded(one) for one in arguments.text])
    normalizer = Normalizer(arguments.tables)
    normalizer.load()
    if (about := _of_vocabulary(text, normalizer)) is not None:
        _print_vocabulary(about, arguments.format)
        return 0
    answers = _answers(normalizer, text, arguments.protocol)
    elsewhere = _elsewhere(normalizer, text, arguments.protocol, answers)
    if not answers and not elsewhere and (about := _of_last_part(text, normalizer)) is not None:
        _print_vocabulary(about, arguments.format)
        return 0
    if arguments.format == "json":
        print(json.dumps(_document(normalizer, text, answers, elsewhere), indent=2))
    else:
        print("\n".join(_lines(normalizer, text, answers, elsewhere)))
    return 1 if arguments.strict and not answers else 0


def _text(arguments: Sequence[str]) -> str:
    if not arguments or list(arguments) == ["-"]:
        text = stdin().read(_LONGEST).decode("utf-8", "replace").strip()
    elif len(arguments) == 1 and _is_file(arguments[0]):
        with Path(arguments[0]).open("rb") as file:
            text = file.read(_LONGEST).decode("utf-8", "replace").strip()
    else:
        text = " ".join(arguments).strip()
    if not text:
        message = "there is nothing to explain: pass a text or a file, or pipe one to stdin"
        raise UnusableError(message)
    return text


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):  # the text cannot be a file name
        return False


def _width() -> int:
    return terminal_width()


def _answers(normalizer: Normalizer, text: str, protocol: str | None) -> list[_Answer]:
    """Return one answer for each different error in a text, in the order of their first occurrences."""
    if (error := _at(normalizer, text)) is not None:
        return [_Answer(error, ())]
    findings = Finder(normalizer).find(text)
    if protocol is not None:
        error = normalizer.normalize(text, protocol)
        findings = [one for one in findings if one.error.protocol == protocol or _underlies(normalizer, one.error)]
        if error.known and not findings:
            return [_Answer(error, ())]
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.error.judgement.row, finding.error.recovery), []).append(finding)
    return [_Answer(group[0].error, group) for group in groups.values()]


def _at(normalizer: Normalizer, address: str) -> NormalizedError | None:
    """Return an error of the row with this address: `xmpp/stream/conflict`."""
    protocol, _, rest = address.partition("/")
    section, _, key = rest.partition("/")
    engine = normalizer.engine(protocol) if key and protocol in plugins.protocols() else None
    row = None if engine is None else engine.table.rows.get((section, key))
    return None if engine is None or row is None else engine.judge_as(row, Signal(protocol, section, key))


def _underlies(normalizer: Normalizer, error: NormalizedError) -> bool:
    engine = normalizer.engine(error.judgement.protocol or "")
    return engine is not None and engine.table.underlies


def _elsewhere(normalizer: Normalizer, text: str, protocol: str | None, answers: Sequence[_Answer]) -> list[tuple[str, Entry]]:
    """Find the same word in other sections: `conflict` is one thing in a stanza and another on a stream."""
    if len(answers) > 1:
        return []
    shown = {id(answer.error.row) for answer in answers}
    names = [protocol] if protocol in plugins.protocols() else plugins.protocols()
    engines = [(name, engine) for name in names if (engine := normalizer.engine(name or "")) is not None]
    found = [
        (name or "", hit[0])
        for name, engine in engines
        for section in engine.table.sections.values()
        if (hit := section.find(text))
    ]
    return [(name, row) for name, row in found if id(row) not in shown]


def _document(
    normalizer: Normalizer, text: str, answers: Sequence[_Answer], elsewhere: Sequence[tuple[str, Entry]]
) -> dict[str, Any]:
    document: dict[str, Any] = {
        "answers": [
            explained(answer.error)
            | {
                "count": max(len(answer.findings), 1),
                "lines": [finding.line for finding in answer.findings[:_MOST_LINES]],
                "how": answer.findings[0].how.value if answer.findings else "whole",
            }
            for answer in answers
        ],
        "elsewhere": [row.to_dict(protocol) for protocol, row in elsewhere],
    }
    if not answers:
        document["fingerprint"] = fingerprint_of(text)
        document["nearest"] = [name.row.to_dict(name.protocol) for name in _nearest(normalizer).find(text)]
    return document


def _nearest(normalizer: Normalizer) -> Nearest:
    engines = (normalizer.engine(protocol) for protocol in plugins.protocols())
    return Nearest([engine.table for engine in engines if engine is not None], installed_forms().synonyms)


def _lines(
    normalizer: Normalizer, text: str, answers: Sequence[_Answer], elsewhere: Sequence[tuple[str, Entry]]
) -> Iterator[str]:
    style, width = Style(), _width()
    if not answers:
        nearest = _nearest(normalizer)
        yield from unknown_answer(fingerprint_of(text), nearest.find(text), style, width, named=nearest.is_synonym(text))
    elif len(answers) == 1:
        yield from _full(answers[0], style, width)
    else:
        yield from _short(answers, style, width)
    if elsewhere:
        yield ""
        yield style.dim("Other rows with the same text:")
        for protocol, other in elsewhere[:_MOST_ELSEWHERE]:
            yield style.dim(f"  {protocol} {other.section:<10} {other.row.reason:<24} {other.row.recovery}")


def _full(answer: _Answer, style: Style, width: int) -> Iterator[str]:
    error = answer.error
    yield title(error, style)
    if (where := _where(answer)) is not None:
        yield style.dim(where)
    yield ""
    yield from _essentials(error, style, width)
    rest = list(details(error))
    if rest:
        yield ""
        yield from paragraphs(rest, width, style, dimmed=True)


def _essentials(error: NormalizedError, style: Style, width: int) -> Iterator[str]:
    colour = style.good if error.retryable else style.bad
    for label, text in essentials(error):
        for line in paragraphs([(label, text)], width, style):
            yield colour(line) if label == "Retry" else line


def _short(answers: Sequence[_Answer], style: Style, width: int) -> Iterator[str]:
    count = sum(len(answer.findings) for answer in answers)
    yield style.strong(f"{counted(count, 'error')}, {counted(len(answers), 'kind')}")
    for answer in answers:
        yield ""
        yield f"{len(answer.findings)} x " + title(answer.error, style)
        yield style.dim(_place(answer))
        facts = dict(essentials(answer.error))
        yield from paragraphs([(label, facts[label]) for label in ("Do", "Retry")], width, style)


def _where(answer: _Answer) -> str | None:
    """Return a line that says where an error was found; `None` if it is the whole text."""
    if not answer.findings or (len(answer.findings) == 1 and answer.findings[0].how == "whole" and answer.findings[0].line == 1):
        return None
    return _place(answer)


def _place(answer: _Answer) -> str:
    lines = list(dict.fromkeys(finding.line for finding in answer.findings))
    shown = ", ".join(map(str, lines[:_MOST_LINES])) + (", …" if len(lines) > _MOST_LINES else "")
    inside = "; found inside other text" if all(finding.how == "inside" for finding in answer.findings) else ""
    head = f"line {shown}: "
    return f"{head}{fitted(answer.findings[0].match.strip(), max(_width() - len(head) - len(inside), _REASON))}{inside}"


def _of_vocabulary(text: str, normalizer: Normalizer) -> dict[str, Any] | None:
    """Return the meaning of a word of the vocabulary and the rows that have it; `None` for any other text."""
    word = text.strip().lower()
    if word in {*Reason}:
        return _about(word, Reason(word).about, [Reason(word)], normalizer)
    if word in {*Category} and word != Category.UNKNOWN:
        return _about(word, Category(word).about, [reason for reason in Reason if reason.category == word], normalizer)
    return None


def _of_last_part(text: str, normalizer: Normalizer) -> dict[str, Any] | None:
    """Return the meaning of the reasons that end in this word: `timeout` is the end of two; `None` if no reason does."""
    word = re.sub(r"[ -]", "_", text.strip().lower())
    reasons = [reason for reason in Reason if word in {reason.partition(".")[2], reason.replace(".", "_")}]
    if not reasons:
        return None
    if len(reasons) == 1:
        return _about(reasons[0], reasons[0].about, reasons, normalizer)
    return _about(
        word, f"{len(reasons)} reasons end in this word. The whole text of the error shows which one it is.", reasons, normalizer
    )


def _about(word: str, about: str, reasons: Sequence[Reason], normalizer: Normalizer) -> dict[str, Any]:
    rows = [
        {"protocol": protocol, "section": row.section, "key": row.key, "reason": row.row.reason.value}
        for protocol in plugins.protocols()
        if (engine := normalizer.engine(protocol)) is not None
        for row in engine.table.rows.values()
        if row.row.reason in reasons
    ]
    meanings = [
        {
            "reason": one.value,
            "about": one.about,
            "cause": one.cause,
            "advice": {step.value: say for step, say in ADVICE[one].items()},
        }
        for one in reasons
    ]
    return {"word": word, "about": about, "reasons": meanings, "rows": rows}


def _print_vocabulary(about: dict[str, Any], form: str) -> None:
    print(json.dumps(about, indent=2) if form == "json" else "\n".join(_vocabulary(about, Style(), _width())))


def _vocabulary(about: dict[str, Any], style: Style, width: int) -> Iterator[str]:
    yield style.strong(about["word"]) + style.dim(f"  {counted(len(about['rows']), 'row')}")
    yield ""
    if len(about["reasons"]) == 1:
        (reason,) = about["reasons"]
        facts = [("Meaning", reason["about"]), ("Likely cause", reason["cause"])]
        facts += [(step.capitalize(), say) for step, say in reason["advice"].items()]
        yield from paragraphs(facts, width, style)
        yield ""
        rows = about["rows"][:_MOST_ROWS]
        yield from (style.dim(fitted(f"  {row['protocol']} {row['section']:<10} {row['key']}", width)) for row in rows)
        if len(about["rows"]) > _MOST_ROWS:
            yield style.dim(f"  … all of them: errnorm table --reason {about['word']}")
        return
    yield from paragraphs([("Meaning", about["about"])], width, style)
    yield ""
    for one in about["reasons"]:
        head, *rest = textwrap.wrap(one["about"], max(width - _REASON, _REASON)) or [""]
        yield f"  {style.strong(one['reason'])}{'':<{_REASON - 2 - len(one['reason'])}}{head}"
        yield from (f"{'':<{_REASON}}{line}" for line in rest)
    yield ""
    yield style.dim(f"  more about one: errnorm explain {about['reasons'][0]['reason']}")
