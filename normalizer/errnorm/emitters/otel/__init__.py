"""OpenTelemetry: attributes and events on spans, counters, and spans corrected where they leave the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from errnorm.emitters.otel.export import NormalizingExporter, NormalizingProcessor

__all__ = ["NormalizingExporter", "NormalizingProcessor"]


def __getattr__(name: str) -> object:
    """Import what needs the SDK only when it is asked for."""
    if name in __all__:
        from errnorm.emitters.otel import export  # noqa: PLC0415 - the SDK is the application's

        return getattr(export, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
