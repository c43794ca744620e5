"""
A session is the life of one connection to a server, from the first attempt to connect to the end, for any client library.

`Session` is a state machine without I/O (`errnorm.session.life` explains it). An adapter translates what its client library
reports into facts, passes each fact to `receive`, and executes the outputs: `Tell` emits a fault, `Close` closes the client. The
adapter needs no state of its own.

    session = Session(abort=True)
    session.receive(Dialling(server="a:4222"))                          # []
    session.receive(DialFailed(error=refused, cause=exception))         # [Tell(…)]
    session.receive(Up(server="a:4222"))                                # []
    session.receive(Said(error=denied))                                 # [Tell(…)]: the error is not terminal
    session.receive(Ended(error=lost))                                  # [Tell(…)]: once for each end of a connection
    session.health()                                                    # recovering, since when, and why

The facts are `Dialling`, `DialFailed`, `Up`, `Said`, `Ended`, `Closing` (this side is about to end the connection), `Closed` (the
client is closed and will not reconnect), `HandlerFailed` (a handler of the application raised) and `CredentialsChanged`. If an
attempt to connect times out, the fact is `DialFailed` with the time-out as its error. Each failure says what the client does next
by itself (`next`), on which `server` it happened, and which servers there are (`pool`).

Every adapter's `attach` returns an `errnorm.session.attachment.Attachment`. It has a `Session`, emits faults through a
middleware, and has the methods `health()`, `ended()` and `close()`.
"""

from __future__ import annotations

from errnorm.session.facts import (
    Close,
    Closed,
    Closing,
    CredentialsChanged,
    DialFailed,
    Dialling,
    Ended,
    Fact,
    Failure,
    HandlerFailed,
    Health,
    Next,
    Output,
    Said,
    State,
    Status,
    Tell,
    Up,
)
from errnorm.session.life import Session

__all__ = [
    "Close",
    "Closed",
    "Closing",
    "CredentialsChanged",
    "DialFailed",
    "Dialling",
    "Ended",
    "Fact",
    "Failure",
    "HandlerFailed",
    "Health",
    "Next",
    "Output",
    "Said",
    "Session",
    "State",
    "Status",
    "Tell",
    "Up",
]
