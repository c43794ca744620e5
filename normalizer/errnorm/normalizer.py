"""
Observe and judge in one call: from anything raw to a `NormalizedError`.

Who is asked, and in which order, is decided here and nowhere else. An exception is asked link by link, the outermost first;
of each link every adapter is asked, the one of the given protocol first. The first link that a row knows is the error, but
one whose row says that it merely wraps gives way to what it wraps. Anything else (text, bytes, documents, elements) is asked
of the given protocol and of the tables that lie under every protocol; if no protocol is given, of all.
"""

from __future__ import annotations

import logging
from itertools import islice
from typing import TYPE_CHECKING, cast

from errnorm import plugins
from errnorm.engine import Engine
from errnorm.error import NormalizedError, Signal, unknown
from errnorm.exceptions import ReportedException, as_builtin, causes, class_names, message_of, said_by_system

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from errnorm.error import Adapter

__all__ = ["Normalizer", "unjudged"]

_log = logging.getLogger("errnorm")

_EXCEPTIONS = (BaseException, ReportedException)
_BYTES = (bytes, bytearray, memoryview)
_LETTERS = (str, *_BYTES)
# Larger than anything an adapter reads to its end, so that nobody's time grows with what a peer sends.
_MOST = 2**20
_DEEPEST_IMPORT = 256
_LONGEST_TEXT = 4096
_LONGEST_REMEMBERED = 256
_MOST_REMEMBERED = 1024


