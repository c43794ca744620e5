"""
A session: the life of one connection to a server, from the first dial to the end, whoever the client is.

`Session` is a state machine without I/O (`errnorm.session.life` explains it). An adapter translates what its client library
reports into facts, hands each to `receive`, and carries out what comes back: `Tell` a fault, or `Close` the client. It needs
no state of its own.

    session = Session(abort=True)
    session.receive(Dialling(server="a:4222"))                          # []
    session.receive(DialFailed(error=refused, cause=exception))         # [Tell(…)]
    session.receive(Up(server="a:4222"))                                # []
    session.receive(Said(error=denied))                                 # [Tell(…)]: it is not terminal
    session.receive(Ended(error=lost))                                  # [Tell(…)], once, whatever was said before
    session.health()                                                    # recovering, since when, why

The facts: `Dialling`, `DialFailed`, `Up`, `Said`, `Ended`, `Closing` (this side is about to end it), `Closed` (the client is
closed for good), `HandlerFailed` (an application's handler raised), `CredentialsChanged`. A time-out of a dial is a
`DialFailed` whose error is the time-out. Each fault says what the client does by itself (`next`), with which `server` it
happened, and which servers there are (`pool`).

`errnorm.session.attachment.Attachment` is what every adapter's `attach` returns: it holds a `Session`, tells through a
middleware what is to be told, and has `health()`, `ended()` and `close()`.
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
