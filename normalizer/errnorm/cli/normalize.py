r"""
`errnorm normalize`: a filter that reads JSON Lines and writes one JSON line for each input line, in order, for any input.

A line has one of three forms, and may name its `protocol`:

    {"protocol": "nats", "raw": "-ERR 'Authorization Violation'\r\n"}
    {"protocol": "nats", "close_reason": "Slow Consumer (Pending Bytes)"}
    {"protocol": "nats", "exception": {"module": "nats.errors", "class": "NoRespondersError", "str": "…"}}

Lines are not kept in memory, so the memory does not grow with the input.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from errnorm import plugins
from errnorm.cli.arguments import UNUSABLE, UnusableError, check_protocol, stdin
from errnorm.cli.progress import Progress
from errnorm.cli.unknowns import Unknowns
from errnorm.exceptions import ReportedException
from errnorm.normalizer import Normalizer

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from errnorm.error import NormalizedError

__all__ = ["UnusableLineError", "add_to", "normalize_line"]

_Loads = Callable[[bytes], Any]
# A longer line is not an error report. It is answered with an error, and the rest of it is skipped.
_LONGEST_LINE = 16 << 20
_DEEPEST_CAUSE = 32
_FORMS = ("raw", "close_reason", "exception")
_OWN = frozenset({*_FORMS, "protocol"})


def _parser() -> _Loads:
    try:
        from orjson import loads  # noqa: PLC0415 - the extra `fast`
    except ImportError:
        return lambda line: json.loads(line.decode())
    return loads


_fast_loads = _parser()


class UnusableLineError(ValueError):
    """A line of input has none of the forms. The message says why."""


def add_to(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to a parser."""
    parser = commands.add_parser(
        "normalize",
        help="read JSON Lines, and write one normalized error for each line",
        description="Read JSON Lines with the key raw, close_reason or exception, and write one normalized error for each line.",
    )
    parser.add_argument("file", nargs="*", help="files to read; stdin if there is none, or for -")
    parser.add_argument("--protocol", help="the protocol of lines that do not name one")
    parser.add_argument("--raw", action="store_true", help="each line is a plain text (of a log or of the wire), not JSON")
    parser.add_argument("--keep", action="store_true", help="copy the other keys of a line to the key input")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if an error is unknown")
    parser.add_argument("--unknown", action="store_true", help="print only the unknown errors, with counts and rows to fill in")
    parser.add_argument("--tables", action="append", metavar="FILE", help="a file with rows of your own; may be repeated")
    parser.set_defaults(run=_run)


def normalize_line(line: bytes, normalizer: Normalizer, protocol: str | None = None) -> NormalizedError:
    """
    Normalize one line.

    Args:
        line: A JSON document in UTF-8.
        normalizer: The normalizer.
        protocol: The protocol, if the line does not name one.

    Returns:
        The normalized error.

    Raises:
        UnusableLineError: If the line is not JSON, or has none of the forms.
    """
    document = _parsed(line)
    if not isinstance(document, dict):
        message = "not an object"
        raise UnusableLineError(message)
    said = document.get("protocol")
    if said is not None and not isinstance(said, str):
        message = "protocol is not a text"
        raise UnusableLineError(message)
    return normalizer.normalize(_observable(document), said or protocol)


def _parsed(line: bytes) -> Any:  # noqa: ANN401 - JSON
    try:
        return _fast_loads(line)
    except (ValueError, RecursionError):
        pass
    return _patiently_parsed(line)


