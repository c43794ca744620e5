"""
The command line: `explain` and `scan` for people, `normalize` as a filter, `table` as the catalogue, and commands of plug-ins.

Data is written to stdout, messages to stderr. Exit codes: 0 if everything was understood; 1 if something was unknown and
`--strict` was given; 2 for unusable input or arguments, with a one-line message, after all output that was possible.
"""

from __future__ import annotations

import argparse
import io
import os
import shlex
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from errnorm import plugins
from errnorm.cli import completion
from errnorm.cli.arguments import UNUSABLE, Parser, UnusableError, meant, shielded
from errnorm.cli.style import printable
from errnorm.cli.summary import summary_of
from errnorm.installed import entry_points
from errnorm.tables.source import TableError
from errnorm.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from errnorm.installed import EntryPoint

__all__ = ["main"]

_INTERRUPTED = 130
_LONGEST_LINE = 2500
_HELP_AT = 18
# The commands that need no other command, as completion does.
_ALONE = ("explain", "scan", "normalize", "table")


_DESCRIPTION = """\
One vocabulary for the errors of NATS and XMPP:
what an error means, whether to try again, and what to do."""
_EXAMPLES = """
for example:
  errnorm explain "nats: stale connection"   what it means and what to do
  journalctl -u shop | errnorm scan          which errors are in a log
  errnorm table slow consumer                search the tables
  errnorm completion bash                    completion for your shell
"""


def _parser(first: str | None) -> tuple[Parser, Mapping[str, Parser]]:
    """Return the parser and those of the commands: of one command if the first argument names it, otherwise of all."""
    parser = Parser(prog="errnorm", description=_DESCRIPTION, epilog=_EXAMPLES, formatter_class=_formatter)
    parser.add_argument("-V", "--version", action="version", version=f"errnorm {VERSION}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", parser_class=Parser)
    for name in (first,) if first in _ALONE else (*_ALONE, "completion"):
        # Importing a command takes longer than most commands run.
        import_module(f"errnorm.cli.{name}").add_to(commands)
    if first not in _ALONE:
        _add_installed(commands, summaries=first in {None, "-h", "--help"})
    return parser, commands.choices


def _add_installed(commands: argparse._SubParsersAction[Parser], *, summaries: bool) -> None:
    for point in sorted(entry_points("errnorm.commands"), key=lambda point: point.name):
        # An installed command parses its own arguments: nothing of it is imported until it is called.
        about = summary_of(point) if summaries else ""
        added = commands.add_parser(point.name, add_help=False, prefix_chars="\0", help=about)
        added.add_argument("rest", nargs="*")
        added.set_defaults(run=lambda arguments, point=point: _loaded(point)(arguments.rest))


def _formatter(prog: str) -> argparse.HelpFormatter:
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=_HELP_AT)


def _loaded(point: EntryPoint) -> Callable[[list[str]], int]:
    try:
        command: Callable[[list[str]], int] = point.load()
    except Exception as error:
        if os.environ.get("ERRNORM_DEBUG"):
            raise
        message = f"the command cannot be loaded: {plugins.broken_at(point, error)}; ERRNORM_DEBUG=1 shows the traceback"
        raise UnusableError(message) from error
    return command


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
    given = sys.argv[1:] if argv is None else list(argv)
    parser, commands = _parser(given[0] if given else None)
    if given[:2] == ["completion", "--words"]:
        print("\n".join(completion.candidates(parser, commands, given[2:])))
        return 0
    arguments = _parsed(parser, commands, given)
    if arguments.command is None:
        parser.print_help()
        return 0
    return _run(arguments)


def _parsed(parser: Parser, commands: Mapping[str, Parser], given: list[str]) -> argparse.Namespace:
    if given and not given[0].startswith("-") and given[0] not in commands:
        near = meant(given[0], commands)
        if not near.startswith("did") and " " in " ".join(given):
            near = f"to explain a text: errnorm explain {shlex.join(given)}"
        parser.error(f"there is no command {given[0]!a}: {near}")
    if given[:1] == ["explain"]:
        given = shielded(given)
    arguments, extra = parser.parse_known_args(given)
    if extra:
        commands.get(arguments.command or "", parser).refuse(extra)
    return arguments


def _run(arguments: argparse.Namespace) -> int:
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except (TableError, UnusableError) as error:
        return _refused(f"errnorm {arguments.command}: {error}")
    except BrokenPipeError:
        # The reader of the pipe, such as `head`, has closed it.
        _discard()
        return 0
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        return _refused(f"errnorm {arguments.command}: {name}{error.strerror or error}")
    except KeyboardInterrupt:
        return _INTERRUPTED
    return code


def _streams() -> bool:
    """Prepare the streams so that messages can be written and every character can be encoded; false if stdout is closed."""
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
    # Otherwise the buffered data would raise again when the interpreter closes stdout.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
