from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from errnorm.finding import Finder
from errnorm.normalizer import Normalizer
from tests.docs.building import Site, built

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selenium.webdriver import Chrome

DOCS = Path(__file__).parents[2] / "docs"
sys.path.insert(0, str(DOCS))  # what makes the pages is not part of the package

_FLAGS = (
    "headless",
    "no-sandbox",
    "disable-gpu",
    "disable-quic",
    "no-first-run",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "window-size=1280,900",
)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.getbasetemp()
    return built(folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    program = shutil.which("chromedriver")
    if binary is None or program is None:
        pytest.skip("no Chromium with its driver: install the packages chromium and chromium-driver")
    webdriver = pytest.importorskip("selenium.webdriver", reason="no selenium: pip install selenium")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in (*_FLAGS, f"user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(f"--{flag}")
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(program))
    yield driver
    driver.quit()


class _Loaded(Normalizer):
    """One that has loaded what it needs."""

    def load(self) -> None:
        """Do nothing."""


@pytest.fixture
def one_normalizer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `errnorm explain` load the tables and collect the names in them once, not each time it is called."""
    normalizer = _Loaded()
    finder = Finder(normalizer)
    monkeypatch.setattr("errnorm.cli.explain.Normalizer", lambda _tables: normalizer)
    monkeypatch.setattr("errnorm.cli.explain.Finder", lambda _normalizer: finder)
