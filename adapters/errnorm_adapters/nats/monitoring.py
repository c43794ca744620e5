"""
Observe JSON documents of NATS: JetStream replies, `/connz`, events of the system account, advisories, health.

A document is recognised by its keys. Common keys (`error`, `reason`, `code`) count only together with others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice

from errnorm.error import Signal
from errnorm.regex import regex
from errnorm_adapters.nats.wire import observe_service, observe_status

__all__ = ["observe_document", "observe_json"]

_LONGEST_TEXT = 4096
_MOST_ENTRIES = 4096

_ADVISORY = ("io.nats.server.advisory.", "io.nats.jetstream.advisory.")
_DISCONNECT = "io.nats.server.advisory.v1.client_disconnect"
_CLOSE_CODES = range(1000, 1016)

_CONNECTIONS = regex(r'"connections"\s{0,9}:\s{0,9}\[\s{0,9}')
_BETWEEN = " \t\r\n,"
_SHORT = 256
_DECODER = json.JSONDecoder()

Document = Mapping[object, object]


def observe_json(text: str) -> Document | None:
    """Read a JSON object, or the complete entries of a /connz document that was cut off; `None` if the text is neither."""
    try:
        document = json.loads(text)
    except ValueError:
        return _cut_off(text)
    except RecursionError:
        if len(text) <= _SHORT:
            raise  # a text this short cannot nest deeply: the caller's own stack is nearly full
        return _cut_off(text)
    return document if isinstance(document, Mapping) else None


def _cut_off(text: str) -> Document | None:
    # A /connz document can be longer than the part that is read. Its first complete entries are enough.
    start = _CONNECTIONS.search(text, 0, _LONGEST_TEXT)
    entries: list[object] = []
    end = start.end() if start is not None else len(text)
    try:
        while end < len(text):
            entry, end = _DECODER.raw_decode(text, end)
            entries.append(entry)
            ahead = text[end : end + 32]
            end += len(ahead) - len(ahead.lstrip(_BETWEEN))
    except (ValueError, RecursionError):
        pass
    return {"connections": entries} if entries else None


def observe_document(document: Document) -> Signal | None:
    """
    Observe a decoded JSON document.

    In a whole `/connz` document, the first entry with a close reason counts; only the first 4096 entries are searched.

    Returns:
        The signal; `None` if the document does not belong to NATS or reports no error.
    """
    kind = document.get("type")
    return (
        _observe_api(document, kind)
        or _observe_advisory(document, kind)
        or _observe_closed(document)
        or _observe_connections(document.get("connections"))
        or _observe_status(document)
    )


def _observe_api(document: Document, kind: object) -> Signal | None:
    inner = document.get("error")
    if type(inner) is dict or isinstance(inner, Mapping):  # the check against the abstract class costs four times as much
        ours = isinstance(kind, str) and kind.startswith("io.nats.")
        return _observe_api_error(inner, ours=ours)
    return _observe_api_error(document, ours=False)


def _observe_api_error(error: Document, *, ours: bool) -> Signal | None:
    code, err_code = _number(error.get("code")), _number(error.get("err_code") or error.get("error_code"))
    description = error.get("description")
    text = description[:_LONGEST_TEXT] if isinstance(description, str) else None
    if err_code is not None:
        return Signal("nats", "jetstream", err_code, text, family=(("api", code),) if code else ())
    # Servers before 2.7 had no err_code.
    if code is not None and (ours or (text is not None and len(code) == 3)):  # noqa: PLR2004 - a status has three digits
        return Signal("nats", "api", code, text)
    return None


def _number(value: object) -> str | None:
    if type(value) is int and 0 < value < 1_000_000:  # noqa: PLR2004 - five digits at most
        return str(value)
    return value if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 6 else None  # noqa: PLR2004


def _observe_advisory(document: Document, kind: object) -> Signal | None:
    if not isinstance(kind, str) or not kind.startswith(_ADVISORY) or kind == _DISCONNECT:
        return None
    # The audit advisory of an API call contains the reply as text. The error in the reply counts.
    response = document.get("response")
    reply = observe_json(response) if isinstance(response, str) and len(response) < 65536 else None  # noqa: PLR2004 - the bound on all text
    if reply is not None and (failed := _observe_api(reply, reply.get("type"))) is not None:
        return failed
    reason = document.get("reason")
    text = reason if isinstance(reason, str) and reason else kind
    return Signal("nats", "advisory", kind[:_LONGEST_TEXT], text[:_LONGEST_TEXT])


def _observe_closed(document: Document) -> Signal | None:
    reason = document.get("close_reason")
    if not isinstance(reason, str):
        reason = document.get("reason") if _is_connection(document) else None
    if not isinstance(reason, str):
        return None
    reason, params = reason.strip(), (_params(document) or None) if len(document) > 1 else None
    if ":" in reason or '"' in reason:
        # No close reason contains these characters. In the event of a failed login, the field holds the text of the auth callout,
        # which the server also logs.
        return Signal("nats", "log", reason, reason[:_LONGEST_TEXT], params=params, closed=True)
    return Signal("nats", "close", reason, reason[:_LONGEST_TEXT], params=params, closed=True)


def _is_connection(document: Document) -> bool:
    if document.get("type") == _DISCONNECT or "cid" in document or isinstance(document.get("client"), Mapping):
        return True
    code = document.get("code")
    return len(document) == 1 or (isinstance(code, int) and code in _CLOSE_CODES)


def _params(document: Document) -> dict[str, str | int | bool]:
    # An entry of /connz has the data of the connection at its top level; an event has it below `client`, under other names.
    client = document.get("client")
    names = {"cid": "cid", "ip": "host", "account": "account", "authorized_user": "user"}
    if isinstance(client, Mapping):
        document, names = client, {"id": "cid", "host": "host", "acc": "account", "user": "user"}
    return {ours: value for theirs, ours in names.items() if isinstance(value := _short(document.get(theirs)), str | int)}


def _short(value: object) -> str | int | None:
    if isinstance(value, str):
        return value[:_LONGEST_TEXT]
    return value if isinstance(value, int) else None


def _observe_connections(entries: object) -> Signal | None:
    if not isinstance(entries, list):
        return None
    for entry in islice(entries, _MOST_ENTRIES):
        if isinstance(entry, Mapping) and isinstance(entry.get("reason"), str):
            return _observe_closed(entry)
    return None


def _observe_status(document: Document) -> Signal | None:
    # Headers, as clients decode them.
    code, description = _number(document.get("Status")), document.get("Description")
    if code is not None:
        return observe_status(code, description[:_LONGEST_TEXT] if isinstance(description, str) else "")
    if isinstance(document.get("Nats-Service-Error-Code"), str):
        said = document.get("Nats-Service-Error")
        return observe_service(str(document["Nats-Service-Error-Code"])[:16], said if isinstance(said, str) else "")
    # /healthz
    if "status_code" in document and isinstance(error := document.get("error"), str):
        return Signal("nats", "log", "Healthcheck failed", error[:_LONGEST_TEXT])
    return None
