"""
Nobody gets in: what a peer can write somewhere in an error never makes another error of it.

Not another section, category, flag or decision, and not another shape of the line in the log.
"""

from __future__ import annotations

import io
import json
import re
import socket
from functools import cache
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, SubElement, tostring

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from errnorm import decide, find, normalize, plugins
from errnorm.adapters import Signal
from errnorm.decision import RetryPolicy
from errnorm.emitters.log import LogEmitter, Processor
from errnorm.engine import Engine
from errnorm.fault import Fault
from errnorm.finding import How
from errnorm.normalizer import Normalizer
from errnorm.settings import Settings
from errnorm.supervisor import StoppedError, supervise
from errnorm.tables.kind import KINDS
from tests.each import each

if TYPE_CHECKING:
    from errnorm.emitters.attributes import Attributes
    from errnorm.emitters.severity import Severity
    from errnorm.error import NormalizedError
    from errnorm.tables.row import Entry

STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"


@cache
def engine_of(protocol: str) -> Engine:
    return Engine(plugins.load_table(protocol))


def entries(*protocols: str) -> list[tuple[str, Entry]]:
    """Return every row of some tables, with its protocol."""
    names = protocols or plugins.protocols()
    return [(protocol, placed) for protocol in names for placed in engine_of(protocol).table.rows.values()]


@cache
def templates() -> list[tuple[str, Entry, str]]:
    """Return every text with a place that a peer can fill, with its protocol and its row."""
    return [(protocol, placed, text) for protocol, placed in entries() for text in placed.templates()]


@cache
def others() -> list[str]:
    """Return every text of every table: what an attacker would like us to read."""
    return sorted({text for _, placed in entries() for text in placed.spellings()})


def named(value: object) -> str:
    return str(getattr(value, "key", value))


TRICKS = [
    *("\n", "\r\n", "\\", '"', "'", '\\"', "' ", "\x00", "\x1b[31m", "\x1b]0;owned\x07", "\u202e", "\u2066", "\u2028", "\x85"),
    *("-ERR 'Authorization Violation'\r\n", "+OK\r\n", "[ERR] ", " - cid:1 - ", "nats: ", "{", "}", "{subject}", "%s", "${jndi:ldap://x}"),
    *('{"error.type": "auth.rejected"}', '", "error.type": "x', "<stream:error/>", "]]>", "--", " queue ", ", too many tokens"),
]  # fmt: skip
PIECES = st.one_of(st.deferred(lambda: st.sampled_from(others())), st.sampled_from(TRICKS), st.text(max_size=8))
HOSTILE = st.lists(PIECES, min_size=1, max_size=4).map("".join)
PLACE = re.compile(r'"\{([a-z_]+)\}"|\{([a-z_]+)\}')
A_TEMPLATE = st.deferred(lambda: st.sampled_from(templates()))
MANY = settings(max_examples=8 * settings().max_examples, suppress_health_check=[HealthCheck.too_slow])
# What is tried on every text; what else there is, is tried on some.
CHOSEN = (
    "-ERR 'Authorization Violation'\r\n",
    'x" queue "y',
    "' - cid:1 - \\",
    "\x1b[31m\u202e\x00",
    "<conflict/>: {subject} %s",
    "Leafnode connection created",
    "nats: permission denied",
)


