"""Observe the presences with which a room removes an occupant: an error in meaning but not in form (XEP-0045 8.2, 9.1, 10.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from errnorm.error import Signal

if TYPE_CHECKING:
    from errnorm_adapters.xmpp.xml import Node

__all__ = ["removal_of"]

_OCCUPANT = "{http://jabber.org/protocol/muc#user}"
_LONGEST_JID = 3071
# XEP-0045 15.6.2: the status codes for an occupant that was removed and did not leave. The first one of this list counts.
_REMOVALS = ("301", "333", "322", "321", "332", "307")
_SELF = "110"


def removal_of(presence: Node) -> Signal | None:
    """
    Observe why a room removed the receiver of a presence.

    Args:
        presence: A presence of type `unavailable`.

    Returns:
        The signal; `None` if the presence is about another occupant, or about an occupant who left.
    """
    occupant = next((child for child in presence if child.tag == f"{_OCCUPANT}x"), None)
    if occupant is None:
        return None
    codes = {child.get("code") for child in occupant if child.tag == f"{_OCCUPANT}status"}
    destroyed = next((child for child in occupant if child.tag == f"{_OCCUPANT}destroy"), None)
    if destroyed is None and _SELF not in codes:  # a room that is destroyed sends each occupant only its own removal (10.9)
        return None
    why = next((code for code in _REMOVALS if code in codes), None) if destroyed is None else "destroy"
    if why is None:
        return None
    signal = Signal("xmpp", "app", f"{_OCCUPANT[1:-1]} {why}")
    signal.address = None if destroyed is None else (destroyed.get("jid") or "")[:_LONGEST_JID] or None
    return signal
