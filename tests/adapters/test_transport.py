"""What an operating system, TLS, a resolver and a runtime raise and leave behind, from each of the systems clients run on."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from typing import TYPE_CHECKING

import aiodns.error
import aiohttp
import pytest
import websockets.exceptions
from hypothesis import given
from hypothesis import strategies as st

from errnorm.adapters import ReportedException, Signal
from errnorm.engine import Engine
from errnorm.plugins import load_table
from errnorm_adapters.transport import observe

if TYPE_CHECKING:
    from errnorm import NormalizedError

SLOW_HANDSHAKE = "SSL handshake is taking longer than 60.0 seconds: aborting the connection"
SEVERAL = "Multiple exceptions: [Errno 101] Network is unreachable, [Errno 111] Connect call failed ('127.0.0.1', 4222)"
UNKNOWN_AUTHORITY = "tls: failed to verify certificate: x509: certificate signed by unknown authority"
VERIFY_FAILED = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
SELF_SIGNED = VERIFY_FAILED + "self-signed certificate (_ssl.c:1006)"
WRONG_HOST = VERIFY_FAILED + "Hostname mismatch, certificate is not valid for 'nats.invalid'. (_ssl.c:1006)"

ENGINE = Engine(load_table("transport"))


def judged(raw: object) -> NormalizedError:
    signal = observe(raw)
    assert signal is not None
    return ENGINE.judge(signal)


def reported(name: str, text: str = "", **attributes: object) -> ReportedException:
    return ReportedException((name,), text, attributes)


def unknown(raw: object) -> bool:
    signal = observe(raw)
    return signal is None or not ENGINE.judge(signal).known


def refused_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


async def raised_by_connecting(**options: object) -> BaseException:
    with pytest.raises((OSError, ValueError)) as caught:
        await asyncio.open_connection(**options)  # type: ignore[arg-type]
    return caught.value


def test_knows_a_connection_that_was_really_refused() -> None:
    error = judged(asyncio.run(raised_by_connecting(host="127.0.0.1", port=refused_port())))
    assert (error.code, str(error.reason), error.terminal) == ("ECONNREFUSED", "transport.refused", True)
    assert str(error.params["address"]).startswith("127.0.0.1:")


def test_knows_a_name_that_really_does_not_resolve() -> None:
    error = judged(asyncio.run(raised_by_connecting(host="no-such-name.invalid", port=1)))
    # A machine without any resolver says that it could not ask.
    assert error.code in {"EAI_NONAME", "EAI_AGAIN", "EAI_NODATA", "EAI_FAIL"}


def test_knows_tls_spoken_to_a_port_that_does_not() -> None:
    async def talk() -> BaseException:
        async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"INFO {}\r\n" * 4)
            writer.close()

        server = await asyncio.start_server(greet, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            return await raised_by_connecting(host="127.0.0.1", port=port, ssl=ssl.create_default_context())
        finally:
            server.close()

    assert str(judged(asyncio.run(talk())).reason) == "transport.tls"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (ConnectionResetError("Connection lost"), "ECONNRESET"),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), "ECONNRESET"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), "EPIPE"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "EHOSTUNREACH"),
        (PermissionError(errno.EACCES, "Permission denied"), "EACCES"),
        (TimeoutError(), "builtins.TimeoutError"),
        (TimeoutError(errno.ETIMEDOUT, "Connection timed out"), "ETIMEDOUT"),
        (asyncio.IncompleteReadError(b"", 5), "asyncio.exceptions.IncompleteReadError"),
        (asyncio.CancelledError(), "asyncio.exceptions.CancelledError"),
        (EOFError(), "builtins.EOFError"),
        (ConnectionAbortedError(SLOW_HANDSHAKE), "handshake timeout"),
        (OSError(SEVERAL), "ECONNREFUSED"),
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "EAI_NONAME"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), "EAI_AGAIN"),
        (socket.herror(1, "Unknown host"), "EAI_NONAME"),
        (aiodns.error.DNSError(4, "Domain name not found"), "ARES_ENOTFOUND"),
        (aiohttp.ServerDisconnectedError(), "aiohttp.client_exceptions.ServerDisconnectedError"),
        (websockets.exceptions.ConnectionClosedError(None, None), "websockets.exceptions.ConnectionClosed"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)"), "WRONG_VERSION_NUMBER"),
        (ssl.SSLError(1, "[SSL] record layer failure (_ssl.c:1006)"), "RECORD_LAYER_FAILURE"),
        (ssl.SSLEOFError(8, "EOF occurred in violation of protocol (_ssl.c:1006)"), "UNEXPECTED_EOF_WHILE_READING"),
        (ssl.SSLZeroReturnError(6, "TLS/SSL connection has been closed (EOF) (_ssl.c:1006)"), "close_notify"),
        (ssl.SSLError(1, "[SSL: NEVER_HEARD_OF] never heard of (_ssl.c:1006)"), "ssl.SSLError"),
    ],
)
def test_knows_what_a_live_exception_carries(raw: BaseException, code: str) -> None:
    assert judged(raw).code == code


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (reported("builtins.ConnectionRefusedError", "[Errno 61] Connect call failed ('127.0.0.1', 4222)"), "ECONNREFUSED"),
        (reported("builtins.ConnectionRefusedError"), "ECONNREFUSED"),
        (reported("builtins.OSError", "[Errno 113] No route to host"), "EHOSTUNREACH"),
        (reported("builtins.OSError", "", errno=10054), "ECONNRESET"),
        (reported("builtins.TimeoutError"), "builtins.TimeoutError"),
        (reported("socket.gaierror", "[Errno 8] nodename nor servname provided, or not known"), "EAI_NONAME"),
        (reported("socket.gaierror", "", errno=-3), "EAI_AGAIN"),
        (reported("aiodns.error.DNSError", "(12, 'Timeout while contacting DNS servers')"), "ARES_ETIMEOUT"),
        (reported("ssl.SSLCertVerificationError", "", verify_code=10), "X509_V_ERR_CERT_HAS_EXPIRED"),
        (reported("ssl.SSLCertVerificationError", "", verify_code=9999), "CERTIFICATE_VERIFY_FAILED"),
        (reported("ssl.SSLError", "", reason="TLSV13_ALERT_CERTIFICATE_REQUIRED"), "certificate_required"),
        (reported("ssl.SSLCertVerificationError", SELF_SIGNED), "X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT"),
    ],
)
def test_knows_an_exception_that_was_written_down_without_its_base_classes(raw: ReportedException, code: str) -> None:
    assert judged(raw).code == code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[Errno 111] Connect call failed ('127.0.0.1', 4222)", "ECONNREFUSED"),
        ("[WinError 10061] No connection could be made because the target machine actively refused it", "ECONNREFUSED"),
        ("[WinError 64] The specified network name is no longer available", "ECONNRESET"),
        ("[Errno 98] error while attempting to bind on address ('127.0.0.1', 4222): address already in use", "EADDRINUSE"),
        ("Connection refused", "ECONNREFUSED"),
        ("connection reset by peer", "ECONNRESET"),
        ("ConnectionRefusedError: [Errno 61] Connect call failed ('127.0.0.1', 4222)", "ECONNREFUSED"),
        ("dial tcp 127.0.0.1:4222: connect: connection refused", "ECONNREFUSED"),
        ("dial tcp: lookup nats.invalid on 127.0.0.53:53: no such host", "no such host"),
        ("lookup nats.invalid: i/o timeout", "ETIMEDOUT"),
        ("read tcp 10.0.0.1:4222->10.0.0.2:50000: read: connection reset by peer", "ECONNRESET"),
        ("read tcp 10.0.0.1:4222->10.0.0.2:50000: i/o timeout", "ETIMEDOUT"),
        ("write tcp 10.0.0.1:4222->10.0.0.2:50000: write: broken pipe", "EPIPE"),
        ("EOF", "builtins.EOFError"),
        ("remote error: tls: bad certificate", "bad_certificate"),
        (UNKNOWN_AUTHORITY, "X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY"),
        ("IO error: Connection refused (os error 61)", "ECONNREFUSED"),
        ("connect ECONNREFUSED 127.0.0.1:4222", "ECONNREFUSED"),
        ("Error: getaddrinfo ENOTFOUND nats.invalid", "EAI_NONAME"),
        ("[Errno -3] Temporary failure in name resolution", "EAI_AGAIN"),
        ("[Errno 8] nodename nor servname provided, or not known", "EAI_NONAME"),
        (SELF_SIGNED, "X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT"),
    ],
)
def test_reads_the_texts_that_logs_hold(text: str, code: str) -> None:
    assert judged(text).code == code


def test_a_time_out_while_connecting_has_no_effect_and_a_later_one_may() -> None:
    connecting = judged(OSError(errno.ETIMEDOUT, "Connect call failed ('127.0.0.1', 4222)"))
    later = judged(OSError(errno.ETIMEDOUT, "Connection timed out"))
    assert (connecting.effect, later.effect) == ("not_applied", "unknown")
    assert judged("dial tcp 127.0.0.1:4222: i/o timeout").effect == "not_applied"


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("[Errno 111] Connect call failed ('::1', 4222, 0, 0)", {"address": "::1:4222"}),
        ("dial tcp 127.0.0.1:4222: connect: connection refused", {"address": "127.0.0.1:4222"}),
        ("dial tcp: lookup nats.invalid on 127.0.0.53:53: no such host", {"host": "nats.invalid"}),
        (WRONG_HOST, {"host": "nats.invalid"}),
    ],
)
def test_takes_addresses_out_of_texts(text: str, params: dict[str, str]) -> None:
    assert judged(text).params == params


@pytest.mark.parametrize(
    "raw",
    [
        FileNotFoundError(errno.ENOENT, "No such file or directory", "nats.creds"),
        PermissionError(errno.EACCES, "Permission denied", "nats.creds"),
        reported("builtins.PermissionError", "[Errno 13] Permission denied: 'nats.creds'"),
        "[Errno 13] Permission denied: 'nats.creds'",
        OSError(errno.ENOSPC, "No space left on device"),
        OSError("something else"),
        ValueError("connection refused"),
        Exception("EOF"),
        reported("builtins.RuntimeError", "Connection refused"),
        "the peer wrote: Connection refused",
        "[ERR] connection refused",
        "Permission denied",
        "",
        "Connection refused\nEOF",
        {"error": "EOF"},
        None,
    ],
)
def test_claims_nothing_that_is_not_about_the_path(raw: object) -> None:
    assert unknown(raw)


def test_the_text_of_a_telling_class_cannot_change_its_meaning() -> None:
    assert judged(ConnectionResetError("certificate verify failed")).code == "ECONNRESET"
    assert judged(TimeoutError("Connection refused")).code == "builtins.TimeoutError"


class HostileError(ConnectionResetError):
    """An exception whose every property fails."""

    @property
    def errno(self) -> int:  # type: ignore[override]
        raise RuntimeError

    def __str__(self) -> str:
        raise RuntimeError


def test_survives_an_exception_that_fails_when_it_is_looked_at() -> None:
    assert judged(HostileError()).code == "ECONNRESET"


@pytest.mark.parametrize("number", [pytest.param(10**5000, id="huge"), True, 1.5, "104", None, [], float("nan")])
def test_a_number_that_is_none_leaves_the_class(number: object) -> None:
    assert judged(reported("builtins.ConnectionResetError", "", errno=number)).code == "ECONNRESET"


@given(st.one_of(st.text(), st.binary(), st.from_regex(r"\[(Errno|WinError|SSL)[^\n]{0,40}\] .*"), st.integers(), st.none()))
def test_never_raises_whatever_it_is_given(raw: object) -> None:
    assert isinstance(observe(raw), Signal | None)


@given(
    st.sampled_from(["ssl.SSLError", "socket.gaierror", "aiodns.error.DNSError", "builtins.OSError", "builtins.TimeoutError"]),
    st.text(),
    st.dictionaries(st.sampled_from(["errno", "reason", "verify_code", "filename", "args"]), st.one_of(st.integers(), st.text())),
)
def test_never_raises_whatever_was_written_down(name: str, text: str, attributes: dict[str, object]) -> None:
    assert isinstance(observe(ReportedException((name,), text, attributes)), Signal | None)