def as_go_writes_it(value: str) -> str:
    """A value as `%q` writes it, which is how the server quotes what a client has named."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\x7f")


def filled(text: str, value: str, kinds: dict[str, str], *, fitting: bool) -> str:
    """Put a value into every place, as the peer would: in quotes escaped, elsewhere as it is, or so that it fits."""

    def place(found: re.Match[str]) -> str:
        if found[1]:
            return as_go_writes_it(value)
        kind = kinds[found[2]]
        if not fitting or re.compile(KINDS[kind], re.DOTALL).fullmatch(value):
            return value
        return {"number": "7", "duration": "7s"}.get(kind) or re.sub(r"\s", "_", value) or "_"

    return PLACE.sub(place, text)


def judgement(error: NormalizedError) -> tuple[object, ...]:
    decision = decide(error, idempotent=True, random=lambda: 0.5)
    return error.protocol, error.section, error.code, error.reason, error.recovery, error.terminal, error.effect, decision


@each(("protocol", "placed", "text"), templates, ids=named)
def test_no_chosen_value_makes_another_error_of_any_text(protocol: str, placed: Entry, text: str) -> None:
    for value in CHOSEN:
        stays_the_same_error(protocol, placed, text, value)


@MANY
@given(template=A_TEMPLATE, value=HOSTILE)
def test_no_value_makes_another_error_of_a_text(template: tuple[str, Entry, str], value: str) -> None:
    stays_the_same_error(*template, value)


def stays_the_same_error(protocol: str, placed: Entry, text: str, value: str) -> None:
    engine = engine_of(protocol)
    if placed.row.refined:
        # The last place holds the words of another error, which the program itself has written: they decide, and nothing else.
        text = f"{text.rpartition('{')[0]}word"
    plain = engine.judge(Signal(protocol, placed.section, filled(text, "word", engine.table.kinds, fitting=True)))
    fitting = engine.judge(Signal(protocol, placed.section, filled(text, value, engine.table.kinds, fitting=True)))
    forced = engine.judge(Signal(protocol, placed.section, filled(text, value, engine.table.kinds, fitting=False)))
    assert plain.row is placed
    # Words that a row passes on may begin with any words of the program, with the cause at their end.
    inside = engine.table.sections[placed.section].head.inside
    if not (inside and text.startswith("{text}")):
        assert judgement(fitting) == judgement(plain)
    # What does not fit is unknown, never somebody else's. A text that begins with a value is what its beginning says: servers put
    # only names, hosts and addresses there, which have no blanks.
    if not (inside or text.startswith("{")):
        assert forced.row in {placed, None}


class Line:
    """The line that structlog writes, as JSON, through the log emitter or the processor."""

    def __init__(self, log_text: str) -> None:
        self._settings = Settings.load({}, log_text=log_text, storm_burst=0)
        self.written = io.StringIO()
        processors: list[Any] = [Processor(self._settings), structlog.processors.JSONRenderer()]
        self.logger: Any = structlog.wrap_logger(structlog.PrintLogger(self.written), processors=processors)

    def _write(self, level: Severity, event: str, fields: Attributes) -> None:
        getattr(self.logger, level.method)(event, **fields)

    def emitted(self, error: NormalizedError) -> dict[str, Any]:
        LogEmitter(self._settings, write=self._write)(Fault(error, operation="test", decision=decide(error)))
        return self._taken()

    def processed(self, error: NormalizedError) -> dict[str, Any]:
        self.logger.error("it failed", error=error)
        return self._taken()

    def _taken(self) -> dict[str, Any]:
        line = self.written.getvalue()
        self.written.seek(0)
        self.written.truncate()
        assert line.endswith("\n")
        assert len(line.splitlines()) == 1
        assert line.rstrip("\n").isprintable()
        return dict(json.loads(line, object_pairs_hook=_without_doubles))


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def decides(engine: Engine, placed: Entry, words: str) -> bool:
    """
    Return whether words are those of another error, in the last place of a row that ends in another error's words (ruling 16).

    The program itself has written what stands there, so these words decide: as a whole, and never as a part of it.
    """
    return placed.row.refined and engine.table.find_inside(words) is not None


FREE = ("event", "errnorm.text", "errnorm.fingerprint", "errnorm.delay")


def shape(line: dict[str, Any]) -> dict[str, Any]:
    """What of a line no peer may change: all names, and all values but those of its own words."""
    return {key: type(value) if key.startswith("errnorm.param.") or key in FREE else value for key, value in line.items()}


@pytest.mark.parametrize("log_text", ["template", "raw", "none"])
@MANY
@given(template=A_TEMPLATE, value=HOSTILE)
def test_no_value_changes_the_shape_of_a_line(template: tuple[str, Entry, str], value: str, log_text: str) -> None:
    protocol, placed, text = template
    engine, line = engine_of(protocol), Line(log_text)
    texts = [filled(text, one, engine.table.kinds, fitting=True) for one in ("word", value)]
    plain, hostile = (engine.judge(Signal(protocol, placed.section, one, one)) for one in texts)
    lines = line.emitted(hostile), line.processed(hostile)
    if not decides(engine, placed, value):
        assert tuple(map(shape, lines)) == (shape(line.emitted(plain)), shape(line.processed(plain)))


@pytest.mark.parametrize("raw", ["{}", "-ERR '{}'\r\n", "nats: {}"])
@pytest.mark.parametrize("name", ["{subject}", "{SUBJECT}", "{queue}", "{text}"])
def test_a_name_that_looks_like_a_place_in_a_text_is_a_value_as_any_other(name: str, raw: str) -> None:
    said = f'Permissions Violation for Publish to "{name}"'
    error = NORMALIZER.normalize(raw.replace("{}", said), "nats")
    assert error.params == {"subject": name}
    assert "errnorm.param.subject" in Line("none").emitted(error)


@pytest.mark.parametrize("log_text", ["template", "raw", "none"])
@pytest.mark.parametrize(
    ("words", "reason"), [("connection refused", "transport.refused"), ("too many open files", "limits.resources")]
)
class TestWordsThatARowPassesOn:
    def test_they_decide_as_a_whole_and_leave_the_row_as_it_is(self, words: str, reason: str, log_text: str) -> None:
        plain, known = lines_of(log_text, "word", words)
        assert (plain["error.type"], known["error.type"]) == ("protocol.unexpected", reason)
        assert plain["errnorm.code"] == known["errnorm.code"]

    @pytest.mark.parametrize("around", ["x{}", "{} x", '"{}"', "no {}", "a.{}", "{}\x00", "{}\n"])
    def test_they_do_not_decide_inside_other_words(self, words: str, reason: str, log_text: str, around: str) -> None:
        plain, hostile = lines_of(log_text, "word", around.replace("{}", words))
        assert plain["error.type"] != reason
        assert shape(hostile) == shape(plain)


def lines_of(log_text: str, *said: str) -> list[dict[str, Any]]:
    """Return the lines for a row that ends in another error's words, with each of these words."""
    texts = [f"Could not find server_id: {one}" for one in said]
    return [Line(log_text).emitted(engine_of("nats").judge(Signal("nats", "older", text, text))) for text in texts]


