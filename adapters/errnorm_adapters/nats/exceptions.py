"""
Observe exceptions of the Python clients of NATS, recognised by the dotted names of their classes.

The class is the code and its base classes are the family, so a class that a later release adds gets the row of its base class.
Three kinds of exceptions carry data that is more precise than their class: exceptions with a JetStream error code, exceptions
with a status, and nats-py's base class, which carries the server's text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from errnorm.bounded import BoundedCache
from errnorm.error import Signal
from errnorm.exceptions import ReportedException, attribute, class_names, message_of
from errnorm.regex import regex
from errnorm_adapters.nats.wire import observe_api_text, observe_error, observe_said, observe_service, observe_status
from errnorm_adapters.transport import observe as observe_transport

if TYPE_CHECKING:
    from errnorm.error import Params

__all__ = ["observe_exception"]

# The classes for errors without a class of their own, in nats-py 2 and before it.
_BARE = ("nats.errors.Error", "nats.aio.errors.NatsError")
_CODED = {"nats.js.errors.APIError", "nats.jetstream.errors.JetStreamError", "natsio.jetstream.errors.APIError"}
# For these classes the status and its description are more precise than the class; for all others the class is more precise.
_GENERAL = {
    *_CODED,
    "nats.js.errors.BadRequestError",
    "nats.js.errors.NotFoundError",
    "nats.js.errors.ServerError",
    "nats.js.errors.ServiceUnavailableError",
}
_STATUS = "nats.client.errors.StatusError"
_SERVICE = {"nats.micro.request.ServiceError", "natsio.micro.errors.ServiceError"}
_SPOKEN = {"nats.js.errors.Error"}
_SLOW = {"nats.errors.SlowConsumerError", "nats.client.errors.SlowConsumerError", "natsio.errors.SlowConsumerError"}
# natsio stores the unchanged text of an -ERR; one class stands for several errors.
_SERVER = "natsio.errors.ServerError"
# natsrpy has only three classes, with the texts of nats.rs inside.
_RUST = "natsrpy.exceptions.NatsrpyBaseError"
_RUST_CODE = regex(r"\(code (\d{3}), error code (\d{5})\)$")

# The packages of all clients, nats-core and nats-jetstream included.
_PACKAGES = ("nats.", "natsio.", "natsrpy.")

# nats-core raises the built-in ConnectionError with one of these prefixes and the text of an -ERR (client/__init__.py connect).
_CORE = ("Authorization failed: ", "Connection error: ")

# The whole texts of built-in exceptions that nats-core raises on its own account (client/__init__.py).
_CORE_WORDS = frozenset(
    {
        "Connection is closed",
        "Expected INFO message",
        "Failed to connect: Expected INFO message",
        "Server did not respond to PING",
    }
)

_Family = tuple[tuple[str, str], ...]
_families: BoundedCache[tuple[str, ...], _Family] = BoundedCache(1024)


def observe_exception(error: object) -> Signal | None:
    """
    Observe an exception.

    Returns:
        The signal; `None` if neither its class nor its text belongs to NATS.
    """
    names = class_names(error)
    family = _families.get(names)
    if family is None:
        family = _remembered(names)
    if not family:
        return _observe_foreign(error, names)
    name = names[0]
    if name in _BARE:
        return _observe_bare(error)
    if len(family) > 1 or name in _GENERAL or name in _SERVICE or name == _STATUS or _has_code(error):
        coded = _observe_coded(error, names, family)
        if coded is not None:
            return coded
    return Signal("nats", "client", name, message_of(error), family=family[1:], params=_params(error, names))


def _remembered(names: tuple[str, ...]) -> _Family:
    family = tuple(("client", name) for name in names if name.startswith(_PACKAGES))
    if family and family[0][1] != names[0]:
        # A subclass that the application defines: its own name is not a code of NATS.
        family = (("client", names[0]), *family)
    return _families.remember(names, family)


def _observe_bare(error: object) -> Signal:
    text = message_of(error)
    if text.startswith("nats: "):
        return observe_said(text, raised=True)
    return Signal("nats", "client", text or class_names(error)[0], text, family=(("error", text),))


def _observe_coded(error: object, names: tuple[str, ...], family: _Family) -> Signal | None:
    if not _GENERAL.isdisjoint(names) or _has_code(error):
        # An exception reported without its attributes still has them in its str().
        return _observe_api(error, family) or observe_api_text(message_of(error))
    if _STATUS in names:
        return _with_status(attribute(error, "status"), attribute(error, "description"), family)
    if not _SERVICE.isdisjoint(names):
        code, said = attribute(error, "code"), attribute(error, "description")
        text = said if isinstance(said, str) else message_of(error)
        return observe_service(str(code)[:16] if isinstance(code, int | str) else text[:3], text, family)
    return _observe_words(message_of(error), names, family)


def _observe_words(text: str, names: tuple[str, ...], family: _Family) -> Signal | None:
    """Observe an exception of a class for many errors, which only its text distinguishes."""
    if _RUST in names:
        return _observe_rust(text, family)
    if _SERVER in names and text:
        return Signal("nats", "error", text, text, family=family)
    if names[0] in _SPOKEN and text.startswith("nats: "):
        return Signal("nats", "client", text, text, family=family)
    return None


def _observe_rust(text: str, family: _Family) -> Signal:
    if (found := _RUST_CODE.search(text)) is not None:
        return Signal("nats", "jetstream", found[2], text, family=(("api", found[1]), *family))
    words = Signal("nats", "client_rust", text, text, family=family)
    return (observe_transport(text) or words) if text.endswith(")") and " (os error " in text else words


def _has_code(error: object) -> bool:
    # A reported exception may lack the names of its base classes.
    return isinstance(error, ReportedException) and isinstance(error.attributes.get("err_code"), int)


def _observe_api(error: object, family: _Family) -> Signal | None:
    code, description = attribute(error, "code"), attribute(error, "description")
    err_code = attribute(error, "err_code") or attribute(error, "error_code")
    if type(err_code) is int:
        text = description if type(description) is str else message_of(error)
        return Signal("nats", "jetstream", str(err_code), text[:4096], family=(("api", str(code)), *family))
    ours = next((name for _, name in family if name.startswith(_PACKAGES)), "")
    return _with_status(code, description, family) if ours in _GENERAL else None


def _with_status(code: object, description: object, family: _Family) -> Signal | None:
    digits = str(code) if isinstance(code, int | str) else ""
    if len(digits) != 3 or not digits.isascii() or not digits.isdigit():  # noqa: PLR2004 - a status has three digits
        return None
    return observe_status(digits, description[:4096] if isinstance(description, str) else "", family)


def _params(error: object, names: tuple[str, ...]) -> Params | None:
    if _SLOW.isdisjoint(names):
        return None
    values = ((name, attribute(error, name)) for name in ("subject", "sid"))
    return {name: value for name, value in values if isinstance(value, str | int)} or None


def _observe_foreign(error: object, names: tuple[str, ...]) -> Signal | None:
    # Only built-in exceptions with exactly one argument can relay NATS text.
    if not names[0].startswith("builtins.") or (isinstance(error, BaseException) and len(error.args) != 1):
        return None
    text = message_of(error)
    if text.startswith("nats: "):
        return observe_said(text)
    if text in _CORE_WORDS:
        return Signal("nats", "client", text, text)
    if "builtins.ConnectionError" in names:
        for words in _CORE:
            if text.startswith(words):
                return observe_error("-ERR" + text[len(words) :])
    return None
