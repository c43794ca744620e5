"""Metrics, as the OpenTelemetry SDK collects them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from errnorm.emitters.attributes import ATTRIBUTES
from errnorm.emitters.counts import Counts
from errnorm.emitters.log.emitter import LogEmitter
from errnorm.emitters.otel import metric
from errnorm.fault import Fault
from errnorm.middleware import Middleware
from tests.normalizer.emitters.wire import ABORT, RETRY

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

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
        read = {one.name: [(dict(point.attributes), point.value) for point in one.data.data_points] for one in metrics}
        self.zeros = [attributes for attributes, value in read["errnorm.errors"] if not value]
        counted = {name: [(attributes, value) for attributes, value in points if value] for name, points in read.items()}
        return {name: points for name, points in counted.items() if points}


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


def test_series_are_bounded_and_lose_the_operation_first_and_never_what_is_alerted_on() -> None:
    counts = Counts(most=3)
    for number in range(100):
        told = {
            "errnorm.operation": f"publish {number}",
            "errnorm.code": f"code {number % 5}",
            "error.type": "auth.revoked" if number % 2 else "transport.lost",
            "errnorm.outcome": "failed",
        }
        counts.add(number, dict, told)
    read = counts.read()
    assert sum(count for _, count in read) == counts.total == 100
    assert len(read) <= 2 * 3 + 2
    assert len([attributes for attributes, _ in read if "errnorm.operation" in attributes]) == 3
    assert all(attributes["error.type"] in {"auth.revoked", "transport.lost"} for attributes, _ in read)
    revoked = sum(count for attributes, count in read if attributes["error.type"] == "auth.revoked")
    assert revoked == 50


def test_zero_is_published_for_what_is_alerted_on(meter: Meter) -> None:
    meter.read()
    told = {(one["errnorm.protocol"], one["error.type"], one["errnorm.outcome"]) for one in meter.zeros}
    assert {("nats", "auth.rejected", "failed"), ("xmpp", "_OTHER", "background")} <= told


def test_an_expected_series_is_counted_with_the_others_of_its_names() -> None:
    counts = Counts()
    counts.expect({"error.type": "x"})
    assert counts.read() == [({"error.type": "x"}, 0)]
    counts.add("key", lambda _: {"error.type": "x"}, "key")
    assert counts.read() == [({"error.type": "x"}, 1)]
    counts.forget()
    assert counts.read() == [({"error.type": "x"}, 0)]


def operations(meter: Meter) -> dict[tuple[str | None, ...], int]:
    names = ("errnorm.operation", "error.type", "errnorm.outcome")
    return {tuple(attributes.get(name) for name in names): count for attributes, count in meter.read()["errnorm.operations"]}


def test_operations_are_counted_by_what_became_of_them(meter: Meter, ledger: Ledger, fault: Callable[..., Fault]) -> None:
    errors = Middleware(emitters=[meter.count, ledger.operations])
    for _ in range(3):
        with errors.guard("wire", operation="publish"):
            pass
    ledger.operations(fault(operation="publish", decision=ABORT))
    for _ in range(2):
        ledger.operations(fault("Stale", operation="publish", outcome="retried"))
    ledger.operations(fault("Stale", operation="connect", outcome="background"))
    ledger.operations(fault("Stale"))
    expected = {
        ("publish", None, None): 3,
        ("publish", "auth.forbidden", "failed"): 1,
        ("publish", "transport.stale", "retried"): 2,
    }
    assert operations(meter) == expected
    ledger.operations(fault("Stale", operation="publish", outcome="retried"))
    assert operations(meter) == expected | {("publish", "transport.stale", "retried"): 3}


def test_a_failed_operation_has_an_exemplar_that_leads_to_its_trace(
    meter: Meter, ledger: Ledger, fault: Callable[..., Fault]
) -> None:
    with TracerProvider().get_tracer("test").start_as_current_span("publish") as span:
        for _ in range(5):
            ledger.operations(fault(operation="publish"))
    data: Any = meter.reader.get_metrics_data()
    points = [
        point
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for one in scope.metrics
        if one.name == "errnorm.operations"
        for point in one.data.data_points
    ]
    assert [point.value for point in points] == [5]
    assert [exemplar.trace_id for point in points for exemplar in point.exemplars] == [span.get_span_context().trace_id]


def test_operations_with_ids_in_their_names_end_in_one_series(ledger: Ledger, meter: Meter) -> None:
    for number in range(1200):
        ledger.operations.passed("wire", f"publish {number}")
    told = operations(meter)
    assert sum(told.values()) == 1200
    assert len(told) <= 1000


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
    metric.emitter(ledger).settled("ack", "nats", None, None)  # type: ignore[attr-defined] # an optional part of an emitter
    told = {key for series in meter.read().values() for attributes, _ in series for key in attributes}
    assert told == {attribute.key for attribute in ATTRIBUTES if "metric" in attribute.signals}


def test_messages_are_counted_by_what_the_server_was_told(
    meter: Meter, ledger: Ledger, judge: Callable[..., NormalizedError]
) -> None:
    errors = Middleware(emitters=[meter.count, ledger.operations])
    for _ in range(2):
        errors.settled("ack", "nats", operation="process", passed=True)
    errors.settled("nak", "nats", operation="process", error=judge("Too many: 3"))
    read = meter.read()
    settled = {"errnorm.protocol": "nats", "errnorm.operation": "process"}
    assert read["errnorm.settlements"] == [
        ({"errnorm.settlement": "ack", **settled}, 2),
        ({"errnorm.settlement": "nak", "error.type": str(judge("Too many: 3").reason), **settled}, 1),
    ]
    assert read["errnorm.operations"] == [(settled, 2)]


ZEROS = """
import sys, errnorm
errors = errnorm.Middleware()
assert "opentelemetry" not in sys.modules, "nobody has asked for metrics yet"
with errors.guard("nats", operation="fetch"):
    pass
try:
    with errors.guard("nats", operation="publish"):
        raise ConnectionRefusedError(111, "refused")
except ConnectionRefusedError:
    pass
assert "opentelemetry" not in sys.modules
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
(scope,) = reader.get_metrics_data().resource_metrics[0].scope_metrics
for metric in scope.metrics:
    for point in metric.data.data_points:
        about, operation = point.attributes, point.attributes.get("errnorm.operation")
        if metric.name == "errnorm.operations" or about.get("errnorm.outcome") == "failed":
            print(metric.name, about.get("errnorm.protocol"), operation, about.get("error.type"), point.value)
"""


@pytest.mark.parametrize("first", ["", "import opentelemetry.metrics\n"], ids=["the middleware first", "the API first"])
def test_a_provider_that_is_set_after_the_middleware_was_made_reads_zeros_and_all_counts(first: str) -> None:
    code = first + (ZEROS.replace('assert "opentelemetry"', 'assert "opentelemetry.sdk"') if first else ZEROS)
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    assert "errnorm.errors nats None auth.revoked 0" in told
    assert "errnorm.errors xmpp None transport.tls 0" in told
    assert "errnorm.errors nats publish transport.refused 1" in told
    assert "errnorm.operations nats fetch None 1" in told
    assert first or "errnorm.operations nats publish transport.refused 1" in told


def test_a_provider_that_the_environment_names_is_made_with_the_middleware() -> None:
    code = "import errnorm; errnorm.Middleware(); from opentelemetry.metrics import _internal; print(_internal._METER_PROVIDER)"
    environment = {**os.environ, "OTEL_PYTHON_METER_PROVIDER": "sdk_meter_provider"}
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert "opentelemetry.sdk.metrics._internal.MeterProvider" in made.stdout
