"""Advice agrees with the flags it stands beside, and there is some for whatever a table can say."""

from __future__ import annotations

import re

import pytest

from errnorm import plugins
from errnorm.advice import ADVICE, advice_for
from errnorm.taxonomy import Reason, Recovery

STOPS = re.compile(r"^Stop\b")
# What a caller does who goes on; each begins a sentence.
REPEATS = re.compile(r"\b(then repeat|[Cc]onnect again|[Rr]epeat after|log in again)\b")


def test_every_combination_that_a_table_has_has_advice_of_its_own() -> None:
    missing = {
        (reason.value, entry.row.recovery.value)
        for protocol in plugins.protocols()
        for entry in plugins.load_table(protocol).rows.values()
        if entry.row.recovery not in ADVICE[reason := entry.row.reason]
    }
    assert not missing


def test_a_combination_that_no_table_has_says_what_the_recovery_says() -> None:
    assert advice_for(Reason.SHUTDOWN_RESET, Recovery.MODIFY) == Recovery.MODIFY.about


@pytest.mark.parametrize("reason", Reason)
def test_advice_begins_with_a_verb_and_agrees_with_the_flag(reason: Reason) -> None:
    for recovery, advice in ADVICE[reason].items():
        assert re.match(r"[A-Z][a-z]+\b.*\.$", advice), advice
        if recovery.retryable:
            assert not STOPS.search(advice), advice
        elif recovery is Recovery.ABANDON and reason is not Reason.UNKNOWN:
            assert STOPS.search(advice), advice
        elif recovery is Recovery.NONE:
            assert not REPEATS.search(advice), advice


def test_no_two_kinds_of_recovery_give_the_same_advice_for_a_reason() -> None:
    assert all(len(set(advice.values())) == len(advice) for advice in ADVICE.values())
