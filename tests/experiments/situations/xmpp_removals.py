"""Presences with which a room removes an occupant, and whether the occupant may join again."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.capture.recording import Seen
from tests.capture.scenarios.xmpp_seeing import iq, join
from tests.capture.scenarios.xmpp_stanzas import administer, configure
from tests.experiments.situations.xmpp_places import asking, by_other, met
from tests.experiments.situations.xmpp_stanzas import MINE, ROOM, bob_then

if TYPE_CHECKING:
    from tests.experiments.situation import Act, Operation
    from tests.experiments.situations.xmpp_places import StreamPlace

_REMOVAL = re.compile(rb"<presence [^>]*type='unavailable'(?:[^>]*[^/>])?>.*?</presence>", re.DOTALL)
_ID = re.compile(rb"<occupant-id [^>]*/>")


def _being_there(place: StreamPlace) -> list[Seen]:
    """Read the presences that the room sends by itself, or join again if it has sent none."""
    came = place.wire.until_closed(0.3)
    said = [Seen("xmpp", "raw", found.decode(), place.wire.closed) for found in _REMOVAL.findall(_ID.sub(b"", came))]
    return said or place.ask(MINE)


def _done(*stanzas: str) -> Act:
    def provoke(place: StreamPlace) -> None:
        by_other("bob", join(ROOM, "bob"), configure(ROOM, persistentroom="1", membersonly="0"))(place)
        place.ask(MINE)
        by_other("bob", *stanzas)(place)

    return provoke


def removed(name: str, *stanzas: str, note: str = "", steps: dict[str, Operation] | None = None) -> None:
    """Register a way in which a user is removed from a room of bob."""
    met(f"room that {name}", _being_there, provoke=_done(*stanzas), steps=steps or {}, note=note)


removed("kicks me", administer(ROOM, "<item nick='mine' role='none'/>"), note="who is kicked may come again at once")
removed(
    "bans me",
    administer(ROOM, "<item jid='{me}' affiliation='outcast'/>"),
    steps=bob_then(administer(ROOM, "<item jid='{me}' affiliation='none'/>")),
    note="the owner has let him in again",
)
removed(
    "admits only members from now on",
    configure(ROOM, persistentroom="1", membersonly="1"),
    steps=bob_then(administer(ROOM, "<item jid='{me}' affiliation='member'/>")),
    note="the owner has made him a member",
)
removed(
    "is destroyed under me",
    iq("set", "<query xmlns='http://jabber.org/protocol/muc#owner'><destroy jid='other@rooms.localhost'/></query>", ROOM),
    steps={"modify": asking(join("{own}2@rooms.localhost", "mine"))},
)
