"""Dashboard and alert rules: every name and value in them is one that is exported."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from errnorm.emitters.attributes import ATTRIBUTES, OTHER, error_type
from errnorm.emitters.otel import metric
from errnorm.fault import OUTCOMES
from errnorm.taxonomy import Category, Reason, Recovery
from tests.normalizer.emitters.wire import ABORT

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.metrics import MeterProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from errnorm.emitters.counts import Ledger
    from errnorm.fault import Fault

FOLDER = Path(__file__).parents[4] / "docs" / "dashboards"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "errnorm.json").read_text("utf-8"))
ALERTS = (FOLDER / "alerts.yaml").read_text("utf-8")

_LABELS = {attribute.key.replace(".", "_") for attribute in ATTRIBUTES if "metric" in attribute.signals}
_METRICS = {f"{name.replace('.', '_')}_total" for name in metric.METRICS}
_VALUES: dict[str, set[str]] = {
    "error_type": {OTHER, *(reason.value for reason in Reason if reason is not Reason.UNKNOWN)},
    "errnorm_category": {category.value for category in Category},
    "errnorm_recovery": {recovery.value for recovery in Recovery},
    "errnorm_decision": {"retry", "abort"},
    "errnorm_outcome": set(OUTCOMES),
    "errnorm_protocol": {"$protocol"},
}


def expressions() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield target["expr"]
    yield from re.findall(r"^ +expr: (.+)$", ALERTS, re.MULTILINE)
    yield DASHBOARD["templating"]["list"][1]["query"]["query"]


EXPRESSIONS = list(expressions())


def test_there_is_something_to_check() -> None:
    assert len(EXPRESSIONS) == len(DASHBOARD["panels"]) + ALERTS.count("alert:") + 1


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_metric_is_one_that_is_exported(expression: str) -> None:
    named = set(re.findall(r"\berrnorm_\w+_total\b", expression))
    assert named
    assert named <= _METRICS


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_label_is_one_that_is_exported(expression: str) -> None:
    grouped = {name.strip() for group in re.findall(r"by \(([^)]*)\)", expression) for name in group.split(",")}
    compared = {name for name, _ in re.findall(r'(\w+)\s*!?=~?\s*"([^"]*)"', expression)}
    assert grouped | compared <= _LABELS | {"job", "instance"}


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_value_is_one_that_can_be(expression: str) -> None:
    for name, values in re.findall(r'(\w+)\s*!?=~?\s*"([^"]*)"', expression):
        assert set(values.split("|")) <= _VALUES[name]


def test_every_label_in_a_message_is_one_the_rule_keeps() -> None:
    for rule in ALERTS.split("- alert:")[1:]:
        kept = {name.strip() for group in re.findall(r"by \(([^)]*)\)", rule) for name in group.split(",")}
        assert set(re.findall(r"\$labels\.(\w+)", rule)) <= kept


@pytest.mark.parametrize("expression", [one for one in EXPRESSIONS if "increase(" in one])
def test_an_increase_is_that_of_a_sum_that_begins_with_a_published_zero(expression: str) -> None:
    # `increase` sees no increase in a series that was not there before, and one error is all there is of many faults.
    assert expression.count("increase(") == expression.count("increase((sum by (job, instance")


def test_every_reason_that_one_error_is_enough_for_is_published_as_zero() -> None:
    alerted = {
        one for rule in re.findall(r"expr: (.*increase.*)", ALERTS) for group in re.findall(r'error_type=~?"([^"]*)"', rule)
        for one in group.split("|")
    }  # fmt: skip
    zeros = {error_type(reason) for reason in Reason if reason in metric.ALERTED or reason.category is Category.AUTH}
    assert alerted
    assert alerted <= zeros


def test_the_rules_alert_when_they_should() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("needs promtool, which comes with Prometheus")
    done = subprocess.run(
        [promtool, "test", "rules", "alerts.test.yaml"], cwd=FOLDER, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_has_a_test_in_which_it_alerts() -> None:
    tested = re.findall(r"alertname: (\w+)\n +exp_alerts:\n", (FOLDER / "alerts.test.yaml").read_text("utf-8"))
    assert set(tested) == set(re.findall(r"- alert: (\w+)", ALERTS))


def test_every_metric_is_looked_at() -> None:
    assert set(re.findall(r"\berrnorm_\w+_total\b", "\n".join(EXPRESSIONS))) == _METRICS


def test_panels_do_not_overlap_and_have_numbers_of_their_own() -> None:
    squares = [
        (x, y)
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(squares) == len(set(squares))
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_these_are_the_names_that_prometheus_gets(ledger: Ledger, fault: Callable[..., Fault]) -> None:
    exporter = pytest.importorskip("opentelemetry.exporter.prometheus")
    client = pytest.importorskip("prometheus_client")
    reader = exporter.PrometheusMetricReader()
    provider = MeterProvider([reader])
    try:
        count: Any = metric.emitter(ledger, provider)
        count(fault(decision=ABORT, operation="publish"))
        count.settled("ack", "nats", "process", None)
        ledger.failed("log")
        ledger.suppressed.add(1, lambda _: {"error.type": "x"}, None)
        ledger.operations.passed("nats", "publish")
        page = client.generate_latest().decode()
    finally:
        provider.shutdown()
    lines = [line for line in page.splitlines() if line.startswith("errnorm_")]
    assert {line.partition("{")[0] for line in lines} == _METRICS
    labels = {name for line in lines for name in re.findall(r'[{,](\w+)="', line)}
    assert {name for name in labels if not name.startswith("otel_")} == _LABELS
