"""
Read one part of the input of `errnorm scan`: a file, or a slice of a large file.

With `--jobs` several processes read the parts. A file is cut only before a line that begins with a time and does not continue a
traceback or an element, so that all parts together have the same findings as the whole file.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from errnorm.cli.archives import ArchiveError, is_plain, lines_of
from errnorm.cli.tally import Tally
from errnorm.finding import Finder, Stream
from errnorm.finding.blocks import HEAD
from errnorm.finding.times import time_of
from errnorm.normalizer import Normalizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from errnorm.finding import Spotted

__all__ = ["Count", "Part", "Wanted", "count_in", "normalizer_of", "parts_of"]

# The smallest size of a slice, in bytes, for which a process of its own is worth the cost.
_LEAST = 1 << 22
_WINDOW = 1 << 18
_QUIET = 3


@dataclass(frozen=True, slots=True)
class Part:
    """
    A part of a file.

    Attributes:
        name: The name of the file; `-` for stdin.

        start: The position at which the part begins, in bytes.

        end: The position at which the part ends, in bytes; `None` for the end of the file.
    """

    name: str
    start: int = 0
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    The options of a scan.

    Attributes:
        tables: The overlay files, also those from the environment.

        protocol: The only protocol whose errors count; `None` for all.

        since: Lines before this time do not count; `None` for no limit.

        now: The present time.

        by: How errors are grouped: `code`, `reason` or `peer`.

        lines: Whether each finding is written as a line of JSON.
    """

    tables: tuple[str, ...]
    protocol: str | None
    since: datetime | None
    now: datetime
    by: str
    lines: bool


@dataclass(slots=True)
class Count:
    """
    The result of reading a part.

    Attributes:
        tally: The counts of the errors.

        lines: The number of lines that were read.

        told: The findings as lines of JSON.

        problem: A message if the part could not be read to its end.
    """

    tally: Tally
    lines: int = 0
    told: tuple[str, ...] = ()
    problem: str | None = None


@cache
def normalizer_of(tables: tuple[str, ...]) -> Normalizer:
    """
    Return the normalizer of this process, with all tables loaded.

    Raises:
        TableError: If a table is not valid.
    """
    normalizer = Normalizer(tables)
    normalizer.load()
    return normalizer


@cache
def _finder_of(tables: tuple[str, ...]) -> Finder:
    return Finder(normalizer_of(tables), logs=True)


def count_in(
    part: Part, wanted: Wanted, tell: Callable[[str], object] | None = None, step: Callable[[int], None] | None = None
) -> Count:
    """
    Read a part, and count the errors in it.

    Args:
        part: The part.
        wanted: The options of the scan.
        tell: Receives each finding as a line of JSON; if not given, the lines are returned.
        step: Receives the size of each line in bytes.
    """
    count = Count(Tally(wanted.by))
    stream = Stream(_finder_of(wanted.tables))
    normalizer = normalizer_of(wanted.tables)
    told: list[str] = []
    try:
        for spotted, moment in _spotted(part, wanted, stream, step):
            if wanted.lines:
                (tell or told.append)(json.dumps(_record(part.name, spotted, normalizer)))
            count.tally.add(spotted, moment)
    except ArchiveError as error:
        count.problem = str(error)
    count.lines, count.told = stream.lines, tuple(told)
    return count


def _spotted(
    part: Part, wanted: Wanted, stream: Stream, step: Callable[[int], None] | None
) -> Iterator[tuple[Spotted, datetime | None]]:
    moment: datetime | None = None
    passes = _filter(wanted.protocol, normalizer_of(wanted.tables))
    for spotted in stream.read(_texts(part, step), exact=wanted.lines or wanted.by == "peer"):
        # A line without a time gets the time of the last line that has one.
        moment = time_of(spotted.text, wanted.now) or moment
        if wanted.since is not None and (moment is None or moment < wanted.since):
            continue
        if passes(spotted):
            yield spotted, moment


def _texts(part: Part, step: Callable[[int], None] | None) -> Iterator[str]:
    for line in lines_of(part.name, part.start, part.end):
        if step is not None:
            step(line.size)
        yield line.text


def _filter(protocol: str | None, normalizer: Normalizer) -> Callable[[Spotted], bool]:
    def passes(spotted: Spotted) -> bool:
        if protocol is None or spotted.finding is None:
            return protocol is None
        error = spotted.finding.error
        engine = normalizer.engine(error.judgement.protocol or "")
        return error.protocol == protocol or (engine is not None and engine.table.underlies)

    return passes


def _record(name: str, spotted: Spotted, normalizer: Normalizer) -> dict[str, Any]:
    finding = spotted.finding
    if finding is None:
        start = len(spotted.text) - len(spotted.words)
        place = {"start": start, "end": len(spotted.text), "match": spotted.words, "how": None}
        return {"file": name, "line": spotted.line, **place, **normalizer.normalize(spotted.words).to_record()}
    place = {"start": finding.start, "end": finding.end, "match": finding.match, "how": finding.how.value}
    return {"file": name, "line": spotted.line, **place, **finding.error.to_record()}


def parts_of(names: Sequence[str], jobs: int, now: datetime) -> list[Part]:
    """Divide files into parts for `jobs` processes: a large uncompressed file into slices; any other file is one part."""
    return [part for name in names for part in _slices(name, jobs, now)]


def _slices(name: str, jobs: int, now: datetime) -> Iterator[Part]:
    try:
        size = 0 if name == "-" or not Path(name).is_file() else Path(name).stat().st_size
        count = min(jobs, size // _LEAST) if size >= 2 * _LEAST and is_plain(name) else 1
        cuts = [cut for at in range(1, count) if (cut := _cut(name, size * at // count, now)) is not None]
    except OSError:
        cuts = []  # reading the part reports the problem
    starts = sorted({0, *cuts})
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        yield Part(name, start, end)


def _cut(name: str, near: int, now: datetime) -> int | None:
    """Return the next position after `near` at which the file can be cut; `None` if there is none nearby."""
    with Path(name).open("rb") as file:
        file.seek(near)
        file.readline()
        quiet = 0
        while (at := file.tell()) < near + _WINDOW and (line := file.readline(_WINDOW)):
            text = line.decode("utf-8", "replace")
            quiet = quiet + 1 if text[:1].strip() and HEAD not in text and "<" not in text and time_of(text, now) else 0
            if quiet == _QUIET:
                return at
    return None
