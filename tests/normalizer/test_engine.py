"""The way down: exact, template, family, unknown; and who has the last word on waiting."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errnorm.engine import Engine
from errnorm.error import Signal
from errnorm.tables.file import read
from errnorm.tables.table import Table
from errnorm.taxonomy import Category, Effect, Reason, Recovery


@pytest.fixture
def engine(post: Table) -> Engine:
    return Engine(post)


def test_an_exact_code_gives_its_row(engine: Engine) -> None:
    error = engine.judge(Signal("post", "window", "closed"))
    assert (error.reason, error.recovery, error.terminal, error.retryable) == (
        Reason.SHUTDOWN_SERVER, Recovery.RECONNECT, True, True,
    )  # fmt: skip


def test_a_text_with_places_gives_its_row_and_values(engine: Engine) -> None:
    error = engine.judge(Signal("post", "letter", 'No Such Street "Elm"'))
    assert (error.code, error.params) == ("No Such Street", {"street": "Elm"})


def test_values_of_the_adapter_are_kept_beside_those_of_the_text(engine: Engine) -> None:
    error = engine.judge(Signal("post", "letter", "Too Heavy: 3 g", params={"clerk": "7"}))
    assert error.params == {"number": 3, "clerk": "7"}


def test_values_of_a_text_that_lost_its_letters_say_so(engine: Engine) -> None:
    error = engine.judge(Signal("post", "letter", 'no such street "elm"', lossy=True))
    assert (error.params, error.lossy) == ({"street": "elm"}, True)


def test_the_family_answers_where_no_row_has_the_code(engine: Engine) -> None:
    error = engine.judge(Signal("post", "window", "singing", family=(("mood", "pass"),)))
    assert (error.section, error.code, error.reason) == ("mood", "pass", Reason.AUTH_REQUIRED)


def test_the_nearest_family_answers_first(engine: Engine) -> None:
    error = engine.judge(
        Signal("post", "window", "singing", family=(("mood", "humming"), ("window", "crowded"), ("window", "closed")))
    )
    assert error.code == "crowded"


def test_what_no_row_knows_is_unknown_and_never_retried(engine: Engine) -> None:
    error = engine.judge(Signal("post", "window", "singing", "we sing today 42"))
    assert (error.category, error.reason, error.recovery, error.retryable, error.effect) == (
        Category.UNKNOWN, Reason.UNKNOWN, Recovery.ABANDON, False, Effect.UNKNOWN,
    )  # fmt: skip
    assert (error.protocol, error.section, error.code, error.fingerprint) == ("post", "window", None, "we sing today <n>")


def test_a_section_of_nobody_is_not_repeated(engine: Engine) -> None:
    assert engine.judge(Signal("post", "x" * 1000, "singing")).section is None


@pytest.mark.parametrize(
    ("code", "mood", "recovery"),
    [
        ("crowded", None, Recovery.WAIT),
        ("crowded", "later", Recovery.WAIT),
        ("crowded", "never", Recovery.ABANDON),
        ("crowded", "pass", Recovery.REAUTHENTICATE),
        ("crowded", "humming", Recovery.WAIT),
        ("forbidden", "later", Recovery.WAIT),
        ("forbidden", "pass", Recovery.ABANDON),
        ("other", "pass", Recovery.REAUTHENTICATE),
        ("other", "later", Recovery.WAIT),
        ("other", None, Recovery.ABANDON),
    ],
)
def test_a_section_that_decides_has_the_last_word_on_waiting(
    engine: Engine, code: str, mood: str | None, recovery: Recovery
) -> None:
    family = () if mood is None else (("mood", mood),)
    assert engine.judge(Signal("post", "window", code, family=family)).recovery is recovery


def test_a_row_that_defers_takes_its_reason_from_who_decides(engine: Engine) -> None:
    assert engine.judge(Signal("post", "window", "other", family=(("mood", "pass"),))).reason is Reason.AUTH_REQUIRED


def test_a_row_that_does_not_defer_keeps_its_reason(engine: Engine) -> None:
    assert engine.judge(Signal("post", "window", "forbidden", family=(("mood", "later"),))).reason is Reason.AUTH_FORBIDDEN


def test_a_detail_refines_the_row_but_is_not_its_code(engine: Engine) -> None:
    error = engine.judge(Signal("post", "window", "forbidden", details=(("detail", "pencil"), ("detail", "oversize"))))
    assert (error.code, error.reason, error.recovery) == ("forbidden", Reason.LIMITS_SIZE, Recovery.MODIFY)


def test_who_decides_has_the_last_word_over_a_detail_too(engine: Engine) -> None:
    signal = Signal("post", "window", "forbidden", details=(("detail", "oversize"),), family=(("mood", "later"),))
    assert engine.judge(signal).recovery is Recovery.WAIT


@pytest.mark.parametrize(
    ("code", "closed", "terminal", "recovery"),
    [
        ("crowded", True, True, Recovery.RECONNECT),
        ("closed", False, False, Recovery.WAIT),
        ("forbidden", True, True, Recovery.ABANDON),
        ("forbidden", None, False, Recovery.ABANDON),
    ],
)
def test_what_the_adapter_saw_of_the_connection_wins_over_the_row(
    engine: Engine, code: str, closed: bool | None, terminal: bool, recovery: Recovery
) -> None:
    error = engine.judge(Signal("post", "window", code, closed=closed))
    assert (error.terminal, error.recovery) == (terminal, recovery)


def test_an_unknown_error_of_a_connection_that_ended_is_terminal(engine: Engine) -> None:
    assert engine.judge(Signal("post", "window", "singing", closed=True)).terminal


def test_the_verdict_of_one_kind_of_error_is_shared(engine: Engine) -> None:
    one, other = (engine.judge(Signal("post", "letter", f'No Such Street "{name}"')) for name in ("Elm", "Oak"))
    assert one.judgement is other.judgement


TABLE = Table([read((Path(__file__).parents[1] / "data" / "post.toml").read_text("utf-8"), "post.toml")])
words = st.sampled_from(["letter", "window", "mood", "detail", "x"]) | st.text()
pairs = st.lists(st.tuples(words, words), max_size=3).map(tuple)


@given(
    section=words | st.none(), code=words | st.none(), family=pairs, details=pairs, closed=st.sampled_from([None, True, False])
)
def test_every_signal_gets_an_answer_in_which_the_flags_agree(
    section: str | None,
    code: str | None,
    family: tuple[tuple[str, str], ...],
    details: tuple[tuple[str, str], ...],
    closed: bool | None,
) -> None:
    error = Engine(TABLE).judge(Signal("post", section, code, family=family, details=details, closed=closed))
    assert error.retryable == error.recovery.retryable
    assert not (error.terminal and error.recovery is Recovery.WAIT)
    assert not (not error.terminal and error.recovery is Recovery.RECONNECT)
    assert closed is None or error.terminal is closed


def test_what_means_the_same_is_the_same_object_whichever_way_it_was_found(engine: Engine) -> None:
    ways = (
        Signal("post", "letter", "Office Burnt Down"),
        Signal("post", "letter", "office burnt down"),
        Signal("post", None, "Office Burnt Down"),
        Signal("post", "letter", "Office Burnt Down", family=(("window", "crowded"),)),
        Signal("post", "letter", "Office Burnt Down", closed=True),
    )
    assert len({id(engine.judge(signal).judgement) for signal in ways}) == 1
    assert (
        engine.judge(Signal("post", "letter", "Office Burnt Down", closed=False)).judgement is not engine.judge(ways[0]).judgement
    )


def test_what_a_peer_makes_up_fills_no_memory_and_changes_no_answer(post: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("errnorm.engine._MOST_JUDGEMENTS", 8)
    engine = Engine(post)
    families = [((("mood", f"mood {number}"),), closed) for number in range(50) for closed in (None, True, False)]
    for family, closed in families:
        known = engine.judge(Signal("post", "letter", "Office Burnt Down", family=family, closed=closed))
        unknown = engine.judge(Signal("post", "window", f"odd {family}", family=family, closed=closed))
        assert (known.reason, known.terminal) == (Reason.TRANSPORT_LOST, closed is not False)
        assert (unknown.known, unknown.terminal) == (False, bool(closed))
    assert max(len(engine._judgements), len(engine._interned)) <= 8


def test_what_peers_make_up_fills_no_memory(post: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("errnorm.engine._MOST_JUDGEMENTS", 2)
    engine = Engine(post)
    signals = [Signal("post", section, code) for section in ("window", "letter") for code in ("closed", "crowded", "singing")]
    first = [engine.judge(signal).reason for signal in signals]
    assert [engine.judge(signal).reason for signal in signals] == first
    assert max(len(engine._interned), len(engine._judgements)) <= 2
