"""Read the time at which a line was written: the first time in the line, in any common format."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

__all__ = ["since", "time_of"]

_DATED = re.compile(
    r"(?P<year>20[0-9]{2})[-/.](?P<month>[01][0-9])[-/.](?P<day>[0-3][0-9])[T_ ,-]{1,3}"
    r"(?P<clock>[0-2][0-9]:[0-5][0-9](?::[0-6][0-9])?)(?:[.,:][0-9]{1,9})? ?(?P<zone>Z|UTC|[+-][0-9]{2}:?[0-9]{2})?"
)
_DAY_FIRST = re.compile(
    r"(?P<day>[0-3][0-9])[-/.](?P<month>[01][0-9])[-/.](?P<year>20[0-9]{2})[T ,]{1,2}(?P<clock>[0-2][0-9]:[0-5][0-9]:[0-6][0-9])"
)
_SYSLOG = re.compile(r"(?P<name>[A-Z][a-z]{2}) {1,2}(?P<day>[0-9]{1,2}) (?P<clock>[0-2][0-9]:[0-5][0-9]:[0-6][0-9])")
_EPOCH = re.compile(r'"(?:ts|time|timestamp)": ?"?(?P<epoch>1[0-9]{9})(?:\.[0-9]{1,9})?(?P<milli>[0-9]{3})?"?[,}]')
_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: number for number, name in enumerate(_NAMES, 1)}
_RELATIVE = re.compile(r"(?P<count>[0-9]{1,6})(?P<unit>[smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_WHERE = 400


def time_of(line: str, now: datetime) -> datetime | None:
    """
    Return the time at which a line was written, in UTC. A time without a zone is in the zone of this machine.

    Args:
        line: The line; only its first 400 characters are read.
        now: The present time. A time without a year gets the last year in which it is not in the future.
    """
    head = line[:_WHERE]
    if found := _DATED.search(head) or _DAY_FIRST.search(head):
        return _moment(int(found["year"]), int(found["month"]), int(found["day"]), found["clock"], found.groupdict().get("zone"))
    if (found := _SYSLOG.search(head)) and found["name"] in _MONTHS:
        moment = _moment(now.year, _MONTHS[found["name"]], int(found["day"]), found["clock"], None)
        if moment is not None and moment > now + timedelta(days=1):
            return _moment(now.year - 1, _MONTHS[found["name"]], int(found["day"]), found["clock"], None)
        return moment
    if found := _EPOCH.search(line):
        return datetime.fromtimestamp(int(found["epoch"]), UTC)
    return None


# Many lines are written within a second.
@lru_cache(1024)
def _moment(year: int, month: int, day: int, clock: str, zone: str | None) -> datetime | None:
    hour, minute, *second = (int(part) for part in clock.split(":"))
    offset = {None: "", "Z": "+00:00", "UTC": "+00:00"}.get(zone, zone or "")
    try:
        moment = datetime.fromisoformat(
            f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{min(second[0] if second else 0, 59):02}{offset}"
        )
    except ValueError:
        return None
    return moment.astimezone(UTC)


def since(text: str, now: datetime) -> datetime:
    """
    Parse a point in time: a time before `now` (`2h`, `30m`, `7d`), or a date with or without a time.

    Raises:
        ValueError: If the text has none of these forms.
    """
    if found := _RELATIVE.fullmatch(text.strip()):
        return now - timedelta(**{_UNITS[found["unit"]]: int(found["count"])})
    return datetime.fromisoformat(text.strip()).astimezone(UTC)
