"""Who is asked, and in which order; and that nothing a stranger brings gets through as an exception."""

from __future__ import annotations

import errno
import logging
from typing import TYPE_CHECKING

import nats.errors
import pytest
from hypothesis import given
from hypothesis import strategies as st

import errnorm
from errnorm import plugins
from errnorm.error import Signal
from errnorm.exceptions import ReportedException, class_names, message_of
from errnorm.installed import EntryPoint
from errnorm.normalizer import Normalizer
from errnorm.tables.file import read
from errnorm.tables.source import TableError
from errnorm.tables.table import Table
from errnorm.taxonomy import Category, Reason, Recovery

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from errnorm.adapters import Adapter

ROAD = """
protocol = "road"
version = "3"
underlies = true
[sections]
jam = { about = "what blocks the road", ignore_case = true }
[jam.Fog]
reason = "transport.stale"
recovery = "reconnect"
terminal = true
effect = "unknown"
reach = "client"
evidence = "source"
source = "s"
"""


class LetterError(Exception):
    """The client library's own exception."""


class FogError(Exception):
    """Something below both."""


def observe_post(error: object) -> Signal | None:
    if isinstance(error, str):
        return Signal("post", None if error.islower() else "letter", error, error)
    if class_names(error)[0].endswith("LetterError"):
        return Signal("post", "letter", message_of(error), message_of(error))
    return None


def observe_road(error: object) -> Signal | None:
    if isinstance(error, str):
        return Signal("road", None, error, error)
    return Signal("road", "jam", "fog") if class_names(error)[0].endswith("FogError") else None


def observe_nothing(error: object) -> Signal | None:
    message = f"this adapter is broken: {error!r}"
    raise RuntimeError(message)


ADAPTERS: dict[str, Adapter] = {"broken": observe_nothing, "post": observe_post, "road": observe_road}


@pytest.fixture
def normalizer(monkeypatch: pytest.MonkeyPatch, post_text: str) -> Normalizer:
    tables = {"post": post_text, "road": ROAD}

    def load_table(protocol: str, overlays: Iterable[Path] = ()) -> Table:
        return Table([read(tables[protocol], protocol)], [(path.read_text(), str(path)) for path in overlays])

    monkeypatch.setattr(plugins, "adapters", lambda: {name: EntryPoint(name, name, "errnorm.adapters") for name in ADAPTERS})
    monkeypatch.setattr(plugins, "load_adapter", lambda point: ADAPTERS[point.name])
    monkeypatch.setattr(plugins, "load_table", load_table)
    monkeypatch.setattr(plugins, "protocols", lambda: list(tables))
    return Normalizer([])


def test_a_text_is_known_without_its_protocol(normalizer: Normalizer) -> None:
    error = normalizer.normalize("Office Burnt Down")
    assert (error.protocol, error.code) == ("post", "Office Burnt Down")


def test_a_text_of_a_protocol_is_not_looked_for_in_another(normalizer: Normalizer) -> None:
    assert not normalizer.normalize("forbidden", "broken").known


def test_a_text_may_come_from_what_lies_under_the_protocol(normalizer: Normalizer) -> None:
    error = normalizer.normalize("fog", "post")
    assert (error.protocol, error.section, error.tables_version) == ("post", "jam", "road 3")


def test_what_lies_under_every_protocol_stands_for_itself_where_none_is_given(normalizer: Normalizer) -> None:
    assert normalizer.normalize("fog").protocol == "road"


def test_an_unknown_text_says_which_section_it_would_be_in(normalizer: Normalizer) -> None:
    error = normalizer.normalize("Never Heard Of 7")
    assert (error.protocol, error.section, error.category, error.fingerprint) == (
        "post", "letter", Category.UNKNOWN, "Never Heard Of <n>",
    )  # fmt: skip


def test_an_unknown_text_of_nobody_says_nothing(normalizer: Normalizer) -> None:
    error = normalizer.normalize("never heard of")
    assert (error.protocol, error.section, error.category) == (None, None, Category.UNKNOWN)


def test_the_protocol_that_was_given_stays(normalizer: Normalizer) -> None:
    assert normalizer.normalize(b"\x00\xff", "post").protocol == "post"


def test_an_exception_is_seen_through_to_its_cause(normalizer: Normalizer) -> None:
    error = RuntimeError("while sending")
    error.__cause__ = LetterError("Too Heavy: 3 g")
    assert normalizer.normalize(error).reason is Reason.LIMITS_SIZE


def test_an_exception_that_a_row_knows_is_not_seen_through(normalizer: Normalizer) -> None:
    error = LetterError("Queue Too Long")
    error.__cause__ = FogError()
    assert normalizer.normalize(error).reason is Reason.LIMITS_RATE


def test_a_row_that_merely_wraps_gives_way_to_what_it_wraps(normalizer: Normalizer) -> None:
    error = LetterError("Forwarded")
    assert normalizer.normalize(error).reason is Reason.TRANSPORT_REMOTE
    error.__cause__ = FogError()
    assert normalizer.normalize(error).reason is Reason.TRANSPORT_STALE


