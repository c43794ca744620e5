"""Try again, or stop: what each rule forbids, that nothing undoes it, and how long the pauses are."""

from __future__ import annotations

import itertools
import math
import random as chance
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import errnorm
from errnorm import decision
from errnorm.decision import RetryPolicy, RetryState, Verdict, decide
from errnorm.taxonomy import Recovery
from tests.normalizer.desk import CODES, RETRYABLE, DeskError, error

HALF = 0.5
ENDLESS = RetryPolicy(attempts=None)
SECONDS = st.floats(min_value=0, max_value=1e6)
POLICIES = st.builds(
    RetryPolicy,
    attempts=st.none() | st.integers(1, 9),
    base=SECONDS,
    cap=SECONDS,
    spread=SECONDS,
    longest_hint=SECONDS,
)
ERRORS = st.builds(
    error,
    st.sampled_from((*CODES, "never heard of")),
    address=st.none() | st.text(max_size=9),
    retry_after=st.none() | st.floats() | st.integers(),
)
FLAGS = st.fixed_dictionaries({"idempotent": st.booleans(), "redirects": st.booleans(), "fresh_credentials": st.booleans()})


def half() -> float:
    return HALF


@pytest.mark.parametrize("code", RETRYABLE)
def test_retries_what_time_alone_can_mend(code: str) -> None:
    decided = decide(error(code), idempotent=True)

    assert decided.verdict is Verdict.RETRY
    assert decided.step is error(code).recovery


@pytest.mark.parametrize("code", ["denied", "wrong", "over", "password", "expired", "never heard of"])
def test_aborts_what_somebody_must_change_first_and_still_names_the_step(code: str) -> None:
    decided = decide(error(code), idempotent=True)

    assert decided.verdict is Verdict.ABORT
    assert decided.step is error(code).recovery
    assert decided.delay is None
    assert decided.why


def test_aborts_when_it_may_have_happened_already_and_must_not_happen_twice() -> None:
    assert not decide(error("silent")).retry
    assert decide(error("silent"), idempotent=True).retry


def test_aborts_on_the_same_authentication_error_twice_in_a_row() -> None:
    assert decide(error("password"), fresh_credentials=True).retry
    assert not decide(error("password"), previous=error("password"), fresh_credentials=True).retry


def test_retries_the_same_authentication_error_as_long_as_time_alone_can_mend_it() -> None:
    assert decide(error("late"), previous=error("late")).retry


def test_another_error_before_does_not_make_an_authentication_error_the_second() -> None:
    assert decide(error("late"), previous=error("lost")).retry


def test_fresh_credentials_allow_one_attempt_after_a_refusal_and_not_a_second() -> None:
    first = decide(error("password"), fresh_credentials=True)
    second = decide(error("password"), fresh_credentials=True, previous=error("password"))

    assert (first.verdict, first.step) == (Verdict.RETRY, Recovery.REAUTHENTICATE)
    assert (second.verdict, second.step) == (Verdict.ABORT, Recovery.REAUTHENTICATE)
    assert "twice in a row" in second.why


def test_fresh_credentials_do_not_help_against_a_final_answer() -> None:
    assert not decide(error("denied"), fresh_credentials=True).retry


@pytest.mark.parametrize(
    ("address", "redirects", "retry"),
    [("b.example", True, True), ("b.example", False, False), (None, True, False), ("", True, False)],
)
def test_a_redirect_needs_an_address_and_the_consent_of_the_caller(address: str | None, redirects: bool, retry: bool) -> None:
    assert decide(error("moved", address=address), redirects=redirects).retry is retry


def test_the_last_attempt_is_followed_by_no_other() -> None:
    verdicts = [decide(error("busy"), attempt=attempt, policy=RetryPolicy(attempts=3)).retry for attempt in (1, 2, 3, 4)]

    assert verdicts == [True, True, False, False]


def test_why_never_holds_what_a_peer_said() -> None:
    decided = decide(error("moved", address="evil\x1b[31m.example"))

    assert "evil" not in decided.why


@given(ERRORS, FLAGS, POLICIES, st.integers(-3, 2000), st.permutations(decision._VETOES), st.data())
def test_a_veto_cannot_be_undone(error, flags, policy, attempt, order, data) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    case = decision._Case(error, data.draw(st.none() | ERRORS), policy, attempt, **flags)
    vetoed = any(rule(case) is not None for rule in order)
    reordered = next((why for rule in order if (why := rule(case)) is not None), None)

    assert decision._judged(case, half).retry is not vetoed
    assert (reordered is not None) is vetoed


