"""What a session of slixmpp offers beside its faults: health, a trace, one attachment for a client, and refusal of misuse."""

from __future__ import annotations

from typing import Any

import pytest

from errnorm.session import Status
from errnorm.session.trace import replay
from errnorm_adapters.xmpp import attach
from errnorm_adapters.xmpp.client import attachment
from tests.adapters.xmpp.client.kit import LOGIN, desk, scripted


async def test_health_says_how_it_is_and_catches_a_client_that_nobody_connects_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scripted(*LOGIN, ("", ""), close=True) as port, desk(port) as one:
        session = one.attachment
        assert session.health().status is Status.RECOVERING
        await one.start()
        await one.end()
        health = session.health()
        assert (health.status, health.error) == (Status.RECOVERING, one.memory.faults[0].error)
        assert health.decision is not None
        monkeypatch.setattr(attachment, "_FORGOTTEN_AFTER", -1.0 - (health.decision.delay or 0.0))
        assert session.health().status is Status.HOPELESS
        await session.close()
        assert session.health().status is Status.CLOSED


async def test_a_session_is_recorded_and_can_be_lived_again() -> None:
    lines: list[str] = []
    async with scripted(*LOGIN, ("", ""), close=True) as port, desk(port, record=lines.append) as one:
        await one.start()
        await one.end()
    assert "alice" not in "".join(lines)
    answers = list(replay(lines))
    assert [told for told, _ in answers] == [again for _, again in answers]
    assert sum(len(told) for told, _ in answers) == 1


async def test_a_client_that_is_attached_to_again_leaves_its_former_session() -> None:
    async with scripted(*LOGIN, ("", ""), close=True) as port, desk(port) as one:
        second = attach(one.errors, one.client)
        one.connect()
        await second.started()
        await one.end()
        assert len(one.rows) == 1


@pytest.mark.parametrize("client", [None, object(), "alice@localhost"])
async def test_what_is_no_client_is_refused(client: Any) -> None:
    async with desk(1) as one:
        with pytest.raises(TypeError, match="a client of slixmpp or aioxmpp"):
            attach(one.errors, client)
