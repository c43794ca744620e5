from __future__ import annotations

import asyncio
import json
import traceback

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from errnorm import find, normalize
from errnorm.finding import How
from errnorm.taxonomy import Reason


def reasons(text: str) -> list[str]:
    return [finding.error.reason.value for finding in find(text)]


def known(text: str) -> list[tuple[str, str]]:
    return [(finding.error.reason.value, finding.how.value) for finding in find(text)]


FRAMES = [
    "2024-08-21T12:26:22.558721383Z ",
    "2018-05-28 16:04:12,695 ERROR    app.orders ",
    "ERROR:orders:",
    "WARNING  ",
    "[2021-12-07 16:42:01.512] ERROR default.node - ",
    "Jun 10 12:18:04 host1 app[182839]: ",
    "\u0447\u0435\u0440 19 15:09:12 host1 python[16985]: ",
    "nats-0  | ",
    "[pod/nats-0/nats] ",
    "2016-10-06T00:17:09.669794202Z stdout F ",
    "E0612 12:00:00.000000       1 file.go:123] ",
    "> ",
    "\x1b[31mERROR\x1b[0m ",
    "04-05 13:12:49.884 16085-16219/org.example.app D/TAG: ",
    "<somebody> ",
    "client.umd.js:5029 ",
    "transport.ts:76:12 ",
    "/usr/lib/ruby/gems/client.rb:629:in `block in fetch': ",
    "2016-03-11 13:25:57:701 Example[2582:760b] ",
    "Fri Mar  6 00:00:18 2015 [notice] ",
    "Fri, Mar 11 2022 6:49:49 pm | ",
]


class TestFrames:
    @pytest.mark.parametrize("frame", FRAMES)
    def test_a_frame_changes_the_answer_in_nothing_but_how_it_is_known(self, frame: str) -> None:
        assert known(f"{frame}nats: no responders available for request") == [("transport.unavailable", "framed")]

    def test_the_words_of_somebody_around_a_text_say_so(self) -> None:
        assert known("could not tell the others about it: nats: timeout") == [("transport.timeout", "inside")]

    def test_a_text_that_stands_alone_is_whole(self) -> None:
        assert known("nats: timeout") == [("transport.timeout", "whole")]

    def test_a_match_says_where_it_stands(self) -> None:
        (finding,) = find("first line\nERROR:orders:nats: timeout")
        assert (finding.line, finding.start, finding.end, finding.match) == (2, 13, 26, "nats: timeout")

    @pytest.mark.parametrize("line", ['level=error msg="x" error="nats: timeout"', 'ts=1 err="nats: timeout" caller=a.go:3'])
    def test_a_field_of_a_structured_line_is_read(self, line: str) -> None:
        assert known(line) == [("transport.timeout", "framed")]

    @pytest.mark.parametrize("field", ["error", "err", "msg", "message", "log", "MESSAGE", "exception"])
    def test_a_field_of_a_json_line_is_read(self, field: str) -> None:
        assert known(json.dumps({"level": "error", field: "nats: timeout"})) == [("transport.timeout", "framed")]

    def test_a_json_line_in_a_json_line_is_read(self) -> None:
        inner = json.dumps({"level": "error", "error": "nats: no responders available for request"})
        assert reasons(json.dumps({"log": f"{inner}\n", "stream": "stdout"})) == ["transport.unavailable"]


