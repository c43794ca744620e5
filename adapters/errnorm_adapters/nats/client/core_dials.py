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

from errnorm.exceptions import class_names

__all__ = ["FAILED", "LOGGER", "watch"]

_log = logging.getLogger("errnorm")

LOGGER = "nats.client"
FAILED = ("Failed to connect to %s", "Failed to connect to %s: %s")

_Told = Callable[[Exception, str], object]


def watch(task: asyncio.Task[Any], told: _Told) -> None:
    """
    Call a function for each connection attempt that fails in a task.

    Args:
        task: The task in which nats-core reconnects.
        told: Called with the exception and the server.
    """
    _WATCHED[task] = told
    logging.getLogger(LOGGER).addFilter(_look)  # adding it a second time does nothing


def _look(record: logging.LogRecord) -> bool:
    failure = sys.exc_info()[1]
    if record.msg in FAILED and isinstance(failure, Exception):
        try:
            _tell(failure, record.args)
        except Exception as error:  # noqa: BLE001 - this runs in the task that reconnects, which an exception would end
            _log.error("errnorm: a record of the client could not be processed: %s", class_names(error)[0])
    return True


def _tell(failure: Exception, arguments: object) -> None:
    task = asyncio.current_task()
    told = None if task is None else _WATCHED.get(task)
    if told is not None and isinstance(arguments, tuple) and arguments:
        told(failure, str(arguments[0]))


_WATCHED: WeakKeyDictionary[asyncio.Task[Any], _Told] = WeakKeyDictionary()
