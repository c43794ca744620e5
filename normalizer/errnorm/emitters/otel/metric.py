"""
The metrics: the numbers of errors, of operations, of log lines that were not written, and of failures of emitters.

`errnorm.errors` counts every error by its outcome, handled and suppressed ones too. Its attributes are those of the closed list
that are allowed on metrics. `errnorm.emitters.counts` has the numbers, and the SDK reads them when it collects. Counting
therefore needs no SDK, never waits for it, and goes on while an exporter hangs.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary, WeakSet

from errnorm.decision import Verdict
from errnorm.emitters.attributes import ATTRIBUTES, circumstances, error_type, judgement
from errnorm.emitters.counts import LEDGER, Ledger
from errnorm.once_imported import once_imported
from errnorm.plugins import protocols
from errnorm.taxonomy import Category, Reason
from errnorm.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation

    from errnorm.emitters.attributes import Attributes
    from errnorm.emitters.counts import Series
    from errnorm.error import NormalizedError
    from errnorm.fault import Emitter, Fault

__all__ = ["ALERTED", "METRICS", "emitter", "publish"]

METRICS: Final[Mapping[str, tuple[str, str]]] = {
    "errnorm.errors": ("{error}", "Normalized errors, handled and retried ones included."),
    "errnorm.operations": ("{operation}", "Operations of guards that have a name; those with an error.type have failed."),
    "errnorm.settlements": ("{message}", "Messages whose handler has ended, by their settlement."),
    "errnorm.suppressed": ("{line}", "Log lines that were counted instead of written."),
    "errnorm.failures": ("{failure}", "Failures of emitters."),
}

ALERTED: Final = frozenset({Reason.UNKNOWN, Reason.LIMITS_SLOW_CONSUMER, Reason.PROTOCOL_CONFIGURATION, Reason.TRANSPORT_TLS})
"""The reasons outside of `auth` for which a single error is worth an alert."""

_ABORT: Final = Verdict.ABORT
_ALLOWED: Final = frozenset(attribute.key for attribute in ATTRIBUTES if "metric" in attribute.signals)


class _Global:
    """A key for the global meter provider, which the application may replace at any time."""


_GLOBAL = _Global()
# With this variable, the API makes the global provider when it is first asked for it: here, if nobody else asks.
_CONFIGURED: Final = "OTEL_PYTHON_METER_PROVIDER"
_waiting: WeakSet[Ledger] = WeakSet()
_published: WeakKeyDictionary[Ledger, WeakSet[object]] = WeakKeyDictionary()


def publish(ledger: Ledger = LEDGER, provider: MeterProvider | None = None) -> None:
    """
    Let a meter provider read the counts. A second call with the same arguments has no effect.

    Args:
        ledger: The counts.
        provider: The meter provider; the global one if not given.
    """
    from opentelemetry.metrics import get_meter  # noqa: PLC0415 - its import takes long, and programs without metrics never need it

    readers_of = _published.setdefault(ledger, WeakSet())
    if (provider or _GLOBAL) in readers_of:
        return
    readers_of.add(provider or _GLOBAL)
    meter = get_meter("errnorm", VERSION, meter_provider=provider)
    _expect(ledger)
    ledger.operations.show(meter.create_counter("errnorm.operations", *METRICS["errnorm.operations"]))

    def errors() -> list[Series]:
        ledger.operations.collect()
        return ledger.errors.read()

    readers = {
        "errnorm.errors": errors,
        "errnorm.settlements": ledger.settlements.read,
        "errnorm.suppressed": ledger.suppressed.read,
        "errnorm.failures": ledger.failures.read,
    }
    for name, read in readers.items():
        unit, about = METRICS[name]
        meter.create_observable_counter(name, [_callback(read)], unit, about)


def _expect(ledger: Ledger) -> None:
    """Publish zero for the series that alerts use, so that the first error of a series is an increase."""
    for protocol in protocols():
        for reason in Reason:
            if reason in ALERTED or reason.category is Category.AUTH:
                for outcome in ("failed", "background"):
                    ledger.errors.expect(
                        {
                            "error.type": error_type(reason),
                            "errnorm.protocol": protocol,
                            "errnorm.category": str(reason.category),
                            "errnorm.outcome": outcome,
                        }
                    )
    for name in ("log", "span", "metric"):
        ledger.failures.expect({"errnorm.emitter": name})


def _callback(read: Callable[[], list[Series]]) -> Callable[[CallbackOptions], Iterable[Observation]]:
    from opentelemetry.metrics import Observation  # noqa: PLC0415 - as above

    def observe(_: CallbackOptions) -> Iterable[Observation]:
        return [Observation(count, attributes) for attributes, count in read()]

    return observe


def emitter(ledger: Ledger = LEDGER, provider: MeterProvider | None = None) -> Emitter:
    """
    Return the emitter that counts errors, and let a meter provider read the counts.

    Without a provider, nothing is imported here. The global one reads the counts as soon as the application imports the API of
    metrics, before it can set a provider, so that the provider sees the zeros before the first error.

    Args:
        ledger: The counts.
        provider: The meter provider; the global one if not given, also if it is set later.
    """
    if provider is not None or os.environ.get(_CONFIGURED):
        publish(ledger, provider)
    elif ledger not in _waiting:
        _waiting.add(ledger)
        once_imported("opentelemetry.metrics", partial(publish, ledger))
    return _Counter(ledger)


class _Counter:
    """Counts each fault. It never waits and never logs, so it also receives faults that happen during an emission."""

    reentrant = True

    def __init__(self, ledger: Ledger) -> None:
        self._add = ledger.errors.add
        self._add_settlement = ledger.settlements.add

    def __call__(self, fault: Fault) -> None:
        error, decision = fault.error, fault.decision
        judgement = error.judgement
        # Without a row, each judgement may be a new object, so it must not become part of a key.
        known = None if judgement.row is None else judgement
        aborted = decision is not None and decision.verdict is _ABORT
        self._add((known, error.protocol, fault.operation, aborted, fault.outcome), _described, fault)

    def settled(self, settlement: str, protocol: str, operation: str | None, error: NormalizedError | None) -> None:
        """Count one message."""
        told = (settlement, protocol, operation, None if error is None else error_type(error.reason))
        self._add_settlement(told, _settlement, told)


def _settlement(told: tuple[str | None, ...]) -> Attributes:
    names = ("errnorm.settlement", "errnorm.protocol", "errnorm.operation", "error.type")
    return {name: value for name, value in zip(names, told, strict=True) if value is not None}


def _described(fault: Fault) -> Attributes:
    # All series need the same labels, or they cannot be summed and compared.
    told = judgement(fault.error) | circumstances(fault)
    return {key: value for key, value in told.items() if key in _ALLOWED}
