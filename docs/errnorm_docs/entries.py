"""
The rows of all tables as the pages show them: each with its address, and with the words that `errnorm explain` prints.

An address is made of the protocol, the section and the key alone, so it stays the same when other rows come and go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from errnorm.cli.answer import details, essentials
from errnorm.error import NormalizedError, Signal
from errnorm.judgement import Judgement
from errnorm.plugins import load_table, protocols
from errnorm.tables.provenance import Reach

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from errnorm.tables.file import SectionHead
    from errnorm.tables.row import Entry
    from errnorm.tables.table import Table
    from errnorm.taxonomy import Recovery

__all__ = [
    "COMMON",
    "DECISIONS",
    "EXAMPLES",
    "MET",
    "STEPS",
    "Article",
    "decision_of",
    "entries_of",
    "prominence",
    "related",
    "slug_of",
    "tables",
]

# The four classes of terminal and retryable, and what they come to.
DECISIONS = {
    "repeat": "repeat here",
    "reconnect": "repeat on a new connection",
    "fails": "this operation fails, the session lives",
    "stop": "stop: the connection is over",
}

# What a step comes to, in the words of a chip.
STEPS = {
    "none": "nothing to do",
    "wait": "wait, then repeat",
    "reconnect": "connect again",
    "redirect": "go where it says",
    "reauthenticate": "stop: other credentials",
    "modify": "stop: change the request",
    "abandon": "stop: ask somebody",
}
# What most people look for, the commonest first.
COMMON = (
    "nats/error/authorization-violation",
    "nats/client/nats.errors.noresponderserror",
    "nats/client/nats.errors.timeouterror",
    "nats/client/nats.errors.noserverserror",
    "nats/error/stale-connection",
    "nats/error/slow-consumer-detected",
    "nats/error/permissions-violation-for-publish-to-subject",
    "nats/error/maximum-payload-violation",
    "nats/jetstream/10059",
    "nats/jetstream/10008",
    "xmpp/sasl/not-authorized",
    "xmpp/stream/conflict",
    "xmpp/stanza/service-unavailable",
    "xmpp/stanza/item-not-found",
    "xmpp/stanza/forbidden",
    "xmpp/stream/host-unknown",
    "xmpp/stream/policy-violation",
    "xmpp/stanza/remote-server-not-found",
    "transport/os/econnrefused",
    "transport/os/econnreset",
    "transport/tls/certificate-verify-failed",
    "transport/dns/eai-noname",
)
# What can be pasted, each of another kind.
EXAMPLES = (
    ("a line of a log", '[7] 2026/11/22 22:30:48.190000 [ERR] 10.0.0.7:49092 - cid:7 - authentication error - User "app"'),
    ("the end of a traceback", "nats.errors.NoRespondersError: nats: no responders available for request"),
    ("XML", "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"),
    ("a line of another client", "SASLError using SCRAM-SHA-1: not-authorized"),
    ("a JSON line", '{"level":"error","msg":"publish","error":"nats: maximum payload exceeded"}'),
    ("a code", "10059"),
    ("a word", "slow consumer"),
)

# Where an error is met by whoever uses a client.
MET = (Reach.CLIENT_WIRE, Reach.CLIENT)

_NOT_IN_ADDRESSES = re.compile(r"[^a-z0-9.]+")
_MOST_SAME = 3
_MOST_OTHERS = 6


@dataclass(frozen=True, slots=True)
class Article:
    """
    One row in its place among all others.

    Attributes:
        protocol: The protocol of its table.

        head: What the table says of its section.

        placed: The row.

        slug: Its address, `nats/error/stale-connection`.
    """

    protocol: str
    head: SectionHead
    placed: Entry
    slug: str

    @property
    def decision(self) -> str:
        """The class of terminal and retryable it belongs to, a key of `DECISIONS`."""
        return decision_of(self.placed.row.recovery, terminal=self.placed.row.terminal)

    @property
    def spellings(self) -> list[str]:
        """Every spelling that means this row, with places or without."""
        return [*self.placed.spellings(), *self.placed.templates()]

    @property
    def step(self) -> str:
        """What its recovery comes to, in the words of a chip."""
        return STEPS[self.placed.row.recovery]

    @property
    def aside(self) -> str:
        """What it is called besides its key."""
        return self.placed.row.text or self.placed.row.constant or ""

    @property
    def error(self) -> NormalizedError:
        """An error of this row."""
        return _as_error(self.protocol, self.placed)

    def facts(self) -> Iterator[tuple[str, str]]:
        """Yield what is to be said of it: pairs of a label and a text, the same that `errnorm explain` prints."""
        yield from essentials(self.error)
        yield from details(self.error)


def related(entries: Iterable[Article]) -> dict[str, tuple[list[Article], list[Article]]]:
    """
    Return for each address the rows that mean the same elsewhere, and others of its reason in its protocol.

    The rows that a client meets come first, and of these the ones that were provoked.
    """
    by_meaning: dict[object, list[Article]] = {}
    by_reason: dict[object, list[Article]] = {}
    all_ = list(entries)
    for entry in sorted(all_, key=prominence):
        row = entry.placed.row
        by_meaning.setdefault((row.reason, row.recovery), []).append(entry)
        by_reason.setdefault((entry.protocol, row.reason), []).append(entry)
    found = {}
    for entry in all_:
        row = entry.placed.row
        same = [one for one in by_meaning[row.reason, row.recovery] if one.protocol != entry.protocol][:_MOST_SAME]
        others = [one for one in by_reason[entry.protocol, row.reason] if one is not entry][:_MOST_OTHERS]
        found[entry.slug] = (same, others)
    return found


def prominence(entry: Article) -> tuple[bool, bool, bool]:
    """Return by what rows are ordered where only some can be named: the commonest, what a client meets, what was provoked."""
    row = entry.placed.row
    return entry.slug not in COMMON, row.reach not in MET, not row.evidence.startswith("provoked")


def decision_of(recovery: Recovery, *, terminal: bool) -> str:
    """Return the class of terminal and retryable, a key of `DECISIONS`."""
    if recovery.retryable:
        return "reconnect" if terminal else "repeat"
    return "stop" if terminal else "fails"


def slug_of(text: str) -> str:
    """Return a text as part of an address: small letters, digits and dots, everything else a hyphen."""
    return _NOT_IN_ADDRESSES.sub("-", text.lower().replace("{", "").replace("}", "")).strip("-.")


def tables() -> list[Table]:
    """Return all installed tables, without anybody's overlays; what lies under the protocols comes last."""
    return sorted((load_table(protocol, []) for protocol in protocols()), key=lambda table: table.underlies)


def entries_of(given: Iterable[Table]) -> list[Article]:
    """Return the rows of tables, section by section, each with an address of its own."""
    taken: set[str] = set()
    entries: list[Article] = []
    for table in given:
        for section in table.sections.values():
            rows = [placed for (name, _), placed in table.rows.items() if name == section.name]
            entries.extend(Article(table.protocol, section.head, row, _free(table.protocol, row, taken)) for row in rows)
    return entries


def _free(protocol: str, placed: Entry, taken: set[str]) -> str:
    wanted = f"{protocol}/{placed.section}/{slug_of(placed.key) or 'row'}"
    slug, number = wanted, 1
    while slug in taken:
        number += 1
        slug = f"{wanted}-{number}"
    taken.add(slug)
    return slug


def _as_error(protocol: str, placed: Entry) -> NormalizedError:
    judgement = Judgement(
        protocol=protocol,
        section=placed.section,
        code=placed.code,
        reason=placed.row.reason,
        recovery=placed.row.recovery,
        terminal=placed.row.terminal,
        effect=placed.row.effect,
        row=placed,
        tables_version=placed.version,
    )
    return NormalizedError(judgement, Signal(protocol, placed.section, placed.key))
