"""
The normalizer turns any raw error into a `NormalizedError`: an adapter reads it, and an engine judges it.

This module alone decides which adapters are called, and in which order. An error takes these steps:

1. A known result is returned at once: for a `NormalizedError`, for an exception that a guard has marked, and for a short text or
   a small exception that was judged before. For the last two there is a cache of 1024 results, because errors come in storms
   that repeat the same text, and then one look-up is enough (0.3 µs instead of 4 to 40). A new text of a shape that was judged
   before gets the judgement of that shape (`errnorm.tables.shape`).
2. Each member of an exception group is judged. The result is that of the member with the most restricted retry (`forbids`).
3. Any other exception is judged along its chain: first the exception, then each explicit cause. The first exception for which
   there is a row is the result. If the row says that the class is only a wrapper (`wraps` in the table), its cause is judged
   instead, or, without a cause, its context.
4. Text, bytes, documents and elements are judged as they are. If the caller names a protocol, its adapter is called, and those
   of the layers below every protocol (TLS, DNS, the operating system); otherwise all adapters are called.
5. Each adapter returns a `Signal` or `None`, and the engine of the signal's protocol judges the signal. If no row matches, the
   best partial result is returned (`_rank`).

An error that no adapter recognises belongs neither to NATS nor to XMPP: the result is `unknown`, and `claimed` is false.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING, Final, Literal

from errnorm import plugins
from errnorm.bounded import BoundedCache
from errnorm.engine import Engine
from errnorm.error import Likeness, NormalizedError, Signal
from errnorm.exceptions import (
    ReportedException,
    as_builtin,
    attribute,
    class_names,
    content_of,
    inner_causes,
    interrupts_of,
    is_a,
    leaves_of,
    message_of,
)
from errnorm.judgement import unknown
from errnorm.marks import mark_of
from errnorm.tables.shape import shape_of
from errnorm.taxonomy import Effect, Recovery

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable
    from pathlib import Path

    from errnorm.adapters import Adapter

__all__ = ["Normalizer", "default_normalizer", "forbids", "unjudged"]

# The shape of a text, and the protocol that the caller named.
_Shape = tuple["bytes | None", "str | None"]

_log = logging.getLogger("errnorm")

_EXCEPTIONS = (BaseException, ReportedException)
_BYTES = (bytes, bytearray, memoryview)
_LETTERS = (str, *_BYTES)
# A limit, so that the time for one error does not grow with the size of what a peer sends. No adapter needs more than this.
_MOST_RAW = 2**20
_LONGEST_TEXT = 4096
_LONGEST_REMEMBERED = 256


# The form of a raw error, according to its class. Not an enumeration, because reading a member of one costs as much as a look-up.
_Form = Literal["exception", "normalized", "text", "other"]
_EXCEPTION: Final = "exception"
_NORMALIZED: Final = "normalized"
_TEXT: Final = "text"
_OTHER: Final = "other"

# Four class checks cost more than the rest of a look-up, so their result is cached.
_forms: BoundedCache[type, _Form] = BoundedCache(1024)


def _form(kind: type) -> _Form:
    if issubclass(kind, _EXCEPTIONS):
        return _EXCEPTION
    if issubclass(kind, NormalizedError):
        return _NORMALIZED
    return _TEXT if issubclass(kind, _LETTERS) else _OTHER


class Normalizer:
    """
    Turns raw errors into normalized ones, with the installed adapters and tables.

    A table is loaded when the first error of its protocol appears. If an overlay is not valid, the logger `errnorm` of the
    standard library logs that once, and the built-in rows are used without the overlay; `load` raises instead.
    """

    def __init__(self, overlays: Iterable[str | Path] | None = None) -> None:
        """
        Create a normalizer, without loading adapters or tables.

        Args:
            overlays: Files with rows of your own; the files in `ERRNORM_TABLES` if not given.
        """
        self._overlays = plugins.overlay_paths(overlays)
        self._points = plugins.adapters()
        # The order in which adapters are called for an exception: that of the caller's protocol comes first.
        self._orders: dict[str | None, list[str]] = {None: list(self._points)}
        self._orders |= {one: [one, *(name for name in self._points if name != one)] for one in self._points}
        self._adapters: dict[str, Adapter | None] = {}
        self._engines: dict[str, Engine | None] = {}
        self._broken: set[str] = set()
        self._remembered: BoundedCache[object, NormalizedError] = BoundedCache(1024)
        # The errors of signals that an adapter returns again and again, by identity.
        self._shared: BoundedCache[Signal, NormalizedError] = BoundedCache(1024)
        # Contents (`content_of`) of exceptions that no adapter recognises.
        self._foreign: BoundedCache[object, bool] = BoundedCache(1024)
        # What the texts of one shape have in common, or false if that is nothing; and the shapes that were seen once.
        self._alike: BoundedCache[_Shape, Likeness | Literal[False]] = BoundedCache(1024)
        self._once: BoundedCache[_Shape, bool] = BoundedCache(1024)

    def normalize(self, raw: object, protocol: str | None = None) -> NormalizedError:
        """
        Return what an error means. This method is pure and never raises.

        Args:
            raw: An exception, text or bytes from the wire or a log, a parsed XML element, or a decoded JSON document. A
                `NormalizedError` is returned unchanged; for an exception that a guard has marked, the result is the error in
                the mark.
            protocol: `"nats"` or `"xmpp"` if the caller knows it: the same text can mean different things in the two.

        Returns:
            The normalized error. Its category is `unknown` if no row matches. For an exception group, the result is the error
            of the member whose retry is the most restricted.
        """
        try:
            kind = type(raw)
            if kind is str and len(raw) <= _LONGEST_REMEMBERED:  # type: ignore[arg-type] # it is a str
                key = (raw, protocol)
                return self._remembered.get(key) or self._remembered.remember(key, self._of_text(raw, protocol))  # type: ignore[arg-type]
            form = _forms.get(kind) or _forms.remember(kind, _form(kind))
            if form is _EXCEPTION:
                content = content_of(raw)
                key = (content, protocol)
                known = self._remembered.get(key) or (key in self._foreign and self._of_cause(raw, protocol))
                return known or self._of_exception(raw, protocol, content)
            if form is _NORMALIZED:
                return raw  # type: ignore[return-value] # it is one
            return self._of_raw(_bounded(raw) if form is _TEXT else raw, protocol)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 - a foreign object can raise from anything, and a protocol may not be hashable
            return unjudged(protocol)

    def _of_cause(self, raw: object, protocol: str | None) -> NormalizedError | None:
        """Return the cached error for the cause of an exception that no adapter recognises."""
        return self._remembered.get((content_of(attribute(raw, "__cause__")), protocol))

    def engine(self, protocol: str) -> Engine | None:
        """Return the engine of a protocol, and load its table if needed; `None` if the table cannot be loaded."""
        if protocol not in self._engines:
            self._engines[protocol] = self._load_engine(protocol)
        return self._engines[protocol]

    def prepare(self) -> None:
        """Load all adapters and tables now. Does not raise: one that cannot be loaded is logged, as `normalize` would do."""
        for name in self._points:
            self._ask(name, None)
        for protocol in plugins.protocols():
            self.engine(protocol)

    def load(self) -> None:
        """
        Load all tables now. An installed table that cannot be used is left out, with a warning.

        Raises:
            TableError: If an overlay is not valid; the message names the file, the line and the path in it.
        """
        for protocol in dict.fromkeys([*plugins.protocols(), *plugins.overlaid(self._overlays)]):
            table = plugins.find_table(protocol, self._overlays)
            self._engines[protocol] = None if table is None else Engine(table)

    def _of_exception(self, raw: object, protocol: str | None, content: Hashable) -> NormalizedError:
        mark = mark_of(raw)
        if mark is not None:
            return mark.error
        # An interrupt or a cancellation in a group must not be retried away.
        members = [*leaves_of(raw), *interrupts_of(raw)] if is_a(raw, BaseExceptionGroup) else []
        if members:
            return min((self._of_exception(member, protocol, content_of(member)) for member in members), key=forbids)
        best = self._of_link(raw, protocol, content, None)
        if best is None or not best.judgement.final:
            wraps = best is not None and _rank(best) == _WRAPPER
            best = self._first_known(inner_causes(raw, contexts=wraps), protocol, best)
        return self._answer(best, raw, protocol)

    def _first_known(self, links: Iterable[object], protocol: str | None, best: NormalizedError | None) -> NormalizedError | None:
        for link in links:
            mark = mark_of(link)
            if mark is not None and mark.error.judgement.final:
                return mark.error
            if is_a(link, BaseExceptionGroup) and leaves_of(link):
                return self._of_exception(link, protocol, None)
            best = self._of_link(link, protocol, content_of(link), best)
            if best is not None and best.judgement.final:
                break
        return best

    def _of_link(
        self, link: object, protocol: str | None, content: Hashable, best: NormalizedError | None
    ) -> NormalizedError | None:
        order = self._orders.get(protocol) or self._orders[None]
        if content is None:
            return self._best(link, order, best)
        key = (content, protocol)
        answer = self._remembered.get(key)
        if answer is not None or key in self._foreign:
            return answer or best
        answer = self._best(link, order, None)
        if answer is None:
            self._foreign.remember(key, value=True)
            return best
        if answer.judgement.final:
            return self._remembered.remember(key, self._under(protocol, answer))
        return answer if best is None or _rank(answer) > _rank(best) else best

    def _of_text(self, raw: str, protocol: str | None) -> NormalizedError:
        """Judge a short text; without a call of the adapter, if all texts of its shape have the same judgement."""
        shape = shape_of(raw)
        key = (shape, protocol)
        likeness = self._alike.get(key)
        if likeness:
            error = NormalizedError(likeness.judgement, (raw, likeness))
            error.protocol = likeness.protocol
            return error
        error = self._of_raw(raw, protocol)
        if likeness is None and shape is not None and error.signal.alike and shape != raw.encode():
            # The check costs more than judging the text, so a shape is checked when it comes a second time.
            if key in self._once:
                self._alike.remember(key, self._likeness(error, protocol))
            else:
                self._once.remember(key, value=False)
        return error

    def _likeness(self, error: NormalizedError, protocol: str | None) -> Likeness | Literal[False]:
        """Return what all texts of one shape have in common; false if another text of the shape may mean something else."""
        signal, row = error.signal, error.row
        first = protocol or next(iter(self._points), None)
        engine = self._engines.get(signal.protocol)
        # If no row matches a text, other adapters are called too, unless the caller names the protocol.
        if signal.protocol != first or engine is None or (protocol is None and not error.judgement.final):
            return False
        if not engine.alike(signal, row):
            return False
        return Likeness(error, lambda text: self._of_raw(text, protocol))

    def _of_raw(self, raw: object, protocol: str | None) -> NormalizedError:
        if protocol is None:
            return self._answer(self._best(raw, self._points, None), raw, None)
        best = self._ask(protocol, raw) if protocol in self._points else None
        if best is not None and best.judgement.final and best.protocol == protocol:
            return best
        # A section without a row: the text has the form of that protocol, and no layer below has text of that form.
        if best is None or (best.signal.section is None and not best.judgement.final):
            best = self._best(raw, (name for name in self._points if name != protocol and self._underlies(name)), best)
        return self._answer(best, raw, protocol)

    def _answer(self, best: NormalizedError | None, raw: object, protocol: str | None) -> NormalizedError:
        if best is not None and best.judgement.final:
            return self._under(protocol, best)
        # Text that matches no row is not attributed to a protocol unless the caller named one.
        if best is None or (_rank(best) == _WORDS and best.protocol != protocol):
            return _of_nobody(protocol, Signal("", text=_described(raw)))
        return self._under(protocol, best)

    def _best(self, link: object, names: Iterable[str], best: NormalizedError | None) -> NormalizedError | None:
        """Call adapters until a row matches; otherwise return the best partial result, the earlier one of two equals."""
        for name in names:
            answer = self._ask(name, link)
            if answer is None:
                continue
            if answer.judgement.final:
                return answer
            if best is None or _rank(answer) > _rank(best):
                best = answer
        return best

    def _ask(self, name: str, link: object) -> NormalizedError | None:
        try:
            adapter = self._adapters.get(name) or self._adapter(name)
            signal = None if adapter is None else adapter(link)
            if signal is None:
                return None
            if signal.shared and (known := self._shared.get(signal)) is not None:
                return known
            engine = self._engines.get(signal.protocol) or self.engine(signal.protocol)
            if engine is None:
                return None
            error = engine.judge(signal)
            return self._shared.remember(signal, error) if signal.shared else error
        except (MemoryError, RecursionError):
            raise  # not a fault of this adapter
        except Exception as error:  # noqa: BLE001 - an adapter from elsewhere can raise and return anything
            if name not in self._broken:
                self._broken.add(name)
                _log.error("errnorm: the adapter of %s failed: %s (logged once)", name, type(error).__name__)
            return None

    def _adapter(self, name: str) -> Adapter | None:
        if name not in self._adapters:
            try:
                self._adapters[name] = plugins.load_adapter(self._points[name])
            except (MemoryError, RecursionError):
                raise  # the next call may have enough memory or stack
            except Exception as error:  # noqa: BLE001 - a plug-in can raise anything when it is imported
                self._adapters[name] = None
                plugins.left_out("adapter", self._points[name], error)
        return self._adapters[name]

    def _load_engine(self, protocol: str) -> Engine | None:
        for overlays in (self._overlays, []) if self._overlays else ([],):
            try:
                return Engine(plugins.load_table(protocol, overlays))
            except (MemoryError, RecursionError):
                raise  # the next call may have enough memory or stack
            except Exception as error:  # noqa: BLE001 - `normalize` never raises into the application
                _log.error("errnorm: the table of %s cannot be used: %s", protocol, error)
        return None

    def _underlies(self, protocol: str | None) -> bool:
        engine = None if protocol is None else self.engine(protocol)
        return engine is not None and engine.table.underlies

    def _under(self, protocol: str | None, error: NormalizedError) -> NormalizedError:
        """Return the error with the caller's protocol if it belongs to a layer below all protocols."""
        if type(protocol) is not str or error.protocol == protocol or not self._underlies(error.protocol):
            return error
        return error.under(protocol)


