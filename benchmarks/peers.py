"""
What others need for their answer, in the same run. Most answer less; the table says what.

A peer that is not installed is left out. None is called in a way its authors do not intend: each gets what it expects.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING

from benchmarks.measure import Case
from errnorm import plugins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["peers"]

_TEXT = 'nats: permissions violation for publish to "orders.7"'


def peers() -> list[Case]:
    """Return the cases of every peer that is installed."""
    return [
        case for make in (_by_hand, _nats, _slixmpp, _aioxmpp, _botocore, _google, _sqlalchemy, _retryguard) for case in make()
    ]


def _texts() -> list[str]:
    rows = plugins.load_table("nats").sections["error"].exact
    return sorted({text.lower() for text in rows})


def _chain(texts: list[str]) -> Callable[[str], str | None]:
    """Write the if/elif chain that an application would, over all texts."""
    lines = ["def classify(text):", "    text = text.lower()"]
    for number, text in enumerate(texts):
        lines.append(f"    {'if' if number == 0 else 'elif'} text.startswith({text!r}):\n        return {text!r}")
    scope: dict[str, Callable[[str], str | None]] = {}
    exec("\n".join(lines), scope)  # noqa: S102 - made here, of our own table
    return scope["classify"]


def _by_hand() -> Iterator[Case]:
    texts = _texts()
    middle = texts[len(texts) // 2]
    chain = _chain(texts)
    expressions = [(re.compile(re.escape(text), re.IGNORECASE), text) for text in texts]

    def search(said: str) -> str | None:
        return next((text for expression, text in expressions if expression.match(said)), None)

    count = len(texts)
    yield Case(f"by hand: if/elif over {count} texts, in the middle", lambda: chain(middle), says="a word")
    yield Case(f"by hand: if/elif over {count} texts, none", lambda: chain(_TEXT), says="nothing")
    yield Case(f"by hand: {count} regular expressions, in the middle", lambda: search(middle), says="a word")
    yield Case(f"by hand: {count} regular expressions, none", lambda: search(_TEXT), says="nothing")


def _botocore() -> Iterator[Case]:
    if find_spec("botocore") is None:
        return
    from botocore.awsrequest import AWSResponse  # noqa: PLC0415 - only where it is installed
    from botocore.retries.standard import RetryContext, StandardRetryConditions  # noqa: PLC0415 - likewise

    conditions = StandardRetryConditions()
    response = AWSResponse("https://example.invalid", 400, {}, None)

    def check() -> object:
        parsed = {"Error": {"Code": "ThrottlingException"}}
        return conditions.is_retryable(RetryContext(1, parsed_response=parsed, http_response=response))

    yield Case("botocore: standard retry conditions, throttled", check, says="a bool")


def _google() -> Iterator[Case]:
    if find_spec("google.api_core") is None:
        return
    from google.api_core import exceptions, retry  # noqa: PLC0415 - only where it is installed

    error = exceptions.ServiceUnavailable("no")
    yield Case("google-api-core: if_transient_error", lambda: retry.if_transient_error(error), says="a bool")
    yield Case("google-api-core: from_http_status", lambda: exceptions.from_http_status(503, "no"), says="an exception")


def _sqlalchemy() -> Iterator[Case]:
    if find_spec("sqlalchemy") is None:
        return
    from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2  # noqa: PLC0415 - only where it is installed

    class Database:
        class Error(Exception):
            pass

    dialect = PGDialect_psycopg2()
    dialect.dbapi = Database
    error = Database.Error("server closed the connection unexpectedly")
    yield Case("SQLAlchemy: is_disconnect", lambda: dialect.is_disconnect(error, None, None), says="a bool")


def _nats() -> Iterator[Case]:
    if find_spec("nats") is None:
        return
    import asyncio  # noqa: PLC0415 - only where it is installed

    from nats.aio.client import Client  # noqa: PLC0415 - likewise

    async def error_cb(_: Exception) -> None:
        await asyncio.sleep(0)

    client = Client()
    client._error_cb = error_cb  # noqa: SLF001 - what `connect` would set

    def process() -> None:
        # A coroutine that is driven by hand: an event loop would be most of what is measured.
        running = client._process_err("'permissions violation for publish to \"orders.7\"'")  # noqa: SLF001 - what is measured
        running.send(None)
        running.close()

    yield Case("nats-py: _process_err, permissions violation", process, says="an exception of its base class")


def _aioxmpp() -> Iterator[Case]:
    if find_spec("aioxmpp") is None:
        return
    from aioxmpp import errors, stanza  # noqa: PLC0415 - only where it is installed

    error = stanza.Error(errors.ErrorCondition.ITEM_NOT_FOUND)
    yield Case("aioxmpp: to_exception of a parsed stanza", error.to_exception, says="condition, type as class, text")


def _slixmpp() -> Iterator[Case]:
    if find_spec("slixmpp") is None:
        return
    from slixmpp import Iq  # noqa: PLC0415 - only where it is installed
    from slixmpp.exceptions import IqError  # noqa: PLC0415 - likewise

    stanza = Iq()
    stanza["type"] = "error"
    stanza["error"]["condition"] = "item-not-found"
    yield Case("slixmpp: IqError from a parsed stanza", lambda: IqError(stanza), says="condition, type, text")


def _retryguard() -> Iterator[Case]:
    if find_spec("retryguard") is None:
        return
    from retryguard import classify_error  # noqa: PLC0415 - only where it is installed

    error = TimeoutError("timed out")
    yield Case("retryguard: a time-out", lambda: classify_error(error), says="retryable, category, delay")
