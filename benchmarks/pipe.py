"""The filter on a long file, beside a bare loop of `json.loads` and `json.dumps` over the same file."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

__all__ = ["pipe"]

_LINES = [
    {"protocol": "nats", "raw": "-ERR 'Authorization Violation'\r\n"},
    {"protocol": "nats", "raw": "-ERR 'Permissions Violation for Publish to \"orders.%d\"'\r\n"},
    {"protocol": "nats", "close_reason": "Slow Consumer (Pending Bytes)"},
    {"protocol": "nats", "exception": {"module": "nats.errors", "class": "NoRespondersError", "str": "nats: no responders"}},
    {"protocol": "xmpp", "raw": "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"},
    {
        "protocol": "xmpp",
        "exception": {"module": "slixmpp.exceptions", "class": "IqError", "condition": "forbidden", "etype": "auth"},
    },
]

_BARE = """
import json, sys
for line in sys.stdin.buffer:
    sys.stdout.write(json.dumps(json.loads(line)) + "\\n")
"""


def pipe(lines: int) -> dict[str, float]:
    """Return lines a second of both, and how much longer the filter takes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.jsonl"
        with path.open("w") as stream:
            for number in range(lines):
                stream.write(json.dumps(_LINES[number % len(_LINES)]).replace("%d", str(number)) + "\n")
        ours = min(_spent([sys.executable, "-m", "errnorm", "normalize"], path) for _ in range(3))
        bare = min(_spent([sys.executable, "-c", _BARE], path) for _ in range(3))
    return {"lines a second": lines / ours, "bare, lines a second": lines / bare, "ratio": ours / bare}


def _spent(command: list[str], path: Path) -> float:
    with path.open("rb") as stream:
        start = time.perf_counter()
        subprocess.run(command, stdin=stream, stdout=subprocess.DEVNULL, check=True)  # noqa: S603 - ourselves
        return time.perf_counter() - start