class Normalizer:
    """
    Turns raw errors into normalized ones, with the installed adapters and tables.

    Tables are loaded when they are first needed, and only for the protocols that are. If an overlay cannot be used, that is
    said once through the standard library's logger `errnorm`, and the built-in rows are used without it; who wants to hear
    of it before anything fails calls `load`.
    """

    def __init__(self, overlays: Iterable[str | Path] | None = None) -> None:
        """
        Prepare, without loading anything.

        Args:
            overlays: Files with rows of your own; those named in `ERRNORM_TABLES` if not given.
        """
        self._overlays = plugins.overlay_paths(overlays)
        self._points = plugins.adapters()
        self._adapters: dict[str, Adapter | None] = {}
        self._engines: dict[str, Engine | None] = {}
        self._broken: set[str] = set()
        self._orders: dict[str | None, tuple[str, ...]] = {}
        self._remembered: dict[_Key, NormalizedError] = {}
        self._exhausted = 0

    def normalize(self, raw: object, protocol: str | None = None) -> NormalizedError:
        """
        Say what an error means. Pure, and never raises.

        Args:
            raw: An exception, text or bytes from the wire or a log, a parsed XML element, or a decoded JSON document.
            protocol: `"nats"` or `"xmpp"` where the caller knows it: a bare text can be right in one and wrong in another.

        Returns:
            The error; its category is `unknown` if nothing knows it.
        """
        # A storm repeats itself: what says the same gives the same error, which nobody changes.
        key: _Key | None = None
        error = None
        try:
            if type(raw) is str:
                key = (raw, protocol) if len(raw) <= _LONGEST_REMEMBERED else None
            elif issubclass(type(raw), OSError):
                key = _key(raw, protocol)
            if key is not None:
                error = self._remembered.get(key)
        except Exception:  # noqa: BLE001 - a protocol that is no text, and cannot be looked up, or no room left to look
            return unjudged(protocol)
        if key is None:
            return self._safely(raw, protocol)
        if error is None:
            before = self._exhausted
            error = self._safely(raw, protocol)
            if type(raw) is str:  # of an exception what it wraps may have decided, and that is no part of the key
                self._remember(key, error, before)
        return error

    def _remember(self, key: _Key, error: NormalizedError, exhausted: int) -> None:
        if self._exhausted != exhausted:
            return  # there was no room left to find out; the next time there may be
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[key] = error

    def _safely(self, raw: object, protocol: str | None) -> NormalizedError:
        try:
            if issubclass(type(raw), _LETTERS):
                raw = _bounded(raw)
            order = self._orders.get(protocol) or self._order(protocol)
            # Nearly always whoever is asked first knows the error as it stands, and nobody else needs asking.
            error = self._ask(order[0], raw) if order else None
            if error is None or not error.judgement.final:
                error = self._ask_around(raw, protocol, order, error) or _nobody_knows(raw, protocol)
            return error if error.protocol == protocol else self._under(protocol, error)
        except MemoryError:
            raise
        except Exception as failure:  # noqa: BLE001 - an object can lie even about its class
            if isinstance(failure, RecursionError):
                self._exhausted += 1
            return unjudged(protocol)

    def _under(self, protocol: str | None, error: NormalizedError) -> NormalizedError:
        """Say that it happened under a protocol, if it is of a layer below all of them."""
        return error.under(protocol) if protocol is not None and self._underlies(error.protocol) else error

    def engine(self, protocol: str) -> Engine | None:
        """Return the engine of a protocol, loading its table if that has not been done; `None` if it cannot be loaded."""
        if protocol not in self._engines:
            self._engines[protocol] = self._load_engine(protocol)
        return self._engines[protocol]

    def prepare(self) -> None:
        """Load all adapters and tables now, without raising: what cannot be used is said as it is in `normalize`."""
        for name in self._points:
            self._ask(name, None)
        for protocol in plugins.protocols():
            self.engine(protocol)

    def load(self) -> None:
        """
        Load all tables now.

        Raises:
            TableError: If a table or an overlay cannot be used; the message names file, line and path.
        """
        for protocol in dict.fromkeys([*plugins.protocols(), *plugins.overlaid(self._overlays)]):
            self._engines[protocol] = Engine(plugins.load_table(protocol, self._overlays))

    def _load_engine(self, protocol: str) -> Engine | None:
        _needs_room()
        for overlays in (self._overlays, []) if self._overlays else ([],):
            try:
                return Engine(plugins.load_table(protocol, overlays))
            except (MemoryError, RecursionError):
                raise  # it says nothing about the table
            except Exception as error:  # noqa: BLE001 - nothing may reach the application's error handler
                _log.error("errnorm: the table of %s cannot be used: %s", protocol, error)
        return None

    def _ask_around(
        self, raw: object, protocol: str | None, order: tuple[str, ...], first: NormalizedError | None
    ) -> NormalizedError | None:
        if issubclass(type(raw), _EXCEPTIONS):
            best = self._best_of_link(raw, protocol, order[1:], first)
            if best is None or not best.judgement.final:
                # Whoever was asked of the whole is asked of what it wraps.
                for link in islice(causes(raw), 1, None):
                    best = self._best_of_link(link, protocol, order, best)
                    if best is not None and best.judgement.final:
                        break
        elif protocol is not None and first is not None and first.signal.section is not None:
            return first  # it is of that protocol by its form, and nobody else has words of that form
        else:
            others = order[1:] if protocol is None else [name for name in order[1:] if self._underlies(name)]
            best = self._best(raw, others, first)
        # Words that nobody knows are nobody's, unless the caller says whose they are.
        return None if best is None or (_rank(best) == _WORDS and best.protocol != protocol) else best

    def _best_of_link(
        self, link: object, protocol: str | None, names: Iterable[str], best: NormalizedError | None
    ) -> NormalizedError | None:
        key = _key(link, protocol) if issubclass(type(link), OSError) else None
        if key is None:
            return self._best(link, names, best)
        answer = self._remembered.get(key)
        if answer is None:
            before = self._exhausted
            answer = self._best(link, names, best)
            # What is final depends on this link alone, whatever it wraps and whoever wraps it.
            if answer is not None and answer.judgement.final:
                answer = self._under(protocol, answer)
                self._remember(key, answer, before)
        return answer

    def _best(self, link: object, names: Iterable[str], best: NormalizedError | None) -> NormalizedError | None:
        """Ask adapters until one knows the error for good; otherwise the best there is, earlier answers before later ones."""
        for name in names:
            answer = self._ask(name, link)
            if answer is None:
                continue
            if answer.judgement.final:
                return answer
            if best is None or _rank(answer) > _rank(best):
                best = answer
        return best

    def _order(self, protocol: str | None) -> tuple[str, ...]:
        order = self._orders.get(protocol)
        if order is None:
            if not isinstance(cast("object", protocol), str | None):
                raise TypeError  # the answer is that nothing is known
            order = tuple(sorted(self._points, key=lambda name: name != protocol))
            # Protocols are few; what a caller makes up must not be kept.
            if protocol is None or protocol in self._points:
                self._orders[protocol] = order
        return order

    def _ask(self, name: str, link: object) -> NormalizedError | None:
        try:
            adapter = self._adapters.get(name) or self._adapter(name)
            signal = None if adapter is None else adapter(link)
            if signal is None:
                return None
            engine = self._engines.get(signal.protocol) or self.engine(signal.protocol)
            return None if engine is None else engine.judge(signal)
        except MemoryError:
            raise
        except RecursionError:
            self._exhausted += 1
            return None
        except Exception as error:  # noqa: BLE001 - an adapter of a stranger can raise anything, and return anything
            self._say_once(name, error)
            return None

    def _say_once(self, name: str, error: Exception) -> None:
        # Errors come in storms, and a broken adapter would fail for each of them.
        if name not in self._broken:
            self._broken.add(name)
            _log.error("errnorm: the adapter of %s failed: %s (said once)", name, type(error).__name__)

    def _adapter(self, name: str) -> Adapter | None:
        if name not in self._adapters:
            _needs_room()
            try:
                self._adapters[name] = plugins.load_adapter(self._points[name])
            except (MemoryError, RecursionError):
                raise  # it says nothing about the adapter
            except Exception:
                self._adapters[name] = None
                raise
        return self._adapters[name]

    def _underlies(self, protocol: str | None) -> bool:
        engine = None if protocol is None else self.engine(protocol)
        return engine is not None and engine.table.underlies