@cache
def default_normalizer() -> Normalizer:
    """Return the normalizer that `errnorm.normalize` uses. It has the installed tables and the overlays of `ERRNORM_TABLES`."""
    return Normalizer()


_WORDS, _SECTION, _WRAPPER = range(3)


def _rank(answer: NormalizedError) -> int:
    """Rank a partial result, from low to high: text without a section, a section without a matching row, a row that wraps."""
    if answer.row is not None:
        return _WRAPPER
    return _WORDS if answer.signal.section is None else _SECTION


def forbids(error: NormalizedError) -> tuple[bool, bool, bool, bool]:
    """
    Return a sort key for the members of a group: the member whose retry is the most restricted has the smallest key.

    Errors that must not be retried come first, and among them those with a row; then redirects; then errors whose operation may
    have taken effect.
    """
    return (
        error.retryable,
        not error.known,
        error.recovery is not Recovery.REDIRECT,
        error.effect is not Effect.UNKNOWN,
    )


def unjudged(protocol: object) -> NormalizedError:
    """Return an unknown error with as little work as possible."""
    return _of_nobody(protocol, Signal(""))


def _of_nobody(protocol: object, signal: Signal) -> NormalizedError:
    named = as_builtin(protocol)
    error = NormalizedError(unknown(None), signal)
    error.protocol = named if isinstance(named, str) else None
    return error


def _bounded(raw: object) -> object:
    raw = as_builtin(raw)
    if type(raw) is str:
        return raw[:_MOST_RAW]
    return raw if len(raw) <= _MOST_RAW else bytes(memoryview(raw).cast("B")[:_MOST_RAW])  # type: ignore[arg-type] # bytes, or a view


def _described(raw: object) -> str:
    if isinstance(raw, str):
        return raw[:_LONGEST_TEXT]
    if issubclass(type(raw), _BYTES):
        return bytes(raw)[:_LONGEST_TEXT].decode("utf-8", "backslashreplace")  # type: ignore[call-overload, no-any-return] # as above
    if issubclass(type(raw), _EXCEPTIONS):
        return f"{class_names(raw)[0]}: {message_of(raw)}"[:_LONGEST_TEXT]
    return class_names(raw)[0]
