"""Sentences of the log: the same from every logger, whatever stands in the words of a peer or of an application."""

from __future__ import annotations

import logging

from hypothesis import given
from hypothesis import strategies as st

import errnorm
from errnorm import Decision, Recovery, Verdict
from errnorm.emitters.log.message import message
from errnorm.emitters.log.writers import write_with_logging
from errnorm.emitters.severity import Severity
from errnorm.fault import Fault
from errnorm.settings import Settings


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def _written(fault: Fault) -> tuple[str, str]:
    """Return the sentence, and what `logging` makes of it."""
    sentence, handler, logger = message(fault, Settings(), "nats.error"), _Kept(), logging.getLogger("errnorm")
    logger.addHandler(handler)
    try:
        write_with_logging(Severity.ERROR, sentence, {})
    finally:
        logger.removeHandler(handler)
    return str(sentence), handler.said[-1]


@given(
    words=st.text(st.sampled_from("ab %sd(){}")), operation=st.text(st.sampled_from("ab %s")), peer=st.none() | st.just("a%sb")
)
def test_logging_writes_percent_signs_as_they_are(words: str, operation: str, peer: str | None) -> None:
    fault = Fault(errnorm.normalize(f"nats: {words}", "nats"), operation=operation, peer=peer, outcome="failed")
    sentence, written = _written(fault)
    assert written == sentence


def test_a_program_that_judged_an_unknown_error_itself_is_quoted() -> None:
    decision = Decision(Verdict.ABORT, Recovery.ABANDON, None, "term: ValueError: 5% of the message is bad")
    fault = Fault(errnorm.normalize(ValueError("no amount")), operation="process", decision=decision, outcome="failed")
    _, written = _written(fault)
    assert written.endswith("(abort: term: ValueError: 5% of the message is bad)")
