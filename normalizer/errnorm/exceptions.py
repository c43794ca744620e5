"""
Safe access to an exception that may misbehave: its class names, its attributes, its text, and the exceptions inside it.

Adapters recognise exceptions by the dotted names of their classes, so no client library needs to be installed or imported. A
`ReportedException` describes an exception that happened in another process; the functions treat it like a live one.

An exception is foreign code. Its `__str__` can raise, its cause chain can be a cycle or ten thousand links long, and a property
can return a subclass of `str` that reports a wrong length. The functions here return a value in each of these cases. They do not
catch `MemoryError`, nor anything that is not an `Exception`.

The meaning of an exception comes from its own class and text, from its explicit cause (`raise … from`), or from its members. Its
`__context__`, the exception that was being handled when it was raised, does not count: a `KeyError` in an `except` block belongs
to the application. The context counts only if the class of the exception is a known wrapper; `causes(…, contexts=True)` is for
these.
"""

from __future__ import annotations

from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from errnorm.bounded import BoundedCache

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping

    from typing_extensions import TypeIs

__all__ = [
    "ReportedException",
    "as_builtin",
    "attribute",
    "causes",
    "class_names",
    "content_of",
    "inner_causes",
    "interrupts_of",
    "is_a",
    "leaves_of",
    "members_of",
    "message_of",
    "traceback_of",
]

T = TypeVar("T")

# Limits for cycles, long chains and wide groups.
_MOST_LINKS = 64
_MOST_GROUPS_SEEN = 65536
_MOST_INTERRUPTS_SEEN = 1024
_LONGEST_TEXT = 4096
_LONGEST_SAID = 256

# Python raises exactly these classes for an error number of the operating system, with only the number and its text.
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
_NAMELESS = ("builtins.object",)

_names: BoundedCache[type, tuple[str, ...]] = BoundedCache(1024)
_plain: BoundedCache[type, object] = BoundedCache(1024)
# `_ALL`: instances of the class store data only in their arguments and their dictionary. `_BARE`: that is certain only for an
# instance without arguments, because the class is derived from another built-in exception. `_NUMBERED`: also for an instance
# with a number and a text, because the class is one of the operating system's.
_ALL, _BARE, _NUMBERED = "all", "bare", "numbered"
# A class that was made by a `class` statement (Py_TPFLAGS_HEAPTYPE).
_HEAP = 1 << 9


class ReportedException:
    """
    The description of an exception that happened in another process.

    Attributes:
        names: The dotted names of its class and its base classes, the most specific one first.

        text: The result of `str()`.

        attributes: Its public attributes, as JSON values.

        cause: The exception from which it was raised.
    """

    __slots__ = ("attributes", "cause", "names", "text")

    def __init__(
        self,
        names: tuple[str, ...],
        text: str = "",
        attributes: Mapping[str, object] | None = None,
        cause: ReportedException | None = None,
    ) -> None:
        """Store the description."""
        self.names = names
        self.text = text
        self.attributes = attributes or {}
        self.cause = cause


def is_a(error: object, kind: type[T]) -> TypeIs[T]:
    """Return whether an object is an instance of a class according to its type, whatever its attribute `__class__` says."""
    return issubclass(type(error), kind)


def as_builtin(value: Any) -> object:  # noqa: ANN401 - its type is checked first
    """
    Return a value whose methods can be trusted.

    Returns:
        The plain `str` or `int` inside a subclass of one; `None` for an integer beyond 64 bits; any other value unchanged.
    """
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
    if is_a(error, ReportedException):
        said: object = error.names
        return said if said and type(said) is tuple else _NAMELESS
    kind = type(error)
    try:
        return _names.get(kind) or _names.remember(kind, tuple(_dotted(part) for part in kind.__mro__))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - a metaclass can raise from anything
        return _NAMELESS


def _dotted(kind: type) -> str:
    module = as_builtin(kind.__module__)
    return f"{module if isinstance(module, str) else '?'}.{kind.__qualname__}"


def attribute(error: object, name: str) -> object:
    """Return a public attribute of a live or reported exception; `None` if there is none, or if reading it raises."""
    try:
        return as_builtin(error.attributes.get(name) if is_a(error, ReportedException) else getattr(error, name, None))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - a property of a foreign class can raise anything
        return None


def message_of(error: object) -> str:
    """Return `str()` of a live or reported exception, cut to 4096 characters; `""` if it raises."""
    try:
        said = as_builtin(error.text if is_a(error, ReportedException) else str(error))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - a foreign __str__ can raise anything
        return ""
    return said[:_LONGEST_TEXT] if isinstance(said, str) else ""


