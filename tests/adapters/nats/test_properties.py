"""What must hold for anything that a peer can send."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from errnorm import normalize
from errnorm.adapters import ReportedException
from errnorm.error import Signal
from errnorm.plugins import load_table
from errnorm_adapters.nats import observe

if TYPE_CHECKING:
    from errnorm.tables.row import Entry

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


@cache
def quoting() -> list[tuple[Entry, str]]:
    """Return the templates of -ERR that quote a name, with their rows."""
    entries = [entry for entry in load_table("nats", []).rows.values() if entry.section == "error"]
    return [(entry, text) for entry in entries for text in entry.templates() if re.search(r'"\{[a-z]+\}"', text)]


@given(st.deferred(lambda: st.sampled_from(quoting())), NAMES)
@settings(max_examples=1000)
def test_no_name_changes_the_row_of_an_error(row: tuple[Entry, str], name: str) -> None:
    placed, text = row
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
