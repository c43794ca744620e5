"""Tables refuse what is wrong, with file, line and path; and find what is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from errnorm.cli.table import COLUMNS
from errnorm.tables import load
from errnorm.tables.file import read
from errnorm.tables.source import TableError
from errnorm.tables.table import Table
from errnorm.taxonomy import Recovery

if TYPE_CHECKING:
    from pathlib import Path

ROW = (
    'reason = "auth.forbidden", recovery = "abandon", terminal = false, effect = "unknown", '
    'reach = "log", evidence = "source", source = "s"'
)


def one(row: str, *, key: str = "a", more: str = "") -> str:
    return f'protocol = "p"\nversion = "1"\n{more}\n[sections]\ns = {{ about = "x" }}\n[s]\n{key} = {{ {row} }}\n'


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        (one(ROW.replace("auth.forbidden", "auth.nope")), "p.toml:7: s.a.reason", "Input should be"),
        (one(ROW.replace("abandon", "give_up")), "p.toml:7: s.a.recovery", "Input should be"),
        (one(ROW.replace("false", '"maybe"')), "p.toml:7: s.a.terminal", "boolean"),
        (one(ROW.replace(', source = "s"', "")), "p.toml:7: s.a.source", "the column is missing"),
        (one(ROW.replace('"s"', '""')), "p.toml:7: s.a.source", "at least 1 character"),
        (one(ROW.replace('evidence = "source"', 'evidence = "hearsay"')), "p.toml:7: s.a.evidence", "pattern"),
        (one(ROW + ', colour = "red"'), "p.toml:7: s.a.colour", "no such column"),
        (one(ROW.replace('"abandon"', '"wait"').replace("false", "true")), "p.toml:7: s.a", "use reconnect"),
        (one(ROW.replace('"abandon"', '"reconnect"')), "p.toml:7: s.a", "use wait, or set terminal"),
        (one(ROW, key='"{x} {y}"'), "p.toml:7: s.{x} {y}", "needs a code"),
        (one(ROW) + "[t]\n", "p.toml:8: t", "not declared"),
        (one(ROW, more='params = { x = "smell" }'), "p.toml:3: params.x", "not one of"),
    ],
)
def test_what_is_wrong_is_named_with_file_line_and_path(text: str, place: str, problem: str) -> None:
    with pytest.raises(TableError) as caught:
        read(text, "p.toml")
    assert str(caught.value).startswith(place)
    assert problem in str(caught.value)


def test_a_key_that_stands_twice_is_refused_with_its_line() -> None:
    with pytest.raises(TableError, match=r"p\.toml:8: not TOML: Cannot overwrite"):
        read(one(ROW) + f"a = {{ {ROW} }}\n", "p.toml")


def test_a_file_that_does_not_say_its_protocol_is_refused() -> None:
    with pytest.raises(TableError, match="protocol: the column is missing"):
        read('version = "1"', "p.toml")


def test_a_broken_line_is_refused_with_its_line() -> None:
    with pytest.raises(TableError, match=r"p\.toml:2: not TOML"):
        read('protocol = "p"\n[broken', "p.toml")


def test_two_rows_that_match_one_text_are_refused() -> None:
    text = one(ROW) + f'b = {{ {ROW}, aliases = ["a"] }}\n'
    with pytest.raises(TableError, match="also matched by 'a'"):
        Table([read(text, "p.toml")])


def test_a_template_that_matches_the_text_of_another_row_is_refused() -> None:
    text = one(ROW + ', code = "c"', key='"a {x}"', more='params = { x = "name" }') + f'"a b" = {{ {ROW} }}\n'
    with pytest.raises(TableError, match="also matched by"):
        Table([read(text, "p.toml")])


def test_two_templates_that_match_one_text_are_refused() -> None:
    row = ROW + ', code = "c"'
    text = one(row, key='"a {x}"', more='params = { x = "name", y = "number" }') + f'"a {{y}}" = {{ {row} }}\n'
    with pytest.raises(TableError, match="also matched by"):
        Table([read(text, "p.toml")])


@pytest.mark.parametrize("spelling", ["Return to Sender", "RETURN TO SENDER", "ErrReturn", "Unknown at this address"])
def test_a_row_is_found_by_every_spelling(post: Table, spelling: str) -> None:
    found = post.find("letter", spelling)
    assert found is not None
    assert found[0].key == "Return to Sender"


def test_the_case_of_a_key_counts_unless_its_section_says_otherwise(post: Table) -> None:
    assert post.find("window", "CLOSED") is None


def test_the_nearer_template_wins_over_the_one_it_begins_with(post: Table) -> None:
    found = post.find("letter", 'No Such Street "Elm", Town')
    assert found is not None
    assert found[0].code == "No Such Town"


def test_a_text_without_its_section_is_looked_for_in_all_of_them(post: Table) -> None:
    found = post.find(None, "forbidden")
    assert found is not None
    assert found[0].section == "window"


def test_a_section_that_does_not_exist_has_no_rows(post: Table) -> None:
    assert post.find("nowhere", "closed") is None
    assert post.get("nowhere", "closed") is None


def test_a_row_prints_flat_with_what_follows_from_it(post: Table) -> None:
    row = post.rows["letter", "Return to Sender"].to_dict("post")
    assert list(row)[:13] == list(COLUMNS)
    assert (row["category"], row["retryable"], row["constant"], row["tables_version"]) == (
        "protocol",
        False,
        "ErrReturn",
        "post 1.2.0",
    )


OVERLAY = 'protocol = "post"\nversion = "7"\n[window]\nforbidden = { recovery = "reauthenticate" }\n'


def test_an_overlay_may_change_one_column_of_a_row(post_text: str) -> None:
    table = Table([read(post_text, "post.toml")], [(OVERLAY, "mine.toml")])
    placed = table.rows["window", "forbidden"]
    assert placed.row.recovery is Recovery.REAUTHENTICATE
    assert placed.row.source == "rules 3"
    assert placed.origin == "mine.toml"
    assert placed.replaced is not None
    assert placed.replaced.row.recovery is Recovery.ABANDON


def test_an_overlay_shows_in_the_version_of_its_rows_and_of_the_table(post_text: str) -> None:
    table = Table([read(post_text, "post.toml")], [(OVERLAY, "dir/mine.toml")])
    assert table.version == table.rows["window", "forbidden"].version == "post 1.2.0+mine 7"
    assert table.rows["window", "crowded"].version == "post 1.2.0"


def test_an_overlay_may_add_rows_and_sections(post_text: str) -> None:
    overlay = f'protocol = "post"\nversion = "7"\n[sections]\nnew = {{ about = "x" }}\n[new]\nthing = {{ {ROW} }}\n'
    table = Table([read(post_text, "post.toml")], [(overlay, "mine.toml")])
    assert table.get("new", "thing") is not None


def test_an_overlay_that_adds_a_row_must_say_all_of_it(post_text: str) -> None:
    overlay = 'protocol = "post"\nversion = "7"\n[window]\nnew = { recovery = "modify" }\n'
    with pytest.raises(TableError, match=r"mine\.toml:4: window\.new\.reason: the column is missing"):
        Table([read(post_text, "post.toml")], [(overlay, "mine.toml")])


SEVERAL = f"""
version = "3"
protocols = ["post", "pigeon"]
[post.sections]
words = {{ about = "x" }}
[post.words]
lost = {{ {ROW} }}
[pigeon.sections]
words = {{ about = "x" }}
[pigeon.words."eaten by {{kind}}"]
reason = "transport.lost"
recovery = "abandon"
terminal = true
effect = "unknown"
reach = "log"
source = "s"
[pigeon.params]
kind = "name"
"""


def test_a_file_may_be_about_several_protocols(tmp_path: Path) -> None:
    path = tmp_path / "several.toml"
    path.write_text(SEVERAL, "utf-8")
    assert load.protocols(path) == ["post", "pigeon"]
    pigeon = load.table("pigeon", [], [path])
    assert [row.code for row in pigeon.rows.values()] == ["eaten by"]
    assert pigeon.version == "pigeon 3"


def test_what_is_wrong_in_a_file_about_several_protocols_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "several.toml"
    path.write_text(SEVERAL.replace('"abandon"\nterminal', '"pray"\nterminal'), "utf-8")
    with pytest.raises(TableError, match=r"several\.toml:12: pigeon\.words\.eaten by \{kind\}\.recovery: Input should be"):
        load.table("pigeon", [], [path])
    assert load.table("post", [], [path]).get("words", "lost") is not None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('protocols = ["post", 7]', "the file must name its protocol"),
        ('protocols = ["pigeon"]\npost = 7', "the file must name|no table for"),
    ],
)
def test_a_file_that_says_nothing_of_a_protocol_makes_no_table_of_it(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "several.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(TableError, match=problem):
        load.table("post", [], [path], ["nats"])


def test_a_file_that_names_a_protocol_and_has_no_part_for_it_is_refused() -> None:
    with pytest.raises(TableError, match=r"several\.toml:1: protocols: the file says nothing of 'post'"):
        read('protocols = ["post"]\nversion = "1"', "several.toml", "post")
