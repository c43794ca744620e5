"""Helpers to register a request that JetStream refuses, together with the corrected request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.capture.scenarios.nats_jetstream import Request, bare, consumer, create, message
from tests.experiments.situation import situation
from tests.experiments.situations.nats_places import accounts, asking, given, stored

if TYPE_CHECKING:
    from collections.abc import Sequence

S = create("S")


def refused(name: str, request: Request, right: Request | None, first: Sequence[Request] = (S,), **how: Any) -> None:
    """Register a request that is refused, the requests that must come first, and the corrected request, if there is one."""
    steps = {"modify": asking(right)} if right else {}
    situation(f"jetstream {name}", accounts, asking(request), provoke=given(*first), state=stored, steps=steps, **how)


def option(name: str, wrong: dict[str, Any], right: dict[str, Any] | None = None, **how: Any) -> None:
    """Register a consumer that is refused for its options."""
    request, better = ({"ack_policy": "explicit", **one} for one in (wrong, right or {}))
    refused(f"consumer {name}", consumer("S", **request), consumer("S", **better), **how)


def configuration(name: str, wrong: dict[str, Any], right: dict[str, Any] | None = None, **how: Any) -> None:
    """Register a stream that is refused for its configuration."""
    refused(f"stream {name}", create("S", **wrong), create("S", **(right or {})), first=(), **how)


def replica(name: str, wrong: dict[str, Any], right: dict[str, Any], **how: Any) -> None:
    """Register a mirror, or a stream with sources, that is refused."""
    refused(f"replica {name}", bare("X", **wrong), bare("X", **right), **how)


def sent(name: str, wrong: dict[str, Any], right: dict[str, Any] | None = None, **how: Any) -> None:
    """Register a message that is refused for its headers or its body; `made` is the configuration of the stream."""
    first = (create("S", **how.pop("made", {})), *how.pop("before", ()))
    refused(f"message {name}", _message(wrong), _message(right or {}), first=first, **how)


def _message(how: dict[str, Any]) -> Request:
    return message(how.get("subject", "S.x"), how.get("body", b""), **{key: value for key, value in how.items() if key[0] == "N"})


MIRROR = {"mirror": {"name": "S"}}


def of(**source: Any) -> dict[str, Any]:
    """Return the configuration of a stream with one source."""
    return {"sources": [{"name": "S", **source}]}


def mirrored(**source: Any) -> dict[str, Any]:
    """Return the configuration of a mirror."""
    return {"mirror": {"name": "S", **source}}
