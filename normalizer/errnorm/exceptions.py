"""
Exceptions: their names, their attributes, and what they wrap.

Adapters know exceptions by the dotted names of their classes, so that no client library needs to be installed, let alone
imported. An exception described in a file (`ReportedException`) answers the same questions as a live one.

Nothing here trusts an exception: `__str__` can raise, a cause can be its own cause, a chain can be ten thousand long, and a class
can say anything about itself. So what Python itself keeps is read past the class, and what the class computes is caught. What is
no `Exception` passes, and so does a `MemoryError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import TracebackType

    from typing_extensions import TypeIs

__all__ = [
    "ReportedException",
    "as_builtin",
    "attribute",
    "causes",
    "class_names",
    "is_a",
    "members_of",
    "message_of",
    "said_by_system",
    "traceback_of",
]

T = TypeVar("T")

# Wrappers deeper than this are no longer about the fault; it bounds the walk through cycles, chains and groups.
_MOST_LINKS = 64
_LONGEST_TEXT = 4096
_MOST_CLASSES = 1024

# The classes in which Python itself reports what the system said: a number, its words, and nothing else.
_SYSTEM = frozenset(
    {
        OSError,
        BlockingIOError,
        BrokenPipeError,
        ConnectionAbortedError,
        ConnectionRefusedError,
        ConnectionResetError,
        TimeoutError,
    }
)

_LARGEST = 2**64
_HONEST = frozenset({str, bool, type(None)})
_NAMELESS = ("builtins.object",)

# Where Python keeps what a class can hide behind a property of its own.
_mro = type.__dict__["__mro__"].__get__
_module = type.__dict__["__module__"].__get__
_qualname = type.__dict__["__qualname__"].__get__
_cause = BaseException.__dict__["__cause__"].__get__
_context = BaseException.__dict__["__context__"].__get__
_traceback: Callable[[BaseException], TracebackType | None]
_traceback = BaseException.__dict__["__traceback__"].__get__
_suppresses = BaseException.__dict__["__suppress_context__"].__get__
_exceptions = BaseExceptionGroup.__dict__["exceptions"].__get__

_names: dict[type, tuple[str, ...]] = {}


class ReportedException:
    """
    An exception that happened elsewhere and was written down.

    Attributes:
        names: Dotted names of its class and the classes it inherits from, the most specific first.

        text: What `str()` gave.

        attributes: Its public attributes, as JSON values.

        cause: The exception it was raised from.
    """

    __slots__ = ("attributes", "cause", "names", "text")

    def __init__(
        self,
        names: tuple[str, ...],
        text: str = "",
        attributes: Mapping[str, object] | None = None,
        cause: ReportedException | None = None,
    ) -> None:
        """Hold what was written down."""
        self.names = names
        self.text = text
        self.attributes = attributes or {}
        self.cause = cause


def is_a(error: object, kind: type[T]) -> TypeIs[T]:
    """Tell whether something is of a class, by what it is and not by the `__class__` that it claims."""
    return issubclass(type(error), kind)


def as_builtin(value: Any) -> object:  # noqa: ANN401 - it is asked for its class first
    """Return a value that cannot lie: of a subclass of `str` or `int` what it holds; `None` for numbers no counter reaches."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if issubclass(kind, str):
        return str.__str__(value)
    if issubclass(kind, int):
        number = int.__index__(value)
        return number if -_LARGEST < number < _LARGEST else None
    return value


def class_names(error: object) -> tuple[str, ...]:
    """
    Return the dotted names along the method resolution order: `("nats.errors.TimeoutError", …, "builtins.object")`.

    Args:
        error: An exception, or a `ReportedException`.
    """
    kind = type(error)
    if issubclass(kind, ReportedException):
        said: object = error.names  # type: ignore[attr-defined] # it is one, whatever its class claims
        return said if said and type(said) is tuple else _NAMELESS
    names = _names.get(kind) if type(kind) is type else None  # a metaclass can lie about hash and equality
    if names is None:
        names = tuple(_dotted(part) for part in _mro(kind)) or _NAMELESS
        # Classes made by the thousand at run time must not fill the memory: past the bound they are named anew each time.
        if type(kind) is type and len(_names) < _MOST_CLASSES:
            _names[kind] = names
    return names


def _dotted(kind: type) -> str:
    try:
        module = as_builtin(_module(kind))
    except AttributeError:
        module = None  # it was deleted
    return f"{module if isinstance(module, str) else '?'}.{_qualname(kind)}"


def attribute(error: object, name: str) -> object:
    """Return a public attribute of an exception, live or reported; `None` if it has none or reading it fails."""
    try:
        reported = issubclass(type(error), ReportedException)
        found = error.attributes.get(name) if reported else getattr(error, name, None)  # type: ignore[attr-defined] # as asked
        return found if type(found) in _HONEST else as_builtin(found)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - a property of a stranger's class can raise anything
        return None


def message_of(error: object) -> str:
    """Return `str()` of an exception, live or reported, cut to 4096 characters; `""` if it fails."""
    try:
        said = as_builtin(error.text if is_a(error, ReportedException) else str(error))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - a stranger's __str__ can raise anything
        return ""
    return said[:_LONGEST_TEXT] if isinstance(said, str) else ""


def said_by_system(error: OSError) -> tuple[type, int, str] | None:
    """
    Return what the system said, as Python reports it: class, number and words.

    Returns:
        What two exceptions have in common if they say the same; `None` if there may be more to this one than that.
    """
    kind = type(error)
    if type(kind) is not type or kind not in _SYSTEM:  # a metaclass can lie about hash and equality
        return None
    number, words = error.errno, error.strerror
    if type(number) is not int or type(words) is not str or error.filename is not None or error.__dict__:
        return None
    return kind, number, words


def causes(error: object) -> Iterator[object]:
    """
    Yield an exception and everything it wraps, the outermost first.

    An exception stands before what it was raised from, that before what it was raised while handling (unless that was
    switched off by `raise … from None`), and the members of a group in their order. Each comes once, 64 of them at most.
    """
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting and len(seen) < _MOST_LINKS:
        link = waiting.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        waiting[:0] = _inside(link)


def _inside(error: object) -> list[object]:
    if is_a(error, ReportedException):
        return [error.cause] if is_a(error.cause, ReportedException) else []
    if not is_a(error, BaseException):
        return []
    inside: list[object] = list(members_of(error)[:_MOST_LINKS])
    cause, context = _cause(error), _context(error)
    if cause is not None:
        inside.append(cause)
    elif context is not None and not _suppresses(error):
        inside.append(context)
    return inside


def members_of(error: object) -> tuple[BaseException, ...]:
    """Return what a group of exceptions holds, in its order; nothing for anything else."""
    return _exceptions(error) if is_a(error, BaseExceptionGroup) else ()


def traceback_of(error: BaseException) -> TracebackType | None:
    """Return where an exception was raised."""
    return _traceback(error)
