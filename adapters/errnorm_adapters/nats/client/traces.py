"""
What nats-py knew when it raised a time-out, read from where it raised it: the client, the subjects, and the last status.

nats-py 2.16 puts none of it into the exception. The frames of the traceback still hold it, for as long as the exception lives.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from errnorm.exceptions import causes, class_names, is_a, traceback_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

__all__ = ["Wait", "caller"]

_CLIENT = "nats.aio.client.Client"
_SUBSCRIPTION = "nats.aio.subscription.Subscription"
_PULL = "nats.js.client.JetStreamContext.PullSubscription"
_MOST_FRAMES = 64
_MOST_CALLERS = 16
_CONFLICT = "409"


class Wait:
    """
    What somebody waited for in vain.

    Attributes:
        client: The client that waited; `None` if nothing of nats-py did.

        sent: The subjects it may have sent to, and the one the answer was to come back to.

        heard: The subjects of the subscriptions that were to bring the answer.

        own: Whether the subscription was made by whoever waited, and not by the client for its requests.

        seconds: How long it waited, 0 if that was not said.

        status: The last status that was no time-out, as it stood on the wire; nats-py waits on after a 409.
    """

    def __init__(self, exception: BaseException) -> None:
        """Read the traceback of a time-out, or of the first exception inside it that passed through nats-py."""
        self.client: object | None = None
        self.sent: set[str] = set()
        self.heard: set[str] = set()
        self.own = False
        self.seconds = 0.0
        self.status: str | None = None
        for link in causes(exception):
            frames = list(_frames_of_nats(link))
            for local in frames:
                self._read(local)
            if frames:
                break

    def _read(self, local: Mapping[str, object]) -> None:
        one = local.get("self")
        names = class_names(one)
        seconds = local.get("timeout")
        if is_a(seconds, int) or is_a(seconds, float):
            self.seconds = max(self.seconds, seconds)
        if _CLIENT in names:
            self.client = one
            self._sent(local.get("subject"))
            self._answered_to(_text(local.get("inbox")))
        elif _PULL in names:
            self.client = getattr(one, "_nc", None)
            self._sent(getattr(one, "_nms", None))
            self.status = _conflict(local.get("msg")) or self.status
        elif _SUBSCRIPTION in names:
            self.client = getattr(one, "_conn", None)
            self.own = True
            self.heard.add(_text(getattr(one, "_subject", None)))

    def _sent(self, subject: object) -> None:
        self.sent.add(_text(subject))

    def _answered_to(self, inbox: str) -> None:
        # A request of the new style hears all its answers through one subscription (client.py _init_request_sub).
        self.sent.add(inbox)
        self.heard |= {inbox, inbox.rpartition(".")[0] + ".*"}


def caller(depth: int) -> tuple[object | None, str]:
    """Return the client that calls, so many frames above, and the name of its method: nats-py hands its callbacks neither."""
    frame: FrameType | None = sys._getframe(depth + 1)  # noqa: SLF001 - the only way to the caller
    for _ in range(_MOST_CALLERS):
        if frame is None:
            break
        one = frame.f_locals.get("self")
        if _CLIENT in class_names(one):
            return one, frame.f_code.co_name
        frame = frame.f_back
    return None, ""


def _frames_of_nats(error: object) -> Iterator[Mapping[str, object]]:
    trace = traceback_of(error) if is_a(error, BaseException) else None
    for _ in range(_MOST_FRAMES):
        if trace is None:
            return
        frame = trace.tb_frame
        if str(frame.f_globals.get("__name__")).startswith("nats."):
            yield frame.f_locals
        trace = trace.tb_next


def _text(value: object) -> str:
    if is_a(value, bytes) or is_a(value, bytearray):
        return value.decode("utf-8", "replace")
    return value if is_a(value, str) else ""


def _conflict(message: object) -> str | None:
    headers = getattr(message, "headers", None)
    if not is_a(headers, dict) or headers.get("Status") != _CONFLICT:
        return None
    return f"NATS/1.0 {_CONFLICT} {_text(headers.get('Description'))}\r\n\r\n"