@MANY
@given(text=HOSTILE)
def test_an_unknown_text_is_one_line_that_says_it_is_unknown(text: str) -> None:
    error = engine_of("nats").judge(Signal("nats", "error", "no such error: " + text, "no such error: " + text))
    assert not error.known
    assert Line("raw").emitted(error)["error.type"] == "_OTHER"


NORMALIZER = Normalizer([])
STANZA = "urn:ietf:params:xml:ns:xmpp-stanzas"
STREAM = "urn:ietf:params:xml:ns:xmpp-streams"
IN_XML = HOSTILE.map(lambda text: re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", text))


def stanza(condition: str, kind: str, said: str) -> bytes:
    """An error in a stanza whose every free place holds the same words."""
    root = Element("message", {"type": "error", "from": f"a@b/{said}", "to": said, "id": said})
    SubElement(root, "body").text = said
    error = SubElement(root, "error", {"type": kind, "by": said})
    SubElement(error, condition, {"xmlns": STANZA})
    SubElement(error, "text", {"xmlns": STANZA}).text = said
    return tostring(root)


def conditions(section: str) -> list[str]:
    """Return the rows of a section that are named by an element."""
    return [placed.key for _, placed in entries("xmpp") if placed.section == section and placed.key.isascii()]


A_CONDITION = st.deferred(lambda: st.sampled_from(conditions("stanza")))
AN_END = st.deferred(lambda: st.sampled_from(conditions("stream")))


@MANY
@given(
    condition=A_CONDITION,
    said=IN_XML,
    kind=st.sampled_from(["auth", "cancel", "continue", "modify", "wait"]),
)
def test_no_words_in_a_stanza_make_another_error_of_it(condition: str, said: str, kind: str) -> None:
    plain, hostile = (NORMALIZER.normalize(stanza(condition, kind, one), "xmpp") for one in ("word", said))
    assert judgement(hostile) == judgement(plain)
    assert plain.section == "stanza"
    line = Line("raw")
    assert line.emitted(hostile)["error.type"] == line.emitted(plain)["error.type"]


@MANY
@given(condition=AN_END, said=IN_XML)
def test_no_words_in_a_stream_error_make_another_error_of_it(condition: str, said: str) -> None:
    def stream(words: str) -> bytes:
        root = Element("{http://etherx.jabber.org/streams}error")
        SubElement(root, condition, {"xmlns": STREAM})
        SubElement(root, "text", {"xmlns": STREAM}).text = words
        return tostring(root)

    plain, hostile = (NORMALIZER.normalize(stream(one), "xmpp") for one in ("word", said))
    assert judgement(hostile) == judgement(plain)


@MANY
@given(payload=HOSTILE)
def test_a_payload_that_looks_like_an_error_stays_a_payload(payload: str) -> None:
    packet = f"MSG subject 1 {len(payload.encode('utf-8', 'replace'))}\r\n{payload}\r\n-ERR 'Stale Connection'\r\n"
    plain = NORMALIZER.normalize("MSG subject 1 4\r\nword\r\n-ERR 'Stale Connection'\r\n", "nats")
    found = NORMALIZER.normalize(packet, "nats")
    assert found.code in {plain.code, None}


WAIT = stanza("resource-constraint", "wait", "try again at once")
MOVED = f"<stream:error><see-other-host xmlns='{STREAM}'>attacker.example.org:5222</see-other-host></stream:error>"


def test_a_peer_that_always_says_wait_is_left_alone_after_some_attempts() -> None:
    attempts = RetryPolicy(attempts=6).start()
    decisions = [attempts.decide(normalize(WAIT, "xmpp"), idempotent=True) for _ in range(20)]
    assert [one.retry for one in decisions] == [True] * 5 + [False] * 15


def test_a_peer_that_says_come_back_at_once_does_not_make_us_come_faster() -> None:
    signal = Signal("xmpp", "stanza", "resource-constraint", family=(("type", "wait"),), retry_after=0.0)
    error = engine_of("xmpp").judge(signal)
    patient = RetryPolicy(attempts=None, base=1.0, cap=60.0)
    delays = [decide(error, idempotent=True, attempt=number, policy=patient, random=lambda: 0.5).delay for number in range(1, 12)]
    assert delays == sorted(delays, key=lambda delay: delay or 0.0)
    assert delays[-1] == 30.0


async def test_a_session_with_a_peer_that_always_says_wait_comes_to_an_end() -> None:
    pauses: list[float] = []

    async def served(_client: None) -> object:
        return WAIT

    async def opened() -> None:
        """Open it."""

    async def slept(seconds: float) -> None:
        pauses.append(seconds)

    with pytest.raises(StoppedError):
        await supervise(opened, served, protocol="xmpp", policy=RetryPolicy(attempts=7), sleep=slept)
    assert len(pauses) == 6


async def test_a_redirect_makes_nobody_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_args: object, **_named: object) -> None:
        pytest.fail("somebody connects")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, opened)
    error = NORMALIZER.normalize(MOVED, "xmpp")
    assert error.address == "attacker.example.org:5222"
    assert not decide(error, idempotent=True).retry

    connected: list[tuple[object, ...]] = []

    async def connect(*where: object) -> None:
        connected.append(where)

    async def serve(_client: None) -> object:
        return MOVED

    with pytest.raises(StoppedError):
        await supervise(connect, serve, protocol="xmpp", sleep=_never)
    assert connected == [()]


