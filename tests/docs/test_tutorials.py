"""
Each tutorial is followed to the letter: an empty environment, the installation, the server that the page starts, every command.

Two things differ from the page. The checkout is named by its path, because the files of the page are not to land in it; and the
port is one that is free.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.docs.blocks import blocks, commands, file_of, matches
from tests.servers.process import PATH, Server

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = [pytest.mark.slow, pytest.mark.server]

ROOT = Path(__file__).parents[2]
TUTORIALS = sorted((ROOT / "docs/tutorial").glob("*.md"))
_PORTS = ("4222", "15222")


class _OfThePage(Server):
    """The server that a page starts, by the command line of the page."""

    name = "tutorial"
    line = ""
    path = ""

    def command(self) -> list[str]:
        program, *arguments = shlex.split(self.line)
        return [str(shutil.which(program, path=self.path)), *arguments]


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_the_tutorial_can_be_followed_to_the_letter(page: Path, tmp_path: Path) -> None:
    server = _OfThePage(tmp_path)
    environment = _environment(tmp_path)
    with ExitStack() as stack:
        for block in blocks(page):
            code = block.code
            for port in _PORTS:
                code = re.sub(rf"\b{port}\b", str(server.port), code)
            if (name := file_of(code)) is not None:
                (tmp_path / name).write_text(code, "utf-8")
                continue
            printed = ""
            for line in commands(code) if block.language == "console" else ():
                if line.startswith(("nats-server ", "prosody ")):
                    server.line, server.path = line, environment["PATH"]
                    if shutil.which(line.split()[0], path=server.path) is None:
                        pytest.skip(f"{line.split()[0]} is not installed")
                    stack.enter_context(server)
                else:
                    printed += _printed(line, tmp_path, environment)
            if block.prints is not None:
                for port in _PORTS:
                    if f":{port} " in block.prints:  # the address of the server in a log line
                        printed = printed.replace(f":{server.port} ", f":{port} ")
                assert matches(block.prints, printed), f"{page.name}:{block.line} printed:\n{printed}"


def _environment(folder: Path) -> Mapping[str, str]:
    # What `source .venv/bin/activate` changes, and nothing of the environment that the tests run in.
    path = f"{folder / '.venv' / 'bin'}{os.pathsep}{PATH}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "COV_"))}
    return kept | {"PATH": path, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1", "VIRTUAL_ENV": str(folder / ".venv")}


def _printed(line: str, folder: Path, environment: Mapping[str, str]) -> str:
    if line.startswith("source "):
        return ""
    if line.startswith("pip "):
        _installed(line, folder, environment)
        return ""
    line = re.sub(r"^python -m venv", f"{shlex.quote(sys.executable)} -m venv", line)
    done = subprocess.run(  # noqa: S602 - a line of our own pages
        line,
        shell=True,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{line}: {done.stdout}"
    return done.stdout


def _installed(line: str, folder: Path, environment: Mapping[str, str]) -> None:
    wanted = [f"{ROOT}{word[1:]}" if word.startswith(".") else word for word in shlex.split(line)[2:]]
    python = folder / ".venv" / "bin" / "python"
    uv = Path(sys.executable).parent / "uv"  # pip, but faster
    done = subprocess.run(
        [uv, "pip", "install", "-q", "--python", python, *wanted],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and re.search(r"dns|connect|network|fetch", done.stderr, re.IGNORECASE):
        pytest.skip(f"nothing can be installed here: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stderr


def test_every_block_of_the_readme_runs_from_the_wheel(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    environment = _environment(tmp_path)
    _printed("python -m venv .venv", tmp_path, environment)
    _installed(f"pip install '{wheel}[nats,xmpp,retry]' opentelemetry-sdk", tmp_path, environment)
    for block in blocks(ROOT / "README.md"):
        printed = ""
        if block.language == "python":
            name = file_of(block.code) or "block.py"
            (tmp_path / name).write_text(block.code, "utf-8")
            if name == "block.py":
                printed = _printed("python block.py 2>errors", tmp_path, environment)
        elif block.language == "console":
            lines = [line for line in commands(block.code) if not line.startswith(("pip ", "make "))]
            printed = "".join(_printed(line, tmp_path, environment) for line in lines)
        if block.prints is not None:
            assert matches(block.prints, printed), f"README.md:{block.line} printed:\n{printed}"


def test_there_is_a_tutorial_for_each_protocol() -> None:
    assert [page.stem for page in TUTORIALS] == ["first-error", "first-xmpp-error"]
