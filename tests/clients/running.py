"""Run a client in a situation, and collect its output. A client that does not support the operation prints nothing."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.clients.printed import steady

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.clients.situations import Situation
    from tests.clients.stations import Place

PATIENCE = 25
"""The number of seconds after which a client is stopped."""


@dataclass(frozen=True)
class Printed:
    """
    One output of a client.

    Attributes:
        form: `message` (only the text of the error), `logged`, `inspected`, `stack` (as a program prints it) or `stderr`.

        text: The text, with the parts replaced that differ between runs.
    """

    form: str
    text: str


def run(command: Sequence[str], situation: Situation, place: Place) -> Iterator[Printed]:
    """Start a client and yield its output, each text once."""
    environment = {**os.environ, "LANG": "C.UTF-8", "TZ": "UTC", **place.environment, **dict(situation.variables)}
    seen: set[Printed] = set()
    for each in _output([*command, situation.operation], situation, place, environment):
        printed = Printed(each.form, steady(each.text))
        if printed.text and printed not in seen:
            seen.add(printed)
            yield printed


def _output(command: list[str], situation: Situation, place: Place, environment: Mapping[str, str]) -> Iterator[Printed]:
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, errors="replace", env=dict(environment), **pipes) as client:  # type: ignore[call-overload]
        guard = threading.Timer(PATIENCE, client.kill)
        guard.start()
        complaints: list[str] = []
        reader = threading.Thread(target=lambda: complaints.extend(client.stderr or ()), daemon=True)
        reader.start()
        try:
            for line in client.stdout or ():
                if line.strip() == "ready":
                    if situation.act:
                        situation.act(place)
                elif line.startswith('{"form"'):
                    yield Printed(**json.loads(line))
            reader.join(5)
            yield Printed("stderr", "".join(complaints))
        finally:
            guard.cancel()
            client.kill()