@given(ERRORS, FLAGS, POLICIES, st.integers(1, 3), st.none() | ERRORS)
def test_knowing_less_never_turns_an_abort_into_a_retry(error, flags, policy, attempt, previous) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    cautious = decide(error, attempt=attempt, previous=previous, policy=policy)
    informed = decide(error, attempt=attempt, previous=previous, policy=policy, **flags)

    assert informed.retry or not cautious.retry


@given(ERRORS, FLAGS, POLICIES, st.integers(-3, 10**6), st.floats(0, 1, exclude_max=True))
def test_a_pause_stays_within_the_bounds_of_the_policy(error, flags, policy, attempt, drawn) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    decided = decide(error, attempt=attempt, policy=policy, random=lambda: drawn, **flags)

    if decided.delay is None:
        assert not decided.retry
    else:
        assert decided.retry
        assert 0 <= decided.delay <= max(policy.cap, policy.spread, policy.longest_hint)


def test_pauses_are_drawn_from_a_range_that_doubles_up_to_the_cap() -> None:
    policy = RetryPolicy(attempts=None, base=1, cap=10)
    delays = [decide(error("busy"), attempt=attempt, policy=policy, random=half).delay for attempt in range(1, 7)]

    assert delays == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


def test_jitter_is_full_down_to_no_pause_at_all() -> None:
    assert decide(error("busy"), random=lambda: 0.0).delay == 0.0


def test_the_first_pause_after_a_shutdown_of_the_server_is_spread_wide() -> None:
    policy = RetryPolicy(base=1, spread=20)

    assert decide(error("closing"), policy=policy, random=half).delay == 10
    assert decide(error("closing"), attempt=2, policy=policy, random=half).delay == 1


@pytest.mark.parametrize("hint", [7, 7.0], ids=["whole", "fraction"])
def test_the_hint_of_the_peer_is_honoured_with_a_little_on_top(hint: float) -> None:
    assert decide(error("busy", retry_after=hint), policy=RetryPolicy(base=1), random=half).delay == 7.5


@pytest.mark.parametrize("hint", [1e9, math.inf])
def test_the_hint_of_the_peer_is_bounded(hint: float) -> None:
    assert decide(error("busy", retry_after=hint), policy=RetryPolicy(longest_hint=60)).delay == 60


@pytest.mark.parametrize("hint", [-1, math.nan])
def test_a_hint_that_is_none_is_ignored(hint: float) -> None:
    assert decide(error("busy", retry_after=hint), policy=RetryPolicy(base=1), random=half).delay == 0.5


def raises() -> str:
    raise RuntimeError


class HostileError(Exception):
    __str__ = __repr__ = lambda self: raises()  # noqa: ARG005


RAW = [None, 0, "", b"\xff", {}, [], object(), int, HostileError(), KeyboardInterrupt(), StopIteration()]


@pytest.mark.parametrize("raw", RAW, ids=lambda raw: type(raw).__name__)
def test_decides_about_anything(raw: object) -> None:
    assert errnorm.decide(raw).verdict is Verdict.ABORT


@given(st.binary() | st.text() | st.builds(OSError, st.integers(), st.text()) | st.builds(Exception, st.text()))
def test_decides_about_anything_that_is_found_on_a_wire(raw: object) -> None:
    assert errnorm.decide(raw, previous=raw, idempotent=True).verdict in set(Verdict)


def test_a_group_is_retried_only_if_each_of_its_members_is() -> None:
    refused, reset, other = ConnectionRefusedError(111, "refused"), ConnectionResetError(104, "reset"), ValueError("x")

    assert errnorm.decide(ExceptionGroup("both", [refused, ExceptionGroup("inner", [reset])]), idempotent=True).retry
    assert not errnorm.decide(ExceptionGroup("both", [refused, ExceptionGroup("inner", [other])]), idempotent=True).retry


def test_a_group_without_any_fault_is_an_abort() -> None:
    assert not errnorm.decide(BaseExceptionGroup("cancelled", [KeyboardInterrupt()]), idempotent=True).retry


def test_a_group_of_any_size_and_depth_is_decided() -> None:
    group: ExceptionGroup[Exception] = ExceptionGroup("many", [ConnectionRefusedError(111, "refused")] * 1000)
    for _ in range(200):
        group = ExceptionGroup("deep", [group])

    assert errnorm.decide(group, idempotent=True).retry


def test_every_word_of_the_verdict_describes_itself() -> None:
    assert all(verdict.about.endswith(".") for verdict in Verdict)


