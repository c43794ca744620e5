"""
The two objects that the parts of the library exchange: `Signal` from an adapter to the core, `NormalizedError` from the core.

Both are small slotted objects, because one of each is built for every failure, often for many failures at once. Their contents
are not validated, because the library's own code makes them. Input from people (tables, settings) is validated where it is
loaded.
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING, Any, TypedDict, get_type_hints

from errnorm.advice import advice_for
from errnorm.exceptions import as_builtin
from errnorm.fingerprint import fingerprint_of
from errnorm.tables.kind import Params
from errnorm.tables.pattern import values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from errnorm.judgement import Judgement
    from errnorm.tables.pattern import Captures
    from errnorm.tables.row import Entry
    from errnorm.taxonomy import Category, Effect, Reason, Recovery

__all__ = ["Likeness", "NormalizedError", "Params", "Record", "Signal"]


class Signal:
    """
    The facts of one raw error as an adapter saw it, without a judgement.

    Attributes:
        protocol: The protocol whose table is searched, `"nats"`.

        section: The section of that table, `"error"`. If it is `None`, every section is searched.

        code: The key to look up: a native code, a condition, or a text that still contains its parameters. `None` if only the
            family is known.

        family: Pairs of section and code to look up if no row has the code, the most specific first. A family in a section with
            a `retry_override` also changes the recovery of a row that was found.

        details: Pairs of section and code that refine the row that was found, as an application condition refines a stanza
            error.

        text: The words of the peer or the client library, for people. It is not used for the judgement if there is a code.

        params: Values that the adapter already knows: a queue, an id, a size.

        address: The address to which the peer redirects; not validated.

        closed: Whether the connection has ended, if the adapter has seen it; `None` if it has not, and then the table decides.

        lossy: True if the client library has changed the text (to lower case), so that parameters are not exact.

        retry_after: The pause in seconds that the peer asked for.

        alike: True if the adapter returns the same signal for all raw texts of one shape, except for the values in its code and
            text: digits and double-quoted parts do not change anything else. The adapter is then not called for each of them.

        shared: True if the adapter returns this object again for every raw error with the same facts. It is then judged once.
    """

    __slots__ = (
        "address",
        "alike",
        "closed",
        "code",
        "details",
        "family",
        "lossy",
        "params",
        "protocol",
        "retry_after",
        "section",
        "shared",
        "text",
    )

    def __init__(  # noqa: PLR0913 - a small object that is built on the hot path
        self,
        protocol: str,
        section: str | None = None,
        code: str | None = None,
        text: str | None = None,
        family: tuple[tuple[str, str], ...] = (),
        *,
        details: tuple[tuple[str, str], ...] = (),
        params: Params | None = None,
        address: str | None = None,
        closed: bool | None = None,
        lossy: bool = False,
        retry_after: float | None = None,
        alike: bool = False,
        shared: bool = False,
    ) -> None:
        """Store the facts without validation."""
        self.protocol = protocol
        self.section = section
        self.code = code
        self.text = text
        self.family = family
        self.details = details
        self.params = params
        self.address = address
        self.closed = closed
        self.lossy = lossy
        self.retry_after = retry_after
        self.alike = alike
        self.shared = shared

    def __repr__(self) -> str:
        """Show the attributes that are set."""
        said = ", ".join(
            f"{name}={value!r}" for name in self.__slots__ if (value := getattr(self, name)) not in (None, (), False)
        )
        return f"Signal({said})"


class Record(TypedDict):
    """A normalized error as JSON: the keys of every record that the library writes, in this order."""

    protocol: str | None
    section: str | None
    code: str | None
    category: str
    reason: str
    retryable: bool
    terminal: bool
    recovery: str
    effect: str
    text: str | None
    params: dict[str, str | int | bool]
    address: str | None
    fingerprint: str | None
    tables_version: str


_MOST_PROTOCOLS = 16


def _quoted(text: str | None) -> str:
    if type(text) is not str:
        text = _plain_text(text)
    return "null" if text is None else encode_basestring_ascii(text)


def _written_params(params: Params) -> str:
    if not params:
        return "{}"
    # Most values are strings, for which the general encoder costs four times as much.
    pairs = (f"{_quoted(name)}: {_quoted(value) if type(value) is str else json.dumps(value)}" for name, value in params.items())
    return f"{{{', '.join(pairs)}}}"


def _plain_text(text: str | None) -> str | None:
    if text is None or type(text) is str:
        return text
    # The text can be a subclass of `str`, from an attribute of a foreign class or from a third-party adapter.
    found = as_builtin(text)
    return found if isinstance(found, str) else None


class Likeness:
    """
    What all texts of one shape have in common.

    Attributes:
        judgement: What the table says about these texts.

        fingerprint: Their fingerprint, if no row matches them.

        protocol: The protocol under which they happen.

        read: Reads one of the texts by calling the adapter.
    """

    __slots__ = ("fingerprint", "judgement", "protocol", "read")

    def __init__(self, error: NormalizedError, read: Callable[[str], NormalizedError]) -> None:
        """Store what the error of one text shares with the errors of the others."""
        self.judgement = error.judgement
        self.fingerprint = error.fingerprint
        self.protocol = error.protocol
        self.read = read


# A text for which no adapter was called, and what it shares with the other texts of its shape.
Unread = tuple[str, Likeness]


class NormalizedError:
    """
    One error in the common vocabulary.

    Attributes:
        judgement: What the tables say about this kind of error.

        protocol: The protocol under which the error happened. The caller may name it, for example for an error of TLS.
    """

    __slots__ = ("__weakref__", "_fingerprint", "_params", "_reading", "_signal", "judgement", "protocol")

    def __init__(self, judgement: Judgement, signal: Signal | Unread, reading: Captures | None = None) -> None:
        """
        Combine a judgement and a signal.

        Args:
            judgement: What the tables say about this kind of error.
            signal: The facts that the adapter saw; if the adapter was not called yet, a text and what it shares with the other
                texts of its shape.
            reading: The values that were read from the text.
        """
        self.judgement = judgement
        self.protocol = judgement.protocol
        self._signal = signal
        self._reading = reading
        self._params: Params | None = None
        self._fingerprint: str | None = None

    @property
    def signal(self) -> Signal:
        """The facts that the adapter saw. The adapter may be called only now."""
        signal = self._signal
        if type(signal) is tuple:
            text, likeness = signal
            read = likeness.read(text)
            # The signal is stored last, because another thread that finds it does not read the text again.
            self._reading = read._reading  # noqa: SLF001 - of the same class
            self._signal = signal = read.signal
        return signal  # type: ignore[return-value] # it is one

    @property
    def params(self) -> Params:
        """The values that were read from the text, and those that the adapter knew, by name."""
        if self._params is None:
            signal = self.signal
            reading = self._reading or self._read()
            params: Params = {} if reading is None else values_of(reading)
            if signal.params:
                params |= signal.params
            self._params = params
        return self._params

    def _read(self) -> Captures | None:
        """Read the values of a text whose row was found without them: by a code, or because the text is a template of the row."""
        text, code = self.text, self.signal.code
        if not text:
            return None
        if self.judgement.template is not None:
            return self.judgement.template.read(text)
        # A peer may name its subject `{subject}`. That must not leave a parameter out of the line.
        return self.judgement.spelled(code) if code is not None and code in text else None

    def under(self, protocol: str) -> NormalizedError:
        """Return a copy of this error that happened under another protocol."""
        error = NormalizedError(self.judgement, self._signal, self._reading)
        error.protocol = protocol
        return error

    def judged(self, judgement: Judgement) -> NormalizedError:
        """Return a copy of this error with another judgement."""
        error = NormalizedError(judgement, self._signal, self._reading)
        error.protocol = self.protocol
        return error

    @property
    def section(self) -> str | None:
        """The section of the table in which the row was found."""
        return self.judgement.section

    @property
    def code(self) -> str | None:
        """The native code of the row; `None` if no row matched. Low cardinality."""
        return self.judgement.code

    @property
    def category(self) -> Category:
        """The category, which is the first part of the reason."""
        return self.judgement.category

    @property
    def reason(self) -> Reason:
        """The reason, in the vocabulary that all protocols share. It is the value of `error.type`."""
        return self.judgement.reason

    @property
    def retryable(self) -> bool:
        """Whether the same operation may succeed later without any change to it."""
        return self.judgement.retryable

    @property
    def terminal(self) -> bool:
        """Whether the error has ended the connection or stream on which it happened."""
        return self.judgement.terminal

    @property
    def recovery(self) -> Recovery:
        """The step that must come first."""
        return self.judgement.recovery

    @property
    def advice(self) -> str:
        """What to do about the error, in one or two sentences."""
        return advice_for(self.judgement.reason, self.judgement.recovery)

    @property
    def effect(self) -> Effect:
        """Whether the operation may have taken effect although it failed."""
        return self.judgement.effect

    @property
    def row(self) -> Entry | None:
        """The row of the table that matched, with its evidence and source; `None` if no row matched."""
        return self.judgement.row

    @property
    def tables_version(self) -> str:
        """The name and version of the table that matched."""
        return self.judgement.tables_version

    @property
    def known(self) -> bool:
        """Whether a row of a table matched the error."""
        return self.judgement.row is not None

    @property
    def claimed(self) -> bool:
        """Whether an adapter recognised the error. An error that no adapter recognises belongs to the application."""
        return bool(self.signal.protocol)

    @property
    def lossy(self) -> bool:
        """Whether the client library has changed the text (to lower case), so that parameters are not exact."""
        return self.signal.lossy

    @property
    def retry_after(self) -> float | None:
        """The pause that the peer asked for, in seconds. It is not validated; a retry policy limits it."""
        said = self.signal.retry_after
        return said if type(said) in {int, float} else None  # a third-party adapter can pass anything

    @property
    def text(self) -> str | None:
        """The original words of the peer or the client library, cut in length. Not safe to print: they may contain anything."""
        return _plain_text(self.signal.text)

    @property
    def address(self) -> str | None:
        """The address to which the peer redirects. It is not trustworthy, and this library never connects to it by itself."""
        return _plain_text(self.signal.address)

    @property
    def fingerprint(self) -> str | None:
        """For an unknown error, its text without the variable parts; `None` for a known error."""
        if self._fingerprint is None and self.judgement.row is None:
            signal = self._signal
            if type(signal) is tuple:
                return signal[1].fingerprint
            self._fingerprint = fingerprint_of(self.text or _plain_text(self.signal.code) or "")
        return self._fingerprint

    def to_record(self) -> Record:
        """
        Return the error as a flat dictionary of JSON values.

        Returns:
            The keys of `Record`, in their order.
        """
        judgement = self.judgement
        return {
            "protocol": self.protocol,
            "section": judgement.section,
            "code": judgement.code,
            "category": judgement.category.value,
            "reason": judgement.reason.value,
            "retryable": judgement.retryable,
            "terminal": judgement.terminal,
            "recovery": judgement.recovery.value,
            "effect": judgement.effect.value,
            "text": self.text,
            "params": dict(self.params),
            "address": self.address,
            "fingerprint": self.fingerprint,
            "tables_version": judgement.tables_version,
        }

    def to_json(self) -> str:
        """Return `to_record` as one line of ASCII JSON."""
        judgement, params, fingerprint = self.judgement, self.params, self.fingerprint
        # All errors with the same judgement share the first part of the line, so it is built once.
        head = judgement.written.get(self.protocol)
        if head is None:
            head = self._written()
            if len(judgement.written) < _MOST_PROTOCOLS:  # callers choose the names
                judgement.written[self.protocol] = head
        return (
            f'{head}, "text": {_quoted(self.signal.text)}, "params": {_written_params(params)}, '
            f'"address": {_quoted(self.signal.address)}, "fingerprint": {_quoted(fingerprint)}, '
            f'"tables_version": {_quoted(judgement.tables_version)}}}'
        )

    def _written(self) -> str:
        record = list(self.to_record().items())
        return json.dumps(dict(record[: list(Record.__annotations__).index("text")])).removesuffix("}")

    def __reduce__(self) -> tuple[Callable[..., NormalizedError], tuple[object, ...]]:
        """Pickle the error with its parameters, and without the match from which they were read."""
        return _received, (self.judgement, self.signal, self.params, self.protocol)

    @staticmethod
    def json_schema() -> Mapping[str, Any]:
        """Return the JSON schema of `to_record`."""
        import typing_extensions  # noqa: PLC0415 - as below
        from pydantic import TypeAdapter  # noqa: PLC0415 - pydantic is slow to import and needed only here

        # Below Python 3.12 pydantic refuses a `TypedDict` of the standard library.
        make: Any = typing_extensions.TypedDict
        record = make(Record.__name__, get_type_hints(Record))
        record.__doc__ = Record.__doc__
        return TypeAdapter(record).json_schema()

    def __repr__(self) -> str:
        """Show the judgement, and never the text, which may contain anything."""
        flags = " ".join(name for name in ("retryable", "terminal") if getattr(self, name))
        return f"<NormalizedError {self.protocol}:{self.section}:{self.code} {self.reason} {self.recovery} {flags}".rstrip() + ">"


def _received(judgement: Judgement, signal: Signal, params: Params, protocol: str | None) -> NormalizedError:
    error = NormalizedError(judgement, signal)
    error.protocol = protocol
    error._params = params  # noqa: SLF001 - a part of the class
    return error
