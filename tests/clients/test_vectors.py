"""What other clients printed, as it is kept: whole, free of this machine, and with the answer of its situation."""

from __future__ import annotations

import re

import pytest

from tests.clients.running import Printed
from tests.clients.runtimes import CLIENTS, Client
from tests.clients.situations import situations
from tests.clients.vectors import answers, expected, identity, read

VECTORS = list(read())
KEYS = ["client", "version", "runtime", "protocol", "server", "situation", "form", "text", "expected"]
_MACHINE = re.compile(r"(?<![\w/])/(?:work|root|home|tmp)/|\x1b|@[0-9a-f]{8}\b(?<!@1a2b3c4d)")


def test_each_vector_says_who_printed_what_where_and_when() -> None:
    assert VECTORS
    for vector in VECTORS:
        assert list(vector) == KEYS
        assert all(vector[key] for key in KEYS if key != "server"), vector


def test_no_vector_is_there_twice() -> None:
    names = [identity(vector) for vector in VECTORS]
    assert len(set(names)) == len(names)


def test_no_vector_names_the_machine_it_was_captured_on() -> None:
    assert [vector["text"] for vector in VECTORS if _MACHINE.search(vector["text"])] == []


def test_each_vector_has_the_answer_of_its_situation() -> None:
    for vector in VECTORS:
        printed = Printed(vector["form"], vector["text"])
        assert vector["expected"] == expected(vector["protocol"], vector["situation"], printed), vector


def test_each_situation_has_an_answer_and_each_answer_a_situation() -> None:
    assert {(one.protocol, one.name) for one in situations()} == set(answers())


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: f"{client.name} {client.version()}")
def test_each_client_is_pinned_to_the_version_of_its_vectors(client: Client) -> None:
    found = [vector for vector in VECTORS if vector["client"] == client.name and vector["version"] == client.version()]
    assert {vector["runtime"] for vector in found} == {client.runtime}
    assert {vector["protocol"] for vector in found} == {client.protocol}
