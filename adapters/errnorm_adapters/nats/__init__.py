"""
Observe errors of NATS: from the wire, monitoring documents, events, logs, and exceptions of the Python clients.

`observe` detects the form of a raw error and calls the module that reads it. The table decides what an error means, not these
modules.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from errnorm.error import Signal
from errnorm.exceptions import ReportedException
from errnorm_adapters.nats.exceptions import observe_exception
from errnorm_adapters.nats.log import observe_line
from errnorm_adapters.nats.monitoring import observe_document, observe_json
from errnorm_adapters.nats.wire import observe_close_frame, observe_error, observe_headers, observe_packet, observe_said, unquoted

if TYPE_CHECKING:
    from errnorm_adapters.nats.client import attach
    from errnorm_adapters.nats.messages import settle, settled
    from errnorm_adapters.nats.micro import endpoint

__all__ = ["attach", "endpoint", "observe", "settle", "settled"]

# No error text of the server is longer. Longer log lines and documents are cut here.
_MOST = 65536
_LONGEST_TEXT = 4096

# Built once: Python rebuilds a union inside a function at each call.
_EXCEPTIONS = (BaseException, ReportedException)
_BYTES = (bytes, bytearray, memoryview)


def observe(error: object, /) -> Signal | None:
    """
    Observe one raw error of NATS.

    A text may be a line from the wire (`-ERR '…'`), a packet of several lines (the first `-ERR` counts), a text of a client
    library (`nats: …`), a header block (`NATS/1.0 503`), a line of the server's log, a JSON document, a WebSocket close frame,
    or any other text. Bytes are decoded as text, or read as the payload of a close frame.

    Args:
        error: Text, bytes, a decoded JSON document, or an exception, live or reported.

    Returns:
        The signal. Every text gives a signal, except XML and JSON documents that do not report an error of NATS. `None` for
        these, and for other objects that do not belong to NATS.
    """
    if type(error) is str:
        return observe_error(error) if error.startswith("-ERR") else _observe_text(error[:_MOST])
    try:
        return observe_exception(error) if isinstance(error, _EXCEPTIONS) else _observe_object(error)
    except Exception:  # noqa: BLE001 - a foreign exception or document can raise anything
        return None


def _observe_object(error: object) -> Signal | None:
    # The check against the abstract class costs four times as much, so dict is checked first.
    if type(error) is dict or isinstance(error, Mapping):
        return observe_document(error) or _observe_logged(error)
    if isinstance(error, str):
        return observe(str.__str__(error))
    if isinstance(error, _BYTES):
        return _observe_bytes(bytes(error)[:_MOST])
    return None


def _observe_bytes(raw: bytes) -> Signal | None:
    if (frame := observe_close_frame(raw)) is not None:
        return frame
    return observe(raw.decode("utf-8", "backslashreplace"))


def _observe_text(raw: str) -> Signal | None:
    text = raw.strip()
    first = text[:1]
    if first == "<":
        return None
    if first == "{":
        return _observe_json(text)
    if text.startswith("nats: "):
        return observe_said(text)
    if text.startswith("NATS/1.0"):
        return observe_headers(text)
    return observe_packet(text) or observe_line(text) or _observe_bare(text)


def _observe_json(text: str) -> Signal | None:
    document = observe_json(text)
    if document is None:
        return _observe_bare(text)
    return observe_document(document) or _observe_logged(document)


def _observe_logged(document: Mapping[object, object]) -> Signal | None:
    # Container runtimes wrap log lines in JSON. The key `log` is common, so only a line with nats-server's frame counts.
    line = document.get("log")
    return observe_line(line[:_MOST].strip()) if isinstance(line, str) else None


def _observe_bare(text: str) -> Signal:
    # A bare text does not show its section, so all sections are searched. nats-py converts texts to lower case.
    said = unquoted(text)
    return Signal("nats", None, said, said[:_LONGEST_TEXT], lossy=said.islower())


# Names and the submodules that define them. They are imported on first use, because `observe` does not need asyncio.
_DRIVERS = {"attach": "client", "endpoint": "micro", "settle": "messages", "settled": "messages"}


def __getattr__(name: str) -> object:
    if name not in _DRIVERS:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value: object = getattr(import_module(f"{__name__}.{_DRIVERS[name]}"), name)
    return value
