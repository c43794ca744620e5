"""What nats-server logs as an error, a warning or before it stops: each format has a row, or a reason why it needs none."""

from __future__ import annotations

import itertools
import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from tests.each import each
from tests.mappings import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

_FORMATS = tomllib.loads((Path(__file__).parents[1] / "data" / "nats_log_formats.toml").read_text("utf-8"))
WITH: list[str] = _FORMATS["with_a_row"]
_WITHOUT = files("errnorm_mappings").joinpath("without_row.toml").read_text("utf-8")
WITHOUT: dict[str, list[str]] = tomllib.loads(_WITHOUT)["nats"]["log"]
_VERB = re.compile(r"%[-+# 0]*\d*(?:\.\d+)?([a-zA-Z%])")
# What Go puts in for a verb: a text can be one word or several, a value also a duration.
_VALUES = {
    "s": ("word", "some words", "JetStream API queue"),
    "v": ("some words", "word", "7s"),
    "q": ('"word"',),
    "f": ("1.5",),
    "%": ("%",),
}
_MOST = 200


def written(form: str) -> Iterator[str]:
    """Yield what the server can write for a format."""
    choices = [_VALUES.get(verb[1], ("7",)) for verb in _VERB.finditer(form)]
    for values in itertools.islice(itertools.product(*choices), _MOST):
        given = iter(values)
        yield _VERB.sub(lambda _verb, given=given: next(given), form).strip()  # type: ignore[misc]


def has_row(form: str) -> bool:
    table = rows.table("nats")
    return any(table.find(section, text) for text in written(form) for section in ("log", "error", "jetstream"))


@each("form", WITH)
def test_a_format_of_the_log_has_a_row(form: str) -> None:
    assert has_row(form)


@each("form", [form for forms in WITHOUT.values() for form in forms])
def test_a_format_that_needs_no_row_has_none(form: str) -> None:
    assert not has_row(form)


def test_no_format_stands_twice() -> None:
    every = [*WITH, *(form for forms in WITHOUT.values() for form in forms)]
    assert len(set(every)) == len(every) > 470
