"""
Notice the connection attempts of nats-core that fail: nats-core calls nothing for them, and only logs them.

A filter on the logger of nats-core sees each record where it is logged: in the task that reconnects, while the exception is being
handled. A filter changes nothing about where the records go; a handler would, for an application that has configured no logging.
No record is seen if the application has switched off errors of the logger `nats.client`.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

__all__ = ["FAILED", "LOGGER", "watch"]

LOGGER = "nats.client"
FAILED = ("Failed to connect to %s", "Failed to connect to %s: %s")

_Told = Callable[[Exception, str], object]


def watch(task: asyncio.Task[Any], told: _Told) -> None:
    """
    Call a function for each connection attempt that fails in a task.

    Args:
        task: The task in which nats-core reconnects.
        told: Called with the exception and the server. It must not raise.
    """
    _WATCHED[task] = told
    logging.getLogger(LOGGER).addFilter(_look)  # adding it a second time does nothing


def _look(record: logging.LogRecord) -> bool:
    failure = sys.exc_info()[1]
    if record.msg in FAILED and isinstance(failure, Exception) and isinstance(record.args, tuple):
        told = _WATCHED.get(task) if (task := _running()) is not None else None
        if told is not None:
            told(failure, str(record.args[0]))
    return True


def _running() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


_WATCHED: WeakKeyDictionary[asyncio.Task[Any], _Told] = WeakKeyDictionary()
