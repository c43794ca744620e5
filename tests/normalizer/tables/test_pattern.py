"""Templates match whole texts only, and nothing a peer writes into a place can change which one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errnorm.tables.kind import KINDS
from errnorm.tables.pattern import Template, TemplateIndex, values_of

PLACES = {"subject": "subject", "queue": "queue", "number": "number", "words": "text"}
TEXTS = (
    'Violation for "{subject}"',
    'Violation for "{subject}" using "{queue}"',
    'Violation for "{subject}", too many',
    "Too big: {number} bytes",
    "{number} came first",
)


def index(*, ignore_case: bool = True) -> TemplateIndex[str]:
    """All templates, each standing for itself."""
    return TemplateIndex([Template(text, PLACES, text, ignore_case=ignore_case) for text in TEXTS])


def quoted(text: str) -> str:
    """Quote as Go's %q does what matters here."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def find(text: str) -> tuple[str, dict[str, str | int | bool]] | None:
    found = index().find(text, text.lower())
    return None if found is None else (found[0], values_of(found[1]))


def test_a_whole_text_gives_its_values() -> None:
    assert find('Violation for "a.b" using "q"') == (TEXTS[1], {"subject": "a.b", "queue": "q"})


def test_values_keep_their_case() -> None:
    assert find('violation FOR "A.b"') == (TEXTS[0], {"subject": "A.b"})


def test_a_number_becomes_one() -> None:
    assert find("Too big: 70000 bytes") == (TEXTS[3], {"number": 70000})


@pytest.mark.parametrize(("digits", "number"), [("9" * 5000, 2**63 - 1), ("-" + "9" * 5000, 1 - 2**63), ("9" * 18, 10**18 - 1)])
def test_a_number_that_is_no_counter_becomes_the_largest_there_is(digits: str, number: int) -> None:
    found = find(f"Too big: {digits} bytes")
    assert found is not None
    assert found[1]["number"] == number


def test_a_template_may_begin_with_a_place() -> None:
    assert find("7 came first") == (TEXTS[4], {"number": 7})


@pytest.mark.parametrize("text", ['so Violation for "a"', 'Violation for "a" ', 'Violation for "a"\n', "Too big:  bytes", ""])
def test_a_part_of_a_text_is_no_match(text: str) -> None:
    assert find(text) is None


def test_case_counts_where_it_is_not_ignored() -> None:
    assert index(ignore_case=False).find("too big: 1 bytes", "too big: 1 bytes") is None


@given(st.text())
def test_a_subject_cannot_end_its_own_quotation(subject: str) -> None:
    text = f"Violation for {quoted(subject)}"
    found = index().find(text, text.lower())
    assert found is not None
    assert found[0] == TEXTS[0]


@pytest.mark.parametrize(
    ("text", "problem"), [("{nobody}", "not declared"), ("{number} and {number}", "occurs twice")], ids=["undeclared", "twice"]
)
def test_a_broken_template_is_refused(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Template(text, PLACES, None, ignore_case=False)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_read(kind: str) -> None:
    template = Template("x {place} y", {"place": kind}, None, ignore_case=False)
    sample = "12" if kind in {"number", "duration"} else "word"
    assert template.match(f"x {sample} y", 2) is not None


@pytest.mark.parametrize("text", ["{{Wildcard()}}", "{Upper}", "{}", "{a b}", "plain"])
def test_braces_that_are_no_place_are_letters(text: str) -> None:
    assert not Template.has_places(text)


def test_case_behind_the_first_place_counts_or_not_as_the_section_says() -> None:
    text = "no {number} Bytes"
    for ignore_case in (True, False):
        template = Template(text, PLACES, text, ignore_case=ignore_case)
        found = TemplateIndex([template]).find("no 5 bytes", "no 5 bytes")
        assert (found is not None) is ignore_case
        assert TemplateIndex([template]).find("no 5 Bytes", "no 5 bytes" if ignore_case else "no 5 Bytes") is not None


def test_free_text_may_have_several_lines() -> None:
    template = Template("said: {words}", PLACES, None, ignore_case=False)
    read = template.read("said: a\nb")
    assert read is not None
    assert values_of(read) == {"words": "a\nb"}
    assert template.read("SAID: a") is None
    assert template.read("so: a") is None


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_that_match_the_one_that_says_more_is_found(turned: bool) -> None:
    texts = ["failed {words}", "failed in step {words}"]
    templates = [Template(text, PLACES, text, ignore_case=False) for text in texts]
    found = TemplateIndex(templates[::-1] if turned else templates).find("failed in step 7", "failed in step 7")
    assert found is not None
    assert found[0] == texts[1]


def test_who_else_matches_a_text_is_found_wherever_it_begins() -> None:
    texts = ["failed {words}", "failed in step {words}", "{words} in step"]
    templates = [Template(text, PLACES, text, ignore_case=False) for text in texts]
    others = TemplateIndex(templates).others("failed in step in step", "failed in step in step", templates[0])
    assert sorted(others) == [texts[1], texts[2]]
