"""The counts of a scan, in bounded memory: errors by kind, their number over time, and unknown errors."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from errnorm.bounded import BoundedCache
from errnorm.fingerprint import fingerprint_of

if TYPE_CHECKING:
    from datetime import datetime

    from errnorm.error import NormalizedError
    from errnorm.finding import Spotted

__all__ = ["Group", "Tally", "Timeline"]

_MOST_GROUPS = 5000
_MOST_UNKNOWN = 5000
_MOST_BUCKETS = 512
_PEERS = ("address", "host", "remote", "jid", "server")


class Timeline:
    """
    Counts over time in at most 512 buckets. The buckets become wider as the time span becomes longer.

    Attributes:
        width: The width of a bucket in seconds, a power of two.
    """

    def __init__(self) -> None:
        """Start with buckets of one second."""
        self.width = 1
        self._counts: Counter[int] = Counter()

    def add(self, moment: datetime) -> None:
        """Count one error that happened at `moment`."""
        self._counts[int(moment.timestamp()) // self.width] += 1
        self._widen()

    def merge(self, other: Timeline) -> None:
        """Add the counts of another timeline."""
        while self.width < other.width:
            self._double()
        for bucket, count in other._counts.items():
            self._counts[bucket * other.width // self.width] += count
        self._widen()

    def _widen(self) -> None:
        while len(self._counts) > _MOST_BUCKETS:
            self._double()

    def _double(self) -> None:
        self.width *= 2
        merged: Counter[int] = Counter()
        for bucket, count in self._counts.items():
            merged[bucket // 2] += count
        self._counts = merged

    def bars(self, first: datetime, last: datetime, most: int) -> list[int]:
        """Return the counts of `most` equal parts of a time span, the earliest part first."""
        start, end = first.timestamp(), last.timestamp()
        bars = [0] * most
        for bucket, count in self._counts.items():
            part = (bucket * self.width - start) / max(end - start, 1)
            bars[min(max(int(part * most), 0), most - 1)] += count
        return bars


class Group:
    """
    Errors that are counted together.

    Attributes:
        error: The first error.

        peer: The other side, if errors are grouped by it.

        codes: The native codes, with the number of errors for each.

        count: The number of errors.

        first: The time of the first error; `None` if no line has a time.

        last: The time of the last error; `None` if no line has a time.

        sample: The line of the first error.

        timeline: The number of errors over time.
    """

    def __init__(self, error: NormalizedError, peer: str | None, sample: str) -> None:
        """Start without a count."""
        self.error = error
        self.peer = peer
        self.codes: Counter[str | None] = Counter()
        self.count = 0
        self.first: datetime | None = None
        self.last: datetime | None = None
        self.sample = sample
        self.timeline = Timeline()

    def add(self, code: str | None, moment: datetime | None) -> None:
        """Count one error."""
        self.count += 1
        self.codes[code] += 1
        if moment is not None:
            self.first = moment if self.first is None else min(self.first, moment)
            self.last = moment if self.last is None else max(self.last, moment)
            self.timeline.add(moment)

    def merge(self, other: Group) -> None:
        """Add the counts of another group of the same errors."""
        self.count += other.count
        self.codes.update(other.codes)
        self.first = min(filter(None, (self.first, other.first)), default=None)
        self.last = max(filter(None, (self.last, other.last)), default=None)
        self.timeline.merge(other.timeline)

    def to_record(self) -> dict[str, Any]:
        """Return the group as JSON values."""
        error = self.error
        record: dict[str, Any] = {
            "reason": error.reason.value,
            "category": error.category.value,
            "code": next(iter(self.codes)) if len(self.codes) == 1 else None,
            "protocol": error.protocol,
            "retryable": error.retryable,
            "terminal": error.terminal,
            "recovery": error.recovery.value,
            "count": self.count,
            "first": _written(self.first),
            "last": _written(self.last),
            "sample": self.sample,
        }
        return record | ({} if self.peer is None else {"peer": self.peer})


class Tally:
    """
    Counts the errors that a scan finds.

    Attributes:
        rest: The number of errors beyond the maximum number of groups.
    """

    def __init__(self, by: str) -> None:
        """Group errors by `code`, `reason` or `peer`."""
        self._by = by
        self._groups: dict[tuple[object, ...], Group] = {}
        self._unknown: dict[str, list[Any]] = {}
        self._fingerprints: BoundedCache[str, str] = BoundedCache(_MOST_UNKNOWN)
        self.rest = 0

    def add(self, spotted: Spotted, moment: datetime | None) -> None:
        """Count one line."""
        if spotted.finding is None:
            self._count_unknown(spotted.words)
            return
        error = spotted.finding.error
        peer = peer_of(error) if self._by == "peer" else None
        key = (error.reason,) if self._by == "reason" else _kind_of(error, peer)
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= _MOST_GROUPS:
                self.rest += 1
                return
            group = self._groups[key] = Group(error, peer, spotted.text.strip()[:300])
        group.add(error.code, moment)

    def merge(self, other: Tally) -> None:
        """Add the counts of another tally, which may come from another process."""
        for key, group in other._groups.items():
            if key in self._groups:
                self._groups[key].merge(group)
            elif len(self._groups) < _MOST_GROUPS:
                self._groups[key] = group
            else:
                self.rest += group.count
        self.rest += other.rest
        for fingerprint, (count, sample) in other._unknown.items():
            self._add_unknown(fingerprint, count, sample)

    def _count_unknown(self, words: str) -> None:
        fingerprint = self._fingerprints.get(words) or self._fingerprints.remember(words, fingerprint_of(words))
        self._add_unknown(fingerprint, 1, words.strip()[:300])

    def _add_unknown(self, fingerprint: str, count: int, sample: str) -> None:
        if fingerprint not in self._unknown and len(self._unknown) >= _MOST_UNKNOWN:
            fingerprint = "(others)"
        self._unknown.setdefault(fingerprint, [0, sample])[0] += count

    @property
    def groups(self) -> list[Group]:
        """The groups, the largest first."""
        return sorted(self._groups.values(), key=lambda group: -group.count)

    @property
    def unknown(self) -> list[tuple[str, int, str]]:
        """Fingerprint, count and sample of each unknown error, the most frequent one first."""
        found = ((fingerprint, count, sample) for fingerprint, (count, sample) in self._unknown.items())
        return sorted(found, key=lambda one: -one[1])

    def span(self) -> tuple[datetime, datetime] | None:
        """Return the times of the first and the last error; `None` if no line has a time."""
        times = [moment for group in self._groups.values() for moment in (group.first, group.last) if moment is not None]
        return (min(times), max(times)) if times else None


def _kind_of(error: NormalizedError, peer: str | None) -> tuple[object, ...]:
    """Return a key of an error that is the same in every process. Rows for the same code with the same flags are one kind."""
    judgement = error.judgement
    return (judgement.protocol, error.code, error.reason, error.recovery, error.terminal, error.effect, peer)


def peer_of(error: NormalizedError) -> str | None:
    """Return the other side of an error: an address without its port, a host, or the domain of a JID."""
    found = next((str(error.params[name]) for name in _PEERS if name in error.params), None)
    if found is None:
        return None
    domain = found.partition("/")[0].rpartition("@")[2]
    host, colon, port = domain.rpartition(":")
    return host if colon and port.isdigit() else domain


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")
