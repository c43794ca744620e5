"""Faults between a client and nats-server."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.clients import nats_stations as stations
from tests.clients.situations import kill, silence, situation, stop

if TYPE_CHECKING:
    from tests.clients.stations import Place


_on = partial(situation, "nats")


def _lame_duck(place: Place) -> None:
    place.server.lame_duck()


def _deafen(place: Place) -> None:
    place.relay.upstream.clear()


def _flood(place: Place) -> None:
    silence(place)
    wire, _ = place.server.login()
    wire.until(b"PONG\r\n")
    for _ in range(400):
        wire.send(b"PUB load 40000\r\n" + b"x" * 40_000 + b"\r\n")
    place.server.wait_for_log("Slow Consumer", seconds=5)
    place.relay.downstream.set()


SITUATIONS = [
    _on(stations.nobody, "nothing listens"),
    _on(stations.nowhere, "the host has no address"),
    _on(stations.mute, "the server says nothing"),
    _on(stations.limited, "wrong password", NATS_PASS="wrong"),  # noqa: S106 - it is meant to be wrong
    _on(stations.limited, "no password", NATS_LOGIN="", NATS_PASS=""),
    _on(stations.slow_login, "the login comes too late"),
    _on(stations.expired, "expired credentials"),
    _on(stations.revoked, "revoked credentials"),
    _on(stations.crowded, "the account has too many connections"),
    _on(stations.expiring, "credentials expire", "watch"),
    _on(stations.missing_credentials, "no file of credentials"),
    _on(stations.full, "too many connections"),
    _on(stations.tls_required, "TLS is required"),
    _on(stations.unknown_authority, "unknown authority"),
    _on(stations.expired_certificate, "expired certificate"),
    _on(stations.other_host, "certificate of another host"),
    _on(stations.certificate_wanted, "a certificate of the client is required"),
    _on(stations.plain, "the server offers no TLS"),
    _on(stations.limited, "publish is denied", "publish"),
    _on(stations.limited, "subscribe is denied", "subscribe"),
    _on(stations.limited, "no responders", "request"),
    _on(stations.limited, "request time-out", "time-out"),
    _on(stations.limited, "payload too large", "big"),
    _on(stations.limited, "slow consumer", "slow"),
    _on(stations.one_subscription, "too many subscriptions", "subscriptions"),
    _on(stations.limited, "use after close", "closed"),
    _on(stations.limited, "use while draining", "draining"),
    _on(stations.limited, "use after unsubscribe", "unsubscribed"),
    _on(stations.limited, "invalid subject", "bad-subject"),
    _on(stations.limited, "invalid queue group", "bad-queue"),
    _on(stations.limited, "no deadline", "no-deadline"),
    _on(stations.limited, "no reply subject", "no-reply"),
    _on(stations.configured({}), "the server shuts down", "watch", stop),
    _on(stations.configured({}), "the server is killed", "watch", kill),
    _on(stations.configured({"lame_duck_duration": "30s", "lame_duck_grace_period": "100ms"}), "lame duck", "watch", _lame_duck),
    _on(stations.relayed_plain, "the server falls silent", "watch", silence),
    _on(stations.pinging, "the client falls silent", "watch", _deafen),
    _on(stations.flooding, "the server calls the client slow", "watch", _flood),
    _on(stations.configured({}), "no JetStream", "no-jetstream"),
    _on(stations.streams, "stream not found", "stream-not-found"),
    _on(stations.streams, "consumer not found", "consumer-not-found"),
    _on(stations.streams, "no stream listens", "no-stream-listens"),
    _on(stations.streams, "wrong last sequence", "wrong-last-sequence"),
    _on(stations.streams, "the stream is full", "stream-full"),
    _on(stations.streams, "message too large for the stream", "message-too-big-for-stream"),
    _on(stations.streams, "the stream is sealed", "sealed"),
    _on(stations.streams, "the stream exists", "stream-exists"),
    _on(stations.streams, "invalid name of a stream", "stream-name-invalid"),
    _on(stations.streams, "the consumer exists", "consumer-exists"),
    _on(stations.streams, "replicas without a cluster", "replicas"),
    _on(stations.streams, "no space", "no-space"),
    _on(stations.streams, "message not found", "message-not-found"),
    _on(stations.streams, "nothing to fetch", "fetch"),
    _on(stations.streams, "the consumer is deleted", "consumer-deleted"),
    _on(stations.streams, "acknowledged twice", "acknowledged-twice"),
    _on(stations.streams, "keys and values", "key-value"),
    _on(stations.streams, "objects", "objects"),
]
