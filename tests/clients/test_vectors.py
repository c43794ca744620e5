"""The stored output of other clients: complete, without traces of one machine, and with the answer of its situation."""

from __future__ import annotations

import re

import pytest

from errnorm import find, normalize
from errnorm.taxonomy import Reason
from tests.clients.running import Printed
from tests.clients.runtimes import CLIENTS, Client
from tests.clients.situations import situations
from tests.clients.vectors import Vector, answers, expected, identity, merged, read
from tests.each import each

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


# Texts whose error a reader can recognise but `find` does not, by their first line.
UNREAD = {
    'Exception in thread "main" java.util.concurrent.TimeoutException': "An exception that has a class and no message.",
}


@each("vector", VECTORS, ids=lambda vector: f"{vector['client']} {vector['version']}, {vector['situation']}")
def test_what_a_client_printed_is_found_in_it(vector: Vector) -> None:
    found = {finding.error.reason for finding in find(vector["text"])} - {Reason.UNKNOWN}
    expected = Reason(vector["expected"]["reason"])
    if vector["text"].partition("\n")[0] in UNREAD:
        assert expected not in found, "it is found by now: take the exception out"
    elif expected is Reason.UNKNOWN:
        assert not found, vector["text"]
    else:
        assert expected in found, vector["text"]


def test_the_text_of_an_error_alone_means_the_same_to_a_program() -> None:
    for vector in VECTORS:
        if vector["form"] == "message":
            error = normalize(vector["text"], protocol=vector["protocol"])
            assert not error.known or error.reason == vector["expected"]["reason"], vector["text"]


def test_most_texts_of_errors_are_known_to_a_program() -> None:
    messages = {(vector["protocol"], vector["text"]) for vector in VECTORS if vector["form"] == "message"}
    known = [text for protocol, text in messages if normalize(text, protocol=protocol).known]
    assert len(known) > 0.6 * len(messages)


def test_a_run_keeps_what_only_an_earlier_run_saw() -> None:
    def vector(situation: str, text: str, reason: str) -> Vector:
        head = {"client": "c", "version": "1", "situation": situation, "form": "message", "text": text}
        return {**head, "expected": {"reason": reason}}

    lost, reset = vector("killed", "broken pipe", "transport.lost"), vector("killed", "reset", "transport.lost")
    before, now = vector("no password", "denied", "unknown"), vector("no password", "denied", "auth.rejected")
    assert merged([lost, before], [reset, now]) == [reset, lost, now]
