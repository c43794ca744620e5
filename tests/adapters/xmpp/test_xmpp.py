"""What stood on the wire is seen for what it is: by namespaces, at its level, and never by what a peer wrote into a text."""

# ruff: noqa: E501, ISC004 - vectors stay as they stood on the wire, one a line where that can be

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import errnorm
from errnorm.normalizer import Normalizer, default_normalizer
from errnorm_adapters.xmpp import observe
from errnorm_adapters.xmpp.elements import DEFINED, TYPES, stanza_signal
from errnorm_adapters.xmpp.xml import parse

if TYPE_CHECKING:
    from errnorm.error import NormalizedError, Signal

STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
STREAMS = "urn:ietf:params:xml:ns:xmpp-streams"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"


def stanza(condition: str, kind: str | None = "cancel", text: str = "", rest: str = "", attributes: str = "") -> str:
    said = f"<text xmlns='{STANZAS}'>{text}</text>" if text else ""
    kind = "" if kind is None else f" type='{kind}'"
    return f"<iq type='error' id='1'><error{kind}{attributes}><{condition} xmlns='{STANZAS}'/>{said}{rest}</error></iq>"


def stream(condition: str, rest: str = "") -> str:
    return f"<stream:error><{condition} xmlns='{STREAMS}'/>{rest}</stream:error>"


def judged(raw: object) -> NormalizedError:
    return errnorm.normalize(raw, "xmpp")


def seen(raw: object) -> tuple[str | None, str | None]:
    error = judged(raw)
    return error.section, error.code


def signal_of(raw: object) -> Signal:
    signal = observe(raw)
    assert signal is not None
    return signal


# As Prosody 0.12.3 and ejabberd sent it.
WIRE = [
    (stream("host-unknown", f"<text xmlns='{STREAMS}'>This server does not serve nope.example</text>"), ("stream", "host-unknown")),
    (stream("not-well-formed") + "</stream:stream>", ("stream", "not-well-formed")),
    ("<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' version='1.0' id='x' "
     "xmlns='jabber:client'>" + stream("invalid-namespace") + "</stream:stream>", ("stream", "invalid-namespace")),
    ("<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' id='x' xmlns='jabber:client'>"
     + stream("improper-addressing"), ("stream", "improper-addressing")),
    (f"<stream:error xmlns:stream='http://etherx.jabber.org/streams'><reset xmlns='{STREAMS}'/></stream:error>", ("stream", "reset")),
    (f"<error xmlns='http://etherx.jabber.org/streams'><system-shutdown xmlns='{STREAMS}'/></error>", ("stream", "system-shutdown")),
    (stream("xml-not-well-formed"), ("stream", "not-well-formed")),
    (stream("something-new"), ("stream", "undefined-condition")),
    (f"<failure xmlns='{SASL}'><not-authorized/><text>Unable to authorize you</text></failure>", ("sasl", "not-authorized")),
    (f"<failure xmlns='{SASL}'><mechanism-too-weak/></failure>", ("sasl", "mechanism-too-weak")),
    (f"<failure xmlns='{SASL}'/>", ("sasl", "not-authorized")),
    (f"<failure xmlns='{SASL}'><bad-auth/></failure>", ("sasl", "not-authorized")),
    (f"<failure xmlns='urn:xmpp:sasl:2'><credentials-expired xmlns='{SASL}'/><text>old</text></failure>",
     ("sasl", "credentials-expired")),
    ("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", ("starttls", "failure")),
    ("<failure xmlns='http://jabber.org/protocol/compress'><setup-failed/></failure>", ("compress", "setup-failed")),
    (f"<failed xmlns='urn:xmpp:sm:3' h='4'><item-not-found xmlns='{STANZAS}'/></failed>", ("sm", "item-not-found")),
    (f"<failed xmlns='urn:xmpp:sm:2'><error type='cancel'><item-not-found xmlns='{STANZAS}'/></error></failed>",
     ("sm", "item-not-found")),
    ("<failed xmlns='urn:xmpp:sm:3'/>", ("sm", "failed")),
    ("<body xmlns='http://jabber.org/protocol/httpbind' type='terminate' condition='item-not-found'/>", ("bosh", "item-not-found")),
    ("<body xmlns='http://jabber.org/protocol/httpbind' type='terminate' condition='remote-stream-error' "
     "xmlns:stream='http://etherx.jabber.org/streams'>" + stream("conflict") + "</body>", ("stream", "conflict")),
    (f"<body xmlns='http://jabber.org/protocol/httpbind' type='terminate' condition='remote-stream-error'>"
     f"<reset xmlns='{STREAMS}'/></body>", ("stream", "reset")),
    ("<body xmlns='http://jabber.org/protocol/httpbind' type='terminate'/>", ("bosh", "terminate")),
    ("<body xmlns='http://jabber.org/protocol/httpbind' type='error'/>", ("bosh", "error")),
    ("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>", ("websocket", "close")),
    (stanza("service-unavailable"), ("stanza", "service-unavailable")),
    (stanza("bad-format", "modify"), ("stanza", "bad-format")),
    (stanza("something-new", "modify"), ("stanza", "undefined-condition")),
    (f"<presence type='error' from='r@c/n'><error type='cancel'><conflict xmlns='{STANZAS}'/></error></presence>",
     ("stanza", "conflict")),
    (f"<error type='auth'><forbidden xmlns='{STANZAS}'/></error>", ("stanza", "forbidden")),
    ("<message xmlns='jabber:component:accept' type='error'/>", ("stanza", "undefined-condition")),
    ("<iq type='error'><error code='404'>Not Found</error></iq>", ("legacy", "404")),
    ("<iq type='error'><error code='404' type='wait'/></iq>", ("legacy", "404")),
]  # fmt: skip