class TestSentencesOfApplications:
    def test_a_sentence_that_gives_no_cause_is_an_answer_if_nothing_else_is(self) -> None:
        assert reasons("2026-11-30 10:00:00 ERROR app: Failed to connect to NATS.") == ["transport.refused"]
        assert reasons("NATS connection lost, reconnecting...") == ["transport.lost"]

    def test_the_cause_beside_it_is_the_only_answer(self) -> None:
        assert reasons("Failed to connect to NATS\nnats: Authorization Violation") == ["auth.rejected"]
        assert reasons("Failed to connect to NATS: nats: Authorization Violation") == ["auth.rejected"]

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("ERROR bot: Failed to connect to the XMPP server.", ["transport.refused"]),
            ('"Lost connection to jabber server chat.example.com:5222"', ["transport.lost"]),
            ("xmpp.go:130] XMPP conversation died; restarting\ndial tcp: lookup a.example: no such host", ["transport.dns"]),
            ("MucClient: Failed to join the MUCs.\nXMPPErrorException: XMPPError: not-allowed - cancel", ["protocol.rejected"]),
            (
                "NotImplementedError: Unhandled stream:error node:\n<stream:error><conflict></conflict></stream:error>",
                ["shutdown.replaced"],
            ),
            ("Unhandled stream:error node:", ["protocol.rejected"]),
            ("Connected to the XMPP server\nTrying to connect to XMPP server", []),
        ],
    )
    def test_sentences_about_xmpp_are_read_alike(self, text: str, found: list[str]) -> None:
        assert reasons(text) == found

    def test_a_sentence_about_a_connection_that_is_up_is_no_error(self) -> None:
        assert reasons("Connection to NATS established\nTrying to connect to NATS\nreconnected to NATS") == []


class TestConditionsInWords:
    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("Unable to join groupchat.    Reason: Remote server not found", "transport.remote"),
            ("There was an error registering the account. Reason: Not allowed", "protocol.rejected"),
            ("Presence error from: room@conference.server.example/nick: Service is not available", "transport.unavailable"),
            ("Message error from: a@b.example: You are forbidden to perform requested action ('x')", "auth.forbidden"),
            ("XMPP Stream Error: Policy violation", "limits.policy"),
            ("Stream Negotiation Error: Host unknown", "protocol.misaddressed"),
            ("connection: Connection error on 0x1 (reason: 16 description: Remote Server Timeout)", "transport.remote"),
            ("Could not register account error code=409", "protocol.conflict"),
            ("&{{http://etherx.jabber.org/streams error} {urn:ietf:params:xml:ns:xmpp-streams reset} x}", "shutdown.reset"),
            ("{{urn:ietf:params:xml:ns:xmpp-sasl failure} {urn:ietf:params:xml:ns:xmpp-sasl aborted}}", "auth.rejected"),
            ("ErrorResponseException: Received NX_DOMAIN error response", "transport.dns"),
        ],
    )
    def test_a_program_may_say_a_condition_in_words(self, text: str, reason: str) -> None:
        assert reasons(text) == [reason]

    @pytest.mark.parametrize("text", ["Unable to join groupchat. Reason: I am tired", 'She says "Presence error from: nobody"'])
    def test_other_words_there_say_nothing(self, text: str) -> None:
        assert reasons(text) == []


class TestNotices:
    WARNING = "[7] 2021/12/13 02:10:50.129958 [WRN] Cluster name was dynamically generated, consider setting one"

    def test_a_warning_is_found_where_there_is_no_error(self) -> None:
        assert reasons(self.WARNING) == ["protocol.notice"]
        assert reasons(f"{self.WARNING}\nnats: timeout") == ["transport.timeout"]

    @pytest.mark.parametrize(
        "line", ["[1] 2019/01/04 10:06:53.791260 [INF] Server is ready", "nats-server: configuration file ./nats.conf is valid"]
    )
    def test_what_is_all_right_is_not(self, line: str) -> None:
        assert find(line) == []


class TestSeveral:
    def test_each_line_is_read_by_itself_and_in_order(self) -> None:
        replaced = "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
        text = f"-ERR 'Stale Connection'\nnothing here\nnats: timeout\n{replaced}"
        assert reasons(f"first\n{text}") == ["transport.stale", "transport.timeout", "shutdown.replaced"]

    def test_a_line_folded_by_hand_is_put_together(self) -> None:
        folded = '[ERR] 127.0.0.1:5 - cid:6 - "v3"\n      - Publish Violation - Subject "orders.new"'
        assert reasons(folded) == ["auth.forbidden"]

    def test_nothing_is_found_where_nothing_is(self) -> None:
        assert find("") == []
        assert find("The connection of ideas is closed to discussion.\nPlease reset the conflict.") == []


