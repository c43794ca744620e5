"""
Annotations that pydantic checks, without an import of pydantic.

The import of pydantic takes longer than that of the whole library, and most programs never need it: their settings are the
default ones, and the tables in the wheel were checked when it was built. Pydantic asks an annotation for its schema only when
somebody validates input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Check", "Flag", "Prose", "Word", "before", "pattern", "within"]


class Check:
    """
    A rule for the value that it annotates.

    Attributes:
        make: Returns the schema of the rule. It takes pydantic's module `core_schema`, and the schema of the annotated type.
    """

    def __init__(self, make: Callable[[Any, Any], Any]) -> None:
        """Store the function."""
        self.make = make

    def __get_pydantic_core_schema__(self, source: object, handler: Callable[[object], Any]) -> Any:  # noqa: ANN401 - of pydantic
        """Return the schema. Pydantic calls this method."""
        from pydantic_core import core_schema  # noqa: PLC0415 - imported by pydantic before

        return self.make(core_schema, handler(source))


def before(change: Callable[[Any], Any]) -> Check:
    """Return a rule that changes a value, or raises a `ValueError`, before its type is checked."""
    return Check(lambda core, schema: core.no_info_before_validator_function(change, schema))


def pattern(regex: str) -> Check:
    """Return a rule for a string."""
    return Check(lambda core, _: core.str_schema(pattern=regex))


def within(**bounds: float) -> Check:
    """Return a rule for a number: `ge`, `gt`, `le`."""
    return Check(lambda _, schema: {**schema, **bounds})


def _folded(value: object) -> object:
    return " ".join(value.split()) if isinstance(value, str) else value


Flag = Annotated[bool, Check(lambda core, _: core.bool_schema(strict=True))]
Word = Annotated[str, Check(lambda core, _: core.str_schema(min_length=1, strip_whitespace=True))]
# A sentence may be written on several lines; line ends and indentation are replaced by spaces.
Prose = Annotated[Word, before(_folded)]
