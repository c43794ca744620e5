"""
`python -m tests.clients.commands OPERATIONS PROGRAM OPERATION`: run a command-line tool as a client.

`OPERATIONS` is a TOML file with the arguments of the tool for each operation. The output of the tool is converted to the JSON
lines that the programs in other languages print. The exit code is 9 if the tool does not support the operation.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MESSAGE = re.compile(r"(?:\S+ Subscribing on|\[#\d+\] Received on|x+|$)")
_PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
_NAME = re.compile(r"\{(\w+)\}")
VARIABLES = {"BIG": "x" * 5000, "LONG": "x" * 500}
PATIENCE = 8
"""Seconds for one command."""


def filled(arguments: Sequence[str], variables: Mapping[str, str]) -> list[str]:
    """Return the arguments with the values of their variables. An argument with an empty variable is left out."""
    kept = []
    for argument in arguments:
        names = _NAME.findall(argument)
        if all(variables.get(name) for name in names):
            kept.append(_NAME.sub(lambda found: variables[found[1]], argument))
    return kept


def say(form: str, text: str) -> None:
    """Print one output of the tool as a JSON line."""
    if text.strip():
        print(json.dumps({"form": form, "text": text}), flush=True)  # noqa: T201 - read by who runs this


def run(command: Sequence[str]) -> None:
    """Run a command to its end, with one line as its input for tools that send their input."""
    with subprocess.Popen(command, text=True, **_PIPES) as tool:  # type: ignore[call-overload]
        guard = threading.Timer(PATIENCE, tool.kill)
        guard.start()
        printed, _ = tool.communicate("x\n")
        guard.cancel()
    if tool.returncode:
        say("stderr", printed)


def watch(command: Sequence[str]) -> None:
    """Run a command, report when it is connected, and stop it after the action of the server."""
    with subprocess.Popen(command, text=True, **_PIPES) as tool:  # type: ignore[call-overload]
        printed: list[str] = []
        reader = threading.Thread(target=lambda: printed.extend(tool.stdout or ()), daemon=True)
        reader.start()
        time.sleep(1)
        print("ready", flush=True)  # noqa: T201 - read by who runs this
        time.sleep(5)
        tool.kill()
        reader.join(2)
        say("stderr", "".join(line for line in printed if not _MESSAGE.match(line)))


def main() -> int:
    """Run the operation of the tool for one situation."""
    path, program, operation = sys.argv[1:]
    told = tomllib.loads(Path(path).read_text("utf-8"))
    variables = {**VARIABLES, **os.environ}
    if operation not in told["operations"]:
        return 9
    for arguments in told["operations"][operation]:
        rest = arguments[1:] if arguments[0] == "watch" else arguments
        command = [program, *filled([*told["shared"], *rest], variables)]
        (watch if arguments[0] == "watch" else run)(command)
    return 0


if __name__ == "__main__":
    sys.exit(main())
