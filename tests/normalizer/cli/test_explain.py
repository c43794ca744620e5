"""What somebody on call reads."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

import pytest

from errnorm.cli import main
from errnorm.cli.style import Style, printable
from errnorm.taxonomy import Reason

if TYPE_CHECKING:
    from pathlib import Path


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["explain", *arguments]) == 0
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("-ERR 'Authorization Violation'", Reason.AUTH_REJECTED),
        ("ErrTooManySubs", Reason.LIMITS_SUBSCRIPTIONS),
        ("SlowConsumerPendingBytes", Reason.LIMITS_SLOW_CONSUMER),
        ("nats: 'Authorization Violation'", Reason.AUTH_REJECTED),
        ("item-not-found", Reason.PROTOCOL_NOT_FOUND),
        ("see-other-host", Reason.SHUTDOWN_MOVED),
        ("<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>", Reason.SHUTDOWN_SERVER),
        ("[7] 2026/11/22 22:30:48.19 [ERR] 127.0.0.1:49092 - cid:7 - maximum payload exceeded: 20 vs 10", Reason.LIMITS_SIZE),
        ("10059", Reason.PROTOCOL_NOT_FOUND),
        ("JSStreamNotFoundErr", Reason.PROTOCOL_NOT_FOUND),
        ("ECONNREFUSED", Reason.TRANSPORT_REFUSED),
    ],
)
def test_it_takes_anything(capsys: pytest.CaptureFixture[str], text: str, reason: Reason) -> None:
    assert reason.about in explained(capsys, text)


def test_it_says_what_whose_whether_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    answer = explained(capsys, "-ERR 'Stale Connection'")
    reason = Reason.TRANSPORT_STALE
    assert all(text in answer for text in (reason.about, reason.cause, reason.advice, "Yes (reconnect); the connection is over"))


def test_it_says_where_that_is_known_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert "provoked: nats-server" in explained(capsys, "-ERR 'Stale Connection'")


def test_the_values_in_the_text_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert "subject = orders.eu" in explained(capsys, "-ERR 'Permissions Violation for Publish to \"orders.eu\"'")


def test_a_word_that_means_several_things_shows_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert "The same words elsewhere: xmpp stream shutdown.replaced" in explained(capsys, "conflict")


def test_the_unknown_gets_a_name_to_count_it_by(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Name never heard of <n>" in explained(capsys, "never heard of 7")


def test_an_address_is_shown_as_a_claim(capsys: pytest.CaptureFixture[str]) -> None:
    xml = (
        "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>b.example:5222</see-other-host></stream:error>"
    )
    assert "Address b.example:5222 (a claim" in explained(capsys, xml)


def test_words_need_no_quotes(capsys: pytest.CaptureFixture[str]) -> None:
    assert Reason.TRANSPORT_STALE.about in explained(capsys, "Stale", "Connection")


def test_it_reads_stdin(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"-ERR 'Stale Connection'\r\n")))
    assert Reason.TRANSPORT_STALE.about in explained(capsys)


def test_nothing_to_explain_is_one_clear_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b" \n")))
    assert main(["explain"]) == 2
    assert capsys.readouterr().err == "errnorm explain: nothing to explain: give a text, or pipe one in\n"


def test_it_can_be_strict(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--strict", "never heard of"]) == 1
    assert capsys.readouterr().out


def test_as_json_it_has_the_record_the_row_and_the_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--format", "json", "-ERR 'Stale Connection'"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["error"]["reason"] == answer["row"]["reason"] == "transport.stale"
    assert answer["meaning"]["advice"] == Reason.TRANSPORT_STALE.advice


def test_what_an_overlay_changed_is_shown(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    overlay = tmp_path / "mine.toml"
    overlay.write_text('protocol = "nats"\nversion = "1"\n[error]\n"Stale Connection" = { recovery = "abandon" }\n')
    answer = explained(capsys, "--tables", str(overlay), "-ERR 'Stale Connection'")
    assert f"changed by {overlay}: retryable was True, recovery was reconnect" in answer


@pytest.mark.parametrize("text", ["a\x1b[31mb", "a\nb", "a\u202eb", "a\u2028b", "a\x9bb", "a\ud800b"])
def test_nothing_that_came_from_outside_can_steer_the_terminal(capsys: pytest.CaptureFixture[str], text: str) -> None:
    main(["explain", text])
    shown = capsys.readouterr().out
    assert text not in shown
    assert printable(text).isprintable()


def test_long_texts_are_cut() -> None:
    assert len(printable("x" * 1000)) == 400


@pytest.mark.parametrize(
    ("environment", "on"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"NO_COLOR": "1"}, False), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
def test_colour_follows_the_environment(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], on: bool) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    style = Style(io.StringIO())
    assert style.on is on
    assert ("\x1b" in style.strong("x") + style.dim("x") + style.good("x") + style.bad("x")) is on
