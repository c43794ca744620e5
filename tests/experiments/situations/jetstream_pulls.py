"""Errors of pull requests and direct gets, and what makes the next request succeed."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from tests.capture.recording import Seen
from tests.capture.scenarios.nats_jetstream import ask, create, message, named
from tests.capture.scenarios.nats_refinements import SECOND
from tests.experiments.situation import after, situation
from tests.experiments.situations.nats_places import accounts, given

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.experiments.situation import Operation
    from tests.experiments.situations.nats_places import NatsPlace

# A status line of an error; 100 and 204 are none.
STATUS = re.compile(rb"HMSG answer [^\r\n]*\r\n(NATS/1\.0 [45][^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n)")


def pulling(body: str, name: str = "S.c", seconds: float = 1.5) -> Operation:
    """Return the operation that pulls messages: it succeeds if a message arrives, and no status of an error."""

    def operate(place: NatsPlace) -> Iterator[Seen]:
        wire = place.wire
        start, subject = len(wire.read), f"$JS.API.CONSUMER.MSG.NEXT.{name}"
        wire.send(f"PUB {subject} answer {len(body)}\r\n{body}\r\n".encode())
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            wire.until_closed(0.05)
            said = wire.read[start:]
            if b"$JS.ACK." in said:
                return
            if found := STATUS.search(said):
                yield Seen("nats", "raw", found[1].decode(), wire.closed)
                return
        message = f"{place.name}: nothing came"
        raise AssertionError(message)

    return operate


def sent(place: NatsPlace) -> None:
    """Let another client send a message."""
    wire = place.open()
    wire.send(b"PUB S.x 1\r\nx\r\nPING\r\n")
    wire.until(b"PONG\r\n")
    time.sleep(0.1)
    wire.close()


def acknowledged(place: NatsPlace) -> None:
    """Let the client that has the first message acknowledge it."""
    for subject in set(re.findall(rb"\$JS\.ACK\S+", place.kept["first"])):
        place.wire.send(b"PUB " + subject + b" 0\r\n\r\nPING\r\n")
    place.wire.until(b"PONG\r\n")
    time.sleep(0.2)


def _taken(place: NatsPlace) -> None:
    place.prepare(create("S"), named("S.c", max_ack_pending=1), message("S.x"), message("S.y"))
    start = len(place.wire.read)
    for _ in pulling("1")(place):
        raise AssertionError(place.name)
    place.wire.until_closed(0.1)
    place.kept["first"] = place.wire.read[start:]
    place.kept["wire"] = place.wire


NOW = '{"batch":1,"no_wait":true}'
situation(
    "jetstream pull finds no message", accounts, pulling(NOW), provoke=given(create("S"), named("S.c")), heal=sent, since="2.10"
)
situation(
    "jetstream pull waits in vain",
    accounts,
    pulling('{"batch":1,"expires":300000000}'),
    provoke=given(create("S"), named("S.c")),
    heal=sent,
)
for _name, _body, _right in (
    ("for too many messages", '{"batch":50}', '{"batch":1}'),
    ("for too long", '{"batch":1,"expires":9000000000}', '{"batch":1,"expires":900000000}'),
    ("for too many bytes", '{"batch":1,"max_bytes":9000}', '{"batch":1,"max_bytes":400}'),
):
    situation(
        f"jetstream pull {_name}",
        accounts,
        pulling(_body),
        provoke=given(create("S"), named("S.c", max_batch=5, max_expires=2 * SECOND, max_bytes=500), *[message("S.x")] * 9),
        steps={"modify": pulling(_right)},
    )
situation(
    "jetstream pull of a message too large for it",
    accounts,
    pulling('{"batch":1,"max_bytes":20}'),
    provoke=given(create("S"), named("S.c"), *[message("S.x", b"x" * 100)] * 9),
    steps={"modify": pulling('{"batch":1,"max_bytes":400}')},
)
situation(
    "jetstream pull that is no json",
    accounts,
    pulling("{bad"),
    provoke=given(create("S"), named("S.c"), *[message("S.x")] * 9),
    steps={"modify": pulling("1")},
)
situation(
    "jetstream pull of a push consumer",
    accounts,
    pulling("1", "S.p"),
    provoke=given(create("S"), named("S.p", deliver_subject="there"), named("S.c"), message("S.x"), message("S.y")),
    steps={"modify": pulling("1", "S.c")},
)


def _waiting(place: NatsPlace) -> None:
    place.prepare(create("S"), named("S.c", max_waiting=1))
    wire = place.open()
    wire.send(b'SUB other 7\r\nPUB $JS.API.CONSUMER.MSG.NEXT.S.c other 22\r\n{"expires":3000000000}\r\nPING\r\n')
    wire.until(b"PONG\r\n")
    place.kept["other"] = wire


def _gone(place: NatsPlace) -> None:
    place.kept["other"].until_closed(3)
    sent(place)


situation(
    "jetstream pull while too many wait",
    accounts,
    pulling('{"batch":1,"expires":300000000}'),
    provoke=_waiting,
    heal=_gone,
    note="the pull that waited has expired",
)
situation(
    "jetstream pull while the rest is unacknowledged",
    accounts,
    pulling('{"batch":1,"expires":300000000}'),
    provoke=_taken,
    heal=acknowledged,
    note="whoever has the first message has acknowledged it",
)
GROUP: dict[str, Any] = {"priority_groups": ["a"], "priority_policy": "overflow"}
for _name, _body in (("without a group", '{"batch":1}'), ("of another group", '{"batch":1,"group":"b"}')):
    situation(
        f"jetstream pull {_name}",
        accounts,
        pulling(_body),
        provoke=given(create("S"), named("S.c", **GROUP), *[message("S.x")] * 9),
        steps={"modify": pulling('{"batch":1,"group":"a"}')},
        since="2.11",
    )


def _deleted(place: NatsPlace) -> Iterator[Seen]:
    """Wait for a message while another client deletes the consumer."""
    other = place.open()
    ask(other, named("S.c", filter_subject="S.none"))
    wire = place.wire
    start = len(wire.read)
    wire.send(b'PUB $JS.API.CONSUMER.MSG.NEXT.S.c answer 22\r\n{"expires":1000000000}\r\nPING\r\n')
    wire.until(b"PONG\r\n")
    other.send(b"PUB $JS.API.CONSUMER.DELETE.S.c nowhere 0\r\n\r\nPING\r\n")
    other.until(b"PONG\r\n")
    wire.until_closed(0.5)
    for status in STATUS.findall(wire.read[start:]):
        yield Seen("nats", "raw", status.decode(), wire.closed)


situation(
    "jetstream consumer deleted while somebody waits",
    accounts,
    _deleted,
    provoke=given(create("S"), named("S.d"), message("S.x")),
    steps={"modify": pulling("1", "S.d")},
)

_PIN: dict[str, Any] = {"priority_policy": "pinned_client", "priority_groups": ["a"], "priority_timeout": 2 * SECOND}
situation(
    "jetstream pull under the id of another",
    accounts,
    pulling('{"batch":1,"group":"a","id":"nope","expires":500000000}'),
    provoke=lambda place: (
        place.prepare(create("S"), named("S.c", **_PIN), *[message("S.x")] * 9),
        list(pulling('{"batch":1,"group":"a","expires":500000000}')(place)),
    ),
    heal=after(3),
    steps={"modify": pulling('{"batch":1,"group":"a","expires":4000000000}', seconds=5)},
    since="2.11",
    note="after three seconds nobody is pinned any more; the id is still that of nobody",
)


def getting(body: str) -> Operation:
    """Return the operation that gets messages directly."""

    def operate(place: NatsPlace) -> Iterator[Seen]:
        wire = place.wire
        start = len(wire.read)
        wire.send(f"PUB $JS.API.DIRECT.GET.S answer {len(body)}\r\n{body}\r\n".encode())
        wire.until(b"answer")
        wire.until_closed(0.1)
        for status in STATUS.findall(wire.read[start:]):
            yield Seen("nats", "raw", status.decode(), wire.closed)

    return operate


for _name, _body, _right, _since in (
    ("without saying what", "", '{"seq":1}', "2.10"),
    ("that is no json", "{bad", '{"seq":1}', "2.10"),
    ("of a sequence that is not there", '{"seq":99}', '{"seq":1}', "2.10"),
    ("of a subject that is not there", '{"last_by_subj":"S.none"}', '{"last_by_subj":"S.x"}', "2.10"),
    ("of the last of no subjects", '{"multi_last":["S.none"]}', '{"multi_last":["S.x"]}', "2.11"),
    (
        "of the last up to two points",
        '{"multi_last":["S.>"],"up_to_seq":1,"up_to_time":"2026-01-01T00:00:00Z"}',
        '{"multi_last":["S.>"],"up_to_seq":1}',
        "2.11",
    ),
):
    situation(
        f"jetstream direct get {_name}",
        accounts,
        getting(_body),
        provoke=given(create("S", allow_direct=True), message("S.x")),
        steps={"modify": getting(_right)},
        since=_since,
    )


def _many(place: NatsPlace) -> None:
    place.prepare(create("S", allow_direct=True))
    place.wire.send(b"".join(b"PUB S.%d 0\r\n\r\n" % number for number in range(1100)) + b"PING\r\n")
    place.wire.until(b"PONG\r\n")
    time.sleep(0.3)


situation(
    "jetstream direct get of too many subjects",
    accounts,
    getting('{"multi_last":["S.>"]}'),
    provoke=_many,
    steps={"modify": getting('{"multi_last":["S.1"]}')},
    since="2.11",
)
situation(
    "jetstream direct get for a newer server",
    accounts,
    lambda place: place.ask(("$JS.API.DIRECT.GET.S", b'{"seq":1}', {"Nats-Required-Api-Level": "99"})),
    provoke=given(create("S", allow_direct=True), message("S.x")),
    steps={"modify": getting('{"seq":1}')},
    since="2.12",
)


def _pending(place: NatsPlace) -> None:
    _taken(place)
    wire = place.open()
    body = b'{"batch":5,"expires":9000000000}'
    wire.send(b"UNSUB 1\r\nSUB other 7\r\nPUB $JS.API.CONSUMER.MSG.NEXT.S.c other %d\r\n%s\r\nPING\r\n" % (len(body), body))
    wire.until(b"PONG\r\n")
    place.kept["other"] = wire


def _other_gives_up(place: NatsPlace) -> None:
    place.kept["other"].close()
    time.sleep(0.2)
    acknowledged(place)


situation(
    "jetstream pull behind others that wait",
    accounts,
    pulling(NOW),
    provoke=_pending,
    heal=_other_gives_up,
    note="whoever waited has gone, and the first message is acknowledged",
)
