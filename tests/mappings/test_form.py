"""The built-in tables are written in one form."""

from __future__ import annotations

import pytest

from tests.mappings import form


@pytest.mark.parametrize("name", form.names())
def test_a_table_is_written_in_the_form_of_all(name: str) -> None:
    assert form.problems(name) == []
