"""What a standard says an error means, and what can be done about it, is what its row says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from errnorm.taxonomy import Reason, Recovery
from errnorm_adapters.xmpp.client.stanzas import BY_CODE
from tests.each import each
from tests.mappings import rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from errnorm.tables.row import Entry

# POSIX.1-2017: what each function can fail with ("shall" and "may"; send stands for sendto and sendmsg too).
FAILS_WITH = {
    "accept": "EAGAIN EBADF ECONNABORTED EINTR EINVAL EMFILE ENFILE ENOBUFS ENOMEM ENOTSOCK EOPNOTSUPP EPROTO",
    "aio_cancel": "ECANCELED",
    "bind": "EACCES EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EALREADY EBADF EINPROGRESS EINVAL EISCONN ENOBUFS ENOTSOCK EOPNOTSUPP",
    "connect": """EACCES EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EALREADY EBADF ECONNREFUSED ECONNRESET EHOSTUNREACH EINPROGRESS
        EINTR EINVAL EISCONN ENETDOWN ENETUNREACH ENOBUFS ENOTSOCK EOPNOTSUPP EPROTOTYPE ETIMEDOUT""",
    "recv": "EAGAIN EBADF ECONNRESET EINTR EINVAL EIO ENOBUFS ENOMEM ENOTCONN ENOTSOCK EOPNOTSUPP ETIMEDOUT",
    "send": """EACCES EAGAIN EBADF ECONNRESET EDESTADDRREQ EHOSTUNREACH EINTR EIO EISCONN EMSGSIZE ENETDOWN ENETUNREACH ENOBUFS
        ENOMEM ENOTCONN ENOTSOCK EOPNOTSUPP EPIPE""",
    "setsockopt": "EBADF EDOM EINVAL EISCONN ENOBUFS ENOMEM ENOPROTOOPT ENOTSOCK",
    "shutdown": "EBADF EINVAL ENOBUFS ENOTCONN ENOTSOCK",
    "socket": "EACCES EAFNOSUPPORT EMFILE ENFILE ENOBUFS ENOMEM EPROTONOSUPPORT EPROTOTYPE",
}

# RFC 3493, section 6.1, and RFC 2553 for codes that came before it: "could not be resolved at this time", and so on.
RESOLVING = {
    "EAI_AGAIN": Reason.TRANSPORT_DNS,
    "EAI_NONAME": Reason.TRANSPORT_DNS,
    "EAI_NODATA": Reason.TRANSPORT_DNS,
    "EAI_ADDRFAMILY": Reason.PROTOCOL_MISADDRESSED,
    "EAI_SERVICE": Reason.PROTOCOL_MISADDRESSED,
    "EAI_FAIL": Reason.TRANSPORT_DNS,
    "EAI_FAMILY": Reason.PROTOCOL_UNSUPPORTED,
    "EAI_SOCKTYPE": Reason.PROTOCOL_UNSUPPORTED,
    "EAI_BADFLAGS": Reason.PROTOCOL_MALFORMED,
    "EAI_OVERFLOW": Reason.LIMITS_SIZE,
    "EAI_MEMORY": Reason.LIMITS_RESOURCES,
}
TIME_HELPS = {"EAI_AGAIN", "EAI_MEMORY"}
# POSIX calls EAI_FAIL non-recoverable. Resolvers return it for a SERVFAIL, which is over when the name server is up again.
# A name that is missing is entered when the part of a cluster that bears it has started.
TIME_HELPS_ALL_THE_SAME = {"EAI_FAIL", "EAI_NONAME", "EAI_NODATA"}
# RFC 1035, section 4.1.1: what a name server answers, as c-ares calls it.
ANSWERS = {
    "ARES_EFORMERR": Reason.TRANSPORT_INTERNAL,
    "ARES_ESERVFAIL": Reason.TRANSPORT_DNS,
    "ARES_ENOTFOUND": Reason.TRANSPORT_DNS,
    "ARES_ENODATA": Reason.TRANSPORT_DNS,
}

# RFC 6120, section 8.3.2: what each type asks for.
STEPS = {
    "auth": Recovery.REAUTHENTICATE,
    "cancel": Recovery.ABANDON,
    "modify": Recovery.MODIFY,
    "wait": Recovery.WAIT,
}
# RFC 6120, section 8.3.3: the type of each condition, the first one where it names two.
TYPES = {
    "auth": "forbidden not-authorized registration-required subscription-required",
    "cancel": """conflict feature-not-implemented gone internal-server-error item-not-found not-allowed remote-server-not-found
        service-unavailable""",
    "modify": "bad-request jid-malformed not-acceptable policy-violation redirect",
    "wait": "recipient-unavailable remote-server-timeout resource-constraint unexpected-request",
}
# Conditions whose row asks for something else, and why.
OTHER_STEPS = {
    "forbidden": (Recovery.ABANDON, "Who is forbidden has logged in: other credentials are not his to get."),
    "gone": (Recovery.MODIFY, "It comes with the address to use instead; RFC 3920 said modify."),
}
# XEP-0124, XEP-0206 and XEP-0198 take names from RFC 6120 and mean the same by them, but for these.
TAKEN_FROM = {"bosh": ("stream", "stanza"), "sm": ("stanza",)}
MEANS_ANOTHER = {
    ("bosh", "item-not-found"): "A session that is unknown by now: it was lost.",
    ("sm", "not-authorized"): "Nobody has logged in yet, so nobody was rejected.",
}


def taken() -> Iterator[tuple[Entry, Entry]]:
    held = rows.table("xmpp").rows
    for section, others in TAKEN_FROM.items():
        for placed in rows.of("xmpp", section)():
            if (place := next(((other, placed.key) for other in others if (other, placed.key) in held), None)) is not None:
                yield placed, held[place]


def sockets() -> list[Entry]:
    return [row for row in rows.of("transport", "os")() if "POSIX " in row.row.source]


def of_resolvers(code: str) -> Entry:
    return rows.table("transport").rows["dns", code]


def of_xmpp(section: str, key: str) -> Entry:
    return rows.table("xmpp").rows[section, key]


@each("placed", sockets, ids=rows.named)
def test_the_functions_that_a_row_names_can_fail_with_it(placed: Entry) -> None:
    name = placed.key.split()[-1]
    functions = placed.row.source.partition("POSIX ")[2].partition(";")[0].split(", ")

    assert [one for one in functions if one != "errno.h" and name not in FAILS_WITH[one].split()] == []


@each(("code", "reason"), [*RESOLVING.items(), *ANSWERS.items()])
def test_a_code_of_a_resolver_means_what_its_standard_says(code: str, reason: Reason) -> None:
    assert of_resolvers(code).row.reason is reason


@each("code", RESOLVING)
def test_a_code_of_getaddrinfo_is_retried_where_time_alone_can_help(code: str) -> None:
    retried = of_resolvers(code).row.recovery.retryable
    assert retried is (code in TIME_HELPS | TIME_HELPS_ALL_THE_SAME)


@each(("code", "condition"), BY_CODE.items())
def test_a_numeric_code_has_the_reason_of_its_condition(code: str, condition: str) -> None:
    assert of_xmpp("legacy", code).row.reason is of_xmpp("stanza", condition).row.reason


@each(("kind", "condition"), [(kind, name) for kind, names in TYPES.items() for name in names.split()])
def test_the_step_of_a_condition_is_what_its_type_asks_for(kind: str, condition: str) -> None:
    step, _ = OTHER_STEPS.get(condition, (STEPS[kind], ""))

    assert of_xmpp("stanza", condition).row.recovery is step
    assert condition not in OTHER_STEPS or step is not STEPS[kind]


@each(("kind", "step"), STEPS.items())
def test_a_type_asks_for_its_step(kind: str, step: Recovery) -> None:
    assert of_xmpp("type", kind).row.recovery is step


@each(("placed", "like"), taken, ids=rows.named)
def test_a_name_that_was_taken_over_keeps_its_meaning(placed: Entry, like: Entry) -> None:
    assert (placed.row.reason is like.row.reason) is ((placed.section, placed.key) not in MEANS_ANOTHER)


def test_names_were_taken_over() -> None:
    found = {(placed.section, placed.key) for placed, _ in taken()}
    assert len(found) > 15
    assert MEANS_ANOTHER.keys() <= found
