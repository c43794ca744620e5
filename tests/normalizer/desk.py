"""A desk at which requests fail: a protocol of one section, with one row for each way in which a decision can go."""

from __future__ import annotations

from errnorm.engine import Engine
from errnorm.error import NormalizedError, Signal
from errnorm.exceptions import causes
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


def error(code: str, *, address: str | None = None, retry_after: float | str | None = None) -> NormalizedError:
    """Return the normalized error of a code; it is unknown if it has no row."""
    params: dict[str, str | int | bool] | None = None if retry_after is None else {"retry_after": retry_after}  # type: ignore[dict-item]
    return ENGINE.judge(Signal("desk", "desk", code, address=address, params=params))


class DeskError(Exception):
    """What the client library of the desk raises."""

    def __init__(self, code: str, *, address: str | None = None, retry_after: float | str | None = None) -> None:
        """Say which."""
        super().__init__(code)
        self.known = error(code, address=address, retry_after=retry_after)


class DeskNormalizer:
    """Knows the errors of the desk, and nothing else."""

    def normalize(self, raw: object, protocol: str | None = None) -> NormalizedError:
        """Take the first link that is known."""
        if isinstance(raw, str):
            return error(raw)
        links = causes(raw) if isinstance(raw, BaseException) else iter(())
        known = next((link.known for link in links if isinstance(link, DeskError)), None)
        return known or ENGINE.judge(Signal(protocol or "desk", None, None, text=type(raw).__name__))
