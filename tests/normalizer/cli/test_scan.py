"""What is in these logs: the counts, the times, and every way in which a log comes."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import re
import sys
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import zstandard

from errnorm import normalize
from errnorm.cli import main
from errnorm.cli.part import parts_of

LOG = """\
2024-10-03 10:36:01,001 INFO     app.orders all is well
2024-10-03 10:36:02,001 ERROR    app.orders could not publish: nats: timeout
[7] 2024/10/03 10:36:03.190000 [ERR] 127.0.0.1:49092 - cid:7 - authentication error - User "a"
2024-10-03 10:37:04,001 ERROR    app.orders could not publish: nats: timeout
[7] 2024/10/03 10:37:05.190000 [ERR] 127.0.0.2:49092 - cid:8 - authentication error - User "b"
[7] 2024/10/03 10:37:06.190000 [ERR] 127.0.0.2:49092 - cid:9 - authentication error - User "c"
2024-10-03 10:38:07,001 ERROR    app.payments declined for user bob
"""
TRACEBACK = """\
2024-10-03 10:39:00,000 ERROR app.orders it failed
Traceback (most recent call last):
  File "a.py", line 1, in f
    raise nats.errors.NoRespondersError
nats.errors.NoRespondersError: nats: no responders available for request
2024-10-03 10:39:01,000 INFO app.orders and on it goes
"""


def scanned(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    assert main(["scan", "--format", "json", *arguments]) == code
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def counts(document: dict[str, Any]) -> dict[str, int]:
    return {error["reason"]: error["count"] for error in document["errors"]}


@pytest.fixture
def log(tmp_path: Path) -> str:
    path = tmp_path / "app.log"
    path.write_text(LOG)
    return str(path)


class TestCounts:
    def test_errors_are_counted_by_what_they_are_the_most_frequent_first(
        self, capsys: pytest.CaptureFixture[str], log: str
    ) -> None:
        document = scanned(capsys, log)
        assert document["lines"] == 7
        assert list(counts(document).items()) == [("auth.rejected", 3), ("transport.timeout", 2)]

    def test_one_error_that_has_rows_for_the_words_of_several_programs_is_one_kind(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        path = tmp_path / "app.log"
        path.write_text("read: Connection timed out\njava.net.SocketTimeoutException: Read timed out\n", "utf-8")
        (only,) = scanned(capsys, str(path))["errors"]
        assert (only["code"], only["count"]) == ("ETIMEDOUT", 2)

    def test_the_code_of_an_error_of_the_network_fits_a_narrow_terminal(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        path = tmp_path / "app.log"
        path.write_text("connect: Connection refused\n", "utf-8")
        assert main(["scan", str(path)]) == 0
        assert "  transport.refused  ECONNREFUSED\n" in capsys.readouterr().out

    def test_each_error_has_the_keys_of_the_contract(self, capsys: pytest.CaptureFixture[str], log: str) -> None:
        (first, _) = scanned(capsys, log)["errors"]
        assert list(first) == [
            *("reason", "category", "code", "protocol", "retryable", "terminal", "recovery", "count", "first", "last", "sample")
        ]
        assert first["sample"].startswith("[7] 2024/10/03 10:36:03")

    def test_first_and_last_are_when_the_lines_were_written(
        self, capsys: pytest.CaptureFixture[str], log: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TZ", "UTC")
        (first, _) = scanned(capsys, log)["errors"]
        assert re.fullmatch(r"2024-10-0[234]T\d\d:36:03Z", first["first"])
        assert re.fullmatch(r"2024-10-0[234]T\d\d:37:06Z", first["last"])

    def test_what_is_not_known_is_counted_by_its_words_without_the_frame(
        self, capsys: pytest.CaptureFixture[str], log: str
    ) -> None:
        (unknown,) = scanned(capsys, log)["unknown"]
        assert (unknown["fingerprint"], unknown["count"]) == ("declined for user <name>", 1)

    def test_lines_that_are_no_errors_are_passed_over(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        path = tmp_path / "log"
        path.write_text("INFO all is well\nServer is ready\nthe weather is nice today\n")
        assert scanned(capsys, str(path)) == {"lines": 3, "errors": [], "unknown": []}

    def test_a_traceback_is_one_error(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        path = tmp_path / "log"
        path.write_text(TRACEBACK * 3)
        document = scanned(capsys, str(path))
        assert counts(document) == {"transport.unavailable": 3}
        assert document["lines"] == 18

    def test_by_reason_all_codes_of_one_count_together(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        path = tmp_path / "log"
        path.write_text("nats: timeout\nTimeoutError: timed out\n")
        assert len(scanned(capsys, str(path))["errors"]) == 2
        (error,) = scanned(capsys, "--by", "reason", str(path))["errors"]
        assert (error["count"], error["code"]) == (2, None)

    def test_by_peer_each_counts_by_itself(self, capsys: pytest.CaptureFixture[str], log: str) -> None:
        errors = scanned(capsys, "--by", "peer", log)["errors"]
        assert {(one["reason"], one.get("peer"), one["count"]) for one in errors} == {
            *(("auth.rejected", "127.0.0.2", 2), ("auth.rejected", "127.0.0.1", 1), ("transport.timeout", None, 2)),
        }

    def test_numbers_that_say_which_error_it_is_are_told_apart(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        path = tmp_path / "log"
        path.write_text("error: err_code=10059 x\nerror: err_code=10058 x\nerror: err_code=10059 x\n")
        assert [(one["code"], one["count"]) for one in scanned(capsys, str(path))["errors"]] == [("10059", 2), ("10058", 1)]


class TestInput:
    @pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
    def test_what_is_compressed_is_read(self, capsys: pytest.CaptureFixture[str], tmp_path: Path, compress: Any) -> None:
        path = tmp_path / "app.log"
        path.write_bytes(compress(LOG.encode()))
        assert counts(scanned(capsys, str(path))) == {"auth.rejected": 3, "transport.timeout": 2}

    def test_stdin_is_read(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(LOG.encode()))))
        assert counts(scanned(capsys)) == {"auth.rejected": 3, "transport.timeout": 2}

    def test_json_lines_are_read(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        path = tmp_path / "log"
        lines = [{"log": f"{line}\n", "stream": "stdout", "time": "2024-10-03T10:36:00Z"} for line in LOG.splitlines()]
        path.write_text("\n".join(map(json.dumps, lines)))
        assert counts(scanned(capsys, str(path))) == {"auth.rejected": 3, "transport.timeout": 2}

    def test_several_files_count_together(self, capsys: pytest.CaptureFixture[str], log: str) -> None:
        assert counts(scanned(capsys, log, log)) == {"auth.rejected": 6, "transport.timeout": 4}

    def test_a_line_of_any_length_takes_no_more_room(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        path = tmp_path / "log"
        path.write_bytes(b"x" * 3_000_000 + b"\nnats: timeout\n")
        assert scanned(capsys, str(path))["lines"] == 2

    def test_what_cannot_be_read_is_said_and_the_rest_is_read(self, capsys: pytest.CaptureFixture[str], log: str) -> None:
        assert main(["scan", "--format", "json", "/nonexistent/log", log]) == 2
        captured = capsys.readouterr()
        assert counts(json.loads(captured.out)) == {"auth.rejected": 3, "transport.timeout": 2}
        assert captured.err == "errnorm scan: /nonexistent/log: No such file or directory\n"

    def test_an_archive_that_was_cut_gives_what_it_has(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        path = tmp_path / "log.gz"
        path.write_bytes(gzip.compress((LOG * 2000).encode())[:-20])
        assert main(["scan", "--format", "json", str(path)]) == 2
        captured = capsys.readouterr()
        assert counts(json.loads(captured.out))["auth.rejected"] > 0
        assert captured.err.startswith(f"errnorm scan: {path}: ")

    def test_without_the_library_zstd_says_what_to_install(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "zstandard", None)
        monkeypatch.setitem(sys.modules, "compression", None)
        path = tmp_path / "log"
        path.write_bytes(zstandard.compress(b"x\n"))
        assert main(["scan", str(path)]) == 2
        assert "pip install 'errnorm[zstd]'" in capsys.readouterr().err


class TestFilters:
    def test_since_leaves_out_what_is_older(self, capsys: pytest.CaptureFixture[str], log: str) -> None:
        assert counts(scanned(capsys, "--since", "2024-10-03T10:37", log)) == {"auth.rejected": 2, "transport.timeout": 1}
        assert scanned(capsys, "--since", "1h", log)["errors"] == []

    def test_a_time_that_is_none_is_refused(self, capsys: pytest.CaptureFixture[str], log: str) -> None:
        assert main(["scan", "--since", "yesterday", log]) == 2
        assert "'yesterday' is not a time: use 2h" in capsys.readouterr().err

    def test_protocol_leaves_out_the_other_and_what_is_not_known(self, capsys: pytest.CaptureFixture[str], log: str) -> None:
        assert scanned(capsys, "--protocol", "xmpp", log) == {"lines": 7, "errors": [], "unknown": []}
        assert counts(scanned(capsys, "--protocol", "nats", log)) == {"auth.rejected": 3, "transport.timeout": 2}

    def test_strict_fails_for_what_is_not_known(self, capsys: pytest.CaptureFixture[str], log: str) -> None:
        scanned(capsys, "--strict", log, code=1)


class TestJsonLines:
    def test_each_finding_is_an_object_with_its_place_and_the_keys_of_normalize(
        self, capsys: pytest.CaptureFixture[str], log: str
    ) -> None:
        assert main(["scan", "--format", "jsonl", log]) == 0
        objects = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [(one["file"], one["line"], one["reason"]) for one in objects] == [
            *((log, 2, "transport.timeout"), (log, 3, "auth.rejected"), (log, 4, "transport.timeout")),
            *((log, 5, "auth.rejected"), (log, 6, "auth.rejected"), (log, 7, "unknown")),
        ]
        for one in objects:
            line = LOG.splitlines()[one["line"] - 1]
            assert line[one["start"] : one["end"]] == one["match"]
        assert [one["params"]["cid"] for one in objects if one["reason"] == "auth.rejected"] == [7, 8, 9]

    def test_what_is_not_known_has_its_fingerprint(self, capsys: pytest.CaptureFixture[str], log: str) -> None:
        assert main(["scan", "--format", "jsonl", log]) == 0
        last = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert (last["category"], last["fingerprint"], last["how"]) == ("unknown", "declined for user <name>", None)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.outside += [value or "" for name, value in attrs if name in {"src", "href", "onclick", "onerror"}]


class TestForPeople:
    def test_the_report_says_how_much_when_and_what_to_do(self, capsys: pytest.CaptureFixture[str], log: str) -> None:
        assert main(["scan", log]) == 0
        report = capsys.readouterr().out
        assert report.startswith("7 lines, 5 errors of 2 kinds, 2024-10-0")
        assert re.search(r"^ +3  \d\d:36:03 \d\d:37:06  .*auth\.rejected", report, re.MULTILINE)
        assert "What to do" in report
        assert "Not known: 1 line of 1 kind" in report

    def test_the_page_needs_nothing_from_outside(self, capsys: pytest.CaptureFixture[str], log: str) -> None:
        assert main(["scan", "--format", "html", log]) == 0
        page = capsys.readouterr().out
        tags = _Tags()
        tags.feed(page)
        assert tags.outside == []
        assert "script" not in tags.tags
        assert "svg" in tags.tags
        assert "prefers-color-scheme: dark" in page
        assert "auth.rejected" in page

    def test_a_hostile_line_stays_text(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        path = tmp_path / "log"
        path.write_text("ERROR <img src=x onerror=alert(1)> \x1b[31m nats: timeout\nERROR <script>x</script> went wrong\n")
        for format_ in ("html", "text"):
            assert main(["scan", "--format", format_, str(path)]) == 0
            shown = capsys.readouterr().out
            assert "<script>" not in shown or format_ == "text"
            assert "<img" not in shown or format_ == "text"
            assert "\x1b" not in shown

    def test_an_empty_log_is_no_mistake(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        path = tmp_path / "log"
        path.write_bytes(b"")
        assert main(["scan", str(path)]) == 0
        assert capsys.readouterr().out.startswith("0 lines, 0 errors")
        assert main(["scan", "--format", "html", str(path)]) == 0
        assert "There is no error in these logs." in capsys.readouterr().out


class TestJobs:
    @pytest.fixture
    def large(self, tmp_path: Path) -> str:
        """Return a file of nine megabytes, in which an error is written in every way, and tracebacks are anywhere."""
        path = tmp_path / "large.log"
        with path.open("w") as file:
            while file.tell() < 9 << 20:
                file.write(LOG + TRACEBACK + "2024-10-03 10:40:00,000 INFO app.orders nothing at all\n" * 40)
        return str(path)

    def test_several_processes_say_what_one_says(
        self, capsys: pytest.CaptureFixture[str], log: str, large: str, tmp_path: Path
    ) -> None:
        packed = tmp_path / "packed.log.gz"
        packed.write_bytes(gzip.compress(LOG.encode()))
        files = [log, large, str(packed)]
        assert scanned(capsys, *files, "--jobs", "2") == scanned(capsys, *files)

    def test_findings_of_several_processes_come_in_the_order_of_the_files(
        self, capsys: pytest.CaptureFixture[str], log: str, tmp_path: Path
    ) -> None:
        other = tmp_path / "other.log"
        other.write_text(TRACEBACK)
        assert main(["scan", "--format", "jsonl", log, str(other)]) == 0
        alone = capsys.readouterr().out
        assert main(["scan", "--format", "jsonl", "--jobs", "2", log, str(other)]) == 0
        assert capsys.readouterr().out == alone

    def test_a_file_that_cannot_be_read_is_named_and_the_others_are_counted(
        self, capsys: pytest.CaptureFixture[str], log: str, tmp_path: Path
    ) -> None:
        missing = tmp_path / "missing.log"
        assert main(["scan", "--jobs", "2", str(missing), log]) == 2
        said = capsys.readouterr()
        assert "missing.log" in said.err
        assert "transport.timeout" in said.out

    def test_a_file_is_cut_only_where_no_traceback_goes_on(self, large: str) -> None:
        parts = parts_of([large], 5, datetime(2024, 10, 4, tzinfo=UTC))
        assert len(parts) == 2  # a slice has four megabytes at least
        assert parts[0].end == parts[1].start
        before, behind = Path(large).read_text()[: parts[1].start], Path(large).read_text()[parts[1].start :]
        assert behind.startswith(("2024-10-03", "[7] 2024/10/03"))
        assert before.rpartition("Traceback")[2].count("\n") > 4

    @pytest.mark.parametrize("jobs", ["-1", "many", "²"])
    def test_what_is_not_a_number_of_processes_is_refused(self, capsys: pytest.CaptureFixture[str], log: str, jobs: str) -> None:
        with pytest.raises(SystemExit) as left:
            main(["scan", f"--jobs={jobs}", log])
        assert left.value.code == 2
        assert "is not a number of processes: use 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "-ERR 'Permissions Violation for Publish to \"a.b\"'",
        "-ERR 'no such thing 7'",
        "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>",
    ],
    ids=["known", "unknown", "element"],
)
def test_an_error_survives_the_way_to_another_process(text: str) -> None:
    error = normalize(text)
    received = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert received.to_record() == error.to_record()
    assert received.judgement == error.judgement
