"""
Observe errors of the layers below the protocols: sockets, TLS, DNS and the runtime, as exceptions and as text.

An exception is recognised by its class and by the number or word that it carries: `errno`, `reason`, `verify_code`. Its text is
read only if these are missing. A form must match the whole text: Python's `[Errno 111] Connect call failed (…)` and
`[SSL: REASON] …`, Go's `dial tcp address: …`, Rust's `… (os error 111)`, Node's `connect ECONNREFUSED …`. The table defines the
meaning of a code and its spellings: `errno 61` is a number as one operating system reports it, and `connect: X` is the error X
while connecting.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import lru_cache

from errnorm.error import Params, Signal
from errnorm.exceptions import ReportedException, attribute, class_names, message_of
from errnorm.regex import regex
from errnorm_adapters.http import CLOSED, HANDSHAKES, REQUESTS, observe_close, observe_handshake, observe_request

__all__ = ["observe"]

_Family = tuple[tuple[str, str], ...]
_Reader = Callable[[object, _Family, str], Signal | None]

# A tuple, because Python would rebuild a union for each error.
_EXCEPTIONS = (BaseException, ReportedException)
_LONGEST_TEXT = 4096
_MOST_NUMBERS = 1_000_000

_TLS_CLASSES = frozenset(
    {
        "ssl.SSLError",
        "ssl.SSLCertVerificationError",
        "ssl.CertificateError",
        "ssl.SSLEOFError",
        "ssl.SSLSyscallError",
        "ssl.SSLWantReadError",
        "ssl.SSLWantWriteError",
        "ssl.SSLZeroReturnError",
    }
)
_DNS_CLASSES = frozenset({"socket.gaierror", "socket.herror", "_socket.gaierror", "_socket.herror"})
_ARES_CLASSES = frozenset({"aiodns.error.DNSError", "pycares.AresError"})
# Subclasses are listed too: a reported exception may lack the names of its base classes.
_OS_CLASSES = frozenset(
    {
        "builtins.OSError",
        "builtins.BlockingIOError",
        "builtins.BrokenPipeError",
        "builtins.ConnectionAbortedError",
        "builtins.ConnectionError",
        "builtins.ConnectionRefusedError",
        "builtins.ConnectionResetError",
        "builtins.InterruptedError",
        "builtins.PermissionError",
        "builtins.TimeoutError",
        "socket.timeout",
    }
)
_DNSPYTHON = "dns."
_PYOPENSSL = "OpenSSL.SSL.Error"
_RUNTIME_MODULES = ("asyncio.", "concurrent.futures.", "aiohttp.", "websockets.", "OpenSSL.")
# The runtime raises these classes with texts that are more precise than the class. For all others the class is more precise.
_SAID_IN_TEXT = frozenset({"builtins.OSError", "builtins.ConnectionAbortedError"})

_NUMBERED = regex(r"\[(?P<kind>[Ee]rrno|WinError) (?P<number>-?[0-9]{1,6})\] (?P<rest>.*)")
_CONNECTING = regex(r"(?:\[Errno -?[0-9]+\] )?Connect call failed .*|Cannot connect to host \S+ ssl:\S+ \[.*\]")
_ADDRESS = regex(r"\('(?P<host>[^']{1,255})', (?P<port>[0-9]{1,5})[,)]")
_QUOTES = ("'", '"')
_NAMES_A_FILE = regex(r"\[Errno [0-9]+\] [^:]*: ['\"].*['\"]")
_BINDING = regex(r"error while attempting to bind on address (?P<address>\(.*\)): (?:\[errno [0-9]+\] )?(?P<rest>[a-z ]+)")
_SEVERAL = regex(r"Multiple exceptions: (?:.*, )?(?P<last>\[Errno -?[0-9]+\] .*)")

_OPENSSL = regex(
    r"\[(?:SSL|X509|PEM|RSA|EC|EVP|ASN1|CONF|BIO|SYS|CRYPTO)(?:: (?P<reason>[A-Z0-9_/]+))?\] "
    r"(?P<rest>.*?)(?: \(_ssl\.c:[0-9]+\))?"
)
_SSL_MODULE = regex(r"(?:_ssl\.c:[0-9]+: )(?P<before>.*)|(?P<after>.*) \(_ssl\.c:[0-9]+\)")
_ARES = regex(r"\((?P<number>[0-9]{1,2}), ['\"].*['\"]\)")

_GO = regex(
    r"(?P<operation>dial|read|write|accept|listen) (?:tcp|udp|unix)[46]?(?: (?P<address>\S+))?: "
    r"(?:(?:connect|connectex|read|write|wsarecv|wsasend|accept|bind|listen|socket|getsockopt|setsockopt): )?(?P<rest>.*)"
)
_GO_LOOKUP = regex(r"(?:dial (?:tcp|udp)[46]?: )?lookup (?P<host>\S+)(?: on \S+)?: (?P<rest>.*)")
_RUST = regex(r"(?P<rest>.*) \(os error (?P<number>[0-9]{1,6})\)")
_NODE = regex(r"(?:Error: )?(?P<operation>connect|read|write|getaddrinfo) (?P<rest>E[A-Z_]+)(?: (?P<address>\S+))?")
_RAISED = regex(r"(?P<name>(?:[A-Za-z_]\w*\.)*[A-Z]\w*)(?:: (?P<rest>.*))?")


def observe(error: object) -> Signal | None:
    """
    Observe one exception or one text of the layers below a protocol.

    Args:
        error: An exception, live or reported, or a text. Anything else gives `None`.

    Returns:
        The signal; `None` if the error does not belong to these layers.
    """
    if type(error) is str:
        return _of_text(error[:_LONGEST_TEXT].strip())
    try:
        return _of_object(error)
    except Exception:  # noqa: BLE001 - a foreign exception can raise anything
        return None


def _of_object(error: object) -> Signal | None:
    if isinstance(error, _EXCEPTIONS):
        found = _known(class_names(error))
        if found is None:
            return None
        reader, family = found
        text = message_of(error)
        return reader(error, family, text) or (_of_class(error, family, text) if reader in _OF_HTTP else None)
    if isinstance(error, bytes):
        error = bytes.decode(error[:_LONGEST_TEXT], "utf-8", "replace")
    return _of_text(str.__str__(error)[:_LONGEST_TEXT].strip()) if isinstance(error, str) else None


@lru_cache(maxsize=1024)
def _known(names: tuple[str, ...]) -> tuple[_Reader, _Family] | None:
    """Return the reader for an exception with these classes, and the family: the nearest class that has a row counts."""
    for classes, section, reader in _READERS:
        if not classes.isdisjoint(names):
            family = tuple((part, name) for name in names for part in (section, "python") if not name.endswith("Exception"))
            return reader, family
    if names[0].startswith(_DNSPYTHON):
        return _of_dnspython, tuple(("dns", name) for name in names)
    if _PYOPENSSL in names:
        return _of_pyopenssl, tuple(("python", name) for name in names)
    if names[0].startswith(_RUNTIME_MODULES) or "builtins.EOFError" in names:
        return _of_class, tuple(("python", name) for name in names)
    return None


def _of_dnspython(_error: object, family: _Family, text: str) -> Signal:
    return Signal("transport", "dns", None, text, family=family)


def _of_pyopenssl(error: object, family: _Family, text: str) -> Signal:
    """Read the queue of OpenSSL's errors that pyOpenSSL raises: `[(library, function, reason), …]`."""
    arguments = attribute(error, "args")
    match arguments:
        case [[[_, _, str(reason)], *_], *_] if reason:
            return Signal("transport", "tls", reason.upper().replace(" ", "_"), reason, family=family)
        case _:
            return _of_class(error, family, text)


