"""What must hold for anything that a peer can send."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errnorm import normalize
from errnorm.adapters import ReportedException
from errnorm.error import Signal
from errnorm.tables.file import read
from errnorm.tables.table import Table
from errnorm_adapters.nats import observe

if TYPE_CHECKING:
    from errnorm.tables.row import Entry

TABLE = Table([read(files("errnorm_mappings").joinpath("nats.toml").read_text("utf-8"), "nats.toml")])
QUOTED = [
    (placed, text)
    for placed in TABLE.rows.values()
    for text in placed.templates()
    if re.search(r'"\{[a-z]+\}"', text) and placed.section == "error"
]

# Words that stand for other errors, and the marks that could end a quotation or a line.
TRICKS = [
    "Stale Connection",
    "' ",
    '"',
    "\\",
    "\r\n",
    "-ERR '",
    "[ERR] ",
    " - cid:1 - ",
    ", too many tokens",
    " using queue ",
    "nats: ",
    "{",
    "<",
]
NAMES = st.lists(st.one_of(st.sampled_from(TRICKS), st.text(max_size=6)), max_size=6).map("".join)


CLASSES = ["nats.errors.Error", "nats.js.errors.APIError", "nats.client.errors.StatusError", "builtins.ConnectionError"]
KEYS = [
    "type",
    "error",
    "code",
    "err_code",
    "error_code",
    "description",
    "reason",
    "close_reason",
    "client",
    "connections",
    "cid",
    "response",
    "Status",
    "Description",
    "status_code",
    "log",
]


def quoted(name: str) -> str:
    """Write a name as Go's %q does."""
    return json.dumps(name, ensure_ascii=False).replace("\x7f", "\\x7f")


@given(st.one_of(st.text(), NAMES))
def test_any_text_gives_a_signal_unless_it_is_somebody_elses(text: str) -> None:
    signal = observe(text)

    assert signal is not None or text.strip()[:1] in {"<", "{"}


@given(st.binary())
def test_no_bytes_break_the_adapter(raw: bytes) -> None:
    assert isinstance(observe(raw), Signal | None)


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.sampled_from(KEYS),
                inner,
                max_size=5,
            ),
        ),
        max_leaves=20,
    )
)
def test_no_document_breaks_the_adapter(document: object) -> None:
    assert isinstance(observe(document), Signal | None)
    assert isinstance(observe(json.dumps(document)), Signal | None)


@given(
    st.lists(st.sampled_from(CLASSES)),
    NAMES,
    st.dictionaries(
        st.sampled_from(["code", "err_code", "error_code", "status", "description"]),
        st.one_of(st.none(), st.integers(), st.text()),
    ),
)
def test_no_reported_exception_breaks_the_adapter(names: list[str], text: str, attributes: dict[str, object]) -> None:
    assert isinstance(observe(ReportedException(tuple(names), text, attributes)), Signal | None)


@given(st.one_of(st.text(), NAMES))
def test_no_text_is_kept_beyond_its_bound(text: str) -> None:
    signal = observe(text * 500)

    assert signal is None or signal.text is None or len(signal.text) <= 4096


@pytest.mark.parametrize(("placed", "text"), QUOTED, ids=str)
@given(name=NAMES)
def test_no_name_changes_the_row_of_an_error(placed: Entry, text: str, name: str) -> None:
    line = re.sub(r'"\{[a-z]+\}"', lambda _: quoted(name), text)
    line = re.sub(r"\{[a-z]+\}", "30s", line)
    error = normalize(f"-ERR '{line}'\r\n", "nats")

    assert error.row is not None
    assert (error.row.section, error.row.key) == (placed.section, placed.key)


@given(name=NAMES)
def test_no_name_in_a_line_of_the_log_changes_its_row(name: str) -> None:
    line = (
        f"[1] 2026/11/22 22:30:48.190000 [ERR] 127.0.0.1:1 - cid:1 - {quoted(name)} - Publish Violation - Subject {quoted(name)}"
    )

    assert normalize(line, "nats").code == "Publish Violation - Subject"