TRACEBACK = """Traceback (most recent call last):
  File "/app/a.py", line 3, in f
    await nc.request()
{first}

{link}

Traceback (most recent call last):
  File "/app/b.py", line 9, in g
    raise KeyError("x") from error
{last}
"""
CAUSE = "The above exception was the direct cause of the following exception:"
CONTEXT = "During handling of the above exception, another exception occurred:"
TIMEOUT = "nats.errors.TimeoutError: nats: timeout"


class TestTracebacks:
    def test_the_last_exception_counts(self) -> None:
        text = TRACEBACK.format(first="asyncio.exceptions.CancelledError", link=CONTEXT, last=TIMEOUT)
        assert reasons(text) == ["transport.timeout"]

    def test_of_an_application_s_exception_what_it_was_raised_from(self) -> None:
        assert reasons(TRACEBACK.format(first=TIMEOUT, link=CAUSE, last="KeyError: 'x'")) == ["transport.timeout"]

    def test_what_was_merely_being_handled_lends_it_nothing(self) -> None:
        assert reasons(TRACEBACK.format(first=TIMEOUT, link=CONTEXT, last="KeyError: 'x'")) == []

    def test_each_member_of_a_group_counts(self) -> None:
        async def fail(error: Exception) -> None:
            raise error

        async def main() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail(TimeoutError("nats: timeout")))
                group.create_task(fail(ConnectionResetError(104, "Connection reset by peer")))

        with pytest.raises(ExceptionGroup) as caught:
            asyncio.run(main())
        text = "".join(traceback.format_exception(caught.value))
        assert reasons(text) == ["transport.timeout", "transport.lost"]

    def test_times_before_each_line_do_not_matter(self) -> None:
        text = TRACEBACK.format(first="ValueError", link=CAUSE, last=TIMEOUT)
        stamped = "\n".join(f"2024-08-20T17:48:21.021032638Z {line}" for line in text.splitlines())
        assert reasons(stamped) == ["transport.timeout"]

    def test_the_lines_of_the_source_are_none_of_it(self) -> None:
        assert reasons('  File "a.py", line 1, in f\n    raise nats.errors.TimeoutError\nKeyError') == []

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("nats.errors.TimeoutError: nats: timeout", Reason.TRANSPORT_TIMEOUT),
            ("NoRespondersError", Reason.TRANSPORT_UNAVAILABLE),
            ("[SlowConsumerError(), SlowConsumerError()]", Reason.LIMITS_SLOW_CONSUMER),
            ("error (<class 'nats.aio.errors.ErrStaleConnection'>,) {}", Reason.TRANSPORT_STALE),
            ("slixmpp.exceptions.IqTimeout: <iq type='get'/>", Reason.TRANSPORT_TIMEOUT),
            ("ConnectionRefusedError: [Errno 111] Connect call failed ('127.0.0.1', 4222)", Reason.TRANSPORT_REFUSED),
        ],
    )
    def test_one_line_of_it_is_enough(self, line: str, reason: Reason) -> None:
        assert reasons(line) == [reason]


ERROR = "<iq type='error'><error type='wait'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"


class TestElements:
    @pytest.mark.parametrize("before", ["RECV: ", "D/SMACK: RECV (0): ", "queueing for write: ", 'Send XML on stream = <<"', "`"])
    def test_an_element_is_found_behind_words(self, before: str) -> None:
        assert reasons(f"{before}{ERROR}") == ["auth.forbidden"]

    def test_a_whole_element_is_read_as_normalize_reads_it(self) -> None:
        (finding,) = find(f"D/SMACK: RECV (0): {ERROR}")
        assert finding.error.to_record() == normalize(ERROR).to_record()

    @pytest.mark.parametrize("cut", [ERROR[:-7], ERROR.replace("<iq ", "iq "), ERROR.replace("</error>", "")])
    def test_a_broken_element_says_what_its_tags_say_and_that_it_was_guessed(self, cut: str) -> None:
        (finding,) = find(f"RECV: {cut}")
        assert (finding.error.reason, finding.how) == (Reason.AUTH_FORBIDDEN, How.INSIDE)

    def test_an_element_in_a_quoted_text_keeps_its_type(self) -> None:
        (finding,) = find('innerHTML: "' + ERROR.replace("'", '\\"') + '"')
        assert finding.error.reason is Reason.AUTH_FORBIDDEN
        assert finding.error.retryable

    def test_an_element_may_be_escaped_for_a_page(self) -> None:
        assert reasons(ERROR.replace("<", "&lt;").replace(">", "&gt;")) == ["auth.forbidden"]

    def test_an_element_may_have_several_lines(self) -> None:
        assert reasons("RECV:\n" + ERROR.replace("><", ">\n  <") + "\nnats: timeout") == ["auth.forbidden", "transport.timeout"]

    def test_what_somebody_wrote_into_a_message_is_no_error(self) -> None:
        assert find("RECV: <message><body>&lt;stream:error&gt;&lt;conflict/&gt;&lt;/stream:error&gt;</body></message>") == []


