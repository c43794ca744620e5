"""An answer of HTTP is judged by its status, and the end of a WebSocket by its close code, whichever client raises it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError

import pytest
from slixmpp.plugins.xep_0363.http_upload import HTTPError as UploadError
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK
from websockets.frames import Close

import errnorm
from errnorm.exceptions import ReportedException

if TYPE_CHECKING:
    from errnorm.error import NormalizedError


def of_urllib(status: int) -> NormalizedError:
    return errnorm.normalize(HTTPError("http://bosh.example", status, "no", {}, io.BytesIO()), "xmpp")  # type: ignore[arg-type]


def reported(name: str, text: str, **attributes: Any) -> NormalizedError:
    return errnorm.normalize(ReportedException((name,), text, attributes), "nats")


STATUSES = [
    (500, "transport.unavailable", "reconnect"),
    (503, "transport.unavailable", "reconnect"),
    (599, "transport.unavailable", "reconnect"),
    (401, "auth.rejected", "reauthenticate"),
    (403, "auth.forbidden", "abandon"),
    (407, "auth.required", "reauthenticate"),
    (404, "protocol.rejected", "abandon"),
    (429, "limits.rate", "reconnect"),
    (302, "protocol.rejected", "abandon"),
]


@pytest.mark.parametrize(("status", "reason", "recovery"), STATUSES)
def test_a_status_decides_in_every_form(status: int, reason: str, recovery: str) -> None:
    forms = [
        of_urllib(status),
        reported("aiohttp.client_exceptions.WSServerHandshakeError", f"{status}, message='no', url='ws://x'"),
        reported("aiohttp.client_exceptions.WSServerHandshakeError", "no", status=status),
        reported("websockets.exceptions.InvalidStatus", f"server rejected WebSocket connection: HTTP {status}"),
        reported("urllib.error.HTTPError", f"HTTP Error {status}: no"),
    ]

    assert [(form.reason, form.recovery) for form in forms] == [(reason, recovery)] * len(forms)


def test_a_refused_handshake_carried_nothing_out_and_a_request_may_have() -> None:
    handshake = reported("websockets.exceptions.InvalidStatus", "server rejected WebSocket connection: HTTP 503")

    assert (handshake.effect, of_urllib(503).effect) == ("not_applied", "unknown")


def test_an_upload_that_fails_leaves_the_stream_alone() -> None:
    error = errnorm.normalize(UploadError(503, "full"), "xmpp")

    assert (error.protocol, error.reason, error.recovery, error.terminal) == ("xmpp", "transport.unavailable", "wait", False)


@pytest.mark.parametrize("text", ["", "no number", "9999, message=", "HTTP Error ABC: no"])
def test_an_exception_without_a_status_is_known_by_its_class(text: str) -> None:
    error = reported("aiohttp.client_exceptions.WSServerHandshakeError", text)

    assert (error.section, error.reason) == ("python", "protocol.rejected")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (1002, "protocol.malformed"),
        (1008, "limits.policy"),
        (1009, "limits.size"),
        (1012, "shutdown.server"),
        (1013, "limits.resources"),
    ],
)
def test_a_close_code_decides_live_and_reported(code: int, reason: str) -> None:
    live = errnorm.normalize(ConnectionClosedError(Close(code, "why"), None), "xmpp")
    written = reported("websockets.exceptions.ConnectionClosedError", f"sent 1000 (OK); then received {code} (words) why")

    assert (live.reason, written.reason) == (reason, reason)
    assert live.terminal
    assert written.terminal


def test_a_connection_that_ended_without_a_code_was_lost_or_closed() -> None:
    assert errnorm.normalize(ConnectionClosedError(None, None), "nats").reason == "transport.lost"
    assert (
        errnorm.normalize(ConnectionClosedOK(Close(1000, ""), Close(1000, ""), rcvd_then_sent=True), "nats").reason
        == "shutdown.server"
    )
