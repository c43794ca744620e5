"""A protocol of the tests' own for what is told: one row for each fate, one parameter of each kind."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import structlog

from errnorm.decision import Decision, Verdict
from errnorm.taxonomy import Recovery

if TYPE_CHECKING:
    from errnorm.emitters.attributes import Attributes
    from errnorm.emitters.severity import Severity

__all__ = ["ABORT", "OWN_WORDS", "PUBLISH", "RETRY", "TABLE", "JSONLog", "Lines", "WireError"]

# Not in one piece: a stack trace quotes the lines of the test, and must not be found guilty of that.
OWN_WORDS = "password=" + "rose" + "bud"
PUBLISH = 'No Publish to "a.b"'
TABLE = """
protocol = "wire"
version = "1.2.3"

[sections]
error = { about = "what is said on the wire" }

[params]
account = "account"
address = "address"
host = "host"
id = "id"
jid = "jid"
name = "name"
number = "number"
subject = "subject"
text = "text"
user = "user"

[error]
"No Publish to \\"{subject}\\"" = { code = "no-publish", reason = "auth.forbidden", recovery = "abandon", terminal = false, effect = "not_applied", reach = "client wire", evidence = "source", source = "here" }
"Wrong password of {user}, {jid} at {address}: {text}" = { code = "wrong-password", reason = "auth.rejected", recovery = "reauthenticate", terminal = true, effect = "not_applied", reach = "client wire", evidence = "source", source = "here" }
"Too many: {number}" = { code = "too-many", reason = "limits.rate", recovery = "wait", terminal = false, effect = "not_applied", reach = "client wire", evidence = "source", source = "here" }
"Stale"     = { reason = "transport.stale", recovery = "reconnect", terminal = true, effect = "unknown", reach = "client wire", evidence = "source", source = "here" }
"Closed"    = { reason = "shutdown.client", recovery = "abandon", terminal = true, effect = "unknown", reach = "client", evidence = "source", source = "here" }
"Farewell"  = { reason = "shutdown.server", recovery = "none", terminal = true, effect = "not_applied", reach = "client wire", evidence = "source", source = "here" }
"Heartbeat" = { reason = "protocol.notice", recovery = "none", terminal = false, effect = "not_applied", reach = "client wire", evidence = "source", source = "here" }
"10052"     = { text = "stream {name} is full", reason = "limits.resources", recovery = "abandon", terminal = false, effect = "not_applied", reach = "client wire", evidence = "source", source = "here" }
"""  # noqa: E501 - a row is a line

RETRY = Decision(Verdict.RETRY, Recovery.WAIT, 0.5, "the error may pass with time")
ABORT = Decision(Verdict.ABORT, Recovery.ABANDON, None, "the answer is final")


class WireError(Exception):
    """What a client library would raise."""


class Lines:
    """Takes the lines of a log emitter."""

    def __init__(self) -> None:
        self.written: list[tuple[int, str, dict[str, Any]]] = []

    def __call__(self, level: Severity, event: str, fields: Attributes) -> None:
        self.written.append((int(level), event, dict(fields)))

    @property
    def fields(self) -> list[dict[str, Any]]:
        return [fields for _, _, fields in self.written]


class JSONLog:
    """Real structlog, configured as people do, writing into memory."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    def configure(self, *processors: Any, last: Any = None, **options: Any) -> Any:
        structlog.configure(
            processors=[*processors, last or structlog.processors.JSONRenderer()],
            logger_factory=structlog.WriteLoggerFactory(self.stream),
            **options,
        )
        return structlog.get_logger()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]
