"""XML from anybody is refused where XMPP forbids it, where it is too much, and in bounded time."""

from __future__ import annotations

from functools import partial

import pytest

from errnorm_adapters.xmpp import observe
from errnorm_adapters.xmpp.xml import MOST_ATTRIBUTES, MOST_CHARACTERS, MOST_ELEMENTS, MOST_LEVELS
from tests.work import work

STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
ERROR = f"<error type='cancel'><conflict xmlns='{STANZAS}'/></error>"


def code_of(raw: object) -> str | None:
    signal = observe(raw)
    assert signal is not None
    assert signal.section == "xml"
    return signal.code


def accepted(raw: object) -> bool:
    signal = observe(raw)
    return signal is not None and (signal.section, signal.code) == ("stanza", "conflict")


def lolz(levels: int) -> str:
    entities = "".join(f"<!ENTITY a{number} '{f'&a{number - 1};' * 10}'>" for number in range(1, levels))
    return f"<!DOCTYPE iq [<!ENTITY a0 'lol'>{entities}]><iq type='error'>&a{levels - 1};</iq>"


def attributes(number: int) -> str:
    return " ".join(f"a{which}='1'" for which in range(number))


REFUSED = {
    "billion laughs": (lolz(9), "doctype-refused"),
    "quadratic entity": (f"<!DOCTYPE iq [<!ENTITY a '{'x' * 11_000}'>]><iq>{'&a;' * 600}</iq>", "doctype-refused"),
    "internal entity": (f"<!DOCTYPE iq [<!ENTITY a 'x'>]>{ERROR}", "doctype-refused"),
    "external entity": (f"<!DOCTYPE iq [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>{ERROR}", "doctype-refused"),
    "doctype after a declaration": (f"<?xml version='1.0'?><!DOCTYPE iq>{ERROR}", "doctype-refused"),
    "undefined entity": ("<iq type='error'>&a;</iq>", "not-well-formed"),
    "comment": (f"<!-- x -->{ERROR}".replace("<!--", "<iq><!--") + "</iq>", "restricted-xml"),
    "processing instruction": (f"<iq><?php x ?>{ERROR}</iq>", "restricted-xml"),
    "processing instruction first": ("<?xml-stylesheet href='x'?><iq/>", "restricted-xml"),
    "utf-16 declared": (f"<?xml version='1.0' encoding='utf-16'?>{ERROR}", "not-utf-8"),
    "utf-7 declared": (f"<?xml version='1.0' encoding='utf-7'?>{ERROR}", "not-utf-8"),
    "unknown encoding declared": (f"<?xml version='1.0' encoding='foo'?>{ERROR}", "not-utf-8"),
    "utf-16": (ERROR.encode("utf-16"), "not-utf-8"),
    "utf-16 without a mark": (ERROR.encode("utf-16-le"), "not-utf-8"),
    "utf-32": (ERROR.encode("utf-32-be"), "not-utf-8"),
    "latin-1": (ERROR.replace("><", " x='é'><", 1).encode("latin-1"), "not-utf-8"),
    "surrogate": ("<iq type='error'>\ud800</iq>", "not-utf-8"),
    "control character": ("<iq type='error'>\x07</iq>", "not-well-formed"),
    "unbound prefix": ("<iq type='error'><x:y/></iq>", "not-well-formed"),
    "cut off": (ERROR[:-4], "not-well-formed"),
    "cut off in a stream": ("<stream:error><conflict", "not-well-formed"),
    "too long": (f"<iq type='error'>{'x' * MOST_CHARACTERS}</iq>", "too-large"),
    "too deep": (f"<iq>{'<a>' * MOST_LEVELS}{'</a>' * MOST_LEVELS}</iq>", "too-deep"),
    "too many children": (f"<iq>{'<a/>' * (2 * MOST_ELEMENTS)}</iq>", "too-many-nodes"),
    "too many attributes": (f"<iq {attributes(MOST_ATTRIBUTES + 1)}/>", "too-many-nodes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_xmpp_forbids_and_what_is_too_much_is_refused_with_its_name(name: str) -> None:
    raw, expected = REFUSED[name]
    assert code_of(raw) == expected


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_costs_a_few_looks_at_the_text(name: str) -> None:
    raw = REFUSED[name][0]
    observe(raw)
    done = work(partial(observe, raw))
    assert done.calls < 10 * MOST_LEVELS
    assert done.characters <= 4 * len(raw) + 500


@pytest.mark.parametrize(
    "raw",
    [
        f"<iq type='error'>{ERROR}{' ' * (MOST_CHARACTERS - 200)}</iq>",
        f"<iq type='error'>{'<a>' * (MOST_LEVELS - 1)}{'</a>' * (MOST_LEVELS - 1)}{ERROR}</iq>",
        f"<iq type='error'>{'<a/>' * MOST_ELEMENTS}{ERROR}</iq>",
        f"<iq type='error' {attributes(MOST_ATTRIBUTES - 1)}>{ERROR}</iq>",
        f"<?xml version='1.0' encoding='UTF-8'?>\n{ERROR}",
        f"<iq type='error'><body><![CDATA[<!DOCTYPE x><!-- y --><?z?>]]></body>{ERROR}</iq>",
        f"\ufeff \r\n{ERROR}\r\n",
        f"{ERROR}<iq type='result'/>",
    ],
)
def test_what_stays_within_the_bounds_is_read(raw: str) -> None:
    assert accepted(raw)


@pytest.mark.parametrize("raw", ["<![CDATA[", "<iq><![CDATA[", "<iq><![CDATA[<!DOCTYPE", "<iq>]]></iq>", "<iq><!ELEMENT a></iq>"])
def test_a_section_that_never_ends_is_not_well_formed(raw: str) -> None:
    signal = observe(raw)
    assert signal is None or signal.code == "not-well-formed"


@pytest.mark.parametrize("raw", ["<iq>" + "<" * 500_000, "<iq>" + "<![CDATA[" * 50_000])
def test_opening_brackets_without_end_are_refused_without_a_look_at_each(raw: str) -> None:
    observe("<iq><")
    assert work(partial(observe, raw)).calls < 500