def content_of(error: object) -> Hashable:
    """
    Return a hashable key with the whole content of a simple exception: two exceptions with the same key mean the same.

    Returns:
        The class, the arguments and the attributes of the exception, if they are short texts and numbers; `None` if it may
        contain more than that.
    """
    kind = type(error)
    plain = _plain.get(kind)
    if plain is None:
        plain = _plain.remember(kind, _is_plain(kind))
    if not plain:
        return _content_of_reported(error) if is_a(error, ReportedException) else None
    args: tuple[object, ...] = error.args  # type: ignore[attr-defined] # an exception
    attributes = error.__dict__
    if args and not (_are_small(args) if plain is _ALL else plain is _NUMBERED and _is_numbered(error, args)):
        return None
    if not attributes:
        return (kind, *args)
    return (kind, args, *attributes.items()) if _are_small(attributes.values()) else None


def _content_of_reported(error: ReportedException) -> Hashable:
    if error.cause is not None or not _are_small(error.attributes.values()):
        return None
    return (error.names, error.text, *error.attributes.items()) if len(error.text) <= _LONGEST_SAID else None


def _are_small(values: Iterable[object]) -> bool:
    for value in values:
        kind = type(value)
        if kind is str:
            if len(value) > _LONGEST_SAID:  # type: ignore[arg-type] # it is a str
                return False
        elif kind is not int and value is not None:
            return False
    return True


def _is_numbered(error: object, args: tuple[object, ...]) -> bool:
    """Return whether an error of the operating system consists of its number and its text, without the name of a file."""
    if len(args) != 2 or error.filename is not None:  # type: ignore[attr-defined] # noqa: PLR2004 - number and text
        return False
    number, text = args
    return type(number) is int and type(text) is str and len(text) <= _LONGEST_SAID


def _is_plain(kind: type) -> object:
    """Return `_ALL`, `_BARE` or `_NUMBERED` for a class whose instances store data only there, `False` for any other class."""
    if not issubclass(kind, BaseException) or any("__slots__" in vars(part) for part in kind.__mro__[:-2]):
        return False
    builtin = next(part for part in kind.__mro__ if not part.__flags__ & _HEAP)
    if builtin.__basicsize__ == BaseException.__basicsize__:
        return _ALL
    return _NUMBERED if kind in _SYSTEM else _BARE


def causes(error: object, *, contexts: bool = False) -> Iterator[object]:
    """
    Yield an exception and the exceptions inside it, the outermost first: the members of a group, then the explicit cause.

    Each exception is yielded once, and at most 64 are yielded.

    Args:
        error: An exception, or a `ReportedException`; anything else is yielded alone.
        contexts: Whether to follow `__context__` if there is no explicit cause.
    """
    yield error
    yield from inner_causes(error, contexts=contexts)


def inner_causes(error: object, *, contexts: bool = False) -> Iterator[object]:
    """Yield the exceptions inside an exception as `causes` does, without the exception itself."""
    waiting = _inside(error, contexts=contexts)
    if not waiting:
        return
    seen: set[int] = {id(error)}
    while waiting and len(seen) < _MOST_LINKS:
        link = waiting.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        waiting[:0] = _inside(link, contexts=contexts)


def _inside(error: object, *, contexts: bool) -> list[object]:
    if is_a(error, ReportedException):
        return [error.cause] if is_a(error.cause, ReportedException) else []
    if not is_a(error, BaseException):
        return []
    inside: list[object] = list(members_of(error)[:_MOST_LINKS]) if is_a(error, BaseExceptionGroup) else []
    cause = attribute(error, "__cause__")
    if is_a(cause, BaseException):
        inside.append(cause)
    elif contexts and not attribute(error, "__suppress_context__"):
        context = attribute(error, "__context__")
        inside += [context] if is_a(context, BaseException) else []
    return inside


def members_of(error: object) -> tuple[BaseException, ...]:
    """Return the members of an exception group in their order; an empty tuple for anything else."""
    members = attribute(error, "exceptions") if is_a(error, BaseExceptionGroup) else ()
    return members if type(members) is tuple else ()


def leaves_of(group: BaseException) -> list[Exception]:
    """
    Return the exceptions in a group and in the groups inside it, in their order, at most 64.

    A member that is not an `Exception` (a cancellation, a keyboard interrupt) is left out.
    """
    return list(islice((leaf for leaf in islice(_ends(group), _MOST_GROUPS_SEEN) if is_a(leaf, Exception)), _MOST_LINKS))


def interrupts_of(group: BaseException) -> list[BaseException]:
    """Return the members that `leaves_of` leaves out, also of the groups inside the group, among the first 1024 members."""
    return [leaf for leaf in islice(_ends(group), _MOST_INTERRUPTS_SEEN) if not is_a(leaf, Exception)][:_MOST_LINKS]


def _ends(group: BaseException) -> Iterator[BaseException]:
    # A group can be a member of many groups: each is searched once.
    seen = {id(group)}
    waiting = [iter(members_of(group))]
    while waiting:
        one = next(waiting[-1], None)
        if one is None:
            waiting.pop()
        elif not is_a(one, BaseExceptionGroup):
            yield one
        elif id(one) not in seen:
            seen.add(id(one))
            waiting.append(iter(members_of(one)))


def traceback_of(error: BaseException) -> TracebackType | None:
    """Return the traceback of an exception; `None` if it has none."""
    found = attribute(error, "__traceback__")
    return found if isinstance(found, TracebackType) else None
