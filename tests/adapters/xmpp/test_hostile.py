"""
XML made to hurt: what it costs is held against what a benign document of the same size costs.

What each is refused as stands in `test_xml`; here is what remains: work, memory, the record that comes out, and that
nothing outside the text is ever touched.
"""

from __future__ import annotations

import socket
import tracemalloc
from functools import partial
from typing import TYPE_CHECKING

import pytest

from errnorm.normalizer import Normalizer
from errnorm.taxonomy import Reason, Recovery
from errnorm_adapters.xmpp.xml import MOST_CHARACTERS
from tests.work import Work, work

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ERROR = "<error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"
INCLUDING, INCLUDE = "<iq type='error' xmlns:xi='http://www.w3.org/2001/XInclude'>", "<xi:include href='/etc/passwd'/>"
SAME = "a='' "
SIZE = 400_000


def benign(size: int = SIZE) -> str:
    """A stanza error beside as much harmless markup as the reader takes, and text for the rest."""
    items = "".join(f"<item jid='user{number}@example.org'/>" for number in range(3000))
    return f"<iq type='error'><query xmlns='jabber:iq:roster'>{items}{'x' * (size - len(items))}</query>{ERROR}</iq>"


def bomb() -> str:
    entities = "".join(f"<!ENTITY a{number} '{f'&a{number - 1};' * 10}'>" for number in range(1, 30))
    return f"<!DOCTYPE iq [<!ENTITY a0 'lol'>{entities}]><iq type='error'>&a29;</iq>"


def attributes(count: int) -> str:
    return " ".join(map("a{}=''".format, range(count)))


def namespaces(count: int) -> str:
    return " ".join(map("xmlns:n{0}='urn:{0}'".format, range(count)))


def filled(unit: str, size: int = SIZE) -> str:
    return unit * (size // len(unit))


HOSTILE: dict[str, str | bytes] = {
    "entities that multiply": bomb(),
    "one large entity, often": f"<!DOCTYPE iq [<!ENTITY a '{'x' * 100_000}'>]><iq>{'&a;' * 100_000}</iq>",
    "entities inside parameter entities": "<!DOCTYPE iq [<!ENTITY % a '<!ENTITY b \"c\">'>%a;]><iq>&b;</iq>",
    "an external entity": f"<!DOCTYPE iq [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><iq type='error'>&a;{ERROR}</iq>",
    "an external document type": f"<!DOCTYPE iq SYSTEM 'http://127.0.0.1:9/x.dtd'><iq type='error'>{ERROR}</iq>",
    "a public document type": f"<!DOCTYPE iq PUBLIC '-//X//Y' 'http://127.0.0.1:9/x.dtd'><iq type='error'>{ERROR}</iq>",
    "a document type in lower case": f"<!doctype iq [<!ENTITY a 'b'>]><iq type='error'>{ERROR}</iq>",
    "a document type inside": f"<iq type='error'><!DOCTYPE iq>{ERROR}</iq>",
    "an include": INCLUDING + filled(INCLUDE) + "</iq>",
    "UTF-16": benign().encode("utf-16"),
    "UTF-16 under a false declaration": ("<?xml version='1.0' encoding='utf-8'?>" + benign()).encode("utf-16-le"),
    "UTF-7": ("<?xml version='1.0' encoding='utf-7'?>" + benign()).encode("utf-7"),
    "UTF-32": benign().encode("utf-32"),
    "EBCDIC": f"<?xml version='1.0' encoding='cp037'?><iq type='error'>{ERROR}</iq>".encode("cp037"),
    "overlong UTF-8": b"<iq type='error'>" + b"\xc0\xbc" * 100_000 + b"</iq>",
    "comments": f"<iq type='error'>{filled('<!-- -->')}{ERROR}</iq>",
    "a comment without end": f"<iq type='error'><!--{filled('- ')}",
    "processing instructions": f"<iq type='error'>{filled('<?a b?>')}{ERROR}</iq>",
    "a declaration without end": f"<?xml version='1.0'{filled(' ')}",
    "depth": f"<iq type='error'>{filled('<a>')}",
    "depth to its end": f"<iq type='error'>{filled('<a>', SIZE // 2)}{filled('</a>', SIZE // 2)}</iq>",
    "width": f"<iq type='error'>{filled('<a/>')}{ERROR}</iq>",
    "errors by the thousand": f"<iq type='error'>{filled(ERROR)}</iq>",
    "a million attributes": f"<iq type='error' {attributes(1_000_000)}>{ERROR}</iq>",
    "as many attributes as fit": f"<iq type='error' {attributes(40_000)}>{ERROR}</iq>",
    "the same attribute": f"<iq type='error' {filled(SAME)}>{ERROR}</iq>",
    "a huge attribute": f"<iq type='error' id='{filled('x')}'>{ERROR}</iq>",
    "a huge name": f"<{filled('a')}/>",
    "namespaces": f"<iq type='error' {namespaces(18_000)}>{ERROR}</iq>",
    "a huge namespace": f"<iq type='error' xmlns='{filled('x')}'>{ERROR}</iq>",
    "sections": f"<iq type='error'>{filled('<![CDATA[]]>')}{ERROR}</iq>",
    "a section without end": f"<iq type='error'><![CDATA[{filled(']')}",
    "references": f"<iq type='error'>{filled('&#65;')}{ERROR}</iq>",
    "references to what may not be": f"<iq type='error'>{filled('&#0;')}{ERROR}</iq>",
    "ampersands": f"<iq type='error'>{filled('&')}{ERROR}</iq>",
    "angles": "<iq>" + filled("<"),
    "quotes": "<iq a='" + filled('"'),
    "stream heads": filled("<stream:stream>"),
    "stream ends": filled("</stream:stream>"),
    "a log line before it": filled("RECV: ") + f"<iq type='error'>{ERROR}</iq>",
    "larger than anything": f"<iq type='error'>{'x' * MOST_CHARACTERS}{ERROR}</iq>",
}
every_hostile_document = pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())


