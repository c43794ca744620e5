"""Requests for which JetStream has no space or no time, and what makes space: time, or a client that consumes messages."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from tests.capture.scenarios.nats_jetstream import EXPLICIT, consumer, create, message, named
from tests.capture.scenarios.nats_refinements import SECOND
from tests.experiments.situation import after, situation
from tests.experiments.situations.nats_places import accounts, asking, given, stored

if TYPE_CHECKING:
    from tests.experiments.situation import Act
    from tests.experiments.situations.nats_places import NatsPlace

X = message("S.x", b"x" * 100)
NEW = {"discard": "new"}


def worked(place: NatsPlace) -> None:
    """Let another client receive and acknowledge one message of the work queue."""
    wire = place.open()
    wire.send(b"SUB got 5\r\nPUB $JS.API.CONSUMER.MSG.NEXT.S.c got 1\r\n1\r\n")
    subject = re.findall(rb"\$JS\.ACK\S+", wire.until(b"$JS.ACK", 2) + wire.until_closed(0.2))[-1]
    wire.send(b"PUB " + subject + b" 0\r\n\r\nPING\r\n")
    wire.until(b"PONG\r\n")
    time.sleep(0.2)
    wire.close()


_FULL: dict[str, dict[str, Any]] = {
    "messages": {"max_msgs": 1},
    "bytes": {"max_bytes": 250},
    "messages of a subject": {"max_msgs_per_subject": 1, "discard_new_per_subject": True},
}
for _what, _limit in _FULL.items():
    _since = "2.9"
    situation(
        f"jetstream stream full of {_what}",
        accounts,
        asking(X),
        provoke=given(create("S", **_limit, **NEW), X),
        state=stored,
        since=_since,
        note="nothing ever leaves this stream by itself",
    )
    situation(
        f"jetstream stream full of {_what} that age",
        accounts,
        asking(X),
        provoke=given(create("S", max_age=3 * SECOND, duplicate_window=SECOND, **_limit, **NEW), X),
        state=stored,
        heal=after(3),
        since=_since,
        note="max_age has passed",
    )
    situation(
        f"jetstream work queue full of {_what}",
        accounts,
        asking(X),
        provoke=given(create("S", retention="workqueue", **_limit, **NEW), named("S.c"), X),
        state=stored,
        heal=worked,
        since=_since,
        note="a worker has acknowledged a message",
    )

situation(
    "jetstream message larger than the stream",
    accounts,
    asking(message("S.x", b"x" * 400)),
    provoke=given(create("S", max_bytes=250, **NEW)),
    state=stored,
    steps={"modify": asking(X)},
)
_SMALL = {"jetstream": {"max_memory": 2000}}
_FILL = [message("S.x", b"x" * 400)] * 4
situation(
    "jetstream account full",
    accounts,
    asking(message("S.x", b"x" * 400)),
    provoke=given(create("S"), *_FILL),
    state=stored,
    options=_SMALL,
    note="nothing ever leaves this stream by itself",
)
situation(
    "jetstream account full of messages that age",
    accounts,
    asking(message("S.x", b"x" * 400)),
    provoke=given(create("S", max_age=3 * SECOND, duplicate_window=SECOND), *_FILL),
    state=stored,
    heal=after(3),
    options=_SMALL,
    note="max_age has passed",
)
situation(
    "jetstream account with a full memory",
    accounts,
    asking(create("T", max_bytes=1500)),
    provoke=given(create("S", max_bytes=1000)),
    state=stored,
    options=_SMALL,
    note="what streams reserve is taken until somebody deletes one",
)
situation(
    "jetstream server without the memory",
    accounts,
    asking(create("S", max_bytes=10**18)),
    state=stored,
    note="what streams reserve is taken until somebody deletes one",
)
situation(
    "jetstream server without the storage",
    accounts,
    asking(create("S", storage="file", max_bytes=10**18)),
    state=stored,
    note="what streams reserve is taken until somebody deletes one",
)
situation(
    "jetstream account with too many streams",
    accounts,
    asking(create("T")),
    provoke=given(create("S")),
    state=stored,
    options={"jetstream": {"max_streams": 1}},
    note="a stream goes only when somebody deletes it",
)

_IDLE = consumer("S", inactive_threshold=2 * SECOND, **EXPLICIT)
for _where, _stream, _options in (
    ("stream", {"max_consumers": 1}, {}),
    ("account", {}, {"jetstream": {"max_consumers": 1}}),
):
    situation(
        f"jetstream {_where} with too many consumers",
        accounts,
        asking(_IDLE),
        provoke=given(create("S", **_stream), _IDLE),
        state=stored,
        heal=after(3),
        options=_options,
        since="2.10" if _where == "account" else "",
        note="the consumer that was there has been idle for longer than its threshold",
    )


def _begun(batches: int) -> Act:
    """Return the action that starts batches and does not commit them."""

    def begin(place: NatsPlace) -> None:
        place.prepare(create("S", allow_atomic=True))
        for number in range(batches):
            place.wire.send(_hpub(f"Nats-Batch-Id: many{number}\r\nNats-Batch-Sequence: 1\r\n"))
        place.wire.send(b"PING\r\n")
        place.wire.until(b"PONG\r\n")
        time.sleep(0.2)

    return begin


def _hpub(headers: str) -> bytes:
    head = f"NATS/1.0\r\n{headers}\r\n".encode()
    return f"HPUB S.x {len(head)} {len(head)}\r\n".encode() + head + b"\r\n"


situation(
    "jetstream too many batches at once",
    accounts,
    asking(message("S.x", Nats_Batch_Id="mine", Nats_Batch_Sequence="1", Nats_Batch_Commit="1")),
    provoke=_begun(60),
    state=stored,
    heal=after(11),
    since="2.14",
    note="the server has given up the batches that nobody ended",
)
