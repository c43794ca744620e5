"""OpenTelemetry: attributes and events on spans, counters, and the correction of spans before they are exported."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from errnorm.emitters.otel.export import NormalizingExporter, NormalizingProcessor

__all__ = ["NormalizingExporter", "NormalizingProcessor"]


def __getattr__(name: str) -> object:
    """Import the classes that need the SDK on first access."""
    if name in __all__:
        from errnorm.emitters.otel import export  # noqa: PLC0415 - the SDK is optional

        return getattr(export, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
