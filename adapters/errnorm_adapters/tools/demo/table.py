"""What a demonstration prints: a log line for each fault, and at the end everything side by side."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, cast

import structlog

from errnorm.cli.style import Style, printable
from errnorm.emitters import default_emitters
from errnorm.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping
    from typing import TextIO

    from errnorm.fault import Emitter
    from errnorm_adapters.tools.demo.stage import Case

__all__ = ["Printer"]

_WIDTHS = (25, 36, 34, 34)
_HEADS = ("what was done", "what the client library said", "what errnorm says", "what to do")
# The library's own book-keeping, and what the side-by-side table shows anyway.
_LEFT_OUT = ("errnorm.tables.version", "exception.type", "exception.message", "errnorm.protocol")


class Printer:
    """Prints a demonstration to one stream, in colour where that is wanted."""

    def __init__(self, stream: TextIO) -> None:
        """Print to this stream, and have structlog write its lines there."""
        self._stream = stream
        self._style = Style(stream)
        structlog.configure(
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
                _shortened,
                structlog.dev.ConsoleRenderer(colors=self._style.on, pad_event_to=0, sort_keys=False),
            ],
            logger_factory=structlog.PrintLoggerFactory(stream),
            cache_logger_on_first_use=False,
        )

    def emitters(self) -> tuple[Emitter, ...]:
        """Return the default emitters, the log first, whatever the environment has set."""
        return default_emitters(Settings(emitters=("log", "span", "metric"), log_with="structlog", log_text="raw"))

    def heading(self, protocol: str) -> None:
        """Print whose demonstration begins."""
        self._print(f"\n{self._style.strong(protocol.upper())}")

    def failure(self, protocol: str, why: str) -> None:
        """Print that a demonstration could not be shown to its end."""
        self._print(self._style.bad(f"the demonstration of {protocol} ended early: {printable(why)}"))

    def side_by_side(self, cases: Iterable[Case]) -> None:
        """Print all cases as one table."""
        self._print("\n" + self._row(_HEADS, self._style.strong))
        self._print("  ".join("─" * width for width in _WIDTHS))
        for case in cases:
            paint = self._style.good if case.succeeded else self._style.bad
            self._print(self._row(_cells(case), paint) + "\n")

    def _row(self, cells: Iterable[str], paint: Any) -> str:  # noqa: ANN401 - any function of letters to letters
        wrapped = [textwrap.wrap(cell, width)[:6] for cell, width in zip(cells, _WIDTHS, strict=True)]
        lines = []
        for number in range(max(map(len, wrapped), default=0)):
            parts = [lines_of[number] if number < len(lines_of) else "" for lines_of in wrapped]
            padded = [part.ljust(width) for part, width in zip(parts, _WIDTHS, strict=True)]
            lines.append("  ".join([*padded[:2], paint(padded[2]), padded[3]]).rstrip())
        return "\n".join(lines)

    def _print(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


def _cells(case: Case) -> tuple[str, str, str, str]:
    what, said = f"{case.protocol}: {case.what}", printable(case.said, 200)
    if case.fault is None:
        return what, said, "nothing was caught", ""
    error, decision = case.fault.error, case.fault.decision
    flags = " ".join(name for name in ("retryable", "terminal") if getattr(error, name))
    judged = f"{error.reason} {flags}".strip()
    if not case.succeeded:
        judged += f" (expected: {', '.join(case.expected)})"
    verdict = "" if decision is None else f"{decision.verdict}: {decision.why}. "
    return what, said, judged, f"{verdict}{error.recovery}: {error.recovery.about}"


def _shortened(_logger: object, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    kept = {name: value for name, value in event.items() if name not in _LEFT_OUT}
    return cast("MutableMapping[str, Any]", kept)