@pytest.fixture(scope="module")
def normalizer() -> Normalizer:
    normalizer = Normalizer([])
    normalizer.load()
    return normalizer


@pytest.fixture(scope="module")
def usual(normalizer: Normalizer) -> Work:
    """What a benign document costs."""
    document = benign()
    assert normalizer.normalize(document, "xmpp").code == "conflict"
    return work(partial(normalizer.normalize, document, "xmpp"))


@every_hostile_document
def test_it_costs_a_few_times_what_a_benign_document_costs(raw: str | bytes, normalizer: Normalizer, usual: Work) -> None:
    normalizer.normalize(raw[:100], "xmpp")
    done = work(partial(normalizer.normalize, raw, "xmpp"))
    assert done.calls <= SIZE // 2
    assert done.characters <= 4 * usual.characters


def peak(call: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@every_hostile_document
def test_it_takes_no_more_memory_than_a_few_times_its_size(raw: str | bytes, normalizer: Normalizer) -> None:
    assert peak(lambda: normalizer.normalize(raw, "xmpp")) < 16 * SIZE


@every_hostile_document
def test_nothing_is_opened_and_nobody_is_asked(
    raw: str | bytes, normalizer: Normalizer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def opened(*_args: object, **_named: object) -> None:
        pytest.fail("it was opened")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("builtins.open", opened)
    monkeypatch.setattr("os.open", opened)
    monkeypatch.setattr(socket, "socket", opened)
    error = normalizer.normalize(raw, "xmpp")
    assert "root:" not in error.to_json()


READ_ALL_THE_SAME = {"a huge attribute", "references", "an include", "a log line before it"}
OF_NOBODY = {"EBCDIC", "a huge namespace", "a huge name", "stream heads", "stream ends", "angles", "quotes"}


@pytest.mark.parametrize("name", sorted(HOSTILE.keys() - READ_ALL_THE_SAME - OF_NOBODY))
def test_what_is_refused_says_so_and_is_not_tried_again(name: str, normalizer: Normalizer) -> None:
    error = normalizer.normalize(HOSTILE[name], "xmpp")
    assert (error.section, error.reason.category, error.retryable) == ("xml", error.category, False), error
    assert error.reason in {Reason.PROTOCOL_MALFORMED, Reason.LIMITS_SIZE}
    assert error.recovery in {Recovery.ABANDON, Recovery.MODIFY}
    assert len(error.text or "") <= 4096
