"""The command line as a whole: help, wrong arguments, a reader that leaves."""

from __future__ import annotations

import subprocess
import sys

import pytest

from errnorm.cli import main


@pytest.mark.parametrize("command", ["explain", "normalize", "table"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: errnorm {command}")


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["table", "--category", "nonsense"], ["normalize", "--nonsense"]])
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
