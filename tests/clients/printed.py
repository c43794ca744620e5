"""Replace the parts of a client's output that differ between runs. The replacements have the same form."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LINES = 40
"""Longer output is cut to this number of characters."""

_VARIABLE: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"(?<![\d.])127\.0\.0\.1:\d{4,5}\b"), "127.0.0.1:4222"),
    (re.compile(r"(?<=\blocalhost:)\d{4,5}\b"), "4222"),
    (re.compile(r"(?<=/127\.0\.0\.1:)\d+"), "4222"),
    (re.compile(r"(?<=\[::1\]:)\d+"), "4222"),
    (re.compile(r"(?<=port=)\d+|(?<=port: )\d{4,5}|(?<=localport=)\d+"), "4222"),
    (re.compile(r"_INBOX\.\w+(\.\w+)*"), "_INBOX.AAAAAAAAAAAAAAAAAAAAAA"),
    (re.compile(r"\d{4}[-/]\d\d[-/]\d\d([T ])\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d:?\d\d)?"), r"2026-01-01\g<1>00:00:00\g<3>"),
    (re.compile(r"^\d\d:\d\d:\d\d(?=[ .])", re.MULTILINE), "00:00:00"),
    (re.compile(r"^[A-Z][a-z]{2} \d{1,2}, \d{4} \d{1,2}:\d\d:\d\d [AP]M", re.MULTILINE), "Jan 01, 2026 12:00:00 AM"),
    (re.compile(r"(/[\w.+@-]+)+/(?=[\w.-]+\.(?:pem|creds|key|conf))"), "/srv/"),
    (re.compile(r"(?:file://)?/[\w.+@/-]*/node_modules/"), "/app/node_modules/"),
    (re.compile(r"(?:file://)?/[\w.+@/-]*/(?=\w+\.mjs)"), "/app/"),
    (re.compile(r"@[0-9a-f]{5,8}\b"), "@1a2b3c4d"),
    (re.compile(r"\b[0-9A-F]{16}(?=:error:)"), "0000000000000000"),
    (re.compile(r"\b([NAUOC])[A-Z2-7]{55}\b"), lambda found: found[1] + "A" * 55),
    (re.compile(r"(?<=Connection: )\d+"), "6"),
    (re.compile(r"(?<=Consumer: )\d+"), "1000000000"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "00000000-0000-4000-8000-000000000000"),
    (re.compile(r"(?<=on port )\d+"), "5222"),
    (re.compile(r"HASH\(0x[0-9a-f]+\)"), "HASH(0x55d0c0ffee00)"),
    (re.compile(r"(?<=verification time )\d+"), "1767225600"),
    (re.compile(r"\d+(?= seconds ago)"), "189648000"),
    (re.compile(r"\bid=[A-Z0-9]{5}-(?=\d)"), "id=AAAAA-"),
    (re.compile(r"(?<=Testing )(cert|CA) #[\w-]{16}"), r"\1 #0000000000000000"),
    (re.compile(r" on \d+(\.\d+){3}:53(?=: )"), " on 192.0.2.53:53"),
)


def steady(text: str) -> str:
    """Return a text with the parts replaced that differ between runs."""
    lines = text.strip("\n").splitlines()
    kept = "\n".join(line.rstrip() for line in lines[:LINES])
    for pattern, stand_in in _VARIABLE:
        kept = pattern.sub(stand_in, kept)
    return kept
