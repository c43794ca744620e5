"""
Show how errnorm normalizes real errors of real servers.

`errnorm demo` provokes errors with real clients. It runs every installed demonstration (entry points `errnorm.demos`). Each is
one asynchronous function that takes a `Stage`. It starts a server and provokes errors, which the middleware of the stage catches.
After each error it reports the action and the message of the client library to the stage. To add a demonstration for your own
protocol, register one entry point.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING

from errnorm.cli.arguments import UNUSABLE, Parser
from errnorm.installed import entry_points
from errnorm_adapters.tools.demo.lines import Printer
from errnorm_adapters.tools.demo.stage import Case, MissingError, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Case", "Stage", "main", "play"]

_LONGEST = 60.0


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run the installed demonstrations, and print three lines for each error as soon as it occurs.

    Args:
        argv: The names of the protocols to show, by default all; and `--log`.

    Returns:
        0 if every error occurred, was caught and got an expected reason; 2 if a part is not installed; 1 otherwise.
    """
    installed = {point.name: point for point in entry_points("errnorm.demos")}
    parser = Parser(prog="errnorm demo", description="Provoke real errors on real servers, and show how errnorm normalizes them.")
    parser.add_argument("protocol", nargs="*", help=f"the protocols to show: {', '.join(sorted(installed))}; by default all")
    parser.add_argument("--log", action="store_true", help="also show the log line of each error")
    arguments = parser.parse_args(argv)
    names = arguments.protocol or sorted(installed)
    if unknown := [name for name in names if name not in installed]:
        parser.error(f"there is no demonstration of {', '.join(unknown)}: the choices are {', '.join(sorted(installed))}")
    # Without a handler, the log lines of the client libraries would go to stderr and appear between the printed lines.
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
        stage: The stage; its `protocol` is the name of the entry point. If the demonstration fails, `failure` is set.
    """
    try:
        point = next(point for point in entry_points("errnorm.demos") if point.name == stage.protocol)
        async with asyncio.timeout(_LONGEST):
            await point.load()(stage)
    except Exception as error:  # noqa: BLE001 - the other demonstrations must still run
        stage.failure = error