def _needs_room(levels: int = _DEEPEST_IMPORT) -> None:
    # A library whose import ends for want of stack may stay half imported, and fail for good. So room is made sure of before.
    if levels:
        _needs_room(levels - 1)


# What was said, and the protocol. Of an exception of the system: its class, its number and its words.
_Key = tuple["str | tuple[type, int, str]", "str | None"]


def _key(error: object, protocol: str | None) -> _Key | None:
    said = said_by_system(cast("OSError", error))
    return None if said is None or len(said[2]) > _LONGEST_REMEMBERED else (said, protocol)


_WORDS, _SECTION, _WRAPPER = range(3)


def _rank(answer: NormalizedError) -> int:
    """Rank what is not final: words of nobody knows where, a section in which no row knows it, a row that merely wraps."""
    if answer.row is not None:
        return _WRAPPER
    return _WORDS if answer.signal.section is None else _SECTION


# Made before it is needed: that may be where there is hardly any stack left.
_NOBODY = unknown(None)


def unjudged(protocol: str | None) -> NormalizedError:
    """Return an error of which nothing is known, with as little work as possible."""
    named = as_builtin(protocol)
    error = NormalizedError(_NOBODY, Signal(""))
    error.protocol = named if isinstance(named, str) else None
    return error


def _nobody_knows(raw: object, protocol: str | None) -> NormalizedError:
    return NormalizedError(unknown(protocol), Signal(protocol or "", text=_described(raw)))


def _bounded(raw: object) -> object:
    raw = as_builtin(raw)  # a subclass can lie about its letters, its length and its hash
    if type(raw) is str:
        return raw[:_MOST]
    return raw if len(raw) <= _MOST else bytes(memoryview(raw).cast("B")[:_MOST])  # type: ignore[arg-type] # bytes, or a view of some


def _described(raw: object) -> str:
    if isinstance(raw, str):
        return raw[:_LONGEST_TEXT]
    if issubclass(type(raw), _BYTES):
        return bytes(raw)[:_LONGEST_TEXT].decode("utf-8", "backslashreplace")  # type: ignore[call-overload, no-any-return] # as above
    if issubclass(type(raw), _EXCEPTIONS):
        return f"{class_names(raw)[0]}: {message_of(raw)}"[:_LONGEST_TEXT]
    return class_names(raw)[0]
