"""Print a demonstration: three lines for each case, fitted to the terminal, and a summary at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import structlog

from errnorm.cli.style import Style, fitted, printable, terminal_width
from errnorm.emitters import default_emitters
from errnorm.emitters.log.message import advised
from errnorm.settings import Settings

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence
    from typing import TextIO

    from errnorm.error import NormalizedError
    from errnorm.fault import Emitter
    from errnorm_adapters.tools.demo.stage import Case, Stage

__all__ = ["Printer"]

_MARGIN = 4
_LABEL = 9
# Fields that are not shown: internal data of the library, and data that the printed lines show already.
_LEFT_OUT = ("errnorm.tables.version", "exception.type", "exception.message", "errnorm.protocol")


class Printer:
    """Prints a demonstration to one stream, in colour if the stream supports it."""

    def __init__(self, stream: TextIO) -> None:
        """Store the stream to print to."""
        self._stream = stream
        self._style = Style(stream)
        self._shown = 0
        self._heading = ""

    def emitters(self) -> tuple[Emitter, ...]:
        """Configure structlog to write to the stream, and return the default emitters, independent of environment variables."""
        structlog.configure(
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
                _shortened,
                structlog.dev.ConsoleRenderer(colors=self._style.on, pad_event_to=0, sort_keys=False),
            ],
            logger_factory=structlog.PrintLoggerFactory(self._stream),
            cache_logger_on_first_use=False,
        )
        return default_emitters(Settings(emitters=("log", "span", "metric"), log_with="structlog", log_text="raw"))

    def case(self, stage: Stage, case: Case) -> None:
        """Print a case: the action, the message of the client, and the verdict and action of errnorm."""
        heading = f"{stage.protocol.upper()}: {stage.client} and {stage.server}"
        if heading != self._heading:
            self._heading = heading
            self._print("\n" + self._style.strong(fitted(heading, self._width())))
        self._shown += 1
        self._print(f"\n{self._shown:>{_MARGIN - 2}}  " + self._style.strong(fitted(case.what, self._width(_MARGIN))))
        self._line(case.client, fitted(case.said, self._width(_MARGIN + _LABEL)))
        self._line("errnorm", self._verdict(case, self._width(_MARGIN + _LABEL)))

    def end(self, stages: Sequence[Stage]) -> None:
        """Print the number of errors, and a command to try next."""
        cases = [case for stage in stages for case in stage.cases]
        retried = sum(case.fault is not None and case.fault.error.retryable for case in cases)
        failed = sum(not case.succeeded for case in cases)
        count = f"{len(cases)} errors: {retried} to retry, {len(cases) - retried} to stop"
        count += f"; {failed} not as expected" if failed else ""
        paint = self._style.bad if failed else self._style.strong
        self._print(f"\n{paint(count + '.')} Next: errnorm explain 'nats: timeout'")

    def failure(self, stage: Stage) -> None:
        """Print that a demonstration failed before its end."""
        self._print("\n" + self._style.bad(f"{stage.protocol.upper()} ended early: {printable(_reported(stage.failure))}"))

    def _verdict(self, case: Case, width: int) -> str:
        if case.fault is None:
            return self._style.bad("nothing was caught")
        reason = str(case.fault.error.reason)
        wanted = "" if case.succeeded else f"(expected: {', '.join(case.expected)}) "
        said = fitted(f"{wanted}{_advice(case.fault.error, case.did)}", width - len(reason) - 2)
        paint = self._style.good if case.fault.error.retryable and case.succeeded else self._style.bad
        return f"{self._style.strong(reason)}  {paint(said)}"

    def _line(self, label: str, text: str) -> None:
        self._print(" " * _MARGIN + self._style.dim(f"{label:<{_LABEL}}") + text)

    def _width(self, taken: int = 0) -> int:
        return terminal_width() - taken

    def _print(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


def _advice(error: NormalizedError, did: str) -> str:
    return f"{'retry' if error.retryable else 'stop'}: {did or advised(error)}"


def _reported(failure: Exception | None) -> str:
    return f"{type(failure).__name__}: {failure}"


def _shortened(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    kept = {name: value for name, value in event.items() if name not in _LEFT_OUT}
    return cast("MutableMapping[str, Any]", kept)
