"""Exceptions of nats-py for key-value buckets and object stores."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import nats
import nats.js.api

from tests.experiments.situation import situation
from tests.experiments.situations.client_place import call, calling, own, streams

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from nats.aio.client import Client

    from tests.experiments.situation import Operation
    from tests.experiments.situations.client_place import ClientPlace


async def _bucket(place: ClientPlace) -> None:
    js = (await place.connected()).jetstream()
    name = place.kept["bucket"] = place.name.replace(" ", "_").removeprefix("nats-py_")
    box = await js.create_key_value(bucket=name, history=2, storage=nats.js.api.StorageType.MEMORY)
    await box.put("key", b"1")
    await box.put("gone", b"1")
    await box.delete("gone")
    await js.create_object_store(bucket=name, storage=nats.js.api.StorageType.MEMORY)


def boxed(name: str, wrong: Callable[[Any], Awaitable[object]], right: Callable[[Any], Awaitable[object]] | None = None) -> None:
    """Register a call on a bucket that fails, and the corrected call."""
    bucket = name.replace(" ", "_")

    def on(step: Callable[[Any], Awaitable[object]]) -> Operation:
        async def taken(client: Client) -> None:
            await step(await client.jetstream().key_value(bucket))

        return calling(taken)

    steps = {"modify": on(right)} if right else {}
    situation(f"nats-py {name}", streams, on(wrong), provoke=lambda place: place.run(_bucket(place)), steps=steps, by="nats-py")


boxed("key not found", lambda box: box.get("none"), lambda box: box.get("key"))
boxed("key deleted", lambda box: box.get("gone"), lambda box: box.get("key"))
boxed("key that exists", lambda box: box.create("key", b"2"), lambda box: box.create("new", b"2"))
boxed("key of another revision", lambda box: box.update("key", b"2", last=77), lambda box: box.update("key", b"2", last=1))
boxed("key with a space", lambda box: box.put("a b", b""), lambda box: box.put("a_b", b""))


async def _no_keys(client: Client) -> None:
    js = client.jetstream()
    await (await js.create_key_value(bucket="empty", storage=nats.js.api.StorageType.MEMORY)).keys()


async def _object(client: Client, name: str) -> None:
    await (await client.jetstream().object_store("things")).get(name)


async def _things(place: ClientPlace) -> None:
    js = (await place.connected()).jetstream()
    store = await js.create_object_store(bucket="things", storage=nats.js.api.StorageType.MEMORY)
    await store.put("thing", b"1")
    await store.put("gone", b"1")
    await store.delete("gone")


async def _some_keys(client: Client) -> None:
    box = await client.jetstream().create_key_value(bucket="filled", storage=nats.js.api.StorageType.MEMORY)
    await box.put("key", b"1")
    await box.keys()


call("bucket without keys", _no_keys, streams, steps={"modify": _some_keys})
call("bucket not found", lambda nc: nc.jetstream().key_value("none"), streams, steps={"modify": _some_keys})
call(
    "bucket with an invalid name",
    lambda nc: nc.jetstream().create_key_value(bucket="a b"),
    streams,
    steps={"modify": lambda nc: nc.jetstream().create_key_value(bucket="a_b")},
)
call(
    "bucket with a long history",
    lambda nc: nc.jetstream().create_key_value(bucket="long", history=99),
    streams,
    steps={"modify": lambda nc: nc.jetstream().create_key_value(bucket="long", history=9)},
)
for _name, _key in (("not found", "none"), ("deleted", "gone")):
    call(
        f"object {_name}",
        partial(_object, name=_key),
        own(jetstream=True),
        provoke=lambda place: place.run(_things(place)),
        steps={"modify": lambda nc: _object(nc, "thing")},
    )


def _full(name: str, age: float | None, **limits: Any) -> None:
    """Register a full bucket, with or without a maximum age for its entries."""

    async def fill(place: ClientPlace) -> None:
        js = (await place.connected()).jetstream()
        config = nats.js.api.KeyValueConfig(bucket="full", storage=nats.js.api.StorageType.MEMORY, ttl=age, **limits)
        box = await js.create_key_value(config)
        for number in range(2):
            await box.put(f"k{number}", b"x" * 100)

    async def put(client: Client) -> None:
        await (await client.jetstream().key_value("full")).put("more", b"x" * 100)

    def stored(place: ClientPlace) -> Any:
        return place.server.monitoring("jsz?streams=1")["account_details"][0]["stream_detail"][0]["state"]["messages"]

    call(
        name,
        put,
        own(jetstream=True),
        provoke=lambda place: place.run(fill(place)),
        state=stored,
        heal=(lambda _: time.sleep(age + 0.5)) if age else None,
        note="what was in the bucket has aged" if age else "nothing ever leaves this bucket by itself",
    )


_full("bucket full", None, max_bytes=300)
_full("bucket full of values that age", 3.0, max_bytes=300)


async def _store_full(client: Client) -> None:
    store = await client.jetstream().object_store("small")
    await store.put("big", b"x" * 200_000)


async def _store_small(client: Client) -> None:
    store = await client.jetstream().object_store("small")
    await store.put("small", b"x" * 100)


async def _small(place: ClientPlace) -> None:
    js = (await place.connected()).jetstream()
    config = nats.js.api.ObjectStoreConfig(bucket="small", max_bytes=3000, storage=nats.js.api.StorageType.MEMORY)
    await js.create_object_store("small", config)


call(
    "object larger than the store",
    _store_full,
    own(jetstream=True),
    provoke=lambda place: place.run(_small(place)),
    steps={"modify": _store_small},
    only=1,
)
