"""
Read the client, the subjects and the last status of a time-out from the traceback of nats-py or nats-core.

nats-py 2.16 and nats-core 0.2 store none of these in the exception. The frames of the traceback hold them as long as the
exception exists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from errnorm.exceptions import causes, class_names, is_a, traceback_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType

__all__ = ["Wait"]

# Of nats-py, and of nats-core.
_CLIENTS = {"nats.aio.client.Client", "nats.client.Client"}
_SUBSCRIPTIONS = {
    "nats.aio.subscription.Subscription": ("_conn", "_subject"),
    "nats.client.subscription.Subscription": ("_client", "_subject"),
}
_PULL = "nats.js.client.JetStreamContext.PullSubscription"
_MOST_FRAMES = 64
_CONFLICT = "409"
_DIALS = {"connect", "_attempt_reconnect", "_select_next_server"}
_NOTHING_THERE = {"404", "408"}


class Wait:
    """
    A wait of nats-py that ended in a time-out.

    Attributes:
        client: The client that waited; `None` if no client of nats-py did.

        sent: The subjects to which the client may have published, and the subject for the answer.

        heard: The subjects of the subscriptions on which the answer was expected.

        own: Whether the application made the subscription; otherwise the client made it for its requests.

        seconds: The length of the wait, in seconds; 0 if it is not known.

        dials: Whether the client waited for a server to accept a connection.

        conflict: The last status 409 that arrived during the wait, as a header block; nats-py keeps waiting after a 409.
    """

    def __init__(self, exception: BaseException) -> None:
        """Read the traceback of a time-out, or of the first exception inside it that passed through nats-py."""
        self.client: object | None = None
        self.sent: set[str] = set()
        self.heard: set[str] = set()
        self.own = False
        self.seconds = 0.0
        self.dials = False
        self.conflict: str | None = None
        self._pulled: Any = None
        self._answered = False
        for link in causes(exception):
            frames = list(_frames_of_nats(link))
            for frame in frames:
                self.dials = self.dials or frame.f_code.co_name in _DIALS
                self._read(frame.f_locals)
            if frames:
                break

    def _read(self, local: Mapping[str, object]) -> None:
        one = local.get("self")
        names = class_names(one)
        seconds = local.get("timeout")
        if is_a(seconds, int) or is_a(seconds, float):
            self.seconds = max(self.seconds, seconds)
        if not _CLIENTS.isdisjoint(names):
            self.client = one
            self._sent(local.get("subject"))
            self._answered_to(_text(local.get("inbox")))
        elif _PULL in names:
            self.client = getattr(one, "_nc", None)
            self._sent(getattr(one, "_nms", None))
            self._pulled = getattr(one, "_sub", None)
            self._answered_with(local.get("msg"))
        else:
            self._heard(one, names)

    def _heard(self, one: object, names: Sequence[str]) -> None:
        for name, (client, subject) in _SUBSCRIPTIONS.items():
            if name in names:
                self.client = getattr(one, client, None)
                self.own = True
                self.heard.add(_text(getattr(one, subject, None)))

    def is_idle(self) -> bool:
        """
        Return whether there was no message to receive, as opposed to no server that answered.

        A subscription receives nothing while nobody publishes. For a pull consumer the server answers with the status 404 or 408,
        which arrives when nats-py stops waiting, or just after it. So the server counts as silent only if neither this pull nor
        the pull before it brought a message or a status.
        """
        pulled = self._pulled
        if pulled is None:
            return self.own
        now = pulled.delivered
        before, earlier = _DELIVERED.get(pulled, (0, -1))
        _DELIVERED[pulled] = (now, before)
        return self._answered or now > before or before > earlier

    def _answered_with(self, message: object) -> None:
        headers = getattr(message, "headers", None)
        if not is_a(headers, dict):
            return
        status = headers.get("Status")
        self._answered = self._answered or status in _NOTHING_THERE
        if status == _CONFLICT:
            self.conflict = f"NATS/1.0 {_CONFLICT} {_text(headers.get('Description'))}\r\n\r\n"

    def _sent(self, subject: object) -> None:
        self.sent.add(_text(subject))

    def _answered_to(self, inbox: str) -> None:
        # All requests of the new style receive their answers through one subscription (client.py _init_request_sub).
        self.sent.add(inbox)
        self.heard |= {inbox, inbox.rpartition(".")[0] + ".*"}


def _frames_of_nats(error: object) -> Iterator[FrameType]:
    trace = traceback_of(error) if is_a(error, BaseException) else None
    for _ in range(_MOST_FRAMES):
        if trace is None:
            return
        frame = trace.tb_frame
        if str(frame.f_globals.get("__name__")).startswith("nats."):
            yield frame
        trace = trace.tb_next


def _text(value: object) -> str:
    if is_a(value, bytes) or is_a(value, bytearray):
        return value.decode("utf-8", "replace")
    return value if is_a(value, str) else ""


# How many messages a subscription had received at its last two time-outs.
_DELIVERED: WeakKeyDictionary[Any, tuple[int, int]] = WeakKeyDictionary()
