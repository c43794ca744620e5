from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest

from errnorm import plugins
from errnorm.finding.forms import Place
from errnorm.finding.load import installed_forms
from tests.mappings import rows

if TYPE_CHECKING:
    from errnorm.finding.forms import Form

DATA = tomllib.loads(files("errnorm_mappings").joinpath("forms.toml").read_text("utf-8"))
TABLES = ("frames", "tails", "ways", "skipped", "unknown", "parts", "censored", "hidden")
PATTERNS = {
    **{f"{table} {name}": pattern for table in TABLES for name, pattern in DATA[table].items()},
    **{f"form {form['name']}": form["pattern"] for form in DATA["forms"]},
}
PROTOCOLS = plugins.protocols()


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS.keys())
def test_every_pattern_is_in_the_language_that_python_and_javascript_share(pattern: str) -> None:
    # \s and \S differ, and so do look-behinds, possessive quantifiers, flags inside, and names of groups other than (?P<.
    assert re.search(r"\\[sSAZ]|\(\?<|\(\?P=|\(\?[aiLmsux]|[*+?}]\+|\(\?>", pattern) is None


@pytest.mark.parametrize("form", installed_forms().forms, ids=lambda form: form.name)
class TestForms:
    def test_every_form_compiles_and_says_something(self, form: Form) -> None:
        groups = set(form.compiled.groupindex)
        assert form.rows or form.last or groups & {"inner", "class"}

    def test_every_word_that_a_form_needs_is_in_small_letters(self, form: Form) -> None:
        assert form.has
        assert all(word == word.lower() for word in form.has)

    def test_every_row_of_a_form_can_stand_where_it_says(self, form: Form) -> None:
        for place in (*form.rows, *form.family, *form.last):
            table = plugins.load_table(place.protocol, [])
            assert place.section is None or place.section in table.sections


def test_names_of_forms_are_unique() -> None:
    names = [form["name"] for form in DATA["forms"]]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("written", ["item-not-found", "item_not_found", "ITEM_NOT_FOUND", "Item Not Found", "ItemNotFound"])
def test_a_name_in_the_spelling_of_a_program_becomes_a_condition(written: str) -> None:
    assert Place.read("xmpp/stanza/{name:-}").filled({"name": written}) == "item-not-found"


def test_blanks_of_a_value_become_underscores_only_where_a_place_says_so() -> None:
    groups = {"inner": "unknown ca"}
    assert [Place.read(f"transport/tls/{code}").filled(groups) for code in ("{inner}", "{inner:_}")] == [
        "unknown ca",
        "unknown_ca",
    ]


@pytest.mark.parametrize("written", DATA["sentences"]["codes"])
def test_every_code_of_a_sentence_leads_to_a_row_with_this_code(written: str) -> None:
    protocol, section, code = written.split("/", 2)
    assert code in {entry.code for entry in rows.of(protocol, section)()}
