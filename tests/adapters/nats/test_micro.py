"""A service whose endpoints fail: what the caller gets, on a real server, and what it reads out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nats
import nats.errors
import nats.micro
import pytest
from nats.micro.request import ServiceError

import errnorm
from errnorm import Middleware, Reason
from errnorm_adapters.nats import endpoint
from errnorm_adapters.nats.micro import code_of
from tests.adapters.nats.client.kit import Told

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.servers.nats import NatsServer

SECRET = "postgres://shop:hunter2@10.0.0.7"  # noqa: S105 - what must not get out
FAILURES: dict[str, Exception] = {
    "down": ConnectionRefusedError(111, SECRET),
    "late": TimeoutError(SECRET),
    "nobody": nats.errors.NoRespondersError(),
    "bad": ValueError(SECRET),
    "bug": KeyError(SECRET),
    "own": ServiceError("422", "no such size"),
}


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")  # of nats-py, from Python 3.12 on
async def test_a_failure_is_answered_with_its_reason_and_read_back(start_nats: Callable[..., NatsServer]) -> None:
    client = await nats.connect(start_nats({}).url)
    told = Told()

    @endpoint(Middleware(emitters=[told]), operation="reserve", poison=(ValueError,))
    async def reserve(request: Any) -> None:
        if request.data:
            raise FAILURES[request.data.decode()]
        await request.respond(b"done")

    service = await nats.micro.add_service(client, name="shop", version="1.0.0")
    await service.add_endpoint(name="reserve", handler=reserve)

    assert (await client.request("reserve", b"")).data == b"done"
    answers = {name: await client.request("reserve", name.encode()) for name in FAILURES}
    said = {name: (one.headers or {}).get("Nats-Service-Error-Code") for name, one in answers.items()}
    assert said == {"down": "503", "late": "504", "nobody": "503", "bad": "400", "bug": "500", "own": "422"}
    assert not any(SECRET in str(one.headers) for one in answers.values())
    read = {name: errnorm.normalize(dict(one.headers or {}), "nats") for name, one in answers.items()}
    assert {name: error.reason.value for name, error in read.items()} == {
        "down": "transport.refused",
        "late": "transport.timeout",
        "nobody": "transport.unavailable",
        "bad": "protocol.malformed",
        "bug": "transport.internal",
        "own": "protocol.rejected",
    }
    assert [error.retryable for error in read.values()] == [True, True, True, False, False, False]
    assert [(fault.operation, fault.outcome) for fault in told] == [("reserve", "failed")] * 5
    await client.close()


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.UNKNOWN])
def test_each_reason_has_a_code_with_which_it_is_read_back(reason: Reason) -> None:
    error = errnorm.normalize({"Nats-Service-Error-Code": str(code_of(reason)), "Nats-Service-Error": reason.value}, "nats")
    assert error.known
    assert error.reason is reason or reason.category is errnorm.Category.SHUTDOWN or reason is Reason.PROTOCOL_NOTICE


def test_what_a_service_says_in_other_words_changes_nothing() -> None:
    error = errnorm.normalize({"Nats-Service-Error-Code": "500", "Nats-Service-Error": "limits.rate exceeded"}, "nats")
    assert error.reason is Reason.TRANSPORT_INTERNAL
