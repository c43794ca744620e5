"""Every command where a stream, a file or an argument fails it: one line on stderr, the right exit code, nothing lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

GOOD = b'{"raw": "-ERR \'Stale Connection\'", "protocol": "nats"}\n'
DATA = [["table"], ["table", "--format", "json"], ["explain", "Stale Connection"], ["normalize"], ["drift", "--format", "json"]]
SMALL = [["explain", "Stale Connection"], ["normalize"]]
every_command = pytest.mark.parametrize("command", DATA, ids=" ".join)
needs_a_full_disk = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full disk")


def run(*arguments: str, given: bytes = GOOD, redirect: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command line through a shell, which alone can close a stream."""
    command = ["sh", "-c", f'exec "$@" {redirect}', "sh", sys.executable, "-m", "errnorm", *arguments]
    return subprocess.run(command, input=given, capture_output=True, timeout=300, check=False, env={**os.environ, **environment})


def talk(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return the one line that was said."""
    (line,) = done.stderr.decode().splitlines()
    return line


@every_command
def test_a_stdout_that_is_closed_is_said_in_one_line(command: list[str]) -> None:
    done = run(*command, redirect=">&-")
    assert (done.returncode, talk(done)) == (2, "errnorm: stdout is closed")


@needs_a_full_disk
@every_command
def test_a_disk_that_is_full_is_said_in_one_line(command: list[str]) -> None:
    done = run(*command, redirect=">/dev/full")
    assert (done.returncode, talk(done)) == (2, f"errnorm {command[0]}: No space left on device")


@pytest.mark.parametrize("command", ["explain", "normalize"])
def test_a_stdin_that_is_closed_is_said_in_one_line(command: str) -> None:
    done = run(command, redirect="<&-")
    assert (done.returncode, done.stdout, talk(done)) == (2, b"", f"errnorm {command}: stdin is closed")


@pytest.mark.parametrize("command", SMALL, ids=" ".join)
def test_without_a_stderr_the_data_comes_and_the_talk_does_not(command: list[str]) -> None:
    heard, unheard = run(*command), run(*command, redirect="2>&-")
    assert (unheard.returncode, unheard.stdout) == (0, heard.stdout)
    refused = run(*command, "--protocol", "nothing", redirect="2>&-")
    assert (refused.returncode, refused.stdout, refused.stderr) == (2, b"", b"")


@every_command
def test_a_terminal_that_knows_few_letters_gets_the_others_escaped(command: list[str]) -> None:
    done = run(*command, PYTHONIOENCODING="ascii")
    assert done.returncode in {0, 1}
    assert b"Traceback" not in done.stderr
    assert done.stdout.isascii()


def test_a_reader_that_leaves_amid_a_stream_is_no_error(tmp_path: Path) -> None:
    many = tmp_path / "many.jsonl"
    many.write_bytes(GOOD * 20_000)
    with subprocess.Popen([sys.executable, "-m", "errnorm", "normalize", many], stdout=-1, stderr=-1) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert (process.stderr.read(), process.wait(100)) == (b"", 0)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="this system has no file that opens and cannot be read")
def test_a_file_that_cannot_be_read_to_its_end_is_named_and_nothing_before_it_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "good.jsonl"
    file.write_bytes(GOOD)
    done = run("normalize", str(file), "/proc/self/mem")
    assert (done.returncode, talk(done)) == (2, "errnorm normalize: /proc/self/mem: Input/output error")
    assert [json.loads(line)["code"] for line in done.stdout.splitlines()] == ["Stale Connection"]


@pytest.mark.parametrize("command", [["explain", "x"], ["normalize"], ["table"]], ids=" ".join)
def test_a_protocol_that_nobody_knows_is_refused_with_those_that_are_known(command: list[str]) -> None:
    done = run(*command, "--protocol", "no\x1bthing")
    assert (done.returncode, done.stdout) == (2, b"")
    assert talk(done) == (
        f"errnorm {command[0]}: argument --protocol: there is no table for 'no\\x1bthing': the choices are nats, transport, xmpp"
    )


def test_a_demonstration_that_nobody_knows_is_refused_with_those_that_are_known() -> None:
    done = run("demo", "nothing")
    assert (done.returncode, done.stdout) == (2, b"")
    assert talk(done).startswith("errnorm demo: there is no demonstration of nothing: the choices are nats, xmpp")


ANY = {"no UTF-8": b"\xff\xfe\x00", "zeros": b"\x00" * 50, "one long line": b"x" * 3_000_000, "control": b"\x1b[2J\xe2\x80\xae"}


@pytest.mark.parametrize("given", ANY)
def test_any_bytes_can_be_explained(given: str) -> None:
    done = run("explain", given=ANY[given])
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\x1b" not in done.stdout
    assert len(done.stdout) < 5000


BROKEN_LINES = [b"\xff", b"", b"\x00", b"[]", b'{"raw": 1}', b"x" * 3_000_000, b"[" * 100_000, b'{"raw":"x","a":' + b"1" * 5000]


def test_of_broken_lines_each_is_answered_in_its_place() -> None:
    given = b"".join(GOOD + line + b"\n" for line in BROKEN_LINES)
    done = run("normalize", given=given)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer.get("line") for answer in answers] == [
        number if number % 2 == 0 else None for number in range(1, 2 * len(BROKEN_LINES) + 1)
    ]
    assert done.returncode == 2
    assert talk(done).startswith("errnorm normalize: line 2: not UTF-8 (and 7 more)")


NESTED = [
    b'{"raw": "x", "k": ' + b"[" * depth + b"]" * depth + b"}\n" for depth in (500, 900, *range(960, 1030, 3), 5000, 200_000)
]


@pytest.mark.parametrize("option", ["--keep", "--unknown"])
def test_however_deep_a_line_is_it_is_answered(option: str) -> None:
    done = run("normalize", option, given=b"".join(NESTED))
    assert done.returncode == 2
    assert talk(done).startswith("errnorm normalize: line ")
    if option == "--keep":
        # The heads: what is carried along is too deep for this test to read.
        heads = [line.partition(b', "input"')[0].rstrip(b"}") + b"}" for line in done.stdout.splitlines()]
        assert len([json.loads(head) for head in heads]) == len(NESTED)


def test_what_is_carried_through_is_json_whatever_it_was() -> None:
    line = b'{"raw": "x", "a": NaN, "b": -Infinity, "c": 1e999, "d": "\\ud800", "e": 0.25, "f": 7}\n'
    done = run("normalize", "--keep", given=line)

    def refuse(name: str) -> None:
        raise AssertionError(name)

    kept = json.loads(done.stdout, parse_constant=refuse)["input"]
    assert kept == {"a": "NaN", "b": "-Infinity", "c": "1e999", "d": "\ud800", "e": 0.25, "f": 7}


def test_a_cause_of_which_only_the_words_are_kept_leaves_the_line_usable() -> None:
    wrapper = {"exception": {"module": "nats.errors", "class": "NoRespondersError", "cause": "Authorization Violation"}}
    done = run("normalize", given=json.dumps(wrapper).encode())
    assert done.returncode == 0
    assert json.loads(done.stdout)["code"] == "nats.errors.NoRespondersError"