PIECES = [
    *("nats: ", "-ERR '", 'error="', '{"error": "', "<iq type='error'>", "Traceback (most recent call last):\n", ": ", "\n"),
    *(
        "[Errno 111] ",
        "dial tcp ",
        "a.b.C: ",
        '  File "x", line 1\n',
        CAUSE + "\n",
        "[ERR] ",
        " - cid:1 - ",
        "\\",
        "}",
        "&lt;iq ",
    ),
]


class TestHostile:
    @settings(max_examples=150, deadline=None)
    @given(st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=30).map("".join))
    def test_no_text_raises(self, text: str) -> None:
        for finding in find(text):
            assert finding.error.known

    @pytest.mark.parametrize("piece", [": ", "nats: ", "a.", "(", '"', "'", "error=", '{"', "<a ", ".", " - ", "A", "[1] ", "\\"])
    def test_the_work_does_not_grow_with_the_square_of_a_line(self, piece: str) -> None:
        find(piece * (200_000 // len(piece)))  # pytest's time limit is the assertion


# What any program may say, and classes that have the name of many others.
EVERYBODYS = [
    "Shutting down...",
    "Received SIGTERM",
    "Server is ready",
    "read error: EOF",
    "invalid character '<' looking for beginning of value",
    "NotFoundError: Error code: 404",
    "ValidationError: 1 validation error for User",
    "BadRequestError: no such model",
    "ConnectionClosedError",
    "ServiceUnavailableError: try later",
    "KeyNotFoundError",
    "AuthorizationError: no",
]


class TestWhatIsEverybodys:
    @pytest.mark.parametrize("text", EVERYBODYS)
    def test_it_is_claimed_by_no_protocol(self, text: str) -> None:
        assert find(text) == []

    @pytest.mark.parametrize("text", ["TimeoutError", "ConnectionError: it broke", "ConnectionRefusedError"])
    def test_a_builtin_exception_lies_under_both_protocols(self, text: str) -> None:
        assert [finding.error.protocol for finding in find(text)] == ["transport"]

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("[7] 2024/01/01 00:00:00.000000 [ERR] read error: EOF", "transport.lost"),
            ("Jun 10 12:18:04 general\twarn\tReceived SIGTERM", "shutdown.server"),
            ("nats.js.errors.NotFoundError", "protocol.not_found"),
            ("aioxmpp.errors.StreamError", "protocol.rejected"),
        ],
    )
    def test_a_frame_or_the_whole_name_says_whose_it_is(self, text: str, reason: str) -> None:
        assert reasons(text) == [reason]


class TestConditionsInProse:
    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("I get: unable to join groupchat not-acceptable", "protocol.rejected"),
            ("Server returned error: remote-server-timeout", "transport.remote"),
            ("Got error of type 'cancel' (item-not-found) for identifier 'a'", "protocol.not_found"),
        ],
    )
    def test_a_condition_of_the_standard_is_known_by_its_hyphens(self, text: str, reason: str) -> None:
        assert known(text) == [(reason, "inside")]

    @pytest.mark.parametrize("text", ["a conflict of two branches", "this page is gone", "access is forbidden", "reset it"])
    def test_a_condition_that_is_a_word_of_every_day_is_not(self, text: str) -> None:
        assert known(text) == []


