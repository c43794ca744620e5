"""The filter: one line out for each line in, in order, whatever the line held."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from errnorm.cli import main
from errnorm.cli.normalize import UnusableLineError, normalize_line
from errnorm.normalizer import Normalizer

if TYPE_CHECKING:
    from pathlib import Path

KEYS = [
    "protocol",
    "section",
    "code",
    "category",
    "reason",
    "retryable",
    "terminal",
    "recovery",
    "effect",
    "text",
    "params",
    "address",
    "fingerprint",
    "tables_version",
]

GOOD = '{"protocol": "nats", "raw": "-ERR \'Authorization Violation\'\\r\\n"}'


class Piped:
    """What came out of one run."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    def __call__(self, text: str | bytes, *arguments: str) -> tuple[int, list[Any], str]:
        data = text if isinstance(text, bytes) else text.encode()
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        code = main(["normalize", *arguments])
        captured = self._capsys.readouterr()
        return code, [json.loads(line) for line in captured.out.splitlines()], captured.err


@pytest.fixture
def piped(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Piped:
    return Piped(capsys, monkeypatch)


def test_a_line_gives_a_record_with_the_keys_of_the_contract(piped: Piped) -> None:
    code, lines, talk = piped(GOOD)
    assert (code, talk) == (0, "")
    assert list(lines[0]) == KEYS
    assert (lines[0]["protocol"], lines[0]["reason"], lines[0]["terminal"]) == ("nats", "auth.rejected", True)


WIRE = "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
NO_STREAM = {"module": "nats.js.errors", "class": "NotFoundError", "attrs": {"code": 404, "err_code": 10059}}
FORBIDDEN = {"module": "slixmpp.exceptions", "class": "IqError", "condition": "forbidden", "etype": "auth", "text": "no"}
TIMEOUT = {"module": "nats.errors", "class": "TimeoutError"}
MINE = {"module": "app", "class": "Mine", "mro": ["app.Mine", "nats.errors.TimeoutError", "nats.errors.Error"]}


@pytest.mark.parametrize(
    ("document", "section", "reason"),
    [
        ({"protocol": "nats", "close_reason": "Slow Consumer (Pending Bytes)"}, "close", "limits.slow_consumer"),
        ({"close_reason": "Slow Consumer (Pending Bytes)"}, "close", "limits.slow_consumer"),
        ({"exception": {"module": "nats.errors", "class": "NoRespondersError", "str": "x"}}, "client", "transport.unavailable"),
        ({"exception": NO_STREAM}, "jetstream", "protocol.not_found"),
        ({"protocol": "xmpp", "raw": WIRE}, "stream", "shutdown.replaced"),
        ({"protocol": "xmpp", "exception": FORBIDDEN}, "stanza", "auth.forbidden"),
        ({"exception": {"module": "app", "class": "Wrapped", "cause": TIMEOUT}}, "client", "transport.timeout"),
        ({"exception": MINE}, "client", "transport.timeout"),
    ],
)
def test_every_form_of_the_contract_is_understood(piped: Piped, document: object, section: str, reason: str) -> None:
    _, lines, _ = piped(json.dumps(document))
    assert (lines[0]["section"], lines[0]["reason"]) == (section, reason)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("no json", "not JSON"),
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[1]", "not an object"),
        ('"-ERR"', "not an object"),
        ("{}", "none of raw, close_reason, exception"),
        ('{"raw": 7}', "raw is not a text"),
        ('{"close_reason": null}', "close_reason is not a text"),
        ('{"close_reason": {}}', "close_reason is not a text"),
        ('{"exception": "ValueError"}', "exception has no class"),
        ('{"exception": {"class": "A", "cause": 1}}', "exception has no class"),
        ('{"protocol": 7, "raw": "x"}', "protocol is not a text"),
        ("[" * 100_000, "nested too deep"),
        (b'{"raw": "\xff"}', "not UTF-8"),
        ('{"raw": "x"}'.encode("utf-16"), "not UTF-8"),
    ],
)
def test_a_line_that_cannot_be_used_gives_its_number_and_the_run_goes_on(piped: Piped, line: str | bytes, problem: str) -> None:
    data = line if isinstance(line, bytes) else line.encode()
    code, lines, talk = piped(GOOD.encode() + b"\n" + data.replace(b"\n", b"") + b"\n" + GOOD.encode() + b"\n")
    assert code == 2
    assert [line.get("line") for line in lines] == [None, 2, None]
    assert problem in lines[1]["error"]
    assert talk.startswith("errnorm normalize: line 2: ")
    assert talk.count("\n") == 1