def test_a_row_that_merely_wraps_does_not_give_way_to_the_unknown(normalizer: Normalizer) -> None:
    error = LetterError("Forwarded")
    error.__cause__ = ValueError("?")
    assert normalizer.normalize(error).reason is Reason.TRANSPORT_REMOTE


def test_an_exception_of_another_protocol_is_known_under_its_own(normalizer: Normalizer) -> None:
    assert normalizer.normalize(LetterError("Queue Too Long"), "broken").protocol == "post"


def test_an_exception_that_lies_under_every_protocol_takes_the_one_given(normalizer: Normalizer) -> None:
    assert normalizer.normalize(FogError(), "post").protocol == "post"


def test_a_group_is_its_member_that_forbids_most(normalizer: Normalizer) -> None:
    passing, final, stranger = LetterError("Queue Too Long"), LetterError("Too Heavy: 3 g"), KeyError("a bug")
    assert normalizer.normalize(ExceptionGroup("g", [passing, final])).reason is Reason.LIMITS_SIZE
    assert normalizer.normalize(ExceptionGroup("g", [passing, ExceptionGroup("h", [stranger])])).claimed is False
    assert normalizer.normalize(ExceptionGroup("g", [stranger, final])).reason is Reason.LIMITS_SIZE
    wrapper = RuntimeError("while sending")
    wrapper.__cause__ = ExceptionGroup("g", [passing, final])
    assert normalizer.normalize(wrapper).reason is Reason.LIMITS_SIZE


def test_what_was_being_handled_lends_an_exception_nothing(normalizer: Normalizer) -> None:
    bug = KeyError("order")
    bug.__context__ = LetterError("Queue Too Long")
    assert not normalizer.normalize(bug, "post").claimed
    wrapper = LetterError("Forwarded")
    wrapper.__context__ = FogError()
    assert normalizer.normalize(wrapper).reason is Reason.TRANSPORT_STALE


def test_an_exception_that_nobody_knows_keeps_its_class_and_text(normalizer: Normalizer) -> None:
    error = normalizer.normalize(ZeroDivisionError("by 0"), "post")
    assert (error.text, error.fingerprint) == ("builtins.ZeroDivisionError: by 0", "builtins.ZeroDivisionError: by <n>")


def test_the_same_text_is_judged_once(normalizer: Normalizer) -> None:
    assert normalizer.normalize("Queue Too Long") is normalizer.normalize("Queue Too Long")


def test_no_peer_can_fill_the_memory(normalizer: Normalizer) -> None:
    first = normalizer.normalize("Queue Too Long")
    for number in range(5000):
        normalizer.normalize(f"Too Heavy: {number} g")
    assert len(normalizer._remembered) <= 1024
    assert normalizer.normalize("Queue Too Long") is not first


def test_long_texts_are_not_kept(normalizer: Normalizer) -> None:
    text = f"Too Heavy: {'1' * 1000} g"
    assert normalizer.normalize(text) is not normalizer.normalize(text)


