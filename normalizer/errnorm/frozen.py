"""
Immutable objects with named fields, like frozen dataclasses with slots, whose classes are made without generated code.

    class Pause(Frozen, kw_only=True):
        seconds: float
        why: str = ""

A dataclass compiles six functions for each class. Compiling those of the few classes that every program needs took a quarter of
the time in which a middleware is made, and the import of `dataclasses` another eighth. The methods here are the same for all
classes; `dataclasses.fields`, `replace` and `asdict` take the objects all the same. A class that not every program needs is a
dataclass.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, dataclass_transform

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from inspect import Signature

__all__ = ["Frozen", "as_dict", "replace"]

T = TypeVar("T", bound="Frozen")


class _Class(type):
    """The class of the classes. It makes slots of the annotations, and defaults of their values."""

    __fields__: tuple[str, ...]
    __places__: tuple[str, ...]
    __defaults__: Mapping[str, Any]
    __stores__: tuple[Callable[[Any, Any], None], ...]

    def __new__(
        cls,
        name: str,
        bases: tuple[type, ...],
        members: dict[str, Any],
        *,
        kw_only: bool = False,
        eq: bool = True,
        slots: bool = True,
    ) -> _Class:
        """Make a class."""
        fields = tuple(members.get("__annotations__", ()))
        places = () if kw_only else fields
        own: dict[str, Any] = {
            "__fields__": fields,
            "__slots__": fields if slots else (*fields, "__dict__"),
            "__places__": places,
            "__match_args__": places,
            "__defaults__": {field: members.pop(field) for field in fields if field in members},
        }
        if not eq:
            own |= {"__eq__": object.__eq__, "__hash__": object.__hash__}
        made = super().__new__(cls, name, bases, members | own)
        # The slots themselves, because `object.__setattr__` would look each of them up by its name.
        made.__stores__ = tuple([getattr(made, field).__set__ for field in fields])
        return made

    @property
    def __signature__(cls) -> Signature:
        """The parameters, for documentation."""
        from inspect import signature  # noqa: PLC0415 - its import takes long, and few programs need it

        return signature(_dataclass_of(cls))

    def __get_pydantic_core_schema__(cls, _: object, handler: Any) -> Any:  # noqa: ANN401 - of pydantic
        """Return the schema of a mapping with the fields, from which an object is made. Pydantic calls this method."""
        from typing import get_type_hints  # noqa: PLC0415 - needed only here

        from pydantic_core import core_schema as core  # noqa: PLC0415 - pydantic has imported it

        types = get_type_hints(cls, include_extras=True)
        schemas = {one: handler.generate_schema(types[one]) for one in cls.__fields__}
        fields = {one: core.typed_dict_field(schema, required=one not in cls.__defaults__) for one, schema in schemas.items()}
        given = core.typed_dict_schema(fields, extra_behavior="forbid")
        return core.no_info_after_validator_function(lambda values: cls(**values), given)


@cache
def _dataclass_of(cls: _Class) -> type:
    """Return a dataclass with the same fields, to answer what is asked of one."""
    from dataclasses import field, make_dataclass  # noqa: PLC0415 - few programs ask, and its import takes long

    def filled(default: Any) -> Any:  # noqa: ANN401 - of the field
        # A dataclass wants a function for a default that has no hash, such as a mapping.
        return field(default_factory=lambda: default) if default.__hash__ is None else field(default=default)

    types, defaults = cls.__annotations__, cls.__defaults__
    fields = [(one, types[one], filled(defaults[one])) if one in defaults else (one, types[one]) for one in cls.__fields__]
    return make_dataclass(cls.__name__, fields, frozen=True, kw_only=not cls.__places__)


class _AsDataclass:
    """An attribute by which `dataclasses` knows its classes; it is made when it is first asked for."""

    def __set_name__(self, _: type, name: str) -> None:
        self._name = name

    def __get__(self, _: object, cls: _Class) -> Any:  # noqa: ANN401 - `dataclasses` knows
        return getattr(_dataclass_of(cls), self._name)


@dataclass_transform(frozen_default=True)
class Frozen(metaclass=_Class):
    """
    The base of the classes. A subclass has a slot for each annotation, and no subclasses of its own.

    The options of a class are those of a dataclass. `kw_only=True`: its fields must be named. `eq=False`: objects are compared
    and hashed by identity. `slots=False`: objects can keep what is computed from their fields. All objects share a default.
    """

    __dataclass_fields__ = _AsDataclass()  # for `dataclasses.fields`, `replace` and `asdict`
    __dataclass_params__ = _AsDataclass()

    if TYPE_CHECKING:  # otherwise these would be fields
        __fields__: ClassVar[tuple[str, ...]]
        __places__: ClassVar[tuple[str, ...]]
        __stores__: ClassVar[tuple[Callable[[Any, Any], None], ...]]
        __defaults__: ClassVar[Mapping[str, Any]]

    def __init__(self, *values: Any, **named: Any) -> None:  # noqa: ANN401 - of the fields
        """
        Set the fields.

        Raises:
            TypeError: If a field is missing, not known, given twice, or not named although it must be.
        """
        fields = self.__fields__
        if named or len(values) != len(fields) or not self.__places__:
            values = _filled(type(self), values, named)
        for store, value in zip(self.__stores__, values):  # noqa: B905 - they are equally long
            store(self, value)
        self.__post_init__()

    def __post_init__(self) -> None:
        """Check the fields, if a class overrides this method."""

    def __setattr__(self, name: str, _: object) -> None:
        """Refuse to change a field."""
        message = f"{name} of {type(self).__name__} cannot be changed"
        raise AttributeError(message)

    def __delattr__(self, name: str) -> None:
        """Refuse to delete a field."""
        self.__setattr__(name, None)

    def __eq__(self, other: object) -> bool:
        """Compare all fields with those of an object of the same class."""
        return as_dict(self) == as_dict(other) if isinstance(other, type(self)) else NotImplemented

    def __hash__(self) -> int:
        """Hash all fields."""
        return hash(tuple(as_dict(self).values()))

    def __repr__(self) -> str:
        """Show all fields."""
        return f"{type(self).__name__}({', '.join(f'{field}={value!r}' for field, value in as_dict(self).items())})"

    def __replace__(self, **changes: Any) -> Self:  # noqa: ANN401 - of the fields
        """Return a copy with other values in some fields, for `copy.replace` of Python 3.13."""
        return replace(self, **changes)

    def __reduce__(self) -> tuple[object, ...]:
        """Return how to make the object again, for `pickle` and `copy`."""
        return _made, (type(self), as_dict(self))


def _filled(kind: type[Frozen], values: Collection[object], named: Mapping[str, object]) -> tuple[object, ...]:
    """Return the values of all fields in their order, with the defaults."""
    given = {**dict(zip(kind.__places__, values, strict=False)), **named} if values else named
    filled = {**kind.__defaults__, **given}
    try:
        found = tuple(map(filled.__getitem__, kind.__fields__))
    except KeyError:
        found = ()
    # A value that is given twice, or that no field takes, is missing in one of the two.
    if len(given) < len(values) + len(named) or len(filled) != len(found):
        message = f"{kind.__name__} has the fields {', '.join(kind.__fields__)}; given are {', '.join(given)}"
        raise TypeError(message)
    return found


def _made(kind: type[T], fields: dict[str, Any]) -> T:
    return kind(**fields)


def as_dict(one: Frozen) -> dict[str, Any]:
    """Return the fields of an object by name."""
    return {field: getattr(one, field) for field in one.__fields__}


def replace(one: T, **changes: Any) -> T:  # noqa: ANN401 - of the fields
    """
    Return a copy with other values in some fields.

    Raises:
        TypeError: If a field is not known.
    """
    return type(one)(**{**as_dict(one), **changes})