def test_several_unusable_lines_are_one_line_of_talk(piped: Piped) -> None:
    _, _, talk = piped("a\nb\nc\n")
    assert talk.endswith("(and 2 more)\n")


def test_a_line_longer_than_any_error_is_answered_and_skipped(piped: Piped, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("errnorm.cli.normalize._LONGEST_LINE", 200)
    _, lines, _ = piped('{"raw": "' + "x" * 1000 + '"}\n' + GOOD)
    assert [line.get("line") for line in lines] == [1, None]


def test_the_unknown_is_no_failure_unless_asked(piped: Piped) -> None:
    line = '{"protocol": "nats", "raw": "-ERR \'Something New 7\'"}'
    assert piped(line)[0] == 0
    code, lines, talk = piped(line, "--strict")
    assert (code, talk) == (1, "")
    assert lines[0]["fingerprint"] == "Something New <n>"


def test_other_keys_are_dropped_unless_kept(piped: Piped) -> None:
    line = '{"raw": "item-not-found", "protocol": "xmpp", "id": [1, {"a": null}]}'
    assert "input" not in piped(line)[1][0]
    assert piped(line, "--keep")[1][0]["input"] == {"id": [1, {"a": None}]}


def test_what_is_kept_stays_as_it_was_to_the_last_digit(piped: Piped) -> None:
    line = '{"raw": "item-not-found", "id": 123456789012345678901234567890}'
    assert piped(line, "--keep")[1][0]["input"] == {"id": 123456789012345678901234567890}


@pytest.mark.parametrize("line", [b'\xef\xbb\xbf{"raw": "conflict"}', b'{"raw": "conflict", "x": NaN}', b'{"raw": "\\ud800"}'])
def test_what_only_a_patient_parser_reads_is_read(piped: Piped, line: bytes) -> None:
    assert piped(line)[0] == 0


def test_without_the_fast_parser_everything_is_read_all_the_same(piped: Piped, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("errnorm.cli.normalize._fast_loads", json.loads)
    assert piped(GOOD)[1][0]["reason"] == "auth.rejected"


def test_a_protocol_can_be_given_for_lines_that_say_none(piped: Piped) -> None:
    assert piped('{"raw": "x y z"}', "--protocol", "nats")[1][0]["protocol"] == "nats"


def test_a_document_may_stand_as_it_is_under_raw(piped: Piped) -> None:
    line = '{"raw": {"error": {"code": 404, "err_code": 10059, "description": "stream not found"}}}'
    assert piped(line)[1][0]["reason"] == "protocol.not_found"


def test_files_are_read_in_their_order(piped: Piped, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(f'{{"raw": "{name}"}}\n')
    _, lines, _ = piped('{"raw": "c"}', str(tmp_path / "b"), "-", str(tmp_path / "a"))
    assert [line["text"] for line in lines] == ["b", "c", "a"]


def test_a_file_that_is_not_there_is_one_clear_line(piped: Piped, tmp_path: Path) -> None:
    code, lines, talk = piped("", str(tmp_path / "gone"))
    assert (code, lines) == (2, [])
    assert talk == f"errnorm normalize: {tmp_path / 'gone'}: No such file or directory\n"


def test_a_broken_overlay_is_one_clear_line_and_nothing_is_read(piped: Piped, tmp_path: Path) -> None:
    overlay = tmp_path / "mine.toml"
    overlay.write_text('protocol = "nats"\nversion = "1"\n[error]\n"Stale Connection" = { recovery = "dance" }\n')
    code, lines, talk = piped(GOOD, "--tables", str(overlay))
    assert (code, lines) == (2, [])
    assert talk.startswith(f"errnorm normalize: {overlay}:4: error.Stale Connection.recovery: ")


def test_an_overlay_changes_what_comes_out(piped: Piped, tmp_path: Path) -> None:
    overlay = tmp_path / "mine.toml"
    overlay.write_text('protocol = "nats"\nversion = "1"\n[error]\n"Authorization Violation" = { recovery = "reconnect" }\n')
    line = piped(GOOD, "--tables", str(overlay))[1][0]
    assert line["retryable"]
    assert line["tables_version"].endswith("+mine 1")


def test_what_is_unknown_is_grouped_with_a_row_to_fill_in(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("".join(f'{{"protocol": "nats", "raw": "-ERR \'Odd {number}\'"}}\n' for number in range(5)) + GOOD + "\n")
    assert main(["normalize", "--unknown", str(path)]) == 0
    report = capsys.readouterr().out
    assert report.startswith('# 5 x nats error\n[error."Odd {number}"]\nreason = ""\n')
    assert report.count("# ") == 1


@pytest.mark.parametrize(
    "lines",
    [
        ["-ERR 'Odd 1'", "-ERR 'Odd 27'"],
        ["-ERR 'Never Heard Of \"a.b\" From 10.0.0.1:42'", "-ERR 'Never Heard Of \"c\" From 10.0.0.7:1'"],
        ["-ERR 'Gone for 3s and 4s'", "-ERR 'Gone for 10s and 1m'"],
        ["-ERR 'Cannot move `a b`'", "-ERR 'Cannot move `x`'"],
        ["-ERR 'Just words'", "-ERR 'Just words'"],
        [
            "[7] 2026/11/23 06:00:00.123456 [ERR] Frobbing of stream 12 took 3s",
            "[7] 2026/11/24 07:00:00.000001 [ERR] Frobbing of stream 7 took 5s",
        ],
    ],
)
def test_the_row_that_is_given_knows_the_error_once_it_is_filled_in(
    lines: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps({"protocol": "nats", "raw": line}) + "\n" for line in lines))
    main(["normalize", "--unknown", str(path)])
    comment, row = capsys.readouterr().out.split("\n", 1)
    assert comment.startswith(f"# {len(lines)} x nats")
    params = comment.partition("; under [params]: ")[2].replace(", ", "\n")
    filled = row.replace('reason = ""', 'reason = "limits.rate"').replace('recovery = ""', 'recovery = "wait"')
    filled = filled.replace('source = ""', 'source = "seen"').replace("[section.", "[log.")
    overlay = tmp_path / "mine.toml"
    overlay.write_text(f'protocol = "nats"\nversion = "1"\n[params]\n{params}\n{filled}\n')
    main(["normalize", "--tables", str(overlay), str(path)])
    assert [json.loads(line)["reason"] for line in capsys.readouterr().out.splitlines()] == ["limits.rate"] * len(lines)


def test_a_row_that_would_not_match_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps({"protocol": "nats", "raw": "-ERR 'Odd    spaces 7'"}) + "\n")
    main(["normalize", "--unknown", str(path)])
    assert capsys.readouterr().out.startswith("# 1 x nats error; write the key by hand")


def test_an_unknown_class_is_named_by_its_name_whatever_it_says(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"protocol": "nats", "exception": {"module": "nats.errors", "class": "NewError", "str": "nats: new 55"}}\n')
    main(["normalize", "--unknown", str(path)])
    assert '\n[client."nats.errors.NewError"]\nreason = ""\n' in capsys.readouterr().out


def test_there_is_a_bound_on_how_many_kinds_are_listed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("errnorm.cli.unknowns._MOST", 2)
    path = tmp_path / "log.jsonl"
    path.write_text("".join(f'{{"protocol": "nats", "raw": "-ERR \'{word}\'"}}\n' for word in ("aa", "bb", "cc", "aa", "dd")))
    main(["normalize", "--unknown", str(path)])
    report = capsys.readouterr().out
    assert "# 2 x nats error" in report
    assert "# 2 more errors, of kinds that are not listed" in report


NORMALIZER = Normalizer([])
json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
documents = st.dictionaries(
    st.sampled_from(["protocol", "raw", "close_reason", "exception", "x"]), json_values
) | st.fixed_dictionaries(
    {"exception": st.dictionaries(st.sampled_from(["module", "class", "str", "mro", "attrs", "cause", "condition"]), json_values)}
)


@given(document=documents)
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=200)
def test_any_object_gives_a_record_or_is_unusable(document: dict[str, object]) -> None:
    try:
        error = normalize_line(json.dumps(document).encode(), NORMALIZER)
    except UnusableLineError:
        return
    assert list(json.loads(error.to_json())) == KEYS


def test_raw_takes_lines_as_they_are(piped: Piped) -> None:
    code, lines, _ = piped("-ERR 'Stale Connection'\r\nnever heard of\n", "--raw", "--protocol", "nats")
    assert code == 0
    assert [line["reason"] for line in lines] == ["transport.stale", "unknown"]
