"""Names, numbers and texts of the transport are those of this system: what it calls an error finds its row."""

from __future__ import annotations

import _ssl
import ctypes
import errno
import gettext
import os
import re
import socket
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pycares
import pytest

from tests.each import each
from tests.mappings import rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.tables.row import Entry

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
SAID_BY_OTHERS = {"EACCES", "EFAULT", "EINTR", "EINVAL", "EOPNOTSUPP", "EPERM", "EPROTO", "ARES_ENOMEM", "ARES_EOF"}
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


def row(section: str, name: str) -> Entry | None:
    return rows.table("transport").get(section, name)


def beginning(section: str, word: str) -> Callable[[], list[Entry]]:
    return lambda: [entry for entry in rows.of("transport", section)() if entry.key.startswith(word)]


def library_function(library: str | None, name: str) -> Callable[[int], str]:
    try:
        function = getattr(ctypes.CDLL(library), name)
    except AttributeError:
        pytest.skip(f"{name} is inside of this Python")
    function.restype, function.argtypes = ctypes.c_char_p, [ctypes.c_long]
    return lambda number: str(function(number).decode())


def said(placed: Entry, word: str) -> set[int]:
    return {int(name.removeprefix(word)) for name in placed.row.aliases if re.fullmatch(rf"{word}-?\d+", name)}


@each("name", lambda: [name for name in dir(errno) if row("os", name) and name not in SAID_BY_OTHERS])
def test_the_text_of_this_system_for_an_error_finds_its_row(name: str) -> None:
    assert row("os", os.strerror(getattr(errno, name))) is row("os", name)


@each("entry", lambda: [entry for entry in rows.of("transport", "os")() if entry.key not in NOT_ON_WINDOWS], ids=rows.named)
def test_windows_has_the_names_and_numbers_of_bsd_but_for_a_prefix_and_ten_thousand(entry: Entry) -> None:
    connecting, _, name = entry.key.rpartition(" ")
    before = f"{connecting} ".lstrip()
    (number,) = (number for number in said(entry, f"{before}errno ") if number > LIKE_WINDOWS)
    names = {ON_WINDOWS.get(name, f"WSA{name.removeprefix('WSA')}"), f"errno {number}"}
    if number - LIKE_WINDOWS <= LAST_OF_BSD:
        names.add(f"errno {number - LIKE_WINDOWS}")

    assert {row("os", f"{before}{name}") for name in names} == {entry}


TRANSLATED = {
    "ECONNREFUSED": "Connection refused",
    "ECONNRESET": "Connection reset by peer",
    "EPIPE": "Broken pipe",
    "ETIMEDOUT": "Connection timed out",
    "EHOSTUNREACH": "No route to host",
    "ENETUNREACH": "Network is unreachable",
    "EAI_NONAME": "Name or service not known",
    "EAI_AGAIN": "Temporary failure in name resolution",
}


@pytest.mark.parametrize(
    "language", ["de", "fr", "es", "it", "ru", "pl", "pt_BR", "nl", "zh_CN", "ja", "ko", "tr", "uk", "cs", "sv"]
)
def test_the_texts_of_the_c_library_in_another_language_find_their_rows(language: str) -> None:
    try:
        words = gettext.translation("libc", languages=[language], localedir="/usr/share/locale")
    except FileNotFoundError:
        pytest.skip("this system has no translations of its C library")
    found = {name: row("dns" if name.startswith("EAI") else "os", words.gettext(said)) for name, said in TRANSLATED.items()}
    known = {name: entry.key for name, entry in found.items() if entry is not None}
    assert known == {name: name for name in known}
    # Other versions of the library have some other translations.
    assert len(known) >= len(TRANSLATED) / 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks the C library by its name on Linux")
@each("name", sorted(name for name in dir(socket) if name.startswith("EAI_") and name != "EAI_OVERFLOW"))
def test_the_text_of_the_resolver_for_a_code_finds_its_row(name: str) -> None:
    text = library_function(None, "gai_strerror")(getattr(socket, name))
    assert row("dns", text) is row("dns", name)


@each(("number", "name"), [pair for pair in pycares.errno.errorcode.items() if pair[0]])
def test_the_text_of_c_ares_for_a_number_finds_its_row(number: int, name: str) -> None:
    if name not in SAID_BY_OTHERS:
        assert row("dns", str(pycares.errno.strerror(number))) is row("dns", name)


@each("entry", beginning("tls", "X509_V_ERR_"), ids=rows.named)
def test_the_text_of_openssl_for_a_result_of_verification_finds_its_row(entry: Entry) -> None:
    text_of = library_function(getattr(_ssl, "__file__", None), "X509_verify_cert_error_string")
    numbers = [number for number in said(entry, "verify ") if f"verify {number}" not in VERIFY_OTHER_VERSIONS]

    assert numbers
    assert {row("tls", text_of(number)) for number in numbers} == {entry}


@pytest.mark.skipif(not hasattr(_ssl, "err_names_to_codes"), reason="Python shows its list of names only before 3.13")
@each("entry", rows.of("transport", "tls"), ids=rows.named)
def test_the_names_of_openssl_are_those_that_python_knows(entry: Entry) -> None:
    names = {name for name in (entry.key, *entry.row.aliases) if re.fullmatch("[A-Z][A-Z0-9_]+", name)}
    known = _ssl.err_names_to_codes.keys() | OPENSSL_OTHER_VERSIONS

    assert {name for name in names if not name.startswith("X509_V_")} <= known


@each(("key", "text"), [(key, text) for system in ELSEWHERE.values() for key, texts in system.items() for text in texts])
def test_what_another_system_says_finds_its_row(key: str, text: str) -> None:
    found = rows.table("transport").find(None, text)
    assert found is not None
    assert found[0].key == key


@each("entry", beginning("os", "connect: "), ids=rows.named)
def test_what_is_said_while_connecting_is_what_is_said_otherwise(entry: Entry) -> None:
    plain = rows.table("transport").rows["os", entry.key.removeprefix("connect: ")].row.aliases
    connecting = entry.row.aliases
    said_before = {name.removeprefix("connect: ") for name in connecting}

    assert said_before <= set(plain)
    assert {name for name in plain if name.startswith(("errno", "WSA"))} <= said_before


@each("entry", beginning("dns", "EAI_"), ids=rows.named)
def test_a_code_of_getaddrinfo_has_its_numbers_on_bsd_and_windows(entry: Entry) -> None:
    # Those of Linux are negative, and can be asked of it.
    assert {number for number in said(entry, "eai ") if number > 0} == EAI_NUMBERS[entry.key]
