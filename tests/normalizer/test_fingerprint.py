"""A fingerprint stays when the variables change, and differs when the words do."""

from __future__ import annotations

import re
import string
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errnorm.fingerprint import fingerprint_of
from tests.work import work

SAME = [
    ('no stream "orders" here', 'no stream "a \\" b" here'),
    ("user 'ann' is gone", "user 'bob smith' is gone"),
    ("dial 127.0.0.1:4222 failed", "dial 10.1.2.3:14222 failed"),
    ("dial [::1]:4222 failed", "dial [fe80::1]:1 failed"),
    ("took 1.5s of 300ms", "took 22s of 4ms"),
    ("took 1h2m3s", "took 2h5m9s"),
    ("cid:7 has 70000 bytes", "cid:123 has 5 bytes"),
    ("id 6f9619ff-8b86-d011-b42d-00cf4fc964ff", "id 00000000-8b86-d011-b42d-00cf4fc964aa"),
    ("at 2026-11-22T22:30:47.993940716Z", "at 2027-01-01T00:00:00Z"),
    ("from ann@example.org/phone it came", "from bob@example.net it came"),
    ("go to nats://host:4222/x now", "go to wss://other now"),
    ("nonce hzuD62lm80XajCWr5dc2CA bad", "nonce Aa1zuD62lm80XajCWr5dZZ bad"),
    ("at 0xdeadbeef", "at 0x1"),
    ("a\tb\n c", "a b c"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_it_stays_when_the_variables_change(one: str, other: str) -> None:
    assert fingerprint_of(one) == fingerprint_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("no such stream", "no such consumer"),
        ("user 'a' gone", "user a gone"),
        ("can't do it", "won't do it"),
        ("v1 refused", "refused"),
    ],
)
def test_it_differs_when_the_words_do(one: str, other: str) -> None:
    assert fingerprint_of(one) != fingerprint_of(other)


def test_it_can_be_read() -> None:
    assert fingerprint_of('Refused "x" for 7 of 10.0.0.1:80 after 3s') == "Refused <quoted> for <n> of <address> after <duration>"


def test_of_xml_only_the_elements_show() -> None:
    assert fingerprint_of("<message from='ann@example'><body>my secret</body></message>") == "<message><body>"


def test_an_apostrophe_is_not_a_quotation() -> None:
    assert fingerprint_of("it can't and won't") == "it can't and won't"


@given(st.text())
def test_it_is_one_line_of_printable_ascii(text: str) -> None:
    assert set(fingerprint_of(text)) <= set(string.printable) - set("\n\r\t\x0b\x0c")


@given(number=st.integers(0, 10**12), name=st.text(string.ascii_letters, max_size=20))
def test_numbers_and_quoted_names_never_show(number: int, name: str) -> None:
    assert fingerprint_of(f'code {number} for "{name}"') == "code <n> for <quoted>"


@pytest.mark.parametrize("piece", ['"', "'", "a@", "1.", "[", "0x", "9s", "\\", "aA1", "-", "::", "a" * 19 + "1 "])
def test_hostile_texts_cost_no_more_than_others(piece: str) -> None:
    fingerprint_of(f"the patterns are compiled when they are first used, those for what is cut too: {piece}" * 100)
    long, longer = (work(partial(fingerprint_of, piece * count)) for count in (10_000, 1_000_000))
    assert long == longer
    assert long.characters <= 10 * 512


