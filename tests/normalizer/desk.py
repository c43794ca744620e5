"""A desk at which requests fail: a protocol of one section, with one row for each way in which a decision can go."""

from __future__ import annotations

from errnorm.engine import Engine
from errnorm.error import NormalizedError, Signal
from errnorm.installed import EntryPoint
from errnorm.normalizer import Normalizer
from errnorm.tables.file import read
from errnorm.tables.table import Table

_REST = 'reach = "client wire", evidence = "source", source = "desk"'
TABLE = f"""
protocol = "desk"
version = "1.0.0"
[sections]
desk = {{ about = "what the clerk says" }}
[desk]
busy     = {{ reason = "limits.rate",      recovery = "wait",           terminal = false, effect = "not_applied", {_REST} }}
silent   = {{ reason = "transport.timeout", recovery = "wait",          terminal = false, effect = "unknown",     {_REST} }}
lost     = {{ reason = "transport.lost",   recovery = "reconnect",      terminal = true,  effect = "not_applied", {_REST} }}
closing  = {{ reason = "shutdown.server",  recovery = "reconnect",      terminal = true,  effect = "not_applied", {_REST} }}
moved    = {{ reason = "shutdown.moved",   recovery = "redirect",       terminal = true,  effect = "not_applied", {_REST} }}
password = {{ reason = "auth.rejected",    recovery = "reauthenticate", terminal = true,  effect = "not_applied", {_REST} }}
expired  = {{ reason = "auth.expired",     recovery = "reauthenticate", terminal = true,  effect = "not_applied", {_REST} }}
late     = {{ reason = "auth.timeout",     recovery = "reconnect",      terminal = true,  effect = "not_applied", {_REST} }}
denied   = {{ reason = "auth.forbidden",   recovery = "abandon",        terminal = false, effect = "not_applied", {_REST} }}
wrong    = {{ reason = "protocol.malformed", recovery = "modify",       terminal = false, effect = "not_applied", {_REST} }}
over     = {{ reason = "shutdown.client",  recovery = "none",           terminal = true,  effect = "not_applied", {_REST} }}
"""
ENGINE = Engine(Table([read(TABLE, "desk.toml")]))
CODES = ("busy", "silent", "lost", "closing", "moved", "password", "expired", "late", "denied", "wrong", "over")
RETRYABLE = ("busy", "silent", "lost", "closing", "late")


def error(code: str, *, address: str | None = None, retry_after: float | None = None) -> NormalizedError:
    """Return the normalized error of a code; it is unknown if it has no row."""
    return ENGINE.judge(Signal("desk", "desk", code, address=address, retry_after=retry_after))


class DeskError(Exception):
    """What the client library of the desk raises."""

    def __init__(self, code: str, *, address: str | None = None, retry_after: float | None = None) -> None:
        """Say which."""
        super().__init__(code)
        self.known = error(code, address=address, retry_after=retry_after)


def observe(thing: object) -> Signal | None:
    """Recognise what the desk says and what its client raises."""
    if isinstance(thing, DeskError):
        return thing.known.signal
    return Signal("desk", "desk", thing, thing) if isinstance(thing, str) else None


class DeskNormalizer(Normalizer):
    """Knows the errors of the desk, and nothing else."""

    def __init__(self) -> None:
        """Put one adapter and one table where those that are installed would be."""
        super().__init__([])
        self._points = {"desk": EntryPoint("desk", "desk", "errnorm.adapters")}
        self._orders = {None: ["desk"]}
        self._adapters, self._engines = {"desk": observe}, {"desk": ENGINE}
