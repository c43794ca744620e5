"""End to end: an application with the real SDK, a real collector, and what arrived behind it."""

from __future__ import annotations

import gzip
import socket
import subprocess
import sys
import textwrap
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.servers.ports import reserve

rotel = pytest.importorskip("rotel")
pytest.importorskip("opentelemetry.exporter.otlp.proto.http")

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest  # noqa: E402 - if installed
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest  # noqa: E402
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.server, pytest.mark.slow]

_REQUESTS: dict[str, Any] = {
    "/v1/logs": ExportLogsServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/traces": ExportTraceServiceRequest,
}

APPLICATION = """
    import sys

    import structlog
    from opentelemetry import _logs, metrics, trace
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from errnorm.decision import decide
    from errnorm.emitters import Teller, default_emitters
    from errnorm.engine import Engine
    from errnorm.error import Signal
    from errnorm.fault import Fault
    from errnorm.tables.file import read
    from errnorm.tables.table import Table
    from tests.normalizer.emitters.wire import TABLE, PUBLISH, WireError

    resource = Resource.create({"service.name": "mill"})
    tell = Teller(default_emitters())  # before the SDK is set up, as it happens
    trace.set_tracer_provider(TracerProvider(resource=resource))
    trace.get_tracer_provider().add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    metrics.set_meter_provider(MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter(), 100)], resource=resource))
    _logs.set_logger_provider(LoggerProvider(resource=resource))
    _logs.get_logger_provider().add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    engine = Engine(Table([read(TABLE, "wire.toml")]))

    with trace.get_tracer("app").start_as_current_span("publish"):
        for attempt in (1, 2):
            stale = engine.judge(Signal("wire", "error", "Stale", "Stale"))
            around = {"operation": "publish", "attempt": attempt, "peer": "nats://me:pw@a:1", "outcome": "retried"}
            tell(Fault(stale, decision=decide(stale, idempotent=True), **around))
        refused = engine.judge(Signal("wire", "error", PUBLISH, PUBLISH))
        tell(Fault(refused, decision=decide(refused), operation="publish", exception=WireError("in its own words"), attempt=3))
    for _ in range(1000):
        tell(Fault(engine.judge(Signal("wire", "error", "Too many: 7", "Too many: 7")), outcome="handled"))
"""