def test_attempts_are_counted_until_the_policy_says_stop() -> None:
    attempts = RetryPolicy(attempts=3).start()
    verdicts = [attempts.decide(error("busy")).retry for _ in range(3)]

    assert verdicts == [True, True, False]
    assert attempts.failed == 3


def test_the_error_that_outlived_its_retries_is_remembered() -> None:
    attempts = RetryPolicy(attempts=2).start()
    attempts.decide(error("busy"))
    assert attempts.outlived is None

    last = error("lost")
    attempts.decide(last)
    assert attempts.outlived is last


def test_an_error_that_was_never_retryable_did_not_outlive_anything() -> None:
    attempts = RetryPolicy().start()
    attempts.decide(error("denied"))

    assert attempts.outlived is None


def test_an_outage_between_two_refusals_does_not_make_the_password_a_new_one() -> None:
    attempts = ENDLESS.start()
    verdicts = [attempts.decide(error(code), fresh_credentials=True).retry for code in ("password", "lost", "password")]

    assert verdicts == [True, True, False]


def test_a_different_refusal_is_not_the_same_one() -> None:
    attempts = ENDLESS.start()
    verdicts = [attempts.decide(error(code), fresh_credentials=True).retry for code in ("expired", "password", "password")]

    assert verdicts == [True, True, False]


def test_a_success_forgets_everything() -> None:
    attempts = RetryPolicy(attempts=2).start()
    attempts.decide(error("late"))
    attempts.succeeded()

    assert (attempts.failed, attempts.last, attempts.last_auth) == (0, None, None)
    assert attempts.decide(error("late")).retry


def test_a_preview_says_the_same_and_remembers_nothing() -> None:
    attempts = RetryState(random=half)
    preview = attempts.preview(error("busy"))

    assert attempts.failed == 0
    assert attempts.decide(error("busy")) == preview


@given(st.lists(st.sampled_from(CODES), max_size=30), st.integers(1, 5), st.integers())
def test_no_sequence_of_errors_gets_more_attempts_than_the_policy_allows(codes: list[str], most: int, seed: int) -> None:
    attempts = RetryPolicy(attempts=most).start(random=chance.Random(seed).random)  # noqa: S311 - a die, not a secret
    kept = itertools.takewhile(lambda one: one.retry, (attempts.decide(error(code), idempotent=True) for code in codes))

    assert len(list(kept)) < most


def test_what_a_guard_has_seen_is_decided_by_what_it_made_of_it() -> None:
    exception = DeskError("busy")
    assert not errnorm.decide(exception).retry

    errnorm.Middleware(emitters=()).report(exception.known, exception=exception)
    assert errnorm.decide(exception).retry


@pytest.mark.parametrize("consent", ["idempotent", "redirects", "fresh_credentials"])
def test_without_consent_nothing_is_repeated_followed_or_signed_in_again(consent: str) -> None:
    needs = {
        "idempotent": error("silent"),
        "redirects": error("moved", address="elsewhere"),
        "fresh_credentials": error("password"),
    }
    for flags, retry in (({}, False), ({consent: True}, True)):
        given_consent: dict[str, Any] = flags
        attempts = RetryState(ENDLESS)
        assert attempts.preview(needs[consent], **given_consent).retry is retry
        assert attempts.decide(needs[consent], **given_consent).retry is retry
        assert decide(needs[consent], **given_consent).retry is retry


@pytest.mark.parametrize(("said", "hint"), [(-1, None), (-0.5, None), (0, 0), (0.5, 0.5), (math.nan, None), (math.inf, math.inf)])
def test_a_hint_is_a_pause_or_none(said: float, hint: float | None) -> None:
    assert decision.hint_of(error("busy", retry_after=said)) == hint


def test_a_raw_error_is_decided_under_the_protocol_that_was_given_like_the_one_before() -> None:
    words = "conflict"  # of XMPP: as a text of NATS it means nothing
    assert errnorm.decide(words, protocol="xmpp").step is errnorm.normalize(words, "xmpp").recovery
    refused = "Authorization Violation"
    assert errnorm.decide(refused, protocol="nats", idempotent=True, fresh_credentials=True).retry
    assert not errnorm.decide(refused, protocol="nats", idempotent=True, previous=refused, fresh_credentials=True).retry


def test_what_comes_on_top_of_a_hint_grows_with_the_base() -> None:
    patient = RetryPolicy(attempts=None, base=4.0, cap=4.0)
    assert decide(error("busy", retry_after=10), policy=patient, random=half).delay == 12.0
