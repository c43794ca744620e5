"""`errnorm scan`: print which errors are in logs, how often, since when, and what to do about them."""

from __future__ import annotations

import argparse
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from errnorm import plugins
from errnorm.cli.answer import essentials, paragraphs
from errnorm.cli.arguments import UNUSABLE, OneOf, UnusableError, check_protocol
from errnorm.cli.changes import moved, moved_lines, saved_scan
from errnorm.cli.page import page
from errnorm.cli.part import Wanted, count_in, normalizer_of, parts_of
from errnorm.cli.progress import Progress
from errnorm.cli.style import Style, counted, printable, terminal_width
from errnorm.cli.tally import Tally
from errnorm.finding import Finder
from errnorm.finding.times import since
from errnorm.taxonomy import Category

if TYPE_CHECKING:
    from collections.abc import Iterator

    from errnorm.cli.part import Count
    from errnorm.cli.tally import Group

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
        help="count the errors in logs: which, how often, since when",
        description="Count the errors in logs of any length: plain text, gzip, zstd, JSON lines, logs of containers.",
    )
    parser.add_argument("file", nargs="*", help="files to read; stdin if there is none, or for -")
    parser.add_argument("--since", metavar="WHEN", help="ignore older lines: 2h, 7d, or a date with or without a time")
    parser.add_argument("--protocol", help="count only the errors of nats or xmpp, and of the network")
    by = OneOf("count", ("code", "reason", "peer"))
    parser.add_argument(
        "--by", type=by, default="code", help="count the errors with the same code, reason or peer together (default: code)"
    )
    parser.add_argument("--format", type=OneOf("format", ("text", "json", "jsonl", "html")), default="text")
    parser.add_argument("--tables", action="append", metavar="FILE", help="a file with rows of your own; may be repeated")
    parser.add_argument(
        "--jobs",
        type=_jobs,
        default=1,
        metavar="N",
        help="use N processes, also for slices of one large file; 0 means one process for each core",
    )
    parser.add_argument(
        "--before",
        metavar="OLD",
        help="show which counts differ from a scan of the same files by an older version; OLD is its JSON output",
    )
    parser.add_argument("--strict", action="store_true", help="exit with 1 if an error is unknown")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    overlays = plugins.overlay_paths(arguments.tables)
    check_protocol(arguments.protocol, overlays)
    now = datetime.now(UTC)
    tables = tuple(map(str, overlays))
    wanted = Wanted(
        tables, arguments.protocol, _since(arguments.since, now), now, arguments.by, lines=arguments.format == "jsonl"
    )
    normalizer_of(tables)
    before = None if arguments.before is None else saved_scan(arguments.before)
    scan = _Scan(arguments.by)
    scan.read(arguments.file or ["-"], wanted, arguments.jobs)
    if before is not None:
        changes = moved(before, scan.tally, Finder(normalizer_of(tables), logs=True))
        print(json.dumps(changes, indent=2) if arguments.format == "json" else "\n".join(moved_lines(changes)))
    elif arguments.format == "json":
        print(json.dumps(_document(scan), indent=2))
    elif arguments.format == "html":
        print(page(scan.tally, scan.lines, arguments.file or ["-"], datetime.now(UTC)))
    elif arguments.format == "text":
        print("\n".join(_report(scan)))
    return scan.exit_code(strict=arguments.strict)


def _jobs(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        message = f"{text!a} is not a number of processes: use 2, or 0 for one process for each core"
        raise argparse.ArgumentTypeError(message)
    return int(text) or os.cpu_count() or 1


class _Scan:
    """
    One run of the command.

    Attributes:
        tally: The counts.

        lines: The number of lines that were read.

        problems: A message for each file that could not be read.
    """

    def __init__(self, by: str) -> None:
        self.tally = Tally(by)
        self.lines = 0
        self.problems: list[str] = []

    def read(self, names: list[str], wanted: Wanted, jobs: int) -> None:
        """Read files with at most `jobs` processes."""
        # Line numbers in a slice begin at its start, so files are not cut if findings are written with their line numbers.
        parts = parts_of(names, 1 if wanted.lines else jobs, wanted.now)
        jobs = min(jobs, len(parts))
        with Progress(names, sys.stderr) as progress:
            if jobs == 1:
                for part in parts:
                    self._add(count_in(part, wanted, print, progress.step))
                return
            # Processes are spawned, not forked, because the fork of a process with threads can hang.
            try:
                with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
                    for count in pool.map(partial(count_in, wanted=wanted), parts):
                        self._add(count)
            except BrokenProcessPool:
                self.problems.append("a process that read a part of the files was killed; the counts lack that part")

    def _add(self, count: Count) -> None:
        sys.stdout.writelines(f"{line}\n" for line in count.told)
        self.tally.merge(count.tally)
        self.lines += count.lines
        self.problems += [] if count.problem is None else [count.problem]

    def exit_code(self, *, strict: bool) -> int:
        """Print which files could not be read, and return the exit code."""
        for problem in self.problems:
            print(printable(f"errnorm scan: {problem}", 2000), file=sys.stderr)
        if self.problems:
            return UNUSABLE
        return 1 if strict and self.tally.unknown else 0


def _since(text: str | None, now: datetime) -> datetime | None:
    try:
        return None if text is None else since(text, now)
    except ValueError:
        message = f"argument --since: {text!a} is not a time: use 2h, 7d, 2026-11-29 or 2026-11-29T17:30"
        raise UnusableError(message) from None


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
        # The category says that an error is one of the network, so that its code fits 80 columns.
        protocol = "" if group.error.protocol == Category.TRANSPORT else group.error.protocol
        said = printable(f"{protocol}{who} {name}".strip(), room)
        when = f"{times[0]:<8} {times[1]:<8}  {style.dim(f'{chart:<{wide}}')}"
        yield f"{group.count:>9,}  {when}  {colour(group.error.reason)}  {said}"
    if len(groups) > _MOST_SHOWN:
        yield style.dim(f"{'':>9}  … and {counted(len(groups) - _MOST_SHOWN, 'more kind')}")


def _chart(bars: list[int]) -> str:
    encoding = (sys.stdout.encoding or "").lower()
    blocks = _BLOCKS if encoding.startswith("utf") else _ASCII_BLOCKS
    most = max(bars) or 1
    return "".join(" " if count == 0 else blocks[min(count * len(blocks) // (most + 1), len(blocks) - 1)] for count in bars)
