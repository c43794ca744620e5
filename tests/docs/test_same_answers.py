"""Python, the command and the catalogue in a browser give one answer to one text."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from errnorm_docs.catalogue import catalogue
from errnorm_docs.entries import entries_of, tables

import errnorm
from errnorm.cli import main

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

    from errnorm.tables import Table

DATA = Path(__file__).parents[1] / "data"


@cache
def built() -> list[Table]:
    return tables()


@cache
def slugs() -> dict[tuple[str, str, str], str]:
    return {(entry.protocol, entry.placed.section, entry.placed.key): entry.slug for entry in entries_of(built())}


def _lines(folder: str) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted((DATA / folder).glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()]


REPORTS = list(dict.fromkeys(one["text"] for one in _lines("wild") if "text" in one))
READINGS = [json.loads(line)["text"] for line in (DATA / "readings.jsonl").read_text("utf-8").splitlines()]
VECTORS = list(dict.fromkeys(one["raw"] for one in _lines("vectors") if isinstance(one.get("raw"), str)))


class _Answer(NamedTuple):
    """What somebody is told: which row, in which line, and what follows."""

    slug: str
    line: int
    reason: str
    recovery: str
    terminal: bool


def _in_python(text: str) -> list[_Answer]:
    return [
        _Answer(
            slugs()[error.judgement.protocol or "", error.section or "", error.row.key],
            line,
            error.reason,
            error.recovery,
            error.terminal,
        )
        for error, line in ((finding.error, finding.line) for finding in errnorm.find(text))
        if error.row is not None
    ]


@pytest.fixture(scope="module")
def opened(browser: Chrome, tmp_path_factory: pytest.TempPathFactory) -> Chrome:
    path: Path = tmp_path_factory.mktemp("catalogue") / "catalogue.html"
    path.write_text(catalogue(built()), "utf-8")
    browser.get(path.as_uri())
    return browser


def _in_the_browser(browser: Chrome, texts: list[str]) -> list[list[_Answer]]:
    found = browser.execute_script("return JSON.stringify(JSON.parse(arguments[0]).map(catalogue.find))", json.dumps(texts))
    return [[_Answer(*(one[name] for name in _Answer._fields)) for one in hits] for hits in json.loads(str(found))]


@pytest.mark.parametrize("texts", [REPORTS, VECTORS, READINGS], ids=["reports", "vectors", "readings"])
def test_the_browser_finds_what_python_finds(opened: Chrome, texts: list[str]) -> None:
    found = zip(texts, _in_the_browser(opened, texts), strict=True)
    other = [(text, hits, expected) for text, hits in found if hits != (expected := _in_python(text))]
    assert other == []


@pytest.mark.usefixtures("one_normalizer")
def test_the_command_answers_what_python_finds(capsys: pytest.CaptureFixture[str]) -> None:
    other = []
    for text in (*REPORTS, *READINGS):
        assert main(["explain", "--format", "json", "--", text]) == 0
        said = json.loads(capsys.readouterr().out)
        answers = [tuple(one["error"][name] for name in ("section", "code", "reason", "recovery")) for one in said["answers"]]
        told = list(dict.fromkeys(answers))
        errors = [finding.error for finding in errnorm.find(text.strip())]
        found = list(dict.fromkeys((error.section, error.code, error.reason, error.recovery) for error in errors))
        if told != found:
            other.append((text, told, found))
    assert other == []
