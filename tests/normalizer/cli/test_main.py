"""The command line as a whole: help, wrong arguments, a reader that leaves."""

from __future__ import annotations

import io
import subprocess
import sys
from contextlib import suppress

import pytest

from errnorm.cli import main


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line that a command line is refused with."""
    with pytest.raises(SystemExit) as left:
        sys.exit(main(arguments))
    assert left.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    return line


def test_without_arguments_it_says_what_it_can_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert all(f"    {command}" in shown for command in ("explain", "scan", "normalize", "table", "completion", "demo"))
    assert 'errnorm explain "nats: stale connection"' in shown
    assert "    watch        show the errors of a running NATS system" in shown


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["exlpain", "x"], "there is no command 'exlpain': did you mean explain?"),
        (["table", "--protcol", "nats"], "there is no option '--protcol': did you mean --protocol?"),
        (["table", "--protocol", "natz"], "there is no table for 'natz': did you mean nats?"),
        (["table", "--reason", "auth.forbiden"], "there is no reason 'auth.forbiden': did you mean auth.forbidden?"),
        (["table", "--category", "limit"], "there is no category 'limit': did you mean limits?"),
        (["table", "--recovery", "reconect"], "there is no recovery 'reconect': did you mean reconnect?"),
        (["table", "--section", "stanz"], "there is no section 'stanz': did you mean stanza?"),
        (["table", "--protocol", "xmpp", "--section", "qqq"], "there is no section 'qqq': the choices are stanza, "),
        (["table", "--format", "jsonn"], "there is no format 'jsonn': did you mean json?"),
        (["table", "slow", "consumr"], "no row has the word 'consumr': did you mean consumer?"),
        (["scan", "--by", "raeson"], "did you mean reason?"),
        (["explain", "--protocol", "xmp", "conflict"], "there is no table for 'xmp': did you mean xmpp?"),
        (["completion", "bsh"], "there is no shell 'bsh': did you mean bash?"),
    ],
)
def test_a_misspelt_word_is_refused_with_the_word_that_may_be_meant(
    arguments: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert meant in refused(arguments, capsys)


def test_a_text_without_a_command_is_pointed_to_the_command_that_explains_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert "errnorm explain 'nats: timeout' (see" in refused(["nats: timeout"], capsys)


@pytest.mark.parametrize("arguments", [["-ERR", "'Stale Connection'"], ["--format", "text", "-ERR", "Stale", "Connection"]])
def test_a_line_of_the_wire_that_begins_with_a_hyphen_is_a_text(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", *arguments]) == 0
    assert capsys.readouterr().out.startswith("transport.stale  nats error")


LONG = (
    '2026-01-31 10:00:07 ERROR app nats: permissions violation for publish to "orders.new" which nobody had thought of before\n'
)


@pytest.mark.parametrize("columns", [80, 100])
@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["explain", "--help"],
        ["scan", "--help"],
        ["normalize", "--help"],
        ["table", "--help"],
        ["completion", "--help"],
        ["explain", "auth"],
        ["explain", "limits.size"],
        ["explain", "conflict"],
        ["explain", "10077"],
        ["explain", LONG],
        ["explain", LONG + LONG.replace("permissions violation", "timeout")],
        ["explain", "an error that nobody has ever seen and that goes on for a while, as they do"],
        ["scan"],
        ["table"],
        ["table", "slow", "consumer"],
    ],
    ids=range(16),
)
def test_no_line_is_wider_than_the_terminal(
    arguments: list[str], columns: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(LONG.encode())))
    with suppress(SystemExit):
        main(arguments)
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert [line for line in lines if len(line) > columns] == []


@pytest.mark.parametrize("command", ["explain", "scan", "normalize", "table", "completion"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: errnorm {command}")


@pytest.mark.parametrize("arguments", [["nonsense"], ["table", "--category", "nonsense"], ["normalize", "--nonsense"]])
def test_wrong_arguments_are_one_clear_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    captured = capsys.readouterr()
    assert left.value.code == 2
    assert (captured.out, captured.err.count("\n")) == ("", 1)


def test_it_says_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.startswith("errnorm ")


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    command = [sys.executable, "-m", "errnorm", "table"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read().splitlines()[1:] == []
        assert process.wait(100) == 0


def test_ctrl_c_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("errnorm.cli.table.rows", interrupted)
    assert main(["table"]) == 130


def test_without_a_stdout_that_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["table"]) == 2
    assert capsys.readouterr().err == "errnorm: stdout is closed\n"


def test_a_command_does_not_import_the_others() -> None:
    code = "import sys, errnorm.cli; errnorm.cli.main(['explain', '-h'])"
    after = "import atexit, sys; atexit.register(lambda: print('errnorm.cli.scan' in sys.modules, file=sys.stderr))"
    done = subprocess.run([sys.executable, "-c", f"{after}\n{code}"], capture_output=True, text=True, check=True, timeout=300)

    assert done.stderr == "False\n"
