"""
Show the errors of a running NATS system: refused clients, lost connections, JetStream.

    errnorm watch nats://sys:secret@one:4222,nats://two:4222

The command subscribes to the events of the system account and to the advisories of JetStream, and emits each error to the log and
as metrics, as a service would. Several watchers share the events, because they subscribe in one queue group. On a terminal the
command shows a summary of the current errors; into a pipe it writes one line for each error.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from errnorm.cli.arguments import UNUSABLE, OneOf, Parser, UnusableError
from errnorm.cli.style import Style, printable, terminal_width
from errnorm.emitters import default_emitters
from errnorm.emitters.log import LogEmitter
from errnorm.middleware import Middleware
from errnorm.supervisor import StoppedError
from errnorm_adapters.tools.watch.watcher import Watcher

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from errnorm.error import NormalizedError
    from errnorm_adapters.tools.watch.events import Event

__all__ = ["Watcher", "main"]

_EVERY = 1.0


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run the command.

    Args:
        argv: The arguments without the program's name; by default those of the process.

    Returns:
        0 after an interrupt or the given time; 2 if the system cannot be watched.
    """
    parser = Parser(
        prog="errnorm watch", description="Show the errors of a running NATS system, from the events that its servers publish."
    )
    parser.add_argument(
        "server", help="nats://user:password@host:port of a user of the system account; separate several with commas"
    )
    parser.add_argument("--creds", metavar="FILE", help="the file with the credentials of the user")
    parser.add_argument(
        "--advisories",
        action="store_true",
        help="watch only the JetStream advisories of an account that is not the system account",
    )
    parser.add_argument("--for", dest="seconds", type=float, metavar="SECONDS", help="stop after this time")
    parser.add_argument("--format", type=OneOf("format", ("text", "jsonl")), default="text", help="text (default) or jsonl")
    arguments = parser.parse_args(argv)
    try:
        asyncio.run(_watch(arguments))
    except (UnusableError, StoppedError) as error:
        print(f"errnorm watch: {printable(str(error), 1000)}", file=sys.stderr)
        return UNUSABLE
    return 0


async def _watch(arguments: argparse.Namespace) -> None:
    shown = sys.stdout.isatty() and arguments.format == "text"
    # Log lines would destroy the view on a terminal.
    emitters = [one for one in default_emitters(None) if not (shown and isinstance(one, LogEmitter))]
    watcher = Watcher(
        Middleware(emitters=emitters), system=not arguments.advisories, told=None if shown else _writer(arguments.format)
    )
    task = asyncio.current_task()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError, RuntimeError):  # not supported on every system, and only in the main thread
            asyncio.get_running_loop().add_signal_handler(number, task.cancel if task else lambda: None)
    options = {"user_credentials": arguments.creds} if arguments.creds else {}
    view = asyncio.create_task(_view(watcher)) if shown else None
    ended = True
    try:
        async with asyncio.timeout(arguments.seconds):
            await watcher.run(arguments.server.split(","), **options)
    except (TimeoutError, asyncio.CancelledError):
        pass
    except UnusableError:
        ended = False  # nothing was watched
        raise
    finally:
        if view is not None:
            view.cancel()
        if ended:
            print("\n".join(watcher.summary.lines(terminal_width(), Style(sys.stderr))), file=sys.stderr)


async def _view(watcher: Watcher) -> None:
    while True:
        lines = "\n".join(f"{line}\x1b[K" for line in watcher.summary.lines(terminal_width(), Style()))
        sys.stdout.write(f"\x1b[H{lines}\x1b[J")
        sys.stdout.flush()
        await asyncio.sleep(_EVERY)


def _writer(form: str) -> Callable[[Event, NormalizedError], None]:
    def write(event: Event, error: NormalizedError) -> None:
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}Z"
        about = {"time": now, "server": event.server, "account": event.account, "client": event.client}
        if form == "jsonl":
            print(json.dumps({**about, **error.to_record()}), flush=True)
        else:
            names = "  ".join(f"{name}={printable(about[name], 128)}" for name in ("account", "client", "server") if about[name])
            print(f"{now}  {error.reason}  {printable(error.code or error.fingerprint or '', 128)}  {names}", flush=True)

    return write
