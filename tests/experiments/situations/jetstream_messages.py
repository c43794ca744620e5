"""Messages that JetStream refuses: wrong headers and bodies, and the corrected messages."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tests.capture.recording import Seen
from tests.capture.scenarios.nats_jetstream import api, ask, create, message, short, stream
from tests.experiments.situation import situation
from tests.experiments.situations.nats_places import accounts, asking, given, stored
from tests.experiments.situations.refusals import S, refused, sent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.experiments.situation import Operation
    from tests.experiments.situations.nats_places import NatsPlace

LATER = {"Nats_Schedule": "@at 2100-01-01T00:00:00Z", "Nats_Schedule_Target": "S.y"}
SCHEDULED = {"allow_msg_schedules": True, "allow_msg_ttl": True}
COUNTED = {"allow_msg_counter": True}
ATOMIC = {"allow_atomic": True}

sent("too large", {"body": b"x" * 200}, made={"max_msg_size": 100})
sent("with headers too large", {"Nats_X": "x" * 70_000})
sent("for another stream", {"Nats_Expected_Stream": "Z"}, {"Nats_Expected_Stream": "S"})
sent("after another sequence", {"Nats_Expected_Last_Sequence": "77"}, {"Nats_Expected_Last_Sequence": "0"})
sent(
    "after another sequence of the subject",
    {"Nats_Expected_Last_Subject_Sequence": "77"},
    {"Nats_Expected_Last_Subject_Sequence": "0"},
)
sent("after another message", {"Nats_Expected_Last_Msg_Id": "77"})
sent("that rolls up", {"Nats_Rollup": "sub"}, made={"allow_rollup_hdrs": False})
sent(
    "that rolls up something else",
    {"Nats_Rollup": "bogus"},
    {"Nats_Rollup": "sub"},
    made={"allow_rollup_hdrs": True},
    since="2.10",
)
sent("that does not last", {"Nats_TTL": "5s"}, since="2.11")
sent("that lasts for letters", {"Nats_TTL": "zz"}, {"Nats_TTL": "5s"}, made={"allow_msg_ttl": True}, since="2.11")
sent("that counts", {"Nats_Incr": "5"}, since="2.12")
sent("that counts nothing", {}, {"Nats_Incr": "1"}, made=COUNTED, since="2.12")
sent("that counts with a body", {"body": b"a", "Nats_Incr": "1"}, {"Nats_Incr": "1"}, made=COUNTED, since="2.12")
sent("that counts letters", {"Nats_Incr": "q"}, {"Nats_Incr": "1"}, made=COUNTED, since="2.12")
sent("that is scheduled", {**LATER}, since="2.12")
sent("scheduled at letters", {**LATER, "Nats_Schedule": "whenever"}, LATER, made=SCHEDULED, since="2.12")
sent("scheduled for wildcards", {**LATER, "Nats_Schedule_Target": "S.>"}, LATER, made=SCHEDULED, since="2.12")
sent("scheduled to last for letters", {**LATER, "Nats_Schedule_TTL": "zz"}, LATER, made=SCHEDULED, since="2.12")
sent("scheduled from wildcards", {**LATER, "Nats_Schedule_Source": "S.>"}, LATER, made=SCHEDULED, since="2.14")
sent("scheduled to roll up", {**LATER, "Nats_Rollup": "all"}, LATER, made=SCHEDULED, since="2.12")
sent("by an invalid scheduler", {"Nats_Scheduler": "x"}, made=SCHEDULED, since="2.14")
sent(
    "scheduled in no time zone",
    {**LATER, "Nats_Schedule": "0 0 * * * *", "Nats_Schedule_Time_Zone": "Nope"},
    {**LATER, "Nats_Schedule": "0 0 * * * *"},
    made=SCHEDULED,
    since="2.14",
)
sent("from another stream", {"Nats_Stream_Source": "x"}, since="2.15")
sent("with a subject and no sequence", {"Nats_Expected_Last_Subject_Sequence_Subject": "S.x"}, since="2.12")
sent("in a batch", {"Nats_Batch_Id": "1", "Nats_Batch_Sequence": "1"}, since="2.12")
FIRST = {"Nats_Batch_Id": "1", "Nats_Batch_Sequence": "1", "Nats_Batch_Commit": "1"}
sent("in a batch without a number", {"Nats_Batch_Id": "1"}, FIRST, made=ATOMIC, since="2.12")
sent("in a batch that has no beginning", {"Nats_Batch_Id": "1", "Nats_Batch_Sequence": "5"}, FIRST, made=ATOMIC, since="2.12")
sent("in a batch with a long name", {**FIRST, "Nats_Batch_Id": "x" * 99}, FIRST, made=ATOMIC, since="2.12")
sent("in a batch that ends oddly", {**FIRST, "Nats_Batch_Commit": "9"}, FIRST, made=ATOMIC, since="2.12")
sent("in a batch for a newer server", {**FIRST, "Nats_Required_Api_Level": "99"}, FIRST, made=ATOMIC, since="2.12")

refused("sealed stream written", message("S.x"), None, first=(S, api("STREAM.UPDATE.S", stream("S", sealed=True))))
refused("sealed stream purged", api("STREAM.PURGE.S"), None, first=(S, api("STREAM.UPDATE.S", stream("S", sealed=True))))
_KEPT = (create("S", deny_delete=True, deny_purge=True), message("S.x"))
refused("delete that is not permitted", api("STREAM.MSG.DELETE.S", {"seq": 1}), None, first=_KEPT)
refused("purge that is not permitted", api("STREAM.PURGE.S"), None, first=_KEPT)
refused("no json in a purge", api("STREAM.PURGE.S", b"{bad"), api("STREAM.PURGE.S"))


def _batch(same: str) -> Operation:
    """Return the operation that sends two messages in one batch, the second with this id."""

    def operate(place: NatsPlace) -> Iterator[Seen]:
        place.kept["batch"] = number = place.kept.get("batch", 0) + 1
        first = {"Nats-Batch-Id": f"b{number}", "Nats-Batch-Sequence": "1", "Nats-Msg-Id": f"m{number}"}
        second = {**first, "Nats-Batch-Sequence": "2", "Nats-Batch-Commit": "1", "Nats-Msg-Id": f"m{number}{same}"}
        ask(place.wire, ("S.x", b"", first))  # only the last of a batch is answered
        return place.ask(("S.x", b"", second))

    return operate


situation(
    "jetstream message twice in a batch",
    accounts,
    _batch(""),
    provoke=given(create("S", **ATOMIC)),
    state=stored,
    steps={"modify": _batch("other")},
    since="2.12",
)


def _fast(batch: str) -> Operation:
    """Return the operation that sends a message of a fast-ingest batch, whose reply subject contains the parameters."""

    def operate(place: NatsPlace) -> Iterator[Seen]:
        wire = place.wire
        start = len(wire.read)
        wire.send(f"SUB inbox.> 2\r\nPUB S.x inbox.{batch}.$FI 1\r\nx\r\n".encode())
        wire.until_closed(0.3)
        for found in re.finditer(rb'\{"error":.*\}', wire.read[start:]):
            yield Seen("nats", "raw", short(json.loads(found[0])), wire.closed)

    return operate


for _name, _made, _wrong, _right in (
    ("where there are none", {}, "u.10.ok.1.0", ""),
    ("of an invalid pattern", {"allow_batched": True}, "u.10.bad.1.0", "u.10.ok.1.0"),
    ("that is unknown", {"allow_batched": True}, "u.10.ok.7.1", "u.10.ok.1.0"),
    ("with a long name", {"allow_batched": True}, "x" * 80 + ".10.ok.1.0", "u.10.ok.1.0"),
):
    situation(
        f"jetstream fast batch {_name}",
        accounts,
        _fast(_wrong),
        provoke=given(create("S", **_made)),
        state=stored,
        steps={"modify": _fast(_right) if _right else asking(message("S.x"))},
        since="2.14",
    )
