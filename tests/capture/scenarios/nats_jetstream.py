"""Requests to the JetStream API and messages to streams that the server refuses, in the order in which they are sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.capture.recording import Seen, after
from tests.capture.scenarios.nats_seeing import configured

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.servers.nats import NatsServer
    from tests.servers.wire import Wire

Request = tuple[str, object, dict[str, str]]
API = "$JS.API."
BROKEN = b"{bad"
EXPLICIT: dict[str, Any] = {"ack_policy": "explicit"}
streams = configured({}, jetstream=True)


def stream(name: str, **options: object) -> dict[str, object]:
    """Return the configuration of a stream in memory with subjects of its name."""
    return {"name": name, "subjects": [f"{name}.>"], "storage": "memory", **options}


def api(subject: str, body: object = b"", **headers: str) -> Request:
    """Return a request to the API."""
    return API + subject, body, headers


def create(name: str, **options: object) -> Request:
    """Return a request that makes a stream."""
    return api(f"STREAM.CREATE.{name}", stream(name, **options))


def bare(name: str, **options: object) -> Request:
    """Return a request that makes a stream without subjects."""
    return api(f"STREAM.CREATE.{name}", {"name": name, "storage": "memory", **options})


def consumer(place: str, action: str = "", **options: object) -> Request:
    """Return a request that makes a consumer; the place is `stream` or `stream.name`."""
    name = place.split(".", maxsplit=1)[0]
    return api(f"CONSUMER.CREATE.{place}", {"stream_name": name, "action": action, "config": options})


def named(place: str, action: str = "", **options: object) -> Request:
    """Return a request that makes a durable consumer."""
    name = place.split(".")[1]
    return consumer(place, action, name=name, durable_name=name, **{**EXPLICIT, **options})


def message(subject: str, body: bytes = b"", **headers: str) -> Request:
    """Return a message with headers; `Nats_Rollup` is `Nats-Rollup`."""
    return subject, body, {name.replace("_", "-"): value for name, value in headers.items()}


def ask(wire: Wire, request: Request) -> str:
    """Send a request and return the answer; `""` if none came within a second."""
    subject, body, headers = request
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = b"NATS/1.0\r\n" + b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items()) + b"\r\n"
    wire.send(f"HPUB {subject} answer {len(head)} {len(head) + len(data)}\r\n".encode() + head + data + b"\r\n")
    try:
        answer = wire.until(b"MSG answer", 2)
        while b"\r\n" not in answer.partition(b"MSG answer")[2]:
            answer += wire.until(b"\r\n", 2)
        size = int(answer.partition(b"MSG answer")[2].partition(b"\r\n")[0].split()[-1])
        while len(answer.partition(b"MSG answer")[2].partition(b"\r\n")[2]) < size + 2:
            answer += wire.until(b"\r\n", 2)
    except AssertionError:
        return ""
    return answer.partition(b"MSG answer")[2].partition(b"\r\n")[2][:size].decode("utf-8", "replace")


def listening(server: NatsServer, **login: object) -> Wire:
    """Log in and subscribe to the answers."""
    wire, _ = server.login(**login)
    wire.until(b"PONG\r\n")
    wire.send(b"SUB answer 1\r\nPING\r\n")
    wire.until(b"PONG\r\n")
    return wire


def asked(server: NatsServer, *requests: Request, **login: object) -> Iterator[Seen]:
    """Send the requests one after the other, and yield each answer that is an error."""
    wire = listening(server, **login)
    for request in requests:
        answer = ask(wire, request)
        if answer.startswith("NATS/1.0"):
            yield Seen("nats", "raw", answer, wire.closed)
        elif '"error"' in answer:
            yield Seen("nats", "raw", short(json.loads(answer)), wire.closed)


def short(document: Mapping[str, Any]) -> str:
    """Return what an answer says of its error."""
    # What an answer repeats of the stream is long, and says nothing about the error.
    kept = {name: document[name] for name in ("type", "error", "stream", "seq") if name in document}
    return json.dumps(kept, separators=(",", ":"))


@after("streams", streams, many=True)
def streams_refused(server: NatsServer) -> Iterator[Seen]:
    yield from asked(
        server,
        create("A", max_msg_size=100, allow_rollup_hdrs=False),
        api("STREAM.CREATE.A", stream("B")),
        create("A", max_msgs=5),
        create("C", subjects=["A.>"]),
        api("STREAM.CREATE.X", BROKEN),
        api("STREAM.CREATE.X", {"name": "X", "bogus": 1}),
        create("X", num_replicas=3),
        create("X", num_replicas=-1),
        create("X", max_msgs_per_subject=-5, discard_new_per_subject=True),
        create("X", first_seq=5, subjects=["$JS.API.>"]),
        create("X", subjects=["$SYS.>"]),
        create("X", subjects=["a..b"]),
        create("X", duplicate_window=-1),
        create("X", max_age=1),
        create("X", retention="limits", description="x" * 5000),
        create("X", subject_transform={"src": ">", "dest": "a.{{bad(1)}}"}),
        create("X", subject_transform={"src": "a..b", "dest": "c"}),
        create("X", republish={"src": ">", "dest": "X.>"}),
        create("X", republish={"src": ">", "dest": "a..b"}),
        create("X", placement={"cluster": "nowhere"}),
        create("X", sealed=True),
        create("X", storage="file", max_bytes=10**18),
        create("Z", max_bytes=10**18),
        create("a/b"),
        create("x" * 300),
        api("STREAM.INFO.NOPE"),
        api("STREAM.INFO.A", **{"Nats-Required-Api-Level": "99"}),
        api("STREAM.DELETE.A", b"x"),
        api("STREAM.UPDATE.NOPE", stream("NOPE")),
        api("STREAM.UPDATE.A", stream("A", retention="workqueue", max_msg_size=100)),
        api("STREAM.PURGE.A", BROKEN),
        api("STREAM.MSG.GET.A", {"seq": 99}),
        api("STREAM.MSG.GET.A"),
        api("STREAM.MSG.DELETE.A", {"seq": 99}),
        api("STREAM.MSG.DELETE.A"),
        api("STREAM.SNAPSHOT.A", {"deliver_subject": "a b"}),
        api("STREAM.SNAPSHOT.A"),
        api("STREAM.RESTORE.A", {"config": stream("A"), "state": {}}),
        api("STREAM.RESTORE.Q"),
        api("STREAM.LEADER.STEPDOWN.A"),
        api("STREAM.PEER.REMOVE.A", {"peer": "x"}),
        api("META.LEADER.STEPDOWN"),
        api("CONSUMER.LEADER.STEPDOWN.A.c"),
        api("STREAM.TEMPLATE.CREATE.T", {"name": "U"}),
        api("STREAM.TEMPLATE.INFO.T"),
        api("STREAM.TEMPLATE.DELETE.T"),
    )


@after("mirrors and sources", streams, many=True)
def mirrors_refused(server: NatsServer) -> Iterator[Seen]:
    origin = {"name": "M"}
    yield from asked(
        server,
        create("M"),
        api("STREAM.CREATE.X", {**stream("X"), "mirror": origin}),
        bare("X", mirror=origin, sources=[origin]),
        bare("X", mirror={"name": "M.b"}),
        bare("X", mirror={"name": "X"}),
        bare("X", sources=[{"name": "M.b"}]),
        bare("X", sources=[origin, origin]),
        bare("X", sources=[{"name": "M", "filter_subject": "a..b"}]),
        bare("X", sources=[{"name": "M", "subject_transforms": [{"src": ">", "dest": "a.{{bad(1)}}"}]}]),
        bare("X", sources=[{"name": "M", "filter_subject": "M.x", "subject_transforms": [{"src": "M.>", "dest": "z.>"}]}]),
        bare("X", sources=[{"name": "M", "external": {"api": "$JS.API", "deliver": "a"}}]),
        bare("X", sources=[{"name": "M", "external": {"api": "$JS.q.API.>", "deliver": "a.>"}}]),
        bare("X", mirror=origin, first_seq=5),
        bare("X", mirror=origin, allow_msg_counter=True),
        bare("X", mirror=origin, allow_atomic=True),
        bare("X", mirror=origin, allow_batched=True),
        bare("X", mirror=origin, allow_msg_schedules=True),
        bare("X", mirror={"name": "M", "opt_start_seq": 4, "opt_start_time": "2026-01-01T00:00:00Z"}),
        bare("X", mirror={"name": "M", "filter_subject": "M.x", "subject_transforms": [{"src": "M.>", "dest": "z.>"}]}),
        bare("X", mirror={"name": "M", "subject_transforms": [{"src": "M.>", "dest": "a.{{bad(1)}}"}]}),
        bare("X", mirror={"name": "M", "subject_transforms": [{"src": "a..b", "dest": "z.>"}]}),
        bare("X", mirror={"name": "M", "subject_transforms": [{"src": "M.>", "dest": "z.>"}, {"src": "M.a.>", "dest": "y.>"}]}),
        bare("X", mirror={"name": "M", "external": {"api": "$JS.API", "deliver": "a"}}),
        bare("X", mirror={"name": "NONE"}, max_msg_size=1),
        bare("V", max_msgs_per_subject=5),
        api("STREAM.UPDATE.M", {"name": "M", "storage": "memory", "mirror": {"name": "V"}}),
    )


@after("consumers", streams, many=True)
def consumers_refused(server: NatsServer) -> Iterator[Seen]:
    durable = {"stream_name": "B", "config": EXPLICIT}
    yield from asked(
        server,
        create("B", max_msg_size=100),
        named("B.c"),
        named("B.c", ack_policy="none"),
        named("B.c", "create", max_deliver=7),
        named("B.d", "update"),
        api("CONSUMER.INFO.B.zz"),
        api("CONSUMER.INFO.NOPE.zz"),
        api("CONSUMER.DELETE.B.zz"),
        api("CONSUMER.DELETE.B.c", b"x"),
        api("CONSUMER.PAUSE.B.zz", {}),
        api("CONSUMER.UNPIN.B.c", {"group": "nope"}),
        api("CONSUMER.UNPIN.B.c", {"group": "a b"}),
        api("CONSUMER.RESET.B.c", {"seq": 10**9}),
        api("CONSUMER.CREATE.B", {"stream_name": "C", "config": {}}),
        api("CONSUMER.CREATE.B", {"stream_name": "B"}),
        api("CONSUMER.CREATE.B", BROKEN),
        api("CONSUMER.DURABLE.CREATE.B.q", durable),
        api("CONSUMER.DURABLE.CREATE.B.q", {"stream_name": "B", "config": {"durable_name": "r", **EXPLICIT}}),
        consumer("B.q", name="r"),
        consumer("B", durable_name="zz", **EXPLICIT),
        api("CONSUMER.DURABLE.CREATE.B.x", {"stream_name": "B", "config": {"durable_name": "a.b", **EXPLICIT}}),
        consumer("B.nn", name="x" * 300),
        api("CONSUMER.CREATE.B.a/b", {"stream_name": "B", "config": {"name": "a/b"}}),
        api("CONSUMER.CREATE.B.f.B.x", {"stream_name": "B", "config": {"name": "f", "filter_subject": "B.y"}}),
        api("CONSUMER.CREATE.B.f.B.x", {"stream_name": "B", "config": {"name": "f", "filter_subjects": ["B.y", "B.z"]}}),
        api("CONSUMER.MSG.NEXT.B.c", {"batch": -1}),
    )


OPTIONS: tuple[dict[str, Any], ...] = (
    {"deliver_subject": "a.*"},
    {"deliver_subject": "O.x"},
    {"deliver_subject": "d", "max_waiting": 5},
    {"deliver_subject": "d", "ack_policy": "none", "max_ack_pending": 5},
    {"deliver_subject": "d", "idle_heartbeat": 1},
    {"deliver_subject": "d", "max_batch": 5},
    {"rate_limit_bps": 5},
    {"max_waiting": -1},
    {"idle_heartbeat": 10**9},
    {"flow_control": True},
    {"max_batch": -1},
    {"max_expires": 5},
    {"backoff": [1, 2, 3], "max_deliver": 2},
    {"backoff": [-1]},
    {"deliver_policy": "by_start_sequence"},
    {"deliver_policy": "by_start_time"},
    {"deliver_policy": "last_per_subject"},
    {"opt_start_seq": 4},
    {"opt_start_time": "2026-01-01T00:00:00Z"},
    {"deliver_policy": "last", "opt_start_seq": 4},
    {"deliver_policy": "new", "opt_start_seq": 4},
    {"sample_freq": "x", "deliver_subject": "d"},
    {"deliver_subject": "d", "flow_control": True},
    {"num_replicas": -1},
    {"num_replicas": 3},
    {"filter_subject": "O.x", "filter_subjects": ["O.y"]},
    {"filter_subjects": ["O.>", "O.x"]},
    {"filter_subjects": [""]},
    {"filter_subject": "ZZ.x"},
    {"description": "x" * 5000},
    {"metadata": {"a": "x" * 200_000}},
    {"priority_policy": "overflow"},
    {"priority_policy": "overflow", "priority_groups": [""]},
    {"priority_policy": "overflow", "priority_groups": ["a b"]},
    {"priority_groups": ["a"]},
    {"deliver_subject": "d", "priority_policy": "overflow", "priority_groups": ["a"]},
    {"priority_timeout": 5},
    {"direct": True},
    {"deliver_subject": "a b"},
    {"ack_wait": -1},
    {"max_ack_pending": -5},
    {"deliver_group": "a b", "deliver_subject": "d"},
    {"deliver_group": "q"},
    {"inactive_threshold": -1},
    {"headers_only": True, "mem_storage": True, "max_bytes": -1},
    {"ack_policy": "flow_control"},
    {"ack_policy": "none", "ack_wait": 5},
    {"ack_policy": "none", "backoff": [5]},
)


@after("options of consumers", streams, many=True)
def options_refused(server: NatsServer) -> Iterator[Seen]:
    options = (consumer("O", "", **{**EXPLICIT, **one}) for one in OPTIONS)
    yield from asked(server, create("O"), *options)


@after("messages", streams, many=True)
def messages_refused(server: NatsServer) -> Iterator[Seen]:
    yield from asked(
        server,
        create("P", max_msg_size=100, allow_rollup_hdrs=False),
        message("P.x", b"x" * 200),
        message("P.x", Nats_Expected_Stream="Z"),
        message("P.x", Nats_Expected_Last_Sequence="77"),
        message("P.x", Nats_Expected_Last_Subject_Sequence="77"),
        message("P.x", Nats_Expected_Last_Msg_Id="77"),
        message("P.x", Nats_Rollup="sub"),
        message("P.x", Nats_TTL="5s"),
        message("P.x", Nats_Incr="5"),
        message("P.x", Nats_Batch_Id="1", Nats_Batch_Sequence="1"),
        message("P.x", Nats_Schedule="@at x", Nats_Schedule_Target="a"),
        message("P.x", Nats_Expected_Last_Subject_Sequence_Subject="P.x"),
        message("P.x", Nats_Expected_Last_Subject_Sequence="0", Nats_Expected_Last_Subject_Sequence_Subject="Q.x"),
        create("R", allow_rollup_hdrs=True),
        message("R.x", Nats_Rollup="bogus"),
        create("H", max_msgs_per_subject=1, discard="new", discard_new_per_subject=True),
        message("H.x"),
        message("H.x"),
        create("F", max_bytes=50, discard="new"),
        message("F.x", b"x" * 100),
        create("L", max_msgs=1, discard="new"),
        message("L.x"),
        message("L.x"),
        create("T", allow_msg_ttl=True),
        message("T.x", Nats_TTL="zz"),
        create("S", allow_msg_schedules=True, allow_msg_ttl=True),
        message("S.x", Nats_Schedule="whenever", Nats_Schedule_Target="S.y"),
        message("S.x", Nats_Schedule="@at 2100-01-01T00:00:00Z", Nats_Schedule_Target="S.>"),
        message("S.x", Nats_Schedule="@at 2100-01-01T00:00:00Z", Nats_Schedule_Target="S.x"),
        message("S.x", Nats_Schedule="@at 2100-01-01T00:00:00Z", Nats_Schedule_Target="S.y", Nats_Schedule_TTL="zz"),
        message("S.x", Nats_Schedule="@at 2100-01-01T00:00:00Z", Nats_Schedule_Target="S.y", Nats_Schedule_Source="S.>"),
        message("S.x", Nats_Schedule="@at 2100-01-01T00:00:00Z", Nats_Schedule_Target="S.y", Nats_Rollup="all"),
        create("N", allow_msg_counter=True),
        message("N.x"),
        message("N.x", b"a", Nats_Incr="1"),
        message("N.x", Nats_Incr="q"),
        message("N.y", Nats_Incr="1", Nats_Rollup="sub"),
    )


@after("batches", streams, many=True, since="2.12")
def batches_refused(server: NatsServer) -> Iterator[Seen]:
    yield from asked(
        server,
        create("Y", allow_atomic=True),
        message("Y.x", Nats_Batch_Id="1"),
        message("Y.x", Nats_Batch_Id="1", Nats_Batch_Sequence="5"),
        message("Y.x", Nats_Batch_Id="x" * 99, Nats_Batch_Sequence="1"),
        message("Y.x", Nats_Batch_Id="2", Nats_Batch_Sequence="1", Nats_Batch_Commit="9"),
        message("Y.x", Nats_Batch_Id="3", Nats_Batch_Sequence="1", Nats_Msg_Id="m"),
        message("Y.x", Nats_Batch_Id="4", Nats_Batch_Sequence="1", Nats_Expected_Last_Msg_Id="m"),
        message("Y.x", Nats_Batch_Id="5", Nats_Batch_Sequence="1", Nats_Required_Api_Level="99"),
        *(message("Y.x", Nats_Batch_Id=f"many{number}", Nats_Batch_Sequence="1") for number in range(60)),
    )


@after("limits, sealing and work queues", streams, many=True)
def operations_refused(server: NatsServer) -> Iterator[Seen]:
    yield from asked(
        server,
        create("E", max_consumers=1),
        named("E.a"),
        named("E.b"),
        create("W", retention="workqueue"),
        named("W.a", ack_policy="none"),
        named("W.b"),
        named("W.c"),
        named("W.d", deliver_policy="new"),
        named("W.e", filter_subject="W.x"),
        create("WF", retention="workqueue"),
        named("WF.a", filter_subject="WF.x"),
        named("WF.b", filter_subject="WF.x"),
        create("G"),
        api("STREAM.UPDATE.G", stream("G", sealed=True)),
        message("G.x"),
        api("STREAM.PURGE.G"),
        api("STREAM.MSG.DELETE.G", {"seq": 1}),
        create("D", deny_delete=True, deny_purge=True),
        message("D.x", b"1"),
        api("STREAM.MSG.DELETE.D", {"seq": 1}),
        api("STREAM.PURGE.D"),
        api("STREAM.UPDATE.D", stream("D", storage="file", deny_delete=True, deny_purge=True)),
    )
