"""
Logs: one line for each fault, and the same fields on the application's own lines.

    structlog.configure(processors=[..., errors.processor, ...])       # the processor of a middleware
    handler.addFilter(errnorm.emitters.log.Fields())                    # for the standard library
"""

from __future__ import annotations

from errnorm.emitters.log.emitter import LogEmitter
from errnorm.emitters.log.processor import Processor, processor
from errnorm.emitters.log.records import Fields

__all__ = ["Fields", "LogEmitter", "Processor", "processor"]
