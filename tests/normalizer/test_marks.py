"""The mark on an exception: the first one stays."""

from __future__ import annotations

import errnorm
from errnorm.decision import decide
from errnorm.marks import Mark, claim, mark_of, told_inside
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

    assert errnorm.normalize(busy) is busy


def test_what_nobody_has_seen_is_normalized_under_the_protocol_given() -> None:
    refused = errnorm.normalize(ConnectionRefusedError(111, "refused"), "nats")

    assert (refused.protocol, refused.reason) == ("nats", errnorm.Reason.TRANSPORT_REFUSED)


class RefusedError(Exception):
    """Raised from a stanza that it holds, as clients do."""


class Stanza:
    """What an exception may be made from."""


def test_what_an_exception_was_made_from_counts_as_inside_it_and_a_plain_value_does_not() -> None:
    stanza, wrapper, stranger = Stanza(), RefusedError(), RefusedError()
    busy = error("busy")
    mark = Mark(busy, decide(busy))
    assert claim(stanza, mark)
    vars(wrapper)["stanza"] = stanza
    vars(stranger)["stanza"] = "busy"

    assert told_inside(wrapper, busy) is mark
    assert told_inside(wrapper, error("lost")) is None
    assert told_inside(stranger, busy) is None


def test_the_same_class_while_the_first_is_handled_is_another_fault() -> None:
    first, second, renamed = RefusedError(), RefusedError(), OSError()
    busy = error("busy")
    mark = Mark(busy, decide(busy))
    claim(first, mark)
    second.__context__ = renamed.__context__ = first

    assert told_inside(second, busy) is None
    assert told_inside(renamed, busy) is mark
