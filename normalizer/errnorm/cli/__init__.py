"""
The command line: `explain` and `scan` for people, `normalize` as a filter, `table` as the catalogue; others through entry points.

Data goes to stdout, talk to stderr. Exit codes: 0 when everything was understood, 1 when something was unknown and `--strict`
asked, 2 for unusable input or arguments, with one clear line and nothing lost.
"""

from __future__ import annotations

import io
import os
import sys
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import TYPE_CHECKING

from errnorm.cli import explain, normalize, scan, table
from errnorm.cli.arguments import UNUSABLE, Parser, UnusableError
from errnorm.cli.style import printable
from errnorm.tables.source import TableError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

__all__ = ["main"]

_INTERRUPTED = 130
_LONGEST_LINE = 2500


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="errnorm", description="One vocabulary for the errors of NATS and XMPP.")
    parser.add_argument("--version", action="version", version=f"errnorm {version('errnorm')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    for command in (explain, scan, normalize, table):
        command.add_to(commands)
    for point in sorted(entry_points(group="errnorm.commands"), key=lambda point: point.name):
        # An installed command parses its own arguments: nothing of it is imported until it is called.
        added = commands.add_parser(point.name, add_help=False, prefix_chars="\0", help=f"see errnorm {point.name} --help")
        added.add_argument("rest", nargs="*")
        added.set_defaults(run=lambda arguments, point=point: point.load()(arguments.rest))
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run the command line.

    Args:
        argv: The arguments without the program's name; those of the process if not given.

    Returns:
        The exit code.
    """
    if not _streams():
        return UNUSABLE
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except (TableError, UnusableError) as error:
        return _refused(f"errnorm {arguments.command}: {error}")
    except BrokenPipeError:
        # The reader has seen enough.
        _discard()
        return 0
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        return _refused(f"errnorm {arguments.command}: {name}{error.strerror or error}")
    except KeyboardInterrupt:
        return _INTERRUPTED
    return code


def _streams() -> bool:
    """Make sure that talk has somewhere to go and every letter can be written; false if data has nowhere to go."""
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - it stays open; what is printed to None goes to stdout
    if sys.stdout is None:
        print("errnorm: stdout is closed", file=sys.stderr)
        return False
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    return True


def _refused(line: str) -> int:
    try:
        sys.stdout.flush()  # what was written before is not lost
    except OSError:
        _discard()
    print(printable(line, _LONGEST_LINE), file=sys.stderr)
    return UNUSABLE


def _discard() -> None:
    # What is still buffered would raise again when the interpreter closes stdout.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
