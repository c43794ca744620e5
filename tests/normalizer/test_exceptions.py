"""What exceptions wrap, and that no exception can do harm by being looked at."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from errnorm.exceptions import ReportedException, attribute, causes, class_names, message_of


def chained(*errors: BaseException) -> BaseException:
    """Raise each from the next."""
    for outer, inner in pairwise(errors):
        outer.__cause__ = inner
    return errors[0]


def test_names_run_from_the_class_to_object() -> None:
    assert class_names(ConnectionRefusedError())[:3] == (
        "builtins.ConnectionRefusedError", "builtins.ConnectionError", "builtins.OSError",
    )  # fmt: skip


def test_names_are_dotted_with_the_module() -> None:
    assert class_names(asyncio.IncompleteReadError(b"", 1))[0] == "asyncio.exceptions.IncompleteReadError"


def test_a_reported_exception_has_the_names_it_was_reported_with() -> None:
    assert class_names(ReportedException(("a.B", "c.D"))) == ("a.B", "c.D")


def test_classes_made_by_the_thousand_are_named_all_the_same() -> None:
    names = [class_names(type(f"E{number}", (Exception,), {})())[0] for number in range(3000)]
    assert names[-1].endswith(".E2999")


def test_causes_come_from_the_outside_in() -> None:
    errors = [ValueError("outer"), KeyError("middle"), OSError("inner")]
    assert list(causes(chained(*errors))) == errors


def test_what_was_being_handled_counts_as_a_cause_only_for_who_asks_for_it() -> None:
    with pytest.raises(ValueError, match="outer") as caught:
        try:
            raise KeyError
        except KeyError:
            raise ValueError("outer")  # noqa: B904 - the implicit context is what is tested
    assert [type(link) for link in causes(caught.value)] == [ValueError]
    assert [type(link) for link in causes(caught.value, contexts=True)] == [ValueError, KeyError]


def test_what_was_being_handled_is_left_out_where_the_raiser_said_so() -> None:
    with pytest.raises(ValueError, match="outer") as caught:
        try:
            raise KeyError
        except KeyError:
            raise ValueError("outer") from None
    assert [type(link) for link in causes(caught.value, contexts=True)] == [ValueError]


def test_the_members_of_a_group_come_in_their_order() -> None:
    group = ExceptionGroup("g", [ValueError(1), ExceptionGroup("h", [KeyError(2)]), OSError(3)])
    assert [type(link).__name__ for link in causes(group)] == [
        "ExceptionGroup",
        "ValueError",
        "ExceptionGroup",
        "KeyError",
        "OSError",
    ]


def test_a_circle_of_causes_ends() -> None:
    one, other = ValueError(), KeyError()
    one.__cause__, other.__cause__ = other, one
    assert list(causes(one)) == [one, other]


def test_ten_thousand_causes_are_not_walked() -> None:
    assert len(list(causes(chained(*[ValueError(number) for number in range(10_000)])))) <= 64


def test_a_group_of_a_hundred_thousand_is_not_walked() -> None:
    assert len(list(causes(ExceptionGroup("g", [ValueError(number) for number in range(100_000)])))) <= 64


def test_the_cause_of_a_reported_exception_is_followed() -> None:
    inner = ReportedException(("a.Inner",))
    outer = ReportedException(("a.Outer",), cause=inner)
    assert list(causes(outer)) == [outer, inner]


def test_what_is_no_exception_has_no_causes() -> None:
    assert list(causes("text")) == ["text"]


class BrokenError(Exception):
    """Everything about it raises."""

    def __str__(self) -> str:
        raise RuntimeError

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError


def test_a_text_that_cannot_be_had_is_empty() -> None:
    assert message_of(BrokenError()) == ""


def test_an_attribute_that_cannot_be_read_is_none() -> None:
    assert attribute(BrokenError(), "code") is None


def test_a_text_is_cut() -> None:
    assert len(message_of(ValueError("x" * 10_000_000))) == 4096
    assert len(message_of(ReportedException(("a.B",), "x" * 10_000))) == 4096


def test_attributes_are_read_from_both_kinds() -> None:
    assert attribute(OSError(111, "refused"), "errno") == 111
    assert attribute(ReportedException(("a.B",), attributes={"errno": 111}), "errno") == 111
    assert attribute(ReportedException(("a.B",)), "errno") is None


class ForgetfulError(Exception):
    @property
    def code(self) -> int:
        raise MemoryError

    def __str__(self) -> str:
        raise MemoryError


def test_a_memory_that_is_full_is_nothing_to_hide() -> None:
    with pytest.raises(MemoryError):
        attribute(ForgetfulError(), "code")
    with pytest.raises(MemoryError):
        message_of(ForgetfulError())
