"""A plug-in that is broken: everything else works, and one warning says which plug-in it is and where it breaks."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_POINTS = """\
[errnorm.adapters]
pigeon = errnorm_broken:observe

[errnorm.mappings]
pigeon = errnorm_broken:pigeon.toml
nats.pigeon = errnorm_broken:nats.toml

[errnorm.forms]
pigeon = errnorm_broken:forms.toml

[errnorm.commands]
coo = errnorm_broken.cli:main
"""
COMMANDS = [
    ["explain", "-ERR 'Stale Connection'"],
    ["scan", "/dev/null"],
    ["normalize", "--raw", "/dev/null"],
    ["table", "--protocol", "nats", "stale"],
]


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A distribution, installed in a folder, whose package fails in its third line."""
    package, about = tmp_path / "errnorm_broken", tmp_path / "errnorm_broken-1.0.dist-info"
    package.mkdir()
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: errnorm-broken\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(_POINTS)
    (package / "__init__.py").write_text('"""A plug-in."""\n\nimport a_module_that_is_not_there\n')
    return tmp_path


def run(broken: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "errnorm", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ | {"PYTHONPATH": str(broken)} | environment,
    )


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_every_command_works_without_it_and_warns_of_its_place(broken: Path, command: list[str]) -> None:
    done = run(broken, *command)
    assert done.returncode == 0
    warnings = [line for line in done.stderr.splitlines() if line.startswith("errnorm: ")]
    assert warnings
    assert len(warnings) == len(set(warnings))
    assert all("(module errnorm_broken, line 3)" in line for line in warnings)
    assert all("No module named 'a_module_that_is_not_there'" in line for line in warnings)
    assert "Traceback" not in done.stderr


def test_the_rows_of_others_stand(broken: Path) -> None:
    done = run(broken, "explain", "-ERR 'Stale Connection'")
    assert done.stdout.startswith("transport.stale  nats error  Stale Connection")


def test_the_traceback_is_shown_if_asked_for(broken: Path) -> None:
    done = run(broken, "explain", "-ERR 'Stale Connection'", ERRNORM_DEBUG="1")
    assert done.returncode == 0
    assert "Traceback" in done.stderr
    assert "import a_module_that_is_not_there" in done.stderr


def test_a_file_that_is_no_python_is_named_with_its_line(broken: Path) -> None:
    module = broken / "errnorm_broken" / "__init__.py"
    module.write_text('"""A plug-in."""\n\ndef observe(:\n')
    done = run(broken, "explain", "-ERR 'Stale Connection'")
    assert done.returncode == 0
    assert f"(file {module}, line 3)" in done.stderr


def test_a_table_with_a_wrong_row_is_left_out_with_the_place_of_the_row(broken: Path) -> None:
    package = broken / "errnorm_broken"
    (package / "__init__.py").write_text("def observe(error):\n    return None\n")
    (package / "pigeon.toml").write_text('protocol = "pigeon"\nversion = "1"\n[post]\nlost = { reason = "no.such" }\n')
    done = run(broken, "explain", "-ERR 'Stale Connection'")
    assert done.stdout.startswith("transport.stale")
    assert "errnorm: the table of pigeon could not be loaded and is ignored: TableError: pigeon.toml:3: post: " in done.stderr


def test_the_help_names_a_command_that_cannot_be_loaded_too(broken: Path) -> None:
    done = run(broken, "--help")
    assert done.returncode == 0
    assert "    coo          see errnorm coo --help" in done.stdout


def test_a_command_that_cannot_be_loaded_is_one_line_with_its_place(broken: Path) -> None:
    done = run(broken, "coo")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("errnorm coo: the command cannot be loaded: ModuleNotFoundError: ")
    assert "(module errnorm_broken, line 3)" in line
    assert "Traceback" in run(broken, "coo", ERRNORM_DEBUG="1").stderr


def test_an_overlay_of_the_users_own_that_is_broken_still_ends_the_command(broken: Path) -> None:
    overlay = broken / "mine.toml"
    overlay.write_text('protocol = "nats"\nversion = "1"\n[error]\n"Stale Connection" = { recovery = "nonsense" }\n')
    done = run(broken, "explain", "-ERR 'Stale Connection'", "--tables", str(overlay))
    assert done.returncode == 2
    assert "mine.toml:4: " in done.stderr
