"""The table of what lies under every protocol is complete, as far as this machine and the installed libraries can tell."""

from __future__ import annotations

import errno
import inspect
import socket
import ssl
from typing import TYPE_CHECKING

import aiohttp.client_exceptions
import pycares
import pytest
import websockets.exceptions

from tests.each import each
from tests.mappings import rows

if TYPE_CHECKING:
    from types import ModuleType

    from errnorm.tables.row import Entry

ROWS = rows.of("transport")

# What POSIX lets socket(), bind(), connect(), accept(), send(), recv(), shutdown() and setsockopt() fail with, as far as it can
# happen on a connection over TCP.
_SOCKET_ERRORS = """
    EACCES EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAGAIN EALREADY EBADF ECONNABORTED ECONNREFUSED ECONNRESET EDESTADDRREQ EFAULT
    EHOSTDOWN EHOSTUNREACH EINPROGRESS EINTR EINVAL EISCONN EMFILE EMSGSIZE ENETDOWN ENETRESET ENETUNREACH ENFILE ENOBUFS ENOMEM
    ENOPROTOOPT ENOTCONN ENOTSOCK EOPNOTSUPP EPERM EPFNOSUPPORT EPIPE EPROTO EPROTONOSUPPORT EPROTOTYPE ESHUTDOWN
    ESOCKTNOSUPPORT ETIMEDOUT EWOULDBLOCK ECANCELED
"""
SOCKET_ERRORS = _SOCKET_ERRORS.split()


def exceptions_of(module: ModuleType) -> list[str]:
    # Not getmembers(): asking a module for its deprecated names makes it warn.
    classes = (kind for kind in vars(module).values() if inspect.isclass(kind) and kind.__module__ == module.__name__)
    return sorted({f"{kind.__module__}.{kind.__qualname__}" for kind in classes if issubclass(kind, BaseException)})


def bases_of(name: str, module: ModuleType) -> list[str]:
    return [f"{base.__module__}.{base.__qualname__}" for base in getattr(module, name.rpartition(".")[2]).__mro__]


@each("name", SOCKET_ERRORS)
def test_has_every_error_that_a_socket_can_raise(name: str) -> None:
    assert rows.table("transport").get("os", name) is not None


@each("name", SOCKET_ERRORS)
def test_finds_the_same_row_by_the_number_of_this_system(name: str) -> None:
    number = getattr(errno, name)
    assert rows.table("transport").get("os", f"errno {number}") is rows.table("transport").get("os", name)


@each("name", [name for name in dir(socket) if name.startswith("EAI_")])
def test_has_every_error_of_the_resolver_by_name_and_number(name: str) -> None:
    assert rows.table("transport").get("dns", name) is not None
    assert rows.table("transport").get("dns", f"eai {getattr(socket, name)}") is rows.table("transport").get("dns", name)


@each(("number", "name"), [(number, name) for number, name in pycares.errno.errorcode.items() if number])
def test_has_every_error_of_c_ares_by_name_and_number(number: int, name: str) -> None:
    assert rows.table("transport").get("dns", name) is not None
    assert rows.table("transport").get("dns", f"ares {number}") is rows.table("transport").get("dns", name)


@each("name", sorted(name for name in dir(ssl) if name.startswith("ALERT_DESCRIPTION_")))
def test_has_every_alert_that_tls_knows(name: str) -> None:
    alert = name.removeprefix("ALERT_DESCRIPTION_").lower()
    assert rows.table("transport").get("tls", {"user_cancelled": "user_canceled"}.get(alert, alert)) is not None


@each("name", exceptions_of(ssl))
def test_has_every_exception_of_the_ssl_module(name: str) -> None:
    assert rows.table("transport").get("tls", name) is not None


@pytest.mark.parametrize("module", [aiohttp.client_exceptions, websockets.exceptions])
def test_has_a_row_for_every_exception_of_the_websocket_clients_or_for_a_base_of_it(module: ModuleType) -> None:
    missing = [
        name
        for name in exceptions_of(module)
        if not any(rows.table("transport").get("python", base) for base in bases_of(name, module))
    ]
    assert exceptions_of(module)
    assert missing == []


# While connecting it says that no port of this machine is free; elsewhere that an address is not of this machine.
APART = {"connect: EADDRNOTAVAIL"}


@each(
    "row",
    lambda: [row for row in rows.of("transport", "os")() if row.key.startswith("connect: ") and row.key not in APART],
    ids=rows.named,
)
def test_what_fails_while_connecting_differs_only_in_that_nothing_can_have_happened(row: Entry) -> None:
    plain = rows.table("transport").get("os", row.key.removeprefix("connect: "))
    assert plain is not None
    assert (row.row.reason, row.row.recovery, row.code) == (plain.row.reason, plain.row.recovery, plain.code)
    assert (row.row.effect, plain.row.effect) == ("not_applied", "unknown")


def test_no_spelling_stands_in_two_sections() -> None:
    # A bare text is asked of one section after the other: the second row could not be reached by it.
    seen: dict[str, Entry] = {}
    twice = [
        (name, row.section, other.section)
        for row in ROWS()
        for name in row.spellings()
        if (other := seen.setdefault(name.lower(), row)).section != row.section
    ]
    assert twice == []


def test_distrust_of_a_certificate_is_retried_only_where_it_becomes_valid_by_itself() -> None:
    distrust = [row for row in rows.of("transport", "tls")() if row.row.reason == "auth.untrusted"]
    assert [row.key for row in distrust if row.row.recovery.retryable] == ["X509_V_ERR_CERT_NOT_YET_VALID"]
