"""What is installed is found through entry points."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from errnorm import plugins
from errnorm.installed import EntryPoint
from errnorm.tables import load
from errnorm.tables.file import read
from errnorm.tables.source import TableError


def test_every_table_of_the_distribution_loads() -> None:
    assert {"nats", "xmpp", "transport"} <= set(plugins.protocols())
    for protocol in plugins.protocols():
        assert plugins.load_table(protocol).protocol == protocol


@pytest.mark.parametrize("protocol", ["nats", "xmpp", "transport"])
def test_every_adapter_of_the_distribution_loads(protocol: str) -> None:
    assert callable(plugins.load_adapter(plugins.adapters()[protocol]))


def test_a_protocol_that_nobody_knows_is_said_with_those_that_are() -> None:
    with pytest.raises(TableError, match=r"no table for the protocol 'pigeon': there are tables for .*nats"):
        plugins.load_table("pigeon")


def test_a_table_of_ones_own_needs_no_entry_point(tmp_path: Path, post_text: str) -> None:
    path = tmp_path / "post.toml"
    path.write_text(post_text)
    assert plugins.load_table("post", [path]).get("window", "closed") is not None


def test_overlays_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERRNORM_TABLES", os.pathsep.join(["a.toml", "", "b.toml"]))
    assert plugins.overlay_paths() == [Path("a.toml"), Path("b.toml")]


def test_overlays_that_are_given_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERRNORM_TABLES", "a.toml")
    assert plugins.overlay_paths(["c.toml"]) == [Path("c.toml")]


def test_an_overlay_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"gone\.toml: No such file"):
        plugins.load_table("nats", [tmp_path / "gone.toml"])


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"\xff", "not UTF-8"), (b"a = \n", ":1: not TOML"), (b"version = '1'", ":1: protocol: the file must name")],
)
def test_an_overlay_that_cannot_be_read_is_named(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(TableError, match=f"broken.toml.*{problem}"):
        plugins.load_table("nats", [path])


def test_a_file_of_an_installed_table_that_is_not_there_is_named() -> None:
    point = EntryPoint("post", "errnorm_mappings:gone.toml", "errnorm.mappings")
    with pytest.raises(TableError, match=r"errnorm_mappings:gone\.toml: "):
        load.table("post", [point], [], ["post"])


def test_a_table_nested_deeper_than_any_is_refused() -> None:
    with pytest.raises(TableError, match=r"^mine\.toml:1: not TOML: nested too deep$"):
        read("a = " + "[" * 100_000, "mine.toml")


def test_the_line_of_a_row_is_found_behind_lines_that_are_no_toml_by_themselves(post_text: str) -> None:
    text = post_text + '\n[window.late]\naliases = [\n  "a = ]",\n  = ,\n]\n'
    with pytest.raises(TableError, match=r"^post\.toml:\d+: "):
        read(text, "post.toml")
