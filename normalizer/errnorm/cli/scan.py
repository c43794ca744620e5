"""`errnorm scan`: what is in these logs, how often, since when, and what to do about it."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from errnorm import plugins
from errnorm.cli.answer import essentials, paragraphs
from errnorm.cli.archives import ArchiveError, lines_of
from errnorm.cli.arguments import UNUSABLE, OneOf, UnusableError, check_protocol
from errnorm.cli.page import page
from errnorm.cli.progress import Progress
from errnorm.cli.style import Style, counted, printable, terminal_width
from errnorm.cli.tally import Tally
from errnorm.finding import Finder, Stream
from errnorm.finding.times import since, time_of
from errnorm.normalizer import Normalizer

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from errnorm.cli.tally import Group
    from errnorm.finding import Spotted

__all__ = ["add_to"]

_MOST_SHOWN = 20
_MOST_ADVISED = 3
_MOST_UNKNOWN = 10
_BARS = 24
# From this width on the chart of an error has all its bars.
_WIDE = 100
_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII_BLOCKS = ".:-=+*%#"


def add_to(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "scan",
        help="say what errors are in logs, how often and since when",
        description="Read logs of any length (plain, gzip, zstd, JSON lines, frames of containers) and say what is in them.",
    )
    parser.add_argument("file", nargs="*", help="files to read; stdin if none, or for -")
    parser.add_argument("--since", metavar="WHEN", help="leave out what is older: 2h, 7d, or a date with or without a time")
    parser.add_argument("--protocol", help="count only errors of nats or xmpp, and of the network under it")
    by = OneOf("count", ("code", "reason", "peer"))
    parser.add_argument("--by", type=by, default="code", help="what is counted together (default: code)")
    parser.add_argument("--format", type=OneOf("format", ("text", "json", "jsonl", "html")), default="text")
    parser.add_argument("--tables", action="append", metavar="FILE", help="a file with rows of your own; may be repeated")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if anything was unknown")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    check_protocol(arguments.protocol, plugins.overlay_paths(arguments.tables))
    normalizer = Normalizer(arguments.tables)
    normalizer.load()
    scan = _Scan(arguments, normalizer)
    for name, spotted, moment in scan.spotted():
        if arguments.format == "jsonl":
            sys.stdout.write(json.dumps(_object(name, spotted, normalizer)) + "\n")
        scan.tally.add(spotted, moment)
    if arguments.format == "json":
        print(json.dumps(_document(scan), indent=2))
    elif arguments.format == "html":
        print(page(scan.tally, scan.lines, arguments.file or ["-"], datetime.now(UTC)))
    elif arguments.format == "text":
        print("\n".join(_report(scan)))
    return scan.exit_code(strict=arguments.strict)


class _Scan:
    """
    One run.

    Attributes:
        tally: What was counted.

        lines: How many lines were read.

        problems: What could not be read.
    """

    def __init__(self, arguments: argparse.Namespace, normalizer: Normalizer) -> None:
        self._files: list[str] = arguments.file or ["-"]
        self._now = datetime.now(UTC)
        self._since = _since(arguments.since, self._now)
        self._finder = Finder(normalizer)
        self._exact = arguments.format == "jsonl" or arguments.by == "peer"
        self._of_protocol = _filter(arguments.protocol, normalizer)
        self.tally = Tally(arguments.by)
        self.lines = 0
        self.problems: list[str] = []

    def spotted(self) -> Iterator[tuple[str, Spotted, datetime | None]]:
        """Yield what is in the files: the name of the file, the line, and when it was written."""
        with Progress(self._files, sys.stderr) as progress:
            for name in self._files:
                stream = Stream(self._finder)
                try:
                    yield from self._of_file(name, stream, progress)
                except ArchiveError as error:
                    self.problems.append(str(error))
                self.lines += stream.lines

    def _of_file(self, name: str, stream: Stream, progress: Progress) -> Iterator[tuple[str, Spotted, datetime | None]]:
        moment: datetime | None = None
        for spotted in stream.read(_counted(name, progress), exact=self._exact):
            # A line without a time was written when the last one with a time was.
            moment = time_of(spotted.text, self._now) or moment
            if self._since is not None and (moment is None or moment < self._since):
                continue
            if self._of_protocol(spotted):
                yield name, spotted, moment

    def exit_code(self, *, strict: bool) -> int:
        """Say what could not be read, and return the exit code."""
        for problem in self.problems:
            print(printable(f"errnorm scan: {problem}", 2000), file=sys.stderr)
        if self.problems:
            return UNUSABLE
        return 1 if strict and self.tally.unknown else 0


def _counted(name: str, progress: Progress) -> Iterator[str]:
    for line in lines_of(name):
        progress.step(line.size)
        yield line.text


def _since(text: str | None, now: datetime) -> datetime | None:
    try:
        return None if text is None else since(text, now)
    except ValueError:
        message = f"argument --since: {text!a} is no time: say 2h, 7d, 2026-11-29 or 2026-11-29T17:30"
        raise UnusableError(message) from None


def _filter(protocol: str | None, normalizer: Normalizer) -> Callable[[Spotted], bool]:
    def passes(spotted: Spotted) -> bool:
        if protocol is None or spotted.finding is None:
            return protocol is None
        error = spotted.finding.error
        engine = normalizer.engine(error.judgement.protocol or "")
        return error.protocol == protocol or (engine is not None and engine.table.underlies)

    return passes


def _object(name: str, spotted: Spotted, normalizer: Normalizer) -> dict[str, Any]:
    finding = spotted.finding
    if finding is None:
        start = len(spotted.text) - len(spotted.words)
        place = {"start": start, "end": len(spotted.text), "match": spotted.words, "how": None}
        return {"file": name, "line": spotted.line, **place, **normalizer.normalize(spotted.words).to_record()}
    place = {"start": finding.start, "end": finding.end, "match": finding.match, "how": finding.how.value}
    return {"file": name, "line": spotted.line, **place, **finding.error.to_record()}


def _document(scan: _Scan) -> dict[str, Any]:
    return {
        "lines": scan.lines,
        "errors": [group.to_record() for group in scan.tally.groups],
        "unknown": [
            {"fingerprint": fingerprint, "count": count, "sample": sample} for fingerprint, count, sample in scan.tally.unknown
        ],
    }


def _report(scan: _Scan) -> Iterator[str]:
    style, width = Style(), terminal_width()
    groups, unknown = scan.tally.groups, scan.tally.unknown
    yield style.strong(_headline(scan))
    if groups:
        yield ""
        yield from _table(scan, groups, style, width)
        yield ""
        yield style.strong("What to do")
        for group in groups[:_MOST_ADVISED]:
            yield ""
            yield f"  {style.strong(group.error.reason)}  {printable(group.error.code or '', 80)}"
            yield from (f"  {line}" for line in paragraphs(_advice(group), width - 2, style))
    if unknown:
        yield ""
        yield style.strong(
            f"Not known: {counted(sum(count for _, count, _ in unknown), 'line')} of {counted(len(unknown), 'kind')}"
        )
        yield from (
            f"{count:>9,}  {printable(fingerprint, max(width - 12, 40))}" for fingerprint, count, _ in unknown[:_MOST_UNKNOWN]
        )
        if len(unknown) > _MOST_UNKNOWN:
            yield style.dim(f"{'':>9}  … and {counted(len(unknown) - _MOST_UNKNOWN, 'more kind')} (--format json has them all)")


def _advice(group: Group) -> list[tuple[str, str]]:
    facts = dict(essentials(group.error))
    return [(label, facts[label]) for label in ("Do", "Retry", "Likely cause")] + [("Sample", printable(group.sample, 300))]


def _headline(scan: _Scan) -> str:
    groups = scan.tally.groups
    count = sum(group.count for group in groups) + scan.tally.rest
    span = scan.tally.span()
    when = f", {span[0]:%Y-%m-%d %H:%M:%S} to {span[1]:%Y-%m-%d %H:%M:%S} UTC" if span else ""
    return f"{counted(scan.lines, 'line')}, {counted(count, 'error')} of {counted(len(groups), 'kind')}{when}"


def _table(scan: _Scan, groups: list[Group], style: Style, width: int) -> Iterator[str]:
    span = scan.tally.span()
    wide = _BARS if width >= _WIDE else _BARS // 2
    head = f"{'count':>9}  {'first':<8} {'last':<8}  {'over time':<{wide}}  error"
    yield style.dim(head[:width])
    for group in groups[:_MOST_SHOWN]:
        times = [f"{moment:%H:%M:%S}" if moment else "" for moment in (group.first, group.last)]
        chart = _chart(group.timeline.bars(*span, wide)) if span else ""
        who = f" {group.peer}" if group.peer else ""
        name = next(iter(group.codes)) if len(group.codes) == 1 else f"{len(group.codes)} codes"
        room = max(width - 9 - 2 - 17 - 2 - wide - 2 - len(group.error.reason) - 2, 10)
        colour = style.good if group.error.retryable else style.bad
        said = printable(f"{group.error.protocol}{who} {name}", room)
        when = f"{times[0]:<8} {times[1]:<8}  {style.dim(f'{chart:<{wide}}')}"
        yield f"{group.count:>9,}  {when}  {colour(group.error.reason)}  {said}"
    if len(groups) > _MOST_SHOWN:
        yield style.dim(f"{'':>9}  … and {counted(len(groups) - _MOST_SHOWN, 'more kind')}")


def _chart(bars: list[int]) -> str:
    encoding = (sys.stdout.encoding or "").lower()
    blocks = _BLOCKS if encoding.startswith("utf") else _ASCII_BLOCKS
    most = max(bars) or 1
    return "".join(" " if count == 0 else blocks[min(count * len(blocks) // (most + 1), len(blocks) - 1)] for count in bars)
