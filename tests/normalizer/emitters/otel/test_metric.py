"""Metrics, as the OpenTelemetry SDK collects them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from errnorm.emitters.attributes import ATTRIBUTES
from errnorm.emitters.counts import Counts
from errnorm.emitters.log.emitter import LogEmitter
from errnorm.emitters.otel import metric
from errnorm.fault import Fault
from tests.normalizer.emitters.wire import ABORT, RETRY

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from errnorm.emitters.counts import Ledger
    from errnorm.error import NormalizedError
    from errnorm.settings import Settings
    from tests.normalizer.emitters.wire import Lines


class Meter:
    """A meter provider that is read by hand."""

    def __init__(self, ledger: Ledger) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader])
        self.count = metric.emitter(ledger, self.provider)

    def read(self) -> dict[str, list[tuple[dict[str, Any], int]]]:
        data: Any = self.reader.get_metrics_data()
        metrics = [one for resource in data.resource_metrics for scope in resource.scope_metrics for one in scope.metrics]
        return {one.name: [(dict(point.attributes), point.value) for point in one.data.data_points] for one in metrics}


@pytest.fixture
def meter(ledger: Ledger) -> Iterator[Meter]:
    meter = Meter(ledger)
    yield meter
    meter.provider.shutdown()


def test_an_error_is_counted_with_its_names_of_low_cardinality(meter: Meter, fault: Callable[..., Fault]) -> None:
    for _ in range(3):
        meter.count(fault(operation="publish", peer="a", decision=ABORT))
    expected = {
        "error.type": "auth.forbidden",
        "errnorm.protocol": "wire",
        "errnorm.category": "auth",
        "errnorm.code": "no-publish",
        "errnorm.retryable": False,
        "errnorm.terminal": False,
        "errnorm.recovery": "abandon",
        "errnorm.effect": "not_applied",
        "errnorm.operation": "publish",
        "errnorm.decision": "abort",
        "errnorm.outcome": "failed",
    }
    assert meter.read() == {"errnorm.errors": [(expected, 3)]}


def test_errors_are_told_apart_by_what_became_of_the_operation(meter: Meter, fault: Callable[..., Fault]) -> None:
    for outcome in ("failed", "retried", "retried", "handled", "background"):
        meter.count(fault(decision=RETRY, outcome=outcome))
    counted = {attributes["errnorm.outcome"]: count for attributes, count in meter.read()["errnorm.errors"]}
    assert counted == {"failed": 1, "retried": 2, "handled": 1, "background": 1}


def test_what_the_log_suppressed_is_counted_all_the_same(
    meter: Meter, ledger: Ledger, lines: Lines, fault: Callable[..., Fault], settings: Callable[..., Settings]
) -> None:
    log = LogEmitter(settings(), ledger=ledger, write=lines, schedule=lambda _seconds, _call: None)
    for _ in range(100):
        meter.count(fault())
        log(fault())
    read = meter.read()
    assert [read[name][0][1] for name in ("errnorm.errors", "errnorm.suppressed")] == [100, 95]
    assert read["errnorm.suppressed"][0][0]["error.type"] == "auth.forbidden"


def test_parameters_texts_and_peers_never_become_series(meter: Meter, judge: Callable[..., NormalizedError]) -> None:
    for number in range(50):
        meter.count(Fault(judge(f'No Publish to "a.{number}"'), peer=f"peer {number}"))
        meter.count(Fault(judge(f"unheard of {'x' * number}")))
    assert sorted(count for _, count in meter.read()["errnorm.errors"]) == [50, 50]


def test_series_are_bounded_and_the_sum_stays_right() -> None:
    counts = Counts(most=3)
    for number in range(10):
        told = {
            "errnorm.operation": number,
            "errnorm.decision": "abort" if number % 2 else "retry",
            "errnorm.outcome": "handled" if number > 7 else "failed",
        }
        counts.add(number, dict, told)
    read = counts.read()
    assert sum(count for _, count in read) == counts.total == 10
    names = ("errnorm.decision", "errnorm.outcome")
    rest = [(*map(attributes.get, names), count) for attributes, count in read if "otel.metric.overflow" in attributes]
    assert sorted(rest, key=str) == [
        ("abort", "failed", 3),
        ("abort", "handled", 1),
        ("retry", "failed", 2),
        ("retry", "handled", 1),
    ]


def test_two_keys_with_the_same_names_are_one_series() -> None:
    counts = Counts()
    for key in "ab":
        counts.add(key, lambda _: {"error.type": "x"}, key)
    assert counts.read() == [({"error.type": "x"}, 2)]


def test_nothing_is_lost_between_threads(ledger: Ledger, fault: Callable[..., Fault]) -> None:
    count, case = metric.emitter(ledger, MeterProvider()), fault()

    def hammer() -> None:
        for _ in range(5000):
            count(case)

    threads = [threading.Thread(target=hammer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.errors.total == 40_000


def test_a_provider_that_is_set_later_reads_what_was_counted_before(ledger: Ledger, fault: Callable[..., Fault]) -> None:
    metric.emitter(ledger, MeterProvider())(fault())
    assert Meter(ledger).read()["errnorm.errors"][0][1] == 1


def test_to_publish_twice_is_to_publish_once(meter: Meter, ledger: Ledger, fault: Callable[..., Fault]) -> None:
    metric.emitter(ledger, meter.provider)
    meter.count(fault())
    assert [count for _, count in meter.read()["errnorm.errors"]] == [1]


def test_a_provider_in_the_place_of_one_that_is_gone_reads_too(fault: Callable[..., Fault]) -> None:
    from errnorm.emitters.counts import Ledger  # noqa: PLC0415 - its name is taken by the type above

    for _ in range(20):
        ledger = Ledger()
        meter = Meter(ledger)
        meter.count(fault())
        assert meter.read()["errnorm.errors"]


def test_a_failed_emitter_is_counted_by_its_name(meter: Meter, ledger: Ledger) -> None:
    ledger.failed("log")
    ledger.failed("log")
    assert meter.read() == {"errnorm.failures": [({"errnorm.emitter": "log"}, 2)]}


def test_all_its_names_are_declared_for_metrics(meter: Meter, ledger: Ledger, fault: Callable[..., Fault]) -> None:
    meter.count(fault(decision=ABORT, operation="o", peer="p", client="c", attempt=1))
    ledger.failed("log")
    told = {key for series in meter.read().values() for attributes, _ in series for key in attributes}
    assert told == {attribute.key for attribute in ATTRIBUTES if "metric" in attribute.signals}
