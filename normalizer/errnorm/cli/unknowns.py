"""What no row knows, grouped: one fingerprint a fault, with its count and a row to fill in."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from errnorm.model import NormalizedError

__all__ = ["Unknowns"]

_MOST = 10_000


class Unknowns:
    """Counts unknown errors by protocol, section and fingerprint; past ten thousand different ones, the rest together."""

    def __init__(self) -> None:
        """Start with none."""
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._rest = 0

    def add(self, error: NormalizedError) -> None:
        """Count one."""
        place = (error.protocol or "", error.section or "", error.fingerprint or "")
        if place in self._counts or len(self._counts) < _MOST:
            self._counts[place] += 1
        else:
            self._rest += 1

    def report(self) -> Iterator[str]:
        """Yield lines of TOML: the most frequent first, each a comment with its count and a row with blanks."""
        for (protocol, section, fingerprint), count in self._counts.most_common():
            yield f"# {count} x {protocol or 'no protocol'} {section or 'no section'}\n"
            yield (
                f'{json.dumps(fingerprint)} = {{ reason = "", recovery = "", terminal = false, effect = "unknown", '
                f'reach = "client wire", evidence = "", source = "" }}\n'
            )
        if self._rest:
            yield f"# {self._rest} more, of kinds not listed\n"
