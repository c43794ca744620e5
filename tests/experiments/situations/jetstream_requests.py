"""Requests that JetStream always refuses: wrong streams, mirrors and requests, and the corrected requests."""

from __future__ import annotations

from tests.capture.scenarios.nats_jetstream import BROKEN, api, bare, create, message, stream
from tests.capture.scenarios.nats_refinements import BOUNDED
from tests.experiments.situations.refusals import MIRROR, S, configuration, mirrored, of, refused, replica

# Requests to the API.
refused("name not in subject", api("STREAM.CREATE.S", stream("T")), S, first=())
refused("name in use", create("S", max_msgs=5), create("T"))
refused("subjects overlap", create("T", subjects=["S.>"]), create("T"))
refused("no json", api("STREAM.CREATE.S", BROKEN), S, first=())
refused("unknown field", api("STREAM.CREATE.S", {"name": "S", "bogus": 1}), S, first=(), since="2.10")
refused("slash in name of stream", create("a/b"), create("ab"), first=())
refused("stream not found", api("STREAM.INFO.T"), api("STREAM.INFO.S"))
refused("api level too high", api("STREAM.INFO.S", **{"Nats-Required-Api-Level": "99"}), api("STREAM.INFO.S"), since="2.12")
refused("payload where none is expected", api("STREAM.DELETE.S", b"x"), api("STREAM.DELETE.S"))
refused("no message found", api("STREAM.MSG.GET.S", {"seq": 99}), api("STREAM.MSG.GET.S", {"seq": 1}), first=(S, message("S.x")))
refused("get without saying what", api("STREAM.MSG.GET.S"), api("STREAM.MSG.GET.S", {"seq": 1}), first=(S, message("S.x")))
refused(
    "sequence not found",
    api("STREAM.MSG.DELETE.S", {"seq": 99}),
    api("STREAM.MSG.DELETE.S", {"seq": 1}),
    first=(S, message("S.x")),
)
refused(
    "snapshot to nowhere",
    api("STREAM.SNAPSHOT.S", {"deliver_subject": "a b"}),
    api("STREAM.SNAPSHOT.S", {"deliver_subject": "a"}),
    first=(create("S", storage="file"), message("S.x")),
)
refused(
    "restore over a stream",
    api("STREAM.RESTORE.S", {"config": stream("S"), "state": {}}),
    api("STREAM.RESTORE.T", {"config": stream("T"), "state": {}}),
)
refused("cluster asked of one server", api("STREAM.LEADER.STEPDOWN.S"), None)
refused(
    "update of retention",
    api("STREAM.UPDATE.S", stream("S", retention="workqueue")),
    api("STREAM.UPDATE.S", stream("S", max_msgs=9)),
)
TEMPLATE = {"name": "T", "config": {"subjects": ["t.*"], "storage": "memory"}, "max_streams": 3}
refused(
    "template under another name",
    api("STREAM.TEMPLATE.CREATE.T", {**TEMPLATE, "name": "U"}),
    api("STREAM.TEMPLATE.CREATE.T", TEMPLATE),
    first=(),
    until="2.11",
)
refused("template not found", api("STREAM.TEMPLATE.INFO.T"), api("STREAM.TEMPLATE.CREATE.T", TEMPLATE), first=(), until="2.11")

# Streams.
configuration("with three replicas on one server", {"num_replicas": 3})
configuration("with less than one replica", {"num_replicas": -1}, since="2.10")
configuration("with subjects of the api", {"subjects": ["$JS.API.>"]})
configuration("with an invalid subject", {"subjects": ["a..b"]}, {"subjects": ["a.b"]})
configuration("with a window below zero", {"duplicate_window": -1})
configuration("with a description too long", {"description": "x" * 5000}, {"description": "x"})
configuration("that transforms to nowhere", {"subject_transform": {"src": ">", "dest": "a.{{bad(1)}}"}}, since="2.10")
configuration("that transforms from nowhere", {"subject_transform": {"src": "a..b", "dest": "c"}}, since="2.10")
configuration(
    "that republishes in a circle", {"republish": {"src": ">", "dest": "S.>"}}, {"republish": {"src": ">", "dest": "T.>"}}
)
configuration("that is born sealed", {"sealed": True})
refused(
    "pedantic",
    api("STREAM.CREATE.S", {**stream("S"), "pedantic": True, "max_msg_size": -5}),
    create("S"),
    first=(),
    since="2.11",
)
configuration("that schedules and sources", {"allow_msg_schedules": True, **of()}, since="2.12")

