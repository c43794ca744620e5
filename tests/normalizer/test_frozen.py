"""The immutable objects, whose classes are made without generated code."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import pprint
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from errnorm.decision import Decision, RetryPolicy
from errnorm.frozen import Frozen, as_dict, replace
from errnorm.settings import Settings
from errnorm.tables.file import Defaults, Head, SectionHead
from errnorm.tables.row import Entry, Row


class Pause(Frozen):
    """Has a field with a default."""

    seconds: float
    why: str = ""


class Named(Frozen, kw_only=True):
    """Has fields that must be named."""

    seconds: float = 1.0


class Same(Frozen, eq=False):
    """Is compared by identity."""

    seconds: float


PAUSE = Pause(2.0, why="busy")


def test_fields_are_set_by_place_or_by_name_and_have_defaults() -> None:
    assert (PAUSE.seconds, PAUSE.why) == (2.0, "busy")
    assert Pause(2.0).why == ""
    assert Named().seconds == 1.0


@pytest.mark.parametrize(
    ("make", "given"),
    [
        (Pause, ""),
        (lambda: Pause(1.0, "a", "b"), "seconds, why"),  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
        (lambda: Pause(1.0, seconds=2.0), "seconds"),  # type: ignore[misc] # pyright: ignore[reportCallIssue]
        (lambda: Pause(1.0, when="now"), "seconds, when"),  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
        (lambda: Named(1.0), ""),  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    ],
    ids=["missing", "too many", "twice", "unknown", "not named"],
)
def test_fields_that_do_not_fit_are_refused_with_their_names(make: object, given: str) -> None:
    with pytest.raises(TypeError, match=rf"has the fields seconds.*; given are {given}$"):
        make()  # type: ignore[operator] # pyright: ignore[reportCallIssue]


def test_no_field_can_be_set_or_deleted_or_added() -> None:
    for name in ("seconds", "when"):
        with pytest.raises(AttributeError, match=f"{name} of Pause cannot be changed"):
            setattr(PAUSE, name, 3.0)
    with pytest.raises(AttributeError, match="cannot be changed"):
        del PAUSE.seconds  # pyright: ignore[reportAttributeAccessIssue] - the trap
    assert as_dict(PAUSE) == {"seconds": 2.0, "why": "busy"}
    assert not hasattr(PAUSE, "__dict__")


def test_objects_with_equal_fields_are_equal_unless_their_class_says_otherwise() -> None:
    assert Pause(2.0, "busy") == PAUSE != Pause(2.0)
    assert len({Pause(2.0, "busy"), PAUSE}) == 1
    assert Named(seconds=2.0) != Pause(2.0)
    assert Same(2.0) != Same(2.0)
    assert len({Same(2.0), Same(2.0)}) == 2


def test_an_object_is_shown_with_its_fields() -> None:
    assert repr(PAUSE) == "Pause(seconds=2.0, why='busy')"
    assert str(inspect.signature(Pause)) == "(seconds: 'float', why: 'str' = '') -> None"
    assert str(inspect.signature(Named)) == "(*, seconds: 'float' = 1.0) -> None"


def test_a_pattern_takes_the_fields_in_their_order() -> None:
    match PAUSE:
        case Pause(seconds, why):
            assert (seconds, why) == (2.0, "busy")


def test_copies_are_equal() -> None:
    assert replace(PAUSE, why="idle") == Pause(2.0, "idle")
    assert copy.copy(PAUSE) == copy.deepcopy(PAUSE) == pickle.loads(pickle.dumps(PAUSE)) == PAUSE  # noqa: S301 - our own
    assert PAUSE.__replace__(seconds=1.0) == Pause(1.0, "busy")
    with pytest.raises(TypeError, match="given are seconds, why, when"):
        replace(PAUSE, when="now")


def test_pydantic_makes_an_object_and_refuses_fields_that_do_not_fit() -> None:
    made = TypeAdapter(Pause)
    assert made.validate_python({"seconds": "2"}) == Pause(2.0)
    with pytest.raises(ValidationError) as refused:
        made.validate_python({"when": "now"})
    assert {(error["loc"], error["type"]) for error in refused.value.errors()} == {
        (("seconds",), "missing"),
        (("when",), "extra_forbidden"),
    }


def test_they_are_dataclasses_to_who_asks() -> None:
    assert [(one.name, one.type) for one in dataclasses.fields(Pause)] == [("seconds", "float"), ("why", "str")]
    assert dataclasses.is_dataclass(PAUSE)
    assert dataclasses.replace(PAUSE, why="late") == Pause(2.0, "late")
    assert dataclasses.replace(Named(), seconds=3.0) == Named(seconds=3.0)
    assert dataclasses.asdict(PAUSE) == {"seconds": 2.0, "why": "busy"}
    assert pprint.pformat(PAUSE) == repr(PAUSE)


@pytest.mark.parametrize("kind", [Settings, RetryPolicy, Decision, Row, Entry, SectionHead, Defaults, Head])
def test_each_class_of_the_library_has_the_fields_of_a_dataclass(kind: type[Any]) -> None:
    assert tuple(one.name for one in dataclasses.fields(kind)) == kind.__fields__
    assert tuple(inspect.signature(kind).parameters) == kind.__fields__
