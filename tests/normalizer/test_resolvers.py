"""Somebody who knows more about an exception than it says: asked once, believed, and never a burden."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

import errnorm
from errnorm import Middleware, NormalizedError, Reason
from errnorm.settings import Settings

if TYPE_CHECKING:
    from errnorm.fault import Fault

DENIED = RuntimeError('nats: permissions violation for publish to "a"')


class Watch:
    """Knows what is behind a time-out."""

    def __init__(self, behind: object) -> None:
        self.known = behind

    def behind(self, exception: BaseException, error: NormalizedError) -> object:
        if self.known is ValueError:
            raise ValueError
        return self.known if isinstance(exception, TimeoutError) and error.reason is Reason.TRANSPORT_TIMEOUT else None


@pytest.fixture
def told() -> list[Fault]:
    return []


@pytest.fixture
def errors(told: list[Fault]) -> Middleware:
    return Middleware(emitters=[told.append])


def failed(errors: Middleware) -> TimeoutError:
    with pytest.raises(TimeoutError) as caught, errors.guard("nats", operation="ask"):
        raise TimeoutError
    return caught.value


def test_what_nobody_told_is_told_as_what_it_really_was(errors: Middleware, told: list[Fault]) -> None:
    watch = Watch("-ERR 'Permissions Violation for Publish to \"a\"'")
    errors.add_resolver(watch.behind)
    timeout = failed(errors)
    assert errnorm.normalize(timeout).reason is Reason.AUTH_FORBIDDEN
    assert [(fault.error.reason, fault.exception) for fault in told] == [(Reason.AUTH_FORBIDDEN, timeout)]
    assert told[0].decision is not None
    assert not told[0].decision.retry


class Spans(list["Fault"]):
    """Is told of operations, as a span is."""

    of_operations = True
    __call__ = list.append


def test_a_fault_of_the_connection_is_told_once_and_each_operation_that_fails_of_it_is_told_to_its_span() -> None:
    told: list[Fault] = []
    spans = Spans()
    errors = Middleware(emitters=[told.append, spans])
    denied = RuntimeError('nats: permissions violation for publish to "a"')
    watch = Watch(denied)
    errors.add_resolver(watch.behind)
    first = errors.report(denied, "nats")
    assert errors.normalize(TimeoutError(), "nats") is first
    assert errnorm.normalize(failed(errors)) is first
    assert errnorm.normalize(failed(errors)) is first
    assert [(fault.error.reason, fault.outcome) for fault in told] == [(Reason.AUTH_FORBIDDEN, "background")]
    assert [fault.outcome for fault in spans] == ["background", "failed", "failed"]


def test_each_operation_that_fails_of_a_fault_of_the_connection_has_a_line_and_a_storm_of_them_is_summed_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    errors = Middleware(settings=Settings(log_with="logging"))
    denied = RuntimeError('nats: permissions violation for publish to "a"')
    watch = Watch(denied)
    errors.add_resolver(watch.behind)
    with caplog.at_level("INFO", "errnorm"):
        errors.report(denied, "nats")
        for _ in range(1000):
            failed(errors)
        with pytest.raises(TimeoutError), errors.guard("nats", operation="poll", handled=True):
            raise TimeoutError
        errors.flush()
    head = "nats ask failed: auth.forbidden"
    assert [(record.levelname, record.getMessage().split(" in ")[0]) for record in caplog.records] == [
        ("ERROR", 'nats connection error: auth.forbidden: Permissions Violation for Publish to "a" (abort: the answer is final)'),
        *[("ERROR", f"{head} (already reported; abort: the answer is final)")] * 5,
        ("WARNING", "nats poll failed: auth.forbidden (already reported; handled)"),
        ("ERROR", f"{head}: 995 more"),
    ]
    fields = vars(caplog.records[1])
    assert (fields["error.type"], fields["errnorm.outcome"], fields["errnorm.operation"]) == ("auth.forbidden", "failed", "ask")


def test_an_operation_that_was_told_takes_the_fault_with_it(errors: Middleware, told: list[Fault]) -> None:
    denied = RuntimeError('nats: permissions violation for publish to "a"')
    watch = Watch(denied)
    errors.add_resolver(watch.behind)
    errors.report(denied, "nats", outcome="failed")
    failed(errors)
    assert [fault.outcome for fault in told] == ["failed"]


@pytest.mark.parametrize("behind", [None, ValueError], ids=["knows nothing", "fails"])
def test_who_knows_nothing_or_fails_changes_nothing(behind: object, errors: Middleware, told: list[Fault]) -> None:
    watch = Watch(behind)
    errors.add_resolver(watch.behind)
    assert errnorm.normalize(failed(errors)).reason is Reason.TRANSPORT_TIMEOUT
    assert len(told) == 1


def test_who_is_gone_is_forgotten(errors: Middleware) -> None:
    watch = Watch(DENIED)
    errors.add_resolver(watch.behind)
    del watch
    gc.collect()
    assert errnorm.normalize(failed(errors)).reason is Reason.TRANSPORT_TIMEOUT
    assert errors._resolvers == []