def _of_class(_error: object, family: _Family, text: str) -> Signal:
    return Signal("transport", None, None, text, family=family, params=_address(text))


def _of_os(error: object, family: _Family, text: str) -> Signal | None:
    # An error that names a file is about that file and not about a connection.
    if attribute(error, "filename") is not None or (text.endswith(_QUOTES) and _NAMES_A_FILE.fullmatch(text)):
        return None
    number = _number(error, "errno")
    if number is not None:
        # A live exception was raised on this system, which can name the number. A reported number may come from any system.
        live = not isinstance(error, ReportedException)
        return _numbered((errno.errorcode.get(number) if live else None) or _named("errno", number), family, text)
    if family[0][1] in _SAID_IN_TEXT or _NUMBERED.fullmatch(text):
        signal = _of_form(text) or Signal("transport", None, text, text)
        signal.family += family
        return signal
    return _of_class(error, family, text)


def _number(error: object, name: str) -> int | None:
    # No system has larger numbers, and str() of a huge int can raise.
    number = attribute(error, name)
    return number if type(number) is int and abs(number) < _MOST_NUMBERS else None


def _named(kind: str, number: int) -> str:
    # Negative numbers come from getaddrinfo. Winsock's numbers (from 10000 on) are the same as `Errno` and as `WinError`. Other
    # numbers of Windows collide with those of Linux, so they get a prefix of their own.
    if number < 0:
        return f"eai {number}"
    return f"winerror {number}" if kind == "WinError" and number < 10_000 else f"errno {number}"  # noqa: PLR2004 - WSABASEERR


def _numbered(code: str, family: _Family, text: str) -> Signal:
    section = "dns" if code.startswith("eai") else "os"
    if section == "os" and " c" in text and _CONNECTING.fullmatch(text):
        code, family = f"connect: {code}", (("os", code), *family)
    return Signal("transport", section, code, text, family, params=_address(text))


def _address(text: str) -> Params | None:
    found = _ADDRESS.search(text) if "('" in text else None
    return None if found is None else {"address": f"{found['host']}:{found['port']}"}


def _of_tls(error: object, family: _Family, text: str) -> Signal:
    reason, result = attribute(error, "reason"), _number(error, "verify_code")
    if result:
        return Signal("transport", "tls", f"verify {result}", text, family=(("tls", "CERTIFICATE_VERIFY_FAILED"), *family))
    if isinstance(reason, str):
        return Signal("transport", "tls", reason, text, family=family)
    signal = _of_openssl(text) or Signal("transport", "tls", text.removesuffix("."), text)
    signal.family += family
    return signal