class Backend:
    """Takes what the collector sends on, and keeps it."""

    def __init__(self) -> None:
        taken = self.taken = {path: [] for path in _REQUESTS}  # type: ignore[var-annotated]

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
                taken[self.path].append(_REQUESTS[self.path].FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name it has there
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    @property
    def spans(self) -> list[Any]:
        return [span for one in self.taken["/v1/traces"] for r in one.resource_spans for s in r.scope_spans for span in s.spans]

    @property
    def logs(self) -> list[Any]:
        return [log for one in self.taken["/v1/logs"] for r in one.resource_logs for s in r.scope_logs for log in s.log_records]

    @property
    def metrics(self) -> dict[str, Any]:
        """The last value of each."""
        found = [m for one in self.taken["/v1/metrics"] for r in one.resource_metrics for s in r.scope_metrics for m in s.metrics]
        return {metric.name: metric for metric in found}


def told(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@pytest.fixture
def backend() -> Iterator[Backend]:
    backend = Backend()
    yield backend
    backend.stop()


@pytest.fixture
def collector(backend: Backend, tmp_path: Path) -> Iterator[str]:
    """Start the collector and give the address of its OTLP receiver."""
    binary = Path(rotel.__file__).with_name("rotel-agent")
    http, grpc = reserve(backend), reserve(backend)
    command = [str(binary), "start", "--otlp-http-endpoint", f"127.0.0.1:{http}", "--otlp-grpc-endpoint", f"127.0.0.1:{grpc}"]
    command += ["--exporter", "otlp", "--otlp-exporter-endpoint", backend.endpoint, "--otlp-exporter-protocol", "http"]
    command += ["--batch-timeout", "100ms"]
    with (tmp_path / "collector.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            wait_for(lambda: listens(http) or process.poll() is not None)
            assert process.poll() is None, (tmp_path / "collector.log").read_text()
            yield f"http://127.0.0.1:{http}"
        finally:
            process.terminate()
            process.wait(100)


def listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def wait_for(condition: Any, seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)


def run(endpoint: str, **environ: str) -> subprocess.CompletedProcess[str]:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "ERRNORM_LOG_WITH": "otel", "PYTHONPATH": ".", "PATH": "", **environ}
    code = textwrap.dedent(APPLICATION)
    return subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True, timeout=300)


def test_logs_spans_and_metrics_arrive_behind_a_real_collector(backend: Backend, collector: str) -> None:
    done = run(collector)
    wait_for(
        lambda: backend.spans and len(backend.logs) >= 9 and {"errnorm.suppressed", "errnorm.failures"} <= backend.metrics.keys()
    )

    (span,) = backend.spans
    assert (span.name, span.status.code, span.status.message) == ("publish", 2, 'No Publish to "a.b"')
    assert told(span.attributes)["error.type"] == "auth.forbidden"
    assert [event.name for event in span.events] == ["wire.error", "wire.error", "exception"]
    assert [told(event.attributes).get("errnorm.attempt") for event in span.events] == [1, 2, None]

    logs = [(log.event_name, log.severity_number, told(log.attributes)) for log in backend.logs]
    assert [name for name, _, _ in logs] == ["wire.error"] * 9
    assert [number for _, number, _ in logs] == [13, 13, 17, *([13] * 6)]
    assert [log.trace_id for log in backend.logs[:3]] == [span.trace_id] * 3
    assert (logs[0][2]["errnorm.peer"], logs[2][2]["errnorm.param.subject"]) == ("nats://a:1", "a.b")
    assert logs[-1][2]["errnorm.suppressed"] == 995

    sums = {name: sum(point.as_int for point in metric.sum.data_points) for name, metric in backend.metrics.items()}
    counted = {"errnorm.errors": 1003, "errnorm.suppressed": 995, "errnorm.operations": 3, "errnorm.failures": 0}
    assert sums == counted
    assert backend.metrics["errnorm.errors"].sum.is_monotonic
    everything = str(backend.taken)
    assert not [secret for secret in ("in its own words", "me:pw") if secret in everything]
    assert done.stdout == ""


def test_a_collector_that_is_not_there_is_not_seen_by_the_application(reserved_port: int) -> None:
    done = run(f"http://127.0.0.1:{reserved_port}", OTEL_EXPORTER_OTLP_TIMEOUT="1")
    assert done.returncode == 0
    assert "errnorm" not in done.stderr


def test_a_backend_that_never_answers_does_not_hold_the_application_up(backend: Backend) -> None:
    program = textwrap.dedent(APPLICATION).split("with trace.get_tracer")[0] + textwrap.dedent("""
        import os
        case = Fault(engine.judge(Signal("wire", "error", "Stale", "Stale")), peer="a")
        for _ in range(2000):
            tell(case)
        print("told", flush=True)
        os._exit(0)
    """)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "ERRNORM_LOG_WITH": "otel", "PYTHONPATH": ".", "PATH": ""}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True, timeout=300
        )
    assert done.stdout == "told\n"  # while what it exports waits for an answer that never comes
    assert backend.spans == []