@pytest.mark.parametrize(("raw", "expected"), WIRE)
def test_text_from_the_wire_finds_its_row(raw: str, expected: tuple[str, str]) -> None:
    assert seen(raw) == expected


@pytest.mark.parametrize(("raw", "expected"), WIRE)
def test_bytes_from_the_wire_find_the_same_row(raw: str, expected: tuple[str, str]) -> None:
    assert seen(raw.encode()) == expected
    assert seen(bytearray(b"\xef\xbb\xbf" + raw.encode())) == expected


@pytest.mark.parametrize("condition", ["item-not-found", "conflict", "not-authorized"])
def test_a_parsed_element_is_read_like_its_text(condition: str) -> None:
    raw = stanza(condition, "wait")
    assert judged(ET.fromstring(raw)).to_record() == judged(raw).to_record()  # noqa: S314 - the test's own text


@pytest.mark.parametrize(
    ("raw", "retryable"),
    [
        (stanza("item-not-found", "wait"), True),
        (stanza("remote-server-timeout", "cancel"), False),
        (stanza("remote-server-timeout", None), True),
        (stanza("remote-server-timeout", "sometimes"), True),
        (stanza("internal-server-error", None, attributes=" code='500'"), False),
        (stanza("something-new", None, attributes=" code='500'"), True),
        (stanza("undefined-condition", None, attributes=" code='500'"), True),
        (stanza("undefined-condition", None), False),
        ("<iq type='error'><error code='500' type='cancel'/></iq>", False),
        ("<iq type='error'><error code='500'/></iq>", True),
    ],
)
def test_type_then_condition_then_code_say_whether_to_wait(raw: str, retryable: bool) -> None:
    assert judged(raw).retryable is retryable


@pytest.mark.parametrize(
    "raw",
    [
        f"<message type='error'><error type='cancel'><gone xmlns='{STANZAS}'> \n xmpp:new@example.org \n</gone></error></message>",
        f"<error type='modify'><redirect xmlns='{STANZAS}'>xmpp:new@example.org</redirect></error>",
        f"<stream:error><see-other-host xmlns='{STREAMS}'>\n xmpp:new@example.org</see-other-host></stream:error>",
        "<body xmlns='http://jabber.org/protocol/httpbind' type='terminate' condition='see-other-uri'>"
        "<uri> xmpp:new@example.org </uri></body>",
        "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing' see-other-uri='xmpp:new@example.org'/>",
    ],
)
def test_the_address_to_go_to_is_taken_out_without_white_space(raw: str) -> None:
    assert judged(raw).address == "xmpp:new@example.org"


def test_text_inside_any_other_condition_is_no_address() -> None:
    assert judged(f"<error type='cancel'><conflict xmlns='{STANZAS}'>xmpp:evil@example.org</conflict></error>").address is None


