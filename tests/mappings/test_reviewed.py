"""What nothing outside the tables can say was read by somebody, and stands in `tests/data/reviewed.toml` a second time."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from errnorm.plugins import load_table
from errnorm.taxonomy import Effect, Evidence

if TYPE_CHECKING:
    from errnorm.tables.table import Entry

PATH = Path(__file__).parents[1] / "data" / "reviewed.toml"
REVIEWED: dict[str, Any] = tomllib.loads(PATH.read_text("utf-8"))
TABLES = {protocol: load_table(protocol, []) for protocol in ("nats", "xmpp", "transport")}
SECTIONS = [(protocol, section) for protocol, table in TABLES.items() for section in table.sections]
# test_jetstream.py holds the verdicts of the codes.
JUDGED_HERE = [place for place in SECTIONS if place != ("nats", "jetstream")]
# Their rows never come alone, and a vector says what the row beside them does.
NEVER_ALONE = {"type", "app"}


def rows_of(protocol: str, section: str) -> dict[str, Entry]:
    return {placed.key: placed for placed in TABLES[protocol].rows.values() if placed.section == section}


def verdict_of(placed: Entry) -> str:
    row = placed.row
    return f"{row.reason} {row.recovery} {'ends' if row.terminal else 'lives'} {row.effect}"


def provoked(placed: Entry) -> bool:
    return placed.row.evidence.startswith(Evidence.PROVOKED)


def keys_by_word(words: dict[str, list[str]]) -> dict[str, str]:
    return {key: word for word, keys in words.items() for key in keys}


@pytest.mark.parametrize(("protocol", "section"), JUDGED_HERE)
def test_what_was_reviewed_is_there_and_judged_so(protocol: str, section: str) -> None:
    judged = keys_by_word(REVIEWED["judged"][protocol].get(section, {}))
    rows = rows_of(protocol, section)

    assert {key: verdict_of(rows[key]) if key in rows else "gone" for key in judged} == judged


@pytest.mark.parametrize(("protocol", "section"), JUDGED_HERE)
def test_what_nobody_has_provoked_was_reviewed(protocol: str, section: str) -> None:
    judged = keys_by_word(REVIEWED["judged"][protocol].get(section, {}))
    rows = rows_of(protocol, section)

    unseen = [key for key, placed in rows.items() if section in NEVER_ALONE or not provoked(placed)]
    assert [key for key in unseen if key not in judged] == []


@pytest.mark.parametrize(("protocol", "section"), JUDGED_HERE)
def test_only_what_may_have_been_carried_out_has_an_unknown_effect(protocol: str, section: str) -> None:
    judged = keys_by_word(REVIEWED["judged"][protocol].get(section, {}))
    rows = {key: placed for key, placed in rows_of(protocol, section).items() if key not in judged}
    unknown = {key for key, placed in rows.items() if placed.row.effect is Effect.UNKNOWN}

    assert unknown == set(REVIEWED["maybe"][protocol].get(section, []))


@pytest.mark.parametrize(("protocol", "section"), SECTIONS)
def test_a_row_appears_where_its_section_does_or_is_named(protocol: str, section: str) -> None:
    reach = dict(REVIEWED["reach"][protocol][section])
    rest = reach.pop("rest")
    named = keys_by_word(reach)
    rows = rows_of(protocol, section)

    assert named.keys() <= rows.keys()
    assert {key: str(placed.row.reach) for key, placed in rows.items()} == {key: named.get(key, rest) for key in rows}


@pytest.mark.parametrize(("protocol", "section"), SECTIONS)
def test_a_section_knows_as_many_spellings_as_it_did(protocol: str, section: str) -> None:
    known = [name for placed in rows_of(protocol, section).values() for name in (*placed.spellings(), *placed.templates())]

    assert len(known) == REVIEWED["spellings"][protocol][section], "a spelling was lost or added: count again"


@pytest.mark.parametrize("part", ["judged", "maybe", "reach", "spellings"])
def test_the_list_names_only_sections_that_there_are(part: str) -> None:
    assert {(protocol, section) for protocol, sections in REVIEWED[part].items() for section in sections} <= set(SECTIONS)


def words_of(*texts: str) -> set[str]:
    return {word for text in texts for word in re.findall("[a-z0-9]+", text.lower())}


@pytest.mark.parametrize("protocol", TABLES)
def test_a_code_is_made_of_the_words_of_its_row_or_was_reviewed(protocol: str) -> None:
    rows = TABLES[protocol].rows.values()
    own = {placed.code for placed in rows if not words_of(placed.code) <= words_of(placed.key, *placed.row.aliases)}
    # The codes of close reasons are the constants of the server, which test_nats.py asks for.
    own -= {placed.code for placed in rows if placed.section == "close"}

    assert own == set(REVIEWED["codes"].get(protocol, []))


@pytest.mark.parametrize("flag", ["wraps", "defers"])
def test_only_rows_that_were_reviewed_step_back(flag: str) -> None:
    rows = [placed for table in TABLES.values() for placed in table.rows.values()]

    assert sorted(placed.key for placed in rows if getattr(placed.row, flag)) == sorted(REVIEWED["flags"][flag])


@pytest.mark.parametrize("protocol", TABLES)
def test_a_parameter_is_of_the_kind_that_was_reviewed(protocol: str) -> None:
    assert TABLES[protocol].kinds == keys_by_word(REVIEWED["kinds"][protocol])


@pytest.mark.parametrize("protocol", TABLES)
def test_case_means_nothing_where_it_was_reviewed_so(protocol: str) -> None:
    sections = TABLES[protocol].sections.items()

    assert sorted(name for name, section in sections if section.head.ignore_case) == REVIEWED["ignore_case"][protocol]


def test_nothing_is_judged_twice() -> None:
    keys = Counter(
        (protocol, section, key)
        for protocol, sections in REVIEWED["judged"].items()
        for section, words in sections.items()
        for listed in words.values()
        for key in listed
    )
    assert [place for place, count in keys.items() if count > 1] == []
