"""What is promised to contributors: the map matches the tree, a test runs alone, a row takes one file and no Python."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from errnorm.plugins import load_table, protocols
from tests.docs.blocks import blocks, commands

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
MAP = re.findall(r"^\| (`[^|]+) \|[^|]+\|([^|]*)\|$", GUIDE.partition("## The folders")[2], re.MULTILINE)
ON_THE_MAP = {folder for cell, _ in MAP for folder in re.findall(r"`([^`]+)`", cell)}
SOURCES = ("normalizer/errnorm", "adapters/errnorm_adapters", "mappings/errnorm_mappings")


def _folders(parent: str) -> set[str]:
    found = (path for path in (ROOT / parent).iterdir() if path.is_dir() and not path.name.startswith(("__", ".")))
    return {path.relative_to(ROOT).as_posix() for path in found if any(path.iterdir())}


def test_every_folder_on_the_map_is_there() -> None:
    named = ON_THE_MAP | {folder for _, cell in MAP for folder in re.findall(r"`(tests/[^`]+)`", cell)}
    assert len(named) > 20
    assert [folder for folder in sorted(named) if not (ROOT / folder).is_dir()] == []


@pytest.mark.parametrize("parent", SOURCES)
def test_every_folder_of_the_sources_is_on_the_map(parent: str) -> None:
    assert parent in ON_THE_MAP or parent == "adapters/errnorm_adapters"
    assert _folders(parent) - ON_THE_MAP == set()


def test_every_folder_of_the_tests_is_on_the_map() -> None:
    named = ON_THE_MAP | {folder for _, cell in MAP for folder in re.findall(r"`(tests/[^`]+)`", cell)}
    covered = {folder for folder in _folders("tests") if any(one == folder or one.startswith(f"{folder}/") for one in named)}
    assert _folders("tests") - covered == set()


def test_the_line_that_runs_one_test_finds_one() -> None:
    (line,) = re.findall(r"^\$ \.venv/bin/python (-m pytest .*)$", GUIDE, re.MULTILINE)
    command = [sys.executable, *shlex.split(line), "--collect-only", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "::test_" in done.stdout


@pytest.mark.slow
def test_the_page_on_rows_can_be_followed_with_one_file_and_no_python(tmp_path: Path) -> None:
    for name in ("normalizer", "adapters", "mappings", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    page = list(blocks(ROOT / "docs/how-to/add-a-row.md"))
    (asked,) = [line for block in page if block.language == "console" for line in commands(block.code) if "explain" in line]
    (row,) = [block.code for block in page if block.code.startswith("[error.")]
    table = tmp_path / "mappings/errnorm_mappings/nats.toml"
    text = table.read_text("utf-8")
    at = re.search(r"^\[close\.", text, re.MULTILINE)
    assert at is not None
    assert "unknown" in _run(asked, tmp_path)

    table.write_text(f"{text[: at.start()]}{row}\n{text[at.start() :]}", "utf-8")

    assert _run(asked, tmp_path).startswith("protocol.malformed  nats error  Something Nobody Has Seen")
    checked = _run("python -m tests.mappings.check", tmp_path)
    assert "The tables load, and their form is right." in checked
    added = [line for line in checked.splitlines() if line.startswith("+") and "Something Nobody Has Seen" in line]
    assert added
    assert [line for line in checked.splitlines() if re.match(r"[+-](?![+-])", line) and line not in added] == []


def _run(line: str, folder: Path) -> str:
    paths = os.pathsep.join(str(folder / name) for name in ("normalizer", "adapters", "mappings", ""))
    program, *arguments = shlex.split(line)
    command = [sys.executable, *([] if program == "python" else ["-m", program]), *arguments]
    # The coverage of a copy says nothing.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    environment |= {"PYTHONPATH": paths, "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_is_listed_as_a_good_first_row_has_none() -> None:
    page = (ROOT / "docs/how-to/good-first-rows.md").read_text("utf-8")
    listed = re.findall(r"^\| `([^`]+)` \|.*`(\w+\.toml)`, `(\w+)` \|$", page, re.MULTILINE)
    tables = [load_table(protocol) for protocol in protocols()]
    assert len(listed) >= 10
    assert all((ROOT / "mappings/errnorm_mappings" / file).is_file() for _, file, _ in listed)
    assert all(any(section in table.sections for table in tables) for _, _, section in listed)
    known = [
        (text, section)
        for text, _, section in listed
        for table in tables
        if section in table.sections and table.sections[section].find(text) is not None
    ]
    assert known == [], "these have a row now: take them off the list"