def test_by_and_the_application_condition_are_parameters() -> None:
    rest = "<closed-node xmlns='http://jabber.org/protocol/pubsub#errors'/>"
    params = judged(stanza("not-allowed", rest=rest, attributes=" by='pubsub.example.org'")).params
    assert params == {"by": "pubsub.example.org", "application": "closed-node"}


def test_the_sender_and_the_addressee_of_a_stanza_are_no_parameters() -> None:
    raw = stanza("forbidden").replace("<iq ", "<iq from='romeo@example.net' to='juliet@example.org' ")
    assert "example" not in str(judged(raw).to_record())


def test_a_feature_that_the_standard_does_not_have_is_no_parameter() -> None:
    rest = "<unsupported xmlns='http://jabber.org/protocol/pubsub#errors' feature='juliet'/>"
    assert "feature" not in judged(stanza("feature-not-implemented", "cancel", rest=rest)).params


@pytest.mark.parametrize(
    ("rest", "name", "value"),
    [
        ("<retry xmlns='urn:xmpp:http:upload:0' stamp='2030-01-01T00:00:00Z'/>", "stamp", "2030-01-01T00:00:00Z"),
        ("<unsupported xmlns='http://jabber.org/protocol/pubsub#errors' feature='create-nodes'/>", "feature", "create-nodes"),
    ],
)
def test_what_an_application_condition_says_besides_is_a_parameter(rest: str, name: str, value: str) -> None:
    assert judged(stanza("resource-constraint", "wait", rest=rest)).params[name] == value


def test_the_count_of_a_failed_resumption_is_a_number() -> None:
    assert judged(f"<failed xmlns='urn:xmpp:sm:3' h='42'><item-not-found xmlns='{STANZAS}'/></failed>").params == {"h": 42}


def test_of_several_application_conditions_the_first_gives_its_name_and_all_refine() -> None:
    rest = "<BAD xmlns='urn:a'/><closed-node xmlns='http://jabber.org/protocol/pubsub#errors'/><other xmlns='urn:b'/>"
    signal = signal_of(stanza("not-allowed", rest=rest))
    assert signal.params == {"application": "closed-node"}
    assert signal.details == (
        ("app", "urn:a BAD"),
        ("app", "http://jabber.org/protocol/pubsub#errors closed-node"),
        ("app", "urn:b other"),
    )


@pytest.mark.parametrize(
    ("raw", "section", "family"),
    [
        (f"<failure xmlns='urn:xmpp:sasl:2'><new-one xmlns='{SASL}'/></failure>", "sasl", "not-authorized"),
        (f"<failure xmlns='{SASL}'><new-one/></failure>", "sasl", "not-authorized"),
        ("<failure xmlns='http://jabber.org/protocol/compress'><new-one/></failure>", "compress", "setup-failed"),
        ("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "starttls", "failure"),
        ("<body xmlns='http://jabber.org/protocol/httpbind' type='error'/>", "bosh", "error"),
        (
            "<body xmlns='http://jabber.org/protocol/httpbind' type='terminate' condition='new-one'/>",
            "bosh",
            "undefined-condition",
        ),
        (stream("new-one"), "stream", "undefined-condition"),
    ],
)
def test_a_condition_of_tomorrow_falls_back_in_its_own_section(raw: str, section: str, family: str) -> None:
    assert seen(raw) == (section, family)
    assert signal_of(raw).section == section


def test_the_error_need_not_be_the_last_thing_in_its_stanza() -> None:
    error = f"<error type='wait'><resource-constraint xmlns='{STANZAS}'/></error>"
    echoed = f"<error type='cancel' xmlns='jabber:client'><gone xmlns='{STANZAS}'/></error>"
    assert seen(f"<iq type='error'>{error}<query xmlns='urn:q'/></iq>") == ("stanza", "resource-constraint")
    assert seen(f"<iq type='error'>{echoed}<query xmlns='urn:q'/>{error}<query xmlns='urn:q'/></iq>") == (
        "stanza",
        "resource-constraint",
    )


def test_an_error_without_an_error_in_it_is_a_refusal() -> None:
    assert ("type", "cancel") in signal_of("<iq type='error'/>").family
    assert observe(ET.fromstring("<iq xmlns='jabber:client' type='result'/>")) is None  # noqa: S314 - written here


@pytest.mark.parametrize(
    ("said", "condition", "family"),
    [
        (("conflict", "cancel", "409", "t"), "conflict", (("type", "cancel"),)),
        (("undefined-condition", None, "404", "t"), None, (("legacy", "404"),)),
        (("conflict", None, "404", "t"), "conflict", (("legacy", "404"),)),
        (("conflict", "no such type", None, "t"), "conflict", ()),
        (("conflict", None, "40004", "t"), "conflict", ()),
    ],
)
def test_what_is_missing_of_a_stanza_error_is_made_up_by_its_code(
    said: tuple[str, str | None, str | None, str], condition: str | None, family: tuple[tuple[str, str], ...]
) -> None:
    signal = stanza_signal(*said)
    assert (signal.section, signal.code, signal.text) == ("stanza", condition, "t")
    assert tuple(pair for pair in signal.family if pair[0] in {"legacy", "type"}) == family


def test_an_unknown_condition_keeps_its_name_among_the_parameters() -> None:
    assert judged(stanza("something-new")).params == {"condition": "something-new"}


@pytest.mark.parametrize("name", ["cönflict", "UPPER", "a" * 65, "with_underscore"])
def test_a_name_that_no_standard_would_choose_goes_nowhere(name: str) -> None:
    assert name not in str(judged(stanza(name)).to_record())


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([("xml:lang='de'", "nein"), ("xml:lang='en'", "no")], "no"),
        ([("xml:lang='de'", "nein"), ("", "no")], "no"),
        ([("xml:lang='en-GB'", "no"), ("", "nope")], "no"),
        ([("xml:lang='de'", "nein"), ("xml:lang='fr'", "non")], "nein"),
    ],
)
def test_of_texts_in_several_languages_english_is_kept(texts: list[tuple[str, str]], expected: str) -> None:
    rest = "".join(f"<text xmlns='{STANZAS}' {lang}>{text}</text>" for lang, text in texts)
    assert judged(stanza("forbidden", rest=rest)).text == expected


