"""What somebody on call reads."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

import pytest

from errnorm.advice import advice_for
from errnorm.cli import main
from errnorm.cli.style import Style, printable
from errnorm.taxonomy import Reason, Recovery

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


@pytest.mark.parametrize(
    ("address", "reason"),
    [("xmpp/stream/conflict", Reason.SHUTDOWN_REPLACED), ("xmpp/stanza/conflict", Reason.PROTOCOL_CONFLICT)],
)
def test_it_takes_the_address_of_a_row(capsys: pytest.CaptureFixture[str], address: str, reason: Reason) -> None:
    assert explained(capsys, address).startswith(reason)


@pytest.mark.parametrize(
    ("word", "reasons"),
    [
        ("timeout", [Reason.AUTH_TIMEOUT, Reason.TRANSPORT_TIMEOUT]),
        ("refused", [Reason.TRANSPORT_REFUSED]),
        ("auth timeout", [Reason.AUTH_TIMEOUT]),
    ],
)
def test_it_takes_the_last_part_of_a_reason(capsys: pytest.CaptureFixture[str], word: str, reasons: list[Reason]) -> None:
    answer = explained(capsys, word)
    assert all(reason in answer and reason.about in answer for reason in reasons)


def test_a_name_that_people_have_for_errors_is_not_an_unknown_error(capsys: pytest.CaptureFixture[str]) -> None:
    answer = explained(capsys, "firewall")
    assert answer.startswith("a name for errors")
    assert "connect: ETIMEDOUT (transport.timeout)" in answer


@pytest.mark.parametrize("text", ["xmpp/stream/none-such", "none/stream/conflict", "xmpp/none/conflict", "xmpp/stream/", "a/b"])
def test_an_address_without_a_row_is_a_text_like_any_other(capsys: pytest.CaptureFixture[str], text: str) -> None:
    assert "unknown" in explained(capsys, text)


def test_it_says_what_whose_whether_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    answer = explained(capsys, "-ERR 'Stale Connection'")
    reason = Reason.TRANSPORT_STALE
    assert all(
        text in answer
        for text in (
            reason.about,
            reason.cause,
            advice_for(reason, Recovery.RECONNECT),
            "Yes (reconnect); the connection is over",
        )
    )


def test_it_says_where_that_is_known_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert "provoked: nats-server" in explained(capsys, "-ERR 'Stale Connection'")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("error parsing operator JWT: expected 3 chunks", "error parsing operator JWT: {text}"),
        ("error parsing tls config, x", "error parsing tls config, {text}"),
        ("nats.conf:3:2: error parsing write_deadline: y", "error parsing write_deadline: {text}"),
    ],
)
def test_of_a_row_with_several_texts_the_one_that_matched_is_shown(
    capsys: pytest.CaptureFixture[str], text: str, shown: str
) -> None:
    assert f" {shown} Do " in explained(capsys, text)


def test_the_values_in_the_text_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert "subject = orders.eu" in explained(capsys, "-ERR 'Permissions Violation for Publish to \"orders.eu\"'")


def test_a_word_that_means_several_things_shows_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Other rows with the same text: xmpp stream shutdown.replaced" in explained(capsys, "conflict")


def test_the_unknown_gets_a_name_to_count_it_by(capsys: pytest.CaptureFixture[str]) -> None:
    answer = explained(capsys, "never heard of 7")
    assert "Fingerprint never heard of <n>" in answer


def test_of_the_unknown_nothing_is_claimed(capsys: pytest.CaptureFixture[str]) -> None:
    answer = explained(capsys, "never heard of 7")
    assert answer.startswith("unknown")
    assert not any(label in answer for label in ("Retry", "Do ", "Likely cause", "final"))


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("wrong password", "nats error: Authorization Violation"),
        ("disk full", "nats jetstream: 10047"),
        ("duplicate login", "xmpp stream: conflict"),
        ("slow consumr detectd", "Slow Consumer Detected"),
        ("authorisation violation", "nats error: Authorization Violation"),
        ("no respnders", "503"),
        ("cert expired", "X509_V_ERR_CERT_HAS_EXPIRED"),
        ("cannot join room", "xmpp stanza: forbidden"),
        ("the connection keeps dropping", "transport os: ECONNRESET"),
        ("user does not exist", "xmpp sasl: not-authorized"),
    ],
)
def test_the_nearest_rows_are_named_also_for_misspellings_and_for_what_people_call_it(
    capsys: pytest.CaptureFixture[str], text: str, row: str
) -> None:
    assert row in explained(capsys, text)


def test_a_word_of_the_vocabulary_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    answer = explained(capsys, "auth.forbidden")
    assert advice_for(Reason.AUTH_FORBIDDEN, Recovery.ABANDON) in answer
    assert "errnorm table --reason auth.forbidden" in answer
    assert all(reason in explained(capsys, "limits") for reason in Reason if reason.category == "limits")


def test_a_file_is_read(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text("ERROR:app:nats: timeout\nINFO:app:all is well\nERROR:app:nats: timeout\n-ERR 'Stale Connection'\n")
    answer = explained(capsys, str(path))
    assert answer.startswith("3 errors, 2 kinds")
    assert "2 x transport.timeout" in answer
    assert "line 1, 3: nats: timeout" in answer


def test_what_stands_in_somebody_s_words_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert "found inside other text" in explained(capsys, "could not tell anybody about it: nats: timeout")


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_no_line_is_wider_than_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    main(["explain", "-ERR 'Stale Connection'"])
    answer = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in answer[1:]) <= columns


def test_what_to_do_comes_first(capsys: pytest.CaptureFixture[str]) -> None:
    main(["explain", "-ERR 'Stale Connection'"])
    lines = capsys.readouterr().out.splitlines()
    labels = [line.split("  ")[0] for line in lines[2:] if line and not line.startswith(" ")]
    assert labels[:4] == ["Do", "Retry", "Likely cause", "Meaning"]


def test_an_address_is_shown_as_a_claim(capsys: pytest.CaptureFixture[str]) -> None:
    xml = (
        "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>b.example:5222</see-other-host></stream:error>"
    )
    assert "Address b.example:5222 (sent by the peer" in explained(capsys, xml)


def test_words_need_no_quotes(capsys: pytest.CaptureFixture[str]) -> None:
    assert Reason.TRANSPORT_STALE.about in explained(capsys, "Stale", "Connection")


def test_it_reads_stdin(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"-ERR 'Stale Connection'\r\n")))
    assert Reason.TRANSPORT_STALE.about in explained(capsys)


def test_nothing_to_explain_is_one_clear_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b" \n")))
    assert main(["explain"]) == 2
    assert (
        capsys.readouterr().err == "errnorm explain: there is nothing to explain: pass a text or a file, or pipe one to stdin\n"
    )


def test_it_can_be_strict(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--strict", "never heard of"]) == 1
    assert capsys.readouterr().out


def test_as_json_it_has_the_record_the_row_and_the_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--format", "json", "-ERR 'Stale Connection'"]) == 0
    answer = json.loads(capsys.readouterr().out)
    (first,) = answer["answers"]
    assert first["error"]["reason"] == first["row"]["reason"] == "transport.stale"
    assert first["meaning"]["advice"] == advice_for(Reason.TRANSPORT_STALE, Recovery.RECONNECT)
    assert (first["count"], first["lines"], first["how"]) == (1, [1], "whole")


def test_as_json_the_unknown_has_no_answers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "--format", "json", "slow consumr 7"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["answers"], answer["fingerprint"]) == ([], "slow consumr <n>")
    assert answer["nearest"][0]["reason"] == "limits.slow_consumer"


def test_a_protocol_can_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert Reason.SHUTDOWN_SERVER.about in explained(capsys, "--protocol", "nats", "Server Shutdown")
    assert explained(capsys, "--protocol", "xmpp", "-ERR 'Stale Connection'").startswith("unknown")


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
