"""Names, numbers and texts of the transport are those of this system: what it calls an error finds its row."""

from __future__ import annotations

import _ssl
import ctypes
import errno
import os
import re
import socket
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pycares
import pytest

from errnorm.plugins import load_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.tables.row import Entry

TABLE = load_table("transport", [])
ROWS = list(TABLE.rows.values())

ELSEWHERE = tomllib.loads((Path(__file__).parents[1] / "data" / "system_texts.toml").read_text("utf-8"))
# Names of other versions than the one that Python was built with.
OPENSSL_OTHER_VERSIONS = {
    "PEM_LIB",
    "RECORD_LAYER_FAILURE",
    "TLSV1_ALERT_CERTIFICATE_REQUIRED",
    "TLSV1_ALERT_HANDSHAKE_FAILURE",
    "TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
    "TLSV1_ALERT_UNEXPECTED_MESSAGE",
    "TLSV1_ALERT_UNKNOWN_PSK_IDENTITY",
    "ZERO_RETURN",
}
# X509_V_ERR_INVALID_CA before OpenSSL 3.
VERIFY_OTHER_VERSIONS = {"verify 24"}
# Texts that others than sockets and resolvers say as well, so that a text alone would prove nothing.
SAID_BY_OTHERS = {"EACCES", "EFAULT", "EINTR", "EINVAL", "EOPNOTSUPP", "EPERM", "EPROTO", "ARES_ENOMEM"}
# Winsock has what BSD had when it was made, up to EHOSTUNREACH, under WSA… and 10000 more; later ones it numbered by itself.
LIKE_WINDOWS = 10000
LAST_OF_BSD = 65
ON_WINDOWS = {"EAGAIN": "WSAEWOULDBLOCK", "ECANCELED": "WSAECANCELLED"}
NOT_ON_WINDOWS = {"ENFILE", "ENOMEM", "EPERM", "EPIPE", "EPROTO"}
# netdb.h of BSD and macOS, and ws2tcpip.h of Windows, whose codes are those of Winsock.
EAI_NUMBERS = {
    "EAI_ADDRFAMILY": {1},
    "EAI_AGAIN": {2, 11002},
    "EAI_BADFLAGS": {3, 10022},
    "EAI_FAIL": {4, 11003},
    "EAI_FAMILY": {5, 10047},
    "EAI_MEMORY": {6},
    "EAI_NODATA": {7, 11004},
    "EAI_NONAME": {8, 11001},
    "EAI_SERVICE": {9, 10109},
    "EAI_SOCKTYPE": {10, 10044},
    "EAI_SYSTEM": {11},
    "EAI_BADHINTS": {12},
    "EAI_PROTOCOL": {13},
    "EAI_OVERFLOW": {14},
    "EAI_CANCELED": set[int](),
}


def key_of(placed: Entry) -> str:
    return placed.key


def library_function(library: str | None, name: str) -> Callable[[int], str]:
    try:
        function = getattr(ctypes.CDLL(library), name)
    except AttributeError:
        pytest.skip(f"{name} is inside of this Python")
    function.restype, function.argtypes = ctypes.c_char_p, [ctypes.c_long]
    return lambda number: str(function(number).decode())


def said(placed: Entry, word: str) -> set[int]:
    return {int(name.removeprefix(word)) for name in placed.row.aliases if re.fullmatch(rf"{word}-?\d+", name)}


@pytest.mark.parametrize("name", [name for name in dir(errno) if TABLE.get("os", name) and name not in SAID_BY_OTHERS])
def test_the_text_of_this_system_for_an_error_finds_its_row(name: str) -> None:
    assert TABLE.get("os", os.strerror(getattr(errno, name))) is TABLE.get("os", name)


@pytest.mark.parametrize("row", [row for row in ROWS if row.section == "os" and row.key not in NOT_ON_WINDOWS], ids=key_of)
def test_windows_has_the_names_and_numbers_of_bsd_but_for_a_prefix_and_ten_thousand(row: Entry) -> None:
    connecting, _, name = row.key.rpartition(" ")
    before = f"{connecting} ".lstrip()
    (number,) = (number for number in said(row, f"{before}errno ") if number > LIKE_WINDOWS)
    names = {ON_WINDOWS.get(name, f"WSA{name.removeprefix('WSA')}"), f"errno {number}"}
    if number - LIKE_WINDOWS <= LAST_OF_BSD:
        names.add(f"errno {number - LIKE_WINDOWS}")

    assert {TABLE.get("os", f"{before}{name}") for name in names} == {row}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks the C library by its name on Linux")
@pytest.mark.parametrize("name", sorted(name for name in dir(socket) if name.startswith("EAI_") and name != "EAI_OVERFLOW"))
def test_the_text_of_the_resolver_for_a_code_finds_its_row(name: str) -> None:
    text = library_function(None, "gai_strerror")(getattr(socket, name))
    assert TABLE.get("dns", text) is TABLE.get("dns", name)


@pytest.mark.parametrize(("number", "name"), [pair for pair in pycares.errno.errorcode.items() if pair[0]])
def test_the_text_of_c_ares_for_a_number_finds_its_row(number: int, name: str) -> None:
    if name not in SAID_BY_OTHERS:
        assert TABLE.get("dns", str(pycares.errno.strerror(number))) is TABLE.get("dns", name)


@pytest.mark.parametrize("row", [row for row in ROWS if row.key.startswith("X509_V_ERR_")], ids=key_of)
def test_the_text_of_openssl_for_a_result_of_verification_finds_its_row(row: Entry) -> None:
    text_of = library_function(getattr(_ssl, "__file__", None), "X509_verify_cert_error_string")
    numbers = [number for number in said(row, "verify ") if f"verify {number}" not in VERIFY_OTHER_VERSIONS]

    assert numbers
    assert {TABLE.get("tls", text_of(number)) for number in numbers} == {row}


@pytest.mark.parametrize("row", [row for row in ROWS if row.section == "tls"], ids=key_of)
def test_the_names_of_openssl_are_those_that_python_knows(row: Entry) -> None:
    names = {name for name in (row.key, *row.row.aliases) if re.fullmatch("[A-Z][A-Z0-9_]+", name)}
    known = _ssl.err_names_to_codes.keys() | OPENSSL_OTHER_VERSIONS

    assert {name for name in names if not name.startswith("X509_V_")} <= known


@pytest.mark.parametrize(
    ("key", "text"), [(key, text) for system in ELSEWHERE.values() for key, texts in system.items() for text in texts]
)
def test_what_another_system_says_finds_its_row(key: str, text: str) -> None:
    found = TABLE.find(None, text)
    assert found is not None
    assert found[0].key == key


@pytest.mark.parametrize("key", [row.key for row in ROWS if row.key.startswith("connect: ")])
def test_what_is_said_while_connecting_is_what_is_said_otherwise(key: str) -> None:
    plain, connecting = (TABLE.rows["os", name].row.aliases for name in (key.removeprefix("connect: "), key))
    said_before = {name.removeprefix("connect: ") for name in connecting}

    assert said_before <= set(plain)
    assert {name for name in plain if name.startswith(("errno", "WSA"))} <= said_before


@pytest.mark.parametrize("row", [row for row in ROWS if row.key.startswith("EAI_")], ids=key_of)
def test_a_code_of_getaddrinfo_has_its_numbers_on_bsd_and_windows(row: Entry) -> None:
    # Those of Linux are negative, and can be asked of it.
    assert {number for number in said(row, "eai ") if number > 0} == EAI_NUMBERS[row.key]
