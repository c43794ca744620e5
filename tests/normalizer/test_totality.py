"""
Whatever is raised, handed over or written: one record comes out, and no exception.

The objects here lie about their class, their letters and their causes, and raise from whatever is asked of them.
"""

from __future__ import annotations

import asyncio
import json
import sys
from functools import partial
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Comment, Element

import nats.errors
import nats.js.errors
import pytest
from slixmpp.exceptions import XMPPError

import errnorm
import errnorm.adapters
import errnorm_adapters.nats
import errnorm_adapters.transport
import errnorm_adapters.xmpp
from errnorm.emitters import default_emitters
from errnorm.emitters.log import Processor
from errnorm.exceptions import members_of
from errnorm.fault import Fault
from errnorm.middleware import Middleware
from errnorm.normalizer import Normalizer
from errnorm.settings import Settings
from tests.each import each
from tests.work import work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BASES = (Exception, OSError, nats.errors.Error, nats.errors.NoRespondersError, XMPPError)
READ = (
    *("__class__", "__cause__", "__context__", "__suppress_context__", "__dict__", "__traceback__", "__notes__", "args"),
    *("errno", "filename", "text", "condition", "exceptions", "code", "err_code", "description", "iq", "by", "reason"),
)
CALLED = (
    *("__str__", "__repr__", "__getattribute__", "__getattr__", "__eq__", "__hash__", "__bool__", "__format__", "__iter__"),
    *("__len__", "__reduce__", "__setattr__", "__getitem__", "__index__", "__bytes__", "__buffer__"),
)
OBSERVERS = (errnorm_adapters.nats.observe, errnorm_adapters.xmpp.observe, errnorm_adapters.transport.observe)


def boom(*_args: object, **_named: object) -> Any:
    raise RuntimeError("boom")


def nothing(*_args: object) -> Any:
    return None


def made(base: type, **names: object) -> Any:
    kind: Any = type("Hostile", (base,), names)
    return kind.__new__(kind)


class LyingStr(str):
    """A text that says something else whenever it is asked."""

    __slots__ = ()
    __len__ = __hash__ = __eq__ = __format__ = __contains__ = boom

    def __getitem__(self, _index: object) -> Any:
        return 5

    strip: Any = nothing
    lstrip: Any = nothing
    rstrip: Any = nothing
    lower: Any = nothing
    islower: Any = nothing
    startswith: Any = nothing


class LyingInt(int):
    """A number that cannot be written down."""

    __str__ = __repr__ = __format__ = boom


class LyingMeta(type):
    """A class of classes without names."""

    __hash__ = __eq__ = __instancecheck__ = boom

    __mro__: Any = property(boom)
    __name__: Any = property(boom)


class NamelessError(Exception, metaclass=LyingMeta):
    """Raised by a class that will not say what it is."""


class LyingMapping(dict[str, object]):
    """A document that cannot be read."""

    get = items = keys = __getitem__ = __iter__ = __contains__ = boom


def with_attributes(error: Any, **values: object) -> Any:
    for name, value in values.items():
        setattr(error, name, value)
    return error


def in_a_circle() -> BaseException:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    return first


def in_a_chain(length: int = 10_000) -> BaseException:
    error: BaseException = ValueError("the last")
    for _ in range(length):
        outer = ValueError("another")
        outer.__cause__ = error
        error = outer
    return error


def in_groups(depth: int = 10_000) -> Any:
    error: Any = ValueError("the innermost")
    for _ in range(depth):
        error = ExceptionGroup("one more", [error])
    return error


def doubled(depth: int = 70) -> Any:
    """A group that holds one group twice, which holds one group twice: few objects, and more leaves than atoms in the sea."""
    error: Any = asyncio.CancelledError()
    for _ in range(depth):
        error = BaseExceptionGroup("twice", [error, error])
    return error


def deep_document(depth: int = 100_000) -> object:
    document: dict[str, object] = {}
    for _ in range(depth):
        document = {"error": document}
    return document


def in_itself() -> object:
    document: dict[str, object] = {}
    document["error"] = document
    return document


def deep_element(depth: int = 100_000) -> Element:
    root = inner = Element("{jabber:client}iq")
    for _ in range(depth):
        child = Element("{jabber:client}error")
        inner.append(child)
        inner = child
    return root