class TestOtherRuntimes:
    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("client.rb:1:in `fetch': nats: fetch timeout (NATS::IO::Timeout)", "transport.timeout"),
            ("the words of nobody (NATS::IO::NoServersError)", "transport.refused"),
            ("** (MatchError) no match of right hand side value: {:error, :closed}", "transport.lost"),
            ("failed to connect {:error, :econnrefused}", "transport.refused"),
            (
                'Error Domain=XMPPStreamErrorDomain Code=4 "No suitable authentication method found" UserInfo=0x1',
                "auth.mechanism",
            ),
            ('Error Domain=GCDAsyncSocketErrorDomain Code=7 "Socket closed by remote peer"', "transport.lost"),
            (
                "javax.net.ssl.SSLHandshakeException: a.b.ValidatorException: PKIX path building failed: c.d.E: no",
                "auth.untrusted",
            ),
            ("java.io.IOException: java.net.ConnectException: Connection refused (Connection refused)", "transport.refused"),
            ("HandshakeException: Handshake error (OS Error: WRONG_VERSION_NUMBER(tls_record.cc:242))", "transport.tls"),
            ("SocketException: no (OS Error: Connection refused, errno = 111), address = x", "transport.refused"),
            ("http: TLS handshake error from 192.0.2.1:4711: EOF", "transport.tls"),
            ("VM10:1 WebSocket connection to 'ws://example.com/' failed: net::ERR_NAME_NOT_RESOLVED", "transport.dns"),
            ("Netlib_Recv() failed, error=10054", "transport.lost"),
            ('Error: Custom { kind: InvalidInput, error: "cannot parse server info" }', "protocol.malformed"),
            ("POST https://example.com/http-bind/ 502 (Bad Gateway)", "transport.unavailable"),
            ("a.js:1 WebSocket connection to 'wss://example.com/xmpp-websocket' failed: ", "transport.refused"),
            ("Failed to retrieve carbons.service-unavailable(503)", "transport.unavailable"),
            ("Message delivery to someone failed: (Code 503)", "transport.unavailable"),
            ("a-CRITICAL **: uncaught error: Unacceptable TLS certificate (g-tls-error-quark, 2)", "auth.untrusted"),
            ("javax.net.ssl.SSLPeerUnverifiedException: No peer certificate", "transport.tls"),
            ("Websocket closed unexpectedly converse.js:149:12388", "transport.lost"),
            ("connection: Connection error on 0x7f (reason: 5 description: SSL Handshake Failed)", "transport.tls"),
            ('{\n  "name": "NatsError",\n  "message": "nats: timeout"\n}', "transport.timeout"),
            ("WARNING (MainThread) [homeassistant.components.xmpp.notify] Login failed", "auth.rejected"),
            ("/usr/lib/prosody/core/a.lua:65: attempt to index local 'b' (a nil value)", "transport.internal"),
        ],
    )
    def test_an_error_is_known_by_what_its_runtime_prints(self, text: str, reason: str) -> None:
        assert reasons(text) == [reason]

    def test_a_cause_in_the_words_says_more_than_the_class_before_it(self) -> None:
        assert reasons("java.io.IOException: java.net.UnknownHostException: chat.example.com") == ["transport.dns"]


def test_a_condition_without_its_namespace_is_for_people() -> None:
    (found,) = find("rx  <stream:error>\nrx    <conflict></conflict>\nrx  </stream:error>")
    assert (found.error.reason, found.how) == (Reason.SHUTDOWN_REPLACED, How.INSIDE)
    (plain,) = find("<stream:error><weird/></stream:error>")
    assert plain.error.code == "undefined-condition"


def test_both_spellings_of_a_server_that_stops_mean_the_status_that_the_server_sent() -> None:
    status, *texts = (
        find(text)[0].error for text in ("NATS/1.0 409 Server Shutdown", "nats: Server Shutdown", "nats: server shutdown")
    )
    assert {(one.reason, one.recovery, one.terminal) for one in texts} == {(status.reason, status.recovery, status.terminal)}


def test_a_reply_without_an_err_code_is_refined_by_its_description() -> None:
    reply = {
        "type": "io.nats.jetstream.api.v1.stream_msg_get_response",
        "error": {"code": 500, "description": "no message found"},
    }
    assert reasons(json.dumps(reply)) == ["protocol.not_found"]
