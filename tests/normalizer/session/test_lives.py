"""Random lives of a session: whatever happens in whatever order, each fault is told once, and nothing outlives what it is of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from errnorm.session import (
    Close,
    Closed,
    Closing,
    CredentialsChanged,
    DialFailed,
    Dialling,
    Ended,
    HandlerFailed,
    Next,
    Said,
    Session,
    State,
    Status,
    Tell,
    Up,
)
from errnorm.session.trace import Trace, replay
from tests.normalizer.session import kit

if TYPE_CHECKING:
    from collections.abc import Callable

    from errnorm.error import NormalizedError
    from errnorm.session import Fact, Output

SERVERS = ("a", "b", "c")
TIME_MENDS = (kit.unreachable, kit.silent, kit.lost, kit.strange)
FINAL = (kit.untrusted,)
MAKERS = (*TIME_MENDS, *FINAL, kit.refused)
# A life that ends early shows little.
LONG = 12
PEERS_WORDS = (kit.kicked, kit.refused, kit.untrusted)


class Lives(RuleBasedStateMachine):
    """A client of a pool of servers, which reports each thing in one of the ways that clients have."""

    @initialize(abort=st.sampled_from([False, False, True]), by_hand=st.booleans(), size=st.integers(1, 3))
    def begin(self, abort: bool, by_hand: bool, size: int) -> None:
        self.now = 0.0
        self.session = Session(abort=abort, by_hand=by_hand, clock=lambda: self.now, random=lambda: 0.5)
        self.lines: list[str] = []
        self.trace = Trace(self.session, self.lines.append)
        self.abort = abort
        self.pool = frozenset(SERVERS[:size])
        self.state = "connecting"
        self.final: dict[str, bool] = {}
        self.refused: set[str] = set()
        self.told: list[Tell] = []
        self.closes = 0

    # What the world does

    def feed(self, *facts: Fact) -> list[Tell]:
        """Hand over facts that report one thing; return what was told of it."""
        self.now += 1
        outputs = [output for fact in facts for output in self.received(fact)]
        self.closes += sum(isinstance(output, Close) for output in outputs)
        tells = [output for output in outputs if isinstance(output, Tell)]
        self.told += tells
        return tells

    def received(self, fact: Fact) -> list[Output]:
        """Hand over one fact, and write it down."""
        outputs = self.session.receive(fact)
        self.trace.add(fact, outputs)
        return outputs

    def count(self, server: str, maker: Callable[[], NormalizedError]) -> None:
        """Keep account of a failure in the simplest way there is."""
        self.final[server] = maker in FINAL or (maker is kit.refused and server in self.refused)
        if maker is kit.refused:
            self.refused.add(server)

    def is_hopeless(self) -> bool:
        return all(self.final.get(server, False) for server in self.pool)

    def expect(self, tells: list[Tell], error: NormalizedError) -> None:
        """Check that one fault was told, this one, and that what was told is what happens."""
        assert [tell.error.signal for tell in tells] == [error.signal]
        assert tells[0].outcome == "background"
        if self.abort and self.is_hopeless():
            assert tells[0].next is Next.CLOSED
            assert self.session.state is State.CLOSED
            self.state = "closed"
        assert tells[0].decision is not None
        if tells[0].next is Next.RECONNECTING:
            assert tells[0].decision.retry is not self.is_hopeless()
            assert tells[0].decision.delay is None
        else:
            assert not (tells[0].decision.retry and self.is_hopeless())

    @precondition(lambda self: self.state in {"connecting", "down"})
    @rule(data=st.data(), maker=st.sampled_from(MAKERS), announced=st.booleans(), words_first=st.booleans())
    def a_dial_fails(
        self,
        data: st.DataObject,
        maker: Callable[[], NormalizedError],
        announced: bool,
        words_first: bool,
    ) -> None:
        server, error = data.draw(st.sampled_from(sorted(self.pool))), maker()
        facts: list[Fact] = [Dialling(server=server)] if announced else []
        options: dict[str, Any] = {"server": server, "pool": self.pool}
        if words_first and error.terminal:
            facts += [Said(error=error, **options), Ended(error=kit.lost(), **options)]
        else:
            facts.append(DialFailed(error=error, **options))
        self.count(server, maker)
        self.expect(self.feed(*facts), error)

    @precondition(lambda self: self.state in {"connecting", "down"})
    @rule(data=st.data())
    def it_comes_up(self, data: st.DataObject) -> None:
        assert self.feed(Up(server=data.draw(st.sampled_from(sorted(self.pool))))) == []
        self.state, self.final, self.refused = "up", {}, set()

    @precondition(lambda self: self.state == "up")
    @rule(maker=st.sampled_from(PEERS_WORDS), socket_first=st.booleans(), again=st.booleans(), how=st.integers(0, 2))
    def the_peer_ends_it(
        self,
        maker: Callable[[], NormalizedError],
        socket_first: bool,
        again: bool,
        how: int,
    ) -> None:
        error = maker()
        options: dict[str, Any] = {"pool": self.pool, "server": "a"}
        words = Said(error=error, **options) if how else Ended(error=error, **options)
        facts: list[Fact] = [Said(error=kit.lost(), **options)] if socket_first else []
        facts.append(words)
        facts += [Said(error=kit.kicked(), **options)] if again and how else []
        facts += [Ended(error=kit.lost() if how == 1 else None, **options)] if how else []
        self.state = "down"
        self.count("a", maker)
        self.expect(self.feed(*facts), error)

    @precondition(lambda self: self.state == "up")
    @rule(said=st.booleans(), ended=st.sampled_from(["nothing", "lost", "comes up"]))
    def the_connection_is_lost(self, said: bool, ended: str) -> None:
        error = kit.lost()
        options: dict[str, Any] = {"pool": self.pool, "server": "a"}
        facts: list[Fact] = [Said(error=error, **options)] if said else []
        if ended == "comes up" and said:
            self.expect(self.feed(*facts, Up(server="a")), error)
            return
        facts.append(Ended(error=None if said and ended == "nothing" else kit.lost() if said else error, **options))
        self.state = "down"
        self.count("a", kit.lost)
        self.expect(self.feed(*facts), error)

    @precondition(lambda self: self.state == "up")
    @rule(noise=st.booleans())
    def this_side_reconnects(self, noise: bool) -> None:
        facts: list[Fact] = [Said(error=kit.lost())] if noise else []
        assert self.feed(Closing(), *facts, Ended(error=kit.lost() if noise else None)) == []
        self.state = "down"

    @precondition(lambda self: self.state != "closed" and self.now >= LONG)
    @rule()
    def this_side_closes(self) -> None:
        assert self.feed(Closing(), Closed()) == []
        assert self.session.end is None
        self.state = "closed"

    @precondition(lambda self: self.state == "up" and self.now >= LONG)
    @rule(said=st.booleans())
    def the_client_closes_over_a_fault(self, said: bool) -> None:
        error = kit.kicked()
        options: dict[str, Any] = {"pool": self.pool, "server": "a"}
        facts: list[Fact] = [Said(error=error, next=Next.CLOSED, **options)] if said else []
        tells = self.feed(*facts, Ended(error=error, next=Next.CLOSED, **options), Closed(error=error))
        assert [tell.error for tell in tells] == [error]
        assert self.session.end is not None
        assert self.session.end.error is error
        self.state = "closed"

    @precondition(lambda self: self.state == "down" and self.session.error is not None and self.now >= LONG)
    @rule()
    def the_client_gives_up(self) -> None:
        error = self.session.error
        [tell] = self.feed(Closed(error=kit.unreachable()))
        assert tell.error is error
        assert tell.decision is not None
        assert not tell.decision.retry
        assert tell.next is Next.CLOSED
        self.state = "closed"

    @precondition(lambda self: self.state != "closed")
    @rule()
    def something_is_denied(self) -> None:
        before, error = self.session.health(), kit.denied()
        [tell] = self.feed(Said(error=error))
        assert (tell.error, tell.next) == (error, Next.NOTHING)
        assert self.session.health() == before

    @rule()
    def a_handler_raises(self) -> None:
        before, error = self.session.health(), kit.untrusted()
        [tell] = self.feed(HandlerFailed(error=error, operation="on_order"))
        assert (tell.error, tell.outcome, tell.next, tell.operation) == (error, "failed", None, "on_order")
        assert self.session.health() == before

    @precondition(lambda self: self.state != "closed")
    @rule()
    def the_credentials_change(self) -> None:
        assert self.feed(CredentialsChanged()) == []
        self.final = {server: final and server not in self.refused for server, final in self.final.items()}
        self.refused = set()

    @precondition(lambda self: self.state == "closed")
    @rule(maker=st.sampled_from(MAKERS))
    def the_client_talks_on_after_its_end(self, maker: Callable[[], NormalizedError]) -> None:
        error = maker()
        facts = (Said(error=error), Ended(error=error), Closed(error=error), DialFailed(error=error), Up(), Dialling())
        assert self.feed(*facts) == []

    # What always holds

    def teardown(self) -> None:
        """Live it again, from what was written down."""
        if hasattr(self, "lines"):
            answers = list(replay(self.lines))
            assert len(answers) == len(self.lines) - 1
            for told, again in answers:
                assert told == again

    @invariant()
    def no_fault_is_told_twice(self) -> None:
        if hasattr(self, "told"):
            given_up = [tell for tell in self.told if tell.decision is not None and tell.decision.why == "the client gave up"]
            signals = [id(tell.error.signal) for tell in self.told if tell not in given_up]
            assert len(set(signals)) == len(signals)

    @invariant()
    def it_is_where_the_world_is(self) -> None:
        if not hasattr(self, "session"):
            return
        assert self.session.state == self.state
        assert self.closes <= 1
        health = self.session.health()
        assert health.since <= self.now
        assert health.up is (self.state == "up")
        assert health.alive is (health.status in {Status.UP, Status.RECOVERING})
        assert (health.status is Status.CLOSED) is (self.state == "closed")
        if self.state == "up":
            assert health.error is None

    @invariant()
    def hopeless_when_true_and_only_then(self) -> None:
        if hasattr(self, "session") and self.state in {"connecting", "down"}:
            assert (self.session.status is Status.HOPELESS) is self.is_hopeless()


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
