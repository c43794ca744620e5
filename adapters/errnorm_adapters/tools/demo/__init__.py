"""
The demonstration: real servers, real clients, real errors, and what becomes of them.

`errnorm demo` runs every demonstration that is installed (entry points `errnorm.demos`). Each is one asynchronous function that
takes a `Stage`: it starts a server, makes things go wrong for real, lets the stage's middleware catch them, and says after each
what was done and what the client library said. A protocol of your own joins in with one entry point.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from errnorm.cli.arguments import UNUSABLE, Parser
from errnorm_adapters.tools.demo.lines import Printer
from errnorm_adapters.tools.demo.stage import Case, MissingError, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Case", "Stage", "main", "play"]

_LONGEST = 60.0


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run all installed demonstrations, and print three lines for each error as it comes.

    Args:
        argv: Names of the protocols to show, all of them if there are none; and `--log`.

    Returns:
        0 if everything that was to happen did, was caught, and meant what it should; 1 otherwise; 2 if a part is not installed.
    """
    installed = {point.name: point for point in entry_points(group="errnorm.demos")}
    parser = Parser(prog="errnorm demo", description="Real errors of real servers, normalized.")
    parser.add_argument("protocol", nargs="*", help=f"what to show: {', '.join(sorted(installed))}; everything if not given")
    parser.add_argument("--log", action="store_true", help="show the log line of each error, too")
    arguments = parser.parse_args(argv)
    names = arguments.protocol or sorted(installed)
    if unknown := [name for name in names if name not in installed]:
        parser.error(f"there is no demonstration of {', '.join(unknown)}: there are {', '.join(sorted(installed))}")
    # What the client libraries log by themselves would stand between the lines: without a handler it goes to stderr.
    logging.getLogger().addHandler(logging.NullHandler())
    printer = Printer(sys.stdout)
    stages = [_shown(name, printer, log=arguments.log) for name in names]
    if any(stage.cases for stage in stages):
        printer.end(stages)
    if missing := [name for stage in stages if isinstance(stage.failure, MissingError) for name in stage.failure.names]:
        print(f"errnorm demo: {MissingError(*missing)}", file=sys.stderr)
        return UNUSABLE
    return 0 if all(stage.succeeded for stage in stages) else 1


def _shown(name: str, printer: Printer, *, log: bool) -> Stage:
    stage = Stage(name, printer.emitters() if log else (), printer.case)
    asyncio.run(play(stage))
    if stage.failure is not None and not isinstance(stage.failure, MissingError):
        printer.failure(stage)
    return stage


async def play(stage: Stage) -> None:
    """
    Run the demonstration of one protocol on a stage.

    Args:
        stage: Where it happens; its `protocol` names the entry point. If the demonstration fails, the stage says why.
    """
    try:
        point = next(point for point in entry_points(group="errnorm.demos") if point.name == stage.protocol)
        async with asyncio.timeout(_LONGEST):
            await point.load()(stage)
    except Exception as error:  # noqa: BLE001 - the other demonstrations are still to be shown
        stage.failure = error
