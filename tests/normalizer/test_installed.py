"""The reader of entry points finds what `importlib.metadata` finds, wherever a distribution is installed."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from errnorm import installed
from errnorm.installed import EntryPoint, entry_points
from errnorm.version import VERSION

_POINTS = """\
# what the distribution adds
[console_scripts]
pigeon = pigeon.cli:main

[errnorm.adapters]
pigeon = pigeon:observe
dove=pigeon.dove : look.closely [feathers]

[errnorm.mappings]
pigeon = pigeon:pigeon.toml
"""
_METADATA = "Metadata-Version: 2.1\nName: pigeon-post\nVersion: 1.0\n"
_GROUPS = ("errnorm.adapters", "errnorm.commands", "errnorm.demos", "errnorm.forms", "errnorm.mappings")
_PLACES = {
    "dist-info": "site/pigeon_post-1.0.dist-info/entry_points.txt",
    "egg-info": "site/pigeon_post.egg-info/entry_points.txt",
    "egg": "site/pigeon_post-1.0-py3.11.egg/EGG-INFO/entry_points.txt",
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory in front of all others in which packages are found."""
    place = tmp_path / "site"
    place.mkdir()
    monkeypatch.syspath_prepend(place)
    monkeypatch.setattr(installed, "_all", installed._all.__wrapped__)
    return place


def described(group: str) -> list[tuple[str, str, str]]:
    return sorted((point.name, point.module, point.attr) for point in entry_points(group))


def expected(group: str) -> list[tuple[str, str, str]]:
    return sorted((point.name, point.module, point.attr) for point in importlib.metadata.entry_points(group=group))


@pytest.mark.parametrize("group", _GROUPS)
def test_the_entry_points_of_this_environment_are_those_of_the_standard_library(group: str) -> None:
    assert described(group) == expected(group) != []


@pytest.mark.parametrize("kind", _PLACES)
@pytest.mark.usefixtures("site")
def test_a_distribution_is_found_in_every_form_that_is_a_directory(tmp_path: Path, kind: str) -> None:
    path = tmp_path / _PLACES[kind]
    path.parent.mkdir(parents=True)
    path.write_text(_POINTS)
    for name in ("METADATA", "PKG-INFO"):
        (path.parent / name).write_text(_METADATA)
    if kind == "egg":
        sys.path.insert(0, str(path.parents[1]))
    assert ("dove", "pigeon.dove", "look.closely") in described("errnorm.adapters")
    for group in _GROUPS:
        assert described(group) == expected(group)


def test_a_distribution_in_an_archive_is_found(site: Path) -> None:
    archive = site / "pigeon.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("pigeon_post-1.0.dist-info/entry_points.txt", _POINTS)
        file.writestr("pigeon_post-1.0.dist-info/METADATA", _METADATA)
    sys.path.insert(0, str(archive))
    assert ("pigeon", "pigeon", "observe") in described("errnorm.adapters")


def test_a_distribution_that_an_import_hook_finds_is_found(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = site / "elsewhere" / "pigeon_post-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "entry_points.txt").write_text(_POINTS)
    (about / "METADATA").write_text(_METADATA)

    class Hook(importlib.metadata.DistributionFinder):
        def find_distributions(
            self,
            context: importlib.metadata.DistributionFinder.Context = importlib.metadata.DistributionFinder.Context(),  # noqa: B008
        ) -> list[importlib.metadata.Distribution]:
            return [] if context.name else [importlib.metadata.PathDistribution(about)]

        def find_spec(self, *_: object) -> None:
            """Find no module."""

    monkeypatch.setattr(sys, "meta_path", [Hook(), *sys.meta_path])
    assert ("pigeon", "pigeon", "observe") in described("errnorm.adapters")


def test_the_first_directory_that_has_a_distribution_hides_the_others(tmp_path: Path, site: Path) -> None:
    for place, name in (("site", "Pigeon.Post-2.0.dist-info"), ("later", "pigeon_post-1.0.dist-info")):
        about = tmp_path / place / name
        about.mkdir(parents=True)
        (about / "METADATA").write_text(_METADATA)
        (about / "entry_points.txt").write_text(f"[errnorm.forms]\npigeon = {place}:forms.toml\n")
    sys.path.insert(1, str(tmp_path / "later"))
    assert [point.module for point in entry_points("errnorm.forms") if point.name == "pigeon"] == ["site"]
    assert site.exists()


@pytest.mark.parametrize("text", [b"[errnorm.forms]\npigeon = \xff:forms.toml\n", b""])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_file_that_is_not_text_adds_nothing_and_takes_nothing_from_others(site: Path, text: bytes, *, elsewhere: bool) -> None:
    before = described("errnorm.mappings")
    if elsewhere:
        (site / "dove-1.0-py3.11.egg").mkdir()  # only the standard library knows what may be in it
    (site / "pigeon-1.0.dist-info").mkdir()
    (site / "pigeon-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: pigeon\nVersion: 1.0\n")
    (site / "pigeon-1.0.dist-info" / "entry_points.txt").write_bytes(text)
    assert "pigeon" not in {point.name for point in entry_points("errnorm.forms")}
    assert described("errnorm.mappings") == before != []


def test_an_entry_point_loads_a_module_or_an_attribute_of_one() -> None:
    assert EntryPoint("a", "os.path", "errnorm.commands").load() is os.path
    assert EntryPoint("a", "pathlib:Path.home [extra]", "errnorm.commands").load() == Path.home


def test_making_a_middleware_does_not_import_what_reads_all_distributions() -> None:
    code = "import errnorm, sys; errnorm.Middleware(); print('importlib.metadata' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "False\n"


def test_the_version_is_that_of_the_installed_distribution() -> None:
    assert importlib.metadata.version("errnorm") == VERSION