_BOUNDED = {"jetstream": BOUNDED}
configuration("without max bytes", {}, {"max_bytes": 500}, options=_BOUNDED)
configuration("with too many max bytes", {"max_bytes": 5000}, {"max_bytes": 500}, options=_BOUNDED)

# Mirrors and sources.
replica("mirror with subjects", {"subjects": ["X.>"], **MIRROR}, MIRROR)
replica("mirror with sources", {**MIRROR, **of()}, MIRROR)
replica("mirror of an invalid name", {"mirror": {"name": "S.b"}}, MIRROR, since="2.10")
replica("mirror of itself", {"mirror": {"name": "X"}}, MIRROR, since="2.10")
replica("source of an invalid name", {"sources": [{"name": "S.b"}]}, of(), since="2.10")
replica("source twice", {"sources": [{"name": "S"}, {"name": "S"}]}, of(), since="2.10")
replica("source with an invalid filter", of(filter_subject="a..b"), of(filter_subject="S.b"))
replica("source transformed to nowhere", of(subject_transforms=[{"src": ">", "dest": "a.{{bad(1)}}"}]), of(), since="2.10")
replica("source filtered twice", of(filter_subject="S.x", subject_transforms=[{"src": "S.>", "dest": "z.>"}]), of(), since="2.10")
replica("source over the api", of(external={"api": "$JS.API", "deliver": "a"}), of())
replica("source delivered to wildcards", of(external={"api": "$JS.q.API.>", "deliver": "a.>"}), of())
replica(
    "source with filters that overlap",
    of(subject_transforms=[{"src": "S.>", "dest": "x.>"}, {"src": "S.a", "dest": "y"}]),
    of(),
    since="2.10",
)
replica("source with a consumer of a name alone", of(consumer={"name": "c"}), of(), since="2.15")
replica("mirror with a first sequence", {"first_seq": 5, **MIRROR}, MIRROR, since="2.10")
replica("mirror with counters", {"allow_msg_counter": True, **MIRROR}, MIRROR, since="2.12")
replica("mirror with atomic batches", {"allow_atomic": True, **MIRROR}, MIRROR, since="2.12")
replica("mirror with batches", {"allow_batched": True, **MIRROR}, MIRROR, since="2.14")
replica("mirror with schedules", {"allow_msg_schedules": True, **MIRROR}, MIRROR, since="2.12")
replica(
    "mirror filtered twice",
    mirrored(filter_subject="S.x", subject_transforms=[{"src": "S.>", "dest": "z.>"}]),
    MIRROR,
    since="2.10",
)
replica(
    "mirror transformed to nowhere", mirrored(subject_transforms=[{"src": "S.>", "dest": "a.{{bad(1)}}"}]), MIRROR, since="2.10"
)
replica("mirror transformed from nowhere", mirrored(subject_transforms=[{"src": "a..b", "dest": "z.>"}]), MIRROR, since="2.10")
replica(
    "mirror with filters that overlap",
    mirrored(subject_transforms=[{"src": "S.>", "dest": "z.>"}, {"src": "S.a.>", "dest": "y.>"}]),
    MIRROR,
    since="2.10",
)
replica("mirror with an empty consumer", mirrored(consumer={}), MIRROR, since="2.15")
replica("mirror of smaller messages", {"max_msg_size": 10, **MIRROR}, MIRROR, first=(create("S", max_msg_size=100),))
replica("source of larger messages", {"max_msg_size": 10, **of()}, of(), first=(create("S", max_msg_size=100),))
refused(
    "mirror of another stream",
    api("STREAM.UPDATE.M", {"name": "M", "storage": "memory", "mirror": {"name": "T"}}),
    api("STREAM.UPDATE.M", {"name": "M", "storage": "memory", "mirror": {"name": "S"}, "max_msgs": 9}),
    first=(S, create("T"), bare("M", **MIRROR)),
)
