"""The vocabulary holds together: words, categories, descriptions."""

from __future__ import annotations

import re

import pytest

from errnorm.tables.provenance import Evidence, Reach
from errnorm.taxonomy import Category, Effect, Reason, Recovery


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_stands_under_its_category(reason: Reason) -> None:
    assert reason.category.value == reason.value.partition(".")[0]


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_a_low_cardinality_word(reason: Reason) -> None:
    assert re.fullmatch(r"[a-z]+(\.[a-z_]+)?", reason.value)


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_says_what_happened_and_why(reason: Reason) -> None:
    assert all(text.endswith(".") for text in (reason.about, reason.cause))


@pytest.mark.parametrize("term", [*Category, *Recovery, *Effect, *Reach, *Evidence], ids=repr)
def test_every_word_carries_its_description(term: Category | Recovery | Effect | Reach | Evidence) -> None:
    assert term.about.endswith(".")


def test_exactly_three_recoveries_are_retryable() -> None:
    assert {recovery for recovery in Recovery if recovery.retryable} == {Recovery.WAIT, Recovery.RECONNECT, Recovery.REDIRECT}


def test_every_category_has_a_reason() -> None:
    assert {reason.category for reason in Reason} == set(Category)


def test_words_are_found_by_their_value() -> None:
    assert Reason("auth.forbidden") is Reason.AUTH_FORBIDDEN