def test_the_text_may_come_before_the_condition() -> None:
    raw = f"<error type='cancel'><text xmlns='{STANZAS}'>t</text><x xmlns='urn:x'/><conflict xmlns='{STANZAS}'/></error>"
    assert (seen(raw), judged(raw).text) == (("stanza", "conflict"), "t")


@pytest.mark.parametrize(
    "raw",
    [
        f"<message><body>x</body><error xmlns='http://etherx.jabber.org/streams'><conflict xmlns='{STREAMS}'/></error></message>",
        f"<message type='chat'><error type='wait'><conflict xmlns='{STANZAS}'/></error></message>",
        "<iq type='result'/>",
        "<presence/>",
        "<html><body>502 Bad Gateway</body></html>",
        "<!DOCTYPE html><html>",
        "<34>Oct 11 22:14:15 mymachine su: failed",
        "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
        "<body xmlns='http://jabber.org/protocol/httpbind' sid='1'/>",
        "-ERR 'Authorization Violation'",
        "nats: timeout",
        '{"error": {"code": 503}}',
        "NATS/1.0 503",
        "",
        None,
        7,
        {"condition": "conflict"},
    ],
)
def test_what_is_no_error_of_xmpp_is_left_to_others(raw: object) -> None:
    assert observe(raw) is None


def test_a_stream_error_inside_a_stanza_says_nothing_about_the_stream() -> None:
    inner = f"<error xmlns='http://etherx.jabber.org/streams'><conflict xmlns='{STREAMS}'/></error>"
    error = judged(f"<message type='error'>{inner}<error type='cancel'><item-not-found xmlns='{STANZAS}'/></error></message>")
    assert (error.section, error.code, error.terminal) == ("stanza", "item-not-found", False)


def test_a_condition_of_another_namespace_is_none() -> None:
    raw = f"<error type='cancel'><conflict xmlns='jabber:client'/><gone xmlns='{STREAMS}'/></error>"
    assert seen(raw) == ("stanza", "undefined-condition")


def test_the_answer_comes_after_what_is_echoed() -> None:
    echoed = f"<error type='wait'><conflict xmlns='{STANZAS}'/></error>"
    answer = f"<error type='auth'><forbidden xmlns='{STANZAS}'/></error>"
    assert seen(f"<message type='error'>{echoed}{answer}</message>") == ("stanza", "forbidden")


