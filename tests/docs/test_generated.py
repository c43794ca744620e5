from __future__ import annotations

import re
from collections import Counter
from functools import cache
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from errnorm_docs.entries import entries_of, slug_of, tables
from errnorm_docs.pages import attributes_page, table_page, vocabulary_page, write
from errnorm_docs.pictures import pictures

from errnorm import Category, Reason, Recovery, normalize
from errnorm.emitters.attributes import ATTRIBUTES
from tests.each import each

if TYPE_CHECKING:
    from errnorm_docs.entries import Article

    from errnorm.tables import Table

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"


@cache
def built() -> list[Table]:
    return tables()


@cache
def articles() -> list[Article]:
    return entries_of(built())


@cache
def drawn() -> dict[str, str]:
    return pictures(articles())


@each("found", built, ids=lambda table: table.protocol)
def test_the_page_of_a_table_has_every_row(found: Table) -> None:
    page = unescape(table_page(found, articles()))
    mine = [entry for entry in articles() if entry.protocol == found.protocol]
    assert [entry.slug for entry in mine if f"<code>{entry.placed.key}</code>" not in page] == []
    assert re.findall(r'href="\.\./catalogue/([^"]+)\.html"', page) == [entry.slug for entry in mine]


def test_the_page_of_the_vocabulary_has_every_word_with_its_description() -> None:
    page = vocabulary_page()
    assert [reason for reason in Reason if f"`{reason}`\n: {reason.about}" not in page] == []
    assert [step for step in Recovery if step.about not in page] == []


def test_the_page_of_attributes_has_every_name() -> None:
    page = attributes_page()
    assert [one.key for one in ATTRIBUTES if f"`{one.key}`" not in page] == []


@each("name", lambda: list(drawn()))
def test_a_picture_is_xml_with_a_title_and_both_colour_schemes(name: str) -> None:
    root = ET.fromstring(drawn()[name])  # noqa: S314 - drawn by ourselves
    assert root.findtext(f"{SVG}title")
    assert "prefers-color-scheme: dark" in (root.findtext(f"{SVG}style") or "")
    assert "http://" not in drawn()[name].replace("http://www.w3.org/2000/svg", "")


def test_the_matrix_counts_every_row_once() -> None:
    root = ET.fromstring(drawn()["matrix.svg"])  # noqa: S314 - drawn by ourselves
    words = (text.text or "" for text in root.iter(f"{SVG}text"))
    numbers = [int(word) for word in words if word.isdigit()]
    assert sum(numbers) == len(articles())
    counts = Counter((entry.placed.row.reason.category, entry.placed.row.recovery) for entry in articles())
    assert counts[Category.PROTOCOL, Recovery.MODIFY] in numbers


def test_what_has_not_changed_is_not_written_again(tmp_path: Path) -> None:
    write(tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    write(tmp_path)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Stale Connection", "stale-connection"),
        ('Publish to "{subject}"', "publish-to-subject"),
        ("nats.errors.Error", "nats.errors.error"),
    ],
)
def test_an_address_is_made_of_the_key_alone(text: str, slug: str) -> None:
    assert slug_of(text) == slug


def test_the_picture_in_the_readme_is_the_one_that_is_drawn() -> None:
    assert (ROOT / "docs/way.svg").read_text("utf-8") == drawn()["way.svg"]


def test_the_table_in_the_readme_says_what_normalize_says() -> None:
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    rows = [
        [cell.strip().strip("`") for cell in line.split(" | ")]
        for line in lines
        if line.startswith("| `") and line.count(" | ") == 4
    ]
    assert len(rows) > 5
    for first, *said in rows:
        error = normalize(first.removeprefix("| `"))
        retry, connection = "yes" if error.retryable else "no", "over" if error.terminal else "open"
        assert said == [error.reason, retry, connection, f"{error.recovery}` |"], first