# What goes in: names, addresses, passwords, tokens, bodies. Every run has others of its own, and the same faults.
SERVICE = """
    import logging, os, sys

    import nats.errors
    import slixmpp.exceptions
    from opentelemetry import _logs, metrics, trace
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.logging.handler import LoggingHandler
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    import errnorm
    from errnorm.emitters.log.records import Fields
    from errnorm.emitters.otel.export import NormalizingExporter

    trace.set_tracer_provider(TracerProvider())
    exporter = NormalizingExporter(OTLPSpanExporter())
    trace.get_tracer_provider().add_span_processor(BatchSpanProcessor(exporter))
    metrics.set_meter_provider(MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter(), 100)]))
    _logs.set_logger_provider(LoggerProvider())
    _logs.get_logger_provider().add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    handler = LoggingHandler()
    handler.addFilter(Fields())
    log = logging.getLogger("service")
    log.propagate = False
    log.addHandler(handler)

    user, host, address, word, body, number = sys.argv[1:]
    jid, token = f"{user}@{host}/{body}", f"ey{word}.ey{word}.{word}-_{word}"
    texts = [
        f"nats: unheard of: password {word} of {jid} at {address}:{number}",
        f"nats: unheard of: nats://{user}:{word}@{host}:{number} said Bearer {token}",
        f"nats: unheard of: user {user} of account {user} sent body: {body} {body}",
        f'nats: unheard of: "{user} {body}" in /home/{user}/{word}.creds, seed {word.upper() * 8}{number}',
        f"nats: unheard of: token={word}\\n\\x1b[2J{jid}\\u202e{{'password': '{word}'}}",
    ]
    STANZAS = "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'"
    read = [
        ("nats", f"[{number}] 2026/11/23 10:00:00.000000 [ERR] {address}:1 - cid:7 - authentication error - User \\"{user}\\""),
        ("nats", f"[{number}] 2026/11/23 10:00:00.000000 [ERR] Bad src Ip {address}"),
        ("xmpp", f"s2s disconnected: {jid}->broker ({word})"),
        ("xmpp", f"<stream:error><never-heard-of/><text>{user} {word}</text></stream:error>"),
        ("xmpp", f"<iq xmlns='jabber:client' type='error'><error type='auth' by='{jid}'><forbidden {STANZAS}/></error></iq>"),
    ]
    errors, tracer = errnorm.Middleware(), trace.get_tracer("service")

    class OrderError(Exception):
        pass

    def fails(text, wrapped):
        try:
            raise nats.errors.Error(text)
        except nats.errors.Error as error:
            if wrapped:
                raise OrderError("not published") from error
            raise

    for text in texts:
        for wrapped in (False, True):
            try:
                with tracer.start_as_current_span("publish"):
                    with errors.guard("nats", operation="publish", peer=f"nats://{user}:{word}@broker:4222"):
                        fails(text, wrapped)
            except Exception as error:
                log.exception("not published: %s", error, extra={"why": error})
        try:
            with tracer.start_as_current_span("unguarded"):
                fails(text, True)
        except OrderError as error:
            log.error("not published", exc_info=error.__cause__)
    with tracer.start_as_current_span("observed"):
        for protocol, text in read * 20:
            errors.report(text, protocol, peer=f"{user}:{word}@broker")
"""
ONE = ("juliet", "capulet.lit", "10.66.7.8", "hunterqz", "balcony", "4242")
OTHER = ("romeo", "montague.example", "192.0.2.77", "wherefore", "orchard", "61234")


def groups(backend: Backend) -> set[tuple[object, ...]]:
    spans = [told(span.attributes) for span in backend.spans]
    logs = [told(log.attributes) for log in backend.logs]
    return {tuple(one.get(key) for key in ("error.type", "errnorm.code", "errnorm.fingerprint")) for one in (*spans, *logs)}


def arrived(backend: Backend, collector: str, private: tuple[str, ...], **options: str) -> str:
    """Run the service, and return all that it wrote and sent."""
    for taken in backend.taken.values():
        taken.clear()
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "ERRNORM_LOG_WITH": "otel", "PATH": "", **options}
    program = [sys.executable, "-c", textwrap.dedent(SERVICE), *private]
    done = subprocess.run(program, env=environ, capture_output=True, text=True, check=True, timeout=300)
    # The sums of suppressed lines are written at exit, so they come last.
    wait_for(lambda: len(backend.spans) == 16 and any("errnorm.suppressed" in told(log.attributes) for log in backend.logs))
    wait_for(lambda: "errnorm.suppressed" in backend.metrics)
    time.sleep(0.5)
    return str(backend.taken) + done.stdout + done.stderr


@pytest.mark.parametrize("options", [{}, {"ERRNORM_TRACEBACK": "always"}, {"ERRNORM_HASH_KEY": "k"}], ids=str)
def test_nothing_private_arrives_and_the_same_faults_arrive_under_the_same_names(
    backend: Backend, collector: str, options: dict[str, str]
) -> None:
    found: list[set[tuple[object, ...]]] = []
    for private in (ONE, OTHER):
        everything = arrived(backend, collector, private, **options)
        assert [secret for secret in private[:-1] if secret in everything] == []
        found.append(groups(backend))
    assert found[0] == found[1]
    assert {kind for kind, *_ in found[0]} >= {"_OTHER", "auth.rejected", "auth.forbidden", None}
    assert len(found[0]) >= 9


def test_the_search_finds_what_has_arrived(backend: Backend, collector: str) -> None:
    everything = arrived(backend, collector, ONE, ERRNORM_LOG_TEXT="raw", ERRNORM_LIMIT="1000")
    assert [secret for secret in ONE[:-1] if secret not in everything] == []
