"""What is built is what users get: the right files, and a wheel that works where the sources are not."""

from __future__ import annotations

import json
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
ROOTS = ("normalizer", "adapters", "mappings")
SAY = """
import json, errnorm
error = errnorm.normalize("item-not-found")
print(json.dumps([errnorm.__file__, str(error.category), str(error.reason)]))
"""
TIMEOUT = 600

pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path) -> str:
    """Run a program to its end and return what it printed; show all it said if it fails."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with wheel and sdist; the wheel is built from the sdist, as a user's tool would."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (path,) = dist.glob("*.whl")
    return path


def sources() -> set[str]:
    """Return the files of the three source roots as the wheel should name them."""
    found = [path for root in ROOTS for path in (ROOT / root).rglob("*") if path.is_file()]
    kept = [path for path in found if path.suffix != ".pyc"]
    return {path.relative_to(ROOT / path.relative_to(ROOT).parts[0]).as_posix() for path in kept}


def test_the_wheel_holds_the_three_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name for name in names if ".dist-info/" not in name} == sources()
    described = {name.partition(".dist-info/")[2] for name in names if ".dist-info/" in name}
    assert described == {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}


def test_the_wheel_runs_on_every_python_3(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")


def test_the_sdist_holds_what_its_tests_need(dist: Path) -> None:
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    needed = {"Makefile", "constraints.txt", "pyproject.toml", "LICENSE", "CHANGELOG.md", ".ci/run", "tests/conftest.py"}
    assert needed <= names


def test_two_builds_of_the_same_sources_are_the_same_bytes(dist: Path, wheel: Path, tmp_path: Path) -> None:
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as sdist:
        sdist.extractall(tmp_path, filter="data")
    run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", tmp_path, tmp_path / path.name[:-7], cwd=dist)
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()


def test_the_installed_wheel_works_without_the_sources(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "environment"
    venv.create(place, with_pip=False)
    python = place / "bin" / "python"
    uv = Path(sys.executable).with_name("uv")
    run(uv, "pip", "install", "-q", "--python", python, "-c", ROOT / "constraints.txt", wheel, cwd=tmp_path)
    where, category, reason = json.loads(run(python, "-I", "-c", SAY, cwd=tmp_path))
    assert Path(where).is_relative_to(place)
    assert (category, reason) == ("protocol", "protocol.not_found")
    assert json.loads(run(python, "-m", "errnorm", "table", "--format", "json", cwd=tmp_path))


def test_every_pin_names_a_version_and_no_address() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    assert lines
    assert [line for line in lines if "==" not in line or "://" in line or line.startswith("-")] == []


def test_everything_that_is_asked_for_is_pinned() -> None:
    pinned = {line.partition("==")[0].strip() for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()}
    groups = [*PROJECT["project"]["optional-dependencies"].values(), *PROJECT["dependency-groups"].values()]
    asked = [each for group in [PROJECT["project"]["dependencies"], *groups] for each in group if isinstance(each, str)]
    names = {name_of(each) for each in asked} - {"errnorm"}
    assert names - pinned == set()


def name_of(requirement: str) -> str:
    for index, letter in enumerate(requirement):
        if letter in "[<>=!~; ":
            return requirement[:index]
    return requirement
