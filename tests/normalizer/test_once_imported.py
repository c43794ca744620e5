"""A function that is called once the application has imported a module."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import pytest

from errnorm.once_imported import once_imported

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def finders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """Return the finders before the test, which must be those after it."""
    (tmp_path / "late.py").write_text("WORD = 'said'\n")
    (tmp_path / "broken.py").write_text("raise ValueError\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    before: list[object] = [*sys.meta_path]
    yield before
    sys.meta_path[:] = before  # type: ignore[assignment]
    for name in ("late", "broken"):
        sys.modules.pop(name, None)


def test_the_function_is_called_once_and_finds_the_module_complete(finders: list[object]) -> None:
    said: list[str] = []
    once_imported("late", lambda: said.append(sys.modules["late"].WORD))
    assert said == []
    importlib.import_module("late")
    assert said == ["said"]
    assert sys.meta_path == finders
    importlib.reload(sys.modules["late"])
    assert said == ["said"]


def test_the_module_keeps_its_own_loader(finders: list[object]) -> None:
    once_imported("late", lambda: None)
    late = importlib.import_module("late")
    assert finders
    assert type(late.__loader__).__name__ == "SourceFileLoader"
    assert late.__spec__ is not None
    assert late.__spec__.loader is late.__loader__
    assert late.__loader__.get_source("late") == "WORD = 'said'\n"  # type: ignore[union-attr] # pyright: ignore[reportAttributeAccessIssue, reportOptionalMemberAccess]


def test_the_function_is_called_at_once_if_the_module_is_imported_already(finders: list[object]) -> None:
    said: list[str] = []
    once_imported("sys", lambda: said.append("now"))
    assert said == ["now"]
    assert sys.meta_path == finders


def test_all_functions_that_wait_for_a_module_are_called(finders: list[object]) -> None:
    said: list[int] = []
    for number in (1, 2):
        once_imported("late", lambda number=number: said.append(number))  # type: ignore[misc]
    importlib.import_module("late")
    assert sorted(said) == [1, 2]
    assert sys.meta_path == finders


def test_a_function_that_fails_does_not_reach_whoever_imports(finders: list[object], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "errnorm")
    once_imported("late", lambda: int("a word"))
    assert importlib.import_module("late").WORD == "said"
    assert caplog.messages == ["errnorm: what waited for late failed: ValueError"]
    assert sys.meta_path == finders


def test_an_import_that_fails_raises_its_own_error_and_the_function_waits_for_the_next_one(
    finders: list[object], tmp_path: Path
) -> None:
    said: list[str] = []
    once_imported("broken", lambda: said.append("now"))
    with pytest.raises(ValueError, match=r"^$"):
        importlib.import_module("broken")
    assert said == []
    (tmp_path / "broken.py").write_text("WORD = 'longer than before'\n")
    importlib.invalidate_caches()
    importlib.import_module("broken")
    assert said == ["now"]
    assert sys.meta_path == finders


def test_a_module_that_does_not_exist_is_missing_as_before(finders: list[object]) -> None:
    once_imported("no_such_module", lambda: None)
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        importlib.import_module("no_such_module")
    assert finders
