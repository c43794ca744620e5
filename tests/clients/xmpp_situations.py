"""Faults between a client and Prosody or ejabberd."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tests.capture.scenarios.xmpp_seeing import session
from tests.clients import xmpp_stations as stations
from tests.clients.situations import kill, silence, situation, stop

if TYPE_CHECKING:
    from tests.clients.stations import Place


_on = partial(situation, "xmpp")


def _replace(place: Place) -> None:
    session(place.server, "alice", "here")


def _kick(place: Place) -> None:
    place.server.call("kick_session", user="alice", host="localhost", resource="here", reason="go away")


def _delete(place: Place) -> None:
    place.server.shell('user:delete("alice@localhost")')


SITUATIONS = [
    _on(stations.nobody, "nothing listens"),
    _on(stations.nowhere, "the host has no address"),
    _on(stations.mute, "the server says nothing"),
    _on(stations.some, "wrong password", XMPP_PASS="wrong"),  # noqa: S106 - it is meant to be wrong
    _on(stations.other, "wrong password at ejabberd", XMPP_PASS="wrong"),  # noqa: S106 - it is meant to be wrong
    _on(stations.some, "unknown domain", XMPP_DOMAIN="elsewhere.example"),
    _on(stations.no_mechanisms, "no mechanism in common"),
    _on(stations.tls_required, "TLS is required"),
    _on(stations.unknown_authority, "unknown authority"),
    _on(stations.expired_certificate, "expired certificate"),
    _on(stations.other_host, "certificate of another host"),
    _on(stations.plain, "the server offers no TLS"),
    _on(stations.some, "the server shuts down", "watch", stop),
    _on(stations.some, "the server is killed", "watch", kill),
    _on(stations.other, "ejabberd shuts down", "watch", stop),
    _on(stations.some, "another client takes the resource", "watch", _replace),
    _on(stations.other, "kicked", "watch", _kick),
    _on(stations.some, "the account is deleted", "watch", _delete),
    _on(stations.relayed, "the server falls silent", "ping", silence),
    _on(stations.some, "unsupported request", "unsupported"),
    _on(stations.other, "unsupported request at ejabberd", "unsupported"),
    _on(stations.some, "remote server not found", "remote"),
    _on(stations.some, "recipient is gone", "gone"),
    _on(stations.some, "item not found", "item"),
    _on(stations.some, "create is forbidden", "create"),
    _on(stations.other, "create is forbidden at ejabberd", "create"),
    _on(stations.rooms, "a room for members", "join", ROOM="members"),
    _on(stations.rooms, "a room with a password", "join", ROOM="secret"),
    _on(stations.rooms, "banned from a room", "join", ROOM="banned"),
    _on(stations.rooms, "nickname taken", "join", ROOM="open", NICK="taken"),
    _on(stations.deaf_peer, "request time-out", "deaf"),
    _on(stations.small, "stanza too large", "big"),
    _on(stations.some, "not well-formed", "malformed"),
    _on(stations.registering, "registration refused", "register"),
]