def element_with(value: Any) -> Element:
    """A stanza error with one thing in all the places where text belongs."""
    root, error = Element("{jabber:client}iq", {"type": "error"}), Element("{jabber:client}error", {"type": value, "by": value})
    for name in ("gone", "text"):
        child = Element(f"{{urn:ietf:params:xml:ns:xmpp-stanzas}}{name}")
        child.text = value
        error.append(child)
    error.append(Comment("not allowed"))
    root.append(error)
    return root


def released() -> memoryview:
    view = memoryview(bytearray(b"gone"))
    view.release()
    return view


def reported_from_itself() -> object:
    report = errnorm.adapters.ReportedException(("a.B",))
    report.cause = report
    return report


def slow_consumer() -> object:
    return with_attributes(made(nats.errors.SlowConsumerError), sid=HUGE, subject=LyingStr("x"))


def api_error() -> object:
    lies: Any = LyingStr("404")
    return nats.js.errors.APIError(code=lies, description=lies, err_code=LyingInt(10059))


def stanza_error() -> object:
    return with_attributes(XMPPError(), condition=LyingStr("wait"), text=LyingStr("x"), by=LyingStr("x"))


def claiming(kind: type, base: type = object) -> Any:
    return made(base, __class__=property(lambda _self: kind))


HUGE = 10**5000
CLAIMS = (str, bytes, ValueError, ExceptionGroup, dict, Element, errnorm.NormalizedError, errnorm.adapters.ReportedException)
CLASSES: dict[str, Callable[[], object]] = {
    **{f"{name} of {base.__name__} raises": partial(made, base, **{name: property(boom)}) for name in READ for base in BASES},
    **{f"{name}() of {base.__name__} raises": partial(made, base, **{name: boom}) for name in CALLED for base in BASES},
    **{f"{name}() of an object raises": partial(made, object, **{name: boom}) for name in CALLED},
    **{f"an object claims to be {kind.__name__}": partial(claiming, kind) for kind in CLAIMS},
    **{f"an exception claims to be {kind.__name__}": partial(claiming, kind, OSError) for kind in CLAIMS},
}
HOSTILE: dict[str, Callable[[], object]] = {
    **CLASSES,
    "a text that lies": lambda: LyingStr("-ERR 'Authorization Violation'"),
    "an exception whose words lie": lambda: made(OSError, __str__=lambda _self: LyingStr("words")),
    "an exception whose words are a number": lambda: made(OSError, __str__=lambda _self: 5),
    "an exception that asks itself": lambda: made(Exception, __getattr__=lambda self, name: getattr(self, name + "x")),
    "a class without names": NamelessError,
    "a module that is a number": lambda: made(Exception, __module__=5),
    "a module that raises": lambda: made(Exception, __module__=property(boom)),
    "a module that lies": lambda: made(Exception, __module__=LyingStr("nats.errors")),
    "a cause that is a text": lambda: made(Exception, __cause__="Authorization Violation"),
    "causes in a circle": in_a_circle,
    "ten thousand causes": in_a_chain,
    "ten thousand groups in each other": in_groups,
    "a group that doubles": doubled,
    "a hundred thousand cancellations": lambda: BaseExceptionGroup("all", [asyncio.CancelledError()] * 100_000),
    "ten thousand faults": lambda: ExceptionGroup("all", [ValueError() for _ in range(10_000)]),
    "lone surrogates": lambda: "-ERR '\ud800\udfff'",
    "lone surrogates in an exception": lambda: ValueError("\ud800"),
    "lone surrogates in XML": lambda: "<stream:error>\udc80</stream:error>",
    "ten million letters": lambda: "x" * 10_000_000,
    "ten million letters in an exception": lambda: OSError("x" * 10_000_000),
    "ten million bytes": lambda: b"<" + b"x" * 10_000_000,
    "a view of two dimensions": lambda: memoryview(b"12345678").cast("B", (2, 4)),
    "a view of every other byte": lambda: memoryview(bytearray(3_000_000))[::2],
    "a view of nothing any more": released,
    "a document in itself": in_itself,
    "a deep document": deep_document,
    "a deep document as text": lambda: '{"error":' * 100_000 + "1" + "}" * 100_000,
    "a document with a huge number as text": lambda: '{"error":{"code":' + "1" * 5000 + ',"err_code":' + "1" * 5000 + "}}",
    "a document with huge numbers": lambda: {"error": {"code": HUGE, "err_code": HUGE, "description": 5}},
    "a document with words that lie": lambda: {"error": {"code": float("nan"), "err_code": 10071, "description": LyingStr("x")}},
    "a document that cannot be read": lambda: LyingMapping(error=1),
    "an element full of words that lie": lambda: element_with(LyingStr("wait")),
    "an element full of numbers": lambda: element_with(5),
    "a deep element": deep_element,
    "an element without a name": lambda: with_attributes(Element("x"), tag=None),
    "an API error that lies": api_error,
    "a slow consumer with a huge number": slow_consumer,
    "a stanza error that lies": stanza_error,
    "a stanza error by somebody without words": lambda: with_attributes(XMPPError(), by=made(object, __str__=boom)),
    "a stanza error by nobody in particular": lambda: with_attributes(XMPPError(), by=made(object, __bool__=boom)),
    "a report of nothing": lambda: errnorm.adapters.ReportedException(()),
    "a report of numbers": lambda: errnorm.adapters.ReportedException((5,), 5, {"x": 1}, 5),  # type: ignore[arg-type]
    "a report that lies": lambda: errnorm.adapters.ReportedException(("nats.errors.Error",), LyingStr("nats: x"), 5),  # type: ignore[arg-type]
    "a report of itself": reported_from_itself,
    "a class": lambda: ValueError,
    "a module": lambda: sys,
    "a number that is none": lambda: float("nan"),
}  # fmt: skip

