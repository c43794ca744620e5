"""Every event of the installed slixmpp is known here: attached, or not needed and why, or no news of a failure."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import slixmpp

from tests.adapters.xmpp.client.kit import desk

if TYPE_CHECKING:
    from collections.abc import Iterator

NOT_NEEDED = {
    "connecting": "`connect` is stood in for, which raises it",
    "failed_auth": "the element is read as it comes, with the conditions that slixmpp does not know",
    "message_error": "the element is read as it comes",
    "reconnect_delay": "the future of a round over all ways to connect is done before",
    "sm_failed": "the element is read as it comes",
    "stream_error": "the element is read as it comes",
    "amp_error": "the same message raised `message_error`",
    "groupchat_message_error": "the same message raised `message_error`",
    "jabber_rpc_error": "the request raised `IqError` where it was made",
    "jabber_rpc_method_fault": "an answer of a remote procedure, and no error of XMPP",
    "killed": "`disconnected` follows, with all that is known",
    "legacy_logout": "a user of one's own gateway leaves",
    "legacy_presence_unavailable": "as above",
    "muc::{}::message_error": "the same message raised `message_error`",
    "muc::{}::presence-error": "the same presence raised `presence_error`",
    "roster_subscription_removed": "a contact's choice",
    "session_end": "`disconnected` follows, with all that is known",
    "sm_disabled": "`disconnected` has come, with all that is known",
    "ssl_invalid_chain": "`disconnected` has come with the same exception; to handle it would change what slixmpp does",
    "stanza_not_sent": "it is sent when the session starts",
    "user_unregister": "a user of one's own gateway leaves",
}
HARMLESS = {
    "action_received", "action_selected", "amp_{}", "attention", "blocked", "bob", "call_{}", "carbon_received", "carbon_sent",
    "changed_status", "changed_subscription", "chatstate", "chatstate_{}", "command", "command_{}", "csi_enabled", "disco_info",
    "disco_items", "encrypted_message", "entity_caps", "entity_caps_legacy", "forwarded_stanza", "gateway_message", "got_offline",
    "got_online", "groupchat_affiliation_change", "groupchat_config_status", "groupchat_decline", "groupchat_direct_invite",
    "groupchat_invite", "groupchat_join", "groupchat_message", "groupchat_presence", "groupchat_subject", "http_confirm",
    "http_confirm_iq", "http_confirm_message", "http_request", "http_response", "http_upload_request", "ibb_stream_data",
    "ibb_stream_end", "ibb_stream_start", "jabber_rpc_method_call", "jabber_rpc_method_response", "jingle_message_accept",
    "jingle_message_proceed", "jingle_message_propose", "jingle_message_reject", "jingle_message_retract", "legacy_login",
    "legacy_message", "legacy_protocol", "marker", "marker_acknowledged", "marker_displayed", "marker_received", "mention",
    "message", "message_correction", "message_encryption", "message_reply", "message_retract", "message_xform", "mix_message",
    "mix_presence", "moderated_message", "muc::{}::affiliation_change", "muc::{}::config_status", "muc::{}::got_offline",
    "muc::{}::got_online", "muc::{}::groupchat_subject", "muc::{}::message", "muc::{}::presence", "muc::{}::self-presence",
    "muc_ping_changed", "presence", "presence_idle", "presence_{}", "privileges_advertised", "pubsub_config", "pubsub_delete",
    "pubsub_purge", "pubsub_subscription", "pubsub_{}", "reactions", "receipt_received", "register", "responses_received",
    "room_activity", "room_activity_bare", "roster_subscription_authorized", "roster_subscription_remove",
    "roster_subscription_request",
    "roster_update", "sent_presence", "session_bind", "si_request", "signed_presence", "sm_enabled", "socks5_closed",
    "socks5_connected", "socks5_data", "socks5_stream", "ssl_cert", "stanza_acked", "sticker", "stream:{}:{}",
    "stream_negotiated", "tls_success", "unblocked", "unverified_signed_presence", "user_register", "vcard_avatar_update",
    "{}", "{}_config", "{}_delete", "{}_purge", "{}_subscription", "{}_{}",
}  # fmt: skip


def raised() -> Iterator[str]:
    """Read out of the source of the installed slixmpp which events it raises."""
    for path in Path(slixmpp.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                name = node.func.attr
                if name in {"event", "event_async"} and (shape := shape_of(node.args[0])) is not None:
                    yield shape


def shape_of(node: ast.expr) -> str | None:
    """Return a name with `{}` in the place of what is put into it; `None` where the source does not say it."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.left, ast.Constant):
        return str(node.left.value).replace("%s", "{}")
    return None


@pytest.fixture
async def attached() -> set[str]:
    """The events that are attached."""
    async with desk(1) as one:
        return set(vars(one.attachment)["_handlers"])


def test_the_source_is_read() -> None:
    assert {"stream_error", "muc::{}::presence-error", "command_{}"} <= set(raised())


async def test_every_event_is_attached_or_not_needed_or_harmless(attached: set[str]) -> None:
    assert set(raised()) - attached - NOT_NEEDED.keys() - HARMLESS == set()


async def test_every_event_that_is_attached_exists(attached: set[str]) -> None:
    # The name of `connected` is kept in a variable.
    assert attached - {"connected"} <= set(raised())


async def test_nothing_that_names_an_error_is_called_harmless(attached: set[str]) -> None:
    words = ("error", "fail", "invalid", "denied", "refused", "disconnect", "lost", "timeout")
    assert [name for name in HARMLESS if any(word in name for word in words)] == []
    assert not attached & NOT_NEEDED.keys()
