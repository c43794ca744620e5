"""The mark on an exception: the first one stays."""

from __future__ import annotations

import errnorm
from errnorm.decision import decide
from errnorm.marks import Mark, claim, known, mark_of
from tests.normalizer.desk import error


def test_only_the_first_who_claims_an_exception_may_tell_it() -> None:
    exception = OSError()
    first, second = (Mark(error(code), decide(error(code))) for code in ("busy", "lost"))

    assert [claim(exception, first), claim(exception, second)] == [True, False]
    assert mark_of(exception) is first


def test_what_is_no_exception_has_no_mark() -> None:
    raws: tuple[object, ...] = (None, "busy", b"", {}, OSError)

    assert all(mark_of(raw) is None for raw in raws)


def test_what_is_normalized_already_is_known() -> None:
    busy = error("busy")

    assert known(busy) is busy


def test_what_nobody_has_seen_is_normalized_under_the_protocol_given() -> None:
    refused = known(ConnectionRefusedError(111, "refused"), "nats")

    assert (refused.protocol, refused.reason) == ("nats", errnorm.Reason.TRANSPORT_REFUSED)
