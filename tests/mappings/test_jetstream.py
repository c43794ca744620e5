"""The rows of the JetStream API: complete against the server's list, reachable, and agreeing with one another."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from errnorm.engine import Engine
from errnorm.error import Signal
from errnorm.taxonomy import Effect, Reason, Recovery
from tests.each import each
from tests.mappings import rows

if TYPE_CHECKING:
    from errnorm.tables import Entry

CODES: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "data" / "jetstream_codes.json").read_text("utf-8"))
ROWS = rows.of("nats", "jetstream")
FAMILIES = rows.of("nats", "api")

# Words of the description (or of the constant, for those that have none of their own) and what they mean wherever they stand.
GROUPS = {
    r"not found$|does not exist|not a member|no message found": {"protocol.not_found/modify"},
    r"already in use|already exists|overlap with an existing|wrong last|min last sequence": {"protocol.conflict/modify"},
    r"already in progress|is in progress|is in process": {"protocol.conflict/wait"},
    r"too many (requests|inflight)": {"limits.rate/wait"},
    r"too (long|large)|exceeds (maximum|system limit|server limit|account limit)|would exceed maximum": {"limits.size/modify"},
    r"maximum .*reached": {"limits.resources/abandon", "limits.resources/wait"},
    r"(memory|storage) resources|resource limits exceeded": {"limits.storage/abandon", "limits.storage/wait"},
    r"temporarily unavailable|is offline$|can not handle|incomplete results|stream not valid": {"transport.unavailable/wait"},
    r"is offline: ": {"transport.unavailable/abandon"},
    r" is disabled|replicas > 1 not supported|unsupported header|api level|placement not supported": {
        "protocol.unsupported/modify"
    },
    r"clustering support required|not in clustered mode|supported in clustered mode": {"protocol.unsupported/abandon"},
    r"account not found|not enabled for account|no JetStream default": {"auth.account/abandon"},
    r"^(stream|source) (mirror|mirrors|source) (must|can not)|mirrors can not|^mirror |^source (with|transform|filters)": {
        "protocol.configuration/modify"
    },
    r"consumer in (push|pull) mode|consumer (idle|flow|direct|max waiting)|flow control ack policy|PriorityPolicy": {
        "protocol.configuration/modify"
    },
    r"workqueue stream$": {"protocol.configuration/modify", "protocol.conflict/modify"},
    r"can not contain": {"protocol.malformed/modify", "protocol.configuration/modify"},
    r"invalid JSON|bad request|message schedules .*invalid|counter increment|TTL$|does not match .*(request|subject)": {
        "protocol.malformed/modify"
    },
    r"(restore|snapshot) failed|error creating store|unable to": {"transport.internal/abandon"},
}
# Rows whose words put them into a group they do not belong to.
APART = {
    10035: "an account that is not found is no thing that the caller could create",
}


def row_of(code: int) -> Entry:
    return rows.table("nats").rows["jetstream", str(code)]


def verdict_of(placed: Entry) -> str:
    """Return reason and recovery of a row as one word."""
    return f"{placed.row.reason}/{placed.row.recovery}"


@pytest.fixture
def engine() -> Engine:
    """Return the engine of NATS."""
    return Engine(rows.table("nats"))


@each("upstream", CODES, ids=lambda upstream: upstream["err_code"])
def test_every_code_of_the_server_has_its_row(upstream: dict[str, Any]) -> None:
    placed = row_of(upstream["err_code"])

    assert placed.row.constant == upstream["constant"]
    assert placed.row.source.startswith(f"errors.json ({upstream['code']})")


def test_no_row_is_without_a_code_of_the_server() -> None:
    assert len(CODES) == 226
    assert sorted(placed.key for placed in ROWS()) == [str(upstream["err_code"]) for upstream in CODES]


def test_rows_stand_in_the_order_of_their_codes() -> None:
    assert [placed.key for placed in ROWS()] == sorted(placed.key for placed in ROWS())


@each("placed", ROWS, ids=rows.named)
def test_is_found_by_its_description_unless_that_is_all_places(placed: Entry) -> None:
    text = str(placed.row.text)
    found = rows.table("nats").find("jetstream", re.sub(r"\{\w+\}", "7", text))

    assert (found is None) if text.startswith("{") else (found is not None and found[0] is placed)


def test_a_pasted_description_gives_its_values(engine: Engine) -> None:
    error = engine.judge(Signal("nats", "jetstream", "Wrong last sequence: 41"))

    assert (error.code, error.params) == ("10071", {"seq": 41})


@each("placed", lambda: [placed for placed in ROWS() if "{err}" in str(placed.row.text)], ids=rows.named)
def test_the_words_of_another_error_inside_err_do_not_change_the_row(placed: Entry) -> None:
    found = rows.table("nats").find("jetstream", str(placed.row.text).replace("{err}", "bad gateway: stream not found"))

    assert found is None or found[0] is placed


@each("placed", rows.of("nats", "jetstream", "api"), ids=rows.named)
def test_an_api_error_never_ends_the_connection(placed: Entry) -> None:
    assert not placed.row.terminal
    assert placed.row.recovery not in {Recovery.RECONNECT, Recovery.REDIRECT, Recovery.NONE}
    assert placed.row.reason is not Reason.UNKNOWN


@each("placed", ROWS, ids=rows.named)
def test_what_asks_for_another_request_was_refused(placed: Entry) -> None:
    if placed.row.reason is not Reason.PROTOCOL_REJECTED and placed.row.recovery is Recovery.MODIFY:
        assert placed.row.effect is Effect.NOT_APPLIED


@pytest.mark.parametrize(("words", "verdicts"), GROUPS.items())
def test_rows_with_the_same_words_mean_the_same(words: str, verdicts: set[str]) -> None:
    group = [placed for placed in ROWS() if int(placed.key) not in APART and re.search(words, str(placed.row.text))]

    assert group
    assert {placed.key: verdict_of(placed) for placed in group if verdict_of(placed) not in verdicts} == {}


@pytest.mark.parametrize("code", APART)
def test_a_row_set_apart_would_be_in_a_group(code: int) -> None:
    assert any(
        re.search(words, str(row_of(code).row.text)) and verdict_of(row_of(code)) not in verdicts
        for words, verdicts in GROUPS.items()
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (10006, 10010),  # a server that is not clustered, and one that must be
        (10014, 10149),
        (10028, 10047),  # memory and storage
        (10029, 10045),  # mirror and source
        (10030, 10046),
        (10049, 10050),
        (10066, 10067),
        (10071, 10164),  # old and new wording of one condition
        (10118, 10119),  # stream and consumer
        (10124, 10226),
        (10127, 10128),
        (10140, 10216),
        (10145, 10151),
        (10146, 10154),
        (10147, 10152),
        (10179, 10207),
        (10194, 10195),
        (10210, 10211),
        (10213, 10215),
        (10214, 10217),
    ],
)
def test_sister_errors_agree(one: int, other: int) -> None:
    assert verdict_of(row_of(one)) == verdict_of(row_of(other))
    assert row_of(one).row.effect is row_of(other).row.effect


@pytest.mark.parametrize(
    ("code", "retryable"),
    [
        (10008, True),
        (10009, True),
        (10118, True),
        (10119, True),
        (10163, True),
        (10167, True),
        (10039, False),
        (10047, False),
        (10052, False),
        (10074, False),
        (10076, False),
    ],
)
def test_the_code_of_http_does_not_decide_on_a_retry(code: int, *, retryable: bool) -> None:
    assert row_of(code).row.recovery.retryable is retryable


@pytest.mark.parametrize("code", sorted({upstream["code"] for upstream in CODES}))
def test_every_code_of_http_in_use_has_a_family(code: int) -> None:
    assert rows.table("nats").get("api", str(code)) is not None


@each("placed", FAMILIES, ids=rows.named)
def test_an_err_code_nobody_knows_falls_back_on_its_family(engine: Engine, placed: Entry) -> None:
    error = engine.judge(Signal("nats", "jetstream", "19999", family=(("api", placed.key),)))

    assert (error.section, error.code, error.reason) == ("api", placed.key, placed.row.reason)


def test_an_unknown_503_may_be_repeated_and_an_unknown_500_may_not(engine: Engine) -> None:
    unavailable = engine.judge(Signal("nats", "jetstream", "19999", family=(("api", "503"),)))
    internal = engine.judge(Signal("nats", "jetstream", "19999", family=(("api", "500"),)))

    assert (unavailable.retryable, internal.retryable) == (True, False)


def test_a_known_err_code_is_not_judged_by_its_family(engine: Engine) -> None:
    error = engine.judge(Signal("nats", "jetstream", "10039", family=(("api", "503"),)))

    assert (error.code, error.retryable) == ("10039", False)


@pytest.mark.parametrize(
    ("spelling", "code"),
    [
        ("no suitable peers for placement", "10005"),
        ("no suitable peers for placement, peer offline, tags not matched ['a']", "10005"),
        ("ErrJetStreamNotEnabled", "10076"),
        ("stream name already in use", "10058"),
        ("stream move already in progress: none", "10124"),
        ("JSStreamMoveNotInProgress", "10129"),
    ],
)
def test_older_spellings_are_found(spelling: str, code: str) -> None:
    found = rows.table("nats").find("jetstream", spelling)

    assert found is not None
    assert found[0].key == code