SPOOFS = [
    "conflict", "-ERR 'Authorization Violation'", "item-not-found", "&lt;stream:error>&lt;conflict/>&lt;/stream:error>",
    "' type='wait", "Stream closed by peer: reset", "XML stanza is too big", "<![CDATA[<stream:error><reset/></stream:error>]]>",
    "nats: no responders available for request", "&#x202e;&#x9b;31m", "remote-server-timeout: try again",
]  # fmt: skip


@pytest.mark.parametrize("text", SPOOFS)
def test_the_text_of_a_peer_changes_nothing_but_the_text(text: str) -> None:
    plain, spoofed = judged(stanza("forbidden", "auth")), judged(stanza("forbidden", "auth", text))
    assert spoofed.judgement is plain.judgement


@pytest.mark.parametrize("by", ["a@b/conflict", "x' type='wait", "<stream:error>", "r@d/-ERR 'x'"])
def test_what_a_peer_writes_into_by_changes_nothing_but_by(by: str) -> None:
    element = ET.fromstring(stanza("forbidden", "auth"))  # noqa: S314 - the test's own text
    element[0].set("by", by)
    error = judged(ET.tostring(element))
    assert (error.reason, error.retryable, error.params) == ("auth.forbidden", False, {"by": by})


@given(st.text(max_size=300) | st.binary(max_size=300))
@example("<")
@example("<?xml")
@example("<iq \ud800")
@example(b"\xff\xfe<\x00")
def test_no_text_and_no_bytes_make_it_raise(raw: object) -> None:
    observe(raw)


_NAMES = st.sampled_from([
    "{jabber:client}iq", "{jabber:client}error", "error", f"{{{STANZAS}}}conflict", f"{{{STANZAS}}}text", "{urn:x}y", "}", "{",
    f"{{{SASL}}}failure", "{http://etherx.jabber.org/streams}error", "{http://etherx.jabber.org/streams}stream",
    "{http://jabber.org/protocol/httpbind}body", "{urn:xmpp:sm:3}failed", "",
])  # fmt: skip
_ATTRIBUTES = st.dictionaries(st.sampled_from(["type", "code", "by", "condition", "h", "stamp"]), st.text(max_size=8), max_size=3)


@st.composite
def elements(draw: st.DrawFn, depth: int = 3) -> ET.Element:
    element = ET.Element(draw(_NAMES), draw(_ATTRIBUTES | st.just({"type": "error"})))
    element.text = draw(st.none() | st.text(max_size=8))
    if depth:
        element.extend(draw(st.lists(elements(depth - 1), max_size=3)))
    return element


@given(elements())
def test_no_element_makes_it_raise_or_gives_an_answer_without_words(element: ET.Element) -> None:
    error = judged(element)
    assert error.reason.category is error.category


_PLAIN = st.tuples(
    st.sampled_from(sorted(DEFINED)), st.sampled_from(sorted(TYPES)), st.sampled_from(["", "no such room", "later"])
)


@given(st.lists(_PLAIN, min_size=1, max_size=4))
def test_a_stanza_error_that_comes_again_is_judged_as_if_it_were_the_first(errors: list[tuple[str, str, str]]) -> None:
    forgetful = Normalizer([])
    forgetful._engines = default_normalizer()._engines
    for facts in [*errors, *errors]:
        element = parse(stanza(*facts))
        forgetful._shared.clear()
        assert judged(element).to_record() == forgetful.normalize(element, "xmpp").to_record()


def test_two_equal_stanza_errors_are_one_object_and_other_ones_are_not() -> None:
    first, again, other = (judged(parse(stanza("conflict", text=text))) for text in ("taken", "taken", "in use"))
    assert first is again
    assert first is not other
    assert (first.text, other.text) == ("taken", "in use")


class Hostile:
    """Looks like a stanza, and fails at every touch."""

    tag = "{jabber:client}iq"

    def get(self, _key: str) -> str:
        raise RuntimeError

    def __iter__(self) -> None:
        raise RuntimeError


def test_an_object_that_fails_at_every_touch_is_nobody_s() -> None:
    assert observe(Hostile()) is None


class Stanza:
    """Holds its element as slixmpp's objects do."""

    def __init__(self, raw: str) -> None:
        self.xml = ET.fromstring(raw)  # noqa: S314 - the test's own text


def test_an_object_that_holds_an_element_is_read_through_it() -> None:
    assert signal_of(Stanza(stanza("gone"))).code == "gone"