NAMES = {id(make): name for name, make in HOSTILE.items()}  # some are classes that lie about their hash
every_hostile_thing = each("make", HOSTILE.values(), ids=lambda make: NAMES[id(make)])


@pytest.fixture(scope="module")
def normalizer() -> Normalizer:
    return Normalizer([])


@pytest.fixture(scope="module")
def normalize(normalizer: Normalizer) -> Callable[..., errnorm.NormalizedError]:
    normalizer.load()
    return normalizer.normalize


def is_exception(thing: object) -> bool:
    return issubclass(type(thing), BaseException)


@every_hostile_thing
@pytest.mark.parametrize("protocol", [None, "nats", "xmpp"])
def test_one_record_comes_out(
    make: Callable[[], object], protocol: str | None, normalize: Callable[..., errnorm.NormalizedError]
) -> None:
    error = normalize(make(), protocol)
    assert json.loads(error.to_json()) == json.loads(json.dumps(error.to_record()))
    assert len(error.text or "") <= 4096
    assert repr(error).startswith("<NormalizedError")


NO_PROTOCOLS: tuple[Any, ...] = (5, b"nats", [], {}, object(), str, "no such", "x" * 100_000, "\ud800", LyingStr("nats"))


@pytest.mark.parametrize("protocol", NO_PROTOCOLS, ids=lambda protocol: f"{type(protocol).__name__} {ascii(protocol)[:12]}")
@pytest.mark.parametrize("raw", ["-ERR 'Stale Connection'", "x" * 300, b"x", ConnectionRefusedError(111)], ids=repr)
def test_a_protocol_that_is_none_is_no_reason_to_fail(
    raw: object, protocol: Any, normalize: Callable[..., errnorm.NormalizedError]
) -> None:
    error = normalize(raw, protocol)
    assert json.loads(error.to_json()) == json.loads(json.dumps(error.to_record()))
    assert errnorm.decide(raw, protocol=protocol).verdict in errnorm.Verdict


@every_hostile_thing
@pytest.mark.parametrize("observe", OBSERVERS, ids=["nats", "xmpp", "transport"])
def test_no_adapter_raises(make: Callable[[], object], observe: Callable[[object], errnorm.adapters.Signal | None]) -> None:
    assert isinstance(observe(make()), errnorm.adapters.Signal | None)


@every_hostile_thing
def test_a_decision_is_made(make: Callable[[], object]) -> None:
    assert errnorm.decide(make()).verdict in errnorm.Verdict


@every_hostile_thing
def test_it_is_told_by_every_emitter(make: Callable[[], object], normalizer: Normalizer) -> None:
    thing = make()
    error = normalizer.normalize(thing)
    for emit in default_emitters(Settings.load({}, traceback="always", log_text="raw")):
        emit(Fault(error, exception=thing if is_exception(thing) else None))  # type: ignore[arg-type] # it is one


@every_hostile_thing
def test_a_line_that_holds_it_is_written(make: Callable[[], object]) -> None:
    thing = make()
    event = Processor(Settings.load({}))(None, "error", {"event": "it failed", "error": thing, "exc_info": thing})
    assert event["event"] == "it failed"


def faults_of(error: BaseException) -> Iterator[BaseException]:
    """What is to be told: the exception, or the members of a group that are faults."""
    waiting, seen = [error], {id(error)}
    while waiting:
        one = waiting.pop()
        held = members_of(one)
        if not held and issubclass(type(one), Exception):
            yield one
        waiting += [inner for inner in held if id(inner) not in seen]
        seen |= {id(inner) for inner in held}


