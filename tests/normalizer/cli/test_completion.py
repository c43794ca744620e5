"""Completion: what is offered for the last word, and that bash, zsh and fish ask for it and show it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from errnorm.cli import main
from errnorm.taxonomy import Reason

# Each shell loads its script and completes a line, whose last word is the one that is typed.
_ASKED = {
    "bash": 'eval "$(errnorm completion bash)"; COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _errnorm; '
    "printf '%s\\n' \"${{COMPREPLY[@]}}\"",
    "zsh": 'compdef() {{}}; compadd() {{ print -l -- "${{(@P)2}}" }}; _files() {{}}; eval "$(errnorm completion zsh)"; '
    "words=({line}); CURRENT=$#words; _errnorm",
    "fish": 'errnorm completion fish | source; complete -C "{line}"',
}


def offered(*words: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert main(["completion", "--words", *words]) == 0
    return capsys.readouterr().out.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ex"], ["explain", "export"]),
        (["--v"], ["--version"]),
        (["table", "--rea"], ["--reason", "--reach"]),
        (["table", "--reason", "auth.f"], ["auth.forbidden"]),
        (["table", "--reason=auth.f"], ["--reason=auth.forbidden"]),
        (["table", "--reason", "=", "auth.f"], ["auth.forbidden"]),
        (["table", "--protocol", "x"], ["xmpp"]),
        (["table", "--section", "stan"], ["stanza"]),
        (["table", "--protocol", "nats", "--section", "stan"], []),
        (["scan", "--by", ""], ["code", "reason", "peer"]),
        (["scan", "--format", "ht"], ["html"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["scan", "--since", ""], []),
        (["scan", "app"], []),
        (["no-such-command", ""], []),
    ],
)
def test_what_can_stand_for_the_last_word_is_offered(
    words: list[str], expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert offered(*words, capsys=capsys) == expected


def test_every_reason_is_offered(capsys: pytest.CaptureFixture[str]) -> None:
    assert offered("table", "--reason", "", capsys=capsys) == list(Reason)


def test_every_command_is_offered(capsys: pytest.CaptureFixture[str]) -> None:
    assert {"explain", "scan", "normalize", "table", "completion", "demo", "drift"} <= set(offered("", capsys=capsys))


@pytest.mark.parametrize("shell", list(_ASKED))
def test_a_shell_that_has_loaded_its_script_completes(shell: str, tmp_path: Path) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    for line, expected in (("errnorm tab", "table"), ("errnorm table --reason auth.forb", "auth.forbidden")):
        done = subprocess.run(
            [program, "-c", _ASKED[shell].format(line=line)],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env=environment,
        )
        assert done.stdout.split() == [expected], done.stderr
