"""What is judged by its shape, or by what it holds, is judged as if it had come alone."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errnorm import plugins
from errnorm.exceptions import ReportedException, content_of
from errnorm.normalizer import Normalizer
from errnorm.tables.pattern import Template
from errnorm.tables.shape import shape_of
from errnorm.tables.table import Section

if TYPE_CHECKING:
    from errnorm.error import NormalizedError

DATA = Path(__file__).parents[1] / "data"
QUOTED = re.compile(r'"[^"]*"')


@cache
def texts() -> list[str]:
    """Return what servers, clients and people wrote, and every text of a table, alone and as a server sends it."""
    files = [*sorted((DATA / "vectors").glob("*.jsonl")), *sorted((DATA / "wild").glob("*.jsonl"))]
    said = [json.loads(line).get("raw") for file in files for line in file.read_text("utf-8").splitlines()]
    found = [one for one in said if isinstance(one, str)]
    for protocol in plugins.protocols():
        table = plugins.load_table(protocol)
        for entry in table.rows.values():
            for text in entry.texts():
                sample = Template(text, table.kinds, None, ignore_case=False).sample() if Template.has_places(text) else text
                found += [sample, f"-ERR '{sample}'\r\n", f"nats: '{sample}'"]
    return list(dict.fromkeys(found))


def said_of(error: NormalizedError) -> tuple[object, ...]:
    """Return everything that an error answers."""
    return (*error.to_record().items(), error.lossy, error.claimed, error.retry_after, error.signal.code, error.judgement)


@cache
def plain() -> Normalizer:
    """Return a normalizer that is asked without its memory."""
    return Normalizer([])


@cache
def experienced() -> Normalizer:
    """Return a normalizer that has seen everything, most of it twice."""
    normalizer = Normalizer([])
    for text in (*texts(), *(another(text, 1) for text in texts()), *(another(text, 2) for text in texts())):
        for protocol in (None, "nats", "xmpp"):
            normalizer.normalize(text, protocol)
    return normalizer


def another(text: str, number: int) -> str:
    """Return a text with other digits and other words in its quotations."""
    return QUOTED.sub(f'"some.{number} words"', re.sub("[0-9]", lambda found: str((int(found[0]) + number) % 10), text))


@given(st.data())
def test_a_text_means_what_it_means_alone_whatever_came_before_it(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(texts()))
    number = data.draw(st.integers(0, 9))
    value = data.draw(st.one_of(st.text(max_size=20), st.sampled_from(["", "a", "a b", "7", "x' y", "\n", "\\", "`", "a' - '"])))
    text = QUOTED.sub(lambda _: f'"{value}"', re.sub("[0-9]", lambda found: str((int(found[0]) + number) % 10), text))
    protocol = data.draw(st.sampled_from([None, "nats", "xmpp"]))
    alone = plain()._of_raw(text, protocol)
    for normalizer in (experienced(), plain()):
        normalizer._remembered.clear()
        for other in range(3):
            normalizer.normalize(another(text, other + 1), protocol)
        assert said_of(normalizer.normalize(text, protocol)) == said_of(alone)


def test_every_text_of_a_shape_that_was_seen_before_is_told_whole() -> None:
    for text in texts():
        assert said_of(experienced().normalize(text, "nats")) == said_of(plain()._of_raw(text, "nats"))


def templates() -> list[str]:
    table = plugins.load_table("nats")
    section = table.sections["error"]
    return [
        Template(text, table.kinds, None, ignore_case=False).sample()
        for entry in table.rows.values()
        if entry.section == section.name
        for text in entry.texts()
        if Template.has_places(text)
    ]


def test_most_texts_with_parameters_are_judged_by_their_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    normalizer = Normalizer([])
    for text in templates():
        for number in range(3):
            normalizer.normalize(f"-ERR '{another(text, number)}'", "nats")
    asked: list[object] = []
    read = normalizer._of_raw

    def counted(raw: object, protocol: str | None) -> NormalizedError:
        asked.append(raw)
        return read(raw, protocol)

    monkeypatch.setattr(normalizer, "_of_raw", counted)
    for text in templates():
        normalizer.normalize(f"-ERR '{another(text, 4)}'", "nats")
    assert len(asked) < len(templates()) / 3


@pytest.mark.parametrize(("row", "other"), [("foo 4", "foo 5"), ('foo "a" bar', 'foo "b" bar')])
def test_what_a_row_spells_out_is_no_value(row: str, other: str, tmp_path: Path) -> None:
    overlay = tmp_path / "own.toml"
    meaning = 'reason = "limits.rate", recovery = "wait", terminal = false, effect = "not_applied"'
    overlay.write_text(
        f"protocol = 'nats'\nversion = '1'\n[error]\n'{row}' = {{ {meaning}, reach = 'log', source = 'made up' }}\n", "utf-8"
    )
    normalizer = Normalizer([overlay])
    for text in (other, row, other.replace("5", "6").replace('"b"', '"c"')):
        error = normalizer.normalize(f"-ERR '{text}'", "nats")
        assert (error.code if text == row else error.row) == (row if text == row else None)
    normalizer.normalize(f"-ERR '{other}'", "nats")
    assert normalizer.normalize(f"-ERR '{row}' ", "nats").known


@pytest.mark.parametrize("text", ['foo "bar', 'foo "it\'s" bar', r'foo "a\"b" bar', 'foo "a\nb" bar', "foo 3 µs"])
def test_a_text_whose_quotations_are_not_certain_has_no_shape(text: str) -> None:
    assert shape_of(text) is None


def test_texts_that_differ_in_digits_and_quotations_have_one_shape() -> None:
    assert shape_of('took 31s for "a"') == shape_of('took 92s for "b c"') != shape_of('took 9s for "a"')


class OwnError(Exception):
    """An exception with attributes."""

    def __init__(self, *args: object, **attributes: object) -> None:
        super().__init__(*args)
        vars(self).update(attributes)


def test_exceptions_with_the_same_content_hold_the_same() -> None:
    assert content_of(OwnError("a", 1, code=7)) == content_of(OwnError("a", 1, code=7)) is not None
    different = [
        OwnError("a"),
        OwnError("b"),
        OwnError("a", code=7),
        OwnError("a", code=8),
        OwnError("a", ("code", 7)),
        OwnError(),
    ]
    contents = [content_of(one) for one in different]
    assert len({one for one in contents if one is not None}) == sum(one is not None for one in contents)


@pytest.mark.parametrize(
    "error",
    [
        OwnError(object()),
        OwnError(held=[]),
        OwnError("x" * 1000),
        OwnError(True),  # noqa: FBT003 - equal to 1, and says something else
        FileNotFoundError(2, "No such file", "a.txt"),
        UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"),
        ExceptionGroup("several", [ValueError("a")]),
        ReportedException(("a.B",), "x", {}, ReportedException(("a.C",))),
    ],
    ids=["object", "attribute", "long", "flag", "file", "decoding", "group", "cause"],
)
def test_what_may_hold_more_has_no_content(error: object) -> None:
    assert content_of(error) is None


def test_a_wrapper_without_a_row_means_each_time_what_it_was_raised_from() -> None:
    normalizer = Normalizer([])
    answers = []
    for cause in (ConnectionRefusedError(111, "Connection refused"), None, ValueError("own"), TimeoutError()) * 2:
        error = RuntimeError("while publishing")
        error.__cause__ = cause
        answers.append(normalizer.normalize(error, "nats").reason.value)
    assert answers[:4] == answers[4:] == ["transport.refused", "unknown", "unknown", "transport.timeout"]


def test_a_section_without_templates_has_nothing_alike() -> None:
    section = Section("s", plugins.load_table("nats").sections["error"].head, list, {})
    assert not section.alike("foo 3", next(iter(plugins.load_table("nats").rows.values())))