# Letters that no word of the sentences below has: where one shows, a secret does.
_RARE = "qxzQXZ"
_NAME = st.text("qxz", min_size=3, max_size=12)
_MIXED = st.tuples(
    st.text(_RARE, min_size=1, max_size=9), st.text(string.digits, min_size=1, max_size=4), st.text(_RARE, max_size=9)
)
_HOST = st.lists(_NAME, min_size=2, max_size=4).map(".".join)
_JID = st.builds("{}@{}{}".format, _NAME, _HOST, st.sampled_from(["", "/qx-7", "/zz"]))
_BASE64 = st.text(_RARE + string.digits + "+/", min_size=12, max_size=300).map(lambda text: text + "1=")
_ANNOUNCED = st.sampled_from(["password", "Token", "Bearer", "api-key:", "secret"])
_SECRETS = {
    "a JID": _JID,
    "a JID of a host without dots": st.builds("{}@{}".format, _NAME, _NAME),
    "a host": st.builds("{}{}".format, _HOST, st.sampled_from(["", ":5222", "."])),
    "a host without dots": st.builds("{}:{}".format, _NAME, st.integers(1, 65535)),
    "a URL with a password": st.builds("{}://{}:{}@{}:1/x?k=1".format, st.sampled_from(["nats", "wss"]), _NAME, _NAME, _HOST),
    "credentials without a scheme": st.builds("{}:{}@{}".format, _NAME, _NAME, _HOST),
    "a password with digits": _MIXED.map("".join),
    "a JWT": st.builds("ey{}.ey{}.{}-_{}".format, _NAME, _NAME, _NAME, _NAME),
    "an nkey": st.text("QXZ234567", min_size=55, max_size=55).map(lambda text: "S" + text),
    "base64": _BASE64,
    "a path": st.builds("/home/{}/{}.creds".format, _NAME, _NAME),
    "a path of Windows": st.builds(r"C:\\Users\\{}\\{}".format, _NAME, _NAME),
    "a value": st.builds("sid={}&x={}".format, _NAME, _NAME),
    "a pair": st.builds("user:{}".format, _NAME),
    "data": st.builds('{{"password": "{}", \'user\': {}}}'.format, _NAME, _NAME),
    "a message": st.builds("<message to='{}'><body>{} {}</body>".format, _JID, _NAME, _NAME),
    "the name of an element": st.builds("<{}.{}/>".format, _NAME, _NAME),
    "a body": st.builds("body: {} {}".format, _NAME, _NAME),
    "a quotation": st.builds('"{} {}"'.format, _NAME, _NAME),
    "a quotation that does not end": st.builds('"{} {}'.format, _NAME, _NAME),
    "a name in single quotes": st.builds("'{}'s {}'".format, _NAME, _NAME),
    "a name in other quotes": st.builds("\u201c{} {}\u201d".format, _NAME, _NAME),
    "a password that is announced": st.builds("{}{}{}".format, _ANNOUNCED, st.sampled_from([" ", ": ", " is ", "="]), _NAME),
    "a user that is announced": st.builds("{} {}".format, st.sampled_from(["User", "account", "username:", "jid"]), _NAME),
    "a password of several words": st.builds("password: {} {} {}".format, _NAME, _NAME, _NAME),
    "a name with hyphens, announced": st.builds("host {}-{}".format, _NAME, _NAME),
}  # fmt: skip
_SENTENCES = [
    "{}",
    "cannot reach {} now",
    "refused ({}) by peer",
    "[{}] gone",
    "{}: no route",
    "for {}, again",
    "peer={}",
    "<{}>",
    "it's {} that fails",
]


def test_what_stands_in_pointed_brackets_is_no_element_because_of_its_first_letter() -> None:
    assert fingerprint_of("<Q/00000000001=>") == fingerprint_of("<Z/77=>") != "<Q>"


@given(st.data())
@pytest.mark.parametrize("kind", _SECRETS)
def test_no_secret_shows(kind: str, data: st.DataObject) -> None:
    secret = data.draw(_SECRETS[kind])
    said = data.draw(st.sampled_from(_SENTENCES)).replace("{}", secret)
    name = fingerprint_of(said)
    assert not set(_RARE) & set(re.sub(r"<[a-z]+>", "", name)), name


@given(st.text(string.printable.replace('"', ""), min_size=10, max_size=600))
def test_a_secret_at_the_edge_of_what_is_looked_at_does_not_show(before: str) -> None:
    said = "never heard of it " * 27 + f'user "{before}'
    assert fingerprint_of(said) == " ".join(["never heard of it"] * 27 + ["user <quoted>"])


@pytest.mark.parametrize(
    "said",
    [
        "password refused",
        "user account is locked",
        "the token has expired",
        "no such session on this server",
        "credentials required",
        "JSStreamNotFoundErr: stream missing",
        "my.client.errors.LinkError: i/o timeout, try again",
        "can't bind max_payload in read-only mode",
        "TLS handshake failed",
    ],
)
def test_the_words_of_a_sentence_stay(said: str) -> None:
    assert fingerprint_of(said) == said


def test_a_label_is_not_read_as_an_element() -> None:
    assert fingerprint_of("no <none> here") == "no <none>"
