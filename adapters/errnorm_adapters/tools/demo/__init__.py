"""
The demonstration: real servers, real clients, real errors, and what becomes of them.

`errnorm demo` runs every demonstration that is installed (entry points `errnorm.demos`). Each is one asynchronous function that
takes a `Stage`: it starts a server, makes things go wrong for real, lets the stage's middleware catch them, and says after each
what it did and what its client library had to say. A protocol of your own joins in with one entry point.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from errnorm.cli.arguments import Parser
from errnorm_adapters.tools.demo.stage import Case, Stage
from errnorm_adapters.tools.demo.table import Printer

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Case", "Stage", "main", "play"]

_LONGEST = 60.0


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run all installed demonstrations, print each fault as it comes, and all of them side by side at the end.

    Args:
        argv: Names of the protocols to show; all of them if there are none.

    Returns:
        0 if everything that was to happen did, was caught, and meant what it should; 1 otherwise.
    """
    installed = {point.name: point for point in entry_points(group="errnorm.demos")}
    parser = Parser(prog="errnorm demo", description="Real errors of real servers, normalized.")
    parser.add_argument("protocol", nargs="*", help=f"what to show: {', '.join(sorted(installed))}; everything if not given")
    names = parser.parse_args(argv).protocol or sorted(installed)
    if unknown := [name for name in names if name not in installed]:
        parser.error(f"there is no demonstration of {', '.join(unknown)}: there are {', '.join(sorted(installed))}")
    # What the client libraries log by themselves would stand between the lines: without a handler it goes to stderr.
    logging.getLogger().addHandler(logging.NullHandler())
    printer = Printer(sys.stdout)
    stages = [_shown(name, printer) for name in names]
    printer.side_by_side([case for stage in stages for case in stage.cases])
    return 0 if all(stage.succeeded for stage in stages) else 1


def _shown(name: str, printer: Printer) -> Stage:
    stage = Stage(name, printer.emitters())
    printer.heading(name)
    asyncio.run(play(stage))
    if stage.failure:
        printer.failure(name, stage.failure)
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
        stage.failure = f"{type(error).__name__}: {error}"
