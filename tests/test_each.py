"""The tool that makes one test of many rows says every row that fails."""

from __future__ import annotations

import pytest

from tests.each import each


def test_every_value_that_fails_is_named_and_the_others_are_not() -> None:
    @each("number", range(5), ids=lambda number: f"number {number}")
    def even(number: int) -> None:
        assert number % 2 == 0

    with pytest.raises(AssertionError, match=r"2 of 5 fail:\nnumber 1: .*\n(.*\n)*number 3: ") as caught:
        even()
    assert "number 2" not in str(caught.value)


def test_a_test_without_values_fails() -> None:
    @each("row", list)
    def nothing(row: object) -> None:
        assert row

    with pytest.raises(AssertionError, match="no value"):
        nothing()


def test_values_that_cannot_be_made_fail_the_test_and_not_its_definition() -> None:
    def broken() -> list[int]:
        raise LookupError

    @each("row", broken)
    def one(row: int) -> None:
        assert row

    with pytest.raises(LookupError):
        one()


@each(("left", "right"), [(1, 2), (2, 3)])
def test_other_parameters_are_fixtures(left: int, right: int, request: pytest.FixtureRequest) -> None:
    assert right == left + 1
    assert request.fixturenames


@each("number", [1, 2])
def test_a_value_that_does_not_apply_is_passed_over(number: int) -> None:
    if number == 1:
        pytest.skip("not this one")
    assert number == 2