@every_hostile_thing
def test_it_leaves_a_guard_as_it_came_and_is_told_once(make: Callable[[], object], normalizer: Normalizer) -> None:
    thing, told = make(), list[Fault]()
    if not is_exception(thing):
        pytest.skip("it cannot be raised")
    faults = list(faults_of(thing))  # type: ignore[arg-type] # it is one
    expected = len([fault for fault in faults[:64] if normalizer.normalize(fault, "nats").claimed])
    middleware = Middleware(normalizer, emitters=[told.append])
    try:
        with middleware.guard("nats"):
            raise thing  # type: ignore[misc] # as above
    except BaseException as caught:  # noqa: BLE001 - whatever it was, it has to be the same
        assert caught is thing  # noqa: PT017 - the class of what is raised cannot be asked for
    assert len(told) == expected


@pytest.mark.parametrize("passing", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError, MemoryError])
def test_what_is_no_fault_passes_also_out_of_the_words_of_an_exception(passing: type[BaseException]) -> None:
    def interrupted(_self: object) -> str:
        raise passing

    with pytest.raises(passing):
        Normalizer([]).normalize(made(OSError, __str__=interrupted))


@pytest.mark.parametrize("passing", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError, MemoryError])
def test_what_the_application_raises_passes_a_guard(passing: type[BaseException]) -> None:
    middleware = Middleware(Normalizer([]), emitters=[])
    with pytest.raises(passing), middleware.guard("nats"):
        raise passing


def test_a_fault_that_leaves_no_memory_to_look_at_it_is_told_by_its_class() -> None:
    def exhausted(_self: object) -> str:
        raise MemoryError

    told: list[Fault] = []
    with pytest.raises(ConnectionResetError), Middleware(Normalizer([]), emitters=[told.append]).guard("nats"):
        raise made(ConnectionResetError, __str__=exhausted)
    assert [fault.error.protocol for fault in told] == ["nats"]


def test_of_a_group_that_doubles_the_fault_at_its_end_is_found() -> None:
    inner: Any = ExceptionGroup("the last", [nats.errors.NoRespondersError()])
    for _ in range(70):
        inner = ExceptionGroup("twice", [inner, inner])
    assert errnorm.decide(inner, idempotent=True).retry


SHAPES = {
    "letters": lambda size: "x" * size,
    "spaces": lambda size: " " * size,
    "quotes": lambda size: "-ERR '" + "'" * size,
    "escapes": lambda size: "-ERR 'Permissions Violation for Publish to \"" + '\\"' * (size // 2),
    "angles": lambda size: "<" * size,
    "comments": lambda size: "<iq>" + "<!-- -->" * (size // 8),
    "sections": lambda size: "<iq>" + "<![CDATA[" * (size // 9),
    "braces": lambda size: "{" * size,
    "entries": lambda size: '{"connections":[' + "{}," * (size // 3),
    "lines": lambda size: "[1] 2026/01/01 00:00:00 [ERR] x\n" * (size // 32),
    "headers": lambda size: "NATS/1.0 503\r\n" + "a: b\r\n" * (size // 6),
    "words": lambda size: "word 12 " * (size // 8),
    "addresses": lambda size: "a@b/c:1.2.3.4 " * (size // 14),
    "bytes": lambda size: b"\xff" * size,
    "an exception": lambda size: OSError("x" * size),
    "a group": lambda size: ExceptionGroup("x", [ValueError("y")] * (size // 100)),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_the_work_does_not_grow_with_what_a_peer_sends(
    shape: Callable[[int], object], normalize: Callable[..., errnorm.NormalizedError]
) -> None:
    normalize(shape(100))
    large, huge = (work(partial(normalize, shape(size))) for size in (1_100_000, 8_800_000))
    assert huge.characters == large.characters
    assert huge.calls <= 2 * large.calls


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (KeyError("x"), "builtins.KeyError: 'x'"),
        (errnorm.adapters.ReportedException(("a.B",), "said"), "a.B: said"),
        (object(), "builtins.object"),
        (7, "builtins.int"),
        (bytearray(b"\xff<"), "\\xff<"),
    ],
)
def test_what_nobody_knows_is_described_by_its_class_and_its_words(raw: object, text: str, normalizer: Normalizer) -> None:
    error = normalizer.normalize(raw)
    assert (error.known, error.text) == (False, text)