def _of_dns(error: object, family: _Family, text: str) -> Signal:
    number = _number(error, "errno")
    if number is None and (match := _NUMBERED.fullmatch(text)):
        number = int(match["number"])
    kind = "herror" if family[0][1].endswith("herror") else "eai"
    return Signal("transport", "dns", text if number is None else f"{kind} {number}", text, family=family)


def _of_ares(_error: object, family: _Family, text: str) -> Signal:
    # The number is the first argument, and str() shows all of them: (4, 'Domain name not found').
    match = _ARES.fullmatch(text)
    return Signal("transport", "dns", text if match is None else f"ares {match['number']}", text, family=family)


_OF_HTTP = (observe_handshake, observe_request, observe_close)
_READERS: tuple[tuple[frozenset[str], str, _Reader], ...] = (
    (HANDSHAKES, "python", observe_handshake),
    (REQUESTS, "python", observe_request),
    (CLOSED, "python", observe_close),
    (_TLS_CLASSES, "tls", _of_tls),
    (_DNS_CLASSES, "dns", _of_dns),
    (_ARES_CLASSES, "dns", _of_ares),
    (_OS_CLASSES, "os", _of_os),
)


def _of_text(text: str) -> Signal | None:
    if not text or "\n" in text:
        return None
    return _of_raised(text) or _of_form(text) or Signal("transport", None, text.removesuffix("."), text)


def _of_form(text: str) -> Signal | None:
    return next((signal for form in _FORMS if (signal := form(text)) is not None), None)


def _of_raised(text: str) -> Signal | None:
    """Read the last line of a traceback: `ConnectionRefusedError: [Errno 111] …`."""
    match = _RAISED.fullmatch(text)
    if match is None:
        return None
    name = match["name"] if "." in match["name"] else f"builtins.{match['name']}"
    return observe(ReportedException((name,), match["rest"] or ""))


def _of_numbered(text: str) -> Signal | None:
    match = _NUMBERED.fullmatch(text)
    if match is None or _NAMES_A_FILE.fullmatch(text):
        return None
    if binding := _BINDING.fullmatch(match["rest"]):
        return Signal("transport", "os", binding["rest"], text, params=_address(text))
    signal = _numbered(_named(match["kind"], int(match["number"])), (), text)
    if _CONNECTING.fullmatch(match["rest"]):
        return signal
    # macOS numbers failed name look-ups from 1 on, like errors of the system, so the text is matched before the number.
    code = signal.code or ""
    return Signal("transport", None, match["rest"].removesuffix("."), text, family=(("os", code), ("dns", code)))


def _of_several(text: str) -> Signal | None:
    # The text lists one exception for each address that was tried; the last one counts.
    match = _SEVERAL.fullmatch(text)
    return None if match is None else _of_numbered(match["last"])


def _of_openssl(text: str) -> Signal | None:
    match = _OPENSSL.fullmatch(text)
    if match is None:
        plain = _SSL_MODULE.fullmatch(text)
        return None if plain is None else Signal("transport", "tls", plain["before"] or plain["after"], text)
    rest = match["rest"]
    if rest.startswith("certificate verify failed: "):
        said = rest.removeprefix("certificate verify failed: ").removesuffix(".")
        return Signal("transport", "tls", said, text, family=(("tls", "CERTIFICATE_VERIFY_FAILED"),))
    reason = (match["reason"] or rest.upper().replace(" ", "_")).replace("SSL/TLS_", "SSLV3_")
    return Signal("transport", "tls", reason, text, family=(("tls", "ssl.SSLError"),))


def _of_go(text: str) -> Signal | None:
    lookup = _GO_LOOKUP.fullmatch(text)
    if lookup is not None:
        return _while("dial", lookup["rest"], text, {"host": lookup["host"]})
    match = _GO.fullmatch(text)
    if match is None:
        return None
    rest = match["rest"].removesuffix(".")
    params: Params | None = {"address": match["address"]} if match["address"] else None
    return _while(match["operation"], rest, text, params)


def _while(operation: str, code: str, text: str, params: Params | None) -> Signal:
    if operation not in {"dial", "connect"}:
        return Signal("transport", None, code, text, params=params)
    family = tuple((section, code) for section in ("os", "tls", "dns", "python"))
    return Signal("transport", None, f"connect: {code}", text, family=family, params=params)


def _of_rust(text: str) -> Signal | None:
    match = _RUST.fullmatch(text)
    if match is None:
        return None
    return Signal("transport", None, match["rest"].rpartition(": ")[2], text, family=(("os", f"errno {match['number']}"),))


def _of_node(text: str) -> Signal | None:
    match = _NODE.fullmatch(text)
    if match is None:
        return None
    return _while(match["operation"], match["rest"], text, {"address": match["address"]} if match["address"] else None)


_FORMS: tuple[Callable[[str], Signal | None], ...] = (_of_several, _of_numbered, _of_openssl, _of_go, _of_rust, _of_node)