def test_an_adapter_that_cannot_be_imported_is_said_and_does_no_harm(
    normalizer: Normalizer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def load_adapter(point: EntryPoint) -> Adapter:
        if point.name == "road":
            raise ModuleNotFoundError(name="road")
        return ADAPTERS[point.name]

    monkeypatch.setattr(plugins, "load_adapter", load_adapter)
    assert [normalizer.normalize(raw).protocol for raw in ("fog", "fog", "Queue Too Long")] == [None, None, "post"]
    assert caplog.text.count("the adapter of road could not be loaded and is ignored: ModuleNotFoundError") == 1


@pytest.mark.parametrize("name", ["load_adapter", "load_table"])
def test_what_could_not_be_loaded_for_want_of_stack_is_loaded_the_next_time(
    name: str, normalizer: Normalizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object) -> None:
        raise RecursionError

    with monkeypatch.context() as patched:
        patched.setattr(plugins, name, no_room)
        assert normalizer.normalize("Queue Too Long", "post").reason is Reason.UNKNOWN
    assert normalizer.normalize("Queue Too Long", "post").reason is Reason.LIMITS_RATE


def test_a_protocol_that_callers_make_up_is_not_kept(normalizer: Normalizer) -> None:
    assert {normalizer.normalize(FogError(), f"made up {number}").reason for number in range(3)} == {Reason.TRANSPORT_STALE}
    assert not [name for name in normalizer._orders if name and name.startswith("made up")]


def refused() -> ConnectionRefusedError:
    return ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")


def test_what_the_system_says_again_is_judged_once() -> None:
    normalizer = Normalizer([])
    first = normalizer.normalize(refused(), "nats")
    assert (first.reason, first.protocol) == (Reason.TRANSPORT_REFUSED, "nats")
    assert normalizer.normalize(refused(), "nats") is first
    wrapper = RuntimeError("while publishing")
    wrapper.__cause__ = refused()
    assert normalizer.normalize(wrapper, "nats") is first


def test_an_exception_with_nothing_but_its_class_is_judged_once() -> None:
    normalizer = Normalizer([])
    first = normalizer.normalize(nats.errors.NoRespondersError(), "nats")
    assert normalizer.normalize(nats.errors.NoRespondersError(), "nats") is first
    told = nats.errors.NoRespondersError()
    told.add_note("of the second order")
    assert normalizer.normalize(told, "nats") is not first


def test_what_the_system_says_is_remembered_for_the_protocol_it_was_said_under() -> None:
    normalizer = Normalizer([])
    assert [normalizer.normalize(refused(), name).protocol for name in ("nats", "xmpp", None)] == ["nats", "xmpp", "transport"]


@pytest.mark.parametrize(
    "other",
    [
        ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused", "/etc/nats.creds"),
        ConnectionResetError(errno.ECONNREFUSED, "Connection refused"),
        type("StrangeError", (ConnectionRefusedError,), {})(errno.ECONNREFUSED, "Connection refused"),
        ConnectionRefusedError("nats: authorization violation"),
        ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused " + "x" * 300),
    ],
    ids=["names a file", "another class", "a class of its own", "no number", "long"],
)
def test_what_says_something_else_is_not_taken_for_the_same(other: OSError) -> None:
    normalizer = Normalizer([])
    remembered = normalizer.normalize(refused(), "nats")
    found = normalizer.normalize(other, "nats")
    assert found is not remembered
    assert found.to_record() == Normalizer([]).normalize(other, "nats").to_record()


def test_what_an_unknown_number_of_the_system_wraps_is_not_remembered_as_its_meaning() -> None:
    normalizer = Normalizer([])
    strange = OSError(98765, "Strange")
    strange.__cause__ = refused()
    assert normalizer.normalize(strange, "nats").reason is Reason.TRANSPORT_REFUSED
    assert normalizer.normalize(OSError(98765, "Strange"), "nats").reason is not Reason.TRANSPORT_REFUSED


def test_a_broken_adapter_is_said_and_does_no_harm(normalizer: Normalizer, caplog: pytest.LogCaptureFixture) -> None:
    assert normalizer.normalize("Queue Too Long", "broken").category is Category.UNKNOWN
    assert "the adapter of broken failed: RuntimeError" in caplog.text


@pytest.mark.usefixtures("normalizer")
def test_a_broken_overlay_is_said_and_the_built_in_rows_are_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    overlay = tmp_path / "mine.toml"
    overlay.write_text('protocol = "post"\nversion = "1"\n[window]\nforbidden = { recovery = "dance" }\n')
    assert Normalizer([overlay]).normalize("Queue Too Long").known
    assert f"{overlay}:4: window.forbidden.recovery" in caplog.text


@pytest.mark.usefixtures("normalizer")
def test_who_loads_first_hears_of_a_broken_overlay(tmp_path: Path) -> None:
    overlay = tmp_path / "mine.toml"
    overlay.write_text("protocol = \n")
    with pytest.raises(TableError, match=r"mine\.toml:1"):
        Normalizer([overlay]).load()


def test_loading_first_changes_nothing_else(normalizer: Normalizer) -> None:
    normalizer.load()
    assert normalizer.normalize("fog", "post").known


def test_who_prepares_reads_no_file_at_the_first_error(normalizer: Normalizer, monkeypatch: pytest.MonkeyPatch) -> None:
    normalizer.prepare()
    monkeypatch.setattr(plugins, "load_table", None)
    monkeypatch.setattr(plugins, "load_adapter", None)
    assert normalizer.normalize("Queue Too Long").known
    assert normalizer.normalize("fog", "post").known


def test_a_table_that_is_gone_leaves_unknown_errors(normalizer: Normalizer, caplog: pytest.LogCaptureFixture) -> None:
    assert normalizer.engine("gone") is None
    assert normalizer.engine("gone") is None
    assert caplog.text.count("the table of gone cannot be used") == 1


@pytest.mark.parametrize(
    "raw",
    [
        None,
        7,
        b"\xff\x00",
        bytearray(b"x"),
        memoryview(b"y"),
        object(),
        [],
        {},
        type,
        ReportedException(("a.B",), "x"),
        float("nan"),
    ],
)
def test_anything_gets_an_answer(normalizer: Normalizer, raw: object) -> None:
    assert normalizer.normalize(raw).category is Category.UNKNOWN


@given(
    raw=st.one_of(st.text(), st.binary(), st.integers(), st.none(), st.dictionaries(st.text(), st.text())),
    protocol=st.none() | st.text(),
)
def test_with_what_is_installed_anything_gets_an_answer(raw: object, protocol: str | None) -> None:
    assert errnorm.normalize(raw, protocol).recovery in Recovery


class Unhashable(str):
    """A text that cannot be looked up."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]


def test_a_text_that_cannot_be_hashed_gets_an_answer(normalizer: Normalizer) -> None:
    assert normalizer.normalize(Unhashable("Queue Too Long")) is not None


def test_the_logger_is_the_librarys_own(normalizer: Normalizer, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        normalizer.normalize("x", "broken")
    assert {record.name for record in caplog.records} == {"errnorm"}
