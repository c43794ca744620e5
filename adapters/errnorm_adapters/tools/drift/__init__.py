"""
Compare the tables with the sources of servers, clients and standards.

    errnorm drift PATH…          # or python -m errnorm_adapters.tools.drift PATH…

The sources are called "upstream" here. A path is a checkout, a release or a single file of nats-server, of the XMPP registrar's
registries, of the RFCs or the XEPs, or a directory that contains client libraries (site-packages, a virtual environment, the
source tree of nats-py). The command detects the kind from the content. Without a path it reads the libraries of the running
interpreter. It imports and runs nothing.

The command reports three kinds of differences: errors of upstream that no row matches, rows whose source no longer exists, and
rows whose text changed. The exit codes, for a scheduled job: 0 without differences, 1 with differences, 2 if a path or a table
cannot be used.
"""

from __future__ import annotations

import json
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from errnorm.cli.arguments import UNUSABLE, Parser
from errnorm.tables.source import TableError
from errnorm_adapters.tools.drift import libraries, nats_server, xmpp_lists
from errnorm_adapters.tools.drift.reading import Reading, UnusablePathError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["main", "read"]

_DRIFT = 1
_READERS = (nats_server.read, xmpp_lists.read, libraries.read)


def read(path: Path) -> list[Reading]:
    """
    Read every upstream that a path contains, and compare it with the tables.

    Args:
        path: A file or directory.

    Returns:
        One reading for each upstream that was recognised; at least one.

    Raises:
        UnusablePathError: If the path does not exist or cannot be read, or if it contains no known upstream.
        TableError: If a table cannot be used.
    """
    if not path.exists():
        message = f"{path}: no such file or directory"
        raise UnusablePathError(message)
    try:
        readings = [reading for reader in _READERS if (reading := reader(path)) is not None]
    except OSError as error:
        message = f"{error.filename or path}: {error.strerror}"
        raise UnusablePathError(message) from error
    if not readings:
        message = f"{path}: contains neither nats-server, an XMPP registry, an RFC or XEP, nor a client library with rows"
        raise UnusablePathError(message)
    return readings


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run the command.

    Args:
        argv: The arguments without the program's name; by default those of the process.

    Returns:
        The exit code.
    """
    parser = Parser(prog="errnorm drift", description="Compare the tables with the sources of servers, clients and standards.")
    parser.add_argument(
        "path", nargs="*", type=Path, help="a checkout, release or file of upstream; by default the installed libraries"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="how to report (default: text)")
    arguments = parser.parse_args(argv)
    paths: list[Path] = arguments.path or [Path(sysconfig.get_path("purelib"))]
    try:
        readings = [reading for path in paths for reading in read(path)]
    except (UnusablePathError, TableError) as error:
        sys.stderr.write(f"errnorm drift: {error}\n")
        return UNUSABLE
    sys.stdout.write(_as_json(readings) if arguments.format == "json" else _as_text(readings))
    return _DRIFT if any(reading.findings for reading in readings) else 0


def _as_json(readings: Iterable[Reading]) -> str:
    return json.dumps([reading.to_dict() for reading in readings], ensure_ascii=False, indent=2) + "\n"


def _as_text(readings: Iterable[Reading]) -> str:
    lines: list[str] = []
    for reading in readings:
        counts = ", ".join(f"{number} {what}" for what, number in reading.counts.items())
        lines.append(f"{reading.upstream} {reading.version or '(version unknown)'} at {reading.path}: read {counts}")
        lines += [f"  {finding.line()}" for finding in reading.findings]
        lines.append(
            f"  {len(reading.findings) or 'no'} difference{'' if len(reading.findings) == 1 else 's'} from {reading.tables}"
        )
    return "\n".join(lines) + "\n"
