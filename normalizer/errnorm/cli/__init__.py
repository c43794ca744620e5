"""
The command line: `explain` for people, `normalize` as a filter, `table` as the catalogue; others through entry points.

Data goes to stdout, talk to stderr. Exit codes: 0 when everything was understood, 1 when something was unknown and `--strict`
asked, 2 for unusable input or arguments, with one clear line and nothing lost.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib.metadata import entry_points, version
from typing import TYPE_CHECKING, NoReturn

from errnorm.cli import explain, filtering, listing
from errnorm.tables import TableError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_UNUSABLE = 2
_INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; the usage is a `--help` away."""

    def error(self, message: str) -> NoReturn:
        """Print one line on stderr and leave with 2."""
        self.exit(_UNUSABLE, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="errnorm", description="One vocabulary for the errors of NATS and XMPP.")
    parser.add_argument("--version", action="version", version=f"errnorm {version('errnorm')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    for command in (explain, filtering, listing):
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
    arguments = _parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except TableError as error:
        print(f"errnorm: {error}", file=sys.stderr)
        return _UNUSABLE
    except BrokenPipeError:
        # The reader has seen enough. What is still buffered would raise again when the interpreter closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return _INTERRUPTED
    return code
