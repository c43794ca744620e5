"""Answers that are read for more than their condition: of dialback, of an upload, of a component, and the end of a stream."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import errnorm

STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
UPLOAD = "urn:xmpp:http:upload:0"


def refused(kind: str, condition: str, inside: str = "") -> str:
    return f"<error type='{kind}'><{condition} xmlns='{STANZAS}'/>{inside}</error>"


@pytest.mark.parametrize("name", ["result", "verify"])
def test_dialback_that_fails_is_a_stanza_error_or_a_domain_that_did_not_prove_itself(name: str) -> None:
    head = f"<db:{name} xmlns:db='jabber:server:dialback' from='a.example' to='b.example'"
    failed = errnorm.normalize(f"{head} type='error'>{refused('cancel', 'item-not-found')}</db:{name}>", "xmpp")
    invalid = errnorm.normalize(f"{head} type='invalid'/>", "xmpp")

    assert (failed.section, failed.code) == ("stanza", "item-not-found")
    assert (invalid.section, invalid.reason) == ("dialback", "auth.untrusted")
    assert not errnorm.normalize(f"{head} type='valid'/>", "xmpp").known


def test_the_end_of_a_stream_is_what_slixmpp_calls_the_end_of_a_stream() -> None:
    wire, client = errnorm.normalize("</stream:stream>", "xmpp"), errnorm.normalize("End of stream", "xmpp")

    assert (wire.code, wire.reason, wire.terminal) == (client.code, client.reason, True)


def upload(retry: str) -> errnorm.NormalizedError:
    inside = f"<retry xmlns='{UPLOAD}' stamp='{retry}'/>"
    return errnorm.normalize(
        f"<iq xmlns='jabber:client' type='error'>{refused('wait', 'resource-constraint', inside)}</iq>", "xmpp"
    )


def test_an_upload_that_may_be_tried_again_says_when() -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    paused = upload(later.strftime("%Y-%m-%dT%H:%M:%SZ")).retry_after

    assert paused is not None
    assert 0 < paused <= 3600


@pytest.mark.parametrize(
    ("stamp", "pause"),
    [("2001-01-01T00:00:00Z", 0.0), ("2001-01-01T00:00:00", 0.0), ("9999-01-01T00:00:00Z", 86_400.0), ("12:34", None)],
)
def test_a_time_that_has_passed_or_is_none_is_no_pause(stamp: str, pause: float | None) -> None:
    assert upload(stamp).retry_after == pause


def test_an_upload_that_is_too_large_says_how_much_is_allowed() -> None:
    inside = f"<file-too-large xmlns='{UPLOAD}'><max-file-size>20000</max-file-size></file-too-large>"
    error = errnorm.normalize(
        f"<iq xmlns='jabber:client' type='error'>{refused('modify', 'not-acceptable', inside)}</iq>", "xmpp"
    )

    assert (error.reason, error.params["max_file_size"]) == ("limits.size", 20000)


def test_the_error_of_a_stanza_of_a_component_is_in_the_namespace_of_the_stanza() -> None:
    own = refused("auth", "forbidden").replace("<error ", "<error xmlns='jabber:component:accept' ")
    echoed = refused("wait", "conflict").replace("<error ", "<error xmlns='jabber:client' ")
    error = errnorm.normalize(f"<iq xmlns='jabber:component:accept' type='error'>{own}{echoed}</iq>", "xmpp")

    assert error.code == "forbidden"


@pytest.mark.parametrize(("status", "known"), [("", False), ("<status code='110'/><status code='307'/>", True)])
def test_a_room_says_to_an_occupant_about_himself_that_he_is_out(status: str, known: bool) -> None:
    left = f"<presence type='unavailable'><x xmlns='http://jabber.org/protocol/muc#user'>{status}</x></presence>"

    assert errnorm.normalize(left, "xmpp").known is known


def test_a_room_that_is_destroyed_is_known_without_the_status_that_prosody_adds() -> None:
    said = "<item affiliation='none' role='none'/><destroy jid='other@rooms.localhost'/>"
    error = errnorm.normalize(
        f"<presence type='unavailable'><x xmlns='http://jabber.org/protocol/muc#user'>{said}</x></presence>", "xmpp"
    )

    assert (error.code, error.address) == ("room-destroyed", "other@rooms.localhost")