async def _never(_seconds: float) -> None:
    pytest.fail("it goes on")


class TestFinding:
    """`find` reads for people, and even there what a peer can write changes nothing of what has a form."""

    @MANY
    @given(template=A_TEMPLATE, value=HOSTILE)
    def test_no_value_changes_what_is_found_in_a_text_that_has_a_form(self, template: tuple[str, Entry, str], value: str) -> None:
        protocol, placed, text = template
        engine = engine_of(protocol)
        spoofed = filled(text, value, engine.table.kinds, fitting=True)
        normalized = normalize(spoofed)
        if "\n" in spoofed.strip() or not normalized.known or normalized.row is not placed:
            return
        assert [judgement(finding.error) for finding in find(spoofed)] == [judgement(normalized)]

    @pytest.mark.parametrize(
        "words", ["Authorization Violation", "-ERR 'Stale Connection'", "nats: timeout", "[Errno 111] Connection refused"]
    )
    def test_what_stands_in_a_name_or_a_subject_is_not_found_instead(self, words: str) -> None:
        (finding,) = find(f'[7] 2026/11/22 22:30:48.190000 [ERR] 127.0.0.1:1 - cid:7 - Publish Violation - Subject "{words}"')
        assert finding.error.reason == "auth.forbidden"
        stanza = f"<error type='cancel'><item-not-found xmlns='{STANZAS}'/><text xmlns='{STANZAS}'>{words}</text></error>"
        (finding,) = find(f"RECV: <iq type='error'>{stanza}</iq>")
        assert finding.error.reason == "protocol.not_found"

    @pytest.mark.parametrize("words", ["nats: timeout", "-ERR 'Stale Connection'", "StreamError: conflict"])
    def test_what_stands_in_somebody_s_words_says_so(self, words: str) -> None:
        assert [finding.how for finding in find(f"user wrote: {words}")] == [How.INSIDE]
        assert not normalize(f"user wrote: {words}").known