def _patiently_parsed(line: bytes) -> Any:  # noqa: ANN401 - JSON
    # Some documents that the fast parser refuses are accepted here: with a byte order mark, NaN, or half a surrogate pair.
    try:
        return json.loads(line.decode("utf-8-sig"), parse_float=_number, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise UnusableLineError(_why(error)) from None


def _number(text: str) -> float | str:
    # A number that is too large for a float would be written as Infinity, which is not JSON.
    number = float(text)
    return number if math.isfinite(number) else text


def _why(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deep"
    return "not UTF-8" if isinstance(error, UnicodeDecodeError) else f"not JSON: {error}"


def _observable(document: dict[str, Any]) -> object:
    for form in _FORMS:
        if form in document:
            break
    else:
        message = "none of raw, close_reason, exception"
        raise UnusableLineError(message)
    value = document[form]
    if form == "exception":
        return _reported(value, 0)
    if isinstance(value, str):
        return value if form == "raw" else {form: value}
    if form == "raw" and isinstance(value, dict):
        return value
    message = f"{form} is not a text"
    raise UnusableLineError(message)


def _reported(value: object, depth: int) -> ReportedException:
    if not isinstance(value, dict) or not isinstance(value.get("class"), str):
        message = "exception has no class"
        raise UnusableLineError(message)
    module, name = value.get("module"), value["class"]
    own = f"{module}.{name}" if isinstance(module, str) and module else name if "." in name else f"builtins.{name}"
    mro = value.get("mro")
    names = [entry for entry in mro if isinstance(entry, str)] if isinstance(mro, list) else []
    attributes = value.get("attrs")
    text = value.get("str")
    cause = value.get("cause") if depth < _DEEPEST_CAUSE else None
    return ReportedException(
        tuple(dict.fromkeys([own, *names])) if names else (own,),
        text if isinstance(text, str) else "",
        value | attributes if isinstance(attributes, dict) else value,
        _cause(cause, depth + 1),
    )


def _cause(value: object, depth: int) -> ReportedException | None:
    if value is None or isinstance(value, str):
        # The cause is only a text, so its class is not known.
        return None if value is None else ReportedException((), value)
    return _reported(value, depth)


def _run(arguments: argparse.Namespace) -> int:
    check_protocol(arguments.protocol, plugins.overlay_paths(arguments.tables))
    normalizer = Normalizer(arguments.tables)
    normalizer.load()
    counts = _Counts()
    unknowns = Unknowns() if arguments.unknown else None
    with ExitStack() as stack:
        streams = [_opened(name, stack) for name in arguments.file or ["-"]]
        progress = stack.enter_context(Progress(arguments.file, sys.stderr))
        for number, line in enumerate((line for stream in streams for line in _lines(stream)), 1):
            progress.step(len(line))
            answer = _answer(line, number, arguments, normalizer, counts, unknowns)
            if unknowns is None:
                sys.stdout.write(answer)
    if unknowns is not None:
        sys.stdout.writelines(unknowns.report())
    return _exit_code(counts, strict=arguments.strict)


class _Counts:
    """The numbers of unknown errors and unusable lines, for the exit code."""

    unknown = 0
    unusable = 0
    first_unusable = ""


def _answer(
    line: bytes, number: int, arguments: argparse.Namespace, normalizer: Normalizer, counts: _Counts, unknowns: Unknowns | None
) -> str:
    try:
        if arguments.raw:
            error = normalizer.normalize(line.rstrip(b"\r\n").decode("utf-8", "replace"), arguments.protocol)
        else:
            error = normalize_line(line, normalizer, arguments.protocol)
        answer = _with_input(error, line) if arguments.keep and not arguments.raw else error.to_json()
    except UnusableLineError as problem:
        counts.unusable += 1
        counts.first_unusable = counts.first_unusable or f"line {number}: {problem}"
        return json.dumps({"error": str(problem), "line": number}) + "\n"
    if not error.known:
        counts.unknown += 1
        if unknowns is not None:
            unknowns.add(error)
    return answer + "\n"


def _with_input(error: NormalizedError, line: bytes) -> str:
    # The fast parser turns very long numbers into floats, but the other keys must be written unchanged.
    document = _patiently_parsed(line)
    kept = {name: value for name, value in document.items() if name not in _OWN}
    try:
        return json.dumps({**error.to_record(), "input": kept})
    except RecursionError as problem:
        raise UnusableLineError(_why(problem)) from None


def _opened(name: str, stack: ExitStack) -> BinaryIO:
    return stdin() if name == "-" else stack.enter_context(Path(name).open("rb"))


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    while line := _read(stream):
        yield line
        while len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
            line = _read(stream)


def _read(stream: BinaryIO) -> bytes:
    try:
        return stream.readline(_LONGEST_LINE)
    except OSError as error:
        message = f"{stream.name}: {error.strerror}"
        raise UnusableError(message) from error


def _exit_code(counts: _Counts, *, strict: bool) -> int:
    if counts.unusable:
        more = "" if counts.unusable == 1 else f" (and {counts.unusable - 1:,} more)"
        print(f"errnorm normalize: {counts.first_unusable}{more}", file=sys.stderr)
        return UNUSABLE
    return 1 if strict and counts.unknown else 0
