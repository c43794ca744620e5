"""
Exceptions: their names, their attributes, and what they wrap.

Adapters know exceptions by the dotted names of their classes, so that no client library needs to be installed, let alone
imported. An exception described in a file (`ReportedException`) answers the same questions as a live one.

Nothing here trusts an exception: `__str__` can raise, a cause can be its own cause, a chain can be ten thousand long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["ReportedException", "attribute", "causes", "class_names", "message_of"]

# Wrappers deeper than this are no longer about the fault; it bounds the walk through cycles, chains and groups.
_MOST_LINKS = 64
_LONGEST_TEXT = 4096
_MOST_CLASSES = 1024

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


def class_names(error: object) -> tuple[str, ...]:
    """
    Return the dotted names along the method resolution order: `("nats.errors.TimeoutError", …, "builtins.object")`.

    Args:
        error: An exception, or a `ReportedException`.
    """
    if isinstance(error, ReportedException):
        return error.names
    kind = type(error)
    names = _names.get(kind)
    if names is None:
        names = tuple(f"{part.__module__}.{part.__qualname__}" for part in kind.__mro__)
        # Classes made by the thousand at run time must not fill the memory: past the bound they are named anew each time.
        if len(_names) < _MOST_CLASSES:
            _names[kind] = names
    return names


def attribute(error: object, name: str) -> object:
    """Return a public attribute of an exception, live or reported; `None` if it has none or reading it fails."""
    if isinstance(error, ReportedException):
        return error.attributes.get(name)
    try:
        return getattr(error, name, None)
    except Exception:  # noqa: BLE001 - a property of a stranger's class can raise anything
        return None


def message_of(error: object) -> str:
    """Return `str()` of an exception, live or reported, cut to 4096 characters; `""` if it fails."""
    if isinstance(error, ReportedException):
        return error.text[:_LONGEST_TEXT]
    try:
        return str(error)[:_LONGEST_TEXT]
    except Exception:  # noqa: BLE001 - a stranger's __str__ can raise anything
        return ""


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
    if isinstance(error, ReportedException):
        return [] if error.cause is None else [error.cause]
    if not isinstance(error, BaseException):
        return []
    inside: list[object] = list(error.exceptions[:_MOST_LINKS]) if isinstance(error, BaseExceptionGroup) else []
    if error.__cause__ is not None:
        inside.append(error.__cause__)
    elif error.__context__ is not None and not error.__suppress_context__:
        inside.append(error.__context__)
    return inside
