"""Consumers that JetStream refuses: wrong names, options and combinations, and the corrected requests."""

from __future__ import annotations

from tests.capture.scenarios.nats_jetstream import EXPLICIT, api, consumer, create, message, named
from tests.capture.scenarios.nats_refinements import FLOWING, SECOND
from tests.experiments.situations.refusals import S, option, refused

_DURABLE = {"stream_name": "S", "config": EXPLICIT}
C = named("S.c")
refused("consumer not found", api("CONSUMER.INFO.S.zz"), api("CONSUMER.INFO.S.c"), first=(S, C))
refused("consumer of another stream", api("CONSUMER.CREATE.S", {"stream_name": "T", "config": {}}), consumer("S", **EXPLICIT))
refused("consumer changed to another policy", named("S.c", ack_policy="none"), named("S.c", max_deliver=9), first=(S, C))
refused("consumer that exists", named("S.c", "create", max_deliver=7), named("S.d", "create"), first=(S, C), since="2.10")
refused("consumer that is not there to update", named("S.c", "update"), named("S.c"), since="2.10")
refused("durable without a name", api("CONSUMER.DURABLE.CREATE.S.q", _DURABLE), named("S.q"))
refused(
    "durable with two names",
    api("CONSUMER.DURABLE.CREATE.S.q", {"stream_name": "S", "config": {"durable_name": "r", **EXPLICIT}}),
    named("S.q"),
)
refused("ephemeral with a name", consumer("S", durable_name="q", **EXPLICIT), consumer("S", **EXPLICIT))
refused("slash in name of consumer", api("CONSUMER.CREATE.S.a/b", {"stream_name": "S", "config": {"name": "a/b"}}), named("S.ab"))
refused(
    "filter that is not in the subject",
    api("CONSUMER.CREATE.S.f.S.x", {"stream_name": "S", "config": {"name": "f", "filter_subject": "S.y", **EXPLICIT}}),
    api("CONSUMER.CREATE.S.f.S.y", {"stream_name": "S", "config": {"name": "f", "filter_subject": "S.y", **EXPLICIT}}),
)
refused(
    "filters that no subject holds",
    api("CONSUMER.CREATE.S.f.S.x", {"stream_name": "S", "config": {"name": "f", "filter_subjects": ["S.y", "S.z"], **EXPLICIT}}),
    consumer("S.f", name="f", filter_subjects=["S.y", "S.z"], **EXPLICIT),
    since="2.10",
)
PINNED = named("S.c", priority_policy="pinned_client", priority_groups=["a"], priority_timeout=5 * SECOND)
UNPIN = api("CONSUMER.UNPIN.S.c", {"group": "a"})
refused("unpin of an unknown group", api("CONSUMER.UNPIN.S.c", {"group": "nope"}), UNPIN, first=(S, PINNED), since="2.11")
refused("unpin of an invalid group", api("CONSUMER.UNPIN.S.c", {"group": "a b"}), UNPIN, first=(S, PINNED), since="2.11")
refused(
    "reset below the start",
    api("CONSUMER.RESET.S.late", {"seq": 1}),
    api("CONSUMER.RESET.S.late", {"seq": 2}),
    first=(S, message("S.x"), message("S.y"), named("S.late", deliver_policy="by_start_sequence", opt_start_seq=2)),
    since="2.14",
)
option("delivered to wildcards", {"deliver_subject": "a.*"}, {"deliver_subject": "a"})
option("delivered in a circle", {"deliver_subject": "S.x"}, {"deliver_subject": "a"})
option("delivered to an invalid subject", {"deliver_subject": "a b"}, {"deliver_subject": "a"})
option("pushed with waiting pulls", {"deliver_subject": "d", "max_waiting": 5}, {"deliver_subject": "d"})
option(
    "pending without acknowledgement",
    {"deliver_subject": "d", "ack_policy": "none", "max_ack_pending": 5},
    {"deliver_subject": "d"},
)
option(
    "with a heartbeat too short",
    {"deliver_subject": "d", "idle_heartbeat": 1},
    {"deliver_subject": "d", "idle_heartbeat": SECOND},
)
option("pulled at a rate", {"rate_limit_bps": 5})
option("with fewer than no pulls", {"max_waiting": -1})
option("pulled with a heartbeat", {"idle_heartbeat": SECOND})
option("pulled with flow control", {"flow_control": True})
option("with fewer than no messages", {"max_batch": -1})
option("with requests too short", {"max_expires": 5}, {"max_expires": SECOND})
option("with more pauses than deliveries", {"backoff": [1, 2, 3], "max_deliver": 2}, {"backoff": [1], "max_deliver": 3})
option("with a pause below zero", {"backoff": [-1]}, since="2.12")
option("that acknowledges below zero", {"ack_wait": -1}, since="2.12")
option("started nowhere", {"deliver_policy": "by_start_sequence"}, {"deliver_policy": "by_start_sequence", "opt_start_seq": 1})
option("sampled by a letter", {"sample_freq": "x", "deliver_subject": "d"}, {"sample_freq": "50", "deliver_subject": "d"})
option(
    "with flow control and no heartbeat",
    {"deliver_subject": "d", "flow_control": True},
    {"deliver_subject": "d", "flow_control": True, "idle_heartbeat": SECOND},
)
option("with less than one replica", {"num_replicas": -1}, since="2.10")
option("with three replicas on one server", {"num_replicas": 3})
option("filtered in two ways", {"filter_subject": "S.x", "filter_subjects": ["S.y"]}, {"filter_subjects": ["S.y"]}, since="2.10")
option("with filters that overlap", {"filter_subjects": ["S.>", "S.x"]}, {"filter_subjects": ["S.x"]}, since="2.10")
option("with an empty filter", {"filter_subjects": [""]}, since="2.10")
option("with a filter outside the stream", {"filter_subject": "ZZ.x"}, {"filter_subject": "S.x"})
option("with a description too long", {"description": "x" * 5000}, {"description": "x"})
option("with metadata too long", {"metadata": {"a": "x" * 200_000}}, since="2.10")
option("with a policy and no group", {"priority_policy": "overflow"}, since="2.11")
option("with an empty group", {"priority_policy": "overflow", "priority_groups": [""]}, since="2.11")
option("with an invalid group", {"priority_policy": "overflow", "priority_groups": ["a b"]}, since="2.11")
option(
    "with a group and no policy",
    {"priority_groups": ["a"]},
    {"priority_groups": ["a"], "priority_policy": "overflow"},
    since="2.11",
)
option("pushed with a group", {"deliver_subject": "d", "priority_policy": "overflow", "priority_groups": ["a"]}, since="2.11")
option("pinned without a policy", {"priority_timeout": 5}, since="2.11")
option("direct and pulled", {"direct": True})
option("flowing and pulled", {"ack_policy": "flow_control"}, since="2.15")
option("flowing with a time to acknowledge", {**FLOWING, "ack_wait": SECOND}, FLOWING, since="2.15")
option("flowing with a number of deliveries", {**FLOWING, "max_deliver": 3}, FLOWING, since="2.15")
refused(
    "consumer direct and durable",
    consumer("S.c", name="c", durable_name="c", direct=True, ack_policy="none", deliver_subject="d"),
    named("S.c", deliver_subject="d"),
    since="2.10",
)

_CLIPPED = (create("S", consumer_limits={"inactive_threshold": SECOND, "max_ack_pending": 5}),)
option("idle for too long", {"inactive_threshold": 100 * SECOND}, {"inactive_threshold": SECOND}, first=_CLIPPED, since="2.10")
option("with too much pending", {"max_ack_pending": 50}, {"max_ack_pending": 5}, first=_CLIPPED, since="2.10")

# Work queues.
Q = create("S", retention="workqueue")
refused("queue without acknowledgement", named("S.a", ack_policy="none"), named("S.a"), first=(Q,))
refused(
    "queue with a second consumer",
    named("S.b"),
    named("S.b", filter_subject="S.y"),
    first=(Q, named("S.a", filter_subject="S.x")),
)
refused("queue from now on", named("S.a", deliver_policy="new"), named("S.a"), first=(Q,), since="2.10")
refused(
    "queue with the same filter twice",
    named("S.b", filter_subject="S.x"),
    named("S.b", filter_subject="S.y"),
    first=(Q, named("S.a", filter_subject="S.x")),
)
